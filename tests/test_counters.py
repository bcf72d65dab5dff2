"""Counters in memory: the bounds, and what the contract catches."""

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

from safeses._counters import BUCKET_S, KEEP_S, MemoryCounters
from safeses.testing import CountersContract, FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


pytestmark = pytest.mark.race  # threads

DAY_S = 86_400.0
ROOT = Path(__file__).parents[1]


# --- Bounds ------------------------------------------------------------------


@pytest.mark.parametrize("step_s", [0.0, -400 * DAY_S, 400 * DAY_S])
def test_old_counts_go(step_s: float) -> None:
    """What both clocks call too old goes, and nothing that one does."""
    clock = FakeClock()
    counters = MemoryCounters(clock=clock)
    began = clock.time()
    counters.add("s", {"a": 1}, began)
    clock.step_wall(step_s)
    later = [began + KEEP_S + BUCKET_S, began + 60]
    totals = []
    for at in later:
        counters.add("s", {"a": 1}, at)
        totals.append(counters.totals("s", ["a"], began)["a"])
    clock.advance(KEEP_S + BUCKET_S)
    counters.add("s", {"a": 1}, began + KEEP_S + 2 * BUCKET_S)
    totals.append(counters.totals("s", ["a"], began)["a"])

    assert {
        0.0: [2, 3, 2],
        -400 * DAY_S: [2, 3, 4],
        400 * DAY_S: [1, 2, 2],
    }[step_s] == totals


def test_full(caplog: pytest.LogCaptureFixture) -> None:
    """When it is full the oldest counts go, and the log says so once."""
    clock = FakeClock()
    counters = MemoryCounters(clock=clock, max_counts=100)
    with caplog.at_level(logging.WARNING, "safeses"):
        for n in range(1_000):
            counters.add("s", {"a": 1}, clock.time())
            clock.sleep(BUCKET_S if n < 200 else 1)
        told = len(caplog.records)
        recent = counters.totals("s", ["a"], clock.time() - 850)["a"]
    kept = counters.totals("s", ["a"], 0)["a"]

    assert (1, True, True) == (told, recent >= 800, recent < kept < 950)


def test_full_of_names() -> None:
    """A flood of names in one bucket is bounded, too."""
    clock = FakeClock()
    counters = MemoryCounters(clock=clock, max_counts=100)
    counters.add("s", {str(n): 1 for n in range(1_000)}, clock.time())
    counters.add("s", {"a": 1}, clock.time())

    assert {"a": 1, "7": 0} == counters.totals("s", ["a", "7"], 0)


@pytest.mark.parametrize("kind", ["interrupts", "handlers"])
def test_anything_at_any_step(kind: str) -> None:
    """Neither an interrupt nor a signal handler leaves it in disorder."""
    script = [sys.executable, "-W", "error", "-m", "tests.facts_interrupter"]
    ran = subprocess.run(  # noqa: S603  # our own script
        [*script, f"counters {kind}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )

    assert ("[]", "") == (ran.stdout, ran.stderr)


class Untold(MemoryCounters):
    """Hears of no fork."""

    def after_fork(self) -> None:
        """Do nothing."""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="has no fork")
# Python 3.12 warns of what this test is about.
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork")
def test_fork_that_nobody_tells() -> None:
    """A child need not call `after_fork`: the lock is by process."""
    clock = FakeClock()
    counters = Untold(clock=clock)

    CountersContract().test_fork(counters, clock)

    assert {"a": 1} == counters.totals("s", ["a"], 0)


# --- The contract catches what is wrong --------------------------------------


class Contract(CountersContract):
    """The contract, with little patience for a child that hangs."""

    child_max_s: ClassVar[float] = 3.0


class Spoilt(MemoryCounters):
    """Sound counters, which those below spoil."""

    def counted(self, scope: str, name: str) -> int:
        """Return what was counted at any time."""
        return super().totals(scope, [name], 0)[name]


class FoldsCase(Spoilt):
    """Compares names without case."""

    def add(self, scope: str, counts: Mapping[str, int], at: float) -> None:
        """Count in lower case."""
        for name, n in counts.items():
            super().add(scope, {name.lower(): n}, at)

    def totals(self, scope: str, names: Sequence[str], *span: Any) -> Any:
        """Ask in lower case."""
        return {
            name: super(FoldsCase, self).totals(scope, [name.lower()], *span)[
                name.lower()
            ]
            for name in names
        }


class JoinsTexts(Spoilt):
    """Puts scope and name together in a way that is not unique."""

    def add(self, scope: str, counts: Mapping[str, int], at: float) -> None:
        """Count under one text."""
        for name, n in counts.items():
            super().add("", {f"{scope}/{name}": n}, at)

    def totals(self, scope: str, names: Sequence[str], *span: Any) -> Any:
        """Ask for one text."""
        return {
            name: super(JoinsTexts, self).totals(
                "", [f"{scope}/{name}"], *span
            )[f"{scope}/{name}"]
            for name in names
        }


class LeavesZerosOut(Spoilt):
    """Says nothing of what was not counted."""

    def totals(self, scope: str, names: Sequence[str], *span: Any) -> Any:
        """Return what there is."""
        found = super().totals(scope, names, *span)
        return {name: n for name, n in found.items() if n}


class CountsNow(Spoilt):
    """Takes its own time for that of the event."""

    def add(self, scope: str, counts: Mapping[str, int], at: float) -> None:  # noqa: ARG002  # that is wrong with it
        """Count now."""
        super().add(scope, counts, self.clock.time())


class DropsLate(Spoilt):
    """Takes only what is later than all before."""

    last = 0.0

    def add(self, scope: str, counts: Mapping[str, int], at: float) -> None:
        """Count, if it is late enough."""
        if at >= self.last:
            self.last = at
            super().add(scope, counts, at)


class CutsTheFirst(Spoilt):
    """Leaves the bucket out in which a span begins."""

    def totals(
        self,
        scope: str,
        names: Sequence[str],
        since: float,
        until: float | None = None,
    ) -> dict[str, int]:
        """Return the whole buckets."""
        first = -(-since // BUCKET_S) * BUCKET_S
        return super().totals(scope, names, first, until)


class HasDays(Spoilt):
    """Has buckets that are too long."""

    def totals(
        self,
        scope: str,
        names: Sequence[str],
        since: float,
        until: float | None = None,
    ) -> dict[str, int]:
        """Return what happened since midnight."""
        return super().totals(scope, names, since // DAY_S * DAY_S, until)


class KeepsADay(Spoilt):
    """Forgets after a day."""

    def add(self, scope: str, counts: Mapping[str, int], at: float) -> None:
        """Count, and forget."""
        super().add(scope, counts, at)
        self.forget(max(at - DAY_S, 0))


class BelievesEvents(Spoilt):
    """Lets an event that is ahead end all the others."""

    def add(self, scope: str, counts: Mapping[str, int], at: float) -> None:
        """Count, and forget by the time of the event."""
        super().add(scope, counts, at)
        self.forget(max(at - KEEP_S, 0))


class CountsSome(Spoilt):
    """Counts one after the other, until one is refused."""

    def add(self, scope: str, counts: Mapping[str, int], at: float) -> None:
        """Count each for itself."""
        for name, n in counts.items():
            super().add(scope, {name: n}, at)


class HasFloats(Spoilt):
    """Keeps numbers of single precision."""

    def totals(self, scope: str, names: Sequence[str], *span: Any) -> Any:
        """Return numbers of seven digits."""
        found = super().totals(scope, names, *span)
        return {name: int(float(f"{n:.7g}")) for name, n in found.items()}


class KeepsOneScope(Spoilt):
    """Forgets in one scope."""

    def forget(self, before: float) -> None:
        """Forget, but not all."""
        later = super().totals("t", ["a"], before)
        earlier = self.counted("t", "a") - later["a"]
        super().forget(before)
        super().add("t", {"a": earlier}, before)


class ReadsThenWrites(Spoilt):
    """Adds to what it has read before."""

    def add(self, scope: str, counts: Mapping[str, int], at: float) -> None:
        """Read, then write."""
        for name, n in counts.items():
            number, key = int(at // BUCKET_S), f"{scope}\n{name}"
            bucket = self._buckets.setdefault(number, {})
            read = bucket.get(key, 0)
            threading.Event().wait(0.0001)
            bucket[key] = read + n


class LockedForEver(Spoilt):
    """Takes the lock of its parent with it."""

    only = threading.RLock()

    def add(self, scope: str, counts: Mapping[str, int], at: float) -> None:
        """Count under a lock that no fork renews."""
        with self.only:
            time.sleep(0.0001)  # others come in between
            super().add(scope, counts, at)


class ForgetsAtClose(Spoilt):
    """Writes nothing down."""

    def close(self) -> None:
        """Forget everything."""
        self._buckets.clear()


CUT = {"offset_s": 59.999}

# What is wrong, which test says so, and with which of its parameters.
CAUGHT: list[tuple[type[Spoilt], str, dict[str, Any]]] = [
    (FoldsCase, "test_any_text", {"texts": ("Bounce", "bounce")}),
    (JoinsTexts, "test_joined_texts", {"pairs": (("a", "b/c"), ("a/b", "c"))}),
    (LeavesZerosOut, "test_sums", {}),
    (CountsNow, "test_spans", {}),
    (CountsNow, "test_late", {}),
    (DropsLate, "test_late", {}),
    (CutsTheFirst, "test_never_too_few", CUT),
    (HasDays, "test_spans", {}),
    (KeepsADay, "test_kept", {}),
    (BelievesEvents, "test_ahead", {}),
    (CountsSome, "test_no_count", {"count": -1}),
    (HasFloats, "test_large", {}),
    (KeepsOneScope, "test_forget", {}),
    (ReadsThenWrites, "test_racing_adds", {}),
    (LockedForEver, "test_fork", {}),
    (ForgetsAtClose, "test_close", {}),
]


# A race is not lost every time.
TRIES = 5


def outcome(make: type[Spoilt], test: str, chosen: dict[str, Any]) -> str:
    """Return how a test of the contract ends for some counters."""
    clock = FakeClock()
    parts = {"counters": make(clock=clock), "clock": clock, **chosen}
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
    broken: type[Spoilt], test: str, chosen: dict[str, Any]
) -> None:
    """Sound counters pass the test that their broken kin fail."""
    if test == "test_fork" and not hasattr(os, "fork"):
        pytest.skip("has no fork")

    end = outcome(Spoilt, test, chosen)
    ends = (outcome(broken, test, chosen) for _ in range(TRIES))

    assert ("passes", True) == (end, "fails" in ends)
