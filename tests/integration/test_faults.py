"""What goes wrong on the way to SES and back, whatever the SDK's retries."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from tests.integration._workers import HANGS_S, wait_for

from safeses import (
    Client,
    ConfigurationError,
    Email,
    Limits,
    OutcomeUnknownError,
    RateLimitedError,
    Receipt,
    RetryScheduled,
    SafeSESError,
    UnreachableError,
)
from safeses._transport import _deadline
from safeses.testing import SimulatedSES

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.server

TIMEOUT_S = 1.0
# How much later a busy machine may be; who does not keep to a limit is later
# by far.
LATE_S = 15
# What a busy machine has for an attempt that is to succeed.
PATIENT_S = 20.0
# Who made the client and how it would retry; its time-outs are not ours.
CLIENTS: dict[str, dict[str, Any] | None] = {
    "none given": None,
    "legacy": {"retries": {"mode": "legacy"}, "read_timeout": 0.2},
    "standard": {"retries": {"mode": "standard"}, "connect_timeout": 0.001},
    "default": {},
}
HASTY = [*CLIENTS].index("legacy")
# After each of these nobody knows: is the mail there?
LOSING = {
    "stall": 1,
    "stall_headers": 1,
    "drip": 1,
    "reset_after": 1,
    "close": 1,
    "cut": 1,
    "empty": 1,
    "html": 1,
    "tls_corrupt": 1,
    "status:408": 1,
    "status:400:RequestTimeout": 1,
    "status:500": 1,
    "status:502": 1,
    "status:503": 1,
    "status:504": 1,
    "redirect": 0,
}
STRANGE = ("huge", "continue", "latency:0.4")
RATE = "Maximum sending rate exceeded."


@attrs.define
class Peer:
    """
    An SES, and a client that sends to it.

    Attributes:
        ses: The SES.
        client: One with time for whatever a busy machine does.
        hasty: Another one around the same boto3 client, with little time.
    """

    ses: SimulatedSES
    client: Client
    hasty: Client

    def send(self, mail: Email, **options: Any) -> Receipt | SafeSESError:
        """Send with time; return what came of it."""
        return attempt(self.client, mail, **options)


def attempt(
    client: Client, mail: Email, **options: Any
) -> Receipt | SafeSESError:
    """Return what comes of a mail."""
    try:
        return client.send(mail, **options)
    except SafeSESError as error:
        return error


def client_for(boto: Any, timeout_s: float) -> Client:
    """Return a client whose attempts may take so long."""
    return Client(
        boto,
        limits=Limits(per_second=10_000),
        attempt_timeout_s=timeout_s,
        state="memory:",  # there are two around each boto3 client
    )


@pytest.fixture(scope="module")
def peers(
    boto3_client: Callable[..., Any], tls: tuple[ssl.SSLContext, Path]
) -> Iterator[list[Peer]]:
    """One peer for each kind of client, half of them over TLS."""
    context, authority = tls
    made = []
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        for name, config in CLIENTS.items():
            ses = SimulatedSES(max_send_rate=10_000)
            secure = name in {"none given", "standard"}
            url = stack.enter_context(
                ses.serve(
                    host="localhost",
                    ssl_context=context if secure else None,
                )
            )
            given = None
            if config is None:
                patch.setenv("AWS_ENDPOINT_URL_SESV2", url)
                patch.setenv("AWS_CA_BUNDLE", str(authority))
            else:
                given = boto3_client(url, verify=str(authority), **config)
            hasty = stack.enter_context(client_for(given, TIMEOUT_S))
            boto = hasty.boto3_client  # made while the settings hold
            client = stack.enter_context(client_for(boto, PATIENT_S))
            made.append(Peer(ses, client, hasty))
        yield made


def at_once(peers: list[Peer], act: Callable[[Peer], Any]) -> list[Any]:
    """Do the same with every peer at the same time."""
    with ThreadPoolExecutor(len(peers)) as pool:
        return list(pool.map(act, peers))


@pytest.mark.parametrize("when", ["first", "always"])
@pytest.mark.parametrize("fault", LOSING)
def test_a_lost_answer(
    peers: list[Peer], mail: Callable[..., Email], fault: str, when: str
) -> None:
    """A mail whose answer is lost is there once, unknown, and in time."""

    def act(peer: Peer) -> tuple[object, ...]:
        before = peer.ses.requests["SendEmail"]
        peer.ses.faults.add(fault, first=1 if when == "first" else None)
        began = time.monotonic()
        lost = attempt(peer.hasty, mail())
        in_time = time.monotonic() - began < TIMEOUT_S + LATE_S
        tag = lost.tag if isinstance(lost, OutcomeUnknownError) else ""
        if tag:  # read by SES as well
            wait_for(lambda: peer.ses.requests["SendEmail"] > before)
            wait_for(lambda: peer.ses.copies(tag) >= LOSING[fault])
        peer.ses.faults.clear()
        requests = peer.ses.requests["SendEmail"] - before
        following = peer.send(mail())
        return (
            type(lost),
            requests,
            peer.ses.copies(tag),
            in_time,
            type(following),
        )

    assert [(OutcomeUnknownError, 1, LOSING[fault], True, Receipt)] * len(
        peers
    ) == at_once(peers, act)


@pytest.mark.parametrize("fault", STRANGE)
def test_a_strange_answer(
    peers: list[Peer], mail: Callable[..., Email], fault: str
) -> None:
    """An odd or slow answer with a MessageId is an answer."""

    def act(peer: Peer) -> tuple[object, ...]:
        peer.ses.faults.add(fault)
        receipt = peer.client.send(mail())
        peer.ses.faults.clear()
        return peer.ses.copies(receipt.tag), receipt.attempts

    assert [(1, 1)] * len(peers) == at_once(peers, act)


@pytest.mark.parametrize(
    "fault",
    ["status:429:TooManyRequestsException", "status:400:Throttling"],
)
def test_a_throttle(
    peers: list[Peer], mail: Callable[..., Email], fault: str
) -> None:
    """What SES refuses for now is sent once, after a wait."""

    def act(peer: Peer) -> tuple[object, ...]:
        peer.ses.faults.add(fault, first=1, message=RATE)
        receipt = peer.client.send(mail())
        peer.ses.faults.clear()
        return (
            peer.ses.copies(receipt.tag),
            receipt.attempts,
            receipt.waited_s > 0,
        )

    assert [(1, 2, True)] * len(peers) == at_once(peers, act)


def test_throttled_for_ever(
    peers: list[Peer], mail: Callable[..., Email]
) -> None:
    """When patience ends before the throttling does, nothing was sent."""

    def act(peer: Peer) -> tuple[object, ...]:
        before = len(peer.ses.sent)
        peer.ses.faults.add("status:429", message=RATE)
        began = time.monotonic()
        error = peer.send(mail(), max_wait_s=1.0, deadline_s=100.0)
        in_time = time.monotonic() - began < 1.0 + LATE_S
        peer.ses.faults.clear()
        return type(error), len(peer.ses.sent) - before, in_time

    assert [(RateLimitedError, 0, True)] * len(peers) == at_once(peers, act)


def test_a_refused_connection(
    peers: list[Peer], mail: Callable[..., Email]
) -> None:
    """While nobody listens a mail waits, and then it is sent once."""

    def act(peer: Peer) -> tuple[object, ...]:
        peer.send(mail())
        answers: list[Receipt | SafeSESError] = []
        waits = threading.Event()
        other = client_for(peer.client.boto3_client, PATIENT_S)
        other.on(RetryScheduled)(lambda _: waits.set())
        sender = threading.Thread(
            target=lambda: answers.append(
                attempt(other, mail(), max_wait_s=60)
            ),
        )
        with peer.ses.refusing():
            sender.start()
            impatient = peer.send(mail(), max_wait_s=0.3)
            wait_for(waits.is_set)
        sender.join(HANGS_S)
        other.close()
        (late,) = answers
        assert isinstance(late, Receipt)
        return type(impatient), peer.ses.copies(late.tag), late.attempts > 1

    assert [(UnreachableError, 1, True)] * len(peers) == at_once(peers, act)


def test_a_reset_before_reading(
    peers: list[Peer], mail: Callable[..., Email]
) -> None:
    """A reset while we write is unknown, even if SES never read it."""

    def act(peer: Peer) -> tuple[object, ...]:
        before = len(peer.ses.sent)
        peer.ses.faults.add("reset_before", first=1)
        error = peer.send(mail())
        peer.ses.faults.clear()
        return type(error), len(peer.ses.sent) - before

    assert [(OutcomeUnknownError, 0)] * len(peers) == at_once(peers, act)


def test_their_own_calls_are_retried(
    peers: list[Peer],
    serving: Callable[..., tuple[SimulatedSES, Client]],
    mail: Callable[..., Email],
) -> None:
    """Calls made past us, on the same client, keep the SDK's retries."""
    # In place of the one whose calls are retried if the machine is busy.
    ses, client = serving(config={"retries": {"mode": "legacy"}})
    others = [*peers[:HASTY], Peer(ses, client, client), *peers[HASTY + 1 :]]

    def act(peer: Peer) -> tuple[int, ...]:
        peer.client.send(mail())
        before = peer.ses.requests
        for operation in ("GetAccount", "SendEmail"):
            peer.ses.faults.add("status:503", first=1, operation=operation)
        boto = peer.client.boto3_client
        boto.get_account()
        boto.send_email(
            FromEmailAddress="shop@a.example",
            Destination={"ToAddresses": ["eva@b.example"]},
            Content={
                "Simple": {
                    "Subject": {"Data": "Hi"},
                    "Body": {"Text": {"Data": "Hi"}},
                }
            },
        )
        peer.ses.faults.clear()
        after = peer.ses.requests - before
        return after["GetAccount"], after["SendEmail"]

    assert [(2, 2)] * len(others) == at_once(others, act)


def test_their_own_time_outs(
    serving: Callable[..., tuple[SimulatedSES, Client]],
    mail: Callable[..., Email],
) -> None:
    """A given client's time-outs hold for its own calls, not for ours."""
    ses, client = serving(
        config={"read_timeout": 0.2, "retries": {"total_max_attempts": 1}}
    )
    ses.faults.add("latency:0.5", operation=None)
    receipt = client.send(mail())
    with pytest.raises(ReadTimeoutError):
        client.boto3_client.get_account()

    assert 1 == ses.copies(receipt.tag)


def test_the_drop_in(
    serving: Callable[..., tuple[SimulatedSES, Client]],
) -> None:
    """No ClientError says of a mail that its outcome is unknown."""
    ses, client = serving(config={"retries": {"mode": "standard"}})
    ses.faults.add("status:503")
    with pytest.raises(OutcomeUnknownError) as caught:
        client.send_email(
            FromEmailAddress="shop@a.example",
            Destination={"ToAddresses": ["eva@b.example"]},
            Content={
                "Simple": {
                    "Subject": {"Data": "Hi"},
                    "Body": {"Text": {"Data": "Hi"}},
                }
            },
        )

    assert (1, False) == (
        ses.requests["SendEmail"],
        isinstance(caught.value, ClientError),
    )


def test_adaptive_is_refused(
    serving: Callable[..., tuple[SimulatedSES, Client]],
    mail: Callable[..., Email],
) -> None:
    """A client that sleeps after our slot is refused before a send."""
    ses, client = serving(config={"retries": {"mode": "adaptive"}})
    with pytest.raises(ConfigurationError):
        client.send(mail())

    assert 0 == ses.requests.total()


def test_many_clients_around_one(
    serving: Callable[..., tuple[SimulatedSES, Client]],
    mail: Callable[..., Email],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A client for each request leaves no threads, and boto3 as it was."""
    monkeypatch.setattr(_deadline, "LINGER_S", 0.1)
    _, first = serving()
    boto = first.boto3_client
    sent = 0
    threads = set(threading.enumerate())
    seen: set[threading.Thread] = set()
    agent = boto._user_agent_creator.to_string  # noqa: SLF001  # where layers would pile up
    for _ in range(20):
        client = Client(
            boto,
            limits=Limits(per_second=1_000),
            attempt_timeout_s=TIMEOUT_S,
            state="memory:",
        )
        # Until one is in time.
        sent += any(
            isinstance(attempt(client, mail()), Receipt) for _ in range(9)
        )
        seen |= set(threading.enumerate()) - threads
    # On a busy machine some have ended before they were seen.
    left = [thread for thread in seen if thread.name == "safeses-deadlines"]
    for thread in left:
        thread.join(HANGS_S)

    assert (20, True, False, True) == (
        sent,
        0 < len(left) <= 20,
        any(thread.is_alive() for thread in left),
        agent is boto._user_agent_creator.to_string,  # noqa: SLF001  # as above
    )
