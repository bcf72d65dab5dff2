"""
The rules of a budget for one scope, wherever its facts are kept.

Pure arithmetic; the caller brings the time, and sees to it that nobody
else holds the same facts meanwhile.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Literal

import attrs

from safeses._budget._quota import BULK_SHARE
from safeses._outcome import Booked, Later
from safeses._values import Account
from safeses.errors import QuotaExceededError

if TYPE_CHECKING:
    from safeses._budget._quota import Quota
    from safeses._budget._rate import Rate
    from safeses._outcome import Admission
    from safeses._values import Limits


@attrs.define
class Scope:
    """
    What one account may send in one region.

    Attributes:
        rate: Recipients per second.
        quota: Recipients in any 24 h.
    """

    rate: Rate
    quota: Quota

    def reserve(
        self, now: float, admission: Admission
    ) -> Booked | Later | None:
        """
        Book a slot and charge the quota, both or neither.

        Returns:
            None when the quota leaves no room; `refusal` tells more.
        """
        share = _share(admission)
        if self.quota.lacks(now, admission.quota_cost, share):
            return None
        slot = self.rate.book(
            now, admission.cost, admission.priority, admission.max_wait_s
        )
        if isinstance(slot, Later):
            return slot
        return Booked(
            wait_s=slot,
            limit_per_s=self.rate.per_second(now),
            minute=self.quota.charge(now, admission.quota_cost),
        )

    def refusal(
        self, now: float, wall: float, admission: Admission
    ) -> QuotaExceededError:
        """
        Return what to raise when the quota leaves no room.

        Args:
            now: The time that the budget goes by.
            wall: The same moment in seconds since 1970, UTC.
            admission: What was refused.
        """
        cost, share = admission.quota_cost, _share(admission)
        wait_s = max(self.quota.resume_at(now, cost, share) - now, 0.001)
        return QuotaExceededError(
            dt.datetime.fromtimestamp(wall + wait_s, dt.timezone.utc),
            share < 1 and not self.quota.lacks(now, cost),
            wait_s,
            self.quota.per_day,
        )

    def throttled(self, now: float, by: Literal["rate", "daily"]) -> None:
        """Take note that SES refused: hold everybody back for a while."""
        if by == "rate":
            self.rate.lower(now)
        else:
            self.quota.block(now)

    def learn(
        self, now: float, known: Account | Limits, *, processes: int = 1
    ) -> None:
        """
        Take over what SES, or the caller, says the scope may send.

        Args:
            now: The time that the budget goes by.
            known: What is said of the whole account.
            processes: How many budgets like this one divide its quota.
        """
        if isinstance(known, Account):
            rate, day = known.max_send_rate, known.max_24_hour_send
        else:
            rate, day = known.per_second, known.per_day
        if rate > 0:
            self.rate.account_per_s = rate
        self.quota.per_day = (
            None if day is None or day < 0 else day / processes
        )
        if isinstance(known, Account):
            self.quota.reconcile(now, known.sent_last_24_hours / processes)

    def heal(self, now: float) -> None:
        """Take note that the time went back to *now*."""
        self.rate.heal(now)
        self.quota.heal(now)


def _share(admission: Admission) -> float:
    return BULK_SHARE if admission.priority == "bulk" else 1.0
