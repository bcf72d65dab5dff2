"""The ledger in a file of SQLite decides as the one in memory does."""

from __future__ import annotations

import math
from contextlib import closing
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from safeses._outcome import (
    Accepted,
    Claim,
    Deferred,
    Outcome,
    Rejected,
    Unknown,
)
from safeses.errors import (
    InFlightError,
    OutcomeUnknownError,
    RejectedError,
    StoreError,
)
from safeses.ledger import (
    Claimed,
    Found,
    Job,
    LeftOut,
    Record,
    Refused,
    Sent,
)
from safeses.sqlite._database import Database
from safeses.sqlite._ledger import LATE_S, SqliteLedger
from safeses.sqlite._ledger_rows import SQL, record_of, row_of
from safeses.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


pytestmark = pytest.mark.race  # threads

LEASE_S = 30.0
DAY_S = 86_400.0
KEY = "a" * 64
TAG = "b" * 32
PAYLOADS = (
    "1 " + "1" * 64 + " html=11111111",
    "1 " + "2" * 64 + " html=22222222",
)
LEFT_OUT = LeftOut(position=1, reason="bounce", since=1.5, source="ses")
REFUSAL = RejectedError("MessageRejected", 400, "not verified", "r9")
FULL = Record(
    id=KEY,
    state="accepted",
    owner="call-1",
    attempt=2,
    payload=PAYLOADS[0],
    unsure=1,
    reason="no answer: \u00e9",
    began_wall=1_767_225_600.125,
    submitted_wall=1_767_225_601.1,
    lease_s=math.inf,
    lease_ends=0.1 + 0.2,
    expires=1e9,
    recipients=3,
    left_out=(LEFT_OUT, attrs.evolve(LEFT_OUT, position=2, since=None)),
    sent=Sent(message_id="m1", request_id="r1", sent_at=0.1 + 0.2),
    others=("m2", "m3"),
    refused=Refused(code="MessageRejected", status=400, detail="\ud800"),
)


class Watched(Database):
    """Counts what is asked of the file, and may be slow to answer."""

    def __init__(self, path: Path, clock: FakeClock) -> None:
        super().__init__(path, clock=clock)
        self.asked: list[str] = []
        self.waits_s = 0.0

    def transaction(self, part: str) -> Any:
        """Begin one."""
        self.asked.append("transaction")
        return super().transaction(part)

    def execute(
        self, part: str, sql: str, values: Any = (), *, looks: bool = True
    ) -> int:
        """Perform one statement, after a wait."""
        self.asked.append("statement")
        done = super().execute(part, sql, values, looks=looks)
        assert isinstance(self.clock, FakeClock)
        self.clock.advance(self.waits_s)
        return done

    def rows(self, part: str, sql: str, values: Any = ()) -> list[Any]:
        """Read."""
        self.asked.append("read")
        return super().rows(part, sql, values)


@pytest.fixture
def clock() -> FakeClock:
    """Time that the test moves."""
    return FakeClock()


@pytest.fixture
def database(tmp_path: Path, clock: FakeClock) -> Iterator[Watched]:
    """A file that is open."""
    with closing(Watched(tmp_path / "mail.db", clock)) as database:
        database.now()  # open
        yield database


@pytest.fixture
def ledger(database: Watched) -> SqliteLedger:
    """The ledger of that file."""
    return SqliteLedger(database)


def claim_of(
    job: Job | None = None, *, attempt: int = 1, owner: str = "call-1"
) -> Claim:
    """Return what a call that claimed *job* holds."""
    return Claim(
        tag=job.id if job else TAG,
        scope="eu-west-1",
        cost=1,
        quota_cost=1,
        owner=owner,
        attempt=attempt,
        job=job,
        recipients=2,
        left_out=(LEFT_OUT,),
    )


def unknown(reason: str = "no answer") -> Unknown:
    """Return the outcome of an attempt whose answer was lost."""
    return Unknown(error=OutcomeUnknownError(TAG, reason))


def test_every_field_is_kept(database: Watched) -> None:
    """A record comes back from the file as it was, to the last bit."""
    with database.transaction("test") as connection:
        connection.execute(SQL.put, row_of(FULL))
        row = connection.execute(SQL.get, (KEY,)).fetchone()

    assert FULL == record_of(row)


def test_no_key_takes_two_statements(
    ledger: SqliteLedger, database: Watched
) -> None:
    """A message without a key is noted and forgotten by one statement each."""
    outcomes: list[Outcome] = [
        Accepted(message_id="m1"),
        Deferred(by="rate"),
        Rejected(error=REFUSAL, final=True),
    ]
    database.asked.clear()
    for outcome in outcomes:
        ledger.submit(claim_of(), LEASE_S)
        ledger.settle(claim_of(), outcome)

    assert (["statement"] * 6, None) == (
        database.asked[:],
        ledger.look_up(TAG),
    )


def test_a_key_takes_four(ledger: SqliteLedger, database: Watched) -> None:
    """A new job is one read, and one statement for each act."""
    job = Job(id=KEY)
    database.asked.clear()
    ledger.look_up(KEY)
    ledger.claim(job, "call-1", LEASE_S)
    ledger.submit(claim_of(job), LEASE_S)
    sent = Sent(message_id="m1", sent_at=1.0)
    ledger.settle(claim_of(job), Accepted(message_id="m1", sent=sent))

    assert ["read", *["statement"] * 3] == database.asked


@pytest.mark.parametrize("waits_s", [0.0, LATE_S, 4.0])
@pytest.mark.parametrize("acts", [1, 2, 3])
def test_a_lease_begins_when_it_is_written(
    ledger: SqliteLedger, database: Watched, acts: int, waits_s: float
) -> None:
    """Waiting for the file costs at most half a second of the lease."""
    job = Job(id=KEY)
    steps: list[Callable[[], object]] = [
        lambda: ledger.submit(claim_of(), LEASE_S),
        lambda: ledger.claim(job, "call-1", LEASE_S),
        lambda: ledger.submit(claim_of(job), LEASE_S),
    ]
    database.waits_s = waits_s
    for step in steps[:acts]:
        step()
    found = ledger.look_up(KEY if acts > 1 else TAG)
    left_s = found.retry_after_s if found else 0.0

    assert LEASE_S - LATE_S <= round(left_s, 6) <= LEASE_S


def test_indexes_are_used(database: Watched) -> None:
    """What is over is not looked for row by row."""
    sql = f"explain query plan {SQL.purge}"
    plan = [row[-1] for row in database.rows("test", sql, (0.0, 9))]
    reads = [
        step
        for step in plan
        if "safeses_ledger" in step and "(id=?)" not in step
    ]

    assert [True] == ["safeses_ledger_expires (" in step for step in reads]


def test_a_claim_that_was_forgotten(
    ledger: SqliteLedger, clock: FakeClock
) -> None:
    """A claim counts for its call, also if another has the same attempt."""
    job = Job(id=KEY)
    ledger.claim(job, "call-1", LEASE_S)
    ledger.settle(claim_of(job), Deferred(by="rate"))
    clock.advance(DAY_S)
    ledger.purge()
    ledger.claim(job, "call-2", LEASE_S)
    with pytest.raises(InFlightError):
        ledger.submit(claim_of(job), LEASE_S)
    found = ledger.look_up(KEY)

    assert ("reserved", "call-2", 1) == (
        found and found.record.state,
        found and found.record.owner,
        found and found.record.attempt,
    )


def test_unsure_while_it_is_claimed_again(
    ledger: SqliteLedger, clock: FakeClock
) -> None:
    """An unknown outcome is listed again when the next claim has ended."""
    job = Job(id=KEY, on_unknown="resend")
    ledger.claim(job, "call-1", LEASE_S)
    ledger.submit(claim_of(job), LEASE_S)
    ledger.settle(claim_of(job), unknown())
    seen = []
    ledger.claim(job, "call-2", LEASE_S)
    for pause_s in (0.0, LEASE_S):
        clock.advance(pause_s)
        seen.append([record.id for record in ledger.unsettled().records])

    assert [[], [KEY]] == seen


def test_purge_lets_others_in(
    ledger: SqliteLedger, database: Watched, clock: FakeClock
) -> None:
    """Much that is over is forgotten in several statements."""
    rows = [
        row_of(attrs.evolve(FULL, id=f"{n:064}", expires=database.now()))
        for n in range(2_500)
    ]
    with database.transaction("test") as connection:
        connection.executemany(SQL.put, rows)
    clock.advance(1.0)
    database.asked.clear()

    assert (2_500, ["statement"] * 3) == (ledger.purge(), database.asked)


def test_purging_now_and_then(ledger: SqliteLedger, clock: FakeClock) -> None:
    """What is over goes as claims come, also where nobody calls purge."""
    jobs = [Job(id=f"{n:064}") for n in range(512)]
    for job in jobs[:256]:
        ledger.claim(job, "call-1", LEASE_S)
        claim = claim_of(job)
        ledger.settle(claim, Rejected(error=REFUSAL, final=True))
    clock.advance(14 * DAY_S)
    for job in jobs[256:]:
        ledger.claim(job, "call-1", LEASE_S)

    assert (None, 0) == (ledger.look_up(jobs[0].id), ledger.purge())


@pytest.mark.parametrize(
    "column, value",
    [
        ("state", "sending"),
        ("sent", "{"),
        ("sent", "[]"),
        ("sent", "{}"),
        ("left_out", "7"),
        ("others", "7"),
        ("refused", '"x"'),
    ],
)
def test_what_is_no_record(
    ledger: SqliteLedger, database: Watched, column: str, value: str
) -> None:
    """A row that cannot be read is an outage, never a job that is free."""
    job = Job(id=KEY)
    ledger.claim(job, "call-1", LEASE_S)
    sql = f"update safeses_ledger set {column} = ?"  # noqa: S608  # no input
    database.execute("test", sql, (value,))
    with pytest.raises(StoreError, match="no record") as seen:
        ledger.look_up(KEY)
    with pytest.raises(StoreError, match="no record"):
        ledger.claim(job, "call-2", LEASE_S)

    assert ("ledger", "sqlite") == (seen.value.part, seen.value.engine)


def test_a_newer_version_wrote_more(
    ledger: SqliteLedger, database: Watched
) -> None:
    """What a newer version adds is left alone, and not lost by a write."""
    job = Job(id=KEY)
    database.execute(
        "test", "alter table safeses_ledger add column colour text"
    )
    ledger.claim(job, "call-1", LEASE_S)
    ledger.submit(claim_of(job), LEASE_S)
    database.execute(
        "test",
        "update safeses_ledger set colour = 'red', state = 'accepted', sent ="
        """ '{"message_id":"m1","colour":"red"}'""",
    )
    ledger.confirm(KEY, Sent(message_id="m2"))
    found = ledger.look_up(KEY)
    colours = database.rows("test", "select colour from safeses_ledger")

    assert (Sent(message_id="m1"), ("m2",), [("red",)]) == (
        found and found.record.sent,
        found and found.record.others,
        colours,
    )


def test_a_name_that_no_column_takes(ledger: SqliteLedger) -> None:
    """Nothing is known by a name with a lone surrogate, nor can be."""
    name = "\ud800"
    with pytest.raises(StoreError, match="lone surrogate"):
        ledger.claim(Job(id=name), "call-1", LEASE_S)

    assert (None, False, False) == (
        ledger.look_up(name),
        ledger.confirm(name, Sent(message_id="m1")),
        ledger.resolve(name, None),
    )


def test_a_number_that_no_column_takes(ledger: SqliteLedger) -> None:
    """A number above 64 bits is a `StoreError`, of whichever statement."""
    claim = claim_of()
    claim.recipients = 2**64
    job = Job(id=KEY)
    ledger.claim(job, "call-1", LEASE_S)
    with pytest.raises(StoreError, match="64 bits"):
        ledger.submit(claim, LEASE_S)
    with pytest.raises(StoreError, match="64 bits"):
        ledger.confirm(KEY, Sent(message_id="m1", sent_at=1e300))

    assert None is ledger.look_up(TAG)


@pytest.mark.parametrize("limit", [1, 2**70])
def test_pages_of_any_size(ledger: SqliteLedger, limit: int) -> None:
    """A page takes what there is, however much is asked for."""
    ledger.submit(claim_of(), LEASE_S)
    ledger.settle(claim_of(), unknown())

    assert [TAG] == [r.id for r in ledger.unsettled(limit=limit).records]


def test_proofs_are_of_a_namespace(
    database: Watched, clock: FakeClock
) -> None:
    """Events of one namespace prove nothing for another."""
    job = Job(id=KEY, on_unknown="reconcile", grace_s=60.0)
    ours = SqliteLedger(database)
    theirs = SqliteLedger(database, namespace="theirs")
    ours.claim(job, "call-1", LEASE_S)
    ours.submit(claim_of(job), LEASE_S)
    ours.settle(claim_of(job), unknown())
    clock.advance(LEASE_S + 60.0)
    theirs.confirm(TAG, Sent(message_id="m1", sent_at=clock.time()))
    before = type(ours.claim(job, "call-2", LEASE_S))
    ours.confirm(TAG, Sent(message_id="m1", sent_at=clock.time()))
    after = type(ours.claim(job, "call-2", LEASE_S))

    assert (Found, Claimed) == (before, after)


@pytest.mark.parametrize(
    "minutes, expected",
    [(-1, Found), (0, Claimed), (5, Claimed), (6, Found)],
)
def test_proofs_are_of_the_next_minutes(
    ledger: SqliteLedger, clock: FakeClock, minutes: int, expected: type
) -> None:
    """Mail of the same minute proves, and that of the five after it."""
    job = Job(id=KEY, on_unknown="reconcile", grace_s=0.0)
    ledger.claim(job, "call-1", LEASE_S)
    ledger.submit(claim_of(job), LEASE_S)
    ledger.settle(claim_of(job), unknown())
    sent_at = clock.time() + 60.0 * minutes
    clock.advance(DAY_S)
    ledger.confirm(TAG, Sent(message_id="m1", sent_at=sent_at))

    assert expected is type(ledger.claim(job, "call-2", LEASE_S))


def test_proofs_are_bounded(ledger: SqliteLedger, database: Watched) -> None:
    """Of the minutes of which events came, those of fifteen days stay."""
    keep = 15 * 24 * 60
    database.execute(
        "test",
        "with recursive minutes (n) as ("
        " values (1) union all select n + 1 from minutes where n < ?)"
        " insert into safeses_ledger_proofs"
        " select 'safeses', n, 60.0 * n from minutes",
        (keep,),
    )
    ledger.confirm(TAG, Sent(message_id="m1", sent_at=60.0 * (keep + 1)))
    ledger.confirm(TAG, Sent(message_id="m1", sent_at=60.0 * (keep + 1)))
    sql = "select count(*), min(minute) from safeses_ledger_proofs"

    assert [(keep, 2)] == database.rows("test", sql)


def test_nothing_is_left_of_what_is_known(
    ledger: SqliteLedger, database: Watched
) -> None:
    """Without keys only what is unknown stays in the file."""
    outcomes: list[Outcome] = [
        Accepted(message_id="m1"),
        Deferred(by="rate"),
        Rejected(error=REFUSAL),
        unknown(),
    ]
    for number, outcome in enumerate(outcomes):
        claim = attrs.evolve(claim_of(), tag=f"{number:032}")
        ledger.submit(claim, LEASE_S)
        ledger.settle(claim, outcome)
    rows = database.rows("test", "select id, state from safeses_ledger")

    assert [(f"{3:032}", "unknown")] == rows


OUTAGES: dict[str, Callable[[SqliteLedger], object]] = {
    "look_up": lambda ledger: ledger.look_up(KEY),
    "claim": lambda ledger: ledger.claim(Job(id=KEY), "call-1", LEASE_S),
    "submit": lambda ledger: ledger.submit(claim_of(), LEASE_S),
    "settle": lambda ledger: ledger.settle(claim_of(), unknown()),
    "settle_at_once": lambda ledger: ledger.settle(
        claim_of(), Accepted(message_id="m1")
    ),
    "confirm": lambda ledger: ledger.confirm(KEY, Sent(message_id="m1")),
    "resolve": lambda ledger: ledger.resolve(KEY, None),
    "unsettled": lambda ledger: ledger.unsettled(),
    "purge": lambda ledger: ledger.purge(),
}


@pytest.mark.parametrize("act", OUTAGES.values(), ids=OUTAGES)
def test_an_outage(
    ledger: SqliteLedger,
    database: Watched,
    act: Callable[[SqliteLedger], object],
) -> None:
    """A table that is gone is an outage, and never reads as not sent."""
    database.execute("test", "drop table safeses_ledger")
    with pytest.raises(StoreError) as seen:
        act(ledger)

    assert ("ledger", "sqlite") == (seen.value.part, seen.value.engine)


def test_a_path_is_enough(tmp_path: Path) -> None:
    """A ledger with a file of its own closes it, once or twice."""
    path = tmp_path / "mail.db"
    with closing(SqliteLedger(path)) as ledger:
        ledger.claim(Job(id=KEY), "call-1", LEASE_S)
        ledger.close()
    with closing(SqliteLedger(str(path))) as again:
        found = again.look_up(KEY)

    assert "call-1" == (found and found.record.owner)


def test_a_file_that_was_given_stays_open(
    ledger: SqliteLedger, database: Watched
) -> None:
    """Who gave the file to several parts closes it."""
    ledger.close()
    database.asked.clear()
    with database.transaction("test") as connection:
        ledger.close()
        still = connection.execute("select 1").fetchone()

    assert (1,) == still
