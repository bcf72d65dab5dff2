"""Suppressions in a file: hashed ones, and what only a file can do."""

from __future__ import annotations

import contextlib
import datetime as dt
import sqlite3
from typing import TYPE_CHECKING, ClassVar

import pytest

from safeses import ConfigurationError, StoreError
from safeses.sqlite._database import Database
from safeses.sqlite._suppressions import (
    FIND,
    REMOVE,
    SQL,
    SqliteSuppressionStore,
)
from safeses.suppression import AddressKeys, Suppression
from safeses.testing import FakeClock, SuppressionStoreContract

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from safeses.typing import SuppressionStore

pytestmark = pytest.mark.race  # threads

ANN = "ann@a.example"
BOB = "bob@a.example"
EVA = "eva@a.example"
SECRET = b"0123456789abcdef"
UTC = dt.timezone.utc
LOCKED_S = 0.05
# SQLite, "Limits": what a statement took before 3.32.
VALUES_MAX = 999


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


class TestHashedSqlite(SuppressionStoreContract):
    """Keys from which nobody can read an address, among those of others."""

    can_list: ClassVar[bool] = False

    @pytest.fixture
    def store(
        self, path: Path, clock: FakeClock
    ) -> Iterator[SuppressionStore]:
        """Return a store that nobody has used."""
        database = Database(path, clock=clock)
        SqliteSuppressionStore(database, namespace="a").add(
            [Suppression(address=a) for a in (ANN, BOB)]
        )
        yield SqliteSuppressionStore(
            database, keys=AddressKeys(secret=SECRET, providers=True)
        )
        database.close()


@contextlib.contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the file as anybody may."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        yield db


def in_s(clock: FakeClock, seconds: float) -> dt.datetime:
    """Return the instant so many seconds from now."""
    return dt.datetime.fromtimestamp(clock.time() + seconds, UTC)


# --- One file, many lists ----------------------------------------------------


def test_namespaces(database: Database, clock: FakeClock) -> None:
    """Namespaces in one file see nothing of each other."""
    shop, blog = (
        SqliteSuppressionStore(database, namespace=name)
        for name in ("shop", "blog")
    )
    for store in (shop, blog):
        store.add(
            [
                Suppression(address=ANN),
                Suppression(address=BOB, expires_at=in_s(clock, 60)),
            ]
        )
    shop.add([Suppression(address=EVA)])
    clock.sleep(60)
    removed = shop.remove([ANN])
    purged = shop.purge()

    assert (1, 1, 1, [EVA], 2, [ANN, BOB], [ANN]) == (
        removed,
        purged,
        shop.count(),
        [entry.address for entry in shop.page().entries],
        blog.count(),
        [entry.address for entry in blog.page().entries],
        list(blog.find([ANN, BOB, EVA])),
    )


@pytest.mark.parametrize("namespace", ["", "a\nb", "\ud800", 7])
def test_no_namespace(path: Path, namespace: str) -> None:
    """What is no name is refused at once."""
    with pytest.raises(ConfigurationError, match="namespace") as refusal:
        SqliteSuppressionStore(path, namespace=namespace)

    assert "safeses" in refusal.value.remedy


ACTS: dict[str, Callable[[SqliteSuppressionStore], object]] = {
    "add": lambda store: store.add([Suppression(address=BOB)]),
    "find": lambda store: store.find([ANN]),
    "find-many": lambda store: store.find([ANN, BOB]),
    "remove": lambda store: store.remove([ANN]),
    "count": lambda store: store.count(),
    "purge": lambda store: store.purge(),
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
@pytest.mark.parametrize(
    "keys",
    [
        AddressKeys(plus_tags=True),
        AddressKeys(secret=b"another-secret-0"),
        AddressKeys(),
    ],
    ids=["folded", "another-secret", "not-hashed"],
)
def test_other_keys(
    database: Database,
    act: Callable[[SqliteSuppressionStore], object],
    keys: AddressKeys,
) -> None:
    """Who folds otherwise is told so, and never that nobody is there."""
    made = SqliteSuppressionStore(database, keys=AddressKeys(secret=SECRET))
    made.add([Suppression(address=ANN)])
    other = SqliteSuppressionStore(database, keys=keys)
    with pytest.raises(ConfigurationError, match="migration") as refusal:
        act(other)

    assert (False, [ANN], 1) == (
        "secret-0" in str(refusal.value) or ANN in str(refusal.value),
        list(made.find([ANN])),
        made.count(),
    )


def test_other_keys_cannot_list(database: Database) -> None:
    """A page is not empty because addresses are folded otherwise."""
    SqliteSuppressionStore(database).add([Suppression(address=ANN)])
    other = SqliteSuppressionStore(database, keys=AddressKeys(plus_tags=True))
    with pytest.raises(ConfigurationError) as refusal:
        other.page()

    assert "'v1'" in refusal.value.problem


def test_looking_decides_nothing(database: Database) -> None:
    """How a list folds is settled by its first entry, not by who looks."""
    looking = SqliteSuppressionStore(database)
    answers = (
        looking.find([ANN]),
        looking.remove([ANN]),
        looking.count(),
        looking.purge(),
        looking.page().entries,
    )
    keys = AddressKeys(plus_tags=True)
    added = SqliteSuppressionStore(database, keys=keys).add(
        [Suppression(address=ANN)]
    )
    with pytest.raises(ConfigurationError):
        looking.find([ANN])

    assert (({}, 0, 0, 0, ()), [True]) == (answers, added)


# --- What is in the file -----------------------------------------------------


def test_lasts(path: Path) -> None:
    """What was added is there for who opens the file next."""
    first = SqliteSuppressionStore(path)
    first.add([Suppression(address=f"Ann <{ANN.upper()}>", reason="bounce")])
    first.close()
    second = SqliteSuppressionStore(str(path))
    [entry] = second.find([ANN]).values()
    second.close()

    assert (ANN.upper(), "bounce") == (entry.address, entry.reason)


def test_hashes_only(database: Database, path: Path) -> None:
    """A file of hashes holds neither an address nor the secret."""
    store = SqliteSuppressionStore(database, keys=AddressKeys(secret=SECRET))
    store.add([Suppression(address=a) for a in (ANN, BOB)])
    store.remove([BOB])
    found = store.find([ANN])[ANN].address
    kept = b"".join(file.read_bytes() for file in path.parent.iterdir())

    assert ("", False, False, False) == (
        found,
        b"ann@" in kept,
        b"bob@" in kept,
        SECRET in kept,
    )


@pytest.mark.parametrize(
    "end",
    [
        dt.datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC),
        dt.datetime(2500, 1, 1, 0, 0, 0, 1, UTC),
        dt.datetime(
            9999, 12, 31, 23, 59, tzinfo=dt.timezone(dt.timedelta(hours=-9))
        ),
    ],
    ids=["last", "odd", "later-than-last"],
)
def test_any_date(database: Database, end: dt.datetime) -> None:
    """Every date is kept to the microsecond, the last of all too."""
    first = dt.datetime.min.replace(tzinfo=dt.timezone(dt.timedelta(hours=14)))
    store = SqliteSuppressionStore(database)
    store.add([Suppression(address=ANN, since=first, expires_at=end)])
    entry = store.find([ANN])[ANN]
    last = dt.datetime.max.replace(tzinfo=UTC)

    assert (dt.datetime.min.replace(tzinfo=UTC), min(end, last)) == (
        entry.since,
        entry.expires_at,
    )


@pytest.mark.parametrize("number", [1, 2, 8, 9, 50, 51, 500, 501, 1_001])
def test_any_number(database: Database, number: int) -> None:
    """However many are asked for, all are found and removed."""
    people = [f"p{n}@a.example" for n in range(number)]
    others = [f"q{n}@a.example" for n in range(number)]
    store = SqliteSuppressionStore(database)
    store.add([Suppression(address=a, stream="news") for a in people])
    store.add([Suppression(address=a) for a in (people[-1], others[-1])])
    found = store.find(people, stream="news")
    removed = store.remove([*people, *people])

    assert (people, "", number + 1, 1) == (
        list(found),
        found[people[-1]].stream,
        removed,
        store.count(),
    )


def test_purge_of_many(database: Database, clock: FakeClock) -> None:
    """However many have expired, all go at once."""
    store = SqliteSuppressionStore(database)
    end = in_s(clock, 60)
    store.add(
        [
            Suppression(address=f"p{n}@a.example", expires_at=end)
            for n in range(2_500)
        ]
    )
    store.add([Suppression(address=ANN)])
    clock.sleep(60)

    assert (2_500, 1) == (store.purge(), store.count())


def test_the_largest_page(database: Database) -> None:
    """A page may be larger than any number of SQLite."""
    store = SqliteSuppressionStore(database)
    store.add([Suppression(address=ANN)])

    assert 1 == len(store.page("0", 10**30).entries)


@pytest.mark.parametrize(
    "after, limit",
    [("x", 1), ("-1", 1), ("9" * 19, 1), ("٣", 1), ("1.5", 1), ("", 0)],
)
def test_no_such_page(database: Database, after: str, limit: int) -> None:
    """What no page gave is refused."""
    store = SqliteSuppressionStore(database)
    store.add([Suppression(address=ANN)])
    with pytest.raises(ConfigurationError) as refusal:
        store.page(after, limit)

    assert "no such page" in refusal.value.problem


def test_reads_no_others(database: Database, path: Path) -> None:
    """No question reads the whole table, or takes too many values."""
    SqliteSuppressionStore(database).add([Suppression(address=ANN)])
    asked = [*FIND.values(), *REMOVE.values(), SQL.page, SQL.count, SQL.purge]
    with opened(path) as other:
        steps = [
            step
            for sql in asked
            for *_, step in other.execute(
                f"explain query plan {sql}", [1] * sql.count("?")
            )
        ]
    whole = [
        step
        for step in steps
        if step.startswith("SCAN") and ("entries" in step or "safeses" in step)
    ]

    assert ([], True, True) == (
        whole,
        any("by_end" in step for step in steps),
        max(sql.count("?") for sql in asked) < VALUES_MAX,
    )


# --- No answer ---------------------------------------------------------------


def test_locked(database: Database, path: Path) -> None:
    """While another process writes, adding fails and finding goes on."""
    store = SqliteSuppressionStore(database)
    store.add([Suppression(address=ANN)])
    with opened(path) as other:
        other.execute("begin immediate")
        with pytest.raises(StoreError) as refusal:
            store.add([Suppression(address=BOB)])
        found = list(store.find([ANN, BOB]))
        other.execute("rollback")

    assert ("suppression", "sqlite", [ANN], [True]) == (
        refusal.value.part,
        refusal.value.engine,
        found,
        store.add([Suppression(address=BOB)]),
    )


def test_locked_whole(database: Database, path: Path) -> None:
    """Where nothing can be read, nobody is said to be free."""
    with opened(path) as other:
        other.execute("create table t (x)")
        other.execute("begin exclusive")
        with pytest.raises(StoreError) as refusal:
            SqliteSuppressionStore(database).find([ANN])
        other.execute("rollback")

    assert "suppression" == refusal.value.part


def test_full(database: Database) -> None:
    """On a full disk all entries of a call are added or none."""
    store = SqliteSuppressionStore(database)
    store.add([Suppression(address=ANN)])
    [[pages]] = database.rows("suppression", "pragma page_count")
    database.rows("suppression", f"pragma max_page_count = {pages + 2}")
    many = [
        Suppression(address=f"p{n}@a.example", note="x" * 1_000)
        for n in range(500)
    ]
    with pytest.raises(StoreError) as refusal:
        store.add(many)

    assert ("suppression", 1, [ANN]) == (
        refusal.value.part,
        store.count(),
        list(store.find([ANN, "p0@a.example"])),
    )


def test_not_a_database(path: Path, database: Database) -> None:
    """In what is no database nobody is free of suppression."""
    path.write_bytes(b"no database" * 1_000)
    with pytest.raises(StoreError) as refusal:
        SqliteSuppressionStore(database).find([ANN])

    assert "suppression" == refusal.value.part


@pytest.mark.parametrize(
    "change",
    [
        "reason = 'no word of ours'",
        "note = x'ff'",
        "since_us = 'yesterday'",
        "expires_at_us = 9000000000000000000",
    ],
)
def test_a_foreign_row(database: Database, path: Path, change: str) -> None:
    """A row that is not ours is no answer, rather than nobody's."""
    store = SqliteSuppressionStore(database)
    store.add([Suppression(address=ANN)])
    with opened(path) as other:
        other.execute(f"update safeses_suppressions set {change}")  # noqa: S608  # of this test
    with pytest.raises(StoreError) as refusal:
        store.find([ANN])

    assert ANN not in str(refusal.value)


# --- Within a transaction of others ------------------------------------------


def test_joined(database: Database) -> None:
    """In the transaction of another it is done or undone with it."""
    store = SqliteSuppressionStore(database.joined())
    with database.transaction("ledger"):
        store.add([Suppression(address=ANN)])
    with (
        contextlib.suppress(ZeroDivisionError),
        database.transaction("ledger"),
    ):
        store.add([Suppression(address=BOB)])
        within = list(store.find([ANN, BOB]))
        store.remove([ANN])
        raise ZeroDivisionError
    store.after_fork()
    store.close()
    after = list(SqliteSuppressionStore(database).find([ANN, BOB]))

    assert ([ANN, BOB], [ANN]) == (within, after)


def test_shared(path: Path) -> None:
    """Only a file that was given as a path is closed with the store."""
    closed = []

    class Noting(Database):
        def close(self) -> None:
            closed.append(self.path)
            super().close()

    database = Noting(path)
    store = SqliteSuppressionStore(database)
    store.add([Suppression(address=ANN)])
    store.close()
    closed_by_store = [*closed]
    database.close()

    assert ([], database) == (closed_by_store, store.database)
