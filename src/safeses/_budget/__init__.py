"""
Wait here, so that SES never has to refuse.

SES counts recipients, not messages (Guide, "Service quotas"): so many in
a second, so many in any 24 h. One `Rate` and one `Quota` for each scope;
time comes only from a `safeses.typing.Clock`. In one process that is its
monotonic time, so no step of the wall clock loses or delays a permit.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Literal

import attrs

from safeses import _ses
from safeses._budget._quota import Quota
from safeses._budget._rate import Rate
from safeses._budget._scope import Scope

if TYPE_CHECKING:
    from safeses._outcome import Admission, Booked, Claim, Later
    from safeses._values import Account, Limits
    from safeses.typing import Clock


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
    _scopes: dict[str, Scope] = attrs.field(factory=dict, init=False)
    _lock: threading.RLock = attrs.field(factory=threading.RLock, init=False)

    def reserve(self, admission: Admission) -> Booked | Later:
        """Book a slot and charge the quota, both or neither."""
        with self._lock:
            scope = self._scope(admission.scope)
            now = self.clock.monotonic()
            booked = scope.reserve(now, admission)
            if booked is None:
                raise scope.refusal(now, self.clock.time(), admission)
            return booked

    def give_back(self, claim: Claim) -> None:
        """Return the quota of a message that was certainly not sent."""
        with self._lock:
            quota = self._scope(claim.scope).quota
            quota.give_back(claim.minute, claim.quota_cost)

    def throttled(self, scope: str, by: Literal["rate", "daily"]) -> None:
        """Take note that SES refused: hold everybody back for a while."""
        with self._lock:
            self._scope(scope).throttled(self.clock.monotonic(), by)

    def learn(self, scope: str, known: Account | Limits) -> None:
        """Take over what SES, or the caller, says the scope may send."""
        with self._lock:
            now = self.clock.monotonic()
            self._scope(scope).learn(now, known, processes=self.processes)

    def per_second(self, scope: str) -> float:
        """Return the rate in force now, in recipients per second."""
        with self._lock:
            rate = self._scope(scope).rate
            return rate.per_second(self.clock.monotonic())

    def after_fork(self) -> None:
        """Take a new lock: a thread of the parent may hold the old one."""
        self._lock = threading.RLock()

    def _scope(self, name: str) -> Scope:
        scope = self._scopes.get(name)
        if scope is None:
            part = self.rate_factor / self.processes
            rate = Rate(_ses.UNKNOWN_RATE_PER_S, self.burst, part=part)
            scope = self._scopes[name] = Scope(rate, Quota())
        return scope
