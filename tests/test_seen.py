"""Seen events in memory: the bounds, and what the contract catches."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
import threading
import time
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from safeses._facts import key_of
from safeses._seen import MAX_HOLDS, MemorySeenEvents
from safeses.errors import StoreError
from safeses.testing import FakeClock, SeenEventsContract

if TYPE_CHECKING:
    from collections.abc import Callable


pytestmark = pytest.mark.race  # threads

DAY_S = 86_400.0
HOUR_S = 3_600.0
ROOT = Path(__file__).parents[1]


# --- Keys --------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["e", "a b", "x" * 255, "0100018c/Bounce", "~!", "sha256"]
)
def test_plain_keys(text: str) -> None:
    """What every engine can keep is kept as it is."""
    key = key_of(text)

    assert text == key


@pytest.mark.parametrize(
    "text", ["", " ", "a ", "x" * 256, "é", "a\n", "\0", "\ud800", "sha256:"]
)
def test_hashed_keys(text: str) -> None:
    """What some engine cannot keep becomes a hash, which all can."""
    key = key_of(text)

    assert ("sha256:", 71, True) == (key[:7], len(key), key.isascii())


# --- Bounds ------------------------------------------------------------------


def test_full_of_marks() -> None:
    """When it is full the mark that would end first makes room."""
    seen = MemorySeenEvents(clock=FakeClock(), max_marks=3)
    for event, keep_s in (("e", 60), ("f", 30), ("g", 90), ("h", 120)):
        seen.mark(event, "log", keep_s)

    assert [True, False, True, True] == [seen.has(e, "log") for e in "efgh"]


def test_full_of_the_past() -> None:
    """What is over makes room by itself."""
    clock = FakeClock()
    seen = MemorySeenEvents(clock=clock)
    for n in range(1_000):
        seen.mark(f"old {n}", "log", HOUR_S)
    clock.sleep(HOUR_S)
    for n in range(250):
        seen.mark(f"new {n}", "log", HOUR_S)
    left = seen.purge()

    assert 0 == left


def test_full_of_holds() -> None:
    """When too many are held another waits, until a lease has ended."""
    clock = FakeClock()
    seen = MemorySeenEvents(clock=clock)
    for n in range(MAX_HOLDS):
        seen.hold(f"e{n}", HOUR_S, "ann")
    with pytest.raises(StoreError) as refusal:
        seen.hold("one more", HOUR_S, "ann")
    again = seen.hold("e7", 2 * HOUR_S, "ann")
    clock.sleep(HOUR_S)

    assert (True, True, True, False) == (
        "10,000 events are held" in str(refusal.value),
        again,
        seen.hold("one more", HOUR_S, "ann"),
        seen.hold("e7", HOUR_S, "bob"),
    )


def test_steps_of_the_wall_clock() -> None:
    """Whatever the wall clock does, marks and leases end in their time."""
    clock = FakeClock()
    seen = MemorySeenEvents(clock=clock)
    seen.mark("e", "log", DAY_S)
    seen.hold("e", HOUR_S, "ann")
    found = []
    for step_s in (400 * DAY_S, -800 * DAY_S):
        clock.step_wall(step_s)
        found.append((seen.has("e", "log"), seen.hold("e", HOUR_S, "bob")))
    clock.sleep(DAY_S)

    assert (2 * [(True, False)], False, True) == (
        found,
        seen.has("e", "log"),
        seen.hold("e", HOUR_S, "bob"),
    )


@pytest.mark.parametrize("kind", ["interrupts", "handlers"])
def test_anything_at_any_step(kind: str) -> None:
    """Neither an interrupt nor a signal handler leaves it in disorder."""
    script = [sys.executable, "-W", "error", "-m", "tests.facts_interrupter"]
    ran = subprocess.run(  # noqa: S603  # our own script
        [*script, f"seen {kind}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )

    assert ("[]", "") == (ran.stdout, ran.stderr)


class Untold(MemorySeenEvents):
    """Hears of no fork."""

    def after_fork(self) -> None:
        """Do nothing."""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="has no fork")
# Python 3.12 warns of what this test is about.
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork")
def test_fork_that_nobody_tells() -> None:
    """A child need not call `after_fork`: the lock is by process."""
    seen = Untold(clock=FakeClock())

    SeenEventsContract().test_fork(seen)

    assert seen.has("e", "log")


# --- The contract catches what is wrong --------------------------------------


class Contract(SeenEventsContract):
    """The contract, with little patience for a child that hangs."""

    child_max_s: ClassVar[float] = 3.0


class FoldsCase(MemorySeenEvents):
    """Compares texts without case."""

    def has(self, event: str, by: str) -> bool:
        """Ask in lower case."""
        return super().has(event.lower(), by.lower())

    def mark(self, event: str, by: str, keep_s: float) -> bool:
        """Mark in lower case."""
        return super().mark(event.lower(), by.lower(), keep_s)


class CutsTexts(MemorySeenEvents):
    """Has columns of 255 characters."""

    def hold(self, event: str, lease_s: float, owner: str) -> bool:
        """Hold what fits."""
        return super().hold(event[:255], lease_s, owner[:255])


class JoinsTexts(MemorySeenEvents):
    """Puts event and reaction together in a way that is not unique."""

    def has(self, event: str, by: str) -> bool:
        """Ask for both at once."""
        return super().has(f"{event}:{by}", "")

    def mark(self, event: str, by: str, keep_s: float) -> bool:
        """Mark both at once."""
        return super().mark(f"{event}:{by}", "", keep_s)


class Renews(MemorySeenEvents):
    """Keeps what is marked again for longer."""

    def mark(self, event: str, by: str, keep_s: float) -> bool:
        """Mark anew."""
        is_new = not self.has(event, by)
        for name in [n for n in self._marks if n.startswith(f"{event}\n")]:
            del self._marks[name]
        super().mark(event, by, keep_s)
        return is_new


class LooksFirst(MemorySeenEvents):
    """Marks what it has found unmarked before."""

    def mark(self, event: str, by: str, keep_s: float) -> bool:
        """Look, then mark."""
        is_new = not self.has(event, by)
        threading.Event().wait(0.001)
        super().mark(event, by, keep_s)
        return is_new


class LetsEverybodyGo(MemorySeenEvents):
    """Does not look whose hold it is."""

    def release(self, event: str, owner: str) -> None:  # noqa: ARG002  # that is wrong with it
        """Let go."""
        self._holds.pop(event, None)


class NeverRenews(MemorySeenEvents):
    """Keeps its owner away as well."""

    numbers = count()

    def hold(self, event: str, lease_s: float, owner: str) -> bool:
        """Hold for whoever comes, once."""
        return super().hold(event, lease_s, f"{owner} {next(self.numbers)}")


class NeverEnds(MemorySeenEvents):
    """Holds for ever."""

    def hold(self, event: str, lease_s: float, owner: str) -> bool:
        """Hold for long."""
        return super().hold(event, 1e9 * lease_s, owner)


class KeepsTheLonger(MemorySeenEvents):
    """Never shortens a lease."""

    def hold(self, event: str, lease_s: float, owner: str) -> bool:
        """Hold for the longer of two times."""
        return super().hold(event, max(lease_s, HOUR_S), owner)


class MarkedIsHeld(MemorySeenEvents):
    """Lets nobody hold what is marked."""

    def hold(self, event: str, lease_s: float, owner: str) -> bool:
        """Hold, unless it was handled."""
        return not self.has(event, "log") and super().hold(
            event, lease_s, owner
        )


class PurgesAll(MemorySeenEvents):
    """Forgets too much."""

    def purge(self) -> int:
        """Forget everything."""
        purged = super().purge()
        self._marks.clear()
        return purged


class KeepsFew(MemorySeenEvents):
    """Has room for a hundred."""

    def __init__(self, clock: FakeClock) -> None:
        """Take the time."""
        super().__init__(clock=clock, max_marks=100)


class LockedForEver(MemorySeenEvents):
    """Takes the lock of its parent with it."""

    only = threading.RLock()

    def mark(self, event: str, by: str, keep_s: float) -> bool:
        """Mark under a lock that no fork renews."""
        with self.only:
            time.sleep(0.0001)  # others come in between
            return super().mark(event, by, keep_s)


class ForgetsAtClose(MemorySeenEvents):
    """Writes nothing down."""

    def close(self) -> None:
        """Forget everything."""
        self._marks.clear()


# What is wrong, which test says so, and with which of its parameters.
CAUGHT: list[tuple[type[MemorySeenEvents], str, dict[str, Any]]] = [
    (FoldsCase, "test_any_text", {"texts": ("Bounce", "bounce")}),
    (CutsTexts, "test_any_text", {"texts": ("x" * 255, "x" * 256)}),
    (JoinsTexts, "test_joined_texts", {"pairs": (("a", "b:c"), ("a:b", "c"))}),
    (Renews, "test_renews_nothing", {"again_s": 9 * HOUR_S}),
    (Renews, "test_renews_nothing", {"again_s": 1.0}),
    (LooksFirst, "test_racing_marks", {"before": "nothing"}),
    (LetsEverybodyGo, "test_released", {}),
    (LetsEverybodyGo, "test_abandoned", {}),
    (NeverRenews, "test_held", {}),
    (NeverRenews, "test_renewed", {}),
    (NeverEnds, "test_abandoned", {}),
    (KeepsTheLonger, "test_shortened", {}),
    (MarkedIsHeld, "test_holds_and_marks", {}),
    (PurgesAll, "test_purge", {}),
    (PurgesAll, "test_amid_newcomers", {}),
    (KeepsFew, "test_many", {}),
    (LockedForEver, "test_fork", {}),
    (ForgetsAtClose, "test_close", {}),
]


# A race is not lost every time.
TRIES = 5


def outcome(
    make: type[MemorySeenEvents], test: str, chosen: dict[str, Any]
) -> str:
    """Return how a test of the contract ends for a store."""
    clock = FakeClock()
    parts = {"seen": make(clock=clock), "clock": clock, **chosen}
    method: Callable[..., None] = getattr(Contract(), test)
    try:
        method(
            **{
                name: parts[name]
                for name in inspect.signature(method).parameters
            }
        )
    except AssertionError:
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
    broken: type[MemorySeenEvents], test: str, chosen: dict[str, Any]
) -> None:
    """A sound store passes the test that its broken kin fails."""
    if test == "test_fork" and not hasattr(os, "fork"):
        pytest.skip("has no fork")

    end = outcome(MemorySeenEvents, test, chosen)
    ends = (outcome(broken, test, chosen) for _ in range(TRIES))

    assert ("passes", True) == (end, "fails" in ends)
