"""What becomes of mail when the table is throttled, or an item is full."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pytest
from botocore.exceptions import ClientError
from tests.dynamodb_tables import client_here, table_here

from safeses import Suppression
from safeses.dynamodb import (
    DynamoDBBudget,
    DynamoDBLedger,
    DynamoDBSuppressionStore,
    Table,
)
from safeses.dynamodb._scope_item import PART, key
from safeses.errors import StoreError
from safeses.testing import FakeClock
from safeses.testing._contracts import Sender
from safeses.testing._contracts._ledger_desk import (
    LEASE_S,
    Desk,
    accepted,
    unsettled,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.server

THROTTLED = "ProvisionedThroughputExceededException"
# So many times nothing is asked more often.
EVER = 10


def answered(code: str, **more: Any) -> ClientError:
    """Return an error as DynamoDB answers it."""
    answer: Any = {
        "Error": {"Code": code, "Message": ""},
        "ResponseMetadata": {"HTTPStatusCode": 400},
        **more,
    }
    return ClientError(answer, "any")


def cancelled(*reasons: str) -> ClientError:
    """Return how DynamoDB answers a transaction that it cancels."""
    codes = [{"Code": reason} for reason in reasons]
    return answered("TransactionCanceledException", CancellationReasons=codes)


@attrs.define
class Busy:
    """
    A client whose table answers some requests otherwise, for a while.

    Attributes:
        answers: What it raises, or answers, instead.
        asked: The names of all requests.
        reads_too: Whether reads are answered otherwise as well.
    """

    client: Any
    answers: list[Any] = attrs.field(factory=list)
    asked: list[str] = attrs.field(factory=list)
    reads_too: bool = False

    def __getattr__(self, name: str) -> Any:
        """Return one of its methods."""
        act = getattr(self.client, name)

        def ask(**request: Any) -> Any:
            self.asked.append(name)
            is_read = name in {"get_item", "batch_get_item", "query"}
            if self.answers and (self.reads_too or not is_read):
                answer = self.answers.pop(0)
                if isinstance(answer, Exception):
                    raise answer
                return answer(act, request)
            return act(**request)

        return ask


@pytest.fixture
def clock() -> FakeClock:
    """Return the time of all hosts."""
    return FakeClock()


@pytest.fixture
def busy() -> Busy:
    """Return a client of a table that may be throttled."""
    return Busy(None)


@pytest.fixture
def table(clock: FakeClock, busy: Busy) -> Iterator[Table]:
    """Return a table that may be throttled, and was asked before."""
    with table_here(clock) as near:
        busy.client = client_here()
        client: Any = busy
        table = Table(near.name, client=lambda: client, clock=clock)
        table.get(PART, key("s"))
        busy.asked.clear()
        yield table


def throttle(busy: Busy) -> None:
    """Let no write of any kind through from now on."""
    busy.answers = [answered(THROTTLED) for _ in range(EVER)]


# --- The ledger --------------------------------------------------------------


@pytest.mark.parametrize("keyed", [True, False])
@pytest.mark.parametrize(
    "throttled_at, is_doubtful",
    [("claim", False), ("submit", False), ("settle", True)],
)
def test_acts(
    table: Table,
    busy: Busy,
    throttled_at: str,
    *,
    keyed: bool,
    is_doubtful: bool,
) -> None:
    """A throttled act is an error; only what may be sent is in doubt."""
    desk = Desk(DynamoDBLedger(table))

    def act() -> None:
        if throttled_at == "claim":
            throttle(busy)
        claim = desk.take() if keyed else desk.keyless()
        if throttled_at == "submit":
            throttle(busy)
        desk.submit(claim)
        if throttled_at == "settle":
            throttle(busy)
        desk.ledger.settle(claim, accepted("m-1"))

    # There is nothing to claim without a key: that is the next one.
    with pytest.raises(StoreError, match="throttled"):
        act()
    busy.answers.clear()
    table.clock.sleep(LEASE_S + 1)
    doubtful = unsettled(desk.ledger)

    assert ([desk.name] if is_doubtful else [], is_doubtful) == (
        doubtful,
        desk.state() == "unknown",
    )


@pytest.mark.parametrize(
    "reason", ["ThrottlingError", "ProvisionedThroughputExceeded"]
)
def test_a_cancelled_transaction(
    table: Table, busy: Busy, reason: str
) -> None:
    """A throttled transaction is done a moment later, or is an error."""
    desk = Desk(DynamoDBLedger(table))
    claim = desk.take()
    busy.answers = [cancelled("None", reason) for _ in range(2)]
    desk.submit(claim)
    state = desk.state()
    busy.answers = [cancelled(reason, "None") for _ in range(EVER)]
    with pytest.raises(StoreError, match="throttled"):
        desk.ledger.settle(claim, accepted("m-1"))
    busy.answers.clear()
    desk.ledger.settle(claim, accepted("m-1"))

    assert ("submitting", "accepted") == (state, desk.state())


def test_transactions_that_collide(table: Table, busy: Busy) -> None:
    """Where others change the same items, it is their fault, in words."""
    desk = Desk(DynamoDBLedger(table))
    claim = desk.take()
    busy.answers = [
        cancelled("TransactionConflict", "None") for _ in range(EVER)
    ]
    with pytest.raises(StoreError, match="others change the same items"):
        desk.submit(claim)

    assert "reserved" == desk.state()


def test_a_refused_transaction(table: Table, busy: Busy) -> None:
    """What no second try mends is not tried again, and named."""
    desk = Desk(DynamoDBLedger(table))
    claim = desk.take()
    busy.answers = [cancelled("ValidationError", "None")]
    with pytest.raises(StoreError, match=r"transaction \(ValidationError\)"):
        desk.submit(claim)

    assert "reserved" == desk.state()


# --- Rate and quota ----------------------------------------------------------


def test_a_booking(table: Table, busy: Busy, clock: FakeClock) -> None:
    """What was not booked takes neither a slot nor the quota."""
    sender = Sender(DynamoDBBudget(table, drift_s=0.0), clock, "s")
    sender.learn(1, 10)
    sender.wait_for()
    clock.sleep(1)
    throttle(busy)
    with pytest.raises(StoreError, match="throttled"):
        sender.wait_for()
    busy.answers.clear()
    wait_s = sender.wait_for()
    found = table.get(PART, key("s")) or {}

    assert pytest.approx((0, 2)) == (wait_s, found["used_total"])


def test_a_booking_in_a_moment(
    table: Table, busy: Busy, clock: FakeClock
) -> None:
    """Throttled once, it is booked once, a moment later."""
    sender = Sender(DynamoDBBudget(table, drift_s=0.0), clock, "s")
    sender.learn(10, 10)
    busy.answers = [answered(THROTTLED)]
    sender.wait_for()
    found = table.get(PART, key("s")) or {}

    assert 1 == found["used_total"]


# --- Suppressions ------------------------------------------------------------


def test_half_an_answer(table: Table, busy: Busy) -> None:
    """Keys that DynamoDB leaves out are asked for, and nobody is missed."""
    people = [f"p{n}@a.example" for n in range(30)]
    store = DynamoDBSuppressionStore(table)
    store.add([Suppression(address=each) for each in people])

    def half(act: Any, request: dict[str, Any]) -> Any:
        keys = request["RequestItems"][table.name]["Keys"]
        some = {"Keys": keys[: len(keys) // 2], "ConsistentRead": True}
        rest = {"Keys": keys[len(keys) // 2 :], "ConsistentRead": True}
        answer = act(RequestItems={table.name: some})
        return {**answer, "UnprocessedKeys": {table.name: rest}}

    busy.reads_too, busy.answers = True, [half, half]
    busy.asked.clear()
    found = store.find(people)

    assert (people, 3) == (sorted(found, key=people.index), len(busy.asked))


def test_never_found_free(table: Table, busy: Busy) -> None:
    """A table that leaves keys out for ever is no answer."""
    store = DynamoDBSuppressionStore(table)
    store.add([Suppression(address="ann@a.example")])

    def none(_: Any, request: dict[str, Any]) -> Any:
        return {"UnprocessedKeys": request["RequestItems"]}

    busy.reads_too, busy.answers = True, [none for _ in range(EVER)]
    with pytest.raises(StoreError, match="throttled"):
        store.find(["ann@a.example"])
    busy.answers.clear()

    assert ["ann@a.example"] == [*store.find(["ann@a.example"])]


# --- Size --------------------------------------------------------------------


def test_an_item_that_is_full(table: Table) -> None:
    """What is larger than DynamoDB takes is refused, and says so."""
    large = "x" * 410_000
    with pytest.raises(StoreError, match="larger than 400 kB"):
        table.put(PART, {"pk": "a", "sk": "1", "x": large})
    table.put(PART, {"pk": "a", "sk": "1"})
    with pytest.raises(StoreError, match="larger than 400 kB"):
        table.update(PART, ("a", "1"), "SET x = :x", values={":x": large})

    assert {"pk": "a", "sk": "1"} == table.get(PART, ("a", "1"))
