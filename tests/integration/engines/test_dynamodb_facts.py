"""
Seen events, counters and soft bounces in DynamoDB: the contracts.

All of them in this process, and what threads and forks share over HTTP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from tests.dynamodb_tables import (
    client_here,
    dropped,
    swept,
    table_at,
    table_here,
)

from safeses.dynamodb._counters import DynamoDBCounters
from safeses.dynamodb._seen import DynamoDBSeenEvents
from safeses.dynamodb._soft_bounces import DynamoDBSoftBounces
from safeses.testing import (
    CountersContract,
    FakeClock,
    SeenEventsContract,
    SoftBouncesContract,
)
from safeses.testing._contracts._counters_sharing import (
    CountersSharingContract,
)
from safeses.testing._contracts._pace import AT_ANY_PACE
from safeses.testing._contracts._seen_sharing import SeenSharingContract
from safeses.testing._contracts._soft_bounces_sharing import (
    SoftBouncesSharingContract,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from safeses.dynamodb._connection import Table
    from safeses.typing import Counters, SeenEvents, SoftBounces

pytestmark = [pytest.mark.server, pytest.mark.long]

DAY_S = 86_400.0
FEW = settings(AT_ANY_PACE, max_examples=4, stateful_step_count=15)


@pytest.fixture
def clock() -> FakeClock:
    """Return the time of all hosts."""
    return FakeClock()


@pytest.fixture
def table(clock: FakeClock) -> Iterator[Table]:
    """Return a table that nobody has used."""
    with table_here(clock) as table:
        yield table


@pytest.fixture
def far_table(dynamodb_port: int, clock: FakeClock) -> Iterator[Table]:
    """Return a table that nobody has used, behind HTTP."""
    table = table_at(dynamodb_port, clock)
    yield table
    dropped(dynamodb_port, table)


@pytest.fixture(autouse=True)
def few_histories(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Let the contracts try fewer and shorter histories.

    Each step takes some milliseconds, and to count reads every item of a
    scope: at full length they take minutes.
    """
    for part in ("seen", "counters", "soft_bounces"):
        contract = f"safeses.testing._contracts._{part}"
        monkeypatch.setattr(f"{contract}.AT_LENGTH", FEW)


class TestSeenEvents(SeenEventsContract):
    """In a table."""

    test_racing_marks = None  # type: ignore[assignment]  # over HTTP, below
    test_racing_holds = None  # type: ignore[assignment]  # over HTTP, below
    test_never_two = None  # type: ignore[assignment]  # over HTTP, below
    test_amid_newcomers = None  # type: ignore[assignment]  # over HTTP, below
    test_fork = None  # type: ignore[assignment]  # over HTTP, below

    # Nothing is purged by those who mark others.
    test_many = None  # type: ignore[assignment]  # below

    @pytest.fixture
    def seen(self, table: Table) -> SeenEvents:
        """Return a store that nobody has used."""
        return DynamoDBSeenEvents(table)

    def test_ttl(
        self, seen: SeenEvents, table: Table, clock: FakeClock
    ) -> None:
        """What DynamoDB may delete is over, and nothing else is deleted."""
        for event, keep_s in (("e", DAY_S), ("f", 3 * DAY_S)):
            seen.mark(event, "log", keep_s)
        clock.sleep(2 * DAY_S + 2)
        deleted = swept(client_here(), table)

        assert (1, False, True) == (
            deleted,
            seen.has("e", "log"),
            seen.has("f", "log"),
        )


class TestCounters(CountersContract):
    """In a table."""

    test_racing_adds = None  # type: ignore[assignment]  # over HTTP, below
    test_amid_newcomers = None  # type: ignore[assignment]  # over HTTP, below
    test_fork = None  # type: ignore[assignment]  # over HTTP, below

    # A thousand requests: nothing is purged by those who count others.
    test_kept = None  # type: ignore[assignment]  # below

    @pytest.fixture
    def counters(self, table: Table) -> Counters:
        """Return counters that nobody has used."""
        return DynamoDBCounters(table)

    def test_ttl(
        self, counters: Counters, table: Table, clock: FakeClock
    ) -> None:
        """DynamoDB deletes no count that is to be kept."""
        began = clock.time()
        counters.add("s", {"a": 1}, began)
        clock.sleep(self.keep_s - 60)
        deleted = [swept(client_here(), table)]
        kept = counters.totals("s", ["a"], began)
        clock.sleep(2 * DAY_S)
        deleted.append(swept(client_here(), table))

        assert ([0, 1], {"a": 1}) == (deleted, kept)


class TestSoftBounces(SoftBouncesContract):
    """In a table."""

    test_racing_adds = None  # type: ignore[assignment]  # over HTTP, below
    test_racing_twins = None  # type: ignore[assignment]  # over HTTP, below
    test_amid_newcomers = None  # type: ignore[assignment]  # over HTTP, below
    test_amid_clearing = None  # type: ignore[assignment]  # over HTTP, below
    test_fork = None  # type: ignore[assignment]  # over HTTP, below

    # A thousand requests: nothing is purged by those who bounce besides.
    test_kept = None  # type: ignore[assignment]  # below

    @pytest.fixture
    def bounces(self, table: Table) -> SoftBounces:
        """Return soft bounces that nobody has used."""
        return DynamoDBSoftBounces(table)

    def test_ttl(
        self, bounces: SoftBounces, table: Table, clock: FakeClock
    ) -> None:
        """DynamoDB deletes no bounce that is to be kept."""
        began = clock.time()
        bounces.add("a", "e", began, 0)
        clock.sleep(self.keep_s - 60)
        deleted = [swept(client_here(), table)]
        kept = bounces.count("a", began)
        clock.sleep(2 * DAY_S)
        deleted.append(swept(client_here(), table))

        assert ([0, 1], 1) == (deleted, kept)

    def test_many_of_one(self, bounces: SoftBounces, clock: FakeClock) -> None:
        """
        Of an address that bounces without an end the latest count.

        All but the last few are written at once, as they take a while.
        """
        assert isinstance(bounces, DynamoDBSoftBounces)
        now, most, table = clock.time(), self.most, bounces.table
        late = now - DAY_S
        pk, sk = bounces._key("a")  # noqa: SLF001  # where they are
        many = {f"e:e{n}": now + n for n in range(most - 3)}
        # With the last of those below, it is time to drop the oldest.
        old = {f"e:old {n}": late for n in range(97)}
        table.put("soft bounces", {"pk": pk, "sk": sk, **many, **old})
        told = [
            bounces.add("a", f"e{n}", now + n, now)
            for n in range(most - 3, most)
        ]
        again = [bounces.add("a", f"late {n}", late, now) for n in range(3)]
        held = bounces.count("a", 0)

        assert ([*range(most - 2, most + 1)], 3 * [most], most) == (
            told,
            again,
            held,
        )


class TestSeenEventsOverHTTP(SeenSharingContract):
    """In a table that others ask too."""

    @pytest.fixture
    def seen(self, far_table: Table) -> SeenEvents:
        """Return a store that nobody has used."""
        return DynamoDBSeenEvents(far_table)


class TestCountersOverHTTP(CountersSharingContract):
    """In a table that others ask too."""

    @pytest.fixture
    def counters(self, far_table: Table) -> Counters:
        """Return counters that nobody has used."""
        return DynamoDBCounters(far_table)


class TestSoftBouncesOverHTTP(SoftBouncesSharingContract):
    """In a table that others ask too."""

    @pytest.fixture
    def bounces(self, far_table: Table) -> SoftBounces:
        """Return soft bounces that nobody has used."""
        return DynamoDBSoftBounces(far_table)
