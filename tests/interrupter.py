"""
Stops an act at each of its steps, or lets something happen there.

Runs as a process of its own, which prints what went wrong: tracing is for
a whole thread, and a measured one is traced already.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safeses.suppression import (
    MemorySuppressionStore,
    Suppression,
    Suppressions,
)
from safeses.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable

    Act = Callable[[MemorySuppressionStore], object]

ANN = "ann@a.example"
BOB = "bob@a.example"
MINUTE_S = 60.0
STEPS = 600
STAYING = [Suppression(address=f"p{n}@a.example") for n in range(4)]
LEAVING = [Suppression(address=f"q{n}@a.example") for n in range(1_004)]


def interrupted(act: Callable[[], object], step: int, *files: str) -> bool:
    """Interrupt *act* at a step of *files*; say whether there was one."""
    left = step

    def trace(frame: Any, event: str, _: object) -> Any:
        nonlocal left
        if not frame.f_code.co_filename.endswith(files):
            return None
        frame.f_trace_opcodes = True
        left -= event == "opcode"
        if not left:
            sys.settrace(None)
            raise KeyboardInterrupt
        return trace

    sys.settrace(trace)
    try:
        act()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(None)
    return False


def joined(
    act: Callable[[], object], step: int, other: Callable[[], object]
) -> bool:
    """Do *other* after a call of *act*, as a signal handler would."""
    left = step

    def profile(frame: Any, event: str, _: object) -> None:
        nonlocal left
        if frame.f_code.co_filename.endswith("_memory.py"):
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


def in_s(store: MemorySuppressionStore, seconds: float) -> dt.datetime:
    """Return the instant so many seconds from now."""
    now = store.clock.time()
    return dt.datetime.fromtimestamp(now + seconds, dt.timezone.utc)


def used_store(*, has_gaps: bool) -> MemorySuppressionStore:
    """Return a store with some entries, one of them over."""
    clock = FakeClock()
    store = MemorySuppressionStore(clock=clock)
    store.add(STAYING)
    if has_gaps:  # so many that with one more it is packed
        store.add(LEAVING)
        store.remove([entry.address for entry in LEAVING])
    store.add([Suppression(address=BOB, expires_at=in_s(store, MINUTE_S))])
    clock.advance(MINUTE_S)
    return store


def wrong_with(store: MemorySuppressionStore) -> list[str]:
    """Return in what the answers of a store contradict each other."""
    wrong = []
    listed = [(e.address, e.stream) for e in store.page(limit=9_999).entries]
    if len(listed) != len({*listed}):
        wrong.append("listed twice")
    if len(listed) != store.count():
        wrong.append(f"{store.count()} counted, {len(listed)} listed")
    store.purge()
    if store.purge() or any(
        entry.is_over(in_s(store, 0))
        for entry in store.page(limit=9_999).entries
    ):
        wrong.append("not purged")
    people = [entry.address for entry in STAYING]
    if people != [*store.find(people)]:
        wrong.append("somebody is lost")
    return wrong


ACTS: dict[str, Act] = {
    "add": lambda s: s.add([Suppression(address=ANN)]),
    "add for a while": lambda s: s.add(
        [Suppression(address=ANN, expires_at=in_s(s, 1))]
    ),
    "replace": lambda s: s.add([Suppression(address=BOB)]),
    "remove": lambda s: s.remove([ANN, BOB]),
    "purge": lambda s: s.purge(),
}
PACKING = {"remove", "purge"}


def interrupts() -> list[str]:
    """Interrupt every act at every step."""
    wrong = []
    for name, act in ACTS.items():
        step, goes_on = 0, True
        while goes_on:
            # After so many it is about the rows of the log, one by one.
            step += 1 if step < STEPS else STEPS
            store = used_store(has_gaps=name in PACKING)
            goes_on = interrupted(lambda: act(store), step, "_memory.py")  # noqa: B023  # called at once
            wrong += [f"{name}, step {step}: {w}" for w in wrong_with(store)]
    return wrong


def handlers() -> list[str]:
    """Let a signal handler add amid every act."""
    wrong = []
    for name, act in ACTS.items():
        for stream in ("", "news"):
            step, goes_on = 0, True
            entry = Suppression(address=ANN, stream=stream)
            while goes_on:
                step += 1
                store = used_store(has_gaps=name in PACKING)
                goes_on = joined(
                    lambda: act(store),  # noqa: B023  # called at once
                    step,
                    lambda: store.add([entry]),  # noqa: B023  # the same
                )
                told = wrong_with(store)
                if goes_on and name != "remove":
                    kept = [
                        e.stream
                        for e in store.page().entries
                        if e.address == ANN and e.expires_at is None
                    ]
                    if stream not in kept:
                        told.append("the handler's entry is lost")
                wrong += [f"{name}, {stream}, call {step}: {w}" for w in told]
    return wrong


def exports() -> list[str]:
    """Interrupt an export at every step."""
    store = used_store(has_gaps=False)
    suppressions = Suppressions(store, store.clock)
    wrong = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "list"
        suppressions.export_file(path)
        whole = path.read_bytes()
        step, goes_on = 0, True
        while goes_on:
            step += 1
            path.write_text("old")
            goes_on = interrupted(
                lambda: suppressions.export_file(path), step, "_export.py"
            )
            if path.read_bytes() not in {b"old", whole}:
                wrong.append(f"step {step}: half a file")
            for left in folder.iterdir():
                if left != path:
                    wrong.append(f"step {step}: {left.name} is left")
                    left.unlink()
    return wrong


if __name__ == "__main__":
    kinds = {
        "interrupts": interrupts,
        "handlers": handlers,
        "exports": exports,
    }
    sys.stdout.write(json.dumps(kinds[sys.argv[1]]()))
