"""What each kind of event says."""

from __future__ import annotations

import datetime as dt
from typing import Any

import attrs
import pytest
from tests.corpora.events_ses import SAMPLES

from safeses.events import (
    Advice,
    Bounce,
    BounceSubType,
    BounceType,
    Click,
    Complaint,
    ComplaintType,
    DelayType,
    Delivery,
    DeliveryDelay,
    FeedbackEvent,
    Open,
    Recipient,
    Reject,
    RenderingFailure,
    Send,
    SendingStatus,
    SetUp,
    Subscription,
    TopicConfirmation,
    TopicPreferences,
    UnknownEvent,
    parse,
)

UTC = dt.timezone.utc
SENT_AT = dt.datetime(2026, 5, 4, 9, 8, 7, 123_000, tzinfo=UTC)
COMMON = {"id", "mail", "carrier_id", "raw"}


def one(payload: object) -> FeedbackEvent:
    """Return the one event that *payload* carries."""
    (event,) = parse(payload)
    return event


def sample(name: str) -> FeedbackEvent:
    """Return a sample, read."""
    return one(SAMPLES[name].payload)


def details(event: FeedbackEvent) -> dict[str, Any]:
    """Return what an event says beside its mail."""
    return {
        field.name: getattr(event, field.name)
        for field in attrs.fields(type(event))
        if field.name not in COMMON
    }


def test_send() -> None:
    """A mail that was taken has all that SES says of it."""
    payload = SAMPLES["event: Send"].payload
    event = sample("event: Send")
    mail = event.mail

    assert (
        Send,
        SENT_AT,
        "0102018f0000aaaa-1-000000",
        SENT_AT,
        "shop@example.com",
        "arn:aws:ses:eu-west-1:111122223333:identity/example.com",
        "111122223333",
        "eu-west-1",
        ("ann@example.net",),
        {"ses:configuration-set": ("main",), "order": ("o-77",)},
        (("From", "shop@example.com"), ("Subject", "Your order")),
        False,
        payload["mail"]["commonHeaders"],
        "",
        "",
        payload,
    ) == (
        type(event),
        event.at,
        mail.message_id,
        mail.sent_at,
        mail.source,
        mail.source_arn,
        mail.account_id,
        mail.region,
        mail.destination,
        mail.tags,
        mail.headers,
        mail.headers_truncated,
        mail.common_headers,
        mail.tag,
        mail.stream,
        event.raw,
    )


EXPECTED: dict[str, tuple[type[FeedbackEvent], dict[str, Any]]] = {
    "event: Delivery": (
        Delivery,
        {
            "at": dt.datetime(2026, 5, 4, 9, 8, 9, 1_000, tzinfo=UTC),
            "recipients": (
                Recipient(address="ann@example.net", bare="ann@example.net"),
            ),
            "processing_ms": 1878,
            "smtp_response": "250 2.0.0 OK queued",
            "reporting_mta": "a4-1.smtp-out.eu-west-1.amazonses.com",
            "remote_mta_ip": "192.0.2.10",
        },
    ),
    "event: Bounce": (
        Bounce,
        {
            "at": dt.datetime(2026, 5, 4, 9, 8, 10, tzinfo=UTC),
            "type": BounceType.PERMANENT,
            "sub_type": BounceSubType.GENERAL,
            "recipients": (
                Recipient(
                    address="gone@example.net",
                    bare="gone@example.net",
                    status="5.1.1",
                    action="failed",
                    diagnostic="smtp; 550 5.1.1 user unknown",
                ),
            ),
            "feedback_id": "f-3",
            "reporting_mta": "dns; a4-1.smtp-out.eu-west-1.amazonses.com",
            "remote_mta_ip": "",
        },
    ),
    "event: Complaint": (
        Complaint,
        {
            "at": dt.datetime(2026, 5, 5, 10, tzinfo=UTC),
            "recipients": (
                Recipient(address="bob@example.org", bare="bob@example.org"),
            ),
            "feedback_type": ComplaintType.ABUSE,
            "sub_type": "",
            "user_agent": "ExampleFBL/1.0",
            "arrived_at": dt.datetime(2026, 5, 5, 10, tzinfo=UTC),
            "feedback_id": "f-4",
        },
    ),
    "event: Reject": (Reject, {"at": SENT_AT, "reason": "Bad content"}),
    "event: Open": (
        Open,
        {
            "at": dt.datetime(2026, 5, 4, 11, tzinfo=UTC),
            "ip_address": "192.0.2.44",
            "user_agent": "ExampleMail/2.1",
        },
    ),
    "event: Click": (
        Click,
        {
            "at": dt.datetime(2026, 5, 4, 11, 1, tzinfo=UTC),
            "link": "https://example.com/o/77",
            "link_tags": {"place": ("footer",)},
            "ip_address": "192.0.2.44",
            "user_agent": "ExampleMail/2.1",
        },
    ),
    "event: Rendering Failure": (
        RenderingFailure,
        {
            "at": SENT_AT,
            "template": "order",
            "problem": "Attribute 'name' is not present in the rendering"
            " data.",
        },
    ),
    "event: DeliveryDelay": (
        DeliveryDelay,
        {
            "at": dt.datetime(2026, 5, 4, 9, 30, tzinfo=UTC),
            "type": DelayType.MAILBOX_FULL,
            "recipients": (
                Recipient(
                    address="full@example.net",
                    bare="full@example.net",
                    status="4.2.2",
                    diagnostic="smtp; 452 4.2.2 mailbox full",
                ),
            ),
            "expires_at": dt.datetime(2026, 5, 4, 23, 8, 7, tzinfo=UTC),
            "reporting_mta": "",
        },
    ),
    "event: Subscription": (
        Subscription,
        {
            "at": dt.datetime(2026, 5, 4, 12, tzinfo=UTC),
            "contact_list": "customers",
            "source": "UnsubscribeHeader",
            "new": TopicPreferences(
                unsubscribe_all=True, topics={"offers": False}
            ),
            "old": TopicPreferences(topics={"offers": False}),
        },
    ),
    "subscription: one topic": (
        Subscription,
        {
            "at": dt.datetime(2026, 5, 4, 12, tzinfo=UTC),
            "contact_list": "customers",
            "source": "UnsubscribeHeader",
            "new": TopicPreferences(topics={"offers": False, "news": True}),
            "old": TopicPreferences(topics={"offers": False}),
        },
    ),
    "EventBridge: Sending Status Disabled": (
        SendingStatus,
        {
            "at": dt.datetime(2026, 5, 4, 9, 8, 9, tzinfo=UTC),
            "enabled": False,
            "account_id": "111122223333",
            "region": "eu-west-1",
            "resources": (
                "arn:aws:ses:eu-west-1:111122223333:configuration-set/main",
            ),
        },
    ),
    "EventBridge: Sending Status Enabled": (
        SendingStatus,
        {
            "at": dt.datetime(2026, 5, 4, 9, 8, 9, tzinfo=UTC),
            "enabled": True,
            "account_id": "111122223333",
            "region": "eu-west-1",
            "resources": (
                "arn:aws:ses:eu-west-1:111122223333:configuration-set/main",
            ),
        },
    ),
    "EventBridge: Advisor Recommendation Status Resolved": (
        Advice,
        {
            "at": dt.datetime(2026, 5, 4, 9, 8, 9, tzinfo=UTC),
            "is_open": False,
            "account_id": "111122223333",
            "region": "eu-west-1",
            "resources": (
                "arn:aws:ses:eu-west-1:111122223333:identity/example.com",
            ),
        },
    ),
    "SNS: SubscriptionConfirmation": (
        TopicConfirmation,
        {
            "at": SENT_AT,
            "kind": "SubscriptionConfirmation",
            "topic_arn": "arn:aws:sns:eu-west-1:111122223333:ses",
            "token": "2336412f37",
        },
    ),
    "set-up: an event destination": (
        SetUp,
        {
            "at": None,
            "text": "Successfully validated SNS topic for Amazon SES event"
            " publishing.",
        },
    ),
    "inbound mail": (
        UnknownEvent,
        {"at": None, "kind": "Received", "text": ""},
    ),
    "an event of tomorrow": (
        UnknownEvent,
        {"at": None, "kind": "Teleported", "text": ""},
    ),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_details(name: str) -> None:
    """Each kind of event says all that SES says."""
    event = sample(name)

    assert EXPECTED[name] == (type(event), details(event))


def test_notification() -> None:
    """An identity notification is the same event, with what it alone has."""
    event = sample("notification: Bounce")

    assert (
        BounceType.TRANSIENT,
        BounceSubType.MAILBOX_FULL,
        "192.0.2.10",
        "192.0.2.5",
        "app-user",
        "111122223333",
        {},
        (),
    ) == (
        getattr(event, "type", None),
        getattr(event, "sub_type", None),
        getattr(event, "remote_mta_ip", None),
        event.mail.source_ip,
        event.mail.caller_identity,
        event.mail.account_id,
        event.mail.tags,
        event.mail.headers,
    )


def test_odd_preferences() -> None:
    """A status that is neither yes nor no says nothing about a topic."""
    statuses = ["OptIn", "Pending", "", None, True]
    topics = [
        {"topicName": f"topic {number}", "subscriptionStatus": status}
        for number, status in enumerate(statuses)
    ]
    event = one(
        {
            "eventType": "Subscription",
            "subscription": {
                "newTopicPreferences": {
                    "unsubscribeAll": "true",
                    "topicSubscriptionStatus": [*topics, None, {}],
                }
            },
        }
    )
    assert isinstance(event, Subscription)
    expected = TopicPreferences(unsubscribe_all=True, topics={"topic 0": True})

    assert expected == event.new
