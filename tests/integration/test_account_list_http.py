"""SES's own list through a real boto3 client, over HTTP."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import threading
import time
import traceback
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from tests.integration._clocks import Noting
from tests.integration._workers import wait_for

from safeses import (
    AccessDeniedError,
    ConfigurationError,
    RejectedError,
    StoreError,
    UnreachableError,
)
from safeses._clock import SystemClock
from safeses._lookups._api import PacedApi
from safeses._state import memory_state
from safeses._suppressed import Suppression
from safeses._transport import transport
from safeses.suppression import (
    AccountSuppressionList,
    MemorySuppressionStore,
    sync,
)
from safeses.testing import FakeClock, SimulatedSES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from safeses.typing import Clock

    Listed = Callable[..., AccountSuppressionList]

pytestmark = pytest.mark.server

# What a busy machine has for an answer.
TIME_S = 20.0
ODD = "Odd+One/2%?#&'=@a.example"
HANGS_S = 60
TRIES = 5


@pytest.fixture
def ses() -> SimulatedSES:
    """An SES without a limit of calls: pace is a matter of our clock."""
    return SimulatedSES()


@pytest.fixture
def listed(boto3_client: Callable[..., Any]) -> Iterator[Listed]:
    """Start an SES, and return its list through boto3."""
    with ExitStack() as stack:

        def start(
            ses: SimulatedSES, clock: Clock | None = None, **settings: Any
        ) -> AccountSuppressionList:
            url = stack.enter_context(ses.serve())
            client = boto3_client(
                url, retries={"mode": "standard", "total_max_attempts": 5}
            )
            through = transport(client)
            stack.callback(through.close)
            clock = clock or FakeClock()
            api = PacedApi(
                through, memory_state(clock), "a/r", clock, timeout_s=TIME_S
            )
            settings.setdefault("max_wait_s", 60.0)
            return AccountSuppressionList(api, clock=clock, **settings)

        yield start


def test_round_trip(ses: SimulatedSES, listed: Listed) -> None:
    """What is added is found, listed and removed, as odd as it may be."""
    store = listed(ses)
    entry = Suppression(address=ODD, reason="complaint")
    added = store.add([entry, entry])
    (found,) = store.find([f"An odd one <{ODD}>"]).values()
    (shown,) = store.page().entries
    removed = store.remove([ODD])

    assert ([True, False], True, ODD, "complaint", 1, 0) == (
        added,
        found == shown,
        found.address,
        found.reason,
        removed,
        store.count(),
    )


def test_since(ses: SimulatedSES, listed: Listed) -> None:
    """The time of an entry comes through, in UTC."""
    store = listed(ses)
    ses.suppress(ODD)
    since = store.find([ODD])[ODD].since

    assert (0.0, True) == (
        since and since.utcoffset().total_seconds(),  # type: ignore[union-attr]  # aware
        since is not None and abs(since.timestamp() - time.time()) < 60,
    )


def test_sync(ses: SimulatedSES, listed: Listed) -> None:
    """Both lists are one afterwards, page by page and call by call."""
    store = listed(ses)
    for number in range(1_005):
        ses.suppress(f"S{number}@a.example")
    local = MemorySuppressionStore()
    local.add([Suppression(address="l@a.example", reason="bounce")])
    report = sync(local, store, direction="both", dry_run=False)

    assert ("", 1_005, 1, 1_006, 4) == (
        report.problem,
        report.pulled,
        report.pushed,
        local.count(),
        ses.requests.total(),
    )


@pytest.mark.parametrize("fault", ["stall", "stall_headers", "drip"])
def test_a_hang_is_bounded(
    ses: SimulatedSES, listed: Listed, fault: str
) -> None:
    """An answer that does not come ends in time, and nothing is broken."""
    store = listed(ses)
    api: Any = store.api  # of ours
    api.timeout_s = 0.5
    ses.suppress(ODD)
    ses.faults.add(
        fault, first=1, operation="GetSuppressedDestination", interval_s=0.3
    )
    began = time.monotonic()
    with pytest.raises(StoreError) as caught:
        store.find([ODD])
    took_s = time.monotonic() - began
    api.timeout_s = TIME_S
    shown = "".join(traceback.format_exception(caught.value))

    assert (True, False, True, [ODD]) == (
        isinstance(caught.value.__cause__, UnreachableError),
        "addresses/" in shown,  # as in botocore's text: the URL
        0.4 < took_s < 15,  # who is not bounded takes a minute
        list(store.find([ODD])),
    )


@pytest.mark.parametrize(
    "fault", ["status:503", "reset_after", "close", "html", "empty", "cut"]
)
def test_one_attempt(ses: SimulatedSES, listed: Listed, fault: str) -> None:
    """boto3's own retries stay out of it, and no answer is not "no"."""
    store = listed(ses)
    ses.suppress(ODD)
    ses.faults.add(fault, operation="GetSuppressedDestination")
    with pytest.raises(StoreError):
        store.find([ODD])

    assert 1 == ses.requests["GetSuppressedDestination"]


def test_throttled(ses: SimulatedSES, listed: Listed) -> None:
    """After a throttle it is asked again, at a slower pace."""
    clock = FakeClock()
    store = listed(ses, clock)
    ses.suppress(ODD)
    ses.faults.add(
        "status:429:TooManyRequestsException",
        first=2,
        operation="GetSuppressedDestination",
        message="Rate exceeded",
    )
    found = list(store.find([ODD]))

    assert ([ODD], 2, True) == (found, ses.throttled, clock.monotonic() >= 3)


def test_denied(ses: SimulatedSES, listed: Listed) -> None:
    """What IAM refuses is named as IAM names it."""
    store = listed(ses)
    ses.deny("ses:GetSuppressedDestination")
    with pytest.raises(AccessDeniedError) as caught:
        store.find([ODD])

    assert ("ses:GetSuppressedDestination", "*") == (
        caught.value.action,
        caught.value.resource,
    )


def test_stale_page(ses: SimulatedSES, listed: Listed) -> None:
    """A place that SES has forgotten says how to go on."""
    with pytest.raises(RejectedError, match="begin again") as caught:
        listed(ses).page("stale")

    assert ("InvalidNextTokenException", 400) == (
        caught.value.code,
        caught.value.status,
    )


def test_sandbox(listed: Listed) -> None:
    """SES lets no sandbox add, and the error says what to do."""
    store = listed(SimulatedSES(sandbox=True))
    with pytest.raises(ConfigurationError) as caught:
        store.add([Suppression(address=ODD, reason="bounce")])

    assert "request production access" in caught.value.remedy


def test_tenant(ses: SimulatedSES, listed: Listed) -> None:
    """A tenant that is not there, or that botocore is too old for."""
    with pytest.raises((RejectedError, ConfigurationError)) as caught:
        listed(ses, tenant="nobody").page()

    assert "enant" in str(caught.value)


def test_real_pace(listed: Listed) -> None:
    """At SES's own limit nothing is throttled, and little is waited."""
    left = TRIES
    while True:
        left -= 1
        ses, clock = SimulatedSES(api_rate=1), Noting()
        store = listed(ses, clock)
        began = time.monotonic()
        store.find(["one@a.example", "two@a.example"])
        took_s = time.monotonic() - began
        # Unless a busy machine brought two calls together.
        if not (ses.throttled and left):
            break

    assert (0, 2, True, True) == (
        ses.throttled,
        ses.requests.total(),
        1 < took_s,
        sum(clock.slept_s) < 3,
    )


def told_by_child(ask: Callable[[], object]) -> Callable[[], Any]:
    """Ask in a forked child; return what returns its answer."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        said: object = "it raised"
        try:
            said = ask()
        finally:
            os.write(writing, json.dumps(said).encode())
            os.kill(os.getpid(), signal.SIGKILL)

    def answer() -> Any:
        is_there = select.select([reading], [], [], HANGS_S)[0]
        told = os.read(reading, 65536) if is_there else b'"the child hangs"'
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(reading)
        os.close(writing)
        return json.loads(told)

    return answer


@pytest.mark.skipif(not hasattr(os, "fork"), reason="has no fork")
# Python 3.12 warns of what this test is about.
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork")
def test_fork(ses: SimulatedSES, listed: Listed) -> None:
    """A child asks over a connection of its own; both get their answers."""
    store = listed(ses)
    names = [f"r{number}@a.example" for number in range(40)]
    for name in names[::2]:
        ses.suppress(name)
    store.find(names[:2])  # leaves a connection open

    def ask() -> list[int]:
        return [len(store.find([name])) for name in names]

    childs = told_by_child(ask)

    assert ([1, 0] * 20, [1, 0] * 20) == (ask(), childs())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork")
def test_fork_amid_a_question(ses: SimulatedSES, listed: Listed) -> None:
    """A child waits neither for a question of its parent nor for a lock."""
    store = listed(ses, SystemClock())
    store.api.timeout_s = 3  # type: ignore[attr-defined]  # of ours
    memory = store._entries._known._memory()  # noqa: SLF001  # as a thread would
    ses.suppress(ODD)
    ses.faults.add("stall", first=1, operation="GetSuppressedDestination")
    asking = threading.Thread(target=_fails, args=(store,))
    asking.start()
    wait_for(lambda: sum(ses.requests.values()))
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with memory.lock:
            held.set()
            done.wait(HANGS_S)

    holding = threading.Thread(target=hold)
    holding.start()
    held.wait(HANGS_S)

    def ask() -> list[str]:
        store.api.timeout_s = TIME_S  # type: ignore[attr-defined]  # the same
        return list(store.find([ODD], max_wait_s=HANGS_S))

    childs = told_by_child(ask)
    done.set()
    told = childs()
    holding.join()
    asking.join()

    assert [ODD] == told


def _fails(store: AccountSuppressionList) -> None:
    with contextlib.suppress(StoreError):
        store.find([ODD])
