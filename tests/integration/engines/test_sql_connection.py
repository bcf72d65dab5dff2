"""Databases through SQLAlchemy: in time, by few round trips, in words."""

from __future__ import annotations

import copy
import os
import pickle
import sys
import threading
import time
from contextlib import closing
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import make_url
from tests.engines import run_sql, with_query
from tests.proxy import Proxy

from safeses._circuit import FIRST_PAUSE_S, OPENS_AFTER
from safeses._clock import SystemClock
from safeses._outcome import Accepted, Admission, Admitted
from safeses._values import Limits
from safeses.errors import ConfigurationError, StoreError
from safeses.sql import Database, SqlState, create_schema
from safeses.sql._connecting import Connecting, NoConnectionError
from safeses.sql._dialects import EPOCH_S
from safeses.sql._schema import SQL
from safeses.sql._statements import Statement, statements
from safeses.sql._watchdog import Act, has_news
from safeses.testing._clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from safeses.sql._transaction import Transaction

    Open = Callable[..., Database]

PORTS = {"postgresql": 5432, "mariadb": 3306}
FILE = [pytest.param("sqlite", marks=pytest.mark.race)]
SERVERS = [pytest.param(name, marks=pytest.mark.server) for name in PORTS]
ONE = Statement("one", {"": "select 1"})
WAIT = Statement(
    "wait", {"postgresql": "select pg_sleep(9)", "mysql": "select sleep(9)"}
)
NAP = Statement(
    "nap",
    {
        "postgresql": "select 1 from pg_sleep(0.3)",
        "mysql": "select 1 + sleep(0.3)",
    },
)
# A machine that is busy with other tests is no failure of ours.
TIMEOUT_S = 10.0


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a database, by the name of its engine."""
    fixtures = {
        "postgresql": "postgres_database",
        "mariadb": "mariadb_database",
    }
    name: str = request.param
    if name == "sqlite":
        return f"sqlite+pysqlite:///{tmp_path / 'mail.db'}"
    found: str = request.getfixturevalue(fixtures[name])
    return found


@pytest.fixture
def proxy(url: str) -> Iterator[Proxy]:
    """Return what stands before the server."""
    port = next(port for port in PORTS.values() if f":{port}/" in url)
    with Proxy(port) as proxy:
        yield proxy


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """Return a database whose tables are there."""
    with closing(Database(url, timeout_s=TIMEOUT_S, prefix="conn")) as found:
        found.prepare()
        yield found


everywhere = pytest.mark.parametrize("url", [*FILE, *SERVERS], indirect=True)
on_servers = pytest.mark.parametrize("url", SERVERS, indirect=True)


# --- Time -------------------------------------------------------------------


@everywhere
def test_time_is_the_engines(database: Database) -> None:
    """Without a clock of the test's the database tells the time."""
    apart_s = database.now() + EPOCH_S - time.time()

    assert pytest.approx(0, abs=5) == apart_s


@everywhere
def test_a_fake_clock_is_bound(url: str) -> None:
    """A test's clock decides instead, also within a statement."""
    clock = FakeClock()
    with closing(
        Database(url, clock=clock, timeout_s=TIMEOUT_S, prefix="conn")
    ) as database:
        [(now,)] = database.rows("test", SQL.read_time)

    assert pytest.approx(clock.time() - EPOCH_S, abs=1e-6) == now


# --- Round trips ------------------------------------------------------------


@on_servers
def test_round_trips_of_a_send(url: str, proxy: Proxy) -> None:
    """Without a key: two before the first byte, and one after it."""
    state = SqlState.open(
        proxy.url_for(url), timeout_s=TIMEOUT_S, prefix="conn"
    )
    with closing(state):
        state.learn("s", Limits(per_second=10_000))
        counts: list[tuple[int, ...]] = []
        for number in range(6):
            spent = [proxy.round_trips]
            admitted = state.admit(admission(f"t{number}"))
            assert isinstance(admitted, Admitted)
            spent.append(proxy.round_trips)
            state.submit(admitted.claim, 10)
            spent.append(proxy.round_trips)
            state.settle(admitted.claim, Accepted(message_id="m"))
            spent.append(proxy.round_trips)
            counts.append(tuple(b - a for a, b in pairwise(spent)))

    # What begins a minute, or reads the account, takes more.
    assert (1, 1, 1) == min(counts)


def admission(tag: str) -> Admission:
    """Ask for a mail to two people."""
    return Admission(
        tag=tag,
        scope="s",
        recipients=("ann@example.net", "bob@example.net"),
        cost=2,
        quota_cost=2,
    )


@on_servers
def test_one_statement_is_one_round_trip(url: str, proxy: Proxy) -> None:
    """It begins and ends no transaction, and nothing is prepared."""
    with closing(
        Database(proxy.url_for(url), timeout_s=TIMEOUT_S, prefix="conn")
    ) as database:
        database.rows("test", ONE)
        spent = []
        for _ in range(3):
            before = proxy.round_trips
            for _ in range(10):
                database.rows("test", ONE)
            spent.append(proxy.round_trips - before)

    assert 10 == min(spent)


# --- A server that fails ----------------------------------------------------


@on_servers
def test_a_server_that_hangs(url: str, proxy: Proxy) -> None:
    """No answer is an error in time, and soon a cheap one."""
    with closing(
        Database(proxy.url_for(url), timeout_s=1, prefix="conn")
    ) as database:
        settled(database)
        proxy.hang()
        errors = [failure(database) for _ in range(4)]
        proxy.heal()
        problems = [problem for problem, _ in errors]
        slowest_s = max(spent_s for _, spent_s in errors)

    assert ("no answer within 1 s", True) == (problems[0], slowest_s < 4)
    assert "asked again in" in problems[-1]


@on_servers
def test_a_statement_that_hangs(url: str) -> None:
    """A statement that takes too long is ended by the server, or by us."""
    with closing(Database(url, timeout_s=1, prefix="conn")) as database:
        settled(database)
        began = time.monotonic()
        with pytest.raises(StoreError) as caught:
            database.rows("test", WAIT)
        spent_s = time.monotonic() - began
        after = database.rows("test", ONE)

    assert ([(1,)], True) == (after, spent_s < 5)
    assert caught.value.problem in {
        "no answer within 1 s",
        "the statement took too long",
    }


@on_servers
@pytest.mark.parametrize("again", [True, False])
def test_connections_that_are_cut(
    url: str, proxy: Proxy, *, again: bool
) -> None:
    """Amid an act, what may be done twice is; anything else fails once."""
    with closing(
        Database(proxy.url_for(url), timeout_s=TIMEOUT_S, prefix="conn")
    ) as database:
        database.rows("test", ONE)
        asked = proxy.round_trips
        cutter = threading.Thread(target=cut_after, args=(proxy, asked))
        cutter.start()
        try:
            told: object = database.rows("test", NAP, again=again)
        except StoreError as error:
            told = error.problem
        cutter.join()
        after = database.rows("test", ONE)

    assert ([(1,)] if again else "the connection was lost", [(1,)]) == (
        told,
        after,
    )


def cut_after(proxy: Proxy, asked: int) -> None:
    """Cut all connections as soon as somebody has asked once more."""
    until = time.monotonic() + TIMEOUT_S
    while proxy.round_trips == asked and time.monotonic() < until:
        time.sleep(0.001)
    proxy.cut()


@on_servers
def test_connections_that_were_cut(url: str, proxy: Proxy) -> None:
    """Those that were idle meanwhile cost no act, not even a single one."""
    with closing(
        Database(proxy.url_for(url), timeout_s=TIMEOUT_S, prefix="conn")
    ) as database:
        answers = []
        for _ in range(3):
            answers.append(database.rows("test", ONE))
            proxy.cut()
            wait_for_the_news(database)

    assert [[(1,)]] * 3 == answers


def wait_for_the_news(database: Database) -> None:
    """Wait until this machine knows that the connection was cut."""
    process = database._connecting.mine  # noqa: SLF001  # its connections
    with closing(process.pool.raw_connection()) as lent:
        until = time.monotonic() + TIMEOUT_S
        while not has_news(lent.info["wire"]):
            assert time.monotonic() < until
            time.sleep(0.001)


BROKEN = Statement("broken", {"": "select nothing from nowhere"})


@on_servers
def test_an_error_is_an_answer(url: str, proxy: Proxy) -> None:
    """A server that is back, and refuses, is asked again at once."""
    with closing(
        Database(proxy.url_for(url), timeout_s=TIMEOUT_S, prefix="conn")
    ) as database:
        database.prepare()
        proxy.refuse()
        told = {failure(database)[0] for _ in range(OPENS_AFTER)}
        proxy.heal()
        time.sleep(FIRST_PAUSE_S)
        with pytest.raises(StoreError) as caught:
            database.rows("test", BROKEN)
        after = database.rows("test", ONE)

    assert ({"it cannot be reached"}, [(1,)]) == (told, after)
    assert "asked again" not in caught.value.problem


@on_servers
def test_options_that_no_driver_knows(url: str) -> None:
    """They are an error of ours, without what they were."""
    given = with_query(url, nonsense="secret")
    with closing(Database(given, timeout_s=TIMEOUT_S)) as database:
        problem, _ = failure(database)

    assert "options" in problem
    assert "secret" not in problem


@on_servers
def test_a_server_that_is_down(url: str, proxy: Proxy) -> None:
    """Nobody there is an error too, without the password."""
    given = proxy.url_for(url).replace("@", ":secret@", 1)
    proxy.refuse()
    with closing(Database(given, timeout_s=TIMEOUT_S)) as database:
        with pytest.raises(StoreError) as caught:
            database.rows("budget", ONE)
        shown = f"{database!r} {caught.value} {caught.value!r}"
        proxy.heal()

    assert ("budget", database.engine, "it cannot be reached") == (
        caught.value.part,
        caught.value.engine,
        caught.value.problem,
    )
    assert "secret" not in shown


def settled(database: Database) -> None:
    """Ask until there is an answer, so that connecting costs no more."""
    for _ in range(20):
        try:
            database.rows("test", ONE)
        except StoreError as error:
            time.sleep(error.retry_after_s or 0)
        else:
            return


def failure(database: Database) -> tuple[str, float]:
    """Return what goes wrong, and after how many seconds."""
    began = time.monotonic()
    with pytest.raises(StoreError) as caught:
        database.rows("test", ONE)
    return caught.value.problem, time.monotonic() - began


# --- Transactions -----------------------------------------------------------

LOCK = Statement(
    "lock", {"": "update {prefix}_budget set total = total where scope = :s"}
)


@on_servers
def test_deadlocks_are_tried_again(database: Database) -> None:
    """Of two that wait for each other both get done."""
    for scope in "ab":
        values = {"scope": scope, "account_per_s": 1.0, "never": 0.0}
        make = statements("budget.sql").make_scope
        database.execute("test", make, values)
    meet = threading.Barrier(2)
    done: list[str] = []

    def work(first: str, second: str) -> None:
        is_first = True

        def act(transaction: Transaction) -> None:
            nonlocal is_first
            transaction.execute(LOCK, {"s": first})
            if is_first:
                is_first = False
                meet.wait(TIMEOUT_S)
            transaction.execute(LOCK, {"s": second})

        database.in_transaction("test", act)
        done.append(first)

    threads = [
        threading.Thread(target=work, args=order) for order in ("ab", "ba")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert ["a", "b"] == sorted(done)


@everywhere
def test_an_error_undoes_it(database: Database) -> None:
    """What was done within an act that fails is not there afterwards."""
    write = Statement(
        "write",
        {"": "insert into {prefix}_format (part, format) values ('new', 1)"},
    )

    def fail(transaction: Transaction) -> None:
        transaction.execute(write)
        raise LookupError

    with pytest.raises(LookupError):
        database.in_transaction("test", fail)
    parts = [part for part, _ in database.rows("test", SQL.read_formats)]

    assert "new" not in parts


# --- Tables -----------------------------------------------------------------


@everywhere
def test_a_newer_format(url: str) -> None:
    """Tables of a newer version are left alone."""
    write = Statement(
        "write",
        {"": "update {prefix}_format set format = 2 where part = 'seen'"},
    )
    with closing(
        Database(url, timeout_s=TIMEOUT_S, prefix="newer")
    ) as database:
        create_schema(database)
        database.execute("test", write)
    with (
        closing(Database(url, timeout_s=TIMEOUT_S, prefix="newer")) as late,
        pytest.raises(StoreError, match="update safeses") as caught,
    ):
        late.rows("test", ONE)

    assert "seen" == caught.value.part


@everywhere
def test_tables_are_made_by_many_at_once(url: str) -> None:
    """Of processes that come first none fails."""
    problems: list[Exception] = []

    def make() -> None:
        with closing(
            Database(url, timeout_s=TIMEOUT_S, prefix="many")
        ) as database:
            try:
                database.rows("test", SQL.read_formats)
            except StoreError as error:
                problems.append(error)

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [] == problems


@pytest.mark.server
def test_a_user_who_may_not(postgres_database: str) -> None:
    """Who cannot make tables is told what to run."""
    run_sql(
        postgres_database,
        "drop role if exists safeses_nobody",
        "create role safeses_nobody login",
        "revoke create on schema public from public",
    )
    url = postgres_database.replace("//root@", "//safeses_nobody@")
    with (
        closing(Database(url, timeout_s=TIMEOUT_S, prefix="no")) as database,
        pytest.raises(StoreError, match="safeses state init") as caught,
    ):
        database.rows("test", ONE)

    assert "the user may not do this" in caught.value.problem


# --- Forks ------------------------------------------------------------------


@everywhere
def test_a_child_connects_for_itself(database: Database) -> None:
    """A child gets its own answers, and the parent keeps its connection."""
    database.rows("test", ONE)
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            with closing(database):
                rows = database.rows("test", SQL.read_formats)
            os.write(write, str(len(rows)).encode())
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    said = os.read(read, 9)
    os.close(read)
    os.close(write)
    after = database.rows("test", ONE)

    assert (b"7", [(1,)]) == (said, after)


# --- Settings ---------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "nonsense",
        "nonsense://host/database",
        "sqlite+pysqlite://",
        "sqlite+pysqlite:///:memory:",
        "sqlite+aiosqlite:///mail.db",
        "oracle://host/database",
        "postgresql+pg8000://host/database",
    ],
)
def test_urls_that_name_none(wrong: str) -> None:
    """What cannot be used is refused at once, in words."""
    with pytest.raises(ConfigurationError) as caught:
        Database(wrong)

    assert caught.value.remedy


@pytest.mark.parametrize(
    "wrong",
    [
        {"timeout_s": 0},
        {"timeout_s": float("nan")},
        {"timeout_s": True},
        {"prefix": "Shop"},
        {"prefix": "a; drop table b"},
        {"pool_size": 0},
    ],
)
def test_wrong_settings(wrong: dict[str, object], tmp_path: Path) -> None:
    """A setting that cannot work is refused, and no file is made."""
    path = tmp_path / "mail.db"
    with pytest.raises(ConfigurationError):
        Database(f"sqlite+pysqlite:///{path}", **wrong)  # type: ignore[arg-type]  # wrong

    assert not path.exists()


def test_it_cannot_be_copied(tmp_path: Path) -> None:
    """Neither pickle nor copy takes connections along."""
    database = Database(f"sqlite+pysqlite:///{tmp_path / 'mail.db'}")
    for act in (pickle.dumps, copy.copy):
        with pytest.raises(TypeError, match="make one from its URL"):
            act(database)

    assert isinstance(database.clock, SystemClock)


@pytest.mark.race
def test_options_of_a_url(tmp_path: Path) -> None:
    """Ours are taken out of the query, the driver's stay in it."""
    url = with_query(
        f"sqlite+pysqlite:///{tmp_path / 'mail.db'}",
        timeout_s=2,
        prefix="shop",
        pool_size=1,
    )
    with closing(SqlState.from_url(url)) as state:
        state.init()
        found = state.database.timeout_s, state.database.prefix

    assert (2.0, "shop") == found


def test_a_url_with_options(tmp_path: Path) -> None:
    """It means the same wherever it is given."""
    url = f"sqlite+pysqlite:///{tmp_path / 'mail.db'}?timeout_s=7&prefix=shop"
    with closing(Database(url)) as one, closing(SqlState.open(url)) as state:
        found = [(d.timeout_s, d.prefix) for d in (one, state.database)]

    assert [(7.0, "shop")] * 2 == found


def test_a_driver_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install, and how to name it."""
    monkeypatch.setitem(sys.modules, "pymysql", None)
    with pytest.raises(ConfigurationError) as caught:
        Database("mariadb+pymysql://ann:hunter2@host/shop")

    assert (
        "the state mariadb+pymysql:// needs the package pymysql",
        'pip install "safeses[sql]" "pymysql", and name mariadb+pymysql://',
    ) == (caught.value.problem, caught.value.remedy)


@pytest.mark.race
def test_a_connection_that_comes_too_late(tmp_path: Path) -> None:
    """What nobody would cut off any more is not used, and goes back."""
    url = make_url(f"sqlite+pysqlite:///{tmp_path / 'mail.db'}")
    connecting = Connecting(url, None, timeout_s=1, pool_size=1)
    with closing(connecting):
        late = Act(time.monotonic(), is_late=True)
        with pytest.raises(NoConnectionError, match="within 1 s"):
            connecting.lend(connecting.mine, late)
        act = Act(time.monotonic() + TIMEOUT_S)
        lent = connecting.lend(connecting.mine, act)
        lent.close()

    assert not act.is_late


@on_servers
def test_what_a_session_is_told(url: str) -> None:
    """A server that is well ends what takes long before we have to."""
    with closing(Database(url, timeout_s=10, prefix="conn")) as database:
        asked = {
            "postgresql": "show statement_timeout",
            "mysql": "select @@max_statement_time, @@idle_transaction_timeout,"
            " @@sql_mode",
        }
        [found] = database.rows("test", Statement("asked", asked))

    assert {
        "postgresql": ("8s",),
        "mysql": (8.0, 10, "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION"),
    }[database.engine] == found
