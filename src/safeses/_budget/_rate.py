"""
The send rate as one number: the time at which the budget is level again.

This is GCRA, the leaky bucket without a bucket: `tat`, the theoretical
arrival time, moves by one slot per recipient. A message larger than the
burst goes when the bucket is full and leaves a debt, as SES does it.
Pure arithmetic; the caller brings the time and the lock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from safeses._outcome import Later

if TYPE_CHECKING:
    from safeses._values import Priority

# A slot further ahead would be held through a change of the rate, and
# lost with the process that holds it.
HORIZON_S: Final = 0.5
# Bulk books less far, so that other mail finds the next slots free.
BULK_HORIZON_S: Final = 0.05
BULK_HORIZON_SLOTS: Final = 2
# Asking a moment late loses nothing, as slots are booked ahead; asking a
# rounding error early is asking twice.
ASK_LATE_S: Final = 0.001
# After a 429: everybody pauses, the rate is halved, and comes back by a
# tenth of the account's rate per second. Once a second at most: sixteen
# answers in flight must not lower it to 2^-16.
PAUSE_S: Final = 0.5
LOWER_BY: Final = 0.5
RECOVER_PER_S: Final = 0.1
LOWER_EVERY_S: Final = 1.0


@attrs.define
class Rate:
    """
    Recipients per second for one scope.

    Attributes:
        account_per_s: What the account may send.
        burst: How many recipients may go at once after a pause. 1 keeps
            every one-second window within the rate plus one message.
        part: How much of the account's rate to use, above 0 to 1.
        tat: When the budget is level again.
        last_cost: The recipients of the last message granted.
        share: What the last 429 left of the rate, above 0 to 1.
        lowered_at: When that was.
    """

    account_per_s: float
    burst: float = 1.0
    part: float = attrs.field(default=1.0, kw_only=True)
    tat: float = attrs.field(default=float("-inf"), kw_only=True)
    last_cost: float = attrs.field(default=0.0, kw_only=True)
    share: float = attrs.field(default=1.0, kw_only=True)
    lowered_at: float = attrs.field(default=float("-inf"), kw_only=True)

    def per_second(self, now: float) -> float:
        """Return the rate in force, lower for a while after a 429."""
        if self.share < 1:
            recovered = RECOVER_PER_S * max(0.0, now - self.lowered_at)
            if self.share + recovered < 1:
                lowered = self.share + recovered
                return self.account_per_s * self.part * lowered
            self.share = 1.0
        return self.account_per_s * self.part

    def book(
        self, now: float, cost: int, priority: Priority, max_wait_s: float
    ) -> float | Later:
        """
        Take the next slot, if it is near enough.

        Returns:
            The seconds until the slot begins, or when to ask again.
        """
        rate = self.per_second(now)
        slot_s = 1 / rate
        # Nothing that is still owed lies further ahead: what does was
        # booked at a slower rate, or by a clock that stepped.
        farthest_s = HORIZON_S + (self.burst + self.last_cost) * slot_s
        tat = self.tat = min(self.tat, now + farthest_s)
        credit = (self.burst - min(cost, self.burst)) * slot_s
        wait_s = max(0.0, tat - credit - now)
        horizon_s = HORIZON_S
        if priority == "bulk":
            near = max(BULK_HORIZON_S, BULK_HORIZON_SLOTS * slot_s)
            horizon_s = min(HORIZON_S, near)
        if wait_s > horizon_s or wait_s > max_wait_s:
            return Later(
                ask_in_s=max(wait_s - horizon_s, 0.0) + ASK_LATE_S,
                ready_in_s=wait_s,
                limit_per_s=rate,
            )
        self.last_cost = cost
        self.tat = max(tat, now) + cost * slot_s
        return wait_s

    def lower(self, now: float) -> None:
        """Take note of a 429: pause everybody, then go slower."""
        if now - self.lowered_at < LOWER_EVERY_S:
            return
        rate = self.per_second(now)
        self.share = rate / (self.account_per_s * self.part) * LOWER_BY
        self.lowered_at = now
        self.tat = max(self.tat, now + max(PAUSE_S, 1 / rate))

    def heal(self, now: float) -> None:
        """
        Take note that the time went back to *now*.

        A rate that was lowered in times to come recovers from now on.
        `book` itself forgets what is owed too far ahead.
        """
        self.lowered_at = min(self.lowered_at, now)
