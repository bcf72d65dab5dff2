"""Rate and quota in a database, on every engine."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.engines import fresh_name

from safeses._budget import MemoryBudget
from safeses._outcome import Admission, Booked, Claim
from safeses._values import Limits
from safeses.errors import QuotaExceededError
from safeses.sql import Database, SqlBudget
from safeses.sql._dialects import EPOCH_S
from safeses.testing._clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from safeses.typing import Budget

TIMEOUT_S = 10.0
ENGINES = [
    pytest.param("sqlite", marks=pytest.mark.race),
    pytest.param("postgresql", marks=pytest.mark.server),
    pytest.param("mariadb", marks=pytest.mark.server),
]


class ExactDatabase(Database):
    """
    Small numbers keep a slot of 2 ms to nine digits.

    Attributes:
        stepped_s: How far its time was set.
    """

    stepped_s = 0.0

    def _times(self) -> dict[str, float]:
        now = self.clock.monotonic() + self.stepped_s
        return {"now": now, "wall": self.clock.time()}


@pytest.fixture
def clock() -> FakeClock:
    """Return a time whose origin is that of the database."""
    return FakeClock(EPOCH_S)


@pytest.fixture(params=ENGINES)
def database(
    request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock
) -> Iterator[ExactDatabase]:
    """Return a database; its tables are those of other tests too."""
    fixtures = {
        "postgresql": "postgres_database",
        "mariadb": "mariadb_database",
    }
    url = (
        f"sqlite+pysqlite:///{tmp_path / 'mail.db'}"
        if request.param == "sqlite"
        else request.getfixturevalue(fixtures[request.param])
    )
    with closing(
        ExactDatabase(url, clock=clock, timeout_s=TIMEOUT_S, prefix="budget")
    ) as found:
        yield found


WAITS_S = st.sampled_from([0.0, 0.001, 0.02, 0.5, 30.0, 61.0, 90_000.0])
ACTS = st.sampled_from(["ask"] * 6 + ["rate", "daily", "learn", "return"])
# What lies just at the horizon is a matter of the last digit.
TICK_S = 0.000_137
STEPS = st.lists(
    st.tuples(
        WAITS_S,
        st.sampled_from([1, 1, 1, 2, 50]),
        st.sampled_from(["transactional", "bulk"]),
        ACTS,
        st.booleans(),
        st.sampled_from([0, 1]),
    ),
    max_size=40,
)


@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(STEPS)
def test_statements_are_the_rules(
    database: Database, clock: FakeClock, steps: list[tuple[Any, ...]]
) -> None:
    """Two processes book what the rules in memory would have booked."""
    scope = fresh_name()
    rules = MemoryBudget(clock)
    pairs: list[tuple[Budget, Budget]] = [
        (SqlBudget(database), rules) for _ in range(2)
    ]
    told: list[list[tuple[Any, ...]]] = []
    for budget in pairs[0]:
        budget.learn(scope, Limits(per_second=50, per_day=60))
    for wait_s, cost, priority, act, is_test, process in steps:
        clock.advance(wait_s + TICK_S)
        pair = pairs[process]
        for budget in pair:
            if act in {"rate", "daily"}:
                budget.throttled(scope, act)
            elif act == "learn":
                budget.learn(scope, Limits(per_second=10, per_day=100))
        if act == "ask":
            quota = 0 if is_test else cost
            told.append(
                [answer(b, scope, cost, quota, priority) for b in pair]
            )
        elif act == "return":
            for budget, said in zip(
                pair, told[-1] if told else (), strict=False
            ):
                give_back(budget, scope, said)

    assert [theirs for _, theirs in told] == [ours for ours, _ in told]


def give_back(budget: Budget, scope: str, said: tuple[Any, ...]) -> None:
    """Return what was booked, if it was."""
    if said[0] == "booked":
        claim = Claim(
            tag="t",
            scope=scope,
            cost=1,
            quota_cost=1,
            minute=said[2],
            owner="t",
        )
        budget.give_back(claim)


def answer(
    budget: Budget, scope: str, cost: int, quota: int, priority: Any
) -> tuple[Any, ...]:
    """Return what a budget says, without the noise of floats."""
    admission = Admission(
        tag="t",
        scope=scope,
        recipients=(),
        cost=cost,
        quota_cost=quota,
        priority=priority,
    )
    try:
        got = budget.reserve(admission)
    except QuotaExceededError as error:
        return ("refused", error.kept_for_transactional)
    if isinstance(got, Booked):
        return ("booked", round(got.wait_s, 5), got.minute)
    return ("later", round(got.ready_in_s, 5))


DAY_S = 86_400.0
PER_DAY = 20
# What was booked ahead at most, before the time was set back.
LONGEST_S = 1.0
BACK_S = st.sampled_from([-0.3, -2.0, -75.0, -4_000.0, -100_000.0])


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(
        st.tuples(
            st.one_of(WAITS_S, BACK_S), st.sampled_from([0, 1]), st.booleans()
        ),
        max_size=30,
    )
)
def test_the_time_is_set_back(
    database: ExactDatabase, clock: FakeClock, steps: list[tuple[Any, ...]]
) -> None:
    """Whatever the time does, two processes go on, and within the quota."""
    scope = fresh_name()
    budgets = [SqlBudget(database), SqlBudget(database)]
    clock.advance(1e6)
    budgets[0].learn(scope, Limits(per_second=50, per_day=PER_DAY))
    booked = most = 0
    waits: list[Any] = []
    for wait_s, process, is_bulk in steps:
        if wait_s < 0:
            database.stepped_s += wait_s
        else:
            clock.advance(wait_s)
            booked = 0 if wait_s > DAY_S else booked
        priority = "bulk" if is_bulk else "transactional"
        said = answer(budgets[process], scope, 1, 1, priority)
        booked += said[0] == "booked"
        waits.append(said[1] if said[0] == "later" else 0.0)
        most = max(most, booked)

    assert most <= PER_DAY
    assert max(waits, default=0.0) <= LONGEST_S
