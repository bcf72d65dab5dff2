"""The state of many machines, on every engine that speaks SQL."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import attrs
import pytest
from sqlalchemy import make_url
from tests.engines import fresh_name, run_sql, sql_database, with_query

from safeses._job import Job
from safeses._outcome import Accepted, Admission, Admitted, Deferred
from safeses._suppressed import Suppression
from safeses._values import Limits
from safeses.errors import SuppressedError
from safeses.sql import SqlState, _checks
from safeses.sql._problems import why_unreachable
from safeses.sql._watchdog import has_news

if TYPE_CHECKING:
    from collections.abc import Iterator

    from safeses.sql import Database

pytestmark = pytest.mark.server

WISH = Admission(
    # A job and its mail go by the same name.
    tag=f"{1:064x}",
    scope="s",
    recipients=("ann@example.net",),
    cost=1,
    quota_cost=1,
)


@pytest.fixture(params=["postgres_database", "mariadb_database"])
def state(request: pytest.FixtureRequest) -> Iterator[SqlState]:
    """Return a state with a rate that nobody reaches."""
    url: str = request.getfixturevalue(request.param)
    with closing(SqlState.open(url, timeout_s=10.0, prefix="state")) as state:
        state.init()
        state.learn("s", Limits(per_second=1000, per_day=1000))
        yield state


def asked(state: SqlState, *recipients: str) -> Admitted:
    """Return what a mail to them is told."""
    answer = state.admit(
        Admission(
            tag="tag",
            scope="s",
            recipients=recipients,
            cost=len(recipients),
            quota_cost=len(recipients),
        )
    )
    assert isinstance(answer, Admitted)
    return answer


def test_a_send_leaves_no_record(state: SqlState) -> None:
    """A mail without a key is known while it is on its way, and not after."""
    admitted = asked(state, "ann@example.net")
    state.submit(admitted.claim, 10)
    before = state.stats()["jobs"]
    state.settle(admitted.claim, Accepted(message_id="m"))

    assert (1, 0) == (before, state.stats()["jobs"])


def test_suppressed_recipients(state: SqlState) -> None:
    """Who is suppressed is left out, and alone gets nothing."""
    state.suppressions.add(
        [Suppression(address="bad@example.net", reason="bounce")]
    )
    admitted = asked(state, "ann@example.net", "bad@example.net")
    with pytest.raises(SuppressedError):
        asked(state, "bad@example.net")

    assert (1, ["bad@example.net"]) == (
        admitted.claim.cost,
        [gone.address for gone in admitted.dropped],
    )


def test_a_refused_send_gives_its_quota_back(state: SqlState) -> None:
    """What SES did not take is not counted."""
    state.learn("full", Limits(per_second=1000, per_day=1))
    admission = Admission(
        tag="full",
        scope="full",
        recipients=("ann@example.net",),
        cost=1,
        quota_cost=1,
    )
    first = state.admit(admission)
    assert isinstance(first, Admitted)
    state.submit(first.claim, 10)
    state.settle(first.claim, Deferred(by="unreachable"))

    assert isinstance(state.admit(admission), Admitted)


def test_check(state: SqlState) -> None:
    """A server as we test it has nothing to complain of."""
    levels = {note.level for note in state.check()}

    assert "error" not in levels


@pytest.mark.parametrize(
    "answer, level",
    [(0, "ok"), ("OFF", "ok"), (1, "error"), ("NO_LOCK_NO_ADMIN", "error")],
)
def test_a_mariadb_that_is_read_only(answer: object, level: str) -> None:
    """Whether it says so by a number or, as newer ones do, by a word."""
    notes = _checks._mysql(("12.1.2-MariaDB", answer, 1, 0.0))  # noqa: SLF001  # no such server is here
    levels = {note.level for note in notes}

    assert (level == "error") == ("error" in levels)


def test_a_database_that_is_serializable() -> None:
    """What collides is done again until it has gone through."""
    with sql_database("postgresql") as url:
        name = make_url(url).database
        run_sql(
            url,
            f"alter database {name} set default_transaction_isolation"
            " = 'serializable'",
        )
        with closing(SqlState.open(url, timeout_s=10.0)) as state:
            state.init()
            state.learn("s", Limits(per_second=10_000, per_day=10_000))

            def send(number: int) -> object:
                tag = f"{number:064x}"
                admitted = state.admit(
                    attrs.evolve(WISH, tag=tag, job=Job(id=tag))
                )
                assert isinstance(admitted, Admitted)
                state.submit(admitted.claim, 10)
                state.settle(admitted.claim, Accepted(message_id="m"))
                return state.look_up(tag)

            with ThreadPoolExecutor(8) as pool:
                found = [*pool.map(send, range(1, 161))]

    assert 160 == sum(one is not None for one in found)


def test_a_role_has_all_its_connections() -> None:
    """However a server says that it takes no more, it is said in words."""
    texts = (
        'FATAL:  too many connections for role "shop"',
        "FATAL:  sorry, too many clients already",
        "FATAL:  remaining connection slots are reserved for superusers",
    )
    told = {why_unreachable(OSError(text)) for text in texts}
    told |= {why_unreachable(OSError(n)) for n in (1040, 1203, 1226)}

    assert {"it takes no more connections"} == told


# --- Idle connections -------------------------------------------------------

IMPATIENT = {
    "postgresql": {"options": "-c idle_session_timeout=1s"},
    "mysql": {"init_command": "set session wait_timeout=1"},
}
BOUND_S = 30.0


@pytest.mark.parametrize("name", ["postgres_database", "mariadb_database"])
@pytest.mark.parametrize("job", [None, Job(id=f"{1:064x}")])
def test_a_server_that_closes_what_is_idle(
    request: pytest.FixtureRequest, name: str, job: Job | None
) -> None:
    """No act of the next mail fails, with a key or without."""
    url: str = request.getfixturevalue(name)
    options = IMPATIENT[make_url(url).get_backend_name()]
    given = with_query(url, timeout_s=10, prefix=fresh_name(), **options)
    with closing(SqlState.from_url(given)) as state:
        state.init()
        state.learn("s", Limits(per_second=1000, per_day=1000))
        database = state.database
        wait_for_its_end(database)
        admission = attrs.evolve(WISH, job=job)
        admitted = state.admit(admission)
        assert isinstance(admitted, Admitted)
        wait_for_its_end(database)
        state.submit(admitted.claim, 10)
        wait_for_its_end(database)
        state.settle(admitted.claim, Accepted(message_id="m"))
        found = state.look_up(job.id) if job else None
        unknown = state.stats()["unknown"]

    assert ("accepted" if job else "", 0) == (
        found.record.state if found else "",
        unknown,
    )


def wait_for_its_end(database: Database) -> None:
    """Wait until the server has closed the connection that lies idle."""
    process = database._connecting.mine  # noqa: SLF001  # its connections
    with closing(process.pool.raw_connection()) as lent:
        until = time.monotonic() + BOUND_S
        while not has_news(lent.info["wire"]):
            assert time.monotonic() < until, "the server closes nothing"
            time.sleep(0.01)
