"""
Every published contract, over every engine.

All engines but memory hold what others put there as well. Memory and files
run whole. Servers take their time: they try a few histories (`FEW`). Many of
them, and what asks often (`LONG`), run where asked for. DynamoDB is moto's,
and slow: by default it runs what is `QUICK`, and never what is `TOO_LONG`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import settings
from tests.engines import PATIENT_S, SHARED, fresh_name
from tests.sql_parts import Exact, said

from safeses import Suppression
from safeses.sql import SqlState
from safeses.sql._dialects import EPOCH_S
from safeses.testing import (
    BudgetContract,
    CountersContract,
    FakeClock,
    LedgerContract,
    SeenEventsContract,
    SoftBouncesContract,
    SuppressionStoreContract,
    _contracts,
)
from safeses.testing._contracts import (
    _counters,
    _ledger,
    _seen,
    _soft_bounces,
    _suppression,
)
from safeses.testing._contracts._pace import AT_ANY_PACE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.engines import StateOf

    from safeses._state import ComposedState
    from safeses.typing import (
        Budget,
        Counters,
        Ledger,
        SeenEvents,
        SoftBounces,
        SuppressionStore,
    )

    # By the name of its namespace.
    States = Callable[[str], ComposedState]

# Python 3.12 warns of forks where there are threads.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork")

DAY_S = 86_400.0
PREFIX: Final = "contracts"
# A file through SQLAlchemy: the rules of SQL without a server.
FILE: Final = "sqlalchemy"
SQL: Final = {
    "postgresql": "postgres_database",
    "mariadb": "mariadb_database",
}
# Their libraries hang in a child that was forked amid a call.
NO_FORKS_IN_USE: Final = (FILE, "dynamodb")
# Those of another run mean nothing: a server keeps what it was told.
MANY: Final = settings(AT_ANY_PACE, max_examples=50, database=None)
FEW: Final = settings(MANY, max_examples=8, stateful_step_count=25)
AT_LENGTH: Final = (_counters, _ledger, _seen, _soft_bounces, _suppression)
# What no namespace keeps apart, by the class that asks for it.
CLEARED: Final = {
    "TestCounters": ("delete from {t}counters",),
    "TestLedger": ("delete from {t}ledger",),
    "TestSeenEvents": ("delete from {t}seen", "delete from {t}seen_holds"),
}
# How tests begin that ask a server thousands of times, or for a while.
LONG: Final = (
    "test_any_second",
    "test_a_lower_rate",
    "test_threads",
    "test_racing",
    "test_amid_",
    "test_many",
    "test_kept",
)
HISTORY: Final = "test_any_history"
# On DynamoDB all take long but these; its own files have shorter histories.
QUICK: Final = ("test_is_", "test_after_fork", "test_close", "test_are_kept")
TOO_LONG: Final = (*LONG, HISTORY)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test on each engine, unless it takes too long there."""
    test = metafunc.function.__name__
    engines = [
        pytest.param(name, marks=pytest.mark.race)
        for name in ("memory", "sqlite", FILE)
    ]
    for name in SHARED:
        if name == "dynamodb" and test.startswith(TOO_LONG):
            continue
        marks = [pytest.mark.server]
        if test == HISTORY:
            engines.append(pytest.param(name, marks=marks, id=f"{name}-few"))
        if name == "dynamodb":
            is_long = not test.startswith(QUICK)
        else:
            is_long = test.startswith((*LONG, HISTORY))
        if is_long:
            marks.append(pytest.mark.long)
        engines.append(pytest.param(name, marks=marks))
    metafunc.parametrize("name", engines)


@pytest.fixture(autouse=True)
def _within_reach(
    request: pytest.FixtureRequest,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Try few histories where many take long; fork no library amid a call."""
    if name in NO_FORKS_IN_USE:
        request.instance.forks_in_use = False
    if name in SHARED:
        is_long = request.node.get_closest_marker("long") is not None
        histories = MANY if is_long else FEW
        monkeypatch.setattr(_contracts, "AT_ANY_PACE", histories)
        for module in AT_LENGTH:
            monkeypatch.setattr(module, "AT_LENGTH", histories)


@pytest.fixture(scope="module")
def databases() -> Iterator[dict[str, Exact]]:
    """Hold databases by name: to make one takes longer than most tests."""
    held: dict[str, Exact] = {}
    yield held
    for database in held.values():
        database.close()


@pytest.fixture
def database(
    request: pytest.FixtureRequest,
    databases: dict[str, Exact],
    tmp_path: Path,
    name: str,
    clock: FakeClock,
) -> Exact:
    """Return a database in the time of the contract."""
    if name not in databases:
        url = f"sqlite+pysqlite:///{tmp_path}/mail.db"
        if name in SQL:
            url = request.getfixturevalue(SQL[name])
        databases[name] = Exact(url, timeout_s=PATIENT_S, prefix=PREFIX)
    found = databases[name]
    found.go_by(clock)
    found.prepare()
    for statement in CLEARED.get(request.node.cls.__name__, ()):
        said(found, statement)
    return found


@pytest.fixture
def states(
    request: pytest.FixtureRequest,
    engine_state: StateOf,
    name: str,
    clock: FakeClock,
) -> States:
    """Return what opens states on one engine, in the time of the contract."""
    if name in {FILE, *SQL}:
        database = request.getfixturevalue("database")
        run = fresh_name()
        return lambda namespace: SqlState.open(
            database, namespace=f"{run}_{namespace}"
        )
    if name == "memory":
        return lambda _: engine_state(name, clock)
    settings = {"drift_s": 0.0} if name == "dynamodb" else {}
    return lambda namespace: engine_state(
        name, clock, namespace=namespace, **settings
    )


@pytest.fixture
def mine(states: States) -> ComposedState:
    """Return a state that nobody has used."""
    return states("mine")


@pytest.fixture
def other(states: States, name: str) -> ComposedState | None:
    """Return another's state on the same engine, if it can be shared."""
    return None if name == "memory" else states("other")


class TestBudget(BudgetContract):
    """Rate and quota."""

    @pytest.fixture
    def clock(self, name: str) -> FakeClock:
        """Return a time that begins where the engine's own does."""
        # Small numbers of seconds: a slot of 2 ms is exact.
        return FakeClock(EPOCH_S) if name in {FILE, *SQL} else FakeClock()

    @pytest.fixture
    def budget(self, mine: ComposedState) -> Budget:
        """Return the one of the state."""
        return mine.budget


class TestLedger(LedgerContract):
    """What became of messages."""

    @pytest.fixture
    def ledger(self, mine: ComposedState) -> Ledger:
        """Return the one of the state."""
        return mine.ledger


class TestSuppressions(SuppressionStoreContract):
    """Who must not be mailed."""

    @pytest.fixture
    def store(
        self, mine: ComposedState, other: ComposedState | None
    ) -> SuppressionStore:
        """Return the one of the state, beside that of another."""
        if other is not None:
            other.suppressions.add(
                [
                    Suppression(address=f"{who}@a.example")
                    for who in ("ann", "bob")
                ]
            )
        return mine.suppressions


class TestSeenEvents(SeenEventsContract):
    """Which events were handled."""

    @pytest.fixture
    def seen(
        self, mine: ComposedState, other: ComposedState | None
    ) -> SeenEvents:
        """Return those of the state, beside those of another."""
        if other is not None:
            for by in ("log", "count"):
                other.seen.mark("e", by, DAY_S)
            other.seen.hold("e", DAY_S, "else")
        return mine.seen


class TestCounters(CountersContract):
    """How many of what."""

    @pytest.fixture
    def counters(self, mine: ComposedState) -> Counters:
        """Return those of the state."""
        return mine.counters


class TestSoftBounces(SoftBouncesContract):
    """Who bounced lately."""

    @pytest.fixture
    def bounces(
        self,
        mine: ComposedState,
        other: ComposedState | None,
        clock: FakeClock,
    ) -> SoftBounces:
        """Return those of the state, beside those of another."""
        if other is not None:
            for event in ("e", "f"):
                other.soft_bounces.add("a", event, clock.time(), 0)
        return mine.soft_bounces


class TestNamespaces:
    """What shares an engine, and is kept apart."""

    @pytest.fixture
    def clock(self) -> FakeClock:
        """Return the time of all."""
        return FakeClock()

    def test_are_kept_apart(
        self, mine: ComposedState, other: ComposedState | None
    ) -> None:
        """What one namespace has suppressed or seen, another has not."""
        if other is None:
            pytest.skip("the memory of a process has one user")
        mine.suppressions.add([Suppression(address="ann@a.example")])
        mine.seen.mark("e", "log", DAY_S)
        both = (mine, other)
        found = [set(s.suppressions.find(("ann@a.example",))) for s in both]
        marks = [s.seen.mark("e", "log", DAY_S) for s in both]

        assert ([{"ann@a.example"}, set()], [False, True]) == (found, marks)
