"""
What was sent in which minute of the last day, in items of their own.

The minute that is counted now stands in the item of the scope, where a
booking adds to it. When it has passed, whoever notices first moves it to
an item of its own, and takes off the total what is a day old. Each move is
one transaction on the condition that nobody else has made it, so that no
recipient is counted twice or forgotten. What nobody took off for days goes
by its TTL, and the total does not wait for it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from safeses._budget._quota import DAY_S, MINUTE_S, MINUTES
from safeses._budget._ring import MemoryRing
from safeses.dynamodb._connection import EPOCH_S, Delete, Update
from safeses.dynamodb._scope_item import (
    PART,
    ScopeItem,
    key,
    minute_key,
    minute_name,
)

if TYPE_CHECKING:
    from safeses.dynamodb._connection import Table, Write
    from safeses.dynamodb._scopes import Scopes
    from safeses.dynamodb._writes import Key

# TransactWriteItems takes a hundred; one of them is the scope's own.
_AT_ONCE: Final = 90
# After so long without mail all minutes are old, by every clock. What they
# held is then forgotten unread, as DynamoDB may have deleted some of them.
_QUIET_S: Final = 2 * DAY_S + 3_600
# Their TTL has passed so long after; that is well after `_QUIET_S`.
_KEPT_S: Final = 3 * DAY_S
# How often a move that others made first is looked at again.
_TRIES: Final = 3


class Minutes:
    """The minutes of all scopes of one table."""

    def __init__(self, table: Table, drift_s: float, scopes: Scopes) -> None:
        """
        Take the table.

        Args:
            table: Where they are.
            drift_s: By how much the clocks of two hosts may differ; a
                minute counts longer by that.
            scopes: How to come by the item of a scope.
        """
        self._table = table
        self._drift_s = drift_s
        self._scopes = scopes

    def number(self, now: float) -> int:
        """Return the number of the minute at *now*."""
        return int(now // MINUTE_S)

    def oldest(self, now: float) -> int:
        """Return the oldest minute that counts at *now*."""
        return int((now - self._drift_s) // MINUTE_S) - MINUTES

    def move_on(self, scope: str, seen: ScopeItem, now: float) -> ScopeItem:
        """
        Begin a new minute, if it is time, and forget what is a day old.

        Returns:
            What is known afterwards.
        """
        for _ in range(_TRIES):
            if not self._is_over(seen, now):
                break
            self._close(scope, seen, now)
            seen = self.read(scope)
        return self.expire(scope, seen, now)

    def expire(self, scope: str, seen: ScopeItem, now: float) -> ScopeItem:
        """Take off the total what is a day old."""
        oldest = self.oldest(now)
        while seen.oldest_no < oldest:
            if self._was_quiet(seen, now):
                self._forget_all(scope, seen, oldest)
                seen = self.read(scope)
                continue
            old = self._table.query(
                PART,
                key(scope)[0],
                between=(
                    minute_name(seen.oldest_no),
                    minute_name(oldest - 1),
                ),
                limit=_AT_ONCE,
            )
            self._forget(scope, seen, old, oldest)
            seen = self.read(scope)
        return seen

    def give_back(self, scope: str, minute: int, count: int) -> None:
        """Take off *minute* what it still holds, *count* at most."""
        for _ in range(_TRIES):
            seen = self._table.try_update(
                PART,
                key(scope),
                "SET used_total = used_total - :n,"
                " minute_used = minute_used - :n",
                condition="minute_no = :minute AND minute_used >= :n",
                values={":n": count, ":minute": minute},
            )
            if seen.done or not seen.item:
                return
            now = ScopeItem.of(seen.item)
            if now.minute_no == minute:
                count = now.minute_used
                if not count:
                    return
                continue
            held = self._table.get(PART, minute_key(scope, minute))
            count = min(count, held["used"] if held else 0)
            if not count or minute < now.oldest_no:
                return
            if self._take_off(scope, minute, count):
                return

    def ring(self, scope: str, seen: ScopeItem) -> MemoryRing:
        """Return all minutes, each as late as it counts, to tell when."""
        ring = MemoryRing()
        later = math.ceil(self._drift_s / MINUTE_S)
        items = self._table.query(
            PART,
            key(scope)[0],
            between=(
                minute_name(seen.oldest_no),
                minute_name(seen.minute_no),
            ),
            limit=2 * MINUTES,
        )
        for item in items:
            minute = int(item["sk"].partition("#")[2])
            ring.charge(minute + later, item["used"])
        if seen.minute_used:
            ring.charge(seen.minute_no + later, seen.minute_used)
        return ring

    def read(self, scope: str) -> ScopeItem:
        """Return what is known of a scope; make its item if need be."""
        return self._scopes.read(scope, self.number(self._table.now()))

    def _is_over(self, seen: ScopeItem, now: float) -> bool:
        """Whether the minute has passed, or lies in times to come."""
        ahead = seen.minute_no * MINUTE_S - now
        far = self._drift_s + MINUTE_S
        return ahead > far or seen.minute_no < self.number(now)

    def _close(self, scope: str, seen: ScopeItem, now: float) -> None:
        number = self.number(now)
        values: dict[str, Any] = {
            ":now": number,
            ":minute": seen.minute_no,
            ":n": seen.minute_used,
        }
        if not seen.minute_used or seen.minute_no > number:
            # Nothing to keep; or a clock was wrong, and what was sent in
            # times to come counts as sent now.
            self._table.update(
                PART,
                key(scope),
                "SET minute_no = :now",
                condition="minute_no = :minute AND minute_used = :n",
                values=values,
            )
            return
        ends_at = EPOCH_S + seen.minute_no * MINUTE_S + _KEPT_S
        scope_item = Update(
            key=key(scope),
            expression="SET minute_no = :now, minute_used = :zero",
            condition="minute_no = :minute AND minute_used = :n",
            values={**values, ":zero": 0},
        )
        minute_item = Update(
            key=minute_key(scope, seen.minute_no),
            expression="SET #ttl = :ttl ADD used :n",
            names={"#ttl": "ttl"},
            values={
                ":ttl": int(ends_at + 2 * self._drift_s),
                ":n": seen.minute_used,
            },
        )
        self._table.transact(PART, [scope_item, minute_item])

    def _was_quiet(self, seen: ScopeItem, now: float) -> bool:
        """Whether nobody has booked for a day, whatever the clock."""
        quiet_s = now - seen.oldest_no * MINUTE_S
        return quiet_s > _QUIET_S + 2 * self._drift_s

    def _forget_all(self, scope: str, seen: ScopeItem, oldest: int) -> None:
        """Count nothing but this minute; the others end by their TTL."""
        self._table.update(
            PART,
            key(scope),
            "SET used_total = minute_used, oldest_no = :oldest",
            condition="oldest_no = :seen",
            values={":oldest": oldest, ":seen": seen.oldest_no},
        )

    def _forget(
        self,
        scope: str,
        seen: ScopeItem,
        old: list[dict[str, Any]],
        oldest: int,
    ) -> None:
        """Remove minutes with what they hold, or find nothing to remove."""
        if len(old) == _AT_ONCE:
            oldest = int(old[-1]["sk"].partition("#")[2]) + 1
        writes: list[Write] = [
            Update(
                key=key(scope),
                expression="SET used_total = used_total - :n,"
                " oldest_no = :oldest",
                condition="oldest_no = :seen",
                values={
                    ":n": sum(item["used"] for item in old),
                    ":oldest": oldest,
                    ":seen": seen.oldest_no,
                },
            )
        ]
        for item in old:
            minute: Key = (item["pk"], item["sk"])
            writes.append(
                Delete(
                    key=minute,
                    condition="used = :n",
                    values={":n": item["used"]},
                )
            )
        self._table.transact(PART, writes)

    def _take_off(self, scope: str, minute: int, count: int) -> bool:
        return self._table.transact(
            PART,
            [
                Update(
                    key=key(scope),
                    expression="SET used_total = used_total - :n",
                    condition="oldest_no <= :minute",
                    values={":n": count, ":minute": minute},
                ),
                Update(
                    key=minute_key(scope, minute),
                    expression="SET used = used - :n",
                    condition="used >= :n",
                    values={":n": count},
                ),
            ],
        )
