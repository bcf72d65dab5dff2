"""How long a job is remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from safeses._outcome import Claim
from safeses.testing._contracts._ledger_desk import (
    DAY_S,
    DEFERRED,
    FINAL,
    GRACE_S,
    MOMENT_S,
    OTHER_PAYLOAD,
    REFUSALS,
    UNKNOWN,
    LedgerFixtures,
    accepted,
    sent,
)

if TYPE_CHECKING:
    from safeses._outcome import Outcome
    from safeses.testing._clock import FakeClock
    from safeses.testing._contracts._ledger_desk import Desk

KEPT_S: Final = 14 * DAY_S
GONE_S: Final = 15 * DAY_S + 1


class KeepingContract(LedgerFixtures):
    """How long a job is remembered; see `LedgerContract`."""

    @pytest.mark.parametrize("waits_days", [0, 20])
    @pytest.mark.parametrize(
        "outcome, state",
        [(accepted("m-1"), "accepted"), (FINAL, "rejected")],
    )
    def test_kept(
        self,
        desk: Desk,
        clock: FakeClock,
        outcome: Outcome,
        state: str,
        waits_days: int,
    ) -> None:
        """The answer to a repetition is kept for 14 days from then on."""
        claim = desk.send()
        clock.sleep(waits_days * DAY_S)
        desk.ledger.settle(claim, outcome)
        before = desk.record()
        clock.sleep(KEPT_S - MOMENT_S)
        desk.ledger.purge()

        assert (state, before) == (desk.state(), desk.record())

    def test_confirmed_is_kept(self, desk: Desk, clock: FakeClock) -> None:
        """What is confirmed late is kept for as long."""
        desk.end(UNKNOWN)
        clock.sleep(20 * DAY_S)
        desk.ledger.confirm(desk.name, sent("m-1"))
        clock.sleep(KEPT_S - MOMENT_S)
        desk.ledger.purge()

        assert ["m-1"] == desk.ids()

    @pytest.mark.parametrize("is_keyed", [False, True])
    @pytest.mark.parametrize("has_ended", [False, True])
    def test_never_forgotten(
        self,
        desk: Desk,
        clock: FakeClock,
        *,
        is_keyed: bool,
        has_ended: bool,
    ) -> None:
        """What is unknown stays until somebody knows."""
        claim = desk.send() if is_keyed else desk.submit(desk.keyless())
        if has_ended:
            desk.ledger.settle(claim, UNKNOWN)
        clock.sleep(1_000 * DAY_S)
        desk.ledger.purge()

        assert ("unknown", True) == (desk.state(), desk.is_unsettled())

    def test_sending_is_never_forgotten(
        self, desk: Desk, clock: FakeClock
    ) -> None:
        """What was deferred and is sent anew is not forgotten meanwhile."""
        desk.end(DEFERRED)
        clock.sleep(DAY_S / 2)
        long_s = 100 * DAY_S
        reserved = desk.ask("two", lease_s=long_s)
        clock.sleep(20 * DAY_S)
        desk.ledger.purge()
        assert isinstance(reserved, Claim)
        desk.submit(reserved, long_s)
        clock.sleep(20 * DAY_S)
        desk.ledger.purge()

        assert ("submitting", False) == (desk.state(), desk.is_free())

    def test_abandoned_doubt_is_never_forgotten(
        self, desk: Desk, clock: FakeClock
    ) -> None:
        """What was unknown before its last claim was abandoned stays."""
        desk.end(UNKNOWN)
        desk.take("two", desk.job("resend"))
        clock.sleep(1_000 * DAY_S)
        desk.ledger.purge()

        assert ("unknown", True) == (desk.state(), desk.is_unsettled())

    @pytest.mark.parametrize("outcome", [None, accepted("m-1"), *REFUSALS])
    def test_forgotten_in_the_end(
        self, desk: Desk, clock: FakeClock, outcome: Outcome | None
    ) -> None:
        """What is over is gone after 15 days, and begins anew."""
        if outcome is None:  # abandoned before its first byte
            desk.take()
        else:
            desk.end(outcome)
        clock.sleep(GONE_S)
        desk.ledger.purge()
        again = desk.ledger.purge()
        found = desk.found()
        claim = desk.take("two", desk.job(payload=OTHER_PAYLOAD))

        assert (0, None, 1) == (again, found, claim.attempt)

    def test_purge_counts(self, desk: Desk, clock: FakeClock) -> None:
        """Purging says how much it has forgotten, in one call or more."""
        for _ in range(20):
            desk.other().end(accepted("m-1"))
        desk.end(UNKNOWN)
        none = desk.ledger.purge()
        clock.sleep(GONE_S)
        some = desk.ledger.purge()

        # One in which rows expire by themselves may have been quicker.
        assert (0, True, True) == (none, 0 <= some <= 20, desk.is_unsettled())

    def test_grace_outlives_retention(
        self, desk: Desk, clock: FakeClock
    ) -> None:
        """Proof that events arrive is kept for 14 days, like answers."""
        desk.end(UNKNOWN)
        desk.ledger.confirm("nobody", sent("m", clock.time()))
        clock.sleep(KEPT_S - GRACE_S)
        desk.ledger.purge()

        assert desk.is_free(desk.job("reconcile"))
