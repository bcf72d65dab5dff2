"""
What counters are to many threads and processes.

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
    from safeses.typing import Counters

ADDS: Final = 100
FORKS: Final = 10
LOOKS_S: Final = 0.3


class CountersSharingContract(FactsFixtures):
    """Threads, forks and the end; see `CountersContract`."""

    def test_racing_adds(self, counters: Counters, clock: FakeClock) -> None:
        """Of what eight count at once, nothing is lost."""
        now = clock.time()

        def add(n: int) -> None:
            for number in range(ADDS):
                counters.add(
                    "s", {"a": 1, f"own {n}": 2, f"new {number}": 1}, now
                )

        race(add)
        totals = counters.totals("s", ["a", "own 3", "new 7"], 0)

        assert {
            "a": RACERS * ADDS,
            "own 3": 2 * ADDS,
            "new 7": RACERS,
        } == totals

    def test_amid_newcomers(
        self, counters: Counters, clock: FakeClock
    ) -> None:
        """While others count and forget, what was counted is there."""
        now = clock.time()
        for n in range(100):
            counters.add("s", {"a": 1}, now - n * 600)
        numbers = iter(range(1_000_000))

        def come_and_go() -> None:
            number = next(numbers)
            for n in range(10):
                at = now - 5 * DAY_S - (10 * number + n) % 500 * 600
                counters.add("s", {f"n{number}": 1}, at)
            counters.forget(now - 5 * DAY_S)

        with meanwhile(come_and_go):
            ends_at = time.monotonic() + LOOKS_S
            totals = {"a": 100}
            while totals == {"a": 100} and time.monotonic() < ends_at:
                totals = counters.totals("s", ["a"], 0)

        assert {"a": 100} == totals

    def test_after_fork(self, counters: Counters, clock: FakeClock) -> None:
        """A forked child knows what was counted, and goes on."""
        counters.add("s", {"a": 1}, clock.time())
        counters.after_fork()
        counters.after_fork()
        counters.add("s", {"a": 1}, clock.time())

        assert {"a": 2} == counters.totals("s", ["a"], 0)

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="has no fork")
    # Python 3.12 warns of what this test is about.
    @pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork")
    def test_fork(self, counters: Counters, clock: FakeClock) -> None:
        """A child forked while a thread counts goes on from there."""
        now = clock.time()
        counters.add("s", {"a": 1}, now)

        def use() -> str:
            counters.after_fork()
            own = f"child {os.getpid()}"
            counters.add("s", {own: 1}, now)
            counters.add("s", {own: 1}, now)
            totals = counters.totals("s", ["a", own], 0)
            return " ".join(map(str, totals.values()))

        expected = said = "1 2"
        with (
            meanwhile(lambda: counters.add("s", {"b": 1, "c": 1}, now))
            if self.forks_in_use
            else contextlib.nullcontext()
        ):
            for _ in range(FORKS):
                said = in_a_child(use, self.child_max_s)
                if said != expected:
                    break

        assert expected == said

    def test_close(self, counters: Counters, clock: FakeClock) -> None:
        """Closing twice is closing once, and what is closed loses nothing."""
        counters.add("s", {"a": 1}, clock.time())
        counters.close()
        counters.close()
        totals = {"a": 1}
        with contextlib.suppress(StoreError, ConfigurationError):
            totals = counters.totals("s", ["a"], 0)

        assert {"a": 1} == totals
