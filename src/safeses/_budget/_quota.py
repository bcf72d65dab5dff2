"""
The rolling 24 h quota as a ring of one-minute counters.

The oldest, partly expired minute counts in full: the ring may refuse a
minute too early, and never lets through more than the quota. (A fixed
day, two weighted counters or a leaky bucket let through up to twice.)
Pure arithmetic; the caller brings the time, on a scale that does not
step, and the lock.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import attrs

from safeses import _ses

MINUTE_S: Final = 60
MINUTES: Final = 24 * 60
DAY_S: Final = MINUTES * MINUTE_S
# Of a quota, bulk mail leaves a tenth to password resets and receipts.
BULK_SHARE: Final = 0.9


@attrs.define
class Quota:
    """
    Recipients in any 24 h for one scope.

    Attributes:
        per_day: The quota; None when unlimited or unknown.
    """

    per_day: float | None = None
    _ring: deque[list[int]] = attrs.field(factory=deque, init=False)
    _total: int = attrs.field(default=0, init=False)
    _elsewhere: float = attrs.field(default=0.0, init=False)
    _reconciled_at: float = attrs.field(default=0.0, init=False)
    _blocked_until: float = attrs.field(default=float("-inf"), init=False)

    def used(self, now: float) -> float:
        """Return what counts now: ours, and what others have sent."""
        self._expire(now)
        return self._total + self._elsewhere

    def lacks(self, now: float, cost: int, share: float = 1.0) -> bool:
        """Whether *cost* more would exceed *share* of the quota."""
        if not cost:
            return False
        if now < self._blocked_until:
            return True
        if self.per_day is None:
            return False
        return self.used(now) + cost > int(self.per_day * share)

    def charge(self, now: float, cost: int) -> int:
        """Count *cost*; return the minute to give it back to."""
        self._expire(now)
        minute = int(now // MINUTE_S)
        if self._ring and self._ring[-1][0] >= minute:
            minute = self._ring[-1][0]
            self._ring[-1][1] += cost
        else:
            self._ring.append([minute, cost])
        self._total += cost
        return minute

    def give_back(self, minute: int, cost: int) -> None:
        """Undo a charge, unless its minute has expired meanwhile."""
        for bucket in reversed(self._ring):
            if bucket[0] == minute:
                returned = min(cost, bucket[1])
                bucket[1] -= returned
                self._total -= returned
                return
            if bucket[0] < minute:
                return

    def reconcile(self, now: float, remote: float) -> None:
        """
        Take over SES's own count.

        What it holds beyond ours was sent elsewhere. SES's count lags,
        so ours is never lowered by it.
        """
        self._expire(now)
        self._elsewhere = max(0.0, remote - self._total)
        self._reconciled_at = now

    def block(self, now: float) -> None:
        """
        Take note that SES says the quota is used up.

        Not for as long as our own minutes need to expire: perhaps it was
        used up elsewhere, and is free again long before.
        """
        self._blocked_until = now + _ses.DAILY_PAUSE_S

    def resume_at(self, now: float, cost: int, share: float = 1.0) -> float:
        """Return when *cost* is expected to fit."""
        at = max(now, self._blocked_until)
        if self.per_day is None:
            return at
        over = self.used(now) + cost - int(self.per_day * share)
        return max(at, self._free_at(now, over))

    def _free_at(self, now: float, need: float) -> float:
        """Return when the oldest minutes that hold *need* have expired."""
        if need <= 0:
            return now
        # Nobody here knows when that which was sent elsewhere expires.
        unknown = now + _ses.DAILY_PAUSE_S
        freed = 0
        for minute, count in self._ring:
            freed += count
            if freed >= need:
                known = float((minute + MINUTES + 1) * MINUTE_S)
                return min(known, unknown) if self._elsewhere else known
        return unknown

    def _expire(self, now: float) -> None:
        oldest = now // MINUTE_S - MINUTES
        while self._ring and self._ring[0][0] < oldest:
            self._total -= self._ring.popleft()[1]
        if self._elsewhere and now - self._reconciled_at > DAY_S:
            self._elsewhere = 0.0
