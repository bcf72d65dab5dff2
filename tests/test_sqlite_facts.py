"""Seen events and counters in a file: what only a file can do."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from safeses._counters import BUCKET_S, KEEP_S
from safeses.errors import StoreError
from safeses.sqlite import SqliteState, _counters, _seen
from safeses.sqlite._counters import SqliteCounters
from safeses.sqlite._database import Database
from safeses.sqlite._seen import SqliteSeenEvents
from safeses.testing import FakeClock
from safeses.testing._clock import START

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


pytestmark = pytest.mark.race  # threads

DAY_S = 86_400.0
HOUR_S = 3_600.0
LOCKED_S = 0.05
PROCESSES = 4

WORKER = """
import sys
from safeses.sqlite._counters import SqliteCounters
from safeses.sqlite._database import Database
from safeses.sqlite._seen import SqliteSeenEvents

path, me = sys.argv[1:]
database = Database(path, timeout_s=60)
seen, counters = SqliteSeenEvents(database), SqliteCounters(database)
sys.stdin.readline()
marked = held = 0
for n in range(100):
    held += seen.hold(f"e{n}", 3_600, me)
    marked += seen.mark(f"e{n}", "log", 86_400)
    counters.add("s", {"all": 1, f"by {me}": 1}, 1_767_225_600.0)
print(marked, held)
database.close()
"""


@pytest.fixture
def clock() -> FakeClock:
    """Return the time of the stores."""
    return FakeClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the file is."""
    return tmp_path / "mail.db"


@pytest.fixture
def database(path: Path, clock: FakeClock) -> Iterator[Database]:
    """Return the file, which is closed at the end."""
    database = Database(path, clock=clock, timeout_s=LOCKED_S)
    yield database
    database.close()


@contextlib.contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the file as anybody may."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        yield db


# --- Many processes ----------------------------------------------------------


def test_processes(path: Path) -> None:
    """Of many processes one marks and one holds; all of them count."""
    workers = [
        subprocess.Popen(  # noqa: S603  # our own script
            [sys.executable, "-W", "error", "-c", WORKER, str(path), str(n)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for n in range(PROCESSES)
    ]
    said = []
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    for worker in workers:
        answer, _ = worker.communicate(timeout=120)
        said.append([int(number) for number in answer.split()])
    database = Database(path, clock=FakeClock())
    totals = SqliteCounters(database).totals("s", ["all", "by 2"], 0)
    database.close()

    assert ([100, 100], {"all": 100 * PROCESSES, "by 2": 100}) == (
        [sum(each) for each in zip(*said, strict=True)],
        totals,
    )


def test_states(path: Path, clock: FakeClock) -> None:
    """A state has both in its file, apart by namespace, and in its acts."""
    shop, blog = (
        SqliteState.open(path, clock=clock, namespace=name)
        for name in ("shop", "blog")
    )
    marked = shop.seen.mark("e", "log", DAY_S)
    shop.counters.add("s", {"a": 1}, clock.time())
    with shop.database.transaction("state"):
        joined = shop._parts.seen.has("e", "log")  # noqa: SLF001  # asked within acts only
    shop.after_fork()
    found = (
        shop.seen.engine,
        joined,
        blog.seen.has("e", "log"),
        blog.counters.totals("s", ["a"], 0),
    )
    shop.close()
    blog.close()

    assert (True, ("sqlite", True, False, {"a": 1})) == (marked, found)


# --- Time --------------------------------------------------------------------


def test_steps_of_the_wall_clock(database: Database, clock: FakeClock) -> None:
    """Whatever the wall clock does, marks and leases end in their time."""
    seen = SqliteSeenEvents(database)
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


def test_a_start_in_the_past(path: Path) -> None:
    """After a start with a clock that is behind nothing is held for long."""
    found = []
    for start in (START, START - 400 * DAY_S):
        database = Database(path, clock=FakeClock(start))
        seen = SqliteSeenEvents(database)
        found += [
            seen.mark("e", "log", DAY_S),
            seen.hold("e", HOUR_S, f"since {start}"),
            seen.hold("e", HOUR_S, "else"),
        ]
        database.close()

    assert [True, True, False, False, True, False] == found


class Waiting(Database):
    """A file that others keep for ten seconds before each transaction."""

    def transaction(self, part: str) -> Any:
        """Wait, then begin."""
        self.clock.sleep(10)
        return super().transaction(part)


def test_a_long_wait(path: Path, clock: FakeClock) -> None:
    """A lease begins when it is written, however long that took."""
    waiting, database = Waiting(path, clock=clock), Database(path, clock=clock)
    SqliteSeenEvents(waiting).hold("e", 5, "ann")
    seen = SqliteSeenEvents(database)
    clock.sleep(4)
    before = seen.hold("e", 5, "bob")
    clock.sleep(1)
    after = seen.hold("e", 5, "bob")
    waiting.close()
    database.close()

    assert (False, True) == (before, after)


# --- What goes by itself -----------------------------------------------------


def test_marks_go(database: Database, path: Path, clock: FakeClock) -> None:
    """What is over goes while others are marked."""
    seen = SqliteSeenEvents(database)
    with database.transaction("test"):
        joined = SqliteSeenEvents(database.joined())
        for n in range(1_500):
            joined.mark(f"old {n}", "log", 60)
            joined.hold(f"old {n}", 60, "ann")
    clock.sleep(60)
    for n in range(2 * _seen.PURGE_EVERY):
        seen.mark(f"new {n}", "log", 60)
    with opened(path) as other:
        left = [
            other.execute(f"select count(*) from {table}").fetchone()[0]  # noqa: S608  # of this test
            for table in ("safeses_seen", "safeses_seen_holds")
        ]

    assert [2 * _seen.PURGE_EVERY, 0] == left


def test_purge_many(database: Database, clock: FakeClock) -> None:
    """A purge goes on until nothing is left that is over."""
    with database.transaction("test"):
        joined = SqliteSeenEvents(database.joined())
        for n in range(2_500):
            joined.mark(f"e{n}", "log", 60)
        joined.hold("e", 60, "ann")
    clock.sleep(60)
    seen = SqliteSeenEvents(database)

    assert (2_501, 0) == (seen.purge(), seen.purge())


@pytest.mark.parametrize("step_s", [0.0, -400 * DAY_S, 400 * DAY_S])
def test_old_counts_go(
    database: Database, clock: FakeClock, step_s: float
) -> None:
    """What both clocks call too old goes, and nothing that one does."""
    began = clock.time()
    SqliteCounters(database).add("s", {"a": 1}, began)
    clock.step_wall(step_s)
    totals = []
    for at in (began + KEEP_S + BUCKET_S, began + 60):
        # The first call of each forgets.
        counters = SqliteCounters(database)
        counters.add("s", {"a": 1}, at)
        totals.append(counters.totals("s", ["a"], began)["a"])

    assert {0.0: [2, 3], -400 * DAY_S: [2, 3], 400 * DAY_S: [1, 2]}[
        step_s
    ] == totals


def test_forget_many(database: Database, clock: FakeClock) -> None:
    """Forgetting goes on until nothing is left from before."""
    counters = SqliteCounters(database)
    now = clock.time()
    counters.add("s", {str(n): 1 for n in range(2_500)}, now)
    counters.add("s", {"a": 1}, now + DAY_S)
    counters.forget(now + HOUR_S)
    [[left]] = database.rows("test", "select count(*) from safeses_counters")

    assert 1 == left


# --- Speed -------------------------------------------------------------------

TOTALS = _counters.SQL.totals.replace(":names", "?, ?")


@pytest.mark.parametrize(
    "sql",
    [
        _seen.SQL.has,
        _seen.SQL.release,
        _seen.SQL.purge_marks,
        TOTALS,
        _counters.SQL.forget,
    ],
)
def test_no_scan(database: Database, sql: str) -> None:
    """Nothing reads a whole table."""
    values = [1] * sql.count("?")
    steps = [
        step
        for *_, step in database.rows(
            "test", f"explain query plan {sql}", values
        )
    ]

    assert [] == [step for step in steps if step.startswith("SCAN")]


# --- No answer ---------------------------------------------------------------


def test_locked(database: Database, path: Path, clock: FakeClock) -> None:
    """While another process writes nothing is marked, held or counted."""
    seen, counters = SqliteSeenEvents(database), SqliteCounters(database)
    seen.mark("e", "log", DAY_S)
    counters.add("s", {"a": 1}, clock.time())
    acts: list[Callable[[], object]] = [
        lambda: seen.mark("f", "log", DAY_S),
        lambda: seen.hold("f", HOUR_S, "ann"),
        lambda: seen.release("f", "ann"),
        lambda: counters.add("s", {"a": 1}, clock.time()),
        lambda: counters.add("s", {"a": 1, "b": 1}, clock.time()),
        lambda: counters.forget(clock.time()),
    ]
    parts = []
    with opened(path) as other:
        other.execute("begin immediate")
        for act in acts:
            with pytest.raises(StoreError) as refusal:
                act()
            parts.append(refusal.value.part)
        known = seen.has("e", "log"), counters.totals("s", ["a"], 0)
        other.execute("rollback")

    assert (
        [*3 * ["seen events"], *3 * ["counters"]],
        (True, {"a": 1}),
        (False, True, {"a": 1, "b": 0}),
    ) == (
        parts,
        known,
        (
            seen.has("f", "log"),
            seen.hold("f", HOUR_S, "bob"),
            counters.totals("s", ["a", "b"], 0),
        ),
    )


def test_full(database: Database, clock: FakeClock) -> None:
    """On a full disk all names of a call are counted or none."""
    counters = SqliteCounters(database)
    counters.add("s", {"a": 1}, clock.time())
    [[pages]] = database.rows("test", "pragma page_count")
    database.rows("test", f"pragma max_page_count = {pages + 2}")
    many = {f"{n} {'x' * 200}": 1 for n in range(500)}
    with pytest.raises(StoreError) as refusal:
        counters.add("s", {**many, "a": 1}, clock.time())
    totals = counters.totals("s", ["a", *many], 0)

    assert ("counters", 1, 1) == (
        refusal.value.part,
        totals["a"],
        sum(totals.values()),
    )


def test_not_a_database(path: Path, database: Database) -> None:
    """What is no database never says that nothing was handled."""
    path.write_bytes(b"no database" * 1_000)
    with pytest.raises(StoreError) as first:
        SqliteSeenEvents(database).has("e", "log")
    with pytest.raises(StoreError) as second:
        SqliteCounters(database).totals("s", ["a"], 0)

    # The first thing that seen events ask for is the time.
    assert ["clock", "counters"] == [first.value.part, second.value.part]


# --- Within a transaction of others ------------------------------------------


def test_joined(database: Database, clock: FakeClock) -> None:
    """In the transaction of another it is done or undone with it."""
    seen = SqliteSeenEvents(database.joined())
    counters = SqliteCounters(database.joined())

    def handle(event: str) -> None:
        seen.hold(event, HOUR_S, "ann")
        counters.add("s", {"a": 1, "b": 1}, clock.time())
        counters.add("s", {"a": 1}, clock.time())
        seen.mark(event, "log", DAY_S)

    with database.transaction("test"):
        handle("e")
    with (
        contextlib.suppress(ZeroDivisionError),
        database.transaction("test"),
    ):
        handle("f")
        within = seen.has("f", "log"), counters.totals("s", ["a", "b"], 0)
        raise ZeroDivisionError
    seen.after_fork()
    seen.close()
    counters.after_fork()
    counters.close()
    after = SqliteSeenEvents(database)

    assert (
        (True, {"a": 4, "b": 2}),
        (True, False, False, True),
        {"a": 2, "b": 1},
    ) == (
        within,
        (
            after.has("e", "log"),
            after.hold("e", HOUR_S, "bob"),
            after.has("f", "log"),
            after.hold("f", HOUR_S, "bob"),
        ),
        SqliteCounters(database).totals("s", ["a", "b"], 0),
    )


def test_shared(path: Path) -> None:
    """Only a file that was given as a path is closed with its store."""
    closed = []

    class Noting(Database):
        def close(self) -> None:
            closed.append(self.path)
            super().close()

    database = Noting(path)
    for shared in (SqliteSeenEvents(database), SqliteCounters(database)):
        shared.close()
    closed_by_stores = [*closed]
    database.close()
    seen, counters = SqliteSeenEvents(path), SqliteCounters(path)
    seen.mark("e", "log", DAY_S)
    counters.add("s", {"a": 1}, START)
    seen.close()
    counters.close()

    assert ([], [database.path]) == (closed_by_stores, closed)
