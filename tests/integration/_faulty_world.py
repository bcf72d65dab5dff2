"""
A world in which anything may fail at any time, the same way for a seed.

There is an SES that counts what it takes, a state that fails before or
after it has acted, calls that are interrupted, stall, or die with their
process, events that come late or never, and a person who settles what is
unknown by what SES really took.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import attrs
from botocore import exceptions as boto
from tests.fake_ses import client_error

from safeses import StoreError
from safeses._budget import MemoryBudget
from safeses._outcome import Accepted
from safeses._state import ComposedState
from safeses.ledger import Sent
from safeses.sqlite import SqliteState
from safeses.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from random import Random

    from safeses import Client, Receipt
    from safeses._outcome import Admission, Admitted, Claim, Later, Outcome
    from safeses.ledger import Found
    from safeses.typing import Ledger

T = TypeVar("T")
OnUnknown = Literal["hold", "reconcile", "resend"]
URL = "https://email.eu-west-1.amazonaws.com"
# Longer than any lease of this world.
STALL_S = 60.0
EVENT_LATE_S = 600.0
TIMEOUT_S = 10.0


class KilledError(BaseException):
    """The call's process is no more: nothing after this happens to it."""


class ForeignError(Exception):
    """What nobody has heard of."""


@attrs.define(eq=False)
class Call:
    """
    One call of `Client.send`, and what came of it.

    Attributes:
        key: Its idempotency key, ``""`` if it has none.
        on_unknown: What it chose.
        tag: Its correlation tag, once it is known.
        taken: The ids of what SES took from it.
        is_dead: Whether its process is no more.
        receipt: What it got.
        error: What it raised.
        before: How many mails of its job SES had when it began.
        is_over: Whether it has ended.
        is_submitted: Whether the state noted that a byte may leave.
        is_recorded: Whether the state noted that SES took its mail.
    """

    key: str
    on_unknown: OnUnknown
    tag: str = ""
    taken: list[str] = attrs.field(factory=list)
    is_dead: bool = False
    receipt: Receipt | None = None
    error: BaseException | None = None
    before: int = 0
    is_over: bool = False
    is_submitted: bool = False
    is_recorded: bool = False


@attrs.define(eq=False)
class Event:
    """News of SES about a mail, which come at a time or never."""

    due_at: float
    tag: str
    sent: Sent


@attrs.define(eq=False)
class World:
    """
    All that a seed decides.

    Attributes:
        random: Decides.
        clock: The time, for all.
        loses_events: Whether some events never come.
        is_calm: Whether nothing goes wrong any more.
        calls: All calls, in the order in which they began.
        taken: What SES took, by key; of calls without a key by their tag.
        events: Those that are still to come.
        settled: The tags of which an event or a person has told.
    """

    random: Random
    loses_events: bool
    clock: FakeClock = attrs.field(factory=FakeClock)
    is_calm: bool = False
    calls: list[Call] = attrs.field(factory=list)
    taken: dict[str, list[str]] = attrs.field(
        factory=lambda: defaultdict(list)
    )
    events: list[Event] = attrs.field(factory=list)
    settled: set[str] = attrs.field(factory=set)
    _local: threading.local = attrs.field(factory=threading.local)
    _count: int = 0

    @property
    def call(self) -> Call:
        """The call that this thread is in."""
        call: Call = self._local.call
        if call.is_dead:
            raise KilledError
        return call

    def begin(self, call: Call) -> None:
        """Let this thread be in *call*."""
        self._local.call = call
        self.calls.append(call)

    def happens(self, percent: float) -> bool:
        """Tell whether something goes wrong, so often."""
        return not self.is_calm and self.random.random() < percent / 100

    def stall(self) -> None:
        """Take a while; at times longer than a lease."""
        if self.happens(5):
            self.clock.sleep(self.random.uniform(0.0, STALL_S))

    def may_stop(self) -> None:
        """Perhaps stop the call: interrupted, or its process killed."""
        if self.happens(1.5):
            self.call.is_dead = True
            raise KilledError
        if self.happens(1.5):
            raise KeyboardInterrupt

    def take(self, tag: str) -> str:
        """Accept the mail of this call, as SES does; return its id."""
        call = self.call
        self._count += 1
        message_id = f"m-{self._count}"
        call.taken.append(message_id)
        self.taken[call.key or tag].append(message_id)
        if not (self.loses_events and self.random.random() < 0.3):
            late_s = self.random.choice([1.0, EVENT_LATE_S])
            late_s *= self.random.random()
            self.events.append(
                Event(
                    self.clock.monotonic() + late_s,
                    tag,
                    Sent(message_id=message_id, sent_at=self.clock.time()),
                )
            )
        return message_id

    def bring_events(
        self, ledger: Ledger, *, everything: bool = False
    ) -> None:
        """Tell the ledger what is due, some of it twice."""
        now = self.clock.monotonic()
        due = [e for e in self.events if everything or e.due_at <= now]
        self.random.shuffle(due)
        for event in due:
            self.events.remove(event)
            for _ in range(1 + self.happens(20)):
                ledger.confirm(event.tag, event.sent)
            self.settled.add(event.tag)

    def settle_by_hand(self, ses: Client) -> None:
        """Say of some unknown mail what SES knows, once its call is over."""
        keys = {ses.ledger.job_id(c.key): c.key for c in self.calls if c.key}
        busy = {c.key or c.tag for c in self.calls if not c.is_over}
        for send in ses.unknown():
            name = keys.get(send.tag, send.tag)
            if name in busy or self.random.random() < 0.5:
                continue
            self.settled.add(send.tag)
            ids = self.taken.get(name)
            if ids:
                ses.resolve(send, "sent", message_id=ids[0])
            else:
                ses.resolve(send, "not_sent")


@attrs.define(eq=False)
class FaultySES:
    """Shaped like a boto3 client; takes mail, and answers as it likes."""

    world: World
    single_attempt = True

    def send_email(self, **params: Any) -> Any:
        """Take a mail or not, and say so or not."""
        world = self.world
        tags = {t["Name"]: t["Value"] for t in params["EmailTags"]}
        world.stall()
        world.may_stop()
        self._refuse()
        message_id = world.take(tags["safeses-id"])
        world.stall()
        world.may_stop()
        if world.happens(12):
            world.clock.sleep(TIMEOUT_S)
            raise boto.ReadTimeoutError(endpoint_url=URL)
        if world.happens(4):
            raise client_error("InternalFailure", status=500)
        if world.happens(2):
            raise ForeignError
        if world.happens(2):
            return {}
        return {
            "MessageId": message_id,
            "ResponseMetadata": {
                "RequestId": f"r-{message_id}",
                "HTTPStatusCode": 200,
            },
        }

    def get_account(self) -> Any:
        """Answer that it is not allowed."""
        raise client_error("AccessDeniedException", operation="GetAccount")

    def _refuse(self) -> None:
        happens = self.world.happens
        if happens(6):
            raise client_error("MessageRejected", "spam")
        if happens(3):
            text = "Email address is not verified."
            raise client_error("MessageRejected", text)
        if happens(1):
            raise client_error("AccessDeniedException")
        if happens(4):
            text = "Maximum sending rate exceeded."
            raise client_error("TooManyRequestsException", text, 429)
        if happens(6):
            raise boto.EndpointConnectionError(endpoint_url=URL)
        if happens(4):
            raise boto.ConnectionClosedError(endpoint_url=URL)
        if happens(1):
            raise client_error("InternalFailure", status=500)


class FaultyState(ComposedState):
    """
    A state that fails at times, before it has acted or after.

    Attributes:
        world: Decides when.
    """

    world: World

    def look_up(self, name: str) -> Found | None:
        """Look up, or fail."""
        act = super().look_up
        return self._do(lambda: act(name))

    def admit(self, admission: Admission) -> Admitted | Later | Found:
        """Admit, or fail."""
        self.world.call.tag = admission.tag
        act = super().admit
        return self._do(lambda: act(admission))

    def submit(self, claim: Claim, timeout_s: float) -> None:
        """Submit, or fail."""
        act = super().submit

        def submit() -> None:
            act(claim, timeout_s)
            self.world.call.is_submitted = True

        self._do(submit)

    def settle(self, claim: Claim, outcome: Outcome) -> None:
        """Settle, or fail."""
        act = super().settle

        def settle() -> None:
            act(claim, outcome)
            self.world.call.is_recorded = isinstance(outcome, Accepted)

        self._do(settle)

    def _do(self, act: Callable[[], T]) -> T:
        self._may_fail()
        self.world.bring_events(self.ledger)
        done = act()
        self._may_fail()
        return done

    def _may_fail(self) -> None:
        world = self.world
        assert not world.call.is_dead
        world.stall()
        world.may_stop()
        if world.happens(1.5):
            raise StoreError("state", self.engine, "it is away")
        if world.happens(0.5):
            raise ForeignError


class FaultySqliteState(FaultyState, SqliteState):
    """The same, with what is kept in a file."""


def faulty_states(world: World, path: Path | None) -> list[FaultyState]:
    """Return the states of two processes, without a file of one."""
    clock = world.clock
    states: list[FaultyState] = (
        [FaultyState(MemoryBudget(clock), clock=clock)]
        if path is None
        else [FaultySqliteState.open(path, clock=clock) for _ in range(2)]
    )
    for state in states:
        state.world = world
    return states
