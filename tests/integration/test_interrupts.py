"""A send that is broken off leaves everything in order."""

from __future__ import annotations

import gc
import signal
import socket
import threading
import time
import warnings
from typing import TYPE_CHECKING, Any

import pytest
from tests.integration._breaking_off import broken_off, interrupted
from tests.integration._clocks import Held
from tests.integration._workers import HANGS_S, wait_for

from safeses import (
    BeforeSend,
    Client,
    ConfigurationError,
    DeadlineExceededError,
    Email,
    Limits,
    NotSentError,
    OutcomeDecided,
    OutcomeUnknownError,
    RateLimitedError,
    SafeSESError,
    UnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from safeses.testing import SimulatedSES

    Serving = Callable[..., tuple[SimulatedSES, Client]]

pytestmark = pytest.mark.server

SLOW = Limits(per_second=2)
# "Soon" on a busy machine; who goes on waiting does so for longer by far.
SOON_S = 15
in_main_thread = pytest.mark.skipif(
    not hasattr(signal, "setitimer"), reason="no timers"
)


@in_main_thread
def test_amid_the_wait(serving: Serving, mail: Callable[..., Email]) -> None:
    """Ctrl-C in the wait is raised, releases the slot, and others go on."""
    clock = Held()
    ses, client = serving(limits=SLOW, clock=clock)
    outcomes: list[str] = []
    client.on(OutcomeDecided)(lambda event: outcomes.append(event.outcome))
    client.send(mail())
    stopped = interrupted(lambda: clock.waiting, lambda: client.send(mail()))
    clock.go()
    client.send(mail())

    assert (True, ["accepted", "deferred", "accepted"], 2) == (
        stopped,
        outcomes,
        len(ses.sent),
    )


@in_main_thread
def test_amid_the_queue(serving: Serving, mail: Callable[..., Email]) -> None:
    """Ctrl-C in the queue is raised, and whoever is behind goes on."""
    clock = Held()
    ses, client = serving(limits=Limits(per_second=5), clock=clock)
    client.send(mail())

    def send() -> None:
        client.send(mail(), max_wait_s=100)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads[:3]:
        thread.start()
    wait_for(lambda: clock.waiting == 3)

    def is_amid() -> bool:
        if clock.waiting == 4 and not threads[3].ident:
            threads[3].start()
        return clock.waiting == 5

    stopped = interrupted(is_amid, send)
    clock.go()
    began = time.monotonic()
    for thread in threads:
        thread.join()

    assert (True, 5, True) == (
        stopped,
        len(ses.sent),
        time.monotonic() - began < SOON_S,
    )


@in_main_thread
@pytest.mark.parametrize("fault", ["stall", "stall_headers", "latency:60"])
def test_amid_the_call(
    serving: Serving, mail: Callable[..., Email], fault: str
) -> None:
    """Ctrl-C in the call is raised, the outcome unknown, the next one fine."""
    ses, client = serving()
    outcomes: list[str] = []
    client.on(OutcomeDecided)(lambda event: outcomes.append(event.outcome))
    client.send(mail())
    ses.faults.add(fault, first=1)
    stopped = interrupted(
        lambda: len(ses.sent) == 2, lambda: client.send(mail())
    )
    client.send(mail())

    assert (True, ["accepted", "unknown", "accepted"], 3) == (
        stopped,
        outcomes,
        len(ses.sent),
    )


def test_closed_amid_waits(
    serving: Serving, mail: Callable[..., Email]
) -> None:
    """Closing ends every wait soon, and nothing more is sent."""
    clock = Held()
    ses, client = serving(limits=SLOW, clock=clock)
    client.send(mail())
    errors: list[NotSentError] = []

    def send() -> None:
        try:
            client.send(mail(), max_wait_s=100)
        except NotSentError as error:
            errors.append(error)

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    wait_for(lambda: clock.waiting == 8)
    client.close()
    clock.go()
    began = time.monotonic()
    for thread in threads:
        thread.join()

    assert ([ConfigurationError] * 8, 1, True) == (
        [type(error) for error in errors],
        len(ses.sent),
        time.monotonic() - began < SOON_S,
    )


def test_a_slow_hook(serving: Serving, mail: Callable[..., Email]) -> None:
    """A hook that uses up the deadline leaves nothing half sent."""
    ses, client = serving()
    client.on(BeforeSend)(lambda _: time.sleep(0.5))
    with pytest.raises(DeadlineExceededError):
        client.send(mail(), deadline_s=0.6)

    assert 0 == len(ses.sent)


def test_a_huge_queue(serving: Serving, mail: Callable[..., Email]) -> None:
    """Behind a huge queue a call says at once that it will not fit."""
    clock = Held()
    ses, client = serving(limits=Limits(per_second=10), clock=clock)
    client.send(mail())
    refused: list[RateLimitedError] = []
    ended: list[object] = []

    def send() -> None:
        try:
            ended.append(client.send(mail(), deadline_s=1.0, max_wait_s=10))
        except RateLimitedError as error:
            refused.append(error)
        except SafeSESError as error:  # the machine is busy
            ended.append(error)

    threads = [threading.Thread(target=send) for _ in range(60)]
    for thread in threads:
        thread.start()
    # Before any time has gone by.
    wait_for(lambda: len(refused) + clock.waiting == 60)
    at_once = len(refused), len(ses.sent)
    clock.go()
    for thread in threads:
        thread.join(HANGS_S)

    assert (True, 1, 60) == (
        40 < at_once[0] <= 56,  # and four or five wait
        at_once[1],
        len(refused) + len(ended),
    )


class SoftTimeLimitError(Exception):
    """What a job queue throws into a thread that takes too long."""


@in_main_thread
def test_time_limit_amid_the_call(
    serving: Serving, mail: Callable[..., Email]
) -> None:
    """A time limit after the first byte is an unknown outcome, not a retry."""
    ses, client = serving()
    ses.faults.add("stall", first=1)
    error = broken_off(
        SoftTimeLimitError, lambda: ses.sent, lambda: client.send(mail())
    )

    assert (OutcomeUnknownError, 1) == (type(error), len(ses.sent))


@in_main_thread
def test_time_limit_while_connecting(
    boto3_client: Callable[..., Any],
    hole: int,
    mail: Callable[..., Email],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A time limit before the first byte ends the call, certainly unsent."""
    client = Client(
        boto3_client(f"http://127.0.0.1:{hole}"), limits=Limits(per_second=50)
    )
    client.boto3_client.meta  # noqa: B018  # made before it connects
    resolve, connects = socket.getaddrinfo, threading.Event()

    def resolved(*args: Any, **options: Any) -> Any:
        connects.set()
        return resolve(*args, **options)

    def is_amid() -> bool:
        came = connects.wait(HANGS_S)
        time.sleep(0.2)  # there is nothing more before it connects
        return came

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    error = broken_off(
        SoftTimeLimitError, is_amid, lambda: client.send(mail())
    )
    assert error is not None
    ended = (type(error), type(error.__cause__))
    with warnings.catch_warnings():
        # What connects a socket does not close it on such an exception.
        warnings.simplefilter("ignore", ResourceWarning)
        del error
        gc.collect()

    assert (UnreachableError, SoftTimeLimitError) == ended
