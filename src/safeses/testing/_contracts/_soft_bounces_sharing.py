"""
What soft bounces are to many threads and processes.

Time here is real: what is wrong shows only while threads overlap.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING, Final

import pytest

from safeses.errors import ConfigurationError, StoreError
from safeses.testing._contracts._at_once import (
    RACERS,
    in_a_child,
    meanwhile,
    race,
)
from safeses.testing._contracts._facts_fixtures import DAY_S, FactsFixtures

if TYPE_CHECKING:
    from safeses.testing._clock import FakeClock
    from safeses.typing import SoftBounces

ADDS: Final = 50
FORKS: Final = 10
LOOKS_S: Final = 0.3


class SoftBouncesSharingContract(FactsFixtures):
    """Threads, forks and the end; see `SoftBouncesContract`."""

    def test_racing_adds(self, bounces: SoftBounces, clock: FakeClock) -> None:
        """Of what eight note at once nothing is lost, and each has a turn."""
        now = clock.time()

        def add(n: int) -> list[int]:
            return [
                bounces.add("a", f"e{n} {number}", now, 0)
                for number in range(ADDS)
            ]

        told = [number for each in race(add) for number in each]

        assert [*range(1, RACERS * ADDS + 1)] == sorted(told)

    def test_racing_twins(
        self, bounces: SoftBounces, clock: FakeClock
    ) -> None:
        """An event that eight note at once counts once."""
        now = clock.time()
        race(
            lambda _: [
                bounces.add("a", f"e{number}", now, 0)
                for number in range(ADDS)
            ]
        )

        assert ADDS == bounces.count("a", 0)

    def test_amid_newcomers(
        self, bounces: SoftBounces, clock: FakeClock
    ) -> None:
        """While others come and are cleared, who bounced has bounced."""
        now = clock.time()
        for n in range(10):
            bounces.add("a", f"e{n}", now - n, 0)
        numbers = iter(range(1_000_000))

        def come_and_go() -> None:
            number = next(numbers)
            for n in range(10):
                at = now - 5 * DAY_S - n
                bounces.add(f"b{number % 50}", f"e{number} {n}", at, 0)
            bounces.clear([f"b{number % 50}", "a"], now - DAY_S)
            bounces.forget(now - 5 * DAY_S)

        with meanwhile(come_and_go):
            ends_at = time.monotonic() + LOOKS_S
            counted = 10
            while counted == 10 and time.monotonic() < ends_at:
                counted = bounces.count("a", 0)

        assert 10 == counted

    def test_amid_clearing(
        self, bounces: SoftBounces, clock: FakeClock
    ) -> None:
        """What is noted while the address is cleared of older is there."""
        now = clock.time()
        older = iter(range(1_000_000))

        def clear() -> None:
            bounces.add("a", f"older {next(older)}", now - DAY_S, 0)
            bounces.clear(["a"], now - DAY_S)

        told = []
        with meanwhile(clear):
            for n in range(ADDS):
                bounces.clear(["a"], now)
                bounces.add("a", f"e{n}", now + 1, 0)
                told.append(bounces.count("a", now))
        counts = [*range(1, ADDS + 1)]

        assert counts == told

    def test_after_fork(self, bounces: SoftBounces, clock: FakeClock) -> None:
        """A forked child knows who bounced, and goes on."""
        bounces.add("a", "e", clock.time(), 0)
        bounces.after_fork()
        bounces.after_fork()
        told = bounces.add("a", "f", clock.time(), 0)

        assert 2 == told

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="has no fork")
    # Python 3.12 warns of what this test is about.
    @pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork")
    def test_fork(self, bounces: SoftBounces, clock: FakeClock) -> None:
        """A child forked while a thread notes goes on from there."""
        now = clock.time()
        bounces.add("a", "e", now, 0)
        numbers = iter(range(1_000_000))

        def go_on() -> None:
            number = next(numbers)
            bounces.add(f"b{number % 100}", f"e{number}", now, 0)

        def use() -> str:
            bounces.after_fork()
            own = f"child {os.getpid()}"
            bounces.add(own, "e", now, 0)
            told = bounces.add(own, "f", now, 0)
            return f"{bounces.count('a', 0)} {told}"

        expected = said = "1 2"
        with (
            meanwhile(go_on) if self.forks_in_use else contextlib.nullcontext()
        ):
            for _ in range(FORKS):
                said = in_a_child(use, self.child_max_s)
                if said != expected:
                    break

        assert expected == said

    def test_close(self, bounces: SoftBounces, clock: FakeClock) -> None:
        """Closing twice is closing once, and what is closed loses nothing."""
        bounces.add("a", "e", clock.time(), 0)
        bounces.close()
        bounces.close()
        counted = 1
        with contextlib.suppress(StoreError, ConfigurationError):
            counted = bounces.count("a", 0)

        assert 1 == counted
