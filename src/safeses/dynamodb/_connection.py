"""
The one place that talks to DynamoDB: a table of items with two keys.

Every call is bounded: the time-outs of its connection, none of boto3's
own retries, and a circuit that spares the next calls when none was
answered. What is certain to be harmless is asked once more: a read, and
a write that was throttled or that says it may be repeated.

Everything about the table was seen against a local server that speaks its
protocol. How fast the real one answers was not.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final, Literal

import attrs

from safeses._clock import SystemClock
from safeses._facts import check_seconds
from safeses.dynamodb._asking import ENGINE, PAUSE_S, Asker
from safeses.dynamodb._handle import Handle
from safeses.dynamodb._numbers import item_from_wire
from safeses.dynamodb._problems import (
    CANCELED,
    CONDITION_FAILED,
    IN_PROGRESS,
    MISSING,
    PASSING_REASONS,
    THROTTLE_REASONS,
    UNMET,
    reasons_of,
)
from safeses.dynamodb._reader import Reader
from safeses.dynamodb._writes import (
    Check,
    Delete,
    Key,
    Put,
    Tried,
    Update,
    Write,
)
from safeses.errors import ConfigurationError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from botocore.client import BaseClient

    from safeses.typing import Clock

__all__ = [
    "EPOCH_S",
    "Check",
    "Delete",
    "Key",
    "Put",
    "Table",
    "Tried",
    "Update",
    "Write",
]

# 2025-01-01 UTC: small numbers keep microseconds exact.
EPOCH_S: Final = 1_735_689_600.0
# Rounds for transactions that collide.
ROUNDS: Final = 4
_NOTHING: Final[Mapping[str, Any]] = {}
_PARTS: Final = {
    Put: "Put",
    Update: "Update",
    Delete: "Delete",
    Check: "ConditionCheck",
}


class Table(Reader):
    """
    One table of DynamoDB; threads and forked processes may share it.

    Its partition key is ``pk`` and its sort key ``sk``, both strings. What
    may vanish carries ``ttl``, in seconds since 1970. Items are plain
    dicts of strings, numbers, bytes, booleans, None, lists and dicts.

    Attributes:
        engine: ``"dynamodb"``.
        name: The name of the table.
        clock: The time of this host; the engine has none to ask for.
        timeout_s: Bounds each wait for an answer.

    Raises:
        StoreError: DynamoDB did not answer, or refused.
        ConfigurationError: boto3 makes no client.
    """

    engine: Final = ENGINE
    name: str
    clock: Clock
    timeout_s: float

    def __init__(
        self,
        name: str,
        *,
        region: str | None = None,
        endpoint_url: str | None = None,
        client: BaseClient | Callable[[], BaseClient] | None = None,
        clock: Clock | None = None,
        timeout_s: float = 1.0,
    ) -> None:
        """
        Take the name; nothing is asked before the first use.

        Args:
            name: The name of the table.
            region: Its region; None leaves it to boto3.
            endpoint_url: Another server that speaks the protocol.
            client: boto3's client for DynamoDB, or what makes one; it
                keeps its own time-outs and retries. A client cannot be
                used after a fork; what makes one can.
            clock: Where the time comes from.
            timeout_s: Bounds connecting, and each wait for an answer.
        """
        check_seconds("timeout_s", timeout_s)
        if not name:
            raise ConfigurationError(
                "the table has no name",
                'use one such as "dynamodb://safeses?region=eu-west-1"',
            )
        self.name = name
        self.clock = SystemClock() if clock is None else clock
        self.timeout_s = timeout_s
        self._is_known = False
        self._asker = Asker(
            name,
            self.clock,
            timeout_s,
            Handle(region, endpoint_url, client, timeout_s),
        )

    def __repr__(self) -> str:
        """Name the table, and nothing of how it is reached."""
        return f"Table({self.name!r})"

    def now(self) -> float:
        """Return the seconds since 2025 by the clock of this host."""
        return self.clock.time() - EPOCH_S

    def wall(self) -> float:
        """Return the seconds since 1970 by the clock of this host."""
        return self.clock.time()

    def put(
        self,
        part: str,
        item: Mapping[str, Any],
        *,
        condition: str = "",
        names: Mapping[str, str] = _NOTHING,
        values: Mapping[str, Any] = _NOTHING,
        again: bool = False,
    ) -> bool:
        """
        Write a whole item, which names its ``pk`` and ``sk``.

        Args:
            part: Who asks, for errors.
            item: The item.
            condition: What must hold of the item that is there.
            names: What stands for names in the condition.
            values: What stands for values in the condition.
            again: It may be repeated when a connection was lost: to write
                it twice is the same, and the condition then still holds.

        Returns:
            False if the condition did not hold; nothing was written.
        """
        return self.try_put(
            part,
            item,
            condition=condition,
            names=names,
            values=values,
            again=again,
        ).done

    def try_put(
        self,
        part: str,
        item: Mapping[str, Any],
        *,
        condition: str = "",
        names: Mapping[str, str] = _NOTHING,
        values: Mapping[str, Any] = _NOTHING,
        again: bool = False,
    ) -> Tried:
        """Do what `put` does, and tell what was there if it was not done."""
        put = Put(item=item, condition=condition, names=names, values=values)
        request = put.request(self.name)
        tried = self._conditional(part, "PutItem", request, again=again)
        return attrs.evolve(tried, item=dict(item)) if tried.done else tried

    def update(
        self,
        part: str,
        key: Key,
        expression: str,
        *,
        condition: str = "",
        names: Mapping[str, str] = _NOTHING,
        values: Mapping[str, Any] = _NOTHING,
        give: Literal["none", "new", "old"] = "none",
        again: bool = False,
    ) -> dict[str, Any] | None:
        """
        Change the item of *key*, or make it.

        Args:
            part: Who asks, for errors.
            key: Which item.
            expression: An update expression.
            condition: What must hold of the item.
            names: What stands for names in both.
            values: What stands for values in both.
            give: Which item to return: none, as it is after, or as it
                was before.
            again: As of `put`.

        Returns:
            The item, empty for ``"none"``; None if the condition did not
            hold and nothing was changed.
        """
        tried = self.try_update(
            part,
            key,
            expression,
            condition=condition,
            names=names,
            values=values,
            give=give,
            again=again,
        )
        return tried.item if tried.done else None

    def try_update(
        self,
        part: str,
        key: Key,
        expression: str,
        *,
        condition: str = "",
        names: Mapping[str, str] = _NOTHING,
        values: Mapping[str, Any] = _NOTHING,
        give: Literal["none", "new", "old"] = "new",
        again: bool = False,
    ) -> Tried:
        """Do what `update` does, and tell what was there if it was not."""
        update = Update(
            key=key,
            expression=expression,
            condition=condition,
            names=names,
            values=values,
        )
        gives = {"none": "NONE", "new": "ALL_NEW", "old": "ALL_OLD"}[give]
        request = {**update.request(self.name), "ReturnValues": gives}
        return self._conditional(part, "UpdateItem", request, again=again)

    def delete(
        self,
        part: str,
        key: Key,
        *,
        condition: str = "",
        names: Mapping[str, str] = _NOTHING,
        values: Mapping[str, Any] = _NOTHING,
        again: bool = False,
    ) -> bool:
        """
        Remove the item of *key*; arguments as of `put`.

        Returns:
            False if the condition did not hold. Without one, whether
            there was an item.
        """
        delete = Delete(
            key=key, condition=condition, names=names, values=values
        )
        request = {**delete.request(self.name), "ReturnValues": "ALL_OLD"}
        tried = self._conditional(part, "DeleteItem", request, again=again)
        return tried.done and (bool(condition) or bool(tried.item))

    def transact(self, part: str, writes: Sequence[Write]) -> bool:
        """
        Do all of the writes, or none; a hundred at most.

        Returns:
            False if the condition of one of them did not hold.

        Raises:
            StoreError: No answer, or others changed the same items at
                the same time again and again.
        """
        items = [{_PARTS[type(w)]: w.request(self.name)} for w in writes]
        token, problem = "", "others change the same items all the time"
        for round_number in range(ROUNDS):
            if round_number:
                self.clock.sleep(PAUSE_S * round_number)
            token = token or secrets.token_hex(16)
            # By its token, a transaction is done only once.
            answer, code = self._ask(
                part,
                "TransactWriteItems",
                {"TransactItems": items, "ClientRequestToken": token},
                again=True,
                expected=(CANCELED, IN_PROGRESS),
            )
            if not code:
                return True
            if code == CANCELED:
                token, reasons = "", reasons_of(answer)
                if UNMET in reasons:
                    return False
                others = reasons - PASSING_REASONS
                if others:
                    names = ", ".join(sorted(others))
                    problem = f"it refused a transaction ({names})"
                    raise StoreError(part, self.engine, problem)
                if reasons & THROTTLE_REASONS:
                    problem = f"the table {self.name!r} is throttled"
        raise StoreError(part, self.engine, problem)

    def call(
        self,
        part: str,
        operation: str,
        *,
        again: bool = False,
        **request: Any,
    ) -> dict[str, Any]:
        """
        Call an action on the table itself, such as ``"CreateTable"``.

        Args:
            part: Who asks, for errors.
            operation: The action, as the API reference names it.
            again: It may be repeated when a connection was lost.
            **request: Its parameters.
        """
        return self._asker.ask(part, operation, request, again=again)[0]

    def described(self) -> dict[str, Any] | None:
        """Return what DynamoDB says of the table, None if it has none."""
        answer, missing = self._asker.ask(
            "state",
            "DescribeTable",
            {"TableName": self.name},
            again=True,
            expected=(MISSING,),
        )
        return None if missing else answer["Table"]

    def after_fork(self) -> None:
        """Leave the parent's connections alone."""
        self._asker.after_fork()

    def close(self) -> None:
        """Close the connections; idempotent. A later use opens others."""
        self._asker.handle.close()

    def _conditional(
        self,
        part: str,
        operation: str,
        request: dict[str, Any],
        *,
        again: bool,
    ) -> Tried:
        """Write if a condition holds, else tell what is there."""
        if "ConditionExpression" in request:
            request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        answer, code = self._ask(
            part,
            operation,
            request,
            again=again,
            expected=(CONDITION_FAILED,),
        )
        item = answer.get("Item" if code else "Attributes")
        return Tried(not code, item_from_wire(item or _NOTHING))
