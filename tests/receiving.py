"""What tests of receiving share: parts in memory, reactions, messages."""

from __future__ import annotations

import base64
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import attrs

from safeses._mail import _tag
from safeses._parts import Parts
from safeses._seen import MemorySeenEvents
from safeses._state import memory_state
from safeses.errors import StoreError
from safeses.events import Delivery, Mail
from safeses.feedback._reaction import Act
from safeses.feedback._receiver import Receiver
from safeses.ledger import Outcomes
from safeses.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from safeses._hooks import Hooks
    from safeses.events import FeedbackEvent
    from safeses.feedback._reply import HTTPReply
    from safeses.typing import Clock, SeenEvents, State

TOPIC = "arn:aws:sns:eu-west-1:123456789012:ses-events"
OTHER_TOPIC = "arn:aws:sns:eu-west-1:999999999999:ses-events"
KEY = b"a key that nobody knows"
SECRET = "correct-horse-battery"
RAW = {"x-amz-sns-rawdelivery": "true"}
DELIVERED = Delivery(id="e-1", mail=Mail(message_id="m-1"))


def parts_of(
    state: State, clock: Clock, hooks: Hooks | None = None, **more: Any
) -> Parts:
    """Return what events act on, from the parts of *state*."""
    if hooks is not None:
        more["hooks"] = hooks
    more.setdefault("seen", state.seen)
    return Parts(
        suppressions=state.suppressions,
        ledger=Outcomes(state.ledger, str, clock),
        counters=state.counters,
        soft_bounces=state.soft_bounces,
        clock=clock,
        **more,
    )


def memory_parts(clock: FakeClock | None = None, **more: Any) -> Parts:
    """Return parts in memory."""
    clock = clock or FakeClock()
    return parts_of(memory_state(clock), clock, **more)


@attrs.frozen(kw_only=True)
class Do(Act):
    """Does what a test wants."""

    what: Callable[[], object]

    def perform(self, parts: Parts) -> None:
        """Do it."""
        del parts
        self.what()


@attrs.define
class Noted:
    """
    A reaction that notes that it ran, and then may fail.

    Attributes:
        name: Its name.
        ran: How often it ran.
        fails: What it raises, in order, before it succeeds.
        does: What it does.
    """

    name: str = "noted"
    ran: int = 0
    does: Callable[[], object] | None = None
    fails: list[BaseException] = attrs.field(factory=list)

    def plan(self, event: FeedbackEvent, parts: Parts) -> Sequence[Act]:
        """Plan to run."""
        del event, parts
        return [Do(why="to note it", what=self.run)]

    def run(self, *_: object) -> None:
        """Run; a hook may be this, too."""
        self.ran += 1
        if self.does is not None:
            self.does()
        if self.fails:
            raise self.fails.pop(0)


@attrs.define
class Idle:
    """A reaction that has a reason to do nothing."""

    name: str = "idle"

    def plan(self, event: FeedbackEvent, parts: Parts) -> Sequence[Act]:
        """Plan nothing, and say why."""
        del event, parts
        return [Act(why="it is not wanted")]


@attrs.define
class SpiedSeen:
    """
    A store of marks that counts calls, and fails where it is told to.

    Attributes:
        store: What does the work.
        calls: How often each was called.
        marks: By what an event was marked, in order.
        fails: Which calls have no answer: a name, or a name and a mark.
        first: What happens just before a call.
    """

    store: SeenEvents = attrs.field(factory=MemorySeenEvents)
    engine: str = "memory"
    calls: Counter[str] = attrs.field(factory=Counter)
    marks: list[str] = attrs.field(factory=list)
    fails: set[str] = attrs.field(factory=set)
    first: dict[str, Callable[[], object]] = attrs.field(factory=dict)

    def has(self, event: str, by: str) -> bool:
        """Look."""
        self._count("has", by)
        return self.store.has(event, by)

    def mark(self, event: str, by: str, keep_s: float) -> bool:
        """Mark."""
        self._count("mark", by)
        self.marks.append(by)
        return self.store.mark(event, by, keep_s)

    def hold(self, event: str, lease_s: float, owner: str) -> bool:
        """Hold."""
        self._count("hold")
        return self.store.hold(event, lease_s, owner)

    def release(self, event: str, owner: str) -> None:
        """Let go."""
        self._count("release")
        self.store.release(event, owner)

    def purge(self) -> int:
        """Forget what is over."""
        return self.store.purge()

    def after_fork(self) -> None:
        """Drop locks."""
        self.store.after_fork()

    def close(self) -> None:
        """Close."""
        self.store.close()

    @property
    def writes(self) -> int:
        """How many calls wrote."""
        return sum(self.calls[name] for name in ("hold", "mark", "release"))

    def _count(self, name: str, by: str = "") -> None:
        self.calls[name] += 1
        if name in self.first:
            self.first[name]()
        if {name, f"{name} {by}"} & self.fails:
            problem = "it is away"
            raise StoreError("seen events", "memory", problem)


def ses_event(
    kind: str = "Delivery",
    message_id: str = "m-1",
    *,
    tag: str = "",
    **more: Any,
) -> dict[str, Any]:
    """Return an event as SES publishes it."""
    to = ["eva@b.example"]
    mail: dict[str, Any] = {
        "timestamp": "2026-01-01T00:00:00.000Z",
        "messageId": message_id,
        "source": "shop@a.example",
        "sourceArn": "arn:aws:ses:eu-west-1:123456789012:identity/a.example",
        "sendingAccountId": "123456789012",
        "destination": to,
        "tags": {_tag.TAG_NAME: [tag]} if tag else {},
    }
    details: dict[str, dict[str, Any]] = {
        "Delivery": {"recipients": to},
        "Bounce": {
            "bounceType": "Permanent",
            "bounceSubType": "General",
            "bouncedRecipients": [
                {"emailAddress": to[0], "status": "5.1.1", "action": "failed"}
            ],
        },
    }
    mail.update(more)
    about = {"timestamp": "2026-01-01T00:00:05.000Z", **details.get(kind, {})}
    return {"eventType": kind, "mail": mail, kind.lower(): about}


def sns_message(
    inside: object,
    *,
    topic: str = TOPIC,
    kind: str = "Notification",
    message_id: str = "n-1",
    **more: Any,
) -> dict[str, Any]:
    """Return a message of SNS; its signature is worth nothing."""
    return {
        "Type": kind,
        "MessageId": message_id,
        "TopicArn": topic,
        "Message": inside if isinstance(inside, str) else json.dumps(inside),
        "Timestamp": "2026-01-01T00:00:06.000Z",
        "SignatureVersion": "1",
        "Signature": "EXAMPLE",
        "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/x.pem",
        **more,
    }


@attrs.define
class FakeVerifier:
    """
    Believes everything, or raises what it is told to.

    Attributes:
        fails: What `verify` raises, if anything.
        confirms: Whether it confirms subscriptions.
        answer: What SNS says to that.
        seen: What it was asked about, and whether the age mattered.
        confirmed: What it confirmed.
    """

    fails: Exception | None = None
    confirms: bool = False
    answer: bool = True
    seen: list[tuple[Any, bool]] = attrs.field(factory=list)
    confirmed: list[Any] = attrs.field(factory=list)

    def verify(self, envelope: Any, *, check_age: bool = True) -> None:
        """Look at it."""
        self.seen.append((envelope, check_age))
        if self.fails is not None:
            raise self.fails

    def confirm(self, envelope: Any) -> bool:
        """Confirm it, if that is wanted."""
        if not self.confirms:
            return False
        self.confirmed.append(envelope)
        return self.answer


def basic(secret: str, user: str = "sns") -> dict[str, str]:
    """Return what HTTP Basic sends."""
    pair = base64.b64encode(f"{user}:{secret}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


@attrs.define
class Site:
    """
    An endpoint of an application.

    Attributes:
        verifier: What believes everything, or not.
        noted: A reaction.
        seen: The marks.
    """

    verifier: FakeVerifier = attrs.field(factory=FakeVerifier)
    noted: Noted = attrs.field(factory=Noted)
    seen: SpiedSeen = attrs.field(factory=SpiedSeen)
    clock: FakeClock = attrs.field(factory=FakeClock)
    more: dict[str, Any] = attrs.field(factory=dict)
    receiver: Receiver = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.parts = memory_parts(self.clock, seen=self.seen)
        self.more.setdefault("verifier", self.verifier)
        self.more.setdefault("reactions", [self.noted])
        self.receiver = Receiver(self.parts, **self.more)

    parts: Any = attrs.field(init=False)

    def post(self, body: object, headers: Any = None) -> HTTPReply:
        """Send a request."""
        if not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        return self.receiver.receive_http(headers or {}, body)


def site(**more: Any) -> Site:
    """Return an endpoint."""
    return Site(more=more)
