"""Soft bounces in memory: the bounds, and what the contract catches."""

from __future__ import annotations

import inspect
import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from safeses._budget import MemoryBudget
from safeses._soft_bounces import FORGET_EVERY, KEEP_S, MemorySoftBounces
from safeses._state import ComposedState
from safeses.testing import FakeClock, SoftBouncesContract

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


pytestmark = pytest.mark.race  # threads

DAY_S = 86_400.0
ROOT = Path(__file__).parents[1]


# --- Bounds ------------------------------------------------------------------


def kept(bounces: MemorySoftBounces) -> int:
    """Return how many there are, and that none is counted otherwise."""
    number = sum(map(len, bounces._bounced.values()))  # noqa: SLF001  # what nobody sees may grow
    assert (number, True) == (bounces._size, all(bounces._bounced.values()))  # noqa: SLF001  # the same
    return number


@pytest.mark.parametrize("step_s", [0.0, -400 * DAY_S, 400 * DAY_S])
def test_old_bounces_go(step_s: float) -> None:
    """What both clocks call too old goes, and nothing that one does."""
    clock = FakeClock()
    bounces = MemorySoftBounces(clock=clock)
    began = clock.time()
    bounces.add("a", "e", began, 0)
    clock.step_wall(step_s)
    counts = []
    for at in (began + KEEP_S + 1, began + 60):
        for n in range(FORGET_EVERY):
            bounces.add("b", f"{at} {n}", at, 0)
        counts.append(bounces.count("a", 0))
    clock.advance(KEEP_S + 1)
    for n in range(FORGET_EVERY):
        bounces.add("b", f"f{n}", began + KEEP_S + 1, 0)
    counts.append(bounces.count("a", 0))

    assert {
        0.0: [1, 1, 0],
        -400 * DAY_S: [1, 1, 1],
        400 * DAY_S: [0, 0, 0],
    }[step_s] == counts


def test_nothing_stays() -> None:
    """What was cleared or forgotten takes no room."""
    clock = FakeClock()
    bounces = MemorySoftBounces(clock=clock)
    now = clock.time()
    for n in range(500):
        bounces.add(f"a{n % 100}", f"e{n}", now + n, 0)
    bounces.clear([f"a{n}" for n in range(50)], now + 1_000)
    after_clearing = kept(bounces)
    bounces.forget(now + 1_000)

    assert (250, 0) == (after_clearing, kept(bounces))


def test_full(caplog: pytest.LogCaptureFixture) -> None:
    """When it is full the oldest go, and the log says so once a day."""
    clock = FakeClock()
    bounces = MemorySoftBounces(clock=clock, max_bounces=100)
    most, told = 0, []
    with caplog.at_level(logging.WARNING, "safeses"):
        for step_s in (1, DAY_S / 100):
            for n in range(1_000):
                at = clock.time()
                bounces.add(f"ann{n}@a.example", f"{step_s} {n}", at, 0)
                clock.sleep(step_s)
                most = max(most, kept(bounces))
            told.append(len(caplog.records))
    counts = [bounces.count(f"ann{n}@a.example", 0) for n in (999, 910, 890)]

    assert (100, [1, 10], False, [1, 1, 0]) == (
        most,
        told,
        "@" in caplog.text,
        counts,
    )


def test_full_of_one() -> None:
    """An address that bounces without an end pushes nobody out."""
    clock = FakeClock()
    bounces = MemorySoftBounces(clock=clock, max_bounces=2_000)
    now = clock.time()
    bounces.add("b", "e", now - DAY_S, 0)
    for n in range(3_000):
        bounces.add("a", f"e{n}", now + n, 0)

    assert (1, 1_000, 1_000) == (
        bounces.count("b", 0),
        bounces.count("a", 0),
        bounces.count("a", now + 2_000),
    )


def test_shows_nobody() -> None:
    """Its repr holds no address."""
    bounces = MemorySoftBounces(clock=FakeClock())
    bounces.add("ann@a.example", "e", 0, 0)

    assert "@" not in repr(bounces)


@pytest.mark.parametrize("kind", ["interrupts", "handlers"])
def test_anything_at_any_step(kind: str) -> None:
    """Neither an interrupt nor a signal handler leaves it in disorder."""
    script = [sys.executable, "-W", "error", "-m"]
    ran = subprocess.run(  # noqa: S603  # our own script
        [*script, "tests.bounces_interrupter", kind],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )

    assert ("[]", "") == (ran.stdout, ran.stderr)


class Untold(MemorySoftBounces):
    """Hears of no fork."""

    def after_fork(self) -> None:
        """Do nothing."""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="has no fork")
# Python 3.12 warns of what this test is about.
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork")
def test_fork_that_nobody_tells() -> None:
    """A child need not call `after_fork`: the lock is by process."""
    clock = FakeClock()
    bounces = Untold(clock=clock)

    SoftBouncesContract().test_fork(bounces, clock)

    assert 1 == bounces.count("a", 0)


def test_fork_of_a_state() -> None:
    """A state tells its soft bounces of a fork."""
    told: list[str] = []

    class Noting(MemorySoftBounces):
        def after_fork(self) -> None:
            told.append("forked")

    clock = FakeClock()
    state = ComposedState(
        MemoryBudget(clock), clock=clock, soft_bounces=Noting(clock=clock)
    )
    state.after_fork()

    assert ["forked"] == told


# --- The contract catches what is wrong --------------------------------------


class Contract(SoftBouncesContract):
    """The contract, with little patience for a child that hangs."""

    child_max_s: ClassVar[float] = 3.0


class FoldsCase(MemorySoftBounces):
    """Compares addresses without case."""

    def add(self, address: str, event: str, at: float, since: float) -> int:
        """Note in lower case."""
        return super().add(address.lower(), event, at, since)

    def count(self, address: str, since: float) -> int:
        """Ask in lower case."""
        return super().count(address.lower(), since)


class CountsCalls(MemorySoftBounces):
    """Takes an event that is told again for another."""

    calls = 0

    def add(self, address: str, event: str, at: float, since: float) -> int:
        """Note each call."""
        self.calls += 1
        return super().add(address, f"{event} {self.calls}", at, since)


class KnowsEventsOnce(MemorySoftBounces):
    """Takes an event of two addresses for one."""

    def add(self, address: str, event: str, at: float, since: float) -> int:
        """Note it, unless somebody else has it."""
        if any(event in events for events in self._bounced.values()):
            return self.count(address, since)
        return super().add(address, event, at, since)


class BelievesTheLast(MemorySoftBounces):
    """Takes the time that is told last."""

    def add(self, address: str, event: str, at: float, since: float) -> int:
        """Note it anew."""
        self._bounced.get(address, {}).pop(event, None)
        return super().add(address, event, at, since)


class CountsNow(MemorySoftBounces):
    """Takes its own time for that of the event."""

    def add(self, address: str, event: str, at: float, since: float) -> int:  # noqa: ARG002  # that is wrong with it
        """Note it as of now."""
        return super().add(address, event, self.clock.time(), since)


class CountsBefore(MemorySoftBounces):
    """Leaves the bounce out that is told."""

    def add(self, address: str, event: str, at: float, since: float) -> int:
        """Count, then note."""
        number = self.count(address, since)
        super().add(address, event, at, since)
        return number


class LeavesTheEdge(MemorySoftBounces):
    """Leaves out what happened as a window begins."""

    def count(self, address: str, since: float) -> int:
        """Count what was later."""
        return super().count(address, since + 0.001)


class ClearsAll(MemorySoftBounces):
    """Clears what happened afterwards as well."""

    def clear(self, addresses: Sequence[str], until: float) -> None:
        """Clear all of it."""
        super().clear(addresses, until + KEEP_S)


class ClearsUpTo(MemorySoftBounces):
    """Leaves what happened as the mail was taken."""

    def clear(self, addresses: Sequence[str], until: float) -> None:
        """Clear what was before."""
        super().clear(addresses, max(until - 0.001, 0))


class KeepsAWeek(MemorySoftBounces):
    """Forgets after a week."""

    def add(self, address: str, event: str, at: float, since: float) -> int:
        """Note it, and forget."""
        number = super().add(address, event, at, since)
        self.forget(max(at - 7 * DAY_S, 0))
        return number


class KeepsTheFirst(MemorySoftBounces):
    """Has no room for more than some of one address."""

    def add(self, address: str, event: str, at: float, since: float) -> int:
        """Note it if there is room."""
        if self.count(address, 0) >= 100:
            return self.count(address, since)
        return super().add(address, event, at, since)


class CountsApart(MemorySoftBounces):
    """Lets others in between the note and the count."""

    def add(self, address: str, event: str, at: float, since: float) -> int:
        """Note, then count."""
        super().add(address, event, at, since)
        threading.Event().wait(0.0001)
        return self.count(address, since)


class LockedForEver(MemorySoftBounces):
    """Takes the lock of its parent with it."""

    only = threading.RLock()

    def add(self, address: str, event: str, at: float, since: float) -> int:
        """Note it under a lock that no fork renews."""
        with self.only:
            time.sleep(0.0001)  # others come in between
            return super().add(address, event, at, since)


class ForgetsAtClose(MemorySoftBounces):
    """Writes nothing down."""

    def close(self) -> None:
        """Forget everything."""
        self._bounced.clear()


# What is wrong, which test says so, and with which of its parameters.
CAUGHT: list[tuple[type[MemorySoftBounces], str, dict[str, Any]]] = [
    (FoldsCase, "test_any_text", {"texts": ("Ann", "ann")}),
    (CountsCalls, "test_told_again", {}),
    (KnowsEventsOnce, "test_adds_up", {}),
    (BelievesTheLast, "test_told_again", {}),
    (CountsNow, "test_windows", {}),
    (CountsNow, "test_late", {}),
    (CountsBefore, "test_adds_up", {}),
    (LeavesTheEdge, "test_windows", {}),
    (ClearsAll, "test_clear", {}),
    (ClearsUpTo, "test_clear", {}),
    (KeepsAWeek, "test_kept", {}),
    (KeepsAWeek, "test_ahead", {}),
    (KeepsTheFirst, "test_many_of_one", {}),
    (CountsApart, "test_racing_adds", {}),
    (LockedForEver, "test_fork", {}),
    (ForgetsAtClose, "test_close", {}),
]
# A race is not lost every time.
TRIES = 5


def outcome(
    make: type[MemorySoftBounces], test: str, chosen: dict[str, Any]
) -> str:
    """Return how a test of the contract ends for some soft bounces."""
    clock = FakeClock()
    parts = {"bounces": make(clock=clock), "clock": clock, **chosen}
    method: Callable[..., None] = getattr(Contract(), test)
    wanted = inspect.signature(method).parameters
    try:
        method(**{name: parts[name] for name in wanted})
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
    broken: type[MemorySoftBounces], test: str, chosen: dict[str, Any]
) -> None:
    """Sound soft bounces pass the test that their broken kin fail."""
    if test == "test_fork" and not hasattr(os, "fork"):
        pytest.skip("has no fork")

    end = outcome(MemorySoftBounces, test, chosen)
    ends = (outcome(broken, test, chosen) for _ in range(TRIES))

    assert ("passes", True) == (end, "fails" in ends)
