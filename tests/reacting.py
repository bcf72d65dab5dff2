"""What tests of reactions stand on: parts that they change, and events."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from safeses._parts import Parts
from safeses._payload import job_id
from safeses._state import memory_state
from safeses.events import (
    Bounce,
    BounceSubType,
    BounceType,
    Click,
    Complaint,
    DelayType,
    Delivery,
    DeliveryDelay,
    FeedbackEvent,
    Mail,
    Open,
    Recipient,
    Reject,
    RenderingFailure,
    Send,
    SendingStatus,
    SetUp,
    Subscription,
    TopicPreferences,
    UnknownEvent,
)
from safeses.ledger import Outcomes
from safeses.sqlite import SqliteState
from safeses.suppression import Suppression
from safeses.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from safeses._state import ComposedState
    from safeses.feedback._reaction import Reaction

START = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)
ANN = "ann@b.example"
BOB = "bob@b.example"
SCOPE = "shop/eu-west-1"
DAY_S = 86_400.0
SIMULATED = "bounce+1@simulator.amazonses.com"


class Desk:
    """
    The parts that events act on, and reactions at work on them.

    Attributes:
        clock: The fake clock.
        state: Where the facts are.
        parts: What reactions get.
    """

    def __init__(self, state: ComposedState, clock: FakeClock) -> None:
        """Begin with nothing on record."""
        self.clock = clock
        self.state = state
        self.parts = Parts(
            suppressions=state.suppressions,
            ledger=Outcomes(
                state.ledger, lambda key: job_id("safeses", key), clock
            ),
            seen=state.seen,
            counters=state.counters,
            soft_bounces=state.soft_bounces,
            clock=clock,
            account="shop",
        )

    def react(self, reaction: Reaction, *events: FeedbackEvent) -> list[str]:
        """Do what *reaction* does about *events*; return the acts' names."""
        done = []
        for event in events:
            for act in reaction.plan(event, self.parts):
                act.perform(self.parts)
                done.append(type(act).__name__)
        return done

    def why(self, reaction: Reaction, event: FeedbackEvent) -> list[str]:
        """Return what *reaction* says of *event*; nothing is done."""
        return [act.why for act in reaction.plan(event, self.parts)]

    def stopped(self, *addresses: str, stream: str = "") -> list[str]:
        """Return why each address gets no mail, ``""`` if it does."""
        found = self.parts.suppressions.find(addresses, stream=stream)
        return [found[a].reason if a in found else "" for a in addresses]

    def counted(self, *names: str, scope: str = SCOPE) -> list[int]:
        """Return how many of each there are."""
        totals = self.parts.counters.totals(scope, names, 0.0)
        return [totals[name] for name in names]


def desk(engine: str, tmp_path: Path) -> Desk:
    """Return a desk whose state is in *engine*."""
    clock = FakeClock(START.timestamp())
    if engine == "sqlite":
        return Desk(SqliteState.open(tmp_path / "s.db", clock=clock), clock)
    return Desk(memory_state(clock), clock)


def at(days: float) -> dt.datetime:
    """Return the time so many days after the start."""
    return START + dt.timedelta(days=days)


def mail_to(*destination: str, **fields: Any) -> Mail:
    """Return what an event says of a mail."""
    fields.setdefault("message_id", "m-1")
    fields.setdefault("region", "eu-west-1")
    return Mail(destination=destination, **fields)


def people(addresses: Iterable[str], **fields: Any) -> tuple[Recipient, ...]:
    """Return whom an event names."""
    return tuple(Recipient(address=a, bare=a, **fields) for a in addresses)


def bounce(
    *addresses: str,
    is_a: str = "Permanent",
    sub_type: str = "General",
    mail: Mail | None = None,
    **fields: Any,
) -> Bounce:
    """Return a bounce of *addresses*, of mail to them if nobody says."""
    seen_at = fields.pop("at", START)
    number = fields.pop("id", f"{is_a}/{sub_type}/{seen_at}")
    return Bounce(
        id=str(number),
        at=seen_at,
        mail=mail_to(*addresses) if mail is None else mail,
        type=BounceType(is_a),
        sub_type=BounceSubType(sub_type),
        recipients=people(addresses, **fields),
    )


def soft(days: float, *addresses: str, **fields: Any) -> Bounce:
    """Return a soft bounce so many days after the start."""
    return bounce(
        *(addresses or (ANN,)),
        is_a="Transient",
        sub_type="MailboxFull",
        at=at(days),
        **fields,
    )


def delivery(days: float, *addresses: str, **fields: Any) -> Delivery:
    """Return a delivery so many days after the start."""
    addresses = addresses or (ANN,)
    fields.setdefault("mail", mail_to(*addresses))
    return Delivery(
        id=f"delivery/{days}",
        at=at(days),
        recipients=people(addresses),
        **fields,
    )


def complaint(*addresses: str, **fields: Any) -> Complaint:
    """Return a complaint of *addresses*, of mail to them if nobody says."""
    fields.setdefault("mail", mail_to(*addresses))
    return Complaint(
        id="complaint", at=START, recipients=people(addresses), **fields
    )


def listed(**fields: Any) -> Suppression:
    """Return why Ann gets no mail."""
    return Suppression(address=ANN, **fields)


def wishes(**fields: Any) -> Subscription:
    """Return what a contact, Ann, wants."""
    fields.setdefault("mail", mail_to(ANN))
    fields.setdefault("at", START)
    fields.setdefault("contact_list", "shop customers")
    return Subscription(id="wishes", **fields)


def topics(**topics: bool) -> TopicPreferences:
    """Return which topics are wanted."""
    return TopicPreferences(topics=topics)


EVERYTHING = TopicPreferences(unsubscribe_all=True)
ABOUT_MAIL: tuple[FeedbackEvent, ...] = (
    Send(id="1"),
    Delivery(id="2"),
    bounce(ANN, id="3"),
    bounce(ANN, id="4", sub_type="OnAccountSuppressionList"),
    Complaint(id="5"),
    Reject(id="6"),
    Open(id="7"),
    Click(id="8"),
    RenderingFailure(id="9"),
    DeliveryDelay(id="10", type=DelayType("General")),
    Subscription(id="11"),
)
NOT_ABOUT_MAIL: tuple[FeedbackEvent, ...] = (
    SendingStatus(id="1", enabled=False),
    SetUp(id="2"),
    UnknownEvent(id="3", kind="Received"),
    FeedbackEvent(id="4"),
)
