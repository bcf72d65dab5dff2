"""Processes that receive the same events, and are killed amid them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from tests.receiving import ses_event

from safeses import Client
from safeses.testing import StubSES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.server

PROCESSES = 4
EVENTS = 40
HANGS_S = 60.0
LEASE_S = 0.5
# Its events are far away from now.
WHOLE_TIME = (0.0, 9_999_999_999.0)
SCOPE = "safeses/eu-west-1"
# Says that it is ready, waits for a line, receives all of its events, and
# says what came of them. It may be killed at a call of the marks.
PROGRAM = """
import json, os, signal, sys
from safeses import Client
from safeses.events import Bounce
from safeses.feedback._receiver import Receiver
from safeses.sqlite import SqliteState
from safeses.testing import StubSES

path, effects, dies, lease_s = sys.argv[1:]

def at(point):
    if point == dies:
        os.kill(os.getpid(), signal.SIGKILL)

def wrapped(name, call):
    def act(event, *args):
        by = f" {args[0]}" if name == "mark" else ""
        at(f"before {name}{by}")
        answer = call(event, *args)
        at(f"after {name}{by}")
        return answer
    return act

state = SqliteState.open(path, timeout_s=60)

class Seen:
    engine = "sqlite"
    has = state.seen.has
    hold, mark, release = (
        staticmethod(wrapped(name, getattr(state.seen, name)))
        for name in ("hold", "mark", "release")
    )
    after_fork = close = purge = lambda self: 0

class Suppressions:
    def __getattr__(self, name):
        return getattr(kept, name)
    def add(self, *args, **more):
        at("before suppress")
        answer = kept.add(*args, **more)
        at("after suppress")
        return answer

ses = Client(StubSES(), region="eu-west-1", state=state)
receiver = Receiver(ses, lease_s=float(lease_s))
kept, state.suppressions = state.suppressions, Suppressions()
state.seen = Seen()

@ses.on(Bounce, name="note")
def note(event):
    at("before hook")
    with open(effects, "a") as file:
        file.write(event.mail.message_id + "\\n")
    at("after hook")

print("ready", flush=True)
events = json.loads(sys.stdin.readline())
said = [receiver.receive(event).handled[0].status for event in events]
print(json.dumps(said), flush=True)
ses.close()
"""


@attrs.define
class World:
    """
    What processes share.

    Attributes:
        folder: Where their files are.
        stack: What ends them.
    """

    folder: Path
    stack: ExitStack

    def start(
        self, dies: str = "", lease_s: float = LEASE_S
    ) -> subprocess.Popen[str]:
        """Start a process that is ready to receive."""
        arguments = [self.path, self.effects, dies, str(lease_s)]
        process = self.stack.enter_context(
            subprocess.Popen(  # noqa: S603  # a program of this test
                [sys.executable, "-c", PROGRAM, *map(str, arguments)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        self.stack.callback(process.kill)
        assert process.stdout is not None
        assert "ready\n" == process.stdout.readline()
        return process

    @property
    def path(self) -> Path:
        """Where the state is."""
        return self.folder / "mail.db"

    @property
    def effects(self) -> Path:
        """What hooks did."""
        return self.folder / "effects"

    def left(self) -> dict[str, Any]:
        """Return what is left of it all."""
        effects = Counter(
            self.effects.read_text().split() if self.effects.exists() else []
        )
        with Client(StubSES(), state=f"sqlite:///{self.path}") as ses:
            parts = ses.feedback_parts
            counted = parts.counters.totals(SCOPE, ["/bounce"], *WHOLE_TIME)
            suppressed = parts.suppressions.count()
        return {
            "effects": effects,
            "counted": counted["/bounce"],
            "suppressed": suppressed,
        }


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Return a place that processes share."""
    with ExitStack() as stack:
        yield World(tmp_path, stack)


def receive(
    process: subprocess.Popen[str], events: list[dict[str, Any]]
) -> None:
    """Let a process begin."""
    assert process.stdin is not None
    process.stdin.write(json.dumps(events) + "\n")
    process.stdin.flush()


def said(process: subprocess.Popen[str]) -> list[str]:
    """Return what came of its events."""
    output, _ = process.communicate(timeout=HANGS_S)
    return json.loads(output) if output else []


def bounce(number: int) -> dict[str, Any]:
    """Return one of many bounces."""
    return ses_event(
        "Bounce",
        f"m-{number}",
        source="shop@a.example",
        destination=["eva@b.example"],
    )


def test_the_same_events_at_once(world: World) -> None:
    """Of four processes one handles each; counted and told once."""
    processes = [world.start(lease_s=30.0) for _ in range(PROCESSES)]
    events = [bounce(number) for number in range(EVENTS)]
    for process in processes:
        receive(process, events)
    statuses = Counter(
        status for process in processes for status in said(process)
    )
    others = statuses["busy"] + statuses["duplicate"]
    left = world.left()

    assert (
        EVENTS,
        EVENTS * (PROCESSES - 1),
        {f"m-{number}": 1 for number in range(EVENTS)},
        EVENTS,
        1,
    ) == (
        statuses["done"],
        others,
        dict(left["effects"]),
        left["counted"],
        left["suppressed"],
    )


@pytest.mark.parametrize(
    "dies, told, counted",
    [
        ("before hold", 1, 1),
        ("after hold", 1, 1),
        ("before suppress", 1, 1),
        ("after suppress", 1, 1),
        ("before mark reactions", 1, 2),
        ("after mark reactions", 1, 1),
        ("before hook", 1, 1),
        ("after hook", 2, 1),
        ("before mark *", 2, 1),
        ("after mark *", 1, 1),
        ("before release", 1, 1),
        ("after release", 1, 1),
    ],
)
def test_killed(world: World, dies: str, told: int, counted: int) -> None:
    """
    An event is acted on at least once, and suppresses once.

    What is done twice is what the process was killed right after: a hook
    before its mark, and counting before its own.
    """
    process = world.start(dies)
    receive(process, [bounce(1)])
    unheard = said(process)
    statuses: list[str] = []
    ends = time.monotonic() + HANGS_S
    while (
        statuses[-1:] not in (["done"], ["duplicate"])
        and time.monotonic() < ends
    ):
        again = world.start()
        receive(again, [bounce(1)])
        statuses += said(again)
    left = world.left()

    assert (
        -signal.SIGKILL,
        [],
        {"m-1": told},
        counted,
        1,
    ) == (
        process.returncode,
        unheard,
        dict(left["effects"]),
        left["counted"],
        left["suppressed"],
    )
