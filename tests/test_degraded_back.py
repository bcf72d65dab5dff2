"""What a shared budget is told when it answers again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.degrading import World, admission, claim_of
from tests.keyed import LIMITS, SCOPE, outcome_of

from safeses import Limits, QuotaExceededError
from safeses._degraded import CHARGE_AGAIN_S
from safeses._outcome import Booked

THREADS = 16
DAY_S = 86_400.0


class TestBack:
    """When the shared budget answers again, it is told what it missed."""

    def test_by_itself(self) -> None:
        """The next send asks it, and the whole rate is there again."""
        here = World()
        here.mortal.is_out = True
        here.book_all(3)
        here.mortal.is_out = False
        here.clock.advance(1)
        here.book_all(1)

        assert LIMITS.per_second == here.budget.per_second(SCOPE)

    def test_charged(self) -> None:
        """What was sent meanwhile counts against the shared quota."""
        here = World()
        here.book_all(2)
        here.mortal.is_out = True
        here.book_all(30)
        here.mortal.is_out = False
        here.clock.advance(CHARGE_AGAIN_S)
        here.book_all(1)

        assert 33 == here.used()

    def test_no_room(self) -> None:
        """What has room is charged at once, and the rest when there is."""
        here = World(Limits(per_second=1_000, per_day=100))
        here.mortal.is_out = True
        here.book_all(20)
        for _ in range(90):  # by others
            here.shared.reserve(admission(max_wait_s=0))
            here.clock.advance(0.01)
        here.mortal.is_out = False
        refused = outcome_of(lambda: here.book_all(1))
        full = here.used()
        here.clock.advance(DAY_S + 60)
        here.book_all(1)

        assert (QuotaExceededError, 100, 11) == (
            type(refused),
            full,
            here.used(),
        )

    @pytest.mark.parametrize("is_back", [False, True])
    def test_given_back(self, *, is_back: bool) -> None:
        """What was booked here and not sent is never charged there."""
        here = World()
        here.mortal.is_out = True
        booked = here.book(max_wait_s=60)
        assert isinstance(booked, Booked)
        here.mortal.is_out = not is_back
        here.budget.give_back(claim_of(booked))
        here.mortal.is_out = False
        here.clock.advance(CHARGE_AGAIN_S)
        here.book_all(1)

        assert 1 == here.used()

    def test_given_back_while_out(self) -> None:
        """What was booked there and cannot be given back stays charged."""
        here = World()
        booked = here.book()
        here.mortal.is_out = True
        here.budget.give_back(claim_of(booked))
        here.mortal.is_out = False
        here.clock.advance(1)
        here.book_all(1)

        assert 2 == here.used()

    @pytest.mark.race
    def test_threads(self) -> None:
        """Whatever comes and goes, each recipient is charged once."""
        here = World(Limits(per_second=1e6))

        def send(number: int) -> None:
            for turn in range(THREADS):
                here.mortal.is_out = (number + turn) % 3 == 0
                here.book_all(1)

        with ThreadPoolExecutor(THREADS) as threads:
            sent = len([*threads.map(send, range(THREADS))])
        here.mortal.is_out = False
        here.clock.advance(CHARGE_AGAIN_S)
        here.book_all(1)

        assert (THREADS, THREADS * THREADS + 1) == (sent, here.used())

    def test_child(self) -> None:
        """A child owes nothing: its parent pays."""
        here = World()
        here.mortal.is_out = True
        here.book_all(5)
        here.budget.after_fork()
        here.mortal.is_out = False
        here.clock.advance(1)
        here.book_all(1)

        assert 1 == here.used()
