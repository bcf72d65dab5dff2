"""How attempts end: for whom a write counts, and what is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import pytest

from safeses._job import LeftOut, Refused, Sent
from safeses._outcome import Accepted, Rejected
from safeses.errors import InFlightError, NotSentError, RejectedError
from safeses.testing._contracts._ledger_desk import (
    DEFERRED,
    FINAL,
    LEASE_S,
    MOMENT_S,
    REFUSALS,
    REJECTED,
    UNKNOWN,
    LedgerFixtures,
    accepted,
)

if TYPE_CHECKING:
    from safeses._outcome import Outcome
    from safeses.testing._clock import FakeClock
    from safeses.testing._contracts._ledger_desk import Desk


class SettlingContract(LedgerFixtures):
    """Submitting and settling; see `LedgerContract`."""

    @pytest.mark.parametrize("owner", ["one", "two"])
    def test_submit_after_another_claim(
        self, desk: Desk, clock: FakeClock, owner: str
    ) -> None:
        """Who slept through the lease sends nothing that others claimed."""
        late = desk.take("one")
        clock.sleep(LEASE_S + MOMENT_S)
        held = desk.take(owner)
        with pytest.raises(InFlightError) as refusal:
            desk.submit(late)
        before = desk.state()
        desk.submit(held)

        assert (True, "reserved", "submitting") == (
            refusal.value.retry_after_s > 0,
            before,
            desk.state(),
        )

    def test_submit_late(self, desk: Desk, clock: FakeClock) -> None:
        """Who slept through the lease may send what nobody has claimed."""
        claim = desk.take()
        clock.sleep(LEASE_S + MOMENT_S)
        desk.submit(claim)

        assert ("submitting", False) == (desk.state(), desk.is_free())

    @pytest.mark.parametrize(
        "outcome", [None, accepted("m-1"), UNKNOWN, *REFUSALS]
    )
    def test_submit_twice(self, desk: Desk, outcome: Outcome | None) -> None:
        """A claim is good for one attempt, however that has ended."""
        claim = desk.send()
        if outcome is not None:
            desk.ledger.settle(claim, outcome)
        before = desk.record()
        with pytest.raises(NotSentError):
            desk.submit(claim)

        assert before == desk.record()

    @pytest.mark.parametrize("owner", ["one", "two"])
    @pytest.mark.parametrize("has_begun", [False, True])
    @pytest.mark.parametrize("outcome", [UNKNOWN, *REFUSALS])
    def test_stale(
        self,
        desk: Desk,
        clock: FakeClock,
        outcome: Outcome,
        owner: str,
        *,
        has_begun: bool,
    ) -> None:
        """Who holds a job no more does not settle it for who does."""
        late = desk.send("one")
        clock.sleep(LEASE_S + MOMENT_S)
        held = desk.take(owner, desk.job("resend"))
        if has_begun:
            desk.submit(held)
        before = desk.record()
        desk.ledger.settle(late, outcome)

        assert (before, False) == (
            desk.record(),
            desk.is_free(desk.job("resend")),
        )

    def test_stale_acceptance(self, desk: Desk, clock: FakeClock) -> None:
        """That SES has accepted is recorded, from whomever it comes."""
        late = desk.send("one")
        clock.sleep(LEASE_S + MOMENT_S)
        held = desk.take("two", desk.job("resend"))
        desk.ledger.settle(late, accepted("m-1"))
        with pytest.raises(InFlightError):
            desk.submit(held)
        desk.ledger.settle(held, DEFERRED)

        assert ("accepted", ["m-1"]) == (desk.state(), desk.ids())

    @pytest.mark.parametrize("is_late_first", [False, True])
    def test_copies(
        self, desk: Desk, clock: FakeClock, *, is_late_first: bool
    ) -> None:
        """The first id is the answer, and those of copies are kept."""
        claims = [desk.send("one")]
        for owner in ("two", "three"):
            clock.sleep(LEASE_S + MOMENT_S)
            claims.append(desk.send(owner, desk.job("resend")))
        if not is_late_first:
            claims.reverse()
        for claim in claims:
            for _ in range(2):
                desk.ledger.settle(claim, accepted(f"m-{claim.attempt}"))
        names = [f"m-{claim.attempt}" for claim in claims]

        assert ("accepted", names) == (desk.state(), desk.ids())

    @pytest.mark.parametrize("outcome", [UNKNOWN, *REFUSALS])
    def test_accepted_for_good(self, desk: Desk, outcome: Outcome) -> None:
        """Nothing makes undone that SES has accepted."""
        claim = desk.end(accepted("m-1"))
        before = desk.record()
        desk.ledger.settle(claim, outcome)
        resolved = desk.ledger.resolve(desk.name, None)

        assert (before, False) == (desk.record(), resolved)

    @pytest.mark.parametrize(
        "outcome, state, is_free",
        [
            (accepted("m-1"), "accepted", False),
            (UNKNOWN, "unknown", False),
            (FINAL, "rejected", False),
            (REJECTED, "deferred", True),
            (DEFERRED, "deferred", True),
        ],
    )
    def test_late(
        self,
        desk: Desk,
        clock: FakeClock,
        outcome: Outcome,
        state: str,
        *,
        is_free: bool,
    ) -> None:
        """How an attempt ended counts after its lease, too."""
        claim = desk.send()
        clock.sleep(LEASE_S + MOMENT_S)
        desk.ledger.settle(claim, outcome)

        assert (state, is_free) == (desk.state(), desk.is_free())

    def test_unknown_for_good(self, desk: Desk) -> None:
        """A second word of the same attempt does not end the doubt."""
        claim = desk.end(UNKNOWN)
        for outcome in REFUSALS:
            desk.ledger.settle(claim, outcome)

        assert ("unknown", True) == (desk.state(), desk.is_unsettled())

    def test_released(self, desk: Desk) -> None:
        """A claim that is given back unsent leaves the job free."""
        claim = desk.take()
        desk.ledger.settle(claim, DEFERRED)

        assert ("deferred", True) == (desk.state(), desk.is_free())

    @pytest.mark.parametrize(
        "outcome, state",
        [(accepted("m-1"), "accepted"), (UNKNOWN, "unknown")],
    )
    def test_never_claimed(
        self, desk: Desk, outcome: Outcome, state: str
    ) -> None:
        """What the ledger has lost, but the caller may have sent, is kept."""
        claim = desk.claim("one", 1, desk.job())
        desk.ledger.settle(claim, outcome)

        assert (state, False) == (desk.state(), desk.is_free())

    def test_all_is_kept(self, desk: Desk, clock: FakeClock) -> None:
        """What was sent, when, to how many and in how many calls is kept."""
        began_at = clock.time()
        claim = desk.take(job=desk.job(payload=400 * "p"))
        claim.left_out = (
            LeftOut(position=49, reason="bounce"),
            LeftOut(
                position=0,
                reason="my öwn 😀",
                since=1_767_225_600.25,
                source="import",
            ),
        )
        claim.recipients = 50
        clock.sleep(1)
        desk.submit(claim)
        answer = Sent(
            message_id="0102018f-" + 60 * "a",
            request_id="b5c8a6d2-" + 40 * "b",
            sent_at=began_at + 1.5,
            attempts=3,
            waited_s=0.125,
        )
        outcome = Accepted(message_id=answer.message_id, sent=answer)
        desk.ledger.settle(claim, outcome)
        record = desk.record()

        assert record is not None
        assert (True, 50, claim.left_out, answer, (), None) == (
            record.keyed,
            record.recipients,
            record.left_out,
            record.sent,
            record.others,
            record.refused,
        )
        assert (400 * "p", "one", 1) == (
            record.payload,
            record.owner,
            record.attempt,
        )
        assert (began_at, began_at + 1) == pytest.approx(
            (record.began_wall, record.submitted_wall), abs=MOMENT_S
        )

    def test_refusal_is_kept(self, desk: Desk) -> None:
        """How SES refused for good is the answer to every repetition."""
        detail = "Nicht «erlaubt» 😀 " + 1_000 * "x"
        error = RejectedError("MessageRejected", 400, detail, "r-1")
        desk.end(Rejected(error=error, final=True))
        record = desk.record()

        assert record is not None
        assert Refused(
            code="MessageRejected",
            status=400,
            detail=detail,
            request_id="r-1",
        ) == (record.refused)

    # --- Without a key ---

    def test_without_a_key(self, desk: Desk) -> None:
        """What has no key is on record while it is sent."""
        desk.submit(desk.keyless())
        found = desk.found()

        assert found is not None
        assert ("submitting", False, "", True, 3, False) == (
            found.record.state,
            found.record.keyed,
            found.record.payload,
            found.retry_after_s > 0,
            found.record.recipients,
            desk.is_unsettled(),
        )

    @pytest.mark.parametrize("is_late", [False, True])
    @pytest.mark.parametrize("outcome", [accepted("m-1"), *REFUSALS])
    def test_forgotten(
        self,
        desk: Desk,
        clock: FakeClock,
        outcome: Outcome,
        *,
        is_late: bool,
    ) -> None:
        """What has no key is forgotten as soon as its outcome is known."""
        claim = desk.submit(desk.keyless())
        if is_late:
            clock.sleep(LEASE_S + MOMENT_S)
        desk.ledger.settle(claim, outcome)

        assert (None, False) == (desk.found(), desk.is_unsettled())

    @pytest.mark.parametrize("has_ended", [False, True])
    def test_unknown_without_a_key(
        self, desk: Desk, clock: FakeClock, *, has_ended: bool
    ) -> None:
        """What has no key is remembered while its outcome is unknown."""
        claim = desk.submit(desk.keyless())
        if has_ended:
            desk.ledger.settle(claim, UNKNOWN)
        else:
            clock.sleep(LEASE_S + MOMENT_S)

        assert ("unknown", True) == (desk.state(), desk.is_unsettled())

    def test_again_without_a_key(self, desk: Desk) -> None:
        """A call without a key may try again, and end as it likes."""
        desk.ledger.settle(desk.submit(desk.keyless()), DEFERRED)
        second = desk.submit(desk.keyless(attempt=2))
        before = desk.state()
        stale = attrs.evolve(second, attempt=1)
        desk.ledger.settle(stale, DEFERRED)
        desk.ledger.settle(second, UNKNOWN)

        assert ("submitting", "unknown") == (before, desk.state())
