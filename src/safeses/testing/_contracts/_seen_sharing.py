"""
What seen events are to many threads and processes.

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
    in_a_child,
    meanwhile,
    race,
)
from safeses.testing._contracts._facts_fixtures import (
    DAY_S,
    HOUR_S,
    FactsFixtures,
)

if TYPE_CHECKING:
    from safeses.testing._clock import FakeClock
    from safeses.typing import SeenEvents

EVENTS: Final = 20
FORKS: Final = 10
LOOKS_S: Final = 0.3


class SeenSharingContract(FactsFixtures):
    """Threads, forks and the end; see `SeenEventsContract`."""

    @pytest.mark.parametrize("before", ["nothing", "ended"])
    def test_racing_marks(
        self, seen: SeenEvents, clock: FakeClock, before: str
    ) -> None:
        """Of eight who mark an event at once, exactly one does."""
        events = [f"e{n}" for n in range(EVENTS)]
        if before == "ended":
            for event in events:
                seen.mark(event, "log", 60)
            clock.sleep(60)

        def mark(_: int) -> list[bool]:
            return [seen.mark(event, "log", DAY_S) for event in events]

        marked = race(mark)

        assert EVENTS * [1] == [
            sum(each) for each in zip(*marked, strict=True)
        ]

    @pytest.mark.parametrize("before", ["nothing", "abandoned"])
    def test_racing_holds(
        self, seen: SeenEvents, clock: FakeClock, before: str
    ) -> None:
        """Of eight who take an event at once, exactly one gets it."""
        events = [f"e{n}" for n in range(EVENTS)]
        if before == "abandoned":
            for event in events:
                seen.hold(event, 60, "nobody")
            clock.sleep(60)

        def hold(n: int) -> list[bool]:
            return [seen.hold(event, HOUR_S, f"r{n}") for event in events]

        held = race(hold)

        assert EVENTS * [1] == [sum(each) for each in zip(*held, strict=True)]

    def test_never_two(self, seen: SeenEvents) -> None:
        """While many take an event and let go, no two have it at once."""
        inside: list[int] = []
        crowds: list[list[int]] = []
        ends_at = time.monotonic() + LOOKS_S

        def work(n: int) -> int:
            turns = 0
            while time.monotonic() < ends_at:
                if seen.hold("e", HOUR_S, f"w{n}"):
                    inside.append(n)
                    crowd = [*inside]
                    if crowd != [n]:
                        crowds.append(crowd)
                    inside.remove(n)
                    seen.release("e", f"w{n}")
                    turns += 1
            return turns

        turns = sum(race(work))

        assert (True, []) == (turns > 0, crowds)

    def test_amid_newcomers(self, seen: SeenEvents) -> None:
        """While others are marked and purged, what was marked is there."""
        seen.mark("e", "log", DAY_S)
        seen.hold("e", DAY_S, "ann")
        numbers = iter(range(1_000_000))

        def come_and_go() -> None:
            for _ in range(20):
                event = f"n{next(numbers)}"
                seen.hold(event, HOUR_S, "eva")
                seen.mark(event, "log", HOUR_S)
                seen.release(event, "eva")
            seen.purge()

        with meanwhile(come_and_go):
            ends_at = time.monotonic() + LOOKS_S
            is_there = True
            while is_there and time.monotonic() < ends_at:
                is_there = seen.has("e", "log") and not seen.hold(
                    "e", HOUR_S, "bob"
                )

        assert is_there

    def test_after_fork(self, seen: SeenEvents) -> None:
        """A forked child knows what was handled, and goes on."""
        seen.mark("e", "log", DAY_S)
        seen.hold("e", HOUR_S, "ann")
        seen.after_fork()
        seen.after_fork()
        marked = seen.mark("f", "log", DAY_S)

        assert (True, True, False) == (
            marked,
            seen.has("e", "log"),
            seen.hold("e", HOUR_S, "bob"),
        )

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="has no fork")
    # Python 3.12 warns of what this test is about.
    @pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork")
    def test_fork(self, seen: SeenEvents) -> None:
        """A child forked while a thread marks knows it, and marks too."""
        seen.mark("e", "log", DAY_S)
        seen.hold("e", HOUR_S, "ann")
        numbers = iter(range(1_000_000))

        def use() -> str:
            seen.after_fork()
            said = (
                seen.has("e", "log"),
                seen.hold("e", HOUR_S, "bob"),
                seen.mark(f"child {os.getpid()}", "log", DAY_S),
            )
            return " ".join(map(str, said))

        def handle() -> None:
            event = f"n{next(numbers)}"
            seen.hold(event, HOUR_S, "eva")
            seen.mark(event, "log", HOUR_S)
            seen.release(event, "eva")

        expected = said = "True False True"
        with (
            meanwhile(handle)
            if self.forks_in_use
            else contextlib.nullcontext()
        ):
            for _ in range(FORKS):
                said = in_a_child(use, self.child_max_s)
                if said != expected:
                    break

        assert expected == said

    def test_close(self, seen: SeenEvents) -> None:
        """Closing twice is closing once; what is closed forgets nothing."""
        seen.mark("e", "log", DAY_S)
        seen.close()
        seen.close()
        is_there = True
        with contextlib.suppress(StoreError, ConfigurationError):
            is_there = seen.has("e", "log")

        assert is_there
