"""
Stops soft bounces at each step, or lets a handler act there.

Runs as a process of its own, which prints what went wrong: tracing is for
a whole thread, and a measured one is traced already.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import TYPE_CHECKING

from tests.facts_interrupter import joined
from tests.interrupter import interrupted

from safeses._soft_bounces import MemorySoftBounces
from safeses.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable

    Act = Callable[[MemorySoftBounces], object]

FILE = "_soft_bounces.py"
HOUR_S = 3_600.0
NOW = FakeClock().time()
MAX = 12


def used() -> MemorySoftBounces:
    """Return nearly full soft bounces, soon to look for old ones."""
    bounces = MemorySoftBounces(clock=FakeClock(), max_bounces=MAX)
    for n in range(4):
        bounces.add("stays", f"e{n}", NOW - n, 0)
        bounces.add(f"goes {n}", "e", NOW - 40 * 24 * HOUR_S, 0)
    for n in range(3):
        bounces.add("cleared", f"e{n}", NOW - HOUR_S, 0)
    return bounces


ACTS: dict[str, Act] = {
    "add": lambda b: b.add("new", "e", NOW, 0),
    "add more": lambda b: [b.add("new", f"f{n}", NOW, 0) for n in range(3)],
    "add anew": lambda b: b.add("cleared", "e9", NOW, 0),
    "count": lambda b: b.count("stays", NOW - 9),
    "clear": lambda b: b.clear(["cleared", "new"], NOW - HOUR_S),
    "forget": lambda b: b.forget(NOW - 2 * HOUR_S),
}
# What is there once an act has ended.
NOTED: dict[str, tuple[str, int]] = {
    "add": ("new", 1),
    "add more": ("new", 3),
    "add anew": ("cleared", 1),
}


def wrong_with(bounces: MemorySoftBounces) -> list[str]:
    """Return what is wrong with soft bounces."""
    wrong = []
    size = sum(map(len, bounces._bounced.values()))  # noqa: SLF001  # what nobody sees may grow
    if size > bounces._size:  # noqa: SLF001  # the same
        wrong.append(f"{size} bounces, and {bounces._size} counted")  # noqa: SLF001  # the same
    counted = bounces.count("stays", NOW - HOUR_S)
    if counted != 4:
        wrong.append(f"{counted} of 4 stay")
    for n in range(3 * MAX):
        bounces.add(f"later {n % 20}", f"e{n}", NOW + n, 0)
    size = sum(map(len, bounces._bounced.values()))  # noqa: SLF001  # the same
    if size > MAX + 1:
        wrong.append(f"{size} bounces")
    bounces.forget(NOW + 90 * HOUR_S)
    if any(bounces._bounced.values()):  # noqa: SLF001  # the same
        wrong.append("something stays for ever")
    return wrong


def interrupts() -> list[str]:
    """Interrupt every act at every step."""
    wrong = []
    for name, act in ACTS.items():
        step, goes_on = 0, True
        while goes_on:
            step += 1
            bounces = used()
            goes_on = interrupted(lambda: act(bounces), step, FILE)  # noqa: B023  # called at once
            wrong += [f"{name}, step {step}: {w}" for w in wrong_with(bounces)]
    return wrong


def handlers() -> list[str]:
    """Let a signal handler do each act amid every act."""
    wrong = []
    for name, act in ACTS.items():
        for other_name, other in ACTS.items():
            step, goes_on = 0, True
            while goes_on:
                step += 1
                bounces = used()
                goes_on = joined(
                    lambda: act(bounces),  # noqa: B023  # called at once
                    step,
                    FILE,
                    lambda: other(bounces),  # noqa: B023  # the same
                )
                told = []
                for noted in {name, other_name} & {*NOTED}:
                    address, least = NOTED[noted]
                    counted = bounces.count(address, NOW)
                    if goes_on and counted < least:
                        told.append(f"{counted} of {least} by {noted}")
                told += wrong_with(bounces)
                wrong += [
                    f"{name}, {other_name}, call {step}: {w}" for w in told
                ]
    return wrong


if __name__ == "__main__":
    logging.getLogger("safeses").addHandler(logging.NullHandler())
    kinds = {"interrupts": interrupts, "handlers": handlers}
    sys.stdout.write(json.dumps(kinds[sys.argv[1]]()))
