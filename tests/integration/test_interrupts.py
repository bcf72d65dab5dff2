"""A send that is broken off leaves everything in order."""

from __future__ import annotations

import gc
import signal
import threading
import time
import warnings
from typing import TYPE_CHECKING, Any

import pytest

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
    UnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from safeses.testing import SimulatedSES

    Serving = Callable[..., tuple[SimulatedSES, Client]]

pytestmark = pytest.mark.server

SLOW = Limits(per_second=2)
in_main_thread = pytest.mark.skipif(
    not hasattr(signal, "setitimer"), reason="no timers"
)


def interrupted(after_s: float, act: Callable[[], Any]) -> bool:
    """Press Ctrl-C while *act* runs; return whether it ended by that."""
    signal.setitimer(signal.ITIMER_REAL, after_s)
    old = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        act()
    except KeyboardInterrupt:
        return True
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    return False


@in_main_thread
def test_amid_the_wait(serving: Serving, mail: Callable[..., Email]) -> None:
    """Ctrl-C in the wait is raised, releases the slot, and others go on."""
    ses, client = serving(limits=SLOW)
    outcomes: list[str] = []
    client.on(OutcomeDecided)(lambda event: outcomes.append(event.outcome))
    client.send(mail())
    stopped = interrupted(0.1, lambda: client.send(mail()))
    client.send(mail())

    assert (True, ["accepted", "deferred", "accepted"], 2) == (
        stopped,
        outcomes,
        len(ses.sent),
    )


@in_main_thread
def test_amid_the_queue(serving: Serving, mail: Callable[..., Email]) -> None:
    """Ctrl-C in the queue is raised, and whoever is behind goes on."""
    ses, client = serving(limits=Limits(per_second=5))
    client.send(mail())
    threads = [
        threading.Thread(target=client.send, args=(mail(),)) for _ in range(4)
    ]
    for thread in threads[:3]:
        thread.start()
    time.sleep(0.05)
    threading.Timer(0.05, threads[3].start).start()
    stopped = interrupted(0.15, lambda: client.send(mail()))
    began = time.monotonic()
    for thread in threads:
        while not thread.ident:
            time.sleep(0.01)
        thread.join()

    assert (True, 5, True) == (
        stopped,
        len(ses.sent),
        time.monotonic() - began < 3,
    )


@in_main_thread
@pytest.mark.parametrize("fault", ["stall", "stall_headers", "latency:0.4"])
def test_amid_the_call(
    serving: Serving, mail: Callable[..., Email], fault: str
) -> None:
    """Ctrl-C in the call is raised, the outcome unknown, the next one fine."""
    ses, client = serving()
    outcomes: list[str] = []
    client.on(OutcomeDecided)(lambda event: outcomes.append(event.outcome))
    client.send(mail())
    ses.faults.add(fault, first=1)
    stopped = interrupted(0.1, lambda: client.send(mail()))
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
    ses, client = serving(limits=SLOW)
    client.send(mail())
    errors: list[NotSentError] = []

    def send() -> None:
        try:
            client.send(mail(), max_wait_s=30)
        except NotSentError as error:
            errors.append(error)

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    client.close()
    began = time.monotonic()
    for thread in threads:
        thread.join()

    assert ([ConfigurationError] * 8, 1, True) == (
        [type(error) for error in errors],
        len(ses.sent),
        time.monotonic() - began < 1.5,
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
    ses, client = serving(limits=Limits(per_second=10))
    client.send(mail())
    errors: list[float] = []

    def send() -> None:
        began = time.monotonic()
        try:
            client.send(mail(), deadline_s=1.0, max_wait_s=10)
        except RateLimitedError:
            errors.append(time.monotonic() - began)

    threads = [threading.Thread(target=send) for _ in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (61, True, True) == (
        len(ses.sent) + len(errors),
        max(errors) < 1.0,
        len(ses.sent) > 4,
    )


class SoftTimeLimitError(Exception):
    """What a job queue throws into a thread that takes too long."""


def limited(after_s: float, act: Callable[[], Any]) -> BaseException | None:
    """Throw a time limit into *act*; return what came out of it."""

    def throw(*_: object) -> None:
        raise SoftTimeLimitError

    signal.setitimer(signal.ITIMER_REAL, after_s)
    old = signal.signal(signal.SIGALRM, throw)
    try:
        act()
    except Exception as error:  # noqa: BLE001  # looked at by the test
        return error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    return None


@in_main_thread
def test_time_limit_amid_the_call(
    serving: Serving, mail: Callable[..., Email]
) -> None:
    """A time limit after the first byte is an unknown outcome, not a retry."""
    ses, client = serving()
    ses.faults.add("stall", first=1)
    error = limited(0.4, lambda: client.send(mail()))

    assert (OutcomeUnknownError, 1) == (type(error), len(ses.sent))


@in_main_thread
def test_time_limit_while_connecting(
    boto3_client: Callable[..., Any], hole: int, mail: Callable[..., Email]
) -> None:
    """A time limit before the first byte ends the call, certainly unsent."""
    client = Client(
        boto3_client(f"http://127.0.0.1:{hole}"), limits=Limits(per_second=50)
    )
    error = limited(0.4, lambda: client.send(mail()))
    assert error is not None
    ended = (type(error), type(error.__cause__))
    with warnings.catch_warnings():
        # What connects a socket does not close it on such an exception.
        warnings.simplefilter("ignore", ResourceWarning)
        del error
        gc.collect()

    assert (UnreachableError, SoftTimeLimitError) == ended
