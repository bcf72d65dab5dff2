"""No log line, reply or error of feedback shows what an event holds."""

from __future__ import annotations

import json
import logging
import re
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest
from tests.receiving import SpiedSeen, memory_parts, ses_event
from tests.sns_authority import (
    TOPIC,
    Loader,
    confirmation,
    notification,
    url,
)

from safeses.events import FeedbackEvent
from safeses.feedback._receiver import Receiver
from safeses.feedback._sns import SNSVerifier
from safeses.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Iterator

# What must not be shown, each with a word that stands nowhere else.
ADDRESS = "zaphod@private.example"
SUBJECT = "Confidential-heading"
TOKEN = "70c9e1b8"
SECRET = "correct-horse-battery"
PRIVATE = re.compile(
    f"zaphod|private.example|{SUBJECT}|{TOKEN}|correct-horse",
    re.IGNORECASE,
)
KINDS = (
    "Send",
    "Delivery",
    "Bounce",
    "Complaint",
    "Reject",
    "Open",
    "Click",
    "Rendering Failure",
    "DeliveryDelay",
    "Subscription",
    "Teleported",
)


def event(kind: str, **mail: Any) -> dict[str, Any]:
    """Return an event in every corner of which there is something private."""
    made = ses_event(
        kind,
        source=ADDRESS,
        destination=[ADDRESS],
        headers=[{"name": "Subject", "value": SUBJECT}],
        commonHeaders={"subject": SUBJECT, "to": [ADDRESS]},
        **mail,
    )
    one = {"emailAddress": ADDRESS, "diagnosticCode": f"550 no {ADDRESS}"}
    about = {
        "bounceType": "Permanent",
        "bounceSubType": f"To {ADDRESS}",
        "bouncedRecipients": [one],
        "complainedRecipients": [one],
        "delayedRecipients": [one],
        "recipients": [ADDRESS],
        "complaintFeedbackType": ADDRESS,
        "link": f"https://a.example/?to={ADDRESS}",
        "errorMessage": f"no {SUBJECT}",
        "contactList": ADDRESS,
        "newTopicPreferences": {"unsubscribeAll": True},
    }
    keys = {"Rendering Failure": "failure", "DeliveryDelay": "deliveryDelay"}
    return {**made, keys.get(kind, kind.lower()): about}


def messages() -> Iterator[Any]:
    """Return what a carrier may bring: genuine, forged, broken."""
    for number, kind in enumerate(KINDS):
        text = json.dumps(event(kind, messageId=f"m-{number}"))
        good = notification(Message=text, Subject=SUBJECT)
        yield from (good, good)
        yield {**good, "Message": text + ADDRESS}
        yield {**good, "TopicArn": f"{TOPIC}-{ADDRESS}"}
        yield {**good, "SigningCertURL": f"https://{ADDRESS}/x.pem"}
        yield {**good, "Signature": ADDRESS}
        yield {**good, "Timestamp": ADDRESS}
        yield text
        yield text[:-1]
        yield text[:-1] + f', "{ADDRESS}": 1, "{ADDRESS}": 2}}'
        yield notification(Message=f"{{{SUBJECT} {ADDRESS}")
        yield notification(Message=text, SigningCertURL=url(9))
    for kind in ("SubscriptionConfirmation", "UnsubscribeConfirmation"):
        yield confirmation(kind, Token=TOKEN, Message=f"{ADDRESS} {SUBJECT}")
        yield confirmation(kind, Token=TOKEN, TopicArn=f"{ADDRESS}\n")


def carried(message: Any, number: int) -> dict[str, Any]:
    """Return a message in a queue, as Lambda has it."""
    body = message if isinstance(message, str) else json.dumps(message)
    return {
        "messageId": f"q-{number}",
        "body": body,
        "eventSource": "aws:sqs",
    }


@pytest.mark.parametrize("hook", ["fails", "works"])
@pytest.mark.parametrize("away", ["", "has", "hold", "mark"])
@pytest.mark.parametrize("topics", [[TOPIC], []])
def test_nothing_private_is_shown(
    topics: list[str],
    away: str,
    hook: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """At DEBUG, whatever comes by whatever way, and whatever fails."""
    clock = FakeClock()
    seen = SpiedSeen(fails={away})
    parts = memory_parts(clock, seen=seen, tag_key=b"k" * 32)

    def hear(heard: FeedbackEvent) -> None:
        if hook == "fails":
            raise ValueError(repr(heard.raw))

    parts.hooks.add(FeedbackEvent, hear, "hear")
    loader = Loader(other=OSError(ADDRESS))
    by_http = Receiver(
        parts,
        verifier=SNSVerifier([TOPIC], loader=loader, clock=clock),
        secret=SECRET,
    )
    trusting = Receiver(parts, topics)
    pair = b64encode(f"sns:{SECRET}".encode()).decode()
    shown: list[str] = []
    with caplog.at_level(logging.DEBUG):
        for number, message in enumerate(messages()):
            # Lines of a kind are written once a minute.
            clock.advance(61.0)
            clock.step_wall(-61.0)
            queued = carried(message, number)
            for headers in ({"Authorization": f"Basic {pair}"}, {}):
                reply = by_http.receive_http(headers, queued["body"])
                shown.append(repr(reply))
            answer = trusting.receive_lambda({"Records": [queued]})
            shown.append(repr(answer))
            try:
                answer = trusting.receive_lambda({"Records": [message]})
                shown.append(repr(answer))
                received = trusting.receive(message)
                shown.append(repr(received))
                acts = map(trusting.explain, received.events)
                shown.append(repr([*acts]))
            except Exception as error:  # noqa: BLE001  # of whatever kind
                shown.append(f"{error!r} {error}")
    shown += [record.getMessage() for record in caplog.records]
    shown += [str(record.exc_info) for record in caplog.records]
    levels = {record.levelno for record in caplog.records}

    assert ([], True, True) == (
        [line[:200] for line in shown if PRIVATE.search(line)],
        len(caplog.records) > len(KINDS),
        max(levels) <= logging.WARNING,
    )
