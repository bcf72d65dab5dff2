"""What strangers, administrators and accidents do to a database in use."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
import traceback
from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import sqlalchemy
from tests.engines import fresh_name, run_sql, sql_database

from safeses import NotSentError, SafeSESError, StoreError, Suppression
from safeses._job import Job, Sent
from safeses._outcome import Accepted, Admission, Admitted, Deferred
from safeses._values import Limits
from safeses.sql import SqlState
from safeses.sql._statements import Statement
from safeses.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from safeses._outcome import Claim

pytestmark = pytest.mark.server

DATABASES = ["postgres_database", "mariadb_database"]
TIMEOUT_S = 2.0
# An act, tried twice, on a machine that is busy.
BOUND_S = 2 * TIMEOUT_S + 4
PATIENT_S = 10.0
SCOPE = "s"
PLENTY = Limits(per_second=10_000, per_day=1_000_000)
# With a time, as SES answers: one statement records it.
ACCEPTED = Accepted(
    message_id="m", sent=Sent(message_id="m", sent_at=1_767_225_600.0)
)
LOCK = Statement(
    "lock", {"": "update {prefix}_budget set total = total where scope = 's'"}
)


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest) -> str:
    """Return where a database is."""
    found: str = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def state(url: str) -> Iterator[SqlState]:
    """Return a state with a rate that nobody reaches."""
    with opened(url) as state:
        yield state


@contextmanager
def opened(
    given: str | sqlalchemy.Engine, prefix: str = "faults", **options: Any
) -> Iterator[SqlState]:
    """Open a state whose tables are there."""
    options = {"timeout_s": TIMEOUT_S, **options}
    with closing(SqlState.open(given, prefix=prefix, **options)) as state:
        state.init()
        state.learn(SCOPE, PLENTY)
        yield state


def wish(tag: str, *, is_keyed: bool = False, **more: Any) -> Admission:
    """Ask for a mail to two people."""
    # A job and its mail go by the same name; who calls has another.
    job = Job(id=tag) if is_keyed else None
    asked: dict[str, Any] = {
        "tag": tag,
        "scope": SCOPE,
        "recipients": ("ann@example.net", "bob@example.net"),
        "cost": 2,
        "quota_cost": 2,
        "owner": fresh_name(),
        "job": job,
        **more,
    }
    return Admission(**asked)


def send(state: SqlState, admission: Admission) -> None:
    """Do what a send does; SES takes it at once."""
    admitted = state.admit(admission)
    assert isinstance(admitted, Admitted)
    state.submit(admitted.claim, 10)
    state.settle(admitted.claim, Accepted(message_id="m"))


def timed(act: Callable[[], object]) -> tuple[object, float]:
    """Return what came of an act, and how long it took."""
    began = time.monotonic()
    try:
        told = act()
    except SafeSESError as error:
        told = error
    return told, time.monotonic() - began


def kill_all(url: str) -> None:
    """End all connections to a database, from outside."""
    name = urlsplit(url).path[1:]
    if url.startswith("postgresql"):
        run_sql(
            url,
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()",
        )
        return
    engine = sqlalchemy.create_engine(url)
    with engine.connect() as connection:
        found = connection.exec_driver_sql(
            "select id, db from information_schema.processlist"
            " where id <> connection_id()"
        ).all()
        for number in (number for number, where in found if where == name):
            try:
                connection.exec_driver_sql(f"kill {number}")
            except sqlalchemy.exc.DBAPIError:
                continue  # it has ended meanwhile
    engine.dispose()


@contextmanager
def held(url: str, sql: str) -> Iterator[None]:
    """Be a stranger who has locked rows and thinks about them."""
    engine = sqlalchemy.create_engine(url)
    with engine.connect() as connection:
        connection.exec_driver_sql(sql)
        yield
        connection.rollback()
    engine.dispose()


# --- Connections ------------------------------------------------------------


def test_killed_before_each_act(state: SqlState, url: str) -> None:
    """Of a send, only the note that it leaves does without a second try."""
    send(state, wish("warm"))
    kill_all(url)
    job = fresh_name()
    admitted = state.admit(wish(job, is_keyed=True))
    assert isinstance(admitted, Admitted)
    kill_all(url)
    told, _ = timed(lambda: state.submit(admitted.claim, 10))
    if told is not None:  # else the dead connection was noticed before
        state.submit(admitted.claim, 10)
    kill_all(url)
    state.settle(admitted.claim, Accepted(message_id="m"))
    found = state.look_up(job)

    assert found is not None
    assert "accepted" == found.record.state
    assert told is None or isinstance(told, StoreError)


def test_killed_amid_use(state: SqlState, url: str) -> None:
    """Whoever is cut off is told in time, and what is settled stays so."""
    name = fresh_name()
    settled: list[str] = []
    told: list[tuple[object, float]] = []
    ended = threading.Semaphore(0)

    def work(number: int) -> None:
        for turn in range(15):
            tag = f"{name}_{number}_{turn}"
            mail = wish(tag, is_keyed=True)
            done = timed(partial(send, state, mail))
            told.append(done)
            if done[0] is None:
                settled.append(tag)
            ended.release()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        for _ in range(30):
            ended.acquire(timeout=BOUND_S)
        kill_all(url)
    for thread in threads:
        thread.join()
    found = [state.look_up(tag) for tag in settled]

    assert {"accepted"} >= {f.record.state if f else "" for f in found}
    assert {StoreError} >= {type(t) for t, _ in told if t is not None}
    assert settled
    assert max(took_s for _, took_s in told) < 3 * BOUND_S


def test_more_threads_than_connections(url: str) -> None:
    """64 threads on 10 connections wait for one another, and all are told."""
    told: list[object] = []
    with opened(url, timeout_s=PATIENT_S, pool_size=10) as state:

        def work(number: int) -> None:
            told.append(timed(lambda: send(state, wish(f"many-{number}")))[0])

        threads = [threading.Thread(target=work, args=(n,)) for n in range(64)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert [None] * 64 == told


def test_all_connections_are_in_use(url: str) -> None:
    """Who gets none is told in time, and the server is not blamed for it."""
    with opened(url, timeout_s=1.0, pool_size=1) as state:
        free, taken = threading.Event(), threading.Event()

        def hold() -> None:
            with state.database.session("test", PATIENT_S):
                taken.set()
                free.wait(PATIENT_S)

        thread = threading.Thread(target=hold)
        thread.start()
        taken.wait(PATIENT_S)
        told = [timed(lambda: state.per_second(SCOPE)) for _ in range(4)]
        free.set()
        thread.join()
        after = state.per_second(SCOPE)

    assert 10_000 == after
    assert {"no connection within 1 s: all of this process are in use"} == {
        getattr(error, "problem", "") for error, _ in told
    }
    assert max(took_s for _, took_s in told) < BOUND_S


# --- Locks ------------------------------------------------------------------


def test_a_stranger_holds_the_budget(state: SqlState, url: str) -> None:
    """Acts on a row that is locked for ever end in their bound, unsent."""
    send(state, wish("warm"))
    acts = [
        lambda: state.admit(wish("t")),
        lambda: state.admit(wish(fresh_name(), is_keyed=True)),
        lambda: state.budget.throttled(SCOPE, "rate"),
    ]
    with held(url, "select * from faults_budget for update"):
        told = [timed(act) for act in acts]
        seen = state.per_second(SCOPE)
    after = timed(lambda: send(state, wish("after")))[0]

    assert ([StoreError] * 3, None) == ([type(t) for t, _ in told], after)
    assert max(took_s for _, took_s in told) < BOUND_S
    assert 10_000 == seen


def test_a_host_that_stops_within_a_transaction(
    state: SqlState, url: str
) -> None:
    """What it has locked is free again soon, though it still connects."""
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            with opened(url) as own, own.database.transaction("test") as act:
                act.execute(LOCK)
                os.write(write, b"1")
                os.kill(os.getpid(), signal.SIGSTOP)
        finally:
            os._exit(0)
    os.read(read, 1)
    began = time.monotonic()
    refused = 0
    try:
        while timed(lambda: send(state, wish("t")))[0] is not None:
            refused += 1
            time.sleep(0.1)
            assert time.monotonic() - began < 4 * BOUND_S
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(read)
        os.close(write)

    assert refused


# --- Tables -----------------------------------------------------------------


def test_tables_that_are_dropped(url: str) -> None:
    """A table that vanishes is named as such, and made again on demand."""
    prefix = fresh_name()
    with opened(url, prefix) as state:
        send(state, wish("before"))
        run_sql(url, f"drop table {prefix}_budget")
        told, _ = timed(lambda: send(state, wish("amid")))
        state.init()
        state.learn(SCOPE, PLENTY)
        after, _ = timed(lambda: send(state, wish("after")))

    assert isinstance(told, StoreError)
    assert ("a table is missing: run `safeses state init URL`", None) == (
        told.problem,
        after,
    )


_FAIL = (
    "create function {p}() returns trigger language plpgsql as $$ begin"
    " raise exception 'no space' using errcode = '53100'; end $$"
)
_ON_WRITE = (
    "create trigger {p} before insert or update on {p}_ledger"
    " for each row execute function {p}()"
)
_SIGNAL = (
    "create trigger {p} before insert on {p}_ledger for each row"
    " signal sqlstate 'HY000' set mysql_errno = 1021"
)
FULL = {"postgresql": (_FAIL, _ON_WRITE), "mysql": (_SIGNAL,)}


def test_a_disk_that_is_full(url: str) -> None:
    """What cannot be noted is not sent; the quota is not lost by it."""
    prefix = fresh_name()
    with opened(url, prefix) as state:
        before = state.charged()
        engine = state.database.engine
        run_sql(url, *(sql.format(p=prefix) for sql in FULL[engine]))
        told, _ = timed(lambda: send(state, wish(fresh_name(), is_keyed=True)))
        charged = state.charged()

    assert isinstance(told, StoreError)
    assert ("its disk is full", before) == (told.problem, charged)


# --- Texts ------------------------------------------------------------------

NASTY = [
    "",
    "zero\0byte",
    "half \ud800 a character",
    "\U0001f600 æøå",
    "'; drop table faults_budget; --",
    "%s %(x)s :now {now} \\",
    " blanks ",
    "long" * 5_000,
]


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_any_text(url: str, text: str) -> None:
    """Whatever a text holds, it is kept as it is, or refused in words."""
    address = f"a{text}@example.net"
    with opened(url) as state:
        state.learn(text, PLENTY)
        acts: list[Callable[[], object]] = [
            lambda: send(state, wish("t", scope=text)),
            lambda: send(state, wish("t", stream=text)),
            lambda: send(state, wish("t", recipients=(address,))),
            lambda: state.look_up(text),
            lambda: state.per_second(text),
            lambda: state.suppressions.add(
                [Suppression(address=address, stream=text, source=text)]
            ),
            lambda: state.suppressions.find([address], stream=text),
            lambda: state.seen.mark(text, text, 60),
            lambda: state.counters.add(text, {text: 1}, time.time()),
            lambda: state.soft_bounces.add(text, text, time.time(), 0),
        ]
        told = [timed(act)[0] for act in acts]
        after = timed(lambda: send(state, wish("after")))[0]
    problems = [
        (number, error.problem)
        for number, error in enumerate(told)
        if isinstance(error, StoreError)
    ]

    assert ([], None) == (problems, after)


def test_passwords_are_not_told(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Who is not let in reads so, and nowhere the password."""
    caplog.set_level(logging.DEBUG)
    given = url.replace("//root@", "//nobody_at_all:hunter2@")
    with (
        closing(SqlState.open(given, timeout_s=PATIENT_S)) as state,
        pytest.raises(StoreError, match="does not let this user in") as caught,
    ):
        state.look_up("0" * 64)
    told = "".join(traceback.format_exception(caught.value))

    assert "hunter2" not in f"{told}{state!r}{state.database!r}{caplog.text}"


# --- Rights and settings ----------------------------------------------------


@contextmanager
def sender(url: str) -> Iterator[str]:
    """Make a user with the rights that the page lists, and no more."""
    name, database = fresh_name(), urlsplit(url).path[1:]
    rights = "select, insert, update, delete"
    if url.startswith("postgresql"):
        make = [
            f"create role {name} login",
            f"grant {rights} on all tables in schema public to {name}",
        ]
        drop = [f"drop owned by {name}", f"drop role {name}"]
    else:
        make = [
            f"create user {name}@'%%'",
            f"grant {rights} on {database}.* to {name}@'%%'",
        ]
        drop = [f"drop user {name}@'%%'"]
    run_sql(url, *make)
    try:
        yield url.replace("//root@", f"//{name}@")
    finally:
        run_sql(url, *drop)


def test_rights(url: str) -> None:
    """To read and to write the tables is all that a sender needs."""
    with opened(url):  # makes the tables
        pass
    with (
        sender(url) as given,
        closing(
            SqlState.open(given, timeout_s=PATIENT_S, prefix="faults")
        ) as own,
    ):
        own.learn(SCOPE, PLENTY)
        send(own, wish("rights"))
        send(own, wish(fresh_name(), is_keyed=True))
        own.suppressions.add([Suppression(address="x@example.net")])
        own.seen.mark("e", "log", 60)
        own.counters.add("all", {"sent": 1}, time.time())
        own.soft_bounces.add("x@example.net", "e", time.time(), 0)
        own.purge()
        own.stats()
        levels = {note.level for note in own.check()}

    assert "error" not in levels


def test_a_given_engine(url: str) -> None:
    """Connections come from the caller's pool, which stays the caller's."""
    settings = {}
    if url.startswith("mysql"):
        mode = "ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES"
        settings = {"init_command": f"set sql_mode = '{mode}'"}
    given = sqlalchemy.create_engine(
        url, pool_size=1, max_overflow=0, connect_args=settings
    )
    with opened(given) as state, given.connect() as mine:
        send(state, wish("given"))
        one = mine.exec_driver_sql("select 1").scalar()
    with given.connect() as mine:
        after = mine.exec_driver_sql("select 1").scalar()
    given.dispose()

    assert (1, 1) == (one, after)


def test_what_it_survives(caplog: pytest.LogCaptureFixture) -> None:
    """The settings of the server decide; a poor one is said once."""
    with sql_database("postgresql") as url:
        with opened(url, timeout_s=PATIENT_S) as state:
            well = state.survives
        name = urlsplit(url).path[1:]
        run_sql(url, f"alter database {name} set synchronous_commit = off")
        with opened(url, timeout_s=PATIENT_S) as state:
            for number in range(3):
                send(state, wish(f"t{number}"))
            poor = state.survives
    said = [r for r in caplog.records if r.levelno >= logging.WARNING]

    assert ("host", "process", 1) == (well, poor, len(said))
    assert "synchronous_commit is off" in said[0].getMessage()


@pytest.mark.parametrize(
    "owner, later_s", [("late", 100.0), ("now", 30 * 86_400.0)]
)
def test_a_job_that_was_lost(url: str, owner: str, later_s: float) -> None:
    """Who held a job once can neither send nor free it any more."""
    clock = FakeClock()
    with opened(url, fresh_name(), clock=clock) as state:
        late = claimed(state, "late")
        clock.sleep(later_s)
        state.ledger.purge()  # what is over is gone
        now = claimed(state, owner)
        with pytest.raises(NotSentError):
            state.submit(late, 10)
        state.submit(now, 10)
        state.settle(late, Deferred(by="unreachable"))
        found = state.look_up(now.id)
        state.settle(now, ACCEPTED)
        ended = state.look_up(now.id)

    assert found
    assert ended
    assert ("submitting", owner, "accepted") == (
        found.record.state,
        found.record.owner,
        ended.record.state,
    )


def claimed(state: SqlState, owner: str) -> Claim:
    """Claim a job, which is free."""
    answer = state.admit(wish("job", is_keyed=True, owner=owner))
    assert isinstance(answer, Admitted)
    return answer.claim


def test_charged_and_purged(state: SqlState) -> None:
    """The quota of a scope is told, and what is over goes."""
    scope = fresh_name()
    state.learn(scope, PLENTY)
    before = state.charged().get(scope)
    send(state, wish("c", scope=scope))
    state.counters.add("c", {"sent": 1}, time.time() - 400 * 86_400)
    gone = state.purge()

    assert (None, 2) == (before, state.charged()[scope])
    assert {"suppressions", "ledger", "seen"} == gone.keys()
