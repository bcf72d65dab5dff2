"""Certificates that many threads, or the child of a fork, need at once."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest
from tests.sns_authority import (
    TOPIC,
    certificate,
    notification,
    rsa_key,
    sign,
    url,
)
from tests.sns_verifiers import (
    GENUINE,
    Case,
)

from safeses.feedback._sns import SNSVerifier
from safeses.feedback._sns._certificates import (
    FAILED_S,
    MAX_FETCHES,
)
from safeses.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.race  # threads


def slow(
    clock: FakeClock, seconds: float, then: Callable[[], bytes]
) -> tuple[Callable[[str], bytes], list[str]]:
    """Return a loader that takes its time, and what it is asked for."""
    asked: list[str] = []

    def load(where: str) -> bytes:
        asked.append(where)
        clock.sleep(seconds)
        return then()

    return load, asked


def down() -> bytes:
    """Raise, as a network does."""
    raise OSError


@pytest.mark.parametrize(
    "then, come_of", [(certificate, "genuine"), (down, "CertificateError")]
)
def test_single_flight(then: Callable[[], bytes], come_of: str) -> None:
    """Threads that need the same certificate share one fetch."""
    case = Case()
    load, asked = slow(case.clock, 3, then)
    case.verifier = SNSVerifier([TOPIC], loader=load, clock=case.clock)
    seen = case.clock.run(*[lambda: case.come_of(GENUINE)] * 8)

    assert ({come_of}, 1, 3.0) == (
        {*seen},
        len(asked),
        case.clock.monotonic(),
    )


def test_waiting_is_bounded() -> None:
    """Who waits for another's fetch gives up after some seconds."""
    case = Case()
    load, asked = slow(case.clock, 100, certificate)
    case.verifier = SNSVerifier([TOPIC], loader=load, clock=case.clock)
    waited: list[float] = []

    def wait() -> str:
        result = case.come_of(GENUINE)
        waited.append(case.clock.monotonic())
        return result

    def come_later() -> str:
        case.clock.sleep(50)
        return wait()

    seen = case.clock.run(wait, wait, come_later)

    # The second fetch is that of who came while the first one hung.
    assert (
        ["genuine", "CertificateError", "genuine"],
        [6.0, 100.0, 150.0],
        2,
    ) == (seen, waited, len(asked))


class _StoppedError(BaseException):
    """Thrown into a thread, as an interrupt is."""


def test_broken_off() -> None:
    """A fetch that is interrupted releases who waits, and leaves no trace."""
    case = Case()

    def stop() -> bytes:
        raise _StoppedError

    load, asked = slow(case.clock, 2, stop)
    case.verifier = SNSVerifier([TOPIC], loader=load, clock=case.clock)

    def lead() -> str:
        with pytest.raises(_StoppedError):
            case.verifier.verify(GENUINE)
        return "stopped"

    seen = case.clock.run(lead, lambda: case.come_of(GENUINE))
    case.clock.advance(FAILED_S)
    with pytest.raises(_StoppedError):
        case.verifier.verify(GENUINE)

    assert (["stopped", "CertificateError"], 2) == (seen, len(asked))


class WaitingClock(FakeClock):
    """Waits for what wakes it, as the time of real threads is no matter."""

    def sleep(
        self, seconds: float, wake: threading.Event | None = None
    ) -> None:
        """Wait until *wake* is set."""
        assert wake is not None
        assert wake.wait(30), seconds


def test_many_threads() -> None:
    """Real threads over several certificates each get what is right."""
    numbers = range(1, MAX_FETCHES + 1)
    case = Case(
        answers={url(n): certificate(key=rsa_key(number=n)) for n in numbers}
    )
    case.verifier = SNSVerifier(
        [TOPIC], loader=case.loader, clock=WaitingClock()
    )
    envelopes = {
        n: sign(notification(SigningCertURL=url(n)), key=rsa_key(number=n))
        for n in numbers
    }
    seen: list[set[str]] = []
    barrier = threading.Barrier(8)

    def act(first: int) -> None:
        barrier.wait()
        results = {
            case.come_of(envelopes[(first + n) % MAX_FETCHES + 1])
            for n in range(40)
        }
        seen.append(results)

    threads = [threading.Thread(target=act, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert ([{"genuine"}] * 8, MAX_FETCHES) == (seen, len(case.loader.asked))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_fork() -> None:
    """A child does not wait for what only its parent has."""
    case = Case()
    inside, leave = threading.Event(), threading.Event()

    def load(where: str) -> bytes:
        if threading.current_thread() is thread:
            inside.set()
            leave.wait(30)
        return case.loader(where)

    verifier = SNSVerifier([TOPIC], loader=load, clock=case.clock)
    thread = threading.Thread(target=verifier.verify, args=(GENUINE,))
    thread.start()
    inside.wait(30)
    shelf = verifier._certificates._shelf()  # noqa: SLF001  # as a thread does
    with shelf.lock:
        child = os.fork()
        if not child:  # pragma: no cover  # in the child
            status = 1
            try:
                verifier.verify(GENUINE)
                status = 0
            finally:
                os._exit(status)
    _, status = os.waitpid(child, 0)
    leave.set()
    thread.join()

    assert 0 == os.waitstatus_to_exitcode(status)
