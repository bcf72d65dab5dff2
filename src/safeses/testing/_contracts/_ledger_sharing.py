"""
What a ledger is to many threads and processes.

Time here is real: what is wrong shows only while threads overlap.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING, ClassVar, Final, TypeVar

import pytest

from safeses._outcome import Claim
from safeses.errors import ConfigurationError, InFlightError, StoreError
from safeses.testing._contracts._at_once import (
    RACERS,
    in_a_child,
    meanwhile,
    race,
)
from safeses.testing._contracts._ledger_desk import (
    DEFERRED,
    LEASE_S,
    MOMENT_S,
    UNKNOWN,
    LedgerFixtures,
    accepted,
    sent,
)

if TYPE_CHECKING:
    from safeses.testing._clock import FakeClock
    from safeses.testing._contracts._ledger_desk import Desk

T = TypeVar("T")

JOBS: Final = 20
FORKS: Final = 10
LOOKS_S: Final = 0.3


class LedgerSharingContract(LedgerFixtures):
    """Threads, forks and the end; see `LedgerContract`."""

    # A child that takes longer hangs.
    child_max_s: ClassVar[float] = 30.0

    @pytest.mark.parametrize("before", ["nothing", "abandoned", "unknown"])
    def test_racing_claims(
        self, desk: Desk, clock: FakeClock, before: str
    ) -> None:
        """Of eight who claim a job at once, exactly one gets it."""
        desks = [desk.other() for _ in range(JOBS)]
        for each in desks:
            if before == "abandoned":
                each.take("nobody")
            if before == "unknown":
                each.end(UNKNOWN, "nobody")
        clock.sleep(LEASE_S + MOMENT_S)

        def claim(n: int) -> list[bool]:
            return [
                isinstance(each.ask(f"racer {n}", each.job("resend")), Claim)
                for each in desks
            ]

        won = race(claim)

        assert JOBS * [1] == [sum(wins) for wins in zip(*won, strict=True)]

    def test_racing_takeover(self, desk: Desk, clock: FakeClock) -> None:
        """Either the first byte leaves, or somebody else has the job."""
        desks = [desk.other() for _ in range(JOBS)]
        late = [each.take("late") for each in desks]
        clock.sleep(LEASE_S + MOMENT_S)

        def act(n: int) -> list[bool]:
            return [
                _may_submit(each, claim)
                if n % 2
                else isinstance(each.ask(f"racer {n}"), Claim)
                for each, claim in zip(desks, late, strict=True)
            ]

        won = race(act)

        assert JOBS * [1] == [sum(wins) for wins in zip(*won, strict=True)]

    def test_racing_words(self, desk: Desk) -> None:
        """Of copies that are reported at once, no id is lost."""
        claim = desk.send()

        def tell(n: int) -> None:
            if n:
                desk.ledger.confirm(desk.name, sent(f"m-{n}"))
            else:
                desk.ledger.settle(claim, accepted("m-0"))

        race(tell)

        assert [f"m-{n}" for n in range(RACERS)] == sorted(desk.ids())

    def test_amid_newcomers(self, desk: Desk) -> None:
        """While others come and go, what is on record is found."""
        desk.end(accepted("m-1"))
        unknown = desk.other()
        unknown.end(UNKNOWN)
        crowd = [desk.other() for _ in range(50)]

        def come_and_go() -> None:
            for each in crowd:
                each.end(DEFERRED)
                each.ledger.settle(each.other().keyless(), DEFERRED)

        again = desk.job("resend")
        with meanwhile(come_and_go):
            ends_at = time.monotonic() + LOOKS_S
            is_there = True
            while is_there and time.monotonic() < ends_at:
                is_there = (
                    desk.ids() == ["m-1"]
                    and not desk.is_free(again)
                    and not unknown.is_free()
                    and unknown.is_unsettled()
                )

        assert is_there

    def test_after_fork(self, desk: Desk) -> None:
        """A forked child knows what was known, and goes on with it."""
        desk.end(accepted("m-1"))
        other = desk.other()
        claim = other.send()
        desk.ledger.after_fork()
        desk.ledger.after_fork()
        other.ledger.settle(claim, UNKNOWN)

        assert (["m-1"], "unknown", True) == (
            desk.ids(),
            other.state(),
            desk.other().is_free(),
        )

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="has no fork")
    # Python 3.12 warns of what this test is about.
    @pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork")
    def test_fork(self, desk: Desk) -> None:
        """A child that is forked while a thread sends sees it, and sends."""
        desk.end(accepted("m-1"))
        held = desk.other()
        held.send()
        crowd = [desk.other() for _ in range(50)]

        def use() -> str:
            desk.ledger.after_fork()
            own = desk.other()
            own.end(UNKNOWN)
            return f"{desk.state()} {held.state()} {own.state()}"

        def send() -> None:
            for each in crowd:
                each.end(DEFERRED)

        expected = said = "accepted submitting unknown"
        with (
            meanwhile(send) if self.forks_in_use else contextlib.nullcontext()
        ):
            for _ in range(FORKS):
                said = in_a_child(use, self.child_max_s)
                if said != expected:
                    break

        assert expected == said

    def test_close(self, desk: Desk) -> None:
        """Closing twice is closing once, and what is closed frees nothing."""
        desk.end(accepted("m-1"))
        desk.ledger.close()
        desk.ledger.close()
        is_free = False
        with contextlib.suppress(StoreError, ConfigurationError):
            is_free = desk.is_free()

        assert not is_free


def _may_submit(desk: Desk, claim: Claim) -> bool:
    """Submit a claim whose lease has ended; tell whether it was let."""
    try:
        desk.submit(claim)
    except InFlightError:
        return False
    return True
