"""
The ten kinds of events: what each says beside its mail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from safeses.events import _feedback as values
from safeses.events._fields import (
    flag_of,
    items_of,
    lists_of,
    mapping_of,
    number_of,
    text_of,
)
from safeses.events._open_enum import (
    BounceSubType,
    BounceType,
    ComplaintType,
    DelayType,
)
from safeses.events._recipients import read_recipients
from safeses.events._times import read_time

Details = Mapping[str, Any]
# What all events have, by the names of their attributes.
Common = dict[str, Any]


class Kind(NamedTuple):
    """
    How one kind of event is read.

    Attributes:
        key: Where its details are.
        read: Makes the event of them.
        is_of_sending: Whether it happens when the mail is taken, and so
            has no time of its own.
    """

    key: str
    read: Callable[[Details, Common], values.FeedbackEvent]
    is_of_sending: bool = False


def _send(_: Details, common: Common) -> values.Send:
    return values.Send(**common)


def _delivery(details: Details, common: Common) -> values.Delivery:
    return values.Delivery(
        **common,
        recipients=read_recipients(items_of(details, "recipients")),
        processing_ms=number_of(details, "processingTimeMillis"),
        smtp_response=text_of(details, "smtpResponse"),
        reporting_mta=text_of(details, "reportingMTA"),
        remote_mta_ip=text_of(details, "remoteMtaIp"),
    )


def _bounce(details: Details, common: Common) -> values.Bounce:
    return values.Bounce(
        **common,
        type=BounceType(text_of(details, "bounceType")),
        sub_type=BounceSubType(text_of(details, "bounceSubType")),
        recipients=read_recipients(items_of(details, "bouncedRecipients")),
        feedback_id=text_of(details, "feedbackId"),
        reporting_mta=text_of(details, "reportingMTA"),
        remote_mta_ip=text_of(details, "remoteMtaIp"),
    )


def _complaint(details: Details, common: Common) -> values.Complaint:
    feedback_type = text_of(details, "complaintFeedbackType")
    return values.Complaint(
        **common,
        recipients=read_recipients(items_of(details, "complainedRecipients")),
        feedback_type=ComplaintType(feedback_type) if feedback_type else None,
        sub_type=text_of(details, "complaintSubType"),
        user_agent=text_of(details, "userAgent"),
        arrived_at=read_time(details.get("arrivalDate")),
        feedback_id=text_of(details, "feedbackId"),
    )


def _reject(details: Details, common: Common) -> values.Reject:
    return values.Reject(**common, reason=text_of(details, "reason"))


def _open(details: Details, common: Common) -> values.Open:
    return values.Open(
        **common,
        ip_address=text_of(details, "ipAddress"),
        user_agent=text_of(details, "userAgent"),
    )


def _click(details: Details, common: Common) -> values.Click:
    return values.Click(
        **common,
        link=text_of(details, "link"),
        link_tags=lists_of(details, "linkTags"),
        ip_address=text_of(details, "ipAddress"),
        user_agent=text_of(details, "userAgent"),
    )


def _failure(details: Details, common: Common) -> values.RenderingFailure:
    return values.RenderingFailure(
        **common,
        template=text_of(details, "templateName"),
        problem=text_of(details, "errorMessage"),
    )


def _delay(details: Details, common: Common) -> values.DeliveryDelay:
    return values.DeliveryDelay(
        **common,
        type=DelayType(text_of(details, "delayType")),
        recipients=read_recipients(items_of(details, "delayedRecipients")),
        expires_at=read_time(details.get("expirationTime")),
        reporting_mta=text_of(details, "reportingMTA"),
    )


def _subscription(details: Details, common: Common) -> values.Subscription:
    return values.Subscription(
        **common,
        contact_list=text_of(details, "contactList"),
        source=text_of(details, "source"),
        new=_preferences(mapping_of(details, "newTopicPreferences")),
        old=_preferences(mapping_of(details, "oldTopicPreferences")),
    )


def _preferences(details: Details) -> values.TopicPreferences:
    topics = {}
    for item in items_of(details, "topicSubscriptionStatus"):
        if isinstance(item, Mapping):
            name = text_of(item, "topicName")
            status = text_of(item, "subscriptionStatus")
            if name and status in {"OptIn", "OptOut"}:
                topics[name] = status == "OptIn"
    return values.TopicPreferences(
        unsubscribe_all=flag_of(details, "unsubscribeAll"), topics=topics
    )


_KINDS: Final = {
    "Send": Kind("send", _send, is_of_sending=True),
    "Delivery": Kind("delivery", _delivery),
    "Bounce": Kind("bounce", _bounce),
    "Complaint": Kind("complaint", _complaint),
    "Reject": Kind("reject", _reject, is_of_sending=True),
    "Open": Kind("open", _open),
    "Click": Kind("click", _click),
    "Rendering Failure": Kind("failure", _failure, is_of_sending=True),
    "DeliveryDelay": Kind("deliveryDelay", _delay),
    "Subscription": Kind("subscription", _subscription),
}


def _folded(name: str) -> str:
    return name.replace(" ", "").replace("_", "").lower()


_BY_FOLDED: Final = {_folded(name): kind for name, kind in _KINDS.items()}


def kind_of(name: str) -> Kind | None:
    """
    Return how events are read that call themselves *name*, None if we cannot.

    SES's own interfaces write one kind as ``Rendering Failure`` and as
    ``RENDERING_FAILURE``: case, blanks and underscores tell no two apart.
    """
    return _KINDS.get(name) or _BY_FOLDED.get(_folded(name))
