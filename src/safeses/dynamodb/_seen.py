"""
Which events were handled, in a table of DynamoDB that machines share.

Each act is one conditional write, so that of those who race exactly one
changes something. Time is that of the hosts, as DynamoDB tells none: a
mark and a lease end early or late by as much as two clocks differ.
"""

from __future__ import annotations

from secrets import token_hex
from typing import TYPE_CHECKING, Final

import attrs

from safeses._facts import check_seconds, key_of
from safeses.dynamodb._items import (
    LAST_S,
    digest,
    names_in,
    partition,
    ttl_after,
)

if TYPE_CHECKING:
    from safeses.dynamodb._connection import Key, Table

PART: Final = "seen events"
_IS_FREE: Final = "attribute_not_exists(#pk) OR #ends <= :now"
_MAY_HOLD: Final = f"{_IS_FREE} OR #owner = :owner"
_IS_HELD: Final = "#owner = :owner"


@attrs.define(eq=False)
class DynamoDBSeenEvents:
    """
    Which events were handled, in a table shared by all that use it.

    It implements `safeses.typing.SeenEvents`. What is over counts no
    longer, whenever DynamoDB deletes it.

    Attributes:
        table: The table; the parts of a state share one.
        namespace: Whose events they are; none sees another's.
        engine: ``"dynamodb"``.

    Raises:
        StoreError: The table gives no answer.
    """

    table: Table = attrs.field(repr=False)
    namespace: str = attrs.field(default="safeses", kw_only=True)
    engine: str = attrs.field(default="dynamodb", init=False)

    def has(self, event: str, by: str) -> bool:
        """Whether *event* is marked as handled by *by*."""
        item = self.table.get(PART, self._mark_of(event, by))
        return item is not None and float(item["ends"]) > self.table.now()

    def mark(self, event: str, by: str, keep_s: float) -> bool:
        """
        Mark *event* as handled by *by*; of racing marks one is True.

        Raises:
            ConfigurationError: *keep_s* is not finite and above 0.
        """
        check_seconds("keep_s", keep_s)
        pk, sk = self._mark_of(event, by)
        now, token = self.table.now(), token_hex(8)
        tried = self.table.try_put(
            PART,
            {
                "pk": pk,
                "sk": sk,
                "token": token,
                "ends": min(now + keep_s, LAST_S),
                "ttl": ttl_after(self.table, keep_s),
            },
            condition=_IS_FREE,
            names=names_in(_IS_FREE),
            values={":now": now},
            again=True,
        )
        # If the answer was lost, our own may be what is there.
        return tried.done or tried.item.get("token") == token

    def hold(self, event: str, lease_s: float, owner: str) -> bool:
        """
        Take *event* for a while; of racing owners exactly one gets it.

        Raises:
            ConfigurationError: *lease_s* is not finite and above 0.
        """
        check_seconds("lease_s", lease_s)
        pk, sk = self._hold_of(event)
        now, owner_key = self.table.now(), key_of(owner)
        return self.table.put(
            PART,
            {
                "pk": pk,
                "sk": sk,
                "owner": owner_key,
                "ends": min(now + lease_s, LAST_S),
                "ttl": ttl_after(self.table, lease_s),
            },
            condition=_MAY_HOLD,
            names=names_in(_MAY_HOLD),
            values={":now": now, ":owner": owner_key},
            again=True,
        )

    def release(self, event: str, owner: str) -> None:
        """Let go of *event*, unless somebody else holds it by now."""
        self.table.delete(
            PART,
            self._hold_of(event),
            condition=_IS_HELD,
            names=names_in(_IS_HELD),
            values={":owner": key_of(owner)},
            again=True,
        )

    def purge(self) -> int:
        """
        Forget nothing, and say so: DynamoDB deletes what is over.

        It does so within a few days, by the attribute ``ttl``.
        """
        return 0

    def after_fork(self) -> None:
        """Let go of what belongs to the parent; the table stays."""
        self.table.after_fork()

    def close(self) -> None:
        """Nothing to let go of: the table was given."""

    def _mark_of(self, event: str, by: str) -> Key:
        # Neither key holds the end of a line.
        name = f"{key_of(event)}\n{key_of(by)}"
        return partition("seen", self.namespace, digest(event)[:4]), name

    def _hold_of(self, event: str) -> Key:
        spread = digest(event)[:4]
        return partition("held", self.namespace, spread), key_of(event)
