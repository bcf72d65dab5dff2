"""One ledger file and many processes, of which some are killed."""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import random
import signal
import sqlite3
import traceback
from contextlib import ExitStack, closing
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from tests.integration._crash_worker import Ahead
from tests.integration._workers import wait_for
from tests.interrupter import interrupted

from safeses._outcome import Accepted, Claim, Unknown
from safeses.errors import OutcomeUnknownError
from safeses.ledger import Claimed, Job, Sent
from safeses.sqlite._database import Database
from safeses.sqlite._ledger import SqliteLedger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from safeses._outcome import Outcome

    Act = Callable[[SqliteLedger, Callable[[Any], object]], object]

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="has no fork"),
    # Python 3.12 warns of forks where there are threads; none of them
    # matters to the children.
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork"),
]

PROCESSES = 16
KEYS = [f"{n:064x}" for n in range(50)]
SENDS = 100_000
KILLED = 4
LEASE_S = 600.0
HANGS_S = 120.0
STEPS_MAX = 2_000
STEPS_IN = ("_ledger.py", "_ledger_rows.py", "_rows.py")
PAYLOAD = "1 " + "1" * 64 + " html=11111111"


@attrs.define
class Child:
    """A process that tells what it did, line by line."""

    process: Any
    pipe: int

    def said(self) -> list[Any]:
        """Return all that it told until it ended, and wait for that."""
        with os.fdopen(self.pipe) as lines:
            told = [json.loads(line) for line in lines if line[-1] == "\n"]
        self.process.join(HANGS_S)
        return told

    def kill(self) -> None:
        """End it, wherever it is."""
        os.kill(self.process.pid, signal.SIGKILL)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that nobody has made yet."""
    return tmp_path / "mail.db"


@pytest.fixture
def start(path: Path) -> Iterator[Callable[[Act], Child]]:
    """Start processes; all have ended at the end."""
    context = multiprocessing.get_context("fork")

    def perform(act: Act, pipe: int) -> None:
        def tell(what: Any) -> None:
            os.write(pipe, f"{json.dumps(what)}\n".encode())

        try:
            # Longer than usual: where many wait, one may wait for long.
            with closing(Database(path, timeout_s=HANGS_S)) as database:
                act(SqliteLedger(database), tell)
        except BaseException:  # noqa: BLE001  # the parent must hear of it
            tell(traceback.format_exc())

    with ExitStack() as stack:

        def begin(act: Act) -> Child:
            reading, writing = os.pipe()
            process = context.Process(target=perform, args=(act, writing))
            process.start()
            os.close(writing)
            stack.callback(process.join, HANGS_S)
            stack.callback(process.kill)
            return Child(process, reading)

        yield begin


def claim_of(name: str, owner: str, job: Job | None) -> Claim:
    """Return the first attempt of *owner*."""
    return Claim(
        tag=name, scope="s", cost=1, quota_cost=1, owner=owner, job=job
    )


def test_one_of_many_wins(path: Path, start: Callable[[Act], Child]) -> None:
    """16 processes race for 50 jobs: each job is claimed exactly once."""
    gate = multiprocessing.get_context("fork").Barrier(PROCESSES)

    def race(ledger: SqliteLedger, tell: Callable[[Any], object]) -> None:
        owner = f"call-{os.getpid()}"
        keys = random.Random(os.getpid()).sample(KEYS, len(KEYS))  # noqa: S311  # an order, no secret
        gate.wait(HANGS_S)
        for key in keys:
            got = ledger.claim(Job(id=key, payload=PAYLOAD), owner, 600.0)
            if isinstance(got, Claimed):
                tell([key, owner])

    racers = [start(race) for _ in range(PROCESSES)]
    won = sorted(line for racer in racers for line in racer.said())
    with closing(SqliteLedger(path)) as ledger:
        found = [ledger.look_up(key) for key in KEYS]
    held = [[f.record.id, f.record.owner] for f in found if f]

    assert held == won
    assert KEYS == [key for key, _ in won]


@pytest.mark.parametrize("job", [Job(id=KEYS[0], payload=PAYLOAD), None])
def test_killed_amid_a_send(
    path: Path, start: Callable[[Act], Child], job: Job | None
) -> None:
    """What was submitted by a process that is gone is unknown in the end."""

    def send(ledger: SqliteLedger, tell: Callable[[Any], object]) -> None:
        if job is not None:
            ledger.claim(job, "call-1", LEASE_S)
        ledger.submit(claim_of(KEYS[0], "call-1", job), LEASE_S)
        os.kill(os.getpid(), signal.SIGKILL)
        tell("alive")

    later = Ahead(2 * LEASE_S)
    with (
        closing(SqliteLedger(path)) as ledger,
        closing(Database(path, clock=later)) as database,
    ):
        ledger.look_up(KEYS[0])  # makes the file
        said = start(send).said()
        after = SqliteLedger(database)
        found = [one.look_up(KEYS[0]) for one in (ledger, after)]
        states = [f.record.state for f in found if f]
        unsettled = [r.id for r in after.unsettled().records]

    assert ([], ["submitting", "unknown"], [KEYS[0]]) == (
        said,
        states,
        unsettled,
    )


def rows_of(path: Path) -> int:
    """Return how many records there are."""
    with closing(sqlite3.connect(path, timeout=HANGS_S)) as connection:
        (count,) = connection.execute(
            "select count(*) from safeses_ledger"
        ).fetchone()
        return int(count)


def test_killed_in_a_storm(path: Path, start: Callable[[Act], Child]) -> None:
    """Of a process that is killed amid its writing stay whole records."""

    def storm(ledger: SqliteLedger, tell: Callable[[Any], object]) -> None:
        number = 0
        while True:
            key = f"{os.getpid():032x}{number:032x}"
            job = Job(id=key, payload=PAYLOAD)
            ledger.claim(job, "call-1", 600.0)
            tell([key, "reserved"])
            claim = claim_of(key, "call-1", job)
            ledger.submit(claim, 600.0)
            tell([key, "submitting"])
            sent = Sent(message_id=key, sent_at=1.5)
            ledger.settle(claim, Accepted(message_id=key, sent=sent))
            tell([key, "accepted"])
            number += 1

    steps = ["reserved", "submitting", "accepted"]
    told: dict[str, str] = {}
    with closing(SqliteLedger(path)) as ledger:
        ledger.look_up(KEYS[0])  # makes the file
    for storms in (1, 2, 3):
        children = [start(storm) for _ in range(KILLED)]
        enough = storms * 20 * KILLED
        wait_for(partial(lambda n: rows_of(path) > n, enough))
        for child in children:
            child.kill()
        for child in children:
            told.update(child.said())
    with closing(sqlite3.connect(path)) as connection:
        check = connection.execute("pragma integrity_check").fetchall()
        ids = connection.execute("select id from safeses_ledger").fetchall()
    with closing(SqliteLedger(path)) as ledger:
        found = [ledger.look_up(name) for (name,) in ids]
    # What was told is kept, and one step at most that was not told.
    kept = {f.record.id: f.record for f in found if f}
    behind = [
        steps.index(record.state) - steps.index(told[name])
        if name in told
        else steps.index(record.state) + 1
        for name, record in kept.items()
    ]
    whole = {
        (r.payload, r.owner, r.sent is not None and r.sent.message_id)
        for r in kept.values()
    }
    expected = {
        (PAYLOAD, "call-1", r.state == "accepted" and r.id)
        for r in kept.values()
    }

    assert [("ok",)] == check
    assert (set(), expected) == (told.keys() - kept.keys(), whole)
    assert set(behind) <= {0, 1}
    assert sum(behind) <= 3 * KILLED


@pytest.mark.parametrize("ends", ["accepted", "unknown"])
def test_interrupted_at_any_step(
    start: Callable[[Act], Child], ends: str
) -> None:
    """After Ctrl-C each record is as before or after, and others go on."""
    unknown = Unknown(error=OutcomeUnknownError("", "no answer"))

    def steps_of(
        ledger: SqliteLedger, job: Job
    ) -> Iterator[tuple[str, Callable[[], object]]]:
        claim = claim_of(job.id, "call-1", job)
        settled: Outcome = (
            Accepted(message_id="m1") if ends == "accepted" else unknown
        )
        yield "reserved", lambda: ledger.claim(job, "call-1", 600.0)
        yield "submitting", lambda: ledger.submit(claim, 600.0)
        yield ends, lambda: ledger.settle(claim, settled)

    def act(ledger: SqliteLedger, tell: Callable[[Any], object]) -> None:
        names = (f"{number:064x}" for number in itertools.count())
        for which in range(3):
            for step in itertools.count(1):
                job = Job(id=next(names), payload=PAYLOAD)
                before, steps = "free", steps_of(ledger, job)
                for state, do in itertools.islice(steps, which):
                    do()
                    before = state
                after, do = next(steps)
                is_cut = interrupted(do, step, *STEPS_IN)
                found = ledger.look_up(job.id)
                now = found.record.state if found else "free"
                if now not in {before, after} or step > STEPS_MAX:
                    tell([which, step, now])
                if not is_cut or step > STEPS_MAX:
                    tell([which, now])
                    break

    # A process of its own, as a measured one is traced already.
    said = start(act).said()

    assert [[0, "reserved"], [1, "submitting"], [2, ends]] == said


def test_nothing_grows(path: Path) -> None:
    """However much is sent without keys, the file stays as small as it was."""
    outcome = Accepted(message_id="m1")
    with closing(Database(path)) as database:
        ledger = SqliteLedger(database)
        for number in range(SENDS):
            claim = claim_of(f"{number * 7_919:032x}", "call-1", None)
            ledger.submit(claim, 60.0)
            ledger.settle(claim, outcome)
        rows = database.rows("test", "select count(*) from safeses_ledger")
        size_bytes = sum(
            file.stat().st_size for file in path.parent.glob("mail.db*")
        )

    assert [(0,)] == rows
    assert size_bytes < 8_000_000  # SQLite's log grows to 4 MB by default
