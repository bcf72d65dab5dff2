"""What events and people know of an outcome, and what stays open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from safeses.errors import InFlightError
from safeses.testing._contracts._ledger_desk import (
    DEFERRED,
    FINAL,
    LEASE_S,
    MOMENT_S,
    REFUSALS,
    UNKNOWN,
    LedgerFixtures,
    accepted,
    sent,
    unsettled,
)

if TYPE_CHECKING:
    from safeses._job import Sent
    from safeses._outcome import Outcome
    from safeses.testing._clock import FakeClock
    from safeses.testing._contracts._ledger_desk import Desk
    from safeses.typing import Ledger


class KnowingContract(LedgerFixtures):
    """Confirming, resolving and listing; see `LedgerContract`."""

    @pytest.mark.parametrize("outcome", [UNKNOWN, *REFUSALS])
    def test_confirm(self, desk: Desk, outcome: Outcome) -> None:
        """An event of SES tells that a message was accepted, after all."""
        desk.end(outcome)
        confirmed = desk.ledger.confirm(desk.name, sent("m-1", 1_767e6))
        record = desk.record()

        assert record is not None
        assert (True, "accepted", sent("m-1", 1_767e6), False, False) == (
            confirmed,
            record.state,
            record.sent,
            desk.is_unsettled(),
            desk.is_free(desk.job("resend")),
        )

    def test_confirm_nothing(self, desk: Desk) -> None:
        """An event of what nobody has on record leaves no record."""
        confirmed = desk.ledger.confirm(desk.name, sent("m-1"))

        assert (False, None, True) == (
            confirmed,
            desk.found(),
            desk.is_free(),
        )

    def test_confirm_again(self, desk: Desk) -> None:
        """Events come more than once: the same id is the same message."""
        desk.end(accepted("m-1"))
        before = desk.record()
        confirmed = [
            desk.ledger.confirm(desk.name, sent("m-1", at))
            for at in (1_767e6, 1_768e6)
        ]

        assert ([True, True], before) == (confirmed, desk.record())

    @pytest.mark.parametrize("outcome", [accepted("m-1"), UNKNOWN, *REFUSALS])
    def test_confirm_amid_sending(self, desk: Desk, outcome: Outcome) -> None:
        """An event that comes before the answer settles the job."""
        claim = desk.send()
        desk.ledger.confirm(desk.name, sent("m-1"))
        between = desk.state()
        desk.ledger.settle(claim, outcome)

        assert ("accepted", "accepted", ["m-1"], False) == (
            between,
            desk.state(),
            desk.ids(),
            desk.is_free(desk.job("resend")),
        )

    def test_confirm_copies(self, desk: Desk) -> None:
        """Events of further copies are kept beside the first answer."""
        claim = desk.send()
        for n in (1, 2, 3, 2):
            desk.ledger.confirm(desk.name, sent(f"m-{n}"))
        desk.ledger.settle(claim, accepted("m-4"))

        assert ["m-1", "m-2", "m-3", "m-4"] == desk.ids()

    def test_confirm_before_submit(self, desk: Desk) -> None:
        """What an event of an earlier attempt confirms is not sent again."""
        desk.end(UNKNOWN)
        claim = desk.take("two", desk.job("resend"))
        desk.ledger.confirm(desk.name, sent("m-1"))
        with pytest.raises(InFlightError):
            desk.submit(claim)

        assert ("accepted", ["m-1"]) == (desk.state(), desk.ids())

    @pytest.mark.parametrize("outcome", [None, UNKNOWN])
    def test_confirm_without_a_key(
        self, desk: Desk, outcome: Outcome | None
    ) -> None:
        """What has no key is forgotten once an event confirms it."""
        claim = desk.submit(desk.keyless())
        if outcome is not None:
            desk.ledger.settle(claim, outcome)
        confirmed = desk.ledger.confirm(desk.name, sent("m-1"))
        desk.ledger.settle(claim, UNKNOWN)

        assert (True, None, False) == (
            confirmed,
            desk.found(),
            desk.is_unsettled(),
        )

    # --- People ---

    @pytest.mark.parametrize("has_ended", [False, True])
    @pytest.mark.parametrize(
        "known, state", [(sent("m-1"), "accepted"), (None, "deferred")]
    )
    def test_resolve(
        self,
        desk: Desk,
        clock: FakeClock,
        known: Sent | None,
        state: str,
        *,
        has_ended: bool,
    ) -> None:
        """What is unknown is settled by who knows, once."""
        claim = desk.send()
        if has_ended:
            desk.ledger.settle(claim, UNKNOWN)
        else:
            clock.sleep(LEASE_S + MOMENT_S)
        resolved = [desk.ledger.resolve(desk.name, known) for _ in range(2)]

        assert ([True, False], state, False, known is None) == (
            resolved,
            desk.state(),
            desk.is_unsettled(),
            desk.is_free(),
        )

    @pytest.mark.parametrize("has_begun", [False, True])
    @pytest.mark.parametrize("known", [sent("m-1"), None])
    def test_resolve_in_flight(
        self, desk: Desk, known: Sent | None, *, has_begun: bool
    ) -> None:
        """Nobody knows what comes of a message that is being sent."""
        claim = desk.take()
        if has_begun:
            desk.submit(claim)
        before = desk.record()
        with pytest.raises(InFlightError) as refusal:
            desk.ledger.resolve(desk.name, known)

        assert (before, True) == (
            desk.record(),
            0 < refusal.value.retry_after_s <= LEASE_S + MOMENT_S,
        )

    @pytest.mark.parametrize("outcome", [None, accepted("m-1"), DEFERRED])
    @pytest.mark.parametrize("known", [sent("m-2"), None])
    def test_resolve_what_is_known(
        self, desk: Desk, outcome: Outcome | None, known: Sent | None
    ) -> None:
        """There is nothing to say of an outcome that is not open."""
        if outcome is not None:
            desk.end(outcome)
        before = desk.record()
        resolved = desk.ledger.resolve(desk.name, known)

        assert (False, before) == (resolved, desk.record())

    def test_resolve_abandoned(self, desk: Desk, clock: FakeClock) -> None:
        """A claim that ended before its first byte leaves nothing open."""
        desk.take()
        clock.sleep(LEASE_S + MOMENT_S)
        resolved = desk.ledger.resolve(desk.name, sent("m-1"))

        assert (False, True) == (resolved, desk.is_free())

    def test_resolve_ends_all_doubt(self, desk: Desk) -> None:
        """Who knows that nothing was sent speaks of all attempts so far."""
        desk.end(UNKNOWN)
        claim = desk.send("two", desk.job("resend"))
        desk.ledger.settle(claim, UNKNOWN)
        desk.ledger.resolve(desk.name, None)
        desk.end(DEFERRED, "three")

        assert ("deferred", True) == (desk.state(), desk.is_free())

    @pytest.mark.parametrize("outcome", [UNKNOWN, FINAL])
    def test_resolved_amid_sending(
        self, desk: Desk, clock: FakeClock, outcome: Outcome
    ) -> None:
        """An attempt that was given up does not undo what a person said."""
        claim = desk.send()
        clock.sleep(LEASE_S + MOMENT_S)
        desk.ledger.resolve(desk.name, None)
        desk.ledger.settle(claim, outcome)
        before = desk.state()
        desk.ledger.settle(claim, accepted("m-1"))

        assert ("deferred", "accepted", ["m-1"]) == (
            before,
            desk.state(),
            desk.ids(),
        )

    def test_resolve_without_an_id(self, desk: Desk) -> None:
        """Who knows only that it was sent learns the id from the event."""
        desk.end(UNKNOWN)
        desk.ledger.resolve(desk.name, sent(""))
        before = desk.ids()
        for _ in range(2):
            desk.ledger.confirm(desk.name, sent("m-1"))
        after = desk.ids()
        desk.ledger.confirm(desk.name, sent("m-2"))

        assert ([""], ["m-1"], ["m-1", "m-2"]) == (before, after, desk.ids())

    @pytest.mark.parametrize("known", [sent("m-1"), None])
    def test_resolve_without_a_key(
        self, desk: Desk, known: Sent | None
    ) -> None:
        """What has no key is forgotten once somebody knows."""
        desk.ledger.settle(desk.submit(desk.keyless()), UNKNOWN)
        resolved = desk.ledger.resolve(desk.name, known)

        assert (True, None, False) == (
            resolved,
            desk.found(),
            desk.is_unsettled(),
        )

    # --- Listing ---

    def test_unsettled(self, desk: Desk, clock: FakeClock) -> None:
        """What is unknown is listed as it stands, and nothing else."""
        desk.send()
        clock.sleep(LEASE_S - 1)
        others = [desk.other() for _ in range(7)]
        others[0].end(UNKNOWN)
        others[1].submit(others[1].keyless(), 2 * MOMENT_S)
        others[2].end(accepted("m-1"))
        others[3].end(DEFERRED)
        others[4].end(FINAL)
        others[5].take()
        others[6].send()
        clock.sleep(1 + MOMENT_S)
        records = desk.ledger.unsettled().records
        expected = sorted([desk.name, others[0].name, others[1].name])

        assert [(name, "unknown", True) for name in expected] == [
            (record.id, record.state, bool(record.reason))
            for record in records
        ]

    @pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 1_000])
    def test_pages(self, desk: Desk, limit: int) -> None:
        """Pages of any size tell each unknown outcome once, in order."""
        desks = [desk.other() for _ in range(6)]
        for each in desks:
            each.end(UNKNOWN)

        assert sorted(each.name for each in desks) == unsettled(
            desk.ledger, limit
        )

    def test_pages_amid_changes(self, desk: Desk) -> None:
        """While others are settled or come, who stays is told once."""
        desks = sorted(
            (desk.other() for _ in range(12)), key=lambda each: each.name
        )
        for each in desks[1:]:
            each.end(UNKNOWN)
        first = desk.ledger.unsettled("", 4)
        for each in desks[1:4]:
            desk.ledger.resolve(each.name, None)
        desks[0].end(UNKNOWN)
        rest: list[str] = []
        page = first
        while page.next:
            page = desk.ledger.unsettled(page.next, 4)
            rest.extend(record.id for record in page.records)

        assert [each.name for each in desks[5:]] == rest

    def test_many_unknown(self, ledger: Ledger, desk: Desk) -> None:
        """A page ends after a thousand, and the next one goes on."""
        names = []
        for _ in range(1_001):
            each = desk.other()
            each.ledger.settle(each.submit(each.keyless()), UNKNOWN)
            names.append(each.name)
        page = ledger.unsettled()

        assert (1_000, sorted(names)) == (
            len(page.records),
            unsettled(ledger),
        )
