from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from tests.engines import dynamodb_server, with_query

from safeses import Client, Email, Limits, StoreError, SuppressedError
from safeses._suppressed import Suppression
from safeses.dynamodb import DynamoDBState, Table
from safeses.dynamodb._url import options_of
from safeses.errors import ConfigurationError
from safeses.testing import FakeClock, StubSES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.server

LIMITS = Limits(per_second=1_000)
MAIL = Email(
    from_email="shop@a.example",
    to="eva@b.example",
    subject="Hello",
    text="Hello!",
)


@pytest.fixture
def url(dynamodb_url: str) -> str:
    """Return the URL of a state whose table is there."""
    # A machine that is busy with other tests answers late.
    url = with_query(dynamodb_url, timeout_s=10)
    state = DynamoDBState.from_url(url)
    state.init()
    state.close()
    return url


@pytest.fixture
def asked() -> list[str]:
    """Return the names of the requests, as they are made."""
    return []


@pytest.fixture
def state(url: str, asked: list[str]) -> Iterator[DynamoDBState]:
    """Return a state whose requests are counted."""
    options = options_of(url)
    client = boto3.client(
        "dynamodb",
        region_name=options["region"],
        endpoint_url=options["endpoint_url"],
    )

    def note(model: Any, **_: Any) -> None:
        asked.append(model.name)

    client.meta.events.register("before-call.dynamodb", note)
    state = DynamoDBState.open(Table(options["name"], client=client))
    yield state
    state.close()
    client.close()


@pytest.fixture
def another(url: str) -> Iterator[Callable[[], DynamoDBState]]:
    """Open the same state, as another host would."""
    states: list[DynamoDBState] = []

    def open_it() -> DynamoDBState:
        states.append(DynamoDBState.from_url(url))
        return states[-1]

    yield open_it
    for state in states:
        state.close()


def sender(state: DynamoDBState) -> tuple[Client, StubSES]:
    """Return a client on a state, and the SES that it sends to."""
    ses = StubSES()
    given: Any = ses
    return Client(given, state=state, limits=LIMITS), ses


def test_requests(state: DynamoDBState, asked: list[str]) -> None:
    """A mail without a key takes three requests, and one afterwards."""
    client, _ = sender(state)
    client.send(MAIL)
    client.send(MAIL)
    asked.clear()
    client.send(MAIL)
    before_and_after = [*asked]

    assert ["BatchGetItem", "UpdateItem", "PutItem", "DeleteItem"] == (
        before_and_after
    )


def test_a_key_on_two_hosts(another: Callable[[], DynamoDBState]) -> None:
    """A job that one host has done is not done by another one."""
    (one, ses), (two, other_ses) = sender(another()), sender(another())
    first = one.send(MAIL, idempotency_key="order-1")
    again = two.send(MAIL, idempotency_key="order-1")

    assert (first.message_id, False, True, 1, 0) == (
        again.message_id,
        first.replayed,
        again.replayed,
        len(ses.outbox),
        len(other_ses.outbox),
    )


def test_suppressed_on_two_hosts(
    another: Callable[[], DynamoDBState],
) -> None:
    """Whom one host suppresses, no other one mails."""
    entry = Suppression(address="eva@b.example", reason="bounce")
    another().suppressions.add([entry])
    client, ses = sender(another())
    with pytest.raises(SuppressedError):
        client.send(MAIL)

    assert 0 == len(ses.outbox)


def test_nothing_is_left(another: Callable[[], DynamoDBState]) -> None:
    """A mail without a key leaves no record; one of unknown outcome does."""
    state = another()
    client, _ = sender(state)
    client.send(MAIL)
    stats = state.stats()

    assert (0, 0) == (stats["unsettled"], stats["suppressions"])


def test_what_it_survives(state: DynamoDBState) -> None:
    """It says what the facts outlive, and what holds them."""
    assert ("failover", "dynamodb") == (state.survives, state.engine)


def test_purge(state: DynamoDBState) -> None:
    """What has expired is removed, and counted."""
    assert {"ledger": 0, "seen": 0, "suppressions": 0} == state.purge()


def test_the_server_dies() -> None:
    """Nothing is sent while nobody answers, and each call ends soon."""
    with dynamodb_server() as port:
        options = f"region=eu-west-1&endpoint_url=http://127.0.0.1:{port}"
        url = f"dynamodb://mails?{options}&timeout_s=10"
        state = DynamoDBState.from_url(url)
        state.init()
        client, ses = sender(state)
        client.send(MAIL)
    problems = []
    for _ in range(4):
        with pytest.raises(StoreError) as caught:
            client.send(MAIL)
        problems.append(caught.value.engine)
    state.close()

    assert (4 * ["dynamodb"], 1) == (problems, len(ses.outbox))


@pytest.mark.parametrize(
    "given, words",
    [
        ({"namespace": ""}, "namespace="),
        ({"suppressions": object()}, "not a suppression store"),
        ({"rate_factor": 2.0}, "rate_factor="),
        ({"drift_s": -1.0}, "drift_s="),
    ],
)
def test_odd_settings(given: dict[str, Any], words: str) -> None:
    """What cannot work is refused before anything is asked."""
    with pytest.raises(ConfigurationError, match=words):
        DynamoDBState.open(Table("mails", clock=FakeClock()), **given)


def test_other_suppressions(url: str) -> None:
    """Suppressions that are kept elsewhere are asked, and not counted."""
    from safeses.suppression import MemorySuppressionStore

    elsewhere = MemorySuppressionStore()
    state = DynamoDBState.from_url(url, suppressions=elsewhere)
    stats = state.stats()
    state.close()

    assert (elsewhere, False) == (state.suppressions, "suppressions" in stats)
