"""
What safeses tells your hooks: details of a send, and what became of it.

Register with ``@ses.on(BeforeSend)``, ``@ses.on(Bounce)`` and the like.
The first kind tells of one send while it happens. The second is what SES
reports later, read by `parse` from whatever carries it. No event's `repr`
holds an address, a subject or a body.

Importing this loads the first kind; each of the others is loaded when it
is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from safeses.events._sends import (
    SEND_EVENTS,
    AfterSend,
    BeforeSend,
    Kind,
    MessageFlagged,
    OutcomeDecided,
    RecipientsDropped,
    RetryScheduled,
    SendEvent,
    Throttled,
)

if TYPE_CHECKING:
    from safeses.events._feedback import (
        Advice,
        Bounce,
        Click,
        Complaint,
        Delivery,
        DeliveryDelay,
        FeedbackEvent,
        Open,
        Reject,
        RenderingFailure,
        Send,
        SendingStatus,
        SetUp,
        Subscription,
        TopicConfirmation,
        TopicPreferences,
        UnknownEvent,
    )
    from safeses.events._mail import Mail, Recipient
    from safeses.events._open_enum import (
        BounceSubType,
        BounceType,
        ComplaintType,
        DelayType,
        OpenEnum,
    )
    from safeses.events._parse import parse

__all__ = [
    "SEND_EVENTS",
    "Advice",
    "AfterSend",
    "BeforeSend",
    "Bounce",
    "BounceSubType",
    "BounceType",
    "Click",
    "Complaint",
    "ComplaintType",
    "DelayType",
    "Delivery",
    "DeliveryDelay",
    "FeedbackEvent",
    "Kind",
    "Mail",
    "MessageFlagged",
    "Open",
    "OpenEnum",
    "OutcomeDecided",
    "Recipient",
    "RecipientsDropped",
    "Reject",
    "RenderingFailure",
    "RetryScheduled",
    "Send",
    "SendEvent",
    "SendingStatus",
    "SetUp",
    "Subscription",
    "Throttled",
    "TopicConfirmation",
    "TopicPreferences",
    "UnknownEvent",
    "parse",
]

_HOMES = {
    "Advice": "_feedback",
    "Bounce": "_feedback",
    "BounceSubType": "_open_enum",
    "BounceType": "_open_enum",
    "Click": "_feedback",
    "Complaint": "_feedback",
    "ComplaintType": "_open_enum",
    "DelayType": "_open_enum",
    "Delivery": "_feedback",
    "DeliveryDelay": "_feedback",
    "FeedbackEvent": "_feedback",
    "Mail": "_mail",
    "Open": "_feedback",
    "OpenEnum": "_open_enum",
    "Recipient": "_mail",
    "Reject": "_feedback",
    "RenderingFailure": "_feedback",
    "Send": "_feedback",
    "SendingStatus": "_feedback",
    "SetUp": "_feedback",
    "Subscription": "_feedback",
    "TopicConfirmation": "_feedback",
    "TopicPreferences": "_feedback",
    "UnknownEvent": "_feedback",
    "parse": "_parse",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
