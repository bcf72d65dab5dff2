"""Who may claim a job, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from safeses._job import Claimed, Found
from safeses._outcome import Deferred
from safeses.testing._contracts._ledger_desk import (
    DEFERRED,
    FINAL,
    GRACE_S,
    LEASE_S,
    MINUTE_S,
    MOMENT_S,
    OTHER_PAYLOAD,
    PAYLOAD,
    REFUSALS,
    REJECTED,
    UNKNOWN,
    LedgerFixtures,
    accepted,
    sent,
)

if TYPE_CHECKING:
    from safeses._job import OnUnknown
    from safeses._outcome import Outcome
    from safeses.testing._clock import FakeClock
    from safeses.testing._contracts._ledger_desk import Desk


class ClaimingContract(LedgerFixtures):
    """Claims; see `LedgerContract`."""

    def test_nothing_is_known(self, desk: Desk) -> None:
        """Of a job that nobody has claimed nothing is known."""
        assert None is desk.found()

    def test_claim(self, desk: Desk) -> None:
        """A job is free, then held by whoever claimed it first."""
        answer = desk.ledger.claim(desk.job(), "one", LEASE_S)
        found = desk.found()

        assert isinstance(answer, Claimed)
        assert found is not None
        assert (1, "reserved", "one", 1, True, PAYLOAD, True) == (
            answer.attempt,
            found.record.state,
            found.record.owner,
            found.record.attempt,
            found.record.keyed,
            found.record.payload,
            found.is_in_flight,
        )

    @pytest.mark.parametrize("owner", ["one", "two"])
    @pytest.mark.parametrize("has_begun", [False, True])
    def test_held(self, desk: Desk, owner: str, *, has_begun: bool) -> None:
        """Nobody claims what is held, whatever they would do if unknown."""
        claim = desk.take()
        if has_begun:
            desk.submit(claim)
        answers = [
            desk.ask(owner, desk.job(on_unknown))
            for on_unknown in ("hold", "reconcile", "resend")
        ]
        record = desk.record()

        assert record is not None
        assert (3 * [True], "one", 1) == (
            [isinstance(a, Found) and a.is_in_flight for a in answers],
            record.owner,
            record.attempt,
        )

    @pytest.mark.parametrize("has_begun", [False, True])
    def test_retry_after(
        self, desk: Desk, clock: FakeClock, *, has_begun: bool
    ) -> None:
        """Who finds a job held hears when its lease ends, else 0."""
        claim = desk.take()
        if has_begun:
            clock.sleep(LEASE_S / 2)
            desk.submit(claim)
        clock.sleep(10)
        answers = [desk.found(), desk.ask("two")]
        clock.sleep(LEASE_S)
        answers.append(desk.found())
        told = [a.retry_after_s for a in answers if isinstance(a, Found)]

        assert [LEASE_S - 10, LEASE_S - 10, 0] == pytest.approx(
            told, abs=MOMENT_S
        )

    def test_lease_before_the_first_byte(
        self, desk: Desk, clock: FakeClock
    ) -> None:
        """If a lease ends before the first byte, the job is free again."""
        desk.take()
        clock.sleep(LEASE_S - MOMENT_S)
        before = desk.is_free()
        clock.sleep(2 * MOMENT_S)
        state = desk.state()
        second = desk.take("two")

        assert (False, "deferred", 2, "reserved") == (
            before,
            state,
            second.attempt,
            desk.state(),
        )

    def test_lease_while_sending(self, desk: Desk, clock: FakeClock) -> None:
        """If a lease ends while sending, the outcome is unknown."""
        claim = desk.take()
        clock.sleep(LEASE_S / 2)
        desk.submit(claim)
        clock.sleep(LEASE_S - MOMENT_S)
        before = desk.state()
        clock.sleep(2 * MOMENT_S)
        record = desk.record()

        assert record is not None
        assert ("submitting", "unknown", True, False, True) == (
            before,
            record.state,
            bool(record.reason),
            desk.is_free(),
            desk.is_unsettled(),
        )

    @pytest.mark.parametrize(
        "outcome",
        [
            Deferred(by="rate"),
            Deferred(by="daily"),
            Deferred(by="api"),
            Deferred(by="unreachable"),
            Deferred(by="released"),
            REJECTED,
        ],
    )
    def test_not_sent(self, desk: Desk, outcome: Outcome) -> None:
        """What was certainly not sent may be sent, and otherwise."""
        desk.end(outcome)
        state = desk.state()
        claim = desk.take("two", desk.job(payload=OTHER_PAYLOAD))
        record = desk.record()

        assert record is not None
        assert ("deferred", 2, "two", OTHER_PAYLOAD) == (
            state,
            claim.attempt,
            record.owner,
            record.payload,
        )

    @pytest.mark.parametrize("on_unknown", ["hold", "reconcile", "resend"])
    @pytest.mark.parametrize(
        "outcome, state",
        [(accepted("m-1"), "accepted"), (FINAL, "rejected")],
    )
    def test_settled(
        self,
        desk: Desk,
        clock: FakeClock,
        outcome: Outcome,
        state: str,
        on_unknown: OnUnknown,
    ) -> None:
        """What is accepted, or refused for good, is never claimed again."""
        desk.end(outcome)
        desk.other().ledger.confirm("nobody", sent("m", clock.time()))
        clock.sleep(LEASE_S + GRACE_S + MOMENT_S)
        answer = desk.ask("two", desk.job(on_unknown))

        assert isinstance(answer, Found)
        assert (state, 0, False) == (
            answer.record.state,
            answer.retry_after_s,
            answer.is_in_flight,
        )

    @pytest.mark.parametrize("days", [0, 1, 100])
    def test_hold(self, desk: Desk, clock: FakeClock, days: int) -> None:
        """What is unknown is held for ever, even if events have come."""
        desk.end(UNKNOWN)
        desk.ledger.confirm("nobody", sent("m", clock.time()))
        clock.sleep(days * 86_400)
        answer = desk.ask("two")

        assert isinstance(answer, Found)
        assert ("unknown", "no answer in 10 s", 0) == (
            answer.record.state,
            answer.record.reason,
            answer.retry_after_s,
        )

    @pytest.mark.parametrize("has_ended", [False, True])
    def test_resend(
        self, desk: Desk, clock: FakeClock, *, has_ended: bool
    ) -> None:
        """What is unknown may be sent again by who chooses so, once."""
        claim = desk.send()
        if has_ended:
            desk.ledger.settle(claim, UNKNOWN)
        else:
            clock.sleep(LEASE_S + MOMENT_S)
        again = desk.job("resend")
        answers = [desk.ask(owner, again) for owner in ("two", "three")]

        assert [2, "reserved"] == [
            answer.record.state
            if isinstance(answer, Found)
            else answer.attempt
            for answer in answers
        ]

    @pytest.mark.parametrize(
        "payload, same_payload, is_free",
        [
            (PAYLOAD, True, True),
            (OTHER_PAYLOAD, True, False),
            (OTHER_PAYLOAD, False, True),
        ],
    )
    def test_resend_the_same(
        self, desk: Desk, payload: str, *, same_payload: bool, is_free: bool
    ) -> None:
        """What is perhaps sent is sent again only as it was."""
        desk.end(UNKNOWN)
        again = desk.job("resend", payload, same_payload=same_payload)
        answer = desk.is_free(again)
        record = desk.record()

        assert record is not None
        assert (is_free, PAYLOAD) == (answer, record.payload)

    @pytest.mark.parametrize(
        "proof_s, grace_s, is_free",
        [
            (None, GRACE_S + MOMENT_S, False),
            (0, GRACE_S - MOMENT_S, False),
            (0, GRACE_S + MOMENT_S, True),
            (MINUTE_S, GRACE_S + MOMENT_S, True),
            (-5 * MINUTE_S, GRACE_S + MOMENT_S, False),
        ],
        ids=["no proof", "no grace", "both", "a minute later", "too old"],
    )
    @pytest.mark.parametrize("has_ended", [False, True])
    def test_reconcile(
        self,
        desk: Desk,
        clock: FakeClock,
        proof_s: float | None,
        grace_s: float,
        *,
        is_free: bool,
        has_ended: bool,
    ) -> None:
        """
        What is unknown may be sent again once its event should be here.

        Events of other mail show that they do arrive, if that mail was
        sent when this was, or a little later.
        """
        clock.sleep(10 * MINUTE_S)
        claim = desk.send()
        if has_ended:
            desk.ledger.settle(claim, UNKNOWN)
        if proof_s is not None:
            # Ledgers of others may round the time to minutes.
            event = sent("m", clock.time() + proof_s)
            desk.ledger.confirm("nobody", event)
        clock.sleep(LEASE_S + grace_s)

        assert is_free == desk.is_free(desk.job("reconcile"))

    def test_abandoned_after_unknown(
        self, desk: Desk, clock: FakeClock
    ) -> None:
        """What was unknown once stays so if its next claim is abandoned."""
        desk.end(UNKNOWN)
        desk.take("two", desk.job("resend"))
        in_between = desk.is_unsettled()
        clock.sleep(LEASE_S + MOMENT_S)

        assert (False, "unknown", True, False) == (
            in_between,
            desk.state(),
            desk.is_unsettled(),
            desk.is_free(),
        )

    @pytest.mark.parametrize("outcome", REFUSALS)
    @pytest.mark.parametrize("has_begun", [False, True])
    def test_refused_after_unknown(
        self, desk: Desk, outcome: Outcome, *, has_begun: bool
    ) -> None:
        """What was unknown once stays so, whatever is refused later."""
        desk.end(UNKNOWN)
        claim = desk.take("two", desk.job("resend"))
        if has_begun:
            desk.submit(claim)
        desk.ledger.settle(claim, outcome)

        assert ("unknown", True, False) == (
            desk.state(),
            desk.is_unsettled(),
            desk.is_free(),
        )

    def test_abandoned_after_lost(self, desk: Desk, clock: FakeClock) -> None:
        """An attempt of which nothing was heard leaves its doubt, too."""
        desk.send()
        clock.sleep(LEASE_S + MOMENT_S)
        claim = desk.send("two", desk.job("resend"))
        desk.ledger.settle(claim, DEFERRED)

        assert ("unknown", False) == (desk.state(), desk.is_free())
