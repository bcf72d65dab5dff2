"""
What one message asks of the budget, and the update that books it.

The update is relative where others book as well, so that none of them
makes another's fail: the budget is level later by the length of the
message, whenever that was. Only after a pause it begins anew, now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from safeses._budget._quota import BULK_SHARE
from safeses._budget._rate import (
    ASK_LATE_S,
    BULK_HORIZON_S,
    BULK_HORIZON_SLOTS,
    HORIZON_S,
)
from safeses._outcome import Later
from safeses.dynamodb._scope_item import key
from safeses.dynamodb._timeline import NS_PER_S
from safeses.dynamodb._writes import Update

if TYPE_CHECKING:
    from safeses._outcome import Admission
    from safeses.dynamodb._scope_item import ScopeItem


@attrs.define
class Wish:
    """
    What is to be booked, in the units of the item.

    Attributes:
        admission: Who asks.
        now: The time on the timeline.
        wall: The same moment in seconds since 2025.
        rate: Recipients per second now.
        slot: How long one of them takes.
        credit: By how much it may be early, where a burst is allowed.
        horizon: How far ahead its slot may begin.
        share: The part of the quota that it may use.
    """

    admission: Admission
    now: int
    wall: float
    rate: float
    slot: float
    credit: int
    horizon: int
    share: float

    @classmethod
    def of(
        cls,
        admission: Admission,
        now: int,
        wall: float,
        rate: float,
        burst: float,
    ) -> Wish:
        """Return what *admission* asks at a rate; arguments as above."""
        slot = NS_PER_S / rate
        horizon_s, share = HORIZON_S, 1.0
        if admission.priority == "bulk":
            near = max(BULK_HORIZON_S, BULK_HORIZON_SLOTS / rate)
            horizon_s, share = min(HORIZON_S, near), BULK_SHARE
        return cls(
            admission=admission,
            now=now,
            wall=wall,
            rate=rate,
            slot=slot,
            credit=int((burst - min(admission.cost, burst)) * slot),
            horizon=int(horizon_s * NS_PER_S),
            share=share,
        )

    @property
    def cost(self) -> int:
        """The recipients that count against the rate."""
        return self.admission.cost

    @property
    def quota_cost(self) -> int:
        """The recipients that count against the quota."""
        return self.admission.quota_cost

    def later(self, wait: int) -> Later:
        """Return when to ask again for a slot that is so far ahead."""
        horizon_s = self.horizon / NS_PER_S
        wait_s = wait / NS_PER_S
        return Later(
            ask_in_s=max(wait_s - horizon_s, 0.0) + ASK_LATE_S,
            ready_in_s=wait_s,
            limit_per_s=self.rate,
        )

    def is_too_far(self, wait: int) -> bool:
        """Whether a slot that is so far ahead is not booked yet."""
        return wait > self.horizon or (
            wait / NS_PER_S > self.admission.max_wait_s
        )

    def is_short_of_quota(self, seen: ScopeItem) -> bool:
        """Whether the quota leaves no room for it."""
        if self.wall < seen.blocked_until:
            return True
        return self.quota_cost > seen.room(self.wall, self.share)

    def length(self, more: int) -> int:
        """Return how long it takes, with so many slots taken ahead."""
        return int((self.cost + more) * self.slot)

    def booking(self, seen: ScopeItem, more: int, *, follows: bool) -> Update:
        """
        Return the update that books it, if all is still as it was seen.

        Args:
            seen: What is known of the scope.
            more: How many slots to take ahead.
            follows: Nobody has booked since this process did.
        """
        patience = int(self.admission.max_wait_s * NS_PER_S)
        latest = self.now + self.credit + min(self.horizon, patience)
        values: dict[str, Any] = {
            ":now": self.now,
            ":rev": seen.limits_rev,
            ":cost": self.cost + more,
        }
        if seen.tat >= self.now:
            expression = "SET tat = tat + :length"
            condition = "tat BETWEEN :now AND :latest"
            # What this process has left of its own is nearer than that.
            values[":latest"] = max(latest, seen.tat) if follows else latest
            values[":length"] = self.length(more)
        else:
            expression = "SET tat = :end"
            condition = "tat < :now"
            values[":end"] = self.now + self.length(more)
        expression += ", seen_at = :now, last_cost = :cost"
        condition += " AND limits_rev = :rev"
        charge = self.quota_cost + more
        if charge:
            expression += (
                ", used_total = used_total + :charge,"
                " minute_used = minute_used + :charge"
            )
            condition += " AND minute_no = :minute"
            values |= {":charge": charge, ":minute": seen.minute_no}
            if seen.per_day is not None:
                room = seen.room(self.wall, self.share)
                condition += " AND used_total <= :most"
                values[":most"] = seen.used_total + room - charge
        return Update(
            key=key(self.admission.scope),
            expression=expression,
            condition=condition,
            values=values,
        )

    def booked(self, before: ScopeItem, more: int) -> ScopeItem:
        """Return what `booking` has made of what was there before."""
        charge = self.quota_cost + more
        return attrs.evolve(
            before,
            tat=max(before.tat, self.now) + self.length(more),
            seen_at=self.now,
            last_cost=self.cost + more,
            used_total=before.used_total + charge,
            minute_used=before.minute_used + charge,
        )
