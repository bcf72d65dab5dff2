"""
What one process knows of a scope, and the slots it took ahead.
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import attrs

from safeses._outcome import Booked, Later
from safeses.dynamodb._lease import Lease
from safeses.dynamodb._scope_item import PART
from safeses.dynamodb._timeline import NS_PER_S, Timeline
from safeses.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from safeses.dynamodb._booking import Wish
    from safeses.dynamodb._connection import Table
    from safeses.dynamodb._scope_item import ScopeItem

# So many time-outs of a call a thread waits for others of its process.
_PATIENCE: Final = 4


@attrs.define(eq=False)
class Local:
    """
    What is known of one scope; the parent's is not a child's.

    Attributes:
        timeline: The time of its slots.
        seen: What its item said when it was last seen.
        read_at: When that was, by the clock that never steps.
        lock: Held by the one thread that acts on it.
        lease: The slots that were taken ahead.
    """

    timeline: Timeline
    seen: ScopeItem | None = None
    read_at: float = float("-inf")
    lock: threading.RLock = attrs.field(factory=threading.RLock)
    lease: Lease | None = None

    def note(self, seen: ScopeItem) -> None:
        """Take note of what the item says."""
        self.seen = seen
        self.read_at = self.timeline.table.clock.monotonic()
        self.timeline.saw(seen.seen_at)

    def from_lease(self, wish: Wish, minute: int) -> Booked | Later | None:
        """
        Book a slot that was taken ahead, if there is one.

        Args:
            wish: What is to be booked.
            minute: The number of the minute now.
        """
        lease, seen = self.lease, self.seen
        if lease is None or seen is None:
            return None
        if (
            not lease.fits(wish.now, wish.cost, wish.quota_cost)
            or minute > lease.minute
            or (wish.quota_cost and wish.wall < seen.blocked_until)
        ):
            return None
        wait = lease.begin(wish.now) - wish.now
        if wish.is_too_far(wait):
            return wish.later(wait)
        lease.take(wish.now, wish.cost, wish.quota_cost)
        return Booked(
            wait_s=wait / NS_PER_S,
            limit_per_s=wish.rate,
            minute=lease.minute,
        )

    def lease_out(
        self, found: ScopeItem, wish: Wish, began: int, more: int
    ) -> tuple[int, Lease | None]:
        """
        Take over slots that were booked.

        Args:
            found: The item after the booking.
            wish: What was booked.
            began: When the first of the slots begins.
            more: How many were booked beyond those of the wish.

        Returns:
            When the slots of the wish begin; and what was taken ahead
            before, if it is nobody's now.
        """
        lease, left = self.lease, None
        if (
            lease is not None
            and lease.end == began
            and lease.minute == found.minute_no
        ):
            lease.end, lease.slot = found.tat, wish.slot
        else:
            left = lease
            lease = Lease(began, found.tat, wish.slot, found.minute_no)
            self.lease = lease
        lease.spare += wish.quota_cost + more
        return lease.take(wish.now, wish.cost, wish.quota_cost), left


@attrs.define(eq=False)
class Locals:
    """
    What this process knows of all scopes.

    Attributes:
        table: Where the facts are.
        drift_s: By how much the clocks of two hosts may differ.
    """

    table: Table
    drift_s: float
    _known: dict[tuple[int, str], Local] = attrs.field(
        factory=dict, init=False
    )

    @contextmanager
    def of(self, scope: str) -> Iterator[Local]:
        """
        Let one thread at a time act on what is known of a scope.

        Raises:
            StoreError: Others wait for the table too long.
        """
        name = os.getpid(), scope
        local = self._known.get(name)
        if local is None:
            fresh = Local(Timeline(self.table, self.drift_s))
            local = self._known.setdefault(name, fresh)
        if not local.lock.acquire(timeout=_PATIENCE * self.table.timeout_s):
            raise StoreError(
                PART,
                self.table.engine,
                "other threads of this process wait for it as well",
            )
        try:
            yield local
        finally:
            local.lock.release()

    def after_fork(self) -> None:
        """Leave what the parent had taken ahead to the parent."""
        self._known.clear()
