"""
The rolling 24 h quota as a ring of one-minute counters.

The oldest, partly expired minute counts in full: the ring may refuse a
minute too early, and never lets through more than the quota. (A fixed
day, two weighted counters or a leaky bucket let through up to twice.)
Pure arithmetic; the caller brings the lock, and the time on a scale that
does not step, or says when it went back.
"""

from __future__ import annotations

from typing import Final

import attrs

from safeses import _ses
from safeses._budget._ring import MemoryRing, Ring

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
        ring: What we sent, by the minute.
        elsewhere: What others had sent when SES last told.
        reconciled_at: When that was.
        blocked_until: Until when SES is believed to refuse for the day.
    """

    per_day: float | None = None
    ring: Ring = attrs.field(factory=MemoryRing, kw_only=True)
    elsewhere: float = attrs.field(default=0.0, kw_only=True)
    reconciled_at: float = attrs.field(default=0.0, kw_only=True)
    blocked_until: float = attrs.field(default=float("-inf"), kw_only=True)

    def used(self, now: float) -> float:
        """Return what counts now: ours, and what others have sent."""
        self._expire(now)
        return self.ring.total + self.elsewhere

    def lacks(self, now: float, cost: int, share: float = 1.0) -> bool:
        """Whether *cost* more would exceed *share* of the quota."""
        if not cost:
            return False
        if now < self.blocked_until:
            return True
        if self.per_day is None:
            return False
        return self.used(now) + cost > int(self.per_day * share)

    def charge(self, now: float, cost: int) -> int:
        """Count *cost*; return the minute to give it back to."""
        self._expire(now)
        return self.ring.charge(int(now // MINUTE_S), cost)

    def give_back(self, minute: int, cost: int) -> None:
        """Undo a charge, unless its minute has expired meanwhile."""
        self.ring.give_back(minute, cost)

    def reconcile(self, now: float, remote: float) -> None:
        """
        Take over SES's own count.

        What it holds beyond ours was sent elsewhere. SES's count lags,
        so ours is never lowered by it.
        """
        self._expire(now)
        self.elsewhere = max(0.0, remote - self.ring.total)
        self.reconciled_at = now

    def block(self, now: float) -> None:
        """
        Take note that SES says the quota is used up.

        Not for as long as our own minutes need to expire: perhaps it was
        used up elsewhere, and is free again long before.
        """
        self.blocked_until = now + _ses.DAILY_PAUSE_S

    def resume_at(self, now: float, cost: int, share: float = 1.0) -> float:
        """Return when *cost* is expected to fit."""
        at = max(now, self.blocked_until)
        if self.per_day is None:
            return at
        over = self.used(now) + cost - int(self.per_day * share)
        return max(at, self._free_at(now, over))

    def heal(self, now: float) -> None:
        """
        Take note that the time went back to *now*.

        What was sent in times to come counts as sent now, so that none
        of it is forgotten and all of it expires a day from now.
        """
        pause_ends_at = now + _ses.DAILY_PAUSE_S
        self.blocked_until = min(self.blocked_until, pause_ends_at)
        self.reconciled_at = min(self.reconciled_at, now)
        self.ring.fold(int(now // MINUTE_S))

    def _free_at(self, now: float, need: float) -> float:
        """Return when the oldest minutes that hold *need* have expired."""
        if need <= 0:
            return now
        # Nobody here knows when that which was sent elsewhere expires.
        unknown = now + _ses.DAILY_PAUSE_S
        minute = self.ring.minute_that_frees(need)
        if minute is None:
            return unknown
        known = float((minute + MINUTES + 1) * MINUTE_S)
        return min(known, unknown) if self.elsewhere else known

    def _expire(self, now: float) -> None:
        self.ring.expire(int(now // MINUTE_S) - MINUTES)
        if self.elsewhere and now - self.reconciled_at > DAY_S:
            self.elsewhere = 0.0
