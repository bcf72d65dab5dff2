from __future__ import annotations

import datetime as dt
import math
import sqlite3
import tempfile
from contextlib import ExitStack, closing, suppress
from typing import TYPE_CHECKING, Any, cast

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeses._accounts import MemoryAccounts
from safeses._budget._ring import MemoryRing
from safeses._outcome import Admission, Booked, Claim, Later
from safeses._ses import DAILY_PAUSE_S
from safeses._values import Account, Limits
from safeses.errors import (
    ConfigurationError,
    QuotaExceededError,
    StoreError,
)
from safeses.sqlite._accounts import SqliteAccounts
from safeses.sqlite._budget import SqliteBudget
from safeses.sqlite._database import Database
from safeses.sqlite._minutes import TableRing
from safeses.sqlite._statements import script
from safeses.testing._clock import FakeClock
from safeses.testing._contracts import Sender

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from safeses._budget._ring import Ring

    Reboot = Callable[[float], Database]

pytestmark = pytest.mark.race  # threads

DAY_S = 86_400.0
MINUTE_S = 60.0
YEAR_S = 365 * DAY_S
HORIZON_S = 0.5
NOISE = 1e-4

BACK_S = [1.0, 7200.0, 2 * DAY_S, 50 * YEAR_S]


@pytest.fixture
def clock() -> FakeClock:
    """Return the time of all who open the file."""
    return FakeClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the file is to be."""
    return tmp_path / "mail.db"


@pytest.fixture
def database(path: Path, clock: FakeClock) -> Iterator[Database]:
    """Return the file."""
    database = Database(path, clock=clock)
    yield database
    database.close()


@pytest.fixture
def other(path: Path, clock: FakeClock) -> Iterator[Database]:
    """Return the same file, as another process would open it."""
    database = Database(path, clock=clock)
    yield database
    database.close()


@pytest.fixture
def sender(database: Database, clock: FakeClock) -> Sender:
    """Return a sender whose scope nobody has used."""
    return Sender(SqliteBudget(database), clock)


@pytest.fixture
def reboot(path: Path, clock: FakeClock) -> Iterator[Reboot]:
    """
    Start the machine anew, with a clock that is behind by some seconds.

    What has the file open then must not be used any more.
    """
    with ExitStack() as stack:

        def start(behind_s: float) -> Database:
            wrong = FakeClock(clock.time() - behind_s)
            database = Database(path, clock=wrong)
            stack.callback(database.close)
            return database

        yield start


def again(database: Database, sender: Sender) -> Sender:
    """Return the same sender on another file."""
    clock = cast("FakeClock", database.clock)
    return Sender(SqliteBudget(database), clock, sender.scope)


def held(path: Path, sql: str) -> list[tuple[object, ...]]:
    """Read the file as somebody who knows nothing of us."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


# --- what processes share ---------------------------------------------------


def test_two_share_the_rate(
    database: Database, other: Database, clock: FakeClock
) -> None:
    """Who asks second gets the second slot, whichever process it is."""
    first = Sender(SqliteBudget(database), clock, scope="s")
    second = Sender(SqliteBudget(other), clock, scope="s")
    first.learn(4)

    waits = [answer.wait_s for answer in both(first, second)]

    assert pytest.approx([0, 0.25], abs=NOISE) == waits


def both(*senders: Sender) -> Iterator[Booked]:
    """Ask one after the other."""
    for sender in senders:
        answer = sender.ask()
        assert isinstance(answer, Booked)
        yield answer


def test_two_share_the_quota(
    database: Database, other: Database, clock: FakeClock
) -> None:
    """What one process used up, the other does not have."""
    first = Sender(SqliteBudget(database), clock, scope="s")
    second = Sender(SqliteBudget(other), clock, scope="s")
    first.learn(1000, 10)
    first.wait_for(6)

    answers = [type(second.refusal(cost)) for cost in (5, 4)]

    assert [QuotaExceededError, type(None)] == answers


def test_what_one_learnt_the_other_keeps(
    database: Database, other: Database, clock: FakeClock
) -> None:
    """A process that sends on does not undo what another has learnt."""
    old = Sender(SqliteBudget(database), clock, scope="s")
    new = Sender(SqliteBudget(other), clock, scope="s")
    old.learn(1000, 10)
    old.wait_for()
    new.learn(2, 5)
    new.budget.throttled("s", "rate")
    old.wait_for()

    rates = [sender.budget.per_second("s") for sender in (old, new)]
    refusals = [type(sender.refusal(4)) for sender in (old, new)]

    assert rates[0] == rates[1] < 2
    assert 2 * [QuotaExceededError] == refusals


def test_what_was_given_back_in_another_minute(
    sender: Sender, path: Path
) -> None:
    """What a past minute gives back is off the total, and off its row."""
    sender.learn(1000, 10)
    claim = sender.charge(6)
    sender.clock.sleep(MINUTE_S)
    sender.charge(3)
    sender.budget.give_back(claim)
    sender.budget.give_back(claim)
    room = sender.refusal(7)
    totals = held(path, "select total from safeses_budget")
    rows = held(path, "select recipients from safeses_budget_minutes")

    assert (None, [(10,)], [(0,)]) == (room, totals, rows)


def test_a_new_process_goes_on(
    path: Path, sender: Sender, clock: FakeClock
) -> None:
    """A file that is opened anew knows the rate, the debt and the quota."""
    sender.learn(1, 20)
    sender.ask(10)
    again = SqliteBudget(Database(path, clock=clock))
    answer = Sender(again, clock, scope=sender.scope).ask()
    refusal = Sender(again, clock, scope=sender.scope).refusal(11)
    again._database.close()  # noqa: SLF001 - nobody else has it

    assert isinstance(answer, Later)
    assert pytest.approx((10, QuotaExceededError), abs=NOISE) == (
        answer.ready_in_s,
        type(refusal),
    )


def test_rate_factor(database: Database, clock: FakeClock) -> None:
    """Each process uses its own part of the rate that all have learnt."""
    whole = SqliteBudget(database)
    half = SqliteBudget(database, rate_factor=0.5)
    half.learn("s", Limits(per_second=10))
    Sender(half, clock, scope="s").ask()

    rates = [budget.per_second("s") for budget in (whole, half)]

    assert pytest.approx([10, 5]) == rates


def test_unknown_scope(database: Database, clock: FakeClock) -> None:
    """Before anything is known, 14 a second may go, and no day ends."""
    budget = SqliteBudget(database)
    before = budget.per_second("s")
    answer = Sender(budget, clock, scope="s").ask()

    assert isinstance(answer, Booked)
    assert (14, 14) == (before, answer.limit_per_s)


@pytest.mark.parametrize(
    "wrong", [{"burst": 0.5}, {"rate_factor": 0}, {"rate_factor": math.nan}]
)
def test_wrong_figures(path: Path, wrong: dict[str, float]) -> None:
    """A figure that cannot work is refused, and no file is made."""
    with pytest.raises(ConfigurationError):
        SqliteBudget(path, **wrong)

    assert not path.exists()


# --- what a slot costs ------------------------------------------------------


class Slow(SqliteBudget):
    """Books nothing at once, but reads, applies the rules and writes."""

    def _at_once(self, *_: object) -> None:
        """Leave it to the rules."""


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.0, 0.001, 0.02, 0.5, 30.0, 61.0, 90_000.0]),
            st.sampled_from([1, 1, 1, 2, 50]),
            st.sampled_from(["transactional", "bulk"]),
            st.sampled_from(["ask", "ask", "ask", "rate", "daily", "learn"]),
            st.booleans(),
        ),
        max_size=40,
    )
)
def test_at_once_is_the_same(steps: list[tuple[Any, ...]]) -> None:
    """What is booked in one step is what the rules would have booked."""
    clock = FakeClock()
    said: list[list[object]] = []
    with tempfile.TemporaryDirectory() as folder:
        files = [Database(f"{folder}/{name}.db", clock=clock) for name in "ab"]
        budgets = [SqliteBudget(files[0]), Slow(files[1])]
        for budget in budgets:
            budget.learn("s", Limits(per_second=50, per_day=60))
        for wait_s, cost, priority, act, is_test in steps:
            clock.advance(wait_s)
            for budget in budgets:
                if act in {"rate", "daily"}:
                    budget.throttled("s", act)
                elif act == "learn":
                    budget.learn("s", Limits(per_second=10, per_day=100))
                else:
                    said.append(_said(budget, cost, priority, is_test=is_test))
        rows = [
            file.rows("test", "select * from safeses_budget") for file in files
        ]
        for file in files:
            file.close()

    assert (said[::2], _rounded(rows[0])) == (said[1::2], _rounded(rows[1]))


def _said(
    budget: SqliteBudget, cost: int, priority: Any, *, is_test: bool
) -> list[object]:
    answer = budget.ask(
        Admission(
            tag="t",
            scope="s",
            recipients=(),
            cost=cost,
            quota_cost=0 if is_test else cost,
            priority=priority,
        )
    )
    if isinstance(answer, Booked):
        return ["booked", round(answer.wait_s, 6), answer.minute]
    return [type(answer).__name__]


def _rounded(rows: list[tuple[Any, ...]]) -> list[object]:
    # Which time is a rounding error apart, as SQLite adds in another order.
    return [
        round(fact, 6) if isinstance(fact, float) else fact
        for row in rows
        for fact in row
    ]


def test_one_read_and_one_write(database: Database, sender: Sender) -> None:
    """A slot costs one statement, or two, however full the day."""
    sender.learn(1000, 10_000)
    for _ in range(100):
        sender.wait_for()
        sender.clock.sleep(MINUTE_S)
    sender.wait_for()
    said: list[str] = []
    with database.transaction("test") as connection:
        connection.set_trace_callback(said.append)
    sender.wait_for()  # which does not begin at once
    sender.clock.sleep(1)
    sender.wait_for()
    with database.transaction("test") as connection:
        connection.set_trace_callback(None)
    verbs = [sql.split()[0].lower() for sql in said]

    rules = ["update", "select", "update"]

    assert ["begin", *rules, "commit", "begin", "update", "commit"] == (
        verbs[1:9]
    )


def test_later_writes_nothing(sender: Sender, path: Path) -> None:
    """Who gets no slot leaves the file as it is."""
    sender.learn(1)
    sender.ask(50)
    version = "pragma data_version"
    with closing(sqlite3.connect(path)) as connection:
        before = connection.execute(version).fetchall()
        answers = {type(sender.ask()) for _ in range(5)}
        after = connection.execute(version).fetchall()

    assert ({Later}, before) == (answers, after)


def test_table_is_bounded(sender: Sender, path: Path) -> None:
    """Three days of sending keep a row for each minute of one."""
    sender.learn(1000, None)
    for _ in range(3 * 24 * 12):
        sender.wait_for()
        sender.clock.sleep(5 * MINUTE_S)
    sender.wait_for()
    rows = held(path, "select count(*) from safeses_budget_minutes")
    totals = held(path, "select total from safeses_budget")

    assert ([(24 * 12,)], [(24 * 12 + 1,)]) == (rows, totals)


def test_infinity(sender: Sender, path: Path) -> None:
    """What was never so is kept as minus infinity."""
    sender.learn(14)
    facts = held(
        path, "select tat, lowered_at, blocked_until from safeses_budget"
    )

    assert [3 * (-math.inf,)] == facts


@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                ["wait", "charge", "charge", "give_back", "free", "go_back"]
            ),
            st.integers(0, 9),
        ),
        max_size=60,
    )
)
def test_rings_agree(acts: list[tuple[str, int]]) -> None:
    """A ring in a table answers as the one in memory does."""
    with closing(sqlite3.connect(":memory:")) as connection:
        for sql in script("schema.sql"):
            connection.execute(sql)
        answers = [
            list(history(ring, acts))
            for ring in (MemoryRing(), TableRing(connection, "s"))
        ]

    assert answers[0] == answers[1]


def history(
    ring: Ring, acts: list[tuple[str, int]]
) -> Iterator[tuple[int, int | None]]:
    """Yield what a ring of five minutes holds and answers."""
    minute = 20
    for act, number in acts:
        answer = None
        if act == "wait":
            minute += number
        elif act == "charge":
            ring.expire(minute - 5)
            answer = ring.charge(minute, number)
        elif act == "give_back":
            ring.give_back(minute - number, number)
        elif act == "free":
            answer = ring.minute_that_frees(number + 1)
        else:
            minute -= number
            ring.fold(minute)
        yield ring.total, answer


# --- a boot with a wrong clock ----------------------------------------------


@pytest.mark.parametrize("back_s", BACK_S)
def test_rate_after_a_step_back(
    reboot: Reboot, sender: Sender, back_s: float
) -> None:
    """A time that went back costs half a second, not what it went back."""
    sender.learn(14)
    sender.wait_for()
    sender = again(reboot(back_s), sender)

    waits = [sender.wait_for() for _ in range(20)]

    assert waits[0] <= HORIZON_S + 2 / 14 + NOISE
    assert pytest.approx([1 / 14] * 19, abs=0.01) == waits[1:]


@pytest.mark.parametrize("back_s", BACK_S)
def test_a_lowered_rate_after_a_step_back(
    reboot: Reboot, sender: Sender, back_s: float
) -> None:
    """A rate that was lowered in times to come is back in ten seconds."""
    sender.learn(10)
    sender.budget.throttled(sender.scope, "rate")
    sender = again(reboot(back_s), sender)
    waited_s = sender.wait_for()
    sender.clock.sleep(10)
    rate = sender.budget.per_second(sender.scope)

    assert waited_s <= HORIZON_S + 3 / 5
    assert pytest.approx(10) == rate


def test_a_refusal_after_a_step_back(reboot: Reboot, sender: Sender) -> None:
    """A refusal of times to come hides none of today's."""
    sender.learn(10)
    sender.budget.throttled(sender.scope, "rate")
    sender = again(reboot(YEAR_S), sender)
    sender.clock.sleep(30)
    sender.wait_for()
    sender.clock.sleep(30)
    sender.budget.throttled(sender.scope, "rate")

    rate = sender.budget.per_second(sender.scope)

    assert pytest.approx(5) == rate


@pytest.mark.parametrize("back_s", BACK_S)
def test_a_daily_pause_after_a_step_back(
    reboot: Reboot, sender: Sender, back_s: float
) -> None:
    """A pause of times to come lasts ten minutes, however often we ask."""
    sender.learn(14)
    sender.budget.throttled(sender.scope, "daily")
    sender = again(reboot(back_s), sender)
    early = sender.refusal()
    sender.clock.sleep(DAILY_PAUSE_S / 2)
    still = sender.refusal()
    sender.clock.sleep(DAILY_PAUSE_S / 2 + NOISE)
    late = sender.refusal()

    assert early is not None
    assert early.retry_after_s <= DAILY_PAUSE_S + NOISE
    assert (QuotaExceededError, None) == (type(still), late)


@pytest.mark.parametrize("back_s", BACK_S)
def test_quota_after_a_step_back(
    reboot: Reboot, sender: Sender, back_s: float
) -> None:
    """What was sent in times to come counts for a day, and not longer."""
    sender.learn(1000, 10)
    sender.wait_for(4)
    sender.clock.sleep(2 * MINUTE_S)
    sender.wait_for(4)
    sender.clock.sleep(2 * MINUTE_S)
    sender.wait_for(2)
    sender = again(reboot(back_s), sender)
    errors = []
    for _ in range(23):
        errors.append(type(sender.refusal()))
        sender.clock.sleep(3600)
    sender.clock.sleep(3600 + 2 * MINUTE_S)
    late = sender.refusal(10)

    assert (23 * [QuotaExceededError], None) == (errors, late)


def test_quota_after_a_step_back_and_new_sends(
    reboot: Reboot, sender: Sender
) -> None:
    """What was sent before and after the step is counted together."""
    sender.learn(1000, 10)
    sender.wait_for(6)
    sender = again(reboot(7200), sender)
    sender.wait_for(4)
    full = sender.refusal()
    sender.clock.sleep(DAY_S + 2 * MINUTE_S)
    late = sender.refusal(10)

    assert (QuotaExceededError, None) == (type(full), late)


def test_giving_back_after_a_step_back(reboot: Reboot, sender: Sender) -> None:
    """A claim of times to come frees nothing that others have used."""
    sender.learn(1000, 10)
    claim = sender.charge(6)
    sender = again(reboot(DAY_S), sender)
    sender.wait_for(4)
    sender.budget.give_back(claim)
    sender.budget.give_back(claim)

    assert isinstance(sender.refusal(), QuotaExceededError)


# --- in a transaction of somebody else --------------------------------------


def test_joined(database: Database, sender: Sender) -> None:
    """In an open transaction a slot is booked with it, or not at all."""
    sender.learn(1, 1)
    inside = Sender(
        SqliteBudget(database.joined()), sender.clock, scope=sender.scope
    )
    with suppress(LookupError), database.transaction("test"):
        undone = type(inside.ask())
        raise LookupError
    with database.transaction("test"):
        done = type(inside.ask())
    refusal = sender.refusal()

    assert (Booked, Booked, QuotaExceededError) == (
        undone,
        done,
        type(refusal),
    )


def test_joined_rate(database: Database, sender: Sender) -> None:
    """Whoever has joined may also learn, read and give back."""
    sender.learn(10, 10)
    budget = SqliteBudget(database.joined())
    claim = Claim(tag="t", scope=sender.scope, cost=4, quota_cost=4)
    with database.transaction("test"):
        budget.learn(sender.scope, Limits(per_second=4, per_day=10))
        budget.throttled(sender.scope, "rate")
        rate = budget.per_second(sender.scope)
        budget.give_back(claim)

    assert (2, 2) == (rate, sender.budget.per_second(sender.scope))


def test_a_joined_refusal(reboot: Reboot, sender: Sender) -> None:
    """A transaction that is kept although refused keeps what was repaired."""
    sender.learn(14)
    sender.budget.throttled(sender.scope, "daily")
    database = reboot(YEAR_S)
    sender = again(database, sender)
    joined = Sender(
        SqliteBudget(database.joined()), sender.clock, sender.scope
    )
    with database.transaction("test"):
        early = joined.refusal()
    sender.clock.sleep(DAILY_PAUSE_S + NOISE)
    late = sender.refusal()

    assert (QuotaExceededError, None) == (type(early), late)


# --- accounts ---------------------------------------------------------------


def account(**fields: object) -> Account:
    """Make an account."""
    facts = {
        "max_send_rate": 14.0,
        "max_24_hour_send": None,
        "sent_last_24_hours": 3.0,
        "suppressed_reasons": frozenset({"BOUNCE", "COMPLAINT"}),
        "as_of": dt.datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=dt.timezone.utc),
    }
    return Account(**{**facts, **fields})  # type: ignore[arg-type] # a mix


@pytest.mark.parametrize("where", ["memory", "sqlite"])
def test_accounts(where: str, database: Database, clock: FakeClock) -> None:
    """The last account of a scope comes back whole, with its age."""
    known = (
        MemoryAccounts(clock)
        if where == "memory"
        else SqliteAccounts(database)
    )
    before = known.get("s")
    known.put("s", account(enforcement_status="SHUTDOWN"))
    known.put("s", account())
    known.put("other", account(max_send_rate=0))
    clock.sleep(7)

    after = known.get("s")

    assert (None, account(), pytest.approx(7, abs=NOISE)) == (
        before,
        *(after or ()),
    )


def test_accounts_are_shared(database: Database, other: Database) -> None:
    """What one process was told, the other need not ask."""
    SqliteAccounts(database).put("s", account())

    known = SqliteAccounts(other).get("s")

    assert known is not None
    assert account() == known[0]


def test_accounts_are_read_now_and_then(
    database: Database, other: Database, clock: FakeClock
) -> None:
    """What another process puts is seen a second later at most."""
    ours, theirs = SqliteAccounts(database), SqliteAccounts(other)
    inner = ours.at(database.joined())
    ours.put("s", account())
    seen = [ours.get("s")]
    theirs.put("s", account(sending_enabled=False))
    clock.sleep(1)
    seen.append(inner_get(database, inner))
    ours.put("s", account())
    seen.append(inner_get(database, inner))
    enabled = [found is not None and found[0].may_send for found in seen]

    assert [True, False, True] == enabled


def inner_get(
    database: Database, accounts: SqliteAccounts
) -> tuple[Account, float] | None:
    """Ask within a transaction, as a send does."""
    with database.transaction("test"):
        return accounts.get("s")


def test_accounts_of_a_newer_version(
    database: Database, clock: FakeClock
) -> None:
    """A fact that we do not know is left out; one that is missing is usual."""
    known = SqliteAccounts(database)
    row = (
        '{"max_send_rate": 14.0, "colour": "blue",'
        ' "as_of": "2026-01-02T03:04:05+00:00"}'
    )
    database.execute(
        "test",
        "insert into safeses_accounts (scope, account, learnt_at)"
        " values ('s', ?, ?)",
        (row, clock.time()),
    )
    as_of = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.timezone.utc)

    found = known.get("s")

    assert found is not None
    assert Account(max_send_rate=14, as_of=as_of) == found[0]


@pytest.mark.parametrize("row", ["", "{", "[]", "null", "{}", '{"as_of": 1}'])
def test_accounts_that_are_none(database: Database, row: str) -> None:
    """A row that is no account is an error of the store."""
    database.execute(
        "test",
        "insert into safeses_accounts (scope, account, learnt_at)"
        " values ('s', ?, 0)",
        (row,),
    )

    with pytest.raises(StoreError, match="delete it"):
        SqliteAccounts(database).get("s")


def test_accounts_after_a_step_back(
    database: Database, reboot: Reboot
) -> None:
    """Of an account of times to come nobody knows the age."""
    SqliteAccounts(database).put("s", account())

    known = SqliteAccounts(reboot(YEAR_S)).get("s")

    assert (account(), math.inf) == known


def test_every_fact_of_an_account_is_kept(database: Database) -> None:
    """A field that is added to the account is not forgotten here."""
    other = account(
        max_24_hour_send=1.5,
        sending_enabled=False,
        enforcement_status="PROBATION",
        production_access=False,
        suppressed_reasons=frozenset(),
    )
    SqliteAccounts(database).put("s", other)
    found = SqliteAccounts(database).get("s")

    assert found is not None
    assert attrs.asdict(other) == attrs.asdict(found[0])
