"""
Stops seen events and counters at each step, or lets a handler act there.

Runs as a process of its own, which prints what went wrong: tracing is for
a whole thread, and a measured one is traced already.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import TYPE_CHECKING, Any

from tests.interrupter import interrupted

from safeses._counters import MemoryCounters
from safeses._seen import MemorySeenEvents
from safeses.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable

HOUR_S = 3_600.0


def joined(
    act: Callable[[], object],
    step: int,
    file: str,
    other: Callable[[], object],
) -> bool:
    """Do *other* after a call of *act*, as a signal handler would."""
    left = step

    def profile(frame: Any, event: str, _: object) -> None:
        nonlocal left
        if frame.f_code.co_filename.endswith(file):
            left -= event in {"c_return", "return"}
            if not left:
                sys.setprofile(None)
                left = -1
                other()

    sys.setprofile(profile)
    try:
        act()
    finally:
        sys.setprofile(None)
    return left < 0


def used_seen() -> MemorySeenEvents:
    """Return a full store, with marks and leases that are over."""
    clock = FakeClock()
    seen = MemorySeenEvents(clock=clock, max_marks=8)
    for n in range(3):
        seen.mark(f"old {n}", "log", HOUR_S / 2)
        seen.hold(f"old {n}", HOUR_S / 2, "eva")
    seen.mark("stays", "log", 9 * HOUR_S)
    seen.hold("stays", 9 * HOUR_S, "ann")
    for n in range(4):
        seen.mark(f"goes {n}", "log", 2 * HOUR_S)
    clock.advance(HOUR_S)
    return seen


SEEN_ACTS: dict[str, Callable[[MemorySeenEvents], object]] = {
    "mark": lambda s: s.mark("e", "log", 5 * HOUR_S),
    "mark again": lambda s: s.mark("old 2", "log", 5 * HOUR_S),
    "hold": lambda s: s.hold("e", HOUR_S, "ann"),
    "hold again": lambda s: s.hold("stays", 9 * HOUR_S, "ann"),
    "take over": lambda s: s.hold("old 1", HOUR_S, "ann"),
    "release": lambda s: s.release("stays", "bob"),
    "purge": lambda s: s.purge(),
}


def wrong_with_seen(seen: MemorySeenEvents) -> list[str]:
    """Return in what the answers of a store contradict each other."""
    wrong = []
    if not seen.has("stays", "log") or seen.hold("stays", 1, "bob"):
        wrong.append("something is lost")
    if seen.has("old 0", "log") or not seen.hold("old 0", 1, "bob"):
        wrong.append("something has no end")
    marked = [seen.mark(f"new {n}", "log", 20 * HOUR_S + n) for n in range(20)]
    if not all(marked):
        wrong.append("something cannot be marked")
    seen.clock.sleep(30 * HOUR_S)
    seen.purge()
    if seen.purge() or seen._marks or seen._ends or seen._holds:  # noqa: SLF001  # what nobody sees may grow
        wrong.append("something stays for ever")
    return wrong


def seen_interrupts() -> list[str]:
    """Interrupt every act at every step."""
    wrong = []
    for name, act in SEEN_ACTS.items():
        step, goes_on = 0, True
        while goes_on:
            step += 1
            seen = used_seen()
            goes_on = interrupted(lambda: act(seen), step, "_seen.py")  # noqa: B023  # called at once
            wrong += [
                f"{name}, step {step}: {w}" for w in wrong_with_seen(seen)
            ]
    return wrong


def seen_handlers() -> list[str]:
    """Let a signal handler do each act amid every act."""
    wrong = []
    for name, act in SEEN_ACTS.items():
        for other_name, other in SEEN_ACTS.items():
            step, goes_on = 0, True
            while goes_on:
                step += 1
                seen = used_seen()
                said: list[object] = []
                goes_on = joined(
                    lambda: said.append(act(seen)),  # noqa: B023  # called at once
                    step,
                    "_seen.py",
                    lambda: said.append(other(seen)),  # noqa: B023  # the same
                )
                told = wrong_with_seen(seen)
                if goes_on and name == other_name and "mark" in name:
                    told += (
                        []
                        if [*map(bool, said)].count(True) == 1
                        else [f"marked {said}"]
                    )
                wrong += [
                    f"{name}, {other_name}, call {step}: {w}" for w in told
                ]
    return wrong


NOW = FakeClock().time()


def used_counters() -> MemoryCounters:
    """Return nearly full counters."""
    counters = MemoryCounters(clock=FakeClock(), max_counts=10)
    for hours in range(9):
        counters.add("s", {"a": 1}, NOW - hours * HOUR_S)
    return counters


COUNTER_ACTS: dict[str, Callable[[MemoryCounters], object]] = {
    "add": lambda c: c.add("s", {"b": 1}, NOW),
    "add more": lambda c: c.add("s", {"a": 1, "c": 2, "d": 3}, NOW),
    "begin": lambda c: c.add("s", {"b": 1, "e": 1}, NOW + HOUR_S),
    "totals": lambda c: c.totals("s", ["a"], 0),
    "forget": lambda c: c.forget(NOW - 3.5 * HOUR_S),
}


def wrong_with_counters(counters: MemoryCounters) -> list[str]:
    """Return what is wrong with counters."""
    wrong = []
    # What is added may drop the oldest; the latest is always there.
    total = counters.totals("s", ["a"], NOW - 2.5 * HOUR_S)["a"]
    if total < 3:
        wrong.append(f"only {total} of 3")
    for n in range(30):
        counters.add("t", {"z": 1}, NOW + n * HOUR_S)
    size = sum(map(len, counters._buckets.values()))  # noqa: SLF001  # what nobody sees may grow
    if size > 12:
        wrong.append(f"{size} counts")
    return wrong


def counter_interrupts() -> list[str]:
    """Interrupt every act at every step."""
    wrong = []
    for name, act in COUNTER_ACTS.items():
        step, goes_on = 0, True
        while goes_on:
            step += 1
            counters = used_counters()
            goes_on = interrupted(lambda: act(counters), step, "_counters.py")  # noqa: B023  # called at once
            wrong += [
                f"{name}, step {step}: {w}"
                for w in wrong_with_counters(counters)
            ]
    return wrong


def counter_handlers() -> list[str]:
    """Let a signal handler count amid every act."""
    wrong = []
    for name, act in COUNTER_ACTS.items():
        for other_name, other in COUNTER_ACTS.items():
            step, goes_on = 0, True
            while goes_on:
                step += 1
                counters = used_counters()
                goes_on = joined(
                    lambda: act(counters),  # noqa: B023  # called at once
                    step,
                    "_counters.py",
                    lambda: other(counters),  # noqa: B023  # the same
                )
                told = []
                expected = 1 + (name, other_name).count("add more")
                total = counters.totals("s", ["a"], NOW - 60)["a"]
                if goes_on and total != expected:
                    told.append(f"{total} of {expected} are counted")
                told += wrong_with_counters(counters)
                wrong += [
                    f"{name}, {other_name}, call {step}: {w}" for w in told
                ]
    return wrong


if __name__ == "__main__":
    logging.getLogger("safeses").addHandler(logging.NullHandler())
    kinds = {
        "seen interrupts": seen_interrupts,
        "seen handlers": seen_handlers,
        "counters interrupts": counter_interrupts,
        "counters handlers": counter_handlers,
    }
    sys.stdout.write(json.dumps(kinds[sys.argv[1]]()))
