"""
Reads what SES reports, whatever carries it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from safeses.events import _feedback as values
from safeses.events._carriers import CONFIRMATIONS, SOURCE, Way, unpack
from safeses.events._digest import digest
from safeses.events._fields import (
    mapping_of,
    mend,
    text_of,
    texts_of,
)
from safeses.events._json import MAX_BYTES, not_json
from safeses.events._kinds import Common, Details, Kind, kind_of
from safeses.events._read_mail import read_mail
from safeses.events._times import read_time

if TYPE_CHECKING:
    from safeses.events._feedback import FeedbackEvent
    from safeses.events._mail import Mail

# What SES publishes when a topic is made the destination of events.
SET_UP_TEXT: Final = (
    "successfully validated sns topic for amazon ses event publishing"
)
SET_UP_NAME: Final = "AmazonSnsSubscriptionSucceeded"
# What EventBridge alone reports of SES, beside the events.
DETAIL_TYPES: Final[Mapping[str, Callable[..., FeedbackEvent]]] = {
    "Sending Status Enabled": partial(values.SendingStatus, enabled=True),
    "Sending Status Disabled": partial(values.SendingStatus, enabled=False),
    "Advisor Recommendation Status Open": partial(values.Advice, is_open=True),
    "Advisor Recommendation Status Resolved": partial(
        values.Advice, is_open=False
    ),
}


def parse(
    payload: object, *, carrier_id: str = "", max_bytes: int = MAX_BYTES
) -> list[FeedbackEvent]:
    """
    Read what SES reports, whatever carries it.

    It takes an event as such, in an envelope of SNS, as a message of SQS or
    an answer of ``receive_message``, as EventBridge delivers it, as Lambda
    gets it (``Records`` of SNS and SQS, ``records`` of Firehose), as lines
    of Firehose, encoded twice, and each of these in another. Identity
    notifications (``notificationType``) are the same events.

    It does not ask who wrote it: of what comes over HTTP, first check the
    signature, as `safeses.feedback.Receiver` does.

    Args:
        payload: Text, UTF-8, a mapping or a list, as it arrived.
        carrier_id: What the carrier calls the delivery, where that stands
            outside of *payload*.
        max_bytes: How long a text may be, in UTF-8. Files of Firehose may
            need more than the 1 MiB of a message.

    Returns:
        The events in order, perhaps none. A member that is missing, or has
        another type than it should, is empty. What has no name here is an
        `UnknownEvent`, as is text that a carrier held and is not JSON.

    Raises:
        InvalidEventError: The payload itself is not JSON, or JSON in it
            breaks a limit: too long, too deep, too many members, the same
            name twice, a number that is none. Of a batch nothing is
            returned then: give its messages one by one to tell them apart.
    """
    found = unpack(payload, carrier_id=carrier_id, max_bytes=max_bytes)
    return [
        _event(content, way)
        if type(content) is dict or isinstance(content, Mapping)
        else _of_text(content, way, level)
        for content, way, level in found
    ]


def _event(content: Mapping[str, Any], way: Way) -> FeedbackEvent:
    name = text_of(content, "eventType") or text_of(
        content, "notificationType"
    )
    if not name:
        return _of_carrier(content, way)
    common: Common = {"carrier_id": way.carrier_id, "raw": content}
    if name == SET_UP_NAME:
        return values.SetUp(
            **common,
            id=digest(content),
            at=read_time(way.at),
            text=text_of(content, "message"),
        )
    mail = common["mail"] = read_mail(
        mapping_of(content, "mail"),
        account_id=way.account_id,
        region=way.region,
    )
    kind = kind_of(name)
    if kind is None:
        return values.UnknownEvent(
            **common, id=digest(content), at=read_time(way.at), kind=name
        )
    details = mapping_of(content, kind.key)
    common["id"] = digest(_what_happened(content, kind, mail, details))
    common["at"] = (
        read_time(details.get("timestamp"))
        or (mail.sent_at if kind.is_of_sending else None)
        or read_time(way.at)
    )
    return kind.read(details, common)


def _what_happened(
    content: Mapping[str, Any], kind: Kind, mail: Mail, details: Details
) -> object:
    """
    Return what names an event: two that differ in it are two.

    The id of a mail stands for all else that is said of it, as not every
    way of publishing says as much. But that takes a time, or a kind of
    event that a recipient has once.
    """
    if mail.message_id and "timestamp" in details:
        return [kind.key, mail.message_id, details]
    if mail.message_id and kind.is_of_sending:
        said = content.get(kind.key)
        return [kind.key, mail.message_id, mail.destination, said]
    return content


def _of_carrier(content: Mapping[str, Any], way: Way) -> FeedbackEvent:
    """Name what a carrier says itself, without an event in it."""
    common: Common = {
        "at": read_time(way.at),
        "carrier_id": way.carrier_id,
        "raw": content,
    }
    name = text_of(content, "Type")
    if name in CONFIRMATIONS and not way.is_by_sns:
        topic_arn, token = (
            text_of(content, "TopicArn"),
            text_of(content, "Token"),
        )
        return values.TopicConfirmation(
            **common,
            id=digest([name, topic_arn, token, way.carrier_id]),
            kind=name,
            topic_arn=topic_arn,
            token=token,
        )
    detail_type = text_of(content, "detail-type")
    make = (
        DETAIL_TYPES.get(detail_type)
        if content.get("source") == SOURCE
        else None
    )
    if make is None:
        return values.UnknownEvent(
            **common, id=digest(content), kind=detail_type or name
        )
    # EventBridge: its id names what it delivers, also the second time.
    known = text_of(content, "id")
    common["id"] = digest([detail_type, known] if known else content)
    return make(
        **common,
        account_id=way.account_id,
        region=way.region,
        resources=texts_of(content, "resources"),
    )


def _of_text(content: object, way: Way, level: int) -> FeedbackEvent:
    text = mend(content) if isinstance(content, str) else _as_json(content)
    common: Common = {
        "id": digest(["text", text.strip(), way.carrier_id]),
        "at": read_time(way.at),
        "carrier_id": way.carrier_id,
        "text": text,
    }
    if text.strip().rstrip(".").lower() == SET_UP_TEXT:
        return values.SetUp(**common)
    if isinstance(content, str) and not level:
        raise not_json()
    return values.UnknownEvent(**common)


def _as_json(content: object) -> str:
    """Return what JSON has beside mappings and texts, as it writes it."""
    if content is None or isinstance(content, (bool, int, float)):
        return json.dumps(content)
    return ""
