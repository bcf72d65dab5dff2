"""The ledger in memory: bounds, steps of time, threads and forks."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from safeses import ConfigurationError, StoreError
from safeses._outcome import Accepted, Claim, Deferred, Unknown
from safeses.errors import InFlightError, OutcomeUnknownError
from safeses.ledger import Claimed, Found, Job, MemoryLedger, Sent
from safeses.testing import FakeClock, LedgerContract
from safeses.testing._contracts._ledger_desk import FINAL, Desk

pytestmark = pytest.mark.race  # threads

ROOT = Path(__file__).parents[1]
DAY_S = 86_400.0
DEFERRED = Deferred(by="rate")
UNKNOWN = Unknown(error=OutcomeUnknownError("", "no answer"))


def claim_of(name: str, *, keyed: bool = True) -> Claim:
    """Return the first claim of a job."""
    return Claim(
        tag=name,
        scope="s",
        cost=1,
        quota_cost=1,
        owner="one",
        job=Job(id=name) if keyed else None,
    )


def accepted(message_id: str) -> Accepted:
    """Return the outcome of an attempt that SES has accepted."""
    return Accepted(message_id=message_id)


# --- When it is full --------------------------------------------------------


def test_full() -> None:
    """A full ledger takes nothing more, and forgets nothing for it."""
    ledger = MemoryLedger(clock=FakeClock(), max_records=3)
    ledger.settle(claim_of("known"), accepted("m-1"))
    ledger.settle(claim_of("unknown"), UNKNOWN)
    ledger.submit(claim_of("keyless", keyed=False), 30)
    with pytest.raises(StoreError) as refused:
        ledger.claim(Job(id="new"), "one", 30)
    with pytest.raises(StoreError):
        ledger.submit(claim_of("other", keyed=False), 30)
    names = ("known", "unknown", "keyless", "new", "other")
    found = [ledger.look_up(name) for name in names]

    assert (
        ["accepted", "unknown", "submitting", None, None],
        True,
    ) == (
        [one and one.record.state for one in found],
        "the ledger in memory" in str(refused.value)
        and "max_records is 3" in str(refused.value),
    )


def test_full_goes_on() -> None:
    """What a full ledger has on record still moves, and makes room."""
    ledger = MemoryLedger(clock=FakeClock(), max_records=2)
    ledger.claim(Job(id="held"), "one", 30)
    keyless = claim_of("keyless", keyed=False)
    ledger.submit(keyless, 30)
    ledger.submit(claim_of("held"), 30)
    ledger.settle(claim_of("held"), DEFERRED)
    again = ledger.claim(Job(id="held"), "two", 30)
    ledger.settle(keyless, DEFERRED)
    new = ledger.claim(Job(id="new"), "one", 30)

    assert [True, True] == [isinstance(c, Claimed) for c in (again, new)]


def test_full_of_the_past() -> None:
    """What has expired makes room."""
    clock = FakeClock()
    ledger = MemoryLedger(clock=clock, max_records=2)
    ledger.settle(claim_of("known"), accepted("m-1"))
    ledger.claim(Job(id="abandoned"), "one", 30)
    clock.sleep(14 * DAY_S)
    answers = [ledger.claim(Job(id=n), "one", 30) for n in ("a", "b")]

    assert [True, True] == [isinstance(a, Claimed) for a in answers]


def test_full_of_acceptance() -> None:
    """What SES has accepted is not taken for unsent in a full ledger."""
    ledger = MemoryLedger(clock=FakeClock(), max_records=1)
    ledger.submit(claim_of("keyless", keyed=False), 30)
    with pytest.raises(StoreError):
        ledger.settle(claim_of("forgotten"), accepted("m-1"))


def test_forgets_as_it_goes() -> None:
    """A ledger that nobody purges forgets what is over all the same."""
    clock = FakeClock()
    ledger = MemoryLedger(clock=clock)
    for n in range(1_000):
        ledger.settle(claim_of(f"old {n}"), accepted("m-1"))
    clock.sleep(14 * DAY_S)
    for n in range(1_000):
        ledger.claim(Job(id=f"new {n}"), "one", 30)

    assert 0 == ledger.purge()


@pytest.mark.parametrize("limit", [0, -1])
def test_no_such_limit(limit: int) -> None:
    """A page of nothing would never end."""
    ledger = MemoryLedger()

    with pytest.raises(ConfigurationError):
        ledger.unsettled(limit=limit)


# --- Answers ----------------------------------------------------------------


def test_vanished() -> None:
    """A claim that is not on record sends nothing."""
    ledger = MemoryLedger(clock=FakeClock())

    with pytest.raises(StoreError, match="vanished"):
        ledger.submit(claim_of("never"), 30)


def test_settled_meanwhile() -> None:
    """Who may not submit is told to ask again, if at once."""
    ledger = MemoryLedger(clock=FakeClock())
    ledger.claim(Job(id="a"), "one", 30)
    ledger.confirm("a", Sent(message_id="m-1"))
    with pytest.raises(InFlightError) as refusal:
        ledger.submit(claim_of("a"), 30)

    assert 0 < refusal.value.retry_after_s < 1


def test_rejected_is_resolved() -> None:
    """A person may take back that SES has refused for good."""
    ledger = MemoryLedger(clock=FakeClock())
    desk = Desk(ledger)
    desk.end(FINAL)
    resolved = ledger.resolve(desk.name, None)
    record = desk.record()

    assert record is not None
    assert (True, "deferred", None) == (
        resolved,
        record.state,
        record.refused,
    )


class SteppedClock(FakeClock):
    """A clock that can be set back."""

    back_s = 0.0

    def monotonic(self) -> float:
        """Return the time, as whoever set it has it."""
        return super().monotonic() - self.back_s


@pytest.mark.parametrize("has_begun", [False, True])
def test_time_is_set_back(*, has_begun: bool) -> None:
    """However far time is set back, a lease ends for who waits for it."""
    clock = SteppedClock()
    ledger = MemoryLedger(clock=clock)
    ledger.claim(Job(id="a"), "one", 30)
    if has_begun:
        ledger.submit(claim_of("a"), 30)
    clock.back_s = 1_000_000.0
    told = []
    for _ in range(2):
        answer = ledger.claim(Job(id="a", on_unknown="resend"), "two", 30)
        assert isinstance(answer, Found)
        told.append(answer.retry_after_s)
        clock.sleep(answer.retry_after_s / 2)
    clock.sleep(told[-1])
    last = ledger.claim(Job(id="a", on_unknown="resend"), "two", 30)

    assert isinstance(last, Claimed)
    assert pytest.approx([30.0, 15.0]) == told


def test_shows_no_records() -> None:
    """The repr of a ledger says what it is, and nothing it holds."""
    ledger = MemoryLedger(clock=FakeClock())
    ledger.settle(claim_of("secret"), UNKNOWN)

    assert "secret" not in repr(ledger)


# --- Threads, forks, interrupts ---------------------------------------------


def test_many_threads_leave_nothing() -> None:
    """Eight threads that send without keys leave no row behind."""
    ledger = MemoryLedger(max_records=8)

    def send(thread: int) -> None:
        for n in range(200):
            claim = claim_of(f"{thread}/{n}", keyed=False)
            ledger.submit(claim, 30)
            ledger.settle(claim, accepted("m"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(send, range(8)))

    assert () == ledger.unsettled().records


class Untold(MemoryLedger):
    """Hears of no fork."""

    def after_fork(self) -> None:
        """Do nothing."""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="has no fork")
# Python 3.12 warns of what this test is about.
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork")
def test_fork_that_nobody_tells() -> None:
    """A child need not call `after_fork`: the lock is by process."""
    ledger = Untold()

    LedgerContract().test_fork(Desk(ledger))

    assert () == ledger.unsettled().records


class Crowded(FakeClock):
    """Counts who asks for the time at once; the first one waits."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = threading.Event(), threading.Event()
        self.go_on = threading.Event()

    def monotonic(self) -> float:
        """Return the time, the first time not before it is told to."""
        if self.one.is_set():
            self.two.set()
        else:
            self.one.set()
            self.go_on.wait(10)
        return super().monotonic()


def test_nobody_waits_for_a_thread() -> None:
    """A thread that stands still amid a claim keeps nobody waiting."""
    clock = Crowded()
    ledger = MemoryLedger(clock=clock)
    answers: list[object] = []

    def claim() -> None:
        answers.append(ledger.claim(Job(id="a"), "slow", 30))

    thread = threading.Thread(target=claim)
    thread.start()
    clock.one.wait(10)
    ledger.after_fork()
    answers.append(ledger.claim(Job(id="a"), "quick", 30))
    clock.go_on.set()
    thread.join()

    assert [Claimed, Found] == [type(answer) for answer in answers]


@pytest.mark.parametrize("kind", ["interrupts", "handlers"])
def test_anything_at_any_step(kind: str) -> None:
    """Neither an interrupt nor a signal handler leaves it in disorder."""
    script = [sys.executable, "-W", "error", "-m", "tests.ledger_interrupter"]
    ran = subprocess.run(  # noqa: S603  # our own script
        [*script, kind],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )

    assert ("[]", "") == (ran.stdout, ran.stderr)
