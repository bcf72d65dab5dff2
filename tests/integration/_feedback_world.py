"""
A world whose events come in any order, twice or never, the same for a seed.

There is a simulated SES, whose answers get lost at times, a queue that
delivers until somebody says done, workers that stall, fail and die amid an
event, and a wall clock that jumps.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import attrs
from botocore import exceptions as boto
from tests.corpora.events_ses import bridge, sns, sqs, text, utf8

from safeses import StoreError
from safeses._budget import MemoryBudget
from safeses._state import ComposedState
from safeses.events import parse
from safeses.feedback._handling import LEASE_S
from safeses.sqlite import SqliteState
from safeses.testing import FakeClock, SimulatedSES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from random import Random

    from safeses._outcome import Admission, Admitted, Later
    from safeses._parts import Parts
    from safeses.feedback import Receiver
    from safeses.ledger import Found

URL: Final = "https://email.eu-west-1.amazonaws.com"
START: Final = 1_767_225_600.0
LATE_S: Final = 600.0
# Even all of one turn are shorter than a third of the lease.
HICCUP_S: Final = LEASE_S / 40
# What the traces call whatever may let something happen twice.
FAULT: Final = "fault"
COUNT: Final = "count"
CARRIERS: Final[tuple[Callable[[object], object], ...]] = (text, sns, bridge)
# What reactions write, beside counts.
WRITES: Final = {
    "ledger.confirm",
    "suppressions.add",
    "suppressions.remove",
    "soft_bounces.add",
    "soft_bounces.clear",
}


class KilledError(BaseException):
    """The process is no more: nothing after this happens to it."""


class ForeignError(Exception):
    """What nobody has heard of."""


@attrs.define(eq=False)
class Steady:
    """The clock of SES, which nobody steps."""

    clock: FakeClock

    def monotonic(self) -> float:
        """Return the seconds since the start."""
        return self.clock.monotonic()

    def time(self) -> float:
        """Return what a right wall clock says."""
        return START + self.clock.monotonic()

    def sleep(self, seconds: float) -> None:
        """Sleep."""
        self.clock.sleep(seconds)


@attrs.define(eq=False)
class Message:
    """
    An event on its way.

    Attributes:
        body: The event in a carrier.
        payload: What SES published.
        event: Its id.
        due_at: When it is to be delivered, or delivered again.
    """

    body: str
    payload: dict[str, Any]
    event: str
    due_at: float


@attrs.define(eq=False)
class Worker:
    """
    What a thread is in: a delivery, which may end with its process.

    Attributes:
        trace: What has happened to the event that it has, in order.
        owner: Who holds that event.
        is_dead: Whether its process is no more.
    """

    trace: list[str] = attrs.field(factory=list)
    owner: str = ""
    is_dead: bool = False


@attrs.define(eq=False)
class World:
    """
    All that a seed decides.

    Attributes:
        random: Decides.
        loses_events: Whether some events never come.
        clock: The time of all but SES.
        is_calm: Whether nothing goes wrong any more.
        ses: Takes the mail, and publishes events.
        published: All events, by id.
        lost: The ids of those that never come.
        queue: Those that are to be delivered.
        traces: What happened to each event, delivery by delivery.
        ran: How often each hook took effect, by its name and the event.
        mailed: How many mails SES took.
        wrong: What was wrong on the way.
    """

    random: Random
    loses_events: bool
    clock: FakeClock = attrs.field(factory=FakeClock)
    is_calm: bool = False
    published: dict[str, dict[str, Any]] = attrs.field(factory=dict)
    lost: set[str] = attrs.field(factory=set)
    queue: list[Message] = attrs.field(factory=list)
    traces: dict[str, list[list[str]]] = attrs.field(
        factory=lambda: defaultdict(list)
    )
    ran: Counter[tuple[str, str]] = attrs.field(factory=Counter)
    mailed: int = 0
    wrong: list[str] = attrs.field(factory=list)
    ses: SimulatedSES = attrs.field(init=False)
    local: threading.local = attrs.field(factory=threading.local)

    def __attrs_post_init__(self) -> None:
        self.ses = SimulatedSES(
            clock=Steady(self.clock),
            max_send_rate=1e6,
            max_24_hour_send=-1,
        )
        self.ses.publish_to(self._publish)

    @property
    def worker(self) -> Worker:
        """What this thread is in."""
        worker: Worker = self.local.worker
        return worker

    def happens(self, percent: float) -> bool:
        """Tell whether something goes wrong, so often."""
        return not self.is_calm and self.random.random() < percent / 100

    def may_fail(self) -> None:
        """Stall, fail or die amid the handling of an event, perhaps."""
        worker = self.worker
        if worker.is_dead:
            raise KilledError
        if self.happens(20):
            self.clock.sleep(self.random.uniform(0.0, HICCUP_S))
        if self.happens(1):
            worker.trace.append(FAULT)
            self.clock.sleep(self.random.uniform(0.0, 3 * LEASE_S))
        if self.happens(1):
            worker.trace.append(FAULT)
            worker.is_dead = True
            raise KilledError
        if self.happens(1.5):
            worker.trace.append(FAULT)
            raise StoreError("state", "world", "it is away")
        if self.happens(0.5):
            worker.trace.append(FAULT)
            raise ForeignError

    def hook(self, name: str) -> Callable[[Any], None]:
        """Return a hook that fails at times, before its effect or after."""

        def hook(event: Any) -> None:
            with self.acting(name):
                self.may_fail()
                self.ran[name, event.id] += 1
            self.may_fail()

        return hook

    @contextmanager
    def acting(self, act: str) -> Iterator[None]:
        """Trace what must not be done twice: that it begins, and is done."""
        trace = self.worker.trace
        trace.append(f"begin {act}")
        yield
        trace.append(f"did {act}")

    def faulty(self, parts: Parts) -> Parts:
        """Return *parts*, each of which fails at times."""
        stores = {
            name: Faulty(getattr(parts, name), name, self)
            for name in ("suppressions", "seen", "counters", "soft_bounces")
        }
        ledger = attrs.evolve(
            parts.ledger, store=Faulty(parts.ledger.store, "ledger", self)
        )
        return attrs.evolve(parts, ledger=ledger, **stores)  # type: ignore[arg-type]  # what shows itself as they do

    def deliver_until(
        self, receiver: Receiver, is_over: Callable[[], bool]
    ) -> None:
        """Deliver what is due, again and again, until nothing is left."""
        while self.queue or not is_over():
            now = self.clock.monotonic()
            due = [one for one in self.queue if one.due_at <= now]
            if not due:
                self.clock.sleep(1.0)
                continue
            several = 3 if self.happens(10) else 1
            self.deliver(
                receiver,
                self.random.sample(due, min(several, len(due))),
            )

    def deliver(self, receiver: Receiver, messages: list[Message]) -> None:
        """Deliver *messages* once; they come again unless they are done."""
        # Another worker may get them while this one still has them.
        hidden_s = self.random.choice([LEASE_S / 2, 2 * LEASE_S])
        for message in messages:
            message.due_at = self.clock.monotonic() + hidden_s
        payload: Any = {"Messages": [sqs(one.body) for one in messages]}
        if len(messages) == 1 and self.random.random() < 0.5:
            payload = utf8(messages[0].body)
        self.local.worker = Worker()
        try:
            received = receiver.receive(payload)
        except KilledError:
            return
        for message in messages:
            if not received.is_done:
                late_s = self.random.choice([0.0, 5.0, 20.0])
                message.due_at = self.clock.monotonic() + late_s
            elif message in self.queue and not self.happens(5):
                self.queue.remove(message)

    def flush(self) -> None:
        """Let all that SES has published be on its way."""
        assert self.ses.flush(60.0)

    def _publish(self, payload: Any) -> None:
        [event] = parse(payload)
        assert event.id not in self.published
        self.published[event.id] = payload
        if self.loses_events and self.happens(5):
            self.lost.add(event.id)
            return
        for _ in range(1 + self.happens(15)):
            late_s = self.random.choice([1.0, LATE_S]) * self.random.random()
            carrier = self.random.choice(CARRIERS)
            self.queue.append(
                Message(
                    text(carrier(payload)),
                    payload,
                    event.id,
                    self.clock.monotonic() + late_s,
                )
            )


class Faulty:
    """A part of the state that fails at times, before it acts or after."""

    def __init__(self, part: Any, name: str, world: World) -> None:
        """Let *part* be as good as the world."""
        self._part = part
        self._name = name
        self._world = world

    def __getattr__(self, name: str) -> Any:
        """Return what the part has by this name."""
        found = getattr(self._part, name)
        return partial(self._do, name, found) if callable(found) else found

    def _do(
        self, name: str, act: Callable[..., Any], *args: Any, **more: Any
    ) -> Any:
        world = self._world
        act_of_part = f"{self._name}.{name}"
        if act_of_part == "seen.hold" and not world.worker.is_dead:
            self._begin(args[0], args[2])
        is_count = act_of_part == "counters.add"
        if act_of_part in WRITES:
            world.worker.trace.append(f"begin {act_of_part}")
        with world.acting(COUNT) if is_count else nullcontext():
            world.may_fail()
            answer = act(*args, **more)
        if act_of_part == "seen.mark":
            world.worker.trace.append(args[1])
        world.may_fail()
        return answer

    def _begin(self, event: str, owner: str) -> None:
        """Let a trace begin, unless it is held for longer only."""
        worker = self._world.worker
        if worker.owner != owner:
            worker.owner, worker.trace = owner, []
            self._world.traces[event].append(worker.trace)


@attrs.define(eq=False)
class LossySES:
    """Shaped like a boto3 client; its answers are late, or get lost."""

    world: World
    single_attempt = True

    def send_email(self, **params: Any) -> Any:
        """Take a mail or not, and say so or not."""
        world = self.world
        stopped = world.local.stopped & {*params["Destination"]["ToAddresses"]}
        if stopped:
            world.wrong.append("mailed who is known to be suppressed")
        self._stall_or_die()
        if world.happens(3):
            raise boto.ConnectionClosedError(endpoint_url=URL)
        answer = world.ses.client().send_email(**params)
        world.mailed += 1
        world.flush()
        self._stall_or_die()
        if world.happens(5):
            raise boto.ReadTimeoutError(endpoint_url=URL)
        return answer

    def _stall_or_die(self) -> None:
        if self.world.happens(10):
            self.world.clock.sleep(self.world.random.uniform(0.0, 60.0))
        if self.world.happens(2):
            raise KilledError


class NotingState(ComposedState):
    """A state that notes whom it has on record as nobody to mail."""

    world: World

    def admit(self, admission: Admission) -> Admitted | Later | Found:
        """Admit as ever."""
        found = self.suppressions.find(
            admission.recipients, stream=admission.stream
        )
        self.world.local.stopped = {*found}
        return super().admit(admission)


class NotingSqliteState(NotingState, SqliteState):
    """The same, with what is kept in a file."""


def states_of(world: World, path: Path | None) -> list[NotingState]:
    """Return the states of two processes, without a file of one."""
    clock = world.clock
    states: list[NotingState] = (
        [NotingState(MemoryBudget(clock), clock=clock)]
        if path is None
        else [NotingSqliteState.open(path, clock=clock) for _ in range(2)]
    )
    for state in states:
        state.world = world
    return states
