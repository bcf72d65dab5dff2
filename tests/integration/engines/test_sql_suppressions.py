"""Suppressions in SQL: hashes, keys, batches and many entries."""

from __future__ import annotations

import datetime as dt
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from tests.sql_parts import (
    DIALECTS,
    asked,
    cleared,
    in_a_file,
    on_servers,
    recorded,
    said,
)

from safeses.errors import ConfigurationError, StoreError
from safeses.sql import _suppressions
from safeses.sql._suppressions import SQL, SqlSuppressionStore
from safeses.suppression import AddressKeys, Suppression
from safeses.testing import FakeClock, SuppressionStoreContract

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from safeses.sql._connection import Database
    from safeses.typing import SuppressionStore

pytestmark = pytest.mark.long

ANN = "ann@a.example"
BOB = "bob@a.example"
HASHED = AddressKeys(secret=b"0123456789abcdef")
THREADS = 16
NOWHERE = "sqlite+pysqlite:///none/mail.db"
PLANS = {
    "postgresql": "explain ",
    "mysql": "explain ",
    "sqlite": "explain query plan ",
}


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


@pytest.fixture
def statements(database: Database) -> list[str]:
    """Return the names of all statements from here on."""
    return recorded(database)


class InSqlHashed(SuppressionStoreContract):
    """The same, as hashes."""

    can_list = False

    @pytest.fixture
    def store(self, database: Database) -> SuppressionStore:
        """Return a store that nobody has used."""
        return SqlSuppressionStore(database, keys=HASHED)


@in_a_file
class TestHashedInFile(InSqlHashed):
    """In a file, whose library cannot be forked while it is at work."""

    forks_in_use = False


@on_servers
class TestHashedOnServer(InSqlHashed):
    """On servers."""


# --- Keys --------------------------------------------------------------------


@pytest.mark.parametrize(
    "act",
    [
        lambda store: store.add([Suppression(address=BOB)]),
        lambda store: store.add(2 * [Suppression(address=BOB)]),
        lambda store: store.find([BOB]),
        lambda store: store.find([ANN]),
        lambda store: store.remove([BOB]),
        lambda store: store.count(),
        lambda store: store.purge(),
    ],
    ids=["add", "add twice", "find", "find one", "remove", "count", "purge"],
)
def test_other_keys(database: Database, act: Callable[..., object]) -> None:
    """Who folds otherwise gets no answer, as it would be wrong."""
    SqlSuppressionStore(database).add([Suppression(address=ANN)])
    other = SqlSuppressionStore(database, keys=HASHED)
    with pytest.raises(ConfigurationError, match="hmac:"):
        act(other)

    assert 1 == SqlSuppressionStore(database).count()


def test_hashed(database: Database) -> None:
    """Of an address that is kept as a hash nothing can be read."""
    store = SqlSuppressionStore(database, keys=HASHED)
    store.add([Suppression(address=ANN)])
    [row] = asked(database, "select * from {t}suppressions")

    assert (False, [ANN]) == (
        any("ann" in str(field) for field in row),
        [*store.find([ANN, BOB])],
    )


@pytest.mark.parametrize(
    "one, other", [("a", "A"), ("a", "a "), ("caf\u00e9", "cafe")]
)
def test_namespaces(database: Database, one: str, other: str) -> None:
    """Namespaces that some engine would take for one are two."""
    SqlSuppressionStore(database, namespace=one).add(
        [Suppression(address=ANN)]
    )

    assert {} == SqlSuppressionStore(database, namespace=other).find([ANN])


# --- Statements --------------------------------------------------------------


def test_one_look(database: Database, statements: list[str]) -> None:
    """All recipients of a mail are looked up by one statement."""
    store = SqlSuppressionStore(database)
    people = [f"p{n}@a.example" for n in range(50)]
    store.add(
        [
            Suppression(address=address, stream=stream)
            for address in people[:2]
            for stream in ("", "news")
        ]
    )
    statements.clear()
    found = store.find(people, stream="news")

    assert (["find"], people[:2], ["", ""]) == (
        statements,
        [*found],
        [entry.stream for entry in found.values()],
    )


def test_one_batch(database: Database) -> None:
    """A batch that was added before, in part, says what is new."""
    store = SqlSuppressionStore(database)
    people = [f"p{n}@a.example" for n in range(500)]
    store.add([Suppression(address=address) for address in people[::2]])
    changed = store.add([Suppression(address=address) for address in people])

    assert (250 * [False, True], 500) == (changed, store.count())


def test_turns(database: Database, clock: FakeClock) -> None:
    """Of entries for one address in a batch each has its turn."""
    store = SqlSuppressionStore(database)
    now = dt.datetime.fromtimestamp(clock.time(), dt.timezone.utc)
    ends = [now + dt.timedelta(hours=hours) for hours in (-1, 1, 3, 2)]
    entries = [Suppression(address=ANN, expires_at=end) for end in ends]
    changed = store.add([*entries, Suppression(address=BOB)])

    assert ([False, True, True, False, True], ends[2]) == (
        changed,
        store.find([ANN])[ANN].expires_at,
    )


def test_counts_in_steps(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many there are, no statement counts for long."""
    monkeypatch.setattr(_suppressions, "_COUNTED_AT_ONCE", 10)
    store = SqlSuppressionStore(database)
    counts = []
    for n in range(21):
        store.add([Suppression(address=f"p{n}@a.example")])
        counts.append(store.count())

    assert [*range(1, 22)] == counts


def test_index(database: Database) -> None:
    """Among many, who is asked about is found by an index."""
    store = SqlSuppressionStore(database)
    for start in range(0, 5_000, 500):
        store.add(
            [
                Suppression(address=f"p{n}@a.example")
                for n in range(start, start + 500)
            ]
        )
    if database.engine == "postgresql":
        said(database, "analyze {t}suppressions")
    plan = str(
        asked(
            database,
            PLANS[database.engine]
            + SQL.find.text(database.engine).replace("{prefix}_", "{t}"),
            namespace="safeses",
            stream="",
            keys=json.dumps([f"p{n}@a.example" for n in range(50)]),
        )
    )

    assert (False, True) == (
        "Seq Scan on parts_suppressions" in plan
        or "SCAN entries" in plan
        or "'entries', 'ALL'" in plan,
        "entries" in plan,
    )


# --- The engine's clock ------------------------------------------------------


def test_own_time(timed: Database) -> None:
    """Entries begin and end by the clock of the database."""
    store = SqlSuppressionStore(timed)
    now = dt.datetime.fromtimestamp(timed.wall(), dt.timezone.utc)
    hour = dt.timedelta(hours=1)
    added = store.add(
        [
            Suppression(address=ANN, expires_at=now + hour),
            Suppression(address=BOB, expires_at=now - hour),
        ]
    )
    found = store.find([ANN, BOB])
    since = found[ANN].since
    said(timed, "update {t}suppressions set expires_at_us = 1")
    late = store.find([ANN, BOB])

    assert since is not None
    assert ([True, False], [ANN], True, {}, 1, 0) == (
        added,
        [*found],
        abs(since - now) < hour / 60,
        late,
        store.purge(),
        store.count(),
    )


# --- Threads -----------------------------------------------------------------


def test_threads(database: Database) -> None:
    """Of 16 threads with the same batch, turned round, each adds once."""
    store = SqlSuppressionStore(database)
    people = [f"p{n}@a.example" for n in range(50)]
    start = threading.Barrier(THREADS)

    def add(n: int) -> int:
        start.wait()
        batch = people if n % 2 else people[::-1]
        added = sum(store.add([Suppression(address=a) for a in batch]))
        if not n:
            store.remove(people[::-1], stream="news")
        return added

    with ThreadPoolExecutor(THREADS) as pool:
        added = [*pool.map(add, range(THREADS))]

    assert (50, 50) == (sum(added), store.count())


# --- Errors ------------------------------------------------------------------


def test_foreign_row(database: Database) -> None:
    """What somebody else wrote is an error, and names no address."""
    store = SqlSuppressionStore(database)
    store.add([Suppression(address=ANN)])
    said(database, "update {t}suppressions set reason = 'NO WORD'")
    with pytest.raises(StoreError, match="not one of safeses") as caught:
        store.find([ANN])

    assert ("suppression", database.engine, False) == (
        caught.value.part,
        caught.value.engine,
        "ann" in str(caught.value),
    )


@pytest.mark.parametrize("namespace", ["", "a\nb", "\ud800", 7])
def test_no_namespace(namespace: str) -> None:
    """A namespace is text that can be read."""
    with pytest.raises(ConfigurationError) as caught:
        SqlSuppressionStore(NOWHERE, namespace=namespace)

    assert "namespace" in str(caught.value)
