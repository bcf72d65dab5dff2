"""The published contract of ledgers catches what is wrong."""

from __future__ import annotations

import inspect
import os
import threading
import time
from typing import TYPE_CHECKING, Any, ClassVar

import attrs
import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from safeses._outcome import Accepted, Deferred, Rejected, Unknown
from safeses.errors import NotSentError, OutcomeUnknownError, RejectedError
from safeses.ledger import (
    Claimed,
    Found,
    Job,
    MemoryLedger,
    Record,
    RecordPage,
    Sent,
)
from safeses.testing import FakeClock, LedgerContract
from safeses.testing._contracts._ledger_desk import OTHER_PAYLOAD, Desk
from safeses.testing._contracts._ledger_history import LedgerHistorian

if TYPE_CHECKING:
    from collections.abc import Callable

    from safeses._outcome import Claim, Outcome

pytestmark = pytest.mark.race  # threads

DAY_S = 86_400.0
FINAL = Rejected(
    error=RejectedError("MessageRejected", 400, "it is spam", "r-9"),
    final=True,
)
UNKNOWN = Unknown(error=OutcomeUnknownError("", "no answer in 10 s"))
ACCEPTED = Accepted(message_id="m-1", sent=Sent(message_id="m-1"))
DEFERRED = Deferred(by="rate")


class Contract(LedgerContract):
    """The contract, with little patience for a child that hangs."""

    child_max_s: ClassVar[float] = 3.0


class Ledger(MemoryLedger):
    """A sound ledger, which those below spoil."""

    def row(self, name: str) -> Record | None:
        """Return a record as it is kept."""
        return self._records.get(name)

    def alter(self, name: str, **changes: Any) -> None:
        """Change a record behind everybody's back."""
        row = self.row(name)
        if row is not None:
            self._records.swap(name, row, attrs.evolve(row, **changes))

    def drop(self, name: str) -> None:
        """Lose a record."""
        self._records.swap(name, self.row(name), None)

    def has_ended(self, row: Record) -> bool:
        """Tell whether the lease of a record has ended."""
        return row.lease_ends <= self.clock.monotonic()

    def as_held(self, claim: Claim, *fields: str) -> Claim:
        """Return *claim* as whoever holds the job would have it."""
        row = self.row(claim.id)
        if row is None:
            return claim
        return attrs.evolve(claim, **{f: getattr(row, f) for f in fields})


# --- Claims -----------------------------------------------------------------


class FreesWhatIsSent(Ledger):
    """Takes every lease that has ended for free."""

    def claim(self, job: Job, owner: str, lease_s: float) -> Claimed | Found:
        """Claim, over what is perhaps sent."""
        row = self.row(job.id)
        if row and row.state == "submitting" and self.has_ended(row):
            self.alter(job.id, state="reserved")
        return super().claim(job, owner, lease_s)


class HoldsForEver(Ledger):
    """Knows no end of a lease before the first byte."""

    def claim(self, job: Job, owner: str, lease_s: float) -> Claimed | Found:
        """Claim, unless somebody ever has."""
        row = self.row(job.id)
        if row and row.state == "reserved" and self.has_ended(row):
            return Found(record=row)
        return super().claim(job, owner, lease_s)


class KeepsDeferred(Ledger):
    """Takes what was not sent for settled."""

    def claim(self, job: Job, owner: str, lease_s: float) -> Claimed | Found:
        """Claim what nobody has claimed."""
        found = self.look_up(job.id)
        if found and found.record.state == "deferred":
            return found
        return super().claim(job, owner, lease_s)


class LooksThenWrites(Ledger):
    """Claims in two steps."""

    def claim(self, job: Job, owner: str, lease_s: float) -> Claimed | Found:
        """Look, and write what follows from it, whatever has changed."""
        row = self.row(job.id)
        time.sleep(0.001)
        if row is None:
            self.drop(job.id)
        elif (found := self.row(job.id)) is not None:
            self._records.swap(job.id, found, row)
        return super().claim(job, owner, lease_s)


class ResendsAnything(Ledger):
    """Never compares payloads."""

    def claim(self, job: Job, owner: str, lease_s: float) -> Claimed | Found:
        """Claim for any payload."""
        return super().claim(
            attrs.evolve(job, same_payload=False), owner, lease_s
        )


class NeverComparesAtAll(Ledger):
    """Refuses another payload even where it need not be the same."""

    def claim(self, job: Job, owner: str, lease_s: float) -> Claimed | Found:
        """Claim for the same payload only."""
        return super().claim(
            attrs.evolve(job, same_payload=True), owner, lease_s
        )


class NeedsNoProof(Ledger):
    """Takes the silence of a dead stream of events for an answer."""

    def claim(self, job: Job, owner: str, lease_s: float) -> Claimed | Found:
        """Claim, with proof of its own making."""
        row = self.row(job.id)
        if row and row.submitted_wall is not None:
            self._records.note_proof(row.submitted_wall)
        return super().claim(job, owner, lease_s)


class TakesOldProof(Ledger):
    """Takes any event that ever came for proof."""

    def claim(self, job: Job, owner: str, lease_s: float) -> Claimed | Found:
        """Claim, if there ever was an event."""
        row = self.row(job.id)
        if row and row.submitted_wall is not None and self._records.proofs:
            self._records.note_proof(row.submitted_wall)
        return super().claim(job, owner, lease_s)


class NeedsNoGrace(Ledger):
    """Waits for no event."""

    def claim(self, job: Job, owner: str, lease_s: float) -> Claimed | Found:
        """Claim as soon as something else was heard."""
        return super().claim(attrs.evolve(job, grace_s=0), owner, lease_s)


class ReconcilesAtOnce(Ledger):
    """Takes one choice for the other."""

    def claim(self, job: Job, owner: str, lease_s: float) -> Claimed | Found:
        """Claim what is unknown."""
        if job.on_unknown == "reconcile":
            job = attrs.evolve(job, on_unknown="resend")
        return super().claim(job, owner, lease_s)


class CountsNoAttempts(Ledger):
    """Gives every claim the same number."""

    def claim(self, job: Job, owner: str, lease_s: float) -> Claimed | Found:
        """Claim as the first attempt."""
        answer = super().claim(job, owner, lease_s)
        if isinstance(answer, Claimed):
            self.alter(job.id, attempt=1)
            return Claimed(attempt=1)
        return answer


class AbandonsDoubt(Ledger):
    """Takes what nobody began for never begun."""

    def claim(self, job: Job, owner: str, lease_s: float) -> Claimed | Found:
        """Claim what is reserved no more, whatever was before."""
        row = self.row(job.id)
        if row and row.state == "reserved":
            self.alter(job.id, unsure=0)
        return super().claim(job, owner, lease_s)


class TellsNoTime(Ledger):
    """Does not say how long a job is held."""

    def claim(self, job: Job, owner: str, lease_s: float) -> Claimed | Found:
        """Claim, or tell who has it."""
        answer = super().claim(job, owner, lease_s)
        if isinstance(answer, Found):
            return Found(record=answer.record)
        return answer


class OutageReadsAsFree(Ledger):
    """Takes "somebody writes just now" for "nothing is known"."""

    def __init__(self, *, clock: FakeClock) -> None:
        super().__init__(clock=clock)
        self.writers = 0

    def settle(self, claim: Claim, outcome: Outcome) -> None:
        """Settle it; who looks meanwhile finds nothing."""
        self.writers += 1
        time.sleep(0.0001)  # others come in between
        super().settle(claim, outcome)
        self.writers -= 1

    def look_up(self, name: str) -> Found | None:
        """Look it up, unless somebody writes."""
        return None if self.writers else super().look_up(name)


# --- Submitting and settling ------------------------------------------------


class SubmitsAfterTakeover(Ledger):
    """Lets whoever once held the job send it."""

    def submit(self, claim: Claim, lease_s: float) -> None:
        """Submit for whoever holds it."""
        super().submit(self.as_held(claim, "owner", "attempt"), lease_s)


class SubmitsForItsOwner(Ledger):
    """Does not look at the attempt."""

    def submit(self, claim: Claim, lease_s: float) -> None:
        """Submit for the owner."""
        super().submit(self.as_held(claim, "attempt"), lease_s)


class SubmitsInTwoSteps(Ledger):
    """Looks whether it may submit, and does."""

    def submit(self, claim: Claim, lease_s: float) -> None:
        """Submit as things were a moment ago."""
        before = self.row(claim.id)
        time.sleep(0.001)
        row = self.row(claim.id)
        if before and row and before.state == "reserved":
            self._records.swap(claim.id, row, before)
        super().submit(claim, lease_s)


class SubmitsTwice(Ledger):
    """Lets a claim send again."""

    def submit(self, claim: Claim, lease_s: float) -> None:
        """Submit, again."""
        row = self.row(claim.id)
        if row and row.state == "submitting" and row.owner == claim.owner:
            self.alter(claim.id, state="reserved")
        super().submit(claim, lease_s)


class SubmitsWhatIsAccepted(Ledger):
    """Does not look at the state."""

    def submit(self, claim: Claim, lease_s: float) -> None:
        """Submit whatever it is."""
        row = self.row(claim.id)
        if row and row.state == "accepted":
            return
        super().submit(claim, lease_s)


class SubmitsInTimeOnly(Ledger):
    """Refuses who is late, though nobody else has the job."""

    def submit(self, claim: Claim, lease_s: float) -> None:
        """Submit within the lease."""
        row = self.row(claim.id)
        if row and row.state == "reserved" and self.has_ended(row):
            raise NotSentError
        super().submit(claim, lease_s)


class KeepsTheFirstLease(Ledger):
    """Counts the time to wait as time to send."""

    def submit(self, claim: Claim, lease_s: float) -> None:
        """Submit within the lease of the claim."""
        row = self.row(claim.id)
        super().submit(claim, lease_s)
        if row is not None:
            self.alter(claim.id, lease_ends=row.lease_ends)


class LosesWhoWasLeftOut(Ledger):
    """Writes nothing of the recipients."""

    def submit(self, claim: Claim, lease_s: float) -> None:
        """Submit, and forget them."""
        super().submit(claim, lease_s)
        self.alter(claim.id, left_out=())


class AnybodySettles(Ledger):
    """Does not look at the owner."""

    def settle(self, claim: Claim, outcome: Outcome) -> None:
        """Settle whatever is held."""
        super().settle(self.as_held(claim, "owner", "attempt"), outcome)


class OwnersSettle(Ledger):
    """Does not look at the attempt."""

    def settle(self, claim: Claim, outcome: Outcome) -> None:
        """Settle what this owner holds."""
        super().settle(self.as_held(claim, "attempt"), outcome)


class RefusesStaleWords(Ledger):
    """Fences what must be told, too."""

    def settle(self, claim: Claim, outcome: Outcome) -> None:
        """Settle what is held."""
        row = self.row(claim.id)
        if row is None or row.owner == claim.owner:
            super().settle(claim, outcome)


class RefusesLateWords(Ledger):
    """Takes nothing after the lease."""

    def settle(self, claim: Claim, outcome: Outcome) -> None:
        """Settle in time."""
        row = self.row(claim.id)
        if row is None or not self.has_ended(row):
            super().settle(claim, outcome)


class LastWordWins(Ledger):
    """Overwrites the answer."""

    def settle(self, claim: Claim, outcome: Outcome) -> None:
        """Settle, with the last id."""
        super().settle(claim, outcome)
        if isinstance(outcome, Accepted):
            self.alter(
                claim.id, sent=Sent(message_id=outcome.message_id), others=()
            )


class LosesCopies(Ledger):
    """Keeps one id."""

    def settle(self, claim: Claim, outcome: Outcome) -> None:
        """Settle, with the first id only."""
        super().settle(claim, outcome)
        self.alter(claim.id, others=())


class RejectsAfterUnknown(Ledger):
    """Takes the last word for the whole story."""

    def settle(self, claim: Claim, outcome: Outcome) -> None:
        """Settle as if there had been no other attempt."""
        row = self.row(claim.id)
        if row and row.state == "submitting":
            self.alter(claim.id, unsure=0)
        super().settle(claim, outcome)


class TakesSecondWords(Ledger):
    """Lets an attempt end twice."""

    def settle(self, claim: Claim, outcome: Outcome) -> None:
        """Settle once more."""
        row = self.row(claim.id)
        if row and row.state == "unknown" and row.owner == claim.owner:
            self.alter(claim.id, state="submitting", unsure=0)
        super().settle(claim, outcome)


class UndoesAcceptance(Ledger):
    """Lets a refusal have the last word."""

    def settle(self, claim: Claim, outcome: Outcome) -> None:
        """Settle whatever it is."""
        row = self.row(claim.id)
        if row and row.state == "accepted" and isinstance(outcome, Deferred):
            self.alter(claim.id, state="submitting")
        super().settle(claim, outcome)


class KeepsKeyless(Ledger):
    """Leaves rows behind."""

    def settle(self, claim: Claim, outcome: Outcome) -> None:
        """Settle what has a key."""
        if claim.job is None and isinstance(outcome, Accepted):
            self.alter(claim.id, state="accepted")
        else:
            super().settle(claim, outcome)


class KeepsKeylessRefusals(Ledger):
    """Leaves rows behind for what was not sent."""

    def settle(self, claim: Claim, outcome: Outcome) -> None:
        """Settle what has a key."""
        if claim.job is None and isinstance(outcome, Deferred):
            self.alter(claim.id, state="deferred")
        else:
            super().settle(claim, outcome)


class DropsKeyless(Ledger):
    """Forgets what nobody knows."""

    def settle(self, claim: Claim, outcome: Outcome) -> None:
        """Settle, and forget."""
        super().settle(claim, outcome)
        if claim.job is None:
            self.drop(claim.id)


class ForgetsWhatItLost(Ledger):
    """Updates rows that are there."""

    def settle(self, claim: Claim, outcome: Outcome) -> None:
        """Settle what is on record."""
        if self.row(claim.id) is not None:
            super().settle(claim, outcome)


class CutsTexts(Ledger):
    """Has columns of 255 characters."""

    def settle(self, claim: Claim, outcome: Outcome) -> None:
        """Settle, and cut."""
        super().settle(claim, outcome)
        row = self.row(claim.id)
        if row and row.refused:
            short = attrs.evolve(row.refused, detail=row.refused.detail[:255])
            self.alter(claim.id, refused=short)


class RoundsSeconds(Ledger):
    """Has columns of whole seconds."""

    def settle(self, claim: Claim, outcome: Outcome) -> None:
        """Settle, and round."""
        super().settle(claim, outcome)
        row = self.row(claim.id)
        if row and row.sent:
            at = float(int(row.sent.sent_at))
            self.alter(claim.id, sent=attrs.evolve(row.sent, sent_at=at))


# --- What is known later ----------------------------------------------------


class ConfirmsTwice(Ledger):
    """Takes every event for another copy."""

    def confirm(self, name: str, sent: Sent) -> bool:
        """Confirm; if it is known, once more."""
        row = self.row(name)
        if row and row.state == "accepted":
            self.alter(name, others=(*row.others, sent.message_id))
        return super().confirm(name, sent)


class ConfirmsWhatIsOpen(Ledger):
    """Does not believe events of what was refused."""

    def confirm(self, name: str, sent: Sent) -> bool:
        """Confirm what is unknown."""
        found = self.look_up(name)
        if found and found.record.state in {"deferred", "rejected"}:
            return True
        return super().confirm(name, sent)


class ConfirmsStrangers(Ledger):
    """Puts on record what it has never heard of."""

    def confirm(self, name: str, sent: Sent) -> bool:
        """Confirm anything."""
        if self.row(name) is None:
            self._records.swap(
                name, None, Record(id=name, state="deferred", owner="")
            )
        return super().confirm(name, sent)


class ResolvesInFlight(Ledger):
    """Believes people who cannot know."""

    def resolve(self, name: str, sent: Sent | None) -> bool:
        """Resolve anything."""
        row = self.row(name)
        if row and row.state == "submitting":
            self.alter(name, state="unknown")
        return super().resolve(name, sent)


class ResolvesWhatIsAccepted(Ledger):
    """Believes people more than SES."""

    def resolve(self, name: str, sent: Sent | None) -> bool:
        """Resolve anything."""
        row = self.row(name)
        if row and row.state == "accepted":
            self.alter(name, state="unknown")
        return super().resolve(name, sent)


class ResolvesOneDoubt(Ledger):
    """Takes back one attempt of several."""

    def resolve(self, name: str, sent: Sent | None) -> bool:
        """Resolve the last one."""
        row = self.row(name)
        resolved = super().resolve(name, sent)
        if sent is None and row and row.unsure > 1:
            self.alter(name, unsure=row.unsure - 1)
        return resolved


class ResolvesKeylessOnly(Ledger):
    """Keeps rows without a key that somebody has resolved."""

    def resolve(self, name: str, sent: Sent | None) -> bool:
        """Resolve, and keep it."""
        row = self.row(name)
        if row and not row.keyed and row.state == "unknown":
            self.alter(name, state="deferred")
            return True
        return super().resolve(name, sent)


class RepeatsPages(Ledger):
    """Begins a page where the last one ended."""

    def unsettled(self, after: str = "", limit: int = 1_000) -> RecordPage:
        """Return a page, the last record again."""
        page = super().unsettled(after, limit)
        name = page.next and page.next[:-1]
        return attrs.evolve(page, next=name)


class SkipsOnPages(Ledger):
    """Begins a page behind its first record."""

    def unsettled(self, after: str = "", limit: int = 1_000) -> RecordPage:
        """Return a page, but for its first record."""
        page = super().unsettled(after, limit + 1)
        if len(page.records) > limit:
            return RecordPage(
                records=page.records[:limit], next=page.records[limit].id
            )
        return page


class HasOnePage(Ledger):
    """Ends after a page of the usual size."""

    def unsettled(self, after: str = "", limit: int = 1_000) -> RecordPage:
        """Return a page."""
        page = super().unsettled(after, limit)
        return attrs.evolve(page, next="") if limit == 1_000 else page


class NumbersPages(Ledger):
    """Counts how many have been told."""

    def unsettled(self, after: str = "", limit: int = 1_000) -> RecordPage:
        """Return a page by its offset."""
        everything = super().unsettled("", 1_000_000).records
        begin = int(after or 0)
        end = begin + limit
        more = len(everything) > end
        return RecordPage(
            records=everything[begin:end], next=str(end) if more else ""
        )


class ListsSettledOnly(Ledger):
    """Does not see leases that have ended."""

    def unsettled(self, after: str = "", limit: int = 1_000) -> RecordPage:
        """Return what was written as unknown."""
        page = super().unsettled(after, limit)
        kept = [r for r in page.records if self.is_written(r.id)]
        return attrs.evolve(page, records=tuple(kept))

    def is_written(self, name: str) -> bool:
        """Tell whether a row says that it is unknown."""
        row = self.row(name)
        return row is not None and row.state == "unknown"


# --- Keeping ----------------------------------------------------------------


class ForgetsEarly(Ledger):
    """Keeps answers for a week."""

    def settle(self, claim: Claim, outcome: Outcome) -> None:
        """Settle, for a week."""
        super().settle(claim, outcome)
        row = self.row(claim.id)
        if row and row.expires:
            self.alter(claim.id, expires=row.expires - 7 * DAY_S)


class ForgetsTheUnknown(Ledger):
    """Lets everything expire."""

    def settle(self, claim: Claim, outcome: Outcome) -> None:
        """Settle, for a year."""
        super().settle(claim, outcome)
        if isinstance(outcome, Unknown):
            expires = self.clock.monotonic() + 365 * DAY_S
            self.alter(claim.id, expires=expires)


class ForgetsTheLost(Ledger):
    """Lets what is sent expire."""

    def submit(self, claim: Claim, lease_s: float) -> None:
        """Submit, for a year."""
        super().submit(claim, lease_s)
        expires = self.clock.monotonic() + 365 * DAY_S
        self.alter(claim.id, expires=expires)


class ForgetsWhatIsHeld(Ledger):
    """Leaves the end of what was deferred in a row that is claimed."""

    def claim(self, job: Job, owner: str, lease_s: float) -> Claimed | Found:
        """Claim, and keep the end."""
        row = self.row(job.id)
        answer = super().claim(job, owner, lease_s)
        if row and row.expires and isinstance(answer, Claimed):
            self.alter(job.id, expires=row.expires)
        return answer


class ForgetsAbandonedDoubt(Ledger):
    """Forgets every claim that was abandoned."""

    def claim(self, job: Job, owner: str, lease_s: float) -> Claimed | Found:
        """Claim, for a day more than the lease."""
        answer = super().claim(job, owner, lease_s)
        if isinstance(answer, Claimed):
            expires = self.clock.monotonic() + lease_s + DAY_S
            self.alter(job.id, expires=expires)
        return answer


class KeepsTheAbandoned(Ledger):
    """Never forgets a claim that was abandoned."""

    def claim(self, job: Job, owner: str, lease_s: float) -> Claimed | Found:
        """Claim for ever."""
        answer = super().claim(job, owner, lease_s)
        if isinstance(answer, Claimed):
            self.alter(job.id, expires=None)
        return answer


class NeverForgets(Ledger):
    """Grows and grows."""

    def purge(self) -> int:
        """Do nothing."""
        return 0


# --- Processes --------------------------------------------------------------


class LockedForEver(Ledger):
    """Takes the lock of its parent with it."""

    def __init__(self, *, clock: FakeClock) -> None:
        super().__init__(clock=clock)
        self.only = threading.RLock()

    def claim(self, job: Job, owner: str, lease_s: float) -> Claimed | Found:
        """Claim under a lock that no fork renews."""
        with self.only:
            return super().claim(job, owner, lease_s)

    def submit(self, claim: Claim, lease_s: float) -> None:
        """Submit under the same lock."""
        with self.only:
            super().submit(claim, lease_s)

    def settle(self, claim: Claim, outcome: Outcome) -> None:
        """Settle under the same lock."""
        with self.only:
            super().settle(claim, outcome)


class ForgetsAtClose(Ledger):
    """Writes nothing down."""

    def close(self) -> None:
        """Forget everything."""
        self._records.records.clear()


class ForgetsAtFork(Ledger):
    """Begins anew in every process."""

    def after_fork(self) -> None:
        """Forget everything."""
        self._records.records.clear()


# What is wrong, which test says so, and with which of its parameters.
CAUGHT: list[tuple[type[Ledger], str, dict[str, Any]]] = [
    (FreesWhatIsSent, "test_lease_while_sending", {}),
    (HoldsForEver, "test_lease_before_the_first_byte", {}),
    (KeepsDeferred, "test_not_sent", {"outcome": DEFERRED}),
    (LooksThenWrites, "test_racing_claims", {"before": "nothing"}),
    (LooksThenWrites, "test_racing_claims", {"before": "abandoned"}),
    (SubmitsInTwoSteps, "test_racing_takeover", {}),
    (
        ResendsAnything,
        "test_resend_the_same",
        {"payload": OTHER_PAYLOAD, "same_payload": True, "is_free": False},
    ),
    (
        NeverComparesAtAll,
        "test_resend_the_same",
        {"payload": OTHER_PAYLOAD, "same_payload": False, "is_free": True},
    ),
    (
        NeedsNoProof,
        "test_reconcile",
        {
            "proof_s": None,
            "grace_s": 901,
            "is_free": False,
            "has_ended": True,
        },
    ),
    (
        TakesOldProof,
        "test_reconcile",
        {
            "proof_s": -300,
            "grace_s": 901,
            "is_free": False,
            "has_ended": False,
        },
    ),
    (
        NeedsNoGrace,
        "test_reconcile",
        {"proof_s": 0, "grace_s": 899, "is_free": False, "has_ended": True},
    ),
    (
        ReconcilesAtOnce,
        "test_reconcile",
        {"proof_s": 0, "grace_s": 899, "is_free": False, "has_ended": True},
    ),
    (CountsNoAttempts, "test_submit_after_another_claim", {"owner": "one"}),
    (AbandonsDoubt, "test_abandoned_after_unknown", {}),
    (TellsNoTime, "test_retry_after", {"has_begun": True}),
    (OutageReadsAsFree, "test_amid_newcomers", {}),
    (
        SubmitsAfterTakeover,
        "test_submit_after_another_claim",
        {"owner": "two"},
    ),
    (SubmitsForItsOwner, "test_submit_after_another_claim", {"owner": "one"}),
    (SubmitsTwice, "test_submit_twice", {"outcome": None}),
    (SubmitsWhatIsAccepted, "test_confirm_before_submit", {}),
    (SubmitsInTimeOnly, "test_submit_late", {}),
    (KeepsTheFirstLease, "test_lease_while_sending", {}),
    (LosesWhoWasLeftOut, "test_all_is_kept", {}),
    (
        AnybodySettles,
        "test_stale",
        {"outcome": DEFERRED, "owner": "two", "has_begun": True},
    ),
    (
        OwnersSettle,
        "test_stale",
        {"outcome": FINAL, "owner": "one", "has_begun": False},
    ),
    (RefusesStaleWords, "test_stale_acceptance", {}),
    (
        RefusesLateWords,
        "test_late",
        {"outcome": DEFERRED, "state": "deferred", "is_free": True},
    ),
    (LastWordWins, "test_copies", {"is_late_first": False}),
    (LosesCopies, "test_copies", {"is_late_first": True}),
    (
        RejectsAfterUnknown,
        "test_refused_after_unknown",
        {"outcome": FINAL, "has_begun": True},
    ),
    (RejectsAfterUnknown, "test_abandoned_after_lost", {}),
    (TakesSecondWords, "test_unknown_for_good", {}),
    (UndoesAcceptance, "test_accepted_for_good", {"outcome": DEFERRED}),
    (KeepsKeyless, "test_forgotten", {"outcome": ACCEPTED, "is_late": False}),
    (
        KeepsKeylessRefusals,
        "test_forgotten",
        {"outcome": DEFERRED, "is_late": True},
    ),
    (DropsKeyless, "test_unknown_without_a_key", {"has_ended": True}),
    (
        ForgetsWhatItLost,
        "test_never_claimed",
        {"outcome": UNKNOWN, "state": "unknown"},
    ),
    (CutsTexts, "test_refusal_is_kept", {}),
    (RoundsSeconds, "test_all_is_kept", {}),
    (ConfirmsTwice, "test_confirm_again", {}),
    (ConfirmsWhatIsOpen, "test_confirm", {"outcome": FINAL}),
    (ConfirmsStrangers, "test_confirm_nothing", {}),
    (
        ResolvesInFlight,
        "test_resolve_in_flight",
        {"known": None, "has_begun": True},
    ),
    (
        ResolvesWhatIsAccepted,
        "test_resolve_what_is_known",
        {"outcome": ACCEPTED, "known": None},
    ),
    (ResolvesOneDoubt, "test_resolve_ends_all_doubt", {}),
    (ResolvesKeylessOnly, "test_resolve_without_a_key", {"known": None}),
    (RepeatsPages, "test_pages", {"limit": 2}),
    (SkipsOnPages, "test_pages", {"limit": 2}),
    (HasOnePage, "test_many_unknown", {}),
    (NumbersPages, "test_pages_amid_changes", {}),
    (ListsSettledOnly, "test_unsettled", {}),
    (
        ForgetsEarly,
        "test_kept",
        {"outcome": FINAL, "state": "rejected", "waits_days": 0},
    ),
    (
        ForgetsTheUnknown,
        "test_never_forgotten",
        {"is_keyed": True, "has_ended": True},
    ),
    (
        ForgetsTheLost,
        "test_never_forgotten",
        {"is_keyed": False, "has_ended": False},
    ),
    (ForgetsWhatIsHeld, "test_sending_is_never_forgotten", {}),
    (ForgetsAbandonedDoubt, "test_abandoned_doubt_is_never_forgotten", {}),
    (KeepsTheAbandoned, "test_forgotten_in_the_end", {"outcome": None}),
    (NeverForgets, "test_forgotten_in_the_end", {"outcome": ACCEPTED}),
    (LockedForEver, "test_fork", {}),
    (ForgetsAtClose, "test_close", {}),
    (ForgetsAtFork, "test_after_fork", {}),
]
# What only threads, texts or many records show.
NOT_IN_HISTORIES = {
    LooksThenWrites,
    SubmitsInTwoSteps,
    OutageReadsAsFree,
    LosesWhoWasLeftOut,
    CutsTexts,
    RoundsSeconds,
    HasOnePage,
    RepeatsPages,
    SkipsOnPages,
    NumbersPages,
    LockedForEver,
    ForgetsAtClose,
}
# What takes hundreds of histories; a test of its own shows it at once.
RARE = {
    ConfirmsTwice,
    ConfirmsWhatIsOpen,
    ForgetsWhatIsHeld,
    OwnersSettle,
    RefusesStaleWords,
    SubmitsAfterTakeover,
    SubmitsForItsOwner,
    SubmitsInTimeOnly,
    TakesOldProof,
}
IN_HISTORIES = [
    broken
    for broken in dict.fromkeys(broken for broken, *_ in CAUGHT)
    if broken not in NOT_IN_HISTORIES | RARE
]


# A race is not lost every time.
TRIES = 5


def outcome(make: type[Ledger], test: str, chosen: dict[str, Any]) -> str:
    """Return how a test of the contract ends for a ledger."""
    clock = FakeClock()
    ledger = make(clock=clock)
    parts = {
        "ledger": ledger,
        "clock": clock,
        "desk": Desk(ledger),
        **chosen,
    }
    method: Callable[..., None] = getattr(Contract(), test)
    wanted = inspect.signature(method).parameters
    try:
        method(**{name: parts[name] for name in wanted})
    except (AssertionError, NotSentError, pytest.fail.Exception):
        return "fails"
    return "passes"


# Python 3.12 warns of what one of these is about.
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork")
@pytest.mark.parametrize(
    "broken, test, chosen",
    CAUGHT,
    ids=[f"{broken.__name__}-{test}" for broken, test, _ in CAUGHT],
)
def test_caught(
    broken: type[Ledger], test: str, chosen: dict[str, Any]
) -> None:
    """A sound ledger passes the test that its broken kin fails."""
    if test == "test_fork" and not hasattr(os, "fork"):
        pytest.skip("has no fork")

    end = outcome(Ledger, test, chosen)
    ends = (outcome(broken, test, chosen) for _ in range(TRIES))

    assert ("passes", True) == (end, "fails" in ends)


@pytest.mark.parametrize(
    "broken", IN_HISTORIES, ids=[b.__name__ for b in IN_HISTORIES]
)
def test_caught_by_history(broken: type[Ledger]) -> None:
    """Some history of a broken ledger is not what the log says."""

    class History(LedgerHistorian):
        def __init__(self) -> None:
            clock = FakeClock()
            super().__init__(broken(clock=clock), clock)

    quickly = settings(
        max_examples=600,
        stateful_step_count=60,
        phases=[Phase.generate],
        database=None,
        derandomize=True,
    )
    try:
        run_state_machine_as_test(History, settings=quickly)
    except (AssertionError, NotSentError):
        caught = True
    else:
        caught = False

    assert caught


def test_histories_begin_alike() -> None:
    """Each begins at one point of a minute, by which proofs count."""
    clock = FakeClock()
    clock.sleep(12.5)
    LedgerHistorian(Ledger(clock=clock), clock)

    assert 0 == clock.time() % 60
