"""
The state of one process: every part in memory.

`ComposedState` is the default way to make a state from parts. An engine
that can do an act in one script implements `safeses.typing.State` itself.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import attrs

from safeses._budget import MemoryBudget
from safeses._clock import SystemClock
from safeses._outcome import (
    Admission,
    Admitted,
    Claim,
    Deferred,
    Later,
    Outcome,
    Rejected,
)
from safeses._values import Account, Limits
from safeses.errors import ConfigurationError, SendingPausedError
from safeses.typing import State

if TYPE_CHECKING:
    from safeses.typing import Budget, Clock, Survives

# A pause that SES has not confirmed for so long may be over: SES decides.
PAUSE_BELIEVED_S: Final = 600.0


@attrs.define
class ComposedState:
    """
    A state made of parts.

    Attributes:
        budget: Rate and quota.
        engine: What holds the facts.
        survives: What they outlive.
        clock: Tells how old they are; its monotonic time never steps.
    """

    budget: Budget
    engine: str = "memory"
    survives: Survives = "nothing"
    clock: Clock = attrs.field(factory=SystemClock, kw_only=True)
    _accounts: dict[str, Account] = attrs.field(factory=dict, init=False)
    _learnt_at: dict[str, float] = attrs.field(factory=dict, init=False)

    def admit(self, admission: Admission) -> Admitted | Later:
        """Refuse an account known to be paused; else book a slot."""
        self._refuse_if_paused(admission.scope)
        booked = self.budget.reserve(admission)
        if isinstance(booked, Later):
            return booked
        claim = Claim(
            tag=admission.tag,
            scope=admission.scope,
            cost=admission.cost,
            quota_cost=admission.quota_cost,
            minute=booked.minute,
        )
        return Admitted(
            claim=claim,
            wait_s=booked.wait_s,
            limit_per_s=booked.limit_per_s,
        )

    def submit(self, claim: Claim) -> None:
        """Nothing to note: this state has no ledger."""

    def settle(self, claim: Claim, outcome: Outcome) -> None:
        """Give back what was not sent; tell the budget of a throttle."""
        if isinstance(outcome, (Deferred, Rejected)):
            self.budget.give_back(claim)
        if isinstance(outcome, Deferred) and outcome.by in {"rate", "daily"}:
            self.budget.throttled(claim.scope, outcome.by)

    def account(self, scope: str) -> Account | None:
        """Return what was last learnt from SES about *scope*."""
        return self._accounts.get(scope)

    def learn(self, scope: str, known: Account | Limits) -> None:
        """Take over what SES, or the caller, says about *scope*."""
        if isinstance(known, Account):
            self._learnt_at[scope] = self.clock.monotonic()
            self._accounts[scope] = known
        self.budget.learn(scope, known)

    def per_second(self, scope: str) -> float:
        """Return the rate in force now, in recipients per second."""
        return self.budget.per_second(scope)

    def after_fork(self) -> None:
        """Drop the parent's locks; keep the facts."""
        self.budget.after_fork()

    def close(self) -> None:
        """Nothing to let go of."""

    def _refuse_if_paused(self, scope: str) -> None:
        account = self._accounts.get(scope)
        if account is None or account.may_send:
            return
        age_s = self.clock.monotonic() - self._learnt_at[scope]
        if age_s < PAUSE_BELIEVED_S:
            raise SendingPausedError(_why_not(account))


def open_state(
    given: State | str | None,
    clock: Clock,
    *,
    processes: int = 1,
    rate_factor: float = 1.0,
) -> tuple[State, bool]:
    """
    Return the state that is meant, and whether nobody named it.

    Args:
        given: A state, its URL, or None for ``SAFESES_STATE`` and, if
            that is not set, the memory of this process.
        clock: Where a memory state gets the time from.
        processes: How many processes a memory state shares with.
        rate_factor: The share of the account's rate to use.

    Raises:
        ConfigurationError: There is no such state.
    """
    if given is None:
        given = os.environ.get("SAFESES_STATE") or None
    implicit = given is None
    if given is None or given == "memory:":
        state = memory_state(
            clock, processes=processes, rate_factor=rate_factor
        )
        return state, implicit
    if isinstance(given, str):
        raise ConfigurationError(
            f"the state {given.partition(':')[0]!r} is not in this version",
            'use "memory:", the memory of this process',
        )
    if not isinstance(given, State):
        raise ConfigurationError(
            f"{type(given).__name__} is not a state",
            "give a URL, or an object that keeps safeses.typing.State",
        )
    if processes != 1:
        raise ConfigurationError(
            "processes= divides the limits of a memory state",
            "leave it out where processes share a state",
        )
    return given, False


def memory_state(
    clock: Clock, *, processes: int = 1, rate_factor: float = 1.0
) -> ComposedState:
    """Return a fresh state that lives and dies with this process."""
    return ComposedState(
        MemoryBudget(clock, rate_factor=rate_factor, processes=processes),
        clock=clock,
    )


def _why_not(account: Account) -> str:
    if account.enforcement_status == "SHUTDOWN":
        return "EnforcementStatus is SHUTDOWN"
    if not account.sending_enabled:
        return "SendingEnabled is false"
    return "MaxSendRate is 0"
