"""Soft bounces in a file: what only a file can do."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from safeses._soft_bounces import FORGET_EVERY, KEEP_S
from safeses.errors import StoreError
from safeses.sqlite import SqliteState, _soft_bounces
from safeses.sqlite._database import Database
from safeses.sqlite._soft_bounces import SqliteSoftBounces
from safeses.testing import FakeClock
from safeses.testing._clock import START

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


pytestmark = pytest.mark.race  # threads

DAY_S = 86_400.0
HOUR_S = 3_600.0
LOCKED_S = 0.05
PROCESSES = 3

WORKER = """
import sys
from safeses.sqlite._database import Database
from safeses.sqlite._soft_bounces import SqliteSoftBounces

path, me = sys.argv[1:]
database = Database(path, timeout_s=60)
bounces = SqliteSoftBounces(database)
sys.stdin.readline()
at = 1_767_225_600.0
for n in range(50):
    bounces.add("twins", f"e{n}", at, 0)
    print(bounces.add("own", f"{me} {n}", at, 0))
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
def written_to(path: Path) -> Iterator[None]:
    """Let another process write for a while."""
    other = sqlite3.connect(path, isolation_level=None)
    with contextlib.closing(other):
        other.execute("begin immediate")
        yield
        other.execute("rollback")


def rows(database: Database) -> int:
    """Return how many bounces the file holds."""
    [[number]] = database.rows(
        "test", "select count(*) from safeses_soft_bounces"
    )
    return int(number)


# --- Many processes ----------------------------------------------------------


def test_processes(path: Path) -> None:
    """Of many processes each has a turn, and twins count once."""
    workers = [
        subprocess.Popen(  # noqa: S603  # our own script
            [sys.executable, "-W", "error", "-c", WORKER, str(path), str(n)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for n in range(PROCESSES)
    ]
    told: list[int] = []
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    for worker in workers:
        answer, _ = worker.communicate(timeout=120)
        told += map(int, answer.split())
    database = Database(path, clock=FakeClock())
    twins = SqliteSoftBounces(database).count("twins", 0)
    database.close()

    assert ([*range(1, 50 * PROCESSES + 1)], 50) == (sorted(told), twins)


def test_states(path: Path, clock: FakeClock) -> None:
    """A state has them in its file, apart by namespace, and in its acts."""
    shop, blog = (
        SqliteState.open(path, clock=clock, namespace=name)
        for name in ("shop", "blog")
    )
    shop.soft_bounces.add("a", "e", clock.time(), 0)
    with shop.database.transaction("state"):
        joined = shop._parts.soft_bounces.count("a", 0)  # noqa: SLF001  # asked within acts only
    shop.after_fork()
    found = (
        shop.soft_bounces.engine,
        joined,
        shop.soft_bounces.count("a", 0),
        blog.soft_bounces.count("a", 0),
    )
    shop.close()
    blog.close()

    assert ("sqlite", 1, 1, 0) == found


def test_namespaces(database: Database) -> None:
    """What one namespace clears or forgets stays in the others."""
    shop, blog = (
        SqliteSoftBounces(database, namespace=name)
        for name in ("shop", "blog")
    )
    for bounces in (shop, blog):
        for address in "ab":
            bounces.add(address, "e", START, 0)
    shop.clear(["a"], START)
    shop.forget(START + DAY_S)

    assert ([0, 0], [1, 1]) == (
        [shop.count(address, 0) for address in "ab"],
        [blog.count(address, 0) for address in "ab"],
    )


# --- What goes by itself -----------------------------------------------------


@pytest.mark.parametrize("step_s", [0.0, -400 * DAY_S, 400 * DAY_S])
def test_old_bounces_go(
    database: Database, clock: FakeClock, step_s: float
) -> None:
    """What both clocks call too old goes, and nothing that one does."""
    began = clock.time()
    other = SqliteSoftBounces(database, namespace="other")
    other.add("a", "e", began, 0)
    clock.step_wall(step_s)
    counts = []
    for at in (began + KEEP_S + 1, began + 60):
        # The first call of each forgets.
        SqliteSoftBounces(database).add("a", f"e{at}", at, 0)
        counts.append(other.count("a", 0))

    assert {0.0: [1, 1], -400 * DAY_S: [1, 1], 400 * DAY_S: [0, 0]}[
        step_s
    ] == counts


def test_some_go_at_once(database: Database, clock: FakeClock) -> None:
    """However many are old, no call forgets more than others wait for."""
    now = clock.time()
    with database.transaction("test"):
        joined = SqliteSoftBounces(database.joined())
        for n in range(2_500):
            joined.add(f"a{n}", "e", now, 0)
    clock.sleep(KEEP_S + 1)
    bounces = SqliteSoftBounces(database)
    left = []
    for n in range(FORGET_EVERY + 1):
        bounces.add("b", f"e{n}", clock.time(), 0)
        left.append(rows(database) - n - 1)

    assert [*[1_500] * FORGET_EVERY, 500] == left


def test_forget_many(database: Database, clock: FakeClock) -> None:
    """Forgetting goes on until nothing is left from before."""
    now = clock.time()
    with database.transaction("test"):
        joined = SqliteSoftBounces(database.joined())
        for n in range(2_500):
            joined.add(f"a{n}", "e", now, 0)
    bounces = SqliteSoftBounces(database)
    bounces.add("b", "e", now + DAY_S, 0)
    bounces.forget(now + HOUR_S)

    assert 1 == rows(database)


# --- Speed -------------------------------------------------------------------

NAMED = {
    name: sql.replace(":addresses", "?, ?")
    for name, sql in vars(_soft_bounces.SQL).items()
    if name != "add"
}


@pytest.mark.parametrize("sql", NAMED.values(), ids=NAMED)
def test_no_scan(database: Database, sql: str) -> None:
    """Nothing reads a whole table, or the rows of everybody."""
    names = ("namespace", "address", "since", "surplus")
    values: object = [1] * sql.count("?") or dict.fromkeys(names, 1)
    plan = database.rows("test", f"explain query plan {sql}", values)  # type: ignore[arg-type]  # either kind
    steps = [step for *_, step in plan if "safeses_" in step]

    assert [] == [
        step
        for step in steps
        if "address=?" not in step and "at<?" not in step
    ]


def test_reads_only(database: Database, path: Path) -> None:
    """What finds nothing to clear does not wait for who writes."""
    bounces = SqliteSoftBounces(database)
    bounces.add("a", "e", START, 0)
    with written_to(path):
        bounces.clear(["b", "c"], START)
        bounces.clear(["a"], START - 1)
        counted = bounces.count("a", 0)
        with pytest.raises(StoreError):
            bounces.clear(["a"], START)

    assert (1, 1) == (counted, bounces.count("a", 0))


# --- No answer ---------------------------------------------------------------


def test_locked(database: Database, path: Path) -> None:
    """While another process writes nothing is noted or forgotten."""
    bounces = SqliteSoftBounces(database)
    bounces.add("a", "e", START, 0)
    acts: list[Callable[[], object]] = [
        lambda: bounces.add("a", "f", START, 0),
        lambda: SqliteSoftBounces(database).add("a", "f", START, 0),
        lambda: bounces.clear(["a"], START),
        lambda: bounces.forget(START + 1),
    ]
    parts = []
    with written_to(path):
        for act in acts:
            with pytest.raises(StoreError) as refusal:
                act()
            parts.append(refusal.value.part)

    assert (4 * ["soft bounces"], 1) == (parts, bounces.count("a", 0))


def test_not_a_database(path: Path, database: Database) -> None:
    """What is no database never says that nobody bounced."""
    path.write_bytes(b"no database" * 1_000)
    bounces = SqliteSoftBounces(database)
    told = []
    acts: list[Callable[[], object]] = [
        lambda: bounces.count("a", 0),
        lambda: bounces.clear(["a"], START),
        lambda: bounces.add("a", "e", START, 0),
    ]
    for act in acts:
        with pytest.raises(StoreError) as refusal:
            act()
        told.append(refusal.value.part)

    assert 3 * ["soft bounces"] == told


def test_trimmed_at_once(database: Database) -> None:
    """A bounce that pushes another out is noted with that, or not at all."""
    bounces = SqliteSoftBounces(database)
    with database.transaction("test"):
        joined = SqliteSoftBounces(database.joined())
        for n in range(1_099):
            joined.add("a", f"e{n}", START + n, 0)
    database.execute(
        "test",
        "create temp trigger fails before delete on safeses_soft_bounces"
        " begin select raise(abort, 'no'); end",
    )
    with pytest.raises(StoreError):
        bounces.add("a", "late", START + 5_000, 0)
    database.execute("test", "drop trigger fails")

    assert (1_099, 0, 1_000, 901) == (
        bounces.count("a", 0),
        bounces.count("a", START + 5_000),
        bounces.add("a", "late", START + 5_000, 0),
        bounces.add("a", "later", START + 6_000, START + 200),
    )


# --- Within a transaction of others ------------------------------------------


def test_joined(database: Database) -> None:
    """In the transaction of another it is done or undone with it."""
    bounces = SqliteSoftBounces(database.joined())
    with database.transaction("test"):
        bounces.add("a", "e", START, 0)
    with (
        contextlib.suppress(ZeroDivisionError),
        database.transaction("test"),
    ):
        within = bounces.add("a", "f", START, 0)
        bounces.clear(["a"], START)
        raise ZeroDivisionError
    bounces.after_fork()
    bounces.close()

    assert (2, 1) == (within, SqliteSoftBounces(database).count("a", 0))


def test_shared(path: Path) -> None:
    """Only a file that was given as a path is closed with its store."""
    closed = []

    class Noting(Database):
        def close(self) -> None:
            closed.append(self.path)
            super().close()

    database = Noting(path)
    SqliteSoftBounces(database).close()
    closed_by_store = [*closed]
    database.close()
    bounces = SqliteSoftBounces(path)
    bounces.add("a", "e", START, 0)
    bounces.close()

    assert ([], [database.path], 1) == (
        closed_by_store,
        closed,
        bounces.count("a", 0),
    )
    bounces.close()
