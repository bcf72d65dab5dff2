"""Seen events, counters and soft bounces in SQL: time and limits."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from tests.sql_parts import (
    DIALECTS,
    asked,
    cleared,
    recorded,
    said,
)

from safeses._counters import BUCKET_S, KEEP_S
from safeses._soft_bounces import FORGET_EVERY, MOST_OF_ONE
from safeses.errors import StoreError
from safeses.sql import _counters, _seen
from safeses.sql._counters import SqlCounters
from safeses.sql._seen import SqlSeenEvents
from safeses.sql._soft_bounces import SqlSoftBounces
from safeses.testing import (
    FakeClock,
)
from safeses.testing._clock import START

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from safeses.sql._connection import Database

pytestmark = pytest.mark.long

DAY_S = 86_400.0
HOUR_S = 3_600.0
THREADS = 16


@pytest.fixture
def clock() -> FakeClock:
    """Return the time of the stores."""
    return FakeClock()


@pytest.fixture(params=DIALECTS)
def database(
    request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock
) -> Iterator[Database]:
    """Return a database of each kind, which is closed at the end."""
    database = cleared(request, request.param, tmp_path, clock)
    yield database
    database.close()


@pytest.fixture(params=DIALECTS)
def timed(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Database]:
    """Return a database of each kind that goes by its own clock."""
    database = cleared(request, request.param, tmp_path, None)
    yield database
    database.close()


# --- The engine's clock ------------------------------------------------------


def test_own_time(timed: Database) -> None:
    """Marks and leases end by the clock of the database."""
    seen = SqlSeenEvents(timed)
    first = seen.mark("e", "log", HOUR_S), seen.hold("e", HOUR_S, "ann")
    again = seen.mark("e", "log", HOUR_S), seen.hold("e", HOUR_S, "bob")
    known = seen.has("e", "log")
    said(timed, "update {t}seen set ends = ends - 3601")
    said(timed, "update {t}seen_holds set ends = ends - 3601")
    late = seen.has("e", "log")
    anew = seen.mark("e", "log", HOUR_S), seen.hold("e", HOUR_S, "bob")

    assert ((True, True), (False, False), (True, True), (True, False)) == (
        first,
        again,
        anew,
        (known, late),
    )


def test_clock_set_back(timed: Database) -> None:
    """A lease from when the clock was far ahead keeps nobody away."""
    seen = SqlSeenEvents(timed)
    seen.hold("e", HOUR_S, "ann")
    said(timed, "update {t}seen_holds set began = began + 9, ends = ends + 9")
    soon = seen.hold("e", HOUR_S, "bob")
    said(
        timed,
        "update {t}seen_holds set began = began + 7200, ends = ends + 7200",
    )

    assert (False, True) == (soon, seen.hold("e", HOUR_S, "bob"))


# --- Threads -----------------------------------------------------------------


def test_threads(database: Database) -> None:
    """Of 16 threads one marks and one holds; all of them count."""
    seen, counters = SqlSeenEvents(database), SqlCounters(database)
    bounces = SqlSoftBounces(database)

    def act(n: int) -> tuple[int, int, int]:
        marked = held = most = 0
        for e in range(5):
            marked += seen.mark(f"e{e}", "log", DAY_S)
            held += seen.hold(f"e{e}", DAY_S, f"owner {n}")
            names = ["a", "b", "c"][:: 1 if n % 2 else -1]
            counters.add("s", dict.fromkeys(names, 1), START)
            most = bounces.add("ann", f"{n} {e}", START, START)
        return marked, held, most

    with ThreadPoolExecutor(THREADS) as pool:
        marks, holds, counts = zip(*pool.map(act, range(THREADS)), strict=True)
    each = 5 * THREADS

    assert (5, 5, each, {"a": each, "b": each, "c": each}) == (
        sum(marks),
        sum(holds),
        max(counts),
        counters.totals("s", ["a", "b", "c"], 0),
    )


# --- Keeping -----------------------------------------------------------------


def test_forgets_by_itself(database: Database, clock: FakeClock) -> None:
    """What is too old goes now and then, without anybody asking."""
    seen, counters = SqlSeenEvents(database), SqlCounters(database)
    bounces = SqlSoftBounces(database)
    seen.mark("old", "log", 1.0)
    seen.hold("old", 1.0, "ann")
    counters.add("s", {"old": 1}, START)
    bounces.add("ann", "old", START, START)
    clock.sleep(KEEP_S + BUCKET_S)
    now = clock.time()
    for n in range(_seen.PURGE_EVERY):
        seen.mark(f"e{n}", "log", DAY_S)
    for _ in range(_counters.FORGET_EVERY):
        counters.add("s", {"new": 1}, now)
    for n in range(FORGET_EVERY):
        bounces.add("bob", f"e{n}", now, now)
    left = [
        [*map(int, asked(database, sql)[0])]
        for sql in (
            "select count(*) from {t}seen where event = 'old'",
            "select count(*) from {t}seen_holds where event = 'old'",
            "select count(*) from {t}counters where name = 'old'",
            "select count(*) from {t}soft_bounces where event = 'old'",
        )
    ]

    assert 4 * [[0]] == left


def test_many_of_one(database: Database) -> None:
    """Of one address the latest thousand are kept, or some more."""
    bounces = SqlSoftBounces(database)
    numbers = [
        bounces.add("ann", f"e{n}", START + n, START)
        for n in range(MOST_OF_ONE + 150)
    ]
    [[oldest]] = asked(
        database, "select min(happened_at) from {t}soft_bounces"
    )

    assert (1_099, 1_050, START + 100) == (
        max(numbers),
        numbers[-1],
        oldest,
    )


def test_clears_without_writing(database: Database) -> None:
    """To clear addresses without bounces changes nothing in the database."""
    bounces = SqlSoftBounces(database)
    bounces.add("ann", "e", START, START)
    names = recorded(database)
    bounces.clear([f"p{n}@a.example" for n in range(600)], START)
    bounces.clear(["ann"], START - 1)
    before = [*names]
    names.clear()
    bounces.clear(["ann", "bob"], START)

    assert (["has", "has", "has"], ["has", "clear"], 0) == (
        before,
        names[:2],
        bounces.count("ann", 0),
    )


# --- Errors ------------------------------------------------------------------


def test_no_database(tmp_path: Path) -> None:
    """Without an answer every call says which part and engine fail."""
    url = f"sqlite+pysqlite:///{tmp_path / 'none' / 'mail.db'}"
    seen = SqlSeenEvents(url)
    with pytest.raises(StoreError) as caught:
        seen.has("e", "log")
    seen.close()

    assert ("seen events", "sqlite") == (caught.value.part, seen.engine)
