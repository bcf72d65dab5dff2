"""
Ends a keyed send at each of its steps, or anywhere, and looks what is left.

Runs as a process of its own, which prints what went wrong: tracing is for
a whole thread, and a measured one is traced already.
"""

from __future__ import annotations

import ctypes
import itertools
import json
import logging
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.fake_ses import FakeSES

from safeses import Client, Email, Limits, OutcomeUnknownError
from safeses.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable

LEASES_S = 100.0
DEATHS = 300
# How each kind of end is named; all are waited for, if not for ever.
ENDS = {"free 0", "accepted 1", "unknown 1"}
HANGS_S = 120
# Where each instruction counts; elsewhere each line does.
CLOSELY = ("_driver.py", "_call.py", "_direct.py", "_memory.py", "_ledger.py")


def is_product(name: str) -> bool:
    """Whether a file is ours, or our SES; the fake clock is only a tool."""
    if "testing" in name:
        return False
    return "safeses" in name or name.endswith("fake_ses.py")


def interrupted(act: Callable[[], object], step: int) -> bool:
    """Interrupt *act* at a step; say whether there was one."""
    left = step

    def trace(frame: Any, event: str, _: object) -> Any:
        nonlocal left
        name = frame.f_code.co_filename
        if not is_product(name):
            return None
        closely = name.endswith(CLOSELY)
        frame.f_trace_opcodes = closely
        left -= event == ("opcode" if closely else "line")
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


@attrs.define(eq=False)
class Desk:
    """A client, and what it has sent."""

    clock: FakeClock
    ses: FakeSES
    client: Client
    ends: Counter[str] = attrs.field(factory=Counter)

    @classmethod
    def open(cls, state: str) -> Desk:
        """Open one; nothing is loaded later than this."""
        clock = FakeClock()
        ses: Any = FakeSES()
        client = Client(
            ses, state=state, clock=clock, limits=Limits(per_second=10_000)
        )
        desk = cls(clock, ses, client)
        desk.send("the first")
        desk.wrong_with("the first")
        return desk

    def send(self, key: str) -> object:
        """Send a mail that is named by its key."""
        mail = Email(
            from_email="shop@a.example",
            to="eva@b.example",
            subject=key,
            text="Thank you.",
        )
        try:
            return self.client.send(mail, idempotency_key=key)
        except OutcomeUnknownError as error:
            return error

    def copies(self, key: str) -> int:
        """Return how many mails of that key SES has."""
        return sum(
            sent["Content"]["Simple"]["Subject"]["Data"] == key
            for sent in self.ses.sent[-9:]
        )

    def wrong_with(self, key: str) -> list[str]:
        """Compare what SES and the ledger have of a key; then repeat it."""
        self.clock.advance(LEASES_S)
        outcomes = self.client.ledger
        name = outcomes.job_id(key)
        found = outcomes.store.look_up(name)
        state = found.record.state if found else "free"
        copies = self.copies(key)
        self.ends[f"{state} {copies}"] += 1
        wrong = []
        if copies and state not in {"accepted", "unknown"}:
            wrong.append(f"{state}, but SES has {copies}")
        if state == "accepted" and not copies:
            wrong.append("accepted, but SES has it not")
        if state == "unknown":
            if not any(send.tag == name for send in outcomes.unknown()):
                wrong.append("unknown, but not listed")
            outcomes.resolve(key, "sent" if copies else "not_sent")
        self.send(key)
        if self.copies(key) != 1:
            wrong.append(f"{state}, in the end {self.copies(key)} copies")
        return [f"{key}: {one}" for one in wrong]


def interrupts(state: str) -> tuple[list[str], Counter[str]]:
    """Interrupt a send at every step."""
    desk = Desk.open(state)
    wrong: list[str] = []
    with closing(desk.client):
        for step in itertools.count(1):
            key = f"step-{step}"
            goes_on = interrupted(lambda: desk.send(key), step)  # noqa: B023  # called at once
            wrong += desk.wrong_with(key)
            if not goes_on:
                break
    return wrong, desk.ends


def deaths(state: str) -> tuple[list[str], Counter[str]]:
    """Let threads die, anywhere in their sends."""
    desk = Desk.open(state)
    wrong: list[str] = []
    wait = random.Random(7)  # noqa: S311  # no secret
    # Else a thread ends only where it waits for the system.
    sys.setswitchinterval(1e-6)
    with closing(desk.client):
        gives_up_at = time.monotonic() + HANGS_S
        for death in itertools.count():
            enough = death >= DEATHS and desk.ends.keys() >= ENDS
            if enough or time.monotonic() > gives_up_at:
                break
            keys: list[str] = []

            def act(keys: list[str] = keys, death: int = death) -> None:
                try:
                    for number in itertools.count():
                        keys.append(f"death-{death}-{number}")
                        desk.send(keys[-1])
                except SystemExit:
                    pass

            thread = threading.Thread(target=act)
            thread.start()
            while not keys:
                time.sleep(0.001)
            time.sleep(wait.uniform(0.0, 0.005))
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(thread.ident or 0),
                ctypes.py_object(SystemExit),
            )
            thread.join()
            wrong += desk.wrong_with(keys[-1])
    return wrong, desk.ends


def main(kind: str, engine: str) -> None:
    """Say what was wrong, and how often a send ended how."""
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        file = f"sqlite:///{folder}/mail.db"
        state = file if engine == "sqlite" else "memory:"
        wrong, ends = {"interrupts": interrupts, "deaths": deaths}[kind](state)
    sys.stdout.write(json.dumps([wrong, ends]))


if __name__ == "__main__":
    main(*sys.argv[1:])
