from __future__ import annotations

import itertools
import math
import os
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from tests.dynamodb_tables import (
    client_here,
    dropped,
    swept,
    table_at,
    table_here,
)

from safeses._outcome import Booked
from safeses._values import Limits
from safeses.dynamodb._budget import DynamoDBBudget
from safeses.dynamodb._connection import Table
from safeses.dynamodb._scope_item import PART, key
from safeses.errors import ConfigurationError, StoreError
from safeses.testing._clock import FakeClock
from safeses.testing._contracts import (
    BudgetContract,
    Sender,
    most_in_one_second,
)
from safeses.testing._contracts._at_once import in_a_child
from safeses.testing._contracts._history import Historian
from safeses.testing._contracts._pace import AT_ANY_PACE

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Sequence

    from safeses.typing import Budget

NOISE: Final = 1e-4
LATENCY_S: Final = 0.002
FEW_HISTORIES: Final = settings(
    AT_ANY_PACE, max_examples=8, stateful_step_count=20, derandomize=True
)

pytestmark = pytest.mark.server


@pytest.fixture
def clock() -> FakeClock:
    """Return the time of all hosts."""
    return FakeClock()


@pytest.fixture
def table(clock: FakeClock) -> Iterator[Table]:
    """Return a table that nobody else uses."""
    with table_here(clock) as table:
        yield table


@pytest.fixture
def far_table(dynamodb_port: int, clock: FakeClock) -> Iterator[Table]:
    """Return a table that nobody else uses, behind HTTP."""
    table = table_at(dynamodb_port, clock)
    yield table
    dropped(dynamodb_port, table)


@pytest.mark.long
class TestDynamoDBBudget(BudgetContract):
    """
    The budget in a table keeps what every budget keeps.

    Some tests are shorter here, as what stands for DynamoDB takes its
    time: fewer histories, and fewer messages in a row.
    """

    def test_throttled_never_stops(self, sender: Sender) -> None:
        """Twenty seconds of refusals leave a tenth of the rate."""
        sender.learn(14)
        for _ in range(20):
            sender.budget.throttled(sender.scope, "rate")
            sender.clock.sleep(1)
        sender.budget.throttled(sender.scope, "rate")
        rate = sender.budget.per_second(sender.scope)

        assert rate >= 1.4 - NOISE

    @pytest.fixture
    def budget(self, table: Table) -> Budget:
        """Return a budget whose hosts have the same time."""
        return DynamoDBBudget(table, drift_s=0.0)

    @pytest.mark.parametrize(
        "per_second, costs", [(0.2, (50, 1, 1)), (500, (1, 3, 1, 10))]
    )
    def test_any_second(
        self, sender: Sender, per_second: float, costs: Sequence[int]
    ) -> None:
        """No second holds more than the rate and one message; none idles."""
        sender.learn(per_second)
        began = sender.clock.monotonic()
        grants = []
        for cost in itertools.islice(itertools.cycle(costs), 40):
            sender.wait_for(cost)
            grants.append((sender.clock.monotonic() - began, cost))
        recipients = sum(cost for _, cost in grants[:-1])
        within = most_in_one_second(grants) <= per_second + NOISE
        used = recipients / (grants[-1][0] * per_second)

        assert pytest.approx((True, 1)) == (within, used)

    def test_any_history(self, budget: Budget, clock: FakeClock) -> None:
        """Whatever happens, in any order, an exact log finds no fault."""
        histories = []

        class History(Historian):
            def __init__(self) -> None:
                super().__init__(budget, clock)
                histories.append(self)

        run_state_machine_as_test(History, settings=FEW_HISTORIES)

        assert len(histories) > 1


@attrs.define
class HostClock:
    """The time of a host whose clock is wrong; seconds last as long."""

    true: FakeClock
    wrong_by_s: float
    booted_s: float

    def time(self) -> float:
        """Return what the host takes for the time."""
        return self.true.time() + self.wrong_by_s

    def monotonic(self) -> float:
        """Return the seconds since it was started."""
        return self.true.monotonic() + self.booted_s

    def sleep(
        self, seconds: float, wake: threading.Event | None = None
    ) -> None:
        """Sleep."""
        self.true.sleep(seconds, wake)


@attrs.define
class FarClient:
    """A client of boto3, as far away as a zone of AWS."""

    client: Any
    clock: FakeClock

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return one of its methods, which takes a while."""
        act = getattr(self.client, name)

        def ask(**request: Any) -> Any:
            self.clock.sleep(LATENCY_S)
            try:
                return act(**request)
            finally:
                self.clock.sleep(LATENCY_S)

        return ask


def hosts(
    table: Table,
    clock: FakeClock,
    wrong_by_s: Sequence[float],
) -> list[DynamoDBBudget]:
    """Return the budget of each host, whose clocks are wrong by so much."""
    return [
        DynamoDBBudget(
            Table(
                table.name,
                client=lambda: FarClient(client_here(), clock),  # type: ignore[arg-type, return-value]  # it has the methods
                clock=HostClock(clock, wrong, 1_000.0 * number),
            )
        )
        for number, wrong in enumerate(wrong_by_s)
    ]


def busy(
    budgets: Sequence[DynamoDBBudget],
    clock: FakeClock,
    scope: str,
    seconds: float,
) -> list[list[float]]:
    """Let every host send all it can; return when each of them did."""
    until = clock.monotonic() + seconds

    def send(budget: DynamoDBBudget) -> list[float]:
        sender = Sender(budget, clock, scope)
        begun: list[float] = []
        while True:
            sender.wait_for()
            if clock.monotonic() >= until:
                return begun
            begun.append(clock.monotonic())

    return clock.run(
        *(partial(send, budget) for budget in budgets), within_s=250
    )


def most_of(per_second: float) -> float:
    """
    Return how many recipients one second may hold.

    Hosts agree on the time but for the way to the table and back, and
    hear of a slot so much after it was booked: what both are in messages,
    begun ones in full, comes on top of the rate.
    """
    return per_second + math.ceil(2 * 2 * LATENCY_S * per_second)


@pytest.mark.parametrize(
    "wrong_s, per_second",
    [(2.0, 50), (-2.0, 50), (30.0, 50), (-30.0, 50), (30.0, 200)],
)
def test_wrong_clocks(
    table: Table,
    clock: FakeClock,
    wrong_s: float,
    per_second: float,
) -> None:
    """A host with a wrong clock neither exceeds the rate nor takes it."""
    budgets = hosts(table, clock, [wrong_s, 0.0, 0.0, 0.0])
    budgets[1].learn("s", Limits(per_second=per_second))
    each = busy(budgets, clock, "s", 1.5)
    grants = sorted((at, 1.0) for begun in each for at in begun)
    most = most_of(per_second)
    least = min(len(begun) for begun in each)

    assert (True, True, True) == (
        most_in_one_second(grants) <= most + NOISE,
        len(grants) >= 0.97 * 1.5 * per_second,
        least >= len(grants) / 6,
    )


@pytest.mark.parametrize("wrong_s", [30.0, -30.0])
def test_a_wrong_clock_comes_later(
    table: Table, clock: FakeClock, wrong_s: float
) -> None:
    """A host that begins amid the sends of others does not exceed it."""
    late, *others = hosts(table, clock, [wrong_s, 0.0, 0.0])
    others[0].learn("s", Limits(per_second=50))
    each = busy(others, clock, "s", 1.0)
    each += busy([late, *others], clock, "s", 1.0)
    grants = sorted((at, 1.0) for begun in each for at in begun)

    assert most_in_one_second(grants) <= most_of(50) + NOISE


def sent(budget: DynamoDBBudget, clock: FakeClock, count: int) -> Sender:
    """Let a process send so many mails, as fast as it can."""
    sender = Sender(budget, clock, "s")
    for _ in range(count):
        sender.wait_for()
    return sender


def item(table: Table) -> dict[str, Any]:
    """Return what the table holds of the scope."""
    found = table.get(PART, key("s"))
    assert found is not None
    return found


@attrs.define
class Counted:
    """A client of boto3 whose requests are counted."""

    client: Any
    asked: list[str] = attrs.field(factory=list)

    def __getattr__(self, name: str) -> Any:
        """Return one of its methods."""
        self.asked.append(name)
        return getattr(self.client, name)


@pytest.fixture
def counted() -> Counted:
    """Return a client for the table."""
    return Counted(client_here())


@pytest.fixture
def budget(table: Table, counted: Counted, clock: FakeClock) -> DynamoDBBudget:
    """Return a budget whose requests are counted."""
    client: Any = counted
    return DynamoDBBudget(
        Table(table.name, client=lambda: client, clock=clock), drift_s=0.0
    )


def test_slots_taken_ahead(
    budget: DynamoDBBudget, counted: Counted, clock: FakeClock
) -> None:
    """A busy process asks far less often than it sends."""
    budget.learn("s", Limits(per_second=500))
    sent(budget, clock, 60)
    counted.asked.clear()
    began = clock.monotonic()
    sent(budget, clock, 60)

    assert pytest.approx((True, 60 / 500)) == (
        len(counted.asked) <= 20,
        clock.monotonic() - began,
    )


def test_quiet_processes_take_nothing_ahead(
    budget: DynamoDBBudget, table: Table, clock: FakeClock
) -> None:
    """Who sends now and then leaves all other slots to others."""
    budget.learn("s", Limits(per_second=500))
    for _ in range(5):
        sent(budget, clock, 1)
        clock.sleep(0.04)

    assert 1 == item(table)["last_cost"]


def test_unused_quota_comes_back(
    budget: DynamoDBBudget, table: Table, clock: FakeClock
) -> None:
    """What was taken ahead and not sent counts no longer in the end."""
    budget.learn("s", Limits(per_second=500, per_day=50_000))
    sent(budget, clock, 40)
    before = item(table)["used_total"]
    budget.learn("s", Limits(per_second=500, per_day=50_000))
    after = item(table)["used_total"]

    assert (True, 40) == (before > 40, after)


def test_requests_of_one_booking(
    budget: DynamoDBBudget, counted: Counted, table: Table, clock: FakeClock
) -> None:
    """One update books; two at most, where others have booked meanwhile."""
    budget.learn("s", Limits(per_second=10))
    sent(budget, clock, 1)
    other = DynamoDBBudget(table, drift_s=0.0)
    counts = []
    for _ in range(3):
        counted.asked.clear()
        sent(budget, clock, 1)
        counts.append([*counted.asked])
        clock.sleep(1)
        sent(other, clock, 1)

    assert [["update_item"], *2 * [2 * ["update_item"]]] == counts


def test_a_day_is_folded_once(table: Table, clock: FakeClock) -> None:
    """Two who find the same minutes a day old take them off once."""
    one, two = (DynamoDBBudget(table, drift_s=0.0) for _ in range(2))
    one.learn("s", Limits(per_second=50, per_day=100))
    for _ in range(3):
        sent(one, clock, 2)
        sent(two, clock, 2)
        clock.sleep(61)
    before = item(table)["used_total"]
    clock.sleep(24 * 3600)
    sent(one, clock, 1)
    sent(two, clock, 1)

    assert (12, 2, 0) == (
        before,
        item(table)["used_total"],
        table.count(PART, key("s")[0], prefix="m#"),
    )


@pytest.mark.parametrize("drift_s", [0.0, 60.0, 86_400.0])
@pytest.mark.parametrize("days", [2.0, 2.5, 3.5, 40.0])
def test_days_without_mail(
    table: Table, clock: FakeClock, days: float, drift_s: float
) -> None:
    """Minutes that DynamoDB has deleted by their TTL count no longer."""
    budget = DynamoDBBudget(table, drift_s=drift_s)
    budget.learn("s", Limits(per_second=50, per_day=100))
    for _ in range(3):
        sent(budget, clock, 2)
        clock.sleep(61)
    before = item(table)["used_total"]
    clock.sleep(days * 24 * 3600 + drift_s)
    swept(client_here(), table)
    other = DynamoDBBudget(table, drift_s=drift_s)
    sent(other, clock, 1)

    assert (6, 1) == (before, item(table)["used_total"])


def test_a_quota_held_over_days(table: Table, clock: FakeClock) -> None:
    """However DynamoDB deletes what is over, a day counts in full."""
    sender = Sender(DynamoDBBudget(table), clock, "s")
    sender.learn(50, 25)
    for _ in range(4 * 24):
        sender.wait_for()
        clock.sleep(3_600)
        swept(client_here(), table)
    charged = sender.budget.charged()  # type: ignore[attr-defined]  # it can
    error = sender.refusal(cost=3)

    assert (True, True) == (24 <= charged["s"] <= 25, error is not None)


def test_two_who_take_ahead(table: Table, clock: FakeClock) -> None:
    """No two processes hand out the same slot, whoever took it ahead."""
    budgets = [DynamoDBBudget(table, drift_s=0.0) for _ in range(2)]
    budgets[0].learn("s", Limits(per_second=500, per_day=50_000))
    each = busy(budgets, clock, "s", 0.5)
    begun = sorted(at for grants in each for at in grants)
    gaps = [after - at for at, after in itertools.pairwise(begun)]
    charged = item(table)["used_total"]

    assert (True, True, True) == (
        len(begun) >= 200,
        min(gaps) >= 1 / 500 - NOISE,
        len(begun) <= charged <= len(begun) + 2 * 26,
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_child_takes_its_own_slots(
    far_table: Table, clock: FakeClock
) -> None:
    """What a parent took ahead is not handed out by its child, too."""
    budget = DynamoDBBudget(far_table, drift_s=0.0)
    budget.learn("s", Limits(per_second=500))
    sender = sent(budget, clock, 40)

    def begin() -> float:
        answer = sender.ask()
        return answer.wait_s if isinstance(answer, Booked) else -1.0

    def use() -> str:
        budget.after_fork()
        return str(begin())

    childs = float(in_a_child(use, 60))
    parents = [begin() for _ in range(10)]

    assert (True, True) == (
        childs >= 0,
        min(abs(childs - each) for each in parents) >= 1 / 500 - NOISE,
    )


def test_over_http(far_table: Table, clock: FakeClock) -> None:
    """Behind HTTP it books, charges, gives back and refuses as well."""
    sender = Sender(DynamoDBBudget(far_table, drift_s=0.0), clock, "s")
    sender.learn(2, 2)
    waits = [sender.wait_for() for _ in range(2)]
    refused = sender.refusal()
    clock.sleep(25 * 3600)
    claim = sender.charge(2)
    sender.budget.give_back(claim)

    assert pytest.approx((0, 0.5, True, 0)) == (
        *waits,
        refused is not None,
        item(far_table)["used_total"],
    )


def test_clocks_that_differ_free_no_quota_early(
    table: Table, clock: FakeClock
) -> None:
    """A minute counts longer by what the clocks of hosts may differ."""
    sender = Sender(DynamoDBBudget(table, drift_s=120.0), clock, "s")
    sender.learn(50, 1)
    sender.wait_for()
    clock.sleep(24 * 3600 + 100)
    error = sender.refusal()
    assert error is not None
    clock.sleep(error.retry_after_s)
    late = sender.refusal()

    assert (True, None) == (60 <= error.retry_after_s <= 200, late)


def test_a_newer_format(table: Table) -> None:
    """What a newer version has written is not taken for anything else."""
    pk, sk = key("s")
    table.put(PART, {"pk": pk, "sk": sk, "v": 99})
    with pytest.raises(StoreError, match="format 99,"):
        DynamoDBBudget(table).learn("s", Limits(per_second=1))

    assert 99 == item(table)["v"]


def test_what_the_table_has_lost(table: Table, clock: FakeClock) -> None:
    """Where nothing is known of a scope, this process tells its limits."""
    budget = DynamoDBBudget(table, drift_s=0.0)
    budget.learn("s", Limits(per_second=50, per_day=3))
    table.delete(PART, key("s"))
    clock.sleep(2)
    rate = budget.per_second("s")

    assert (50, 50, 3) == (rate, item(table)["per_s"], item(table)["per_day"])


def test_charged(table: Table, clock: FakeClock) -> None:
    """What every scope has sent in a day is told, by its name."""
    budget = DynamoDBBudget(table, drift_s=0.0)
    for scope, count in (("a/eu-west-1", 2), ("\ud800 b", 1), ("none", 0)):
        sender = Sender(budget, clock, scope)
        sender.learn(50, 100)
        for _ in range(count):
            sender.wait_for()
    charged = budget.charged()
    clock.sleep(25 * 3600)

    assert ({"a/eu-west-1": 2, "\ud800 b": 1}, {}) == (
        charged,
        budget.charged(),
    )


def test_burst(table: Table, clock: FakeClock) -> None:
    """So many may go at once after a pause, and the rate holds then."""
    sender = Sender(DynamoDBBudget(table, burst=3, drift_s=0.0), clock, "s")
    sender.learn(2)

    waits = [sender.wait_for() for _ in range(5)]

    assert pytest.approx([0, 0, 0, 0.5, 0.5]) == waits


@pytest.mark.parametrize(
    "given", [{"burst": 0.5}, {"rate_factor": 0.0}, {"drift_s": -1.0}]
)
def test_odd_settings(given: dict[str, float]) -> None:
    """A figure out of range is refused, and named."""
    with pytest.raises(ConfigurationError) as caught:
        DynamoDBBudget(Table("mails"), **given)

    assert caught.value.problem.startswith(next(iter(given)))
