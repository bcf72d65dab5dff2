"""
The facts that senders share.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from safeses._job import Found
    from safeses._outcome import Admission, Admitted, Claim, Later, Outcome
    from safeses._values import Account, Limits
    from safeses.typing._facts import Counters, SeenEvents, SoftBounces
    from safeses.typing._parts import Ledger, SuppressionStore

Survives = Literal["nothing", "process", "host", "failover"]


@runtime_checkable
class State(Protocol):
    """
    The facts that senders share, asked in three acts.

    Attributes:
        engine: What holds them, such as ``"memory"``.
        survives: What they outlive.
        suppressions: Who must not be mailed; `admit` asks it.
        ledger: What became of every message; all acts ask it.
        seen: Which events were handled, and by what.
        counters: How many of what happened when.
        soft_bounces: Who bounced lately, and not for good.

    Raises:
        StoreError: No answer, so nothing may be sent.
    """

    engine: str
    survives: Survives
    suppressions: SuppressionStore
    ledger: Ledger
    seen: SeenEvents
    counters: Counters
    soft_bounces: SoftBounces

    def look_up(self, name: str) -> Found | None:
        """Return what is known of a job, by its id; None if nothing."""

    def admit(self, admission: Admission) -> Admitted | Later | Found:
        """
        Screen the recipients, claim the message, reserve a slot.

        All or nothing: what is not admitted has taken neither a slot, nor
        quota, nor the job.

        Returns:
            `Found` if the job is settled, unknown, or somebody else's.
        """

    def submit(self, claim: Claim, timeout_s: float) -> None:
        """
        Note, acknowledged, that the first byte is about to leave.

        Args:
            claim: What `admit` gave.
            timeout_s: The bound on the attempt.

        Raises:
            InFlightError: Another call has claimed the job meanwhile.
        """

    def settle(self, claim: Claim, outcome: Outcome) -> None:
        """Record how the attempt ended; exactly once per claim."""

    def account(self, scope: str) -> Account | None:
        """Return what was last learnt from SES about *scope*."""

    def learn(self, scope: str, known: Account | Limits) -> None:
        """Take over what SES, or the caller, says about *scope*."""

    def per_second(self, scope: str) -> float:
        """Return the rate in force now, in recipients per second."""

    def after_fork(self) -> None:
        """Drop locks and handles of the parent; keep the facts."""

    def close(self) -> None:
        """Let go of every handle; idempotent."""
