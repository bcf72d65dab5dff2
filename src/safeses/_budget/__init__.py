"""
Wait here, so that SES never has to refuse.

SES counts recipients, not messages (Guide, "Service quotas"): so many in
a second, so many in any 24 h. One `Rate` and one `Quota` for each scope;
time comes only from a `safeses.typing.Clock`. In one process that is its
monotonic time, so no step of the wall clock loses or delays a permit.
"""

from __future__ import annotations

import datetime as dt
import threading
from typing import TYPE_CHECKING, Literal

import attrs

from safeses import _ses
from safeses._budget._quota import BULK_SHARE, Quota
from safeses._budget._rate import Rate
from safeses._outcome import Booked, Later
from safeses._values import Account, Limits
from safeses.errors import QuotaExceededError

if TYPE_CHECKING:
    from safeses._outcome import Admission, Claim
    from safeses.typing import Clock


@attrs.define
class _Scope:
    rate: Rate
    quota: Quota


@attrs.define
class MemoryBudget:
    """
    Rate and quota in this process: shared by its threads only.

    Attributes:
        clock: Where the time comes from.
        burst: Recipients that may go at once after a pause.
        rate_factor: The share of the account's rate to use.
        processes: How many processes share the account evenly.
    """

    clock: Clock
    burst: float = 1.0
    rate_factor: float = 1.0
    processes: int = 1
    _scopes: dict[str, _Scope] = attrs.field(factory=dict, init=False)
    _lock: threading.RLock = attrs.field(factory=threading.RLock, init=False)

    def reserve(self, admission: Admission) -> Booked | Later:
        """Book a slot and charge the quota, both or neither."""
        with self._lock:
            scope = self._scope(admission.scope)
            now = self.clock.monotonic()
            share = BULK_SHARE if admission.priority == "bulk" else 1.0
            if scope.quota.lacks(now, admission.quota_cost, share):
                raise self._exceeded(scope.quota, now, admission, share)
            slot = scope.rate.book(
                now, admission.cost, admission.priority, admission.max_wait_s
            )
            if isinstance(slot, Later):
                return slot
            return Booked(
                wait_s=slot,
                limit_per_s=scope.rate.per_second(now),
                minute=scope.quota.charge(now, admission.quota_cost),
            )

    def give_back(self, claim: Claim) -> None:
        """Return the quota of a message that was certainly not sent."""
        with self._lock:
            quota = self._scope(claim.scope).quota
            quota.give_back(claim.minute, claim.quota_cost)

    def throttled(self, scope: str, by: Literal["rate", "daily"]) -> None:
        """Take note that SES refused: hold everybody back for a while."""
        with self._lock:
            known, now = self._scope(scope), self.clock.monotonic()
            if by == "rate":
                known.rate.lower(now)
            else:
                known.quota.block(now)

    def learn(self, scope: str, known: Account | Limits) -> None:
        """Take over what SES, or the caller, says the scope may send."""
        with self._lock:
            mine = self._scope(scope)
            if isinstance(known, Account):
                rate, day = known.max_send_rate, known.max_24_hour_send
            else:
                rate, day = known.per_second, known.per_day
            if rate > 0:
                mine.rate.account_per_s = self._part(rate)
            mine.quota.per_day = (
                None if day is None or day < 0 else day / self.processes
            )
            if isinstance(known, Account):
                mine.quota.reconcile(
                    self.clock.monotonic(),
                    known.sent_last_24_hours / self.processes,
                )

    def per_second(self, scope: str) -> float:
        """Return the rate in force now, in recipients per second."""
        with self._lock:
            rate = self._scope(scope).rate
            return rate.per_second(self.clock.monotonic())

    def after_fork(self) -> None:
        """Take a new lock: a thread of the parent may hold the old one."""
        self._lock = threading.RLock()

    def _part(self, per_second: float) -> float:
        return per_second * self.rate_factor / self.processes

    def _scope(self, name: str) -> _Scope:
        scope = self._scopes.get(name)
        if scope is None:
            rate = Rate(self._part(_ses.UNKNOWN_RATE_PER_S), self.burst)
            scope = self._scopes[name] = _Scope(rate, Quota())
        return scope

    def _exceeded(
        self, quota: Quota, now: float, admission: Admission, share: float
    ) -> QuotaExceededError:
        cost = admission.quota_cost
        wait_s = max(quota.resume_at(now, cost, share) - now, 0.001)
        resume_at = self.clock.time() + wait_s
        return QuotaExceededError(
            dt.datetime.fromtimestamp(resume_at, dt.timezone.utc),
            share < 1 and not quota.lacks(now, cost),
            wait_s,
            quota.per_day,
        )
