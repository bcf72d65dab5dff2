"""Answers of DynamoDB that are lost on their way; and what expired late."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import boto3
import pytest
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from tests.dynamodb_tables import dropped, made_at
from tests.engines import HOST, REGION

from safeses import Suppression
from safeses._job import Sent
from safeses._outcome import Accepted
from safeses.dynamodb._budget import DynamoDBBudget
from safeses.dynamodb._connection import Key, Table, Update
from safeses.dynamodb._items import SHARDS
from safeses.dynamodb._ledger import DynamoDBLedger
from safeses.dynamodb._scope_item import key
from safeses.dynamodb._seen import DynamoDBSeenEvents
from safeses.dynamodb._soft_bounces import DynamoDBSoftBounces
from safeses.dynamodb._suppressions import DynamoDBSuppressionStore
from safeses.errors import StoreError
from safeses.testing import FakeClock
from safeses.testing._contracts import Sender
from safeses.testing._contracts._ledger_desk import DEFERRED, UNKNOWN, Desk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from safeses._outcome import Claim, Outcome

pytestmark = pytest.mark.server

PART = "ledger"
KEY = ("a", "1")
DAY_S = 86_400.0
URL = "http://127.0.0.1/"
WRITES = ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems")
NAME = "j1"
SENT = Sent(message_id="m-1", sent_at=1_767_225_600.0)


@attrs.define
class Line:
    """
    The way to the server, on which answers to writes are lost.

    DynamoDB does a transaction once for its token. The server here does
    not know tokens, so that the line answers a second one for it.
    """

    client: Any
    lost: list[Exception] = attrs.field(factory=list)
    asked: list[str] = attrs.field(factory=list)
    tokens: list[str] = attrs.field(factory=list)

    def listen(self) -> None:
        """Begin to hear every request, and every answer."""
        events = self.client.meta.events
        events.register("provide-client-params.dynamodb", self._hear)
        events.register("before-call.dynamodb", self._answer)
        events.register("after-call.dynamodb", self._lose)

    def _hear(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        self.asked.append(model.name)
        token = params.get("ClientRequestToken")
        if token:
            self.tokens.append(token)

    def _answer(self, model: Any, **_: Any) -> Any:
        if model.name == "TransactWriteItems" and (
            self.tokens[-1] in self.tokens[:-1]
        ):
            return _Answer(), {}
        return None

    def _lose(self, model: Any, **_: Any) -> None:
        if self.lost and model.name in WRITES:
            raise self.lost.pop(0)


class _Answer:
    """The line of an HTTP answer."""

    status_code = 200


@pytest.fixture(scope="module")
def client(dynamodb_port: int) -> Iterator[Any]:
    """Return a client of these tests, which listen to it."""
    client = boto3.client(
        "dynamodb",
        region_name=REGION,
        endpoint_url=f"http://{HOST}:{dynamodb_port}",
    )
    yield client
    client.close()


@pytest.fixture
def line(client: Any) -> Iterator[Line]:
    """Return the way to the server."""
    line = Line(client)
    line.listen()
    yield line
    events = client.meta.events
    for name in ("provide-client-params", "before-call", "after-call"):
        for heard in (line._hear, line._answer, line._lose):  # noqa: SLF001  # ours
            events.unregister(f"{name}.dynamodb", heard)


@pytest.fixture
def table(dynamodb_port: int, line: Line) -> Iterator[Table]:
    """Return a table that was asked before."""
    table = Table(
        made_at(dynamodb_port),
        client=line.client,
        clock=FakeClock(),
        timeout_s=10,
    )
    table.get(PART, KEY)
    line.asked.clear()
    yield table
    dropped(dynamodb_port, table)


def closed() -> Exception:
    """Return the error of a connection that was closed."""
    return ConnectionClosedError(endpoint_url=URL)


# --- Writes ------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault", [closed(), ReadTimeoutError(endpoint_url=URL)]
)
def test_what_must_not_be_repeated(
    table: Table, line: Line, fault: Exception
) -> None:
    """A count whose answer is lost is added once, and said to be doubtful."""
    line.lost.append(fault)
    with pytest.raises(StoreError):
        table.update(PART, KEY, "ADD n :n", values={":n": 1})
    item = table.get(PART, KEY)

    assert ({"pk": "a", "sk": "1", "n": 1}, ["UpdateItem", "GetItem"]) == (
        item,
        line.asked,
    )


def test_what_may_be_repeated(table: Table, line: Line) -> None:
    """A write that says so is asked a second time, and works."""
    item = {"pk": "a", "sk": "1", "n": 1}
    line.lost.append(closed())
    done = table.put(PART, item, again=True)

    assert (True, 2 * ["PutItem"], item) == (
        done,
        [*line.asked],
        table.get(PART, KEY),
    )


def test_a_transaction_is_done_once(table: Table, line: Line) -> None:
    """A transaction is asked again by the same token."""
    line.lost.append(closed())
    add = Update(key=KEY, expression="ADD n :n", values={":n": 1})
    done = table.transact(PART, [add])
    item = table.get(PART, KEY)

    assert (True, 2, 1, {"pk": "a", "sk": "1", "n": 1}) == (
        done,
        len(line.tokens),
        len({*line.tokens}),
        item,
    )


# --- Parts -------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 3])
def test_suppressions(table: Table, line: Line, count: int) -> None:
    """What was added although the answer was lost is said to be new."""
    store = DynamoDBSuppressionStore(table)
    people = [f"p{n}@a.example" for n in range(count)]
    store.find(people)
    store.add([Suppression(address="ann@a.example")])
    line.lost.append(closed())
    added = store.add([Suppression(address=each) for each in people])

    assert (count * [True], set(people), []) == (
        added,
        set(store.find(people)),
        line.lost,
    )


def test_marks(table: Table, line: Line) -> None:
    """A mark that was made although the answer was lost is ours."""
    seen = DynamoDBSeenEvents(table)
    line.lost.append(closed())
    marked = seen.mark("e", "me", DAY_S)
    line.lost.append(closed())
    held = seen.hold("e", 60, "me")

    assert (True, True, False) == (marked, held, seen.hold("e", 60, "you"))


def test_soft_bounces(table: Table, line: Line) -> None:
    """A bounce counts once, however often it is told."""
    bounces, at = DynamoDBSoftBounces(table), table.wall()
    line.lost.append(closed())

    assert 1 == bounces.add("ann@a.example", "e", at, at - 60)


# --- Rate and quota ----------------------------------------------------------


def test_a_booking(table: Table, line: Line) -> None:
    """A booking whose answer is lost counts once, and nobody goes by it."""
    clock = table.clock
    assert isinstance(clock, FakeClock)
    sender = Sender(DynamoDBBudget(table, drift_s=0.0), clock, "s")
    sender.learn(1, 10)
    line.lost.append(closed())
    with pytest.raises(StoreError):
        sender.ask()
    used = [used_total(table)]
    wait_s = sender.wait_for()
    used.append(used_total(table))

    assert pytest.approx((1, 1, 2)) == (wait_s, *used)


def test_given_back(table: Table, line: Line) -> None:
    """What is given back is given back once, whatever was heard of it."""
    clock = table.clock
    assert isinstance(clock, FakeClock)
    sender = Sender(DynamoDBBudget(table, drift_s=0.0), clock, "s")
    sender.learn(10, 10)
    claim = sender.charge(2)
    sender.charge(2)
    line.lost.append(closed())
    with pytest.raises(StoreError):
        sender.budget.give_back(claim)

    assert 2 == used_total(table)


@pytest.mark.parametrize("lost_at", [0, 1, 2])
def test_a_minute_is_closed_once(
    table: Table, line: Line, lost_at: int
) -> None:
    """A minute that is closed, or a day old, is so once."""
    clock = table.clock
    assert isinstance(clock, FakeClock)
    sender = Sender(DynamoDBBudget(table, drift_s=0.0), clock, "s")
    sender.learn(10, 100)
    used = []
    for number, pause_s in enumerate((61, 61, 24 * 3600 + 61)):
        sender.wait_for(3)
        clock.sleep(pause_s)
        # The next act begins a minute, by a transaction.
        line.lost = [closed()] if number == lost_at else []
        sender.wait_for(2)
        used.append(used_total(table))

    assert [5, 10, 2] == used


def used_total(table: Table) -> int:
    """Return what the quota of the scope holds."""
    item = table.get("budget", key("s")) or {}
    return int(item["used_total"])


# --- The ledger --------------------------------------------------------------


def opened(table: Table) -> tuple[set[str], set[str]]:
    """Return which names are listed as open, and which are open."""
    rows = DynamoDBLedger(table)._rows()  # noqa: SLF001  # where they are
    listed: set[str] = set()
    are_open: set[str] = set()
    for shard in SHARDS:
        pk, _ = rows.open_key("x")
        for item in table.query(PART, pk[:-1] + shard):
            listed.add(item["sk"])
            key: Key = rows.job_key(item["sk"])
            record = table.get(PART, key) or item
            if record.get("state") in {"submitting", "unknown"}:
                are_open.add(item["sk"])
    return listed, are_open


def claimed(desk: Desk, *, keyed: bool) -> Claim:
    """Return a claim for a job, with its key or without one."""
    return desk.take() if keyed else desk.keyless()


@pytest.mark.parametrize("keyed", [True, False])
@pytest.mark.parametrize(
    "outcome",
    [Accepted(message_id="m-1", sent=SENT), DEFERRED, UNKNOWN],
    ids=["accepted", "deferred", "unknown"],
)
@pytest.mark.parametrize("lost_at", ["claim", "submit", "settle"])
def test_every_act(
    table: Table, line: Line, lost_at: str, outcome: Outcome, *, keyed: bool
) -> None:
    """An act whose answer is lost was done; what is open is listed."""
    desk = Desk(DynamoDBLedger(table), NAME)
    listed = []

    def begin(act: str) -> None:
        line.lost = [closed()] if act == lost_at else []

    begin("claim")
    claim = claimed(desk, keyed=keyed)
    listed.append(opened(table))
    begin("submit")
    desk.submit(claim)
    listed.append(opened(table))
    begin("settle")
    desk.ledger.settle(claim, outcome)
    listed.append(opened(table))
    nothing: tuple[set[str], set[str]] = (set(), set())
    it = ({NAME}, {NAME})

    assert [nothing, it, it if outcome is UNKNOWN else nothing] == listed


# --- Late deletion -----------------------------------------------------------


def test_what_expired_and_is_there(table: Table) -> None:
    """What DynamoDB has not deleted yet counts no longer."""
    ledger, seen = DynamoDBLedger(table), DynamoDBSeenEvents(table)
    desk = Desk(ledger, NAME)
    desk.end(Accepted(message_id="m-1", sent=SENT))
    seen.mark("e", "me", DAY_S)
    table.clock.sleep(16 * DAY_S)
    key = ledger._rows().job_key(NAME)  # noqa: SLF001  # where it is
    held = table.get(PART, key) or {}

    assert ("accepted", True, 1, False, True) == (
        held.get("state"),
        held.get("ttl", 0) < table.wall(),
        desk.take().attempt,
        seen.has("e", "me"),
        seen.mark("e", "me", DAY_S),
    )
