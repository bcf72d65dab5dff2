"""
The exact log of one message: what a ledger must know of it, and when.

It is told in other words than a ledger's: not as a state that changes,
but as a list of attempts, from which the state follows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from safeses.testing._contracts._ledger_desk import (
    DAY_S,
    GRACE_S,
    MINUTE_S,
    PAYLOAD,
)

if TYPE_CHECKING:
    from safeses._job import Job
    from safeses._outcome import Claim
    from safeses.testing._contracts._ledger_desk import Desk

# A minute less than a day: when exactly does not matter.
_KEPT_S: Final = {
    "accepted": 14 * DAY_S,
    "rejected": 14 * DAY_S,
    "deferred": DAY_S - MINUTE_S,
}
_GONE_S: Final = 15 * DAY_S
# Events of mail that was sent so soon after an attempt prove something.
_PROOF_S: Final = 4 * MINUTE_S


@attrs.define(eq=False)
class Attempt:
    """
    One claim and what became of it.

    Attributes:
        claim: What its caller holds.
        lease_ends: When it must have ended.
        submitted_at: When its first byte was about to leave.
        ended: ``"unknown"``, ``"refused"``, ``"final"``, or ``""``.
        ended_at: When that was recorded.
    """

    claim: Claim
    lease_ends: float
    submitted_at: float | None = None
    ended: str = ""
    ended_at: float = 0.0

    def is_live(self, now: float) -> bool:
        """Tell whether its caller may be at work."""
        return not self.ended and now < self.lease_ends

    @property
    def is_doubtful(self) -> bool:
        """Whether SES may have accepted it, once it is over."""
        if self.ended:
            return self.ended == "unknown"
        return self.submitted_at is not None


@attrs.define(eq=False)
class Story:
    """
    Everything that has happened to one job.

    Attributes:
        desk: Asks the ledger about it.
        is_keyed: Whether it has a key.
        attempts: All of them, as far as the ledger remembers the job.
        hands: Claims that callers hold, also when they are stale.
        pardoned: How many attempts a person has said sent nothing.
        pardoned_at: When that was.
        ids: Every message id that was reported.
        accepted_at: When the first of them was.
        is_told: Whether its outcome was known once, without a key.
        payload: What it was first sent with, perhaps.
    """

    desk: Desk
    is_keyed: bool = True
    attempts: list[Attempt] = attrs.field(factory=list)
    hands: list[Attempt] = attrs.field(factory=list)
    pardoned: int = 0
    pardoned_at: float = 0.0
    ids: list[str] = attrs.field(factory=list)
    accepted_at: float = 0.0
    is_told: bool = False
    payload: str = PAYLOAD

    def state(self, now: float) -> str:
        """Return the state it must be in, ``""`` for no record."""
        if not self.attempts or self.is_told:
            return ""
        if self.ids:
            return "accepted"
        if self.pardoned == len(self.attempts):
            return "deferred"
        last = self.attempts[-1]
        if last.is_live(now):
            return "reserved" if last.submitted_at is None else "submitting"
        if self.doubts():
            return "unknown"
        return "rejected" if last.ended == "final" else "deferred"

    def doubts(self) -> list[Attempt]:
        """Return the attempts that SES may have accepted."""
        return [a for a in self.attempts[self.pardoned :] if a.is_doubtful]

    def is_current(self, attempt: Attempt) -> bool:
        """Tell whether what happens to *attempt* still counts."""
        return (
            self.pardoned < len(self.attempts)
            and self.attempts[-1] is attempt
            and not attempt.ended
            and not self.ids
            and not self.is_told
        )

    def accept(self, message_id: str, now: float) -> None:
        """Note that SES has accepted it."""
        if not self.is_keyed:
            self.is_told = True
            return
        if not self.ids:
            self.accepted_at = now
        if message_id not in self.ids:
            self.ids.append(message_id)

    def remember(self, attempt: Attempt) -> None:
        """Put *attempt* on record, if the ledger has forgotten the job."""
        job = attempt.claim.job
        if job is not None and not self.attempts:
            self.attempts.append(attempt)
            self.payload, attempt.ended = job.payload, ""
            attempt.submitted_at = None  # nobody can tell any more

    def end(self, attempt: Attempt, ended: str, now: float) -> None:
        """Note how an attempt ended, if that counts."""
        if ended == "unknown":
            self.remember(attempt)
        if not self.is_current(attempt):
            return
        attempt.ended, attempt.ended_at = ended, now
        if not self.is_keyed and not self.doubts():
            self.is_told = True

    def pardon(self, now: float) -> None:
        """Note that none of the attempts so far has sent anything."""
        self.pardoned, self.pardoned_at = len(self.attempts), now
        self.is_told = not self.is_keyed

    def may_claim(
        self, job: Job, now: float, proofs: list[float]
    ) -> bool | None:
        """Tell whether *job* is free; None if either would be right."""
        state = self.state(now)
        if state in {"", "deferred"}:
            return True
        is_other = job.same_payload and job.payload != self.payload
        if state != "unknown" or is_other or job.on_unknown == "hold":
            return False
        if job.on_unknown == "resend":
            return True
        return self._is_reconciled(now, proofs)

    def _is_reconciled(self, now: float, proofs: list[float]) -> bool | None:
        doubts = self.doubts()
        quiet_at = max(
            min(a.lease_ends, a.ended_at) if a.ended else a.lease_ends
            for a in doubts
        )
        surely_at = max(a.lease_ends for a in self.attempts)
        if now < quiet_at + GRACE_S:
            return False
        begun = [a.submitted_at for a in doubts if a.submitted_at is not None]
        if len(begun) < len(doubts):  # nobody can tell when it left
            return None
        if not any(proof >= max(begun) - MINUTE_S for proof in proofs):
            return False
        last_at = max(
            a.submitted_at for a in self.attempts if a.submitted_at is not None
        )
        if now > surely_at + GRACE_S and any(
            0 <= proof - last_at <= _PROOF_S for proof in proofs
        ):
            return True
        return None

    def changed_at(self, now: float) -> float | None:
        """Return since when it is over; None while it is not."""
        state = self.state(now)
        if state not in _KEPT_S:
            return None
        if self.ids:
            return self.accepted_at
        if self.pardoned == len(self.attempts):
            return self.pardoned_at
        last = self.attempts[-1]
        return last.ended_at if last.ended else last.lease_ends

    def kept_until(self, now: float) -> float | None:
        """Return until when it must be remembered; None is for ever."""
        changed_at = self.changed_at(now)
        if changed_at is None:
            return None
        return changed_at + _KEPT_S[self.state(now)]

    def gone_at(self, now: float) -> float | None:
        """Return when a purge must have forgotten it; None is never."""
        changed_at = self.changed_at(now)
        return None if changed_at is None else changed_at + _GONE_S

    def endings(self, now: float) -> dict[str, float]:
        """Return the instants at which something ends by itself."""
        some: dict[str, float | None] = {
            "kept": self.kept_until(now),
            "gone": self.gone_at(now),
        }
        if self.attempts:
            some["lease"] = self.attempts[-1].lease_ends
            some["grace"] = self.attempts[-1].lease_ends + GRACE_S
        return {name: at for name, at in some.items() if at is not None}

    def forget(self) -> None:
        """Begin anew; stale claims are still in somebody's hand."""
        self.attempts, self.ids = [], []
        self.pardoned = 0
