"""The ledger in SQL: its statements, its clock, and who meets whom."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from tests.sql_parts import (
    DIALECTS,
    asked,
    cleared,
    on_servers,
    recorded,
    said,
)

from safeses import _outcome
from safeses._job import LeftOut
from safeses.errors import OutcomeUnknownError, StoreError
from safeses.ledger import _machine
from safeses.sql import _ledger
from safeses.sql._ledger import SqlLedger
from safeses.testing import FakeClock
from safeses.testing._clock import START
from safeses.testing._contracts._ledger_desk import (
    DEFERRED,
    LEASE_S,
    UNKNOWN,
    Desk,
    accepted,
    sent,
    unsettled,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from safeses.sql._connection import Database

pytestmark = pytest.mark.long

THREADS = 16


@pytest.fixture
def clock() -> FakeClock:
    """Return the time of the ledgers."""
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
    """Return the names of all statements from here on, and transactions."""
    return recorded(database)


# --- Round trips -------------------------------------------------------------


def test_common_ways(database: Database, statements: list[str]) -> None:
    """What nearly every send does is one statement for each act."""
    ledger = SqlLedger(database)
    keyed, keyless = Desk(ledger), Desk(ledger)
    keyed.end(accepted("m-1"))  # no time: a transaction finds it
    first = [*statements]
    statements.clear()
    other = keyed.other()
    claim = other.send()
    ledger.settle(claim, accepted_at("m-2", START))
    ledger.settle(keyless.submit(keyless.keyless()), accepted("m-3"))

    assert (
        ["begin", "submit", "transaction"],
        ["begin", "submit", "accept", "begin", "settle_unkeyed"],
    ) == (first, statements)


def test_proof_of_the_known(database: Database, statements: list[str]) -> None:
    """An event about what is known, or forgotten, locks no record."""
    desk = Desk(SqlLedger(database))
    desk.ledger.settle(desk.send(), accepted_at("m-1", START))
    statements.clear()
    known = desk.ledger.confirm(desk.name, sent("m-1", START))
    gone = desk.ledger.confirm("0" * 64, sent("m-2", START))

    assert (True, False, 2 * ["note_proof", "get"]) == (
        known,
        gone,
        statements,
    )


def accepted_at(message_id: str, at: float) -> _outcome.Accepted:
    """Return how a client says that SES has accepted a message."""
    return _outcome.Accepted(message_id=message_id, sent=sent(message_id, at))


# --- The engine's clock ------------------------------------------------------


def test_own_time(timed: Database) -> None:
    """Leases and records end by the clock of the database."""
    ledger = SqlLedger(timed)
    reserved, sending, done = Desk(ledger), Desk(ledger), Desk(ledger)
    reserved.take()
    sending.send()
    done.end(accepted("m-1"))
    held = reserved.is_free(), sending.state(), unsettled(ledger)
    said(
        timed,
        "update {t}ledger set lease_ends = lease_ends - :late",
        late=LEASE_S + 1,
    )
    ended = reserved.is_free(), sending.state(), unsettled(ledger)
    said(timed, "update {t}ledger set expires = expires - 1209600")
    purged = ledger.purge()

    assert (
        (False, "submitting", []),
        (True, "unknown", [sending.name]),
        (2, "", "unknown"),
    ) == (held, ended, (purged, done.state(), sending.state()))


def test_times(timed: Database) -> None:
    """What the short way writes is what the rules would have written."""
    ledger = SqlLedger(timed)
    short, long = Desk(ledger), Desk(ledger)
    short.end(accepted_at("m-1", START))
    long.end(DEFERRED)  # so that a transaction claims it again
    long.end(accepted("m-1"))
    one, two = short.record(), long.record()
    assert one is not None
    assert two is not None
    assert one.submitted_wall is not None
    assert two.submitted_wall is not None

    assert pytest.approx([0.0, 0.0, LEASE_S, _machine.KEEP_S, 0.0], abs=2) == [
        two.began_wall - one.began_wall,
        two.submitted_wall - one.submitted_wall,
        one.lease_ends - timed.now(),
        (one.expires or 0) - timed.now(),
        (two.expires or 0) - (one.expires or 0),
    ]


# --- Threads -----------------------------------------------------------------


def test_threads(database: Database) -> None:
    """Of 16 threads that want a job each is done by exactly one."""
    ledger = SqlLedger(database)
    names = [Desk(ledger).name for _ in range(10)]

    def work(n: int) -> int:
        won = 0
        for name in names:
            desk = Desk(ledger, name)
            claim = desk.ask(f"thread {n}")
            if isinstance(claim, _outcome.Claim):
                desk.submit(claim)
                ledger.settle(claim, accepted(f"m-{n}"))
                won += 1
        return won

    with ThreadPoolExecutor(THREADS) as pool:
        won = sum(pool.map(work, range(THREADS)))

    assert (10, 10 * ["accepted"]) == (
        won,
        [Desk(ledger, name).state() for name in names],
    )


@on_servers
def test_deadlock(database: Database) -> None:
    """Two that lock each other's records are both done in the end."""
    ledger = SqlLedger(database)
    one, two = Desk(ledger), Desk(ledger)
    for desk in (one, two):
        desk.end(UNKNOWN)
    both = threading.Barrier(2)
    tries: list[str] = []

    def resolve(first: Desk, second: Desk) -> None:
        def act(rows: _ledger._RowsWithin) -> None:
            tries.append(first.name)
            rows.resolve(first.name, None)
            if len(tries) <= 2:
                both.wait(5)
            rows.resolve(second.name, None)

        ledger._decided(act)  # noqa: SLF001  # both in one transaction

    with ThreadPoolExecutor(2) as pool:
        ends = [
            pool.submit(resolve, one, two),
            pool.submit(resolve, two, one),
        ]
        for end in ends:
            end.result(20)

    assert (3, "deferred", "deferred") == (
        len(tries),
        one.state(),
        two.state(),
    )


# --- What a column does not take ---------------------------------------------


@pytest.mark.parametrize(
    "name", ["", "x\0y", "\ud800", "caf\u00e9", "a ", "x" * 300]
)
def test_no_name(database: Database, name: str) -> None:
    """Of what cannot be a name nothing is known, and nothing is claimed."""
    desk = Desk(SqlLedger(database), "placeholder")
    desk.name = name
    with pytest.raises(StoreError) as caught:
        desk.take()

    assert ("ledger", None, False, []) == (
        caught.value.part,
        desk.found(),
        desk.ledger.confirm(name, sent("m-1", START)),
        [*desk.ledger.unsettled(after=name).records],
    )


def test_any_reason(database: Database) -> None:
    """An outcome is recorded, whatever the reason is made of."""
    desk = Desk(SqlLedger(database))
    error = OutcomeUnknownError("", "half \ud800 and nothing \0 \U0001f600")
    desk.end(_outcome.Unknown(error=error))
    record = desk.record()
    assert record is not None

    assert ("unknown", "half ? and nothing ? \U0001f600") == (
        record.state,
        record.reason,
    )


def test_left_out(database: Database) -> None:
    """Who was left out is kept in any script."""
    desk = Desk(SqlLedger(database))
    claim = desk.take()
    claim.left_out = (
        LeftOut(position=3, reason="\U0001f600 \0 \ud800", since=1.5),
    )
    desk.submit(claim)
    record = desk.record()

    assert record is not None
    assert claim.left_out == record.left_out


def test_foreign_row(database: Database) -> None:
    """What somebody else wrote is an error, and names no address."""
    desk = Desk(SqlLedger(database))
    desk.take()
    said(database, "update {t}ledger set state = 'ann@a.example'")
    with pytest.raises(StoreError, match="no record of this version") as error:
        desk.found()

    assert "ann" not in str(error.value)


# --- Keeping -----------------------------------------------------------------


def test_purges_by_itself(database: Database, clock: FakeClock) -> None:
    """What has expired goes now and then, without anybody asking."""
    desk = Desk(SqlLedger(database))
    desk.end(accepted("m-1"))
    clock.sleep(2 * _machine.KEEP_S)
    for _ in range(256):
        desk.other().take()

    assert [(0,)] == asked(
        database,
        "select count(*) from {t}ledger where id = :id",
        id=desk.name,
    )


def test_proofs_are_forgotten(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the minutes with events the latest are kept, and not more."""
    monkeypatch.setattr(_ledger, "PROOF_KEEP_MINUTES", 20)
    ledger = SqlLedger(database)
    other = SqlLedger(database, namespace="other")
    for n in range(25):
        ledger.confirm("x", sent("m", START + 60 * n))
    other.confirm("x", sent("m", START))
    ledger.purge()

    assert [("other", 1), ("safeses", 20)] == asked(
        database,
        "select namespace, count(*) from {t}ledger_proofs"
        " group by namespace order by namespace",
    )


def test_copied(database: Database, clock: FakeClock) -> None:
    """A ledger is copied record by record, and stays what it was."""
    ledger = SqlLedger(database)
    desks = [Desk(ledger) for _ in range(3)]
    desks[0].end(accepted("m"))
    desks[1].end(UNKNOWN)
    desks[2].end(DEFERRED)
    clock.sleep(1)
    first = ledger.records(limit=2)
    rest = ledger.records(first.next, 2)
    mine = [*first.records, *rest.records]
    before = [desk.record() for desk in desks]
    is_known = ledger.restore(mine[0])
    said(database, "delete from {t}ledger")
    restored = [ledger.restore(record) for record in mine]

    assert (3, "", True, 3 * [True], before) == (
        len(mine),
        rest.next,
        not is_known,
        restored,
        [desk.record() for desk in desks],
    )
