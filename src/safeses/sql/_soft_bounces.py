"""
Who bounced lately, and not for good, in a database that processes share.

A bounce is noted and counted in one transaction, in which nobody else adds
to the same address: so of those who race to a limit one sees it reached.
Who has nothing to clear only reads.
"""

from __future__ import annotations

import json
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import attrs

from safeses._facts import check_instant, key_of
from safeses._soft_bounces import FORGET_EVERY, MOST_OF_ONE, oldest_kept
from safeses.sql._part import SqlPart
from safeses.sql._statements import statements

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from safeses.sql._transaction import Transaction

SQL: Final = statements("soft_bounces.sql")
PART: Final = "soft bounces"
# A statement has to end in time, so that none forgets more.
_FORGOTTEN_AT_ONCE: Final = 1_000
# So many more of one address may be there, as to find the oldest of them
# each time would take longer than all the rest.
_SURPLUS: Final = 100
_ADDRESSES_AT_ONCE: Final = 500


@attrs.define(eq=False)
class SqlSoftBounces(SqlPart):
    """
    Who bounced lately, in a database shared by all that use it.

    It implements `safeses.typing.SoftBounces`. What is older than 31 days
    goes by itself, in every namespace.

    Attributes:
        database: Where it is, or its URL.
        namespace: Whose addresses they are; none sees another's.
        engine: Which database it is, such as ``"postgresql"``.

    Raises:
        StoreError: The database gives no answer.
    """

    namespace: str = attrs.field(default="safeses", kw_only=True)
    _scope: str = attrs.field(init=False, repr=False)
    _calls: Iterator[int] = attrs.field(factory=count, init=False, repr=False)

    @_scope.default
    def _scope_of_namespace(self) -> str:
        return key_of(self.namespace)

    def add(self, address: str, event: str, at: float, since: float) -> int:
        """
        Note a bounce; return how many of *address* there are since *since*.

        Raises:
            ConfigurationError: *at* or *since* is no instant.
        """
        check_instant("at", at)
        check_instant("since", since)
        if not next(self._calls) % FORGET_EVERY:
            self._forget_some(oldest_kept(at, self.database.wall()))
        values = {
            "namespace": self._scope,
            "address": key_of(address),
            "event": key_of(event),
            "happened_at": at,
            "since": since,
        }
        # The same event counts once, so that it may be told again.
        return self.database.in_transaction(
            PART, lambda transaction: _add(transaction, values), again=True
        )

    def count(self, address: str, since: float) -> int:
        """
        Return how many bounces of *address* there are since *since*.

        Raises:
            ConfigurationError: *since* is no instant.
        """
        check_instant("since", since)
        values = {
            "namespace": self._scope,
            "address": key_of(address),
            "since": since,
        }
        [[number]] = self.database.rows(PART, SQL.count, values, again=True)
        return int(number)

    def clear(self, addresses: Sequence[str], until: float) -> None:
        """
        Forget the bounces of *addresses* up to *until*, itself included.

        It writes only if there are any.

        Raises:
            ConfigurationError: *until* is no instant.
        """
        check_instant("until", until)
        keys = [*dict.fromkeys(map(key_of, addresses))]
        for start in range(0, len(keys), _ADDRESSES_AT_ONCE):
            chunk = keys[start : start + _ADDRESSES_AT_ONCE]
            values = {
                "namespace": self._scope,
                "addresses": json.dumps(chunk),
                "until": until,
            }
            if self.database.rows(PART, SQL.has, values, again=True):
                self.database.execute(PART, SQL.clear, values, again=True)

    def forget(self, before: float) -> None:
        """
        Forget all of this namespace that happened before.

        It takes many short transactions, between which others write.

        Raises:
            ConfigurationError: *before* is no instant.
        """
        check_instant("before", before)
        values = {
            "namespace": self._scope,
            "before": before,
            "most": _FORGOTTEN_AT_ONCE,
        }
        while (
            self.database.execute(PART, SQL.forget, values)
            == _FORGOTTEN_AT_ONCE
        ):
            pass

    def _forget_some(self, oldest: float) -> None:
        values = {"before": oldest, "most": _FORGOTTEN_AT_ONCE}
        self.database.execute(
            PART, SQL.forget_everywhere, values, is_durable=False
        )


def _add(transaction: Transaction, values: dict[str, Any]) -> int:
    transaction.execute(SQL.lock, values)
    transaction.execute(SQL.add, values)
    [[kept, number]] = transaction.rows(SQL.both, values)
    if kept >= MOST_OF_ONE + _SURPLUS:
        surplus = {**values, "surplus": kept - MOST_OF_ONE}
        transaction.execute(SQL.drop_oldest, surplus)
        [[_, number]] = transaction.rows(SQL.both, values)
    return int(number)
