"""
A poller's parts on a queue in memory, in virtual time.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import attrs
from tests.fake_sqs import URL, FakeSQS

from safeses.feedback._poller import SQSPoller
from safeses.feedback._poller._in_hand import InHand, Keeper
from safeses.feedback._poller._judging import Judge
from safeses.feedback._poller._liveness import Pulse
from safeses.feedback._poller._outage import Outages
from safeses.feedback._poller._queue import Queue
from safeses.feedback._poller._settings import Settings
from safeses.feedback._poller._stopping import Stopping
from safeses.feedback._poller._tally import Tally
from safeses.feedback._poller._working import Worker
from safeses.feedback._reply import Handled, Received
from safeses.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

DEFAULTS: dict[str, Any] = {
    "queue": URL,
    "sqs": None,
    "threads": 1,
    "wait_s": 20,
    "visibility_s": 60,
    "batch": 10,
    "stop_s": 30.0,
    "retry_s": 30.0,
    "heartbeat_file": None,
    "max_body_bytes": 1_000,
    "on_poison": None,
}


# Long enough to let another thread act; nothing depends on it.
YIELD_S = 0.002


class StillClock(FakeClock):
    """
    A clock for threads that nobody arranges: its time moves by hand alone.

    So a bound of some seconds is never over by chance.
    """

    def sleep(
        self, seconds: float, wake: threading.Event | None = None
    ) -> None:
        """Let others act, and return without any time having gone by."""
        (wake or threading.Event()).wait(min(seconds, YIELD_S))


def texts(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the levels and texts of what was logged."""
    return [f"{r.levelname} {r.getMessage()}" for r in caplog.records]


@attrs.define(eq=False)
class Scripted:
    """A receiver whose answers are written down beforehand."""

    acts: dict[str, Callable[[], object]] = attrs.field(factory=dict)
    heard: list[str] = attrs.field(factory=list)

    def receive(self, payload: str, /) -> Received:
        """Do what is written for *payload*, and say what came of it."""
        self.heard.append(payload)
        came = self.acts.get(payload, lambda: "done")()
        status: Any = came if isinstance(came, str) else "done"
        return Received(handled=(Handled(status=status),))


class Bench:
    """What a poller is made of, its threads left to the test."""

    def __init__(self, **settings: Any) -> None:
        """Take an empty queue."""
        self.clock = FakeClock()
        self.sqs = FakeSQS(self.clock)
        self.receiver = Scripted()
        self.settings = Settings(
            **{**DEFAULTS, "receiver": self.receiver, **settings}
        )
        self.outages = Outages()
        self.queue = Queue(URL, self.sqs, self.sqs, self.outages)
        self.tally = Tally()
        self.judge = Judge(self.settings, self.tally)
        self.in_hand = InHand()
        self.pulse = Pulse(self.clock)
        self.stopping = Stopping()
        self.over = threading.Event()
        self.keeper = Keeper(
            self.queue,
            self.in_hand,
            self.pulse,
            self.clock,
            self.settings.visibility_s,
        )

    def worker(self, name: str = "one", *, drains: bool = False) -> Worker:
        """Return a worker."""
        return Worker(
            name=name,
            settings=self.settings,
            queue=self.queue,
            judge=self.judge,
            in_hand=self.in_hand,
            pulse=self.pulse,
            tally=self.tally,
            stopping=self.stopping,
            clock=self.clock,
            drains=drains,
        )

    def acts(self, payload: str, *statuses: str) -> None:
        """Say what comes of *payload*, time after time; the last stays."""
        left = [*statuses]
        self.receiver.acts[payload] = lambda: (
            left.pop(0) if len(left) > 1 else left[0]
        )

    def raises(self, payload: str, error: BaseException) -> None:
        """Say that receiving *payload* raises."""

        def act() -> None:
            raise error

        self.receiver.acts[payload] = act

    def takes(self, payload: str, seconds: float) -> None:
        """Say that receiving *payload* takes so long."""
        self.receiver.acts[payload] = lambda: self.clock.sleep(seconds)

    def turn(self) -> None:
        """Take one turn."""
        self.worker().turn(0)

    def work(self, *others: Callable[[], object], workers: int = 1) -> None:
        """Let workers and the keeper work until the poller is to end."""
        left = [*range(workers)]

        def work(number: int) -> None:
            try:
                self.worker(f"w-{number}").work()
            finally:
                left.pop()
                if not left:
                    self.over.set()

        self.clock.run(
            *(lambda n=n: work(n) for n in range(workers)),
            lambda: self.keeper.keep(self.over),
            *others,
        )

    def stop_after(self, seconds: float) -> Callable[[], None]:
        """Return what asks the poller to end, then."""

        def stop() -> None:
            self.clock.sleep(seconds)
            self.stopping.asked = True
            self.stopping.wake.set()

        return stop


class Run:
    """A poller on a queue in memory."""

    def __init__(self, receiver: Any = None, **settings: Any) -> None:
        """Take an empty queue, and a receiver if it is to be another."""
        self.clock = StillClock()
        self.sqs = FakeSQS(self.clock)
        self.receiver = Scripted()
        self.poller = SQSPoller(
            URL,
            receiver or self.receiver,
            sqs=self.sqs,
            clock=self.clock,
            **{"wait_s": 0, **settings},
        )
