from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from tests.corpora.events_ses import SAMPLES, bridge, changed, sns

from safeses.events import (
    FeedbackEvent,
    parse,
)

UTC = dt.timezone.utc
SENT_AT = dt.datetime(2026, 5, 4, 9, 8, 7, 123_000, tzinfo=UTC)
MAIL = {"messageId": "m-1", "timestamp": "2026-05-04T09:08:07.123Z"}


def one(payload: object) -> FeedbackEvent:
    """Return the one event that *payload* carries."""
    (event,) = parse(payload)
    return event


def sample(name: str) -> FeedbackEvent:
    """Return a sample, read."""
    return one(SAMPLES[name].payload)


@pytest.mark.parametrize(
    "payload, at",
    [
        (
            {
                "eventType": "Open",
                "open": {"timestamp": "2026-05-07T00:00:00Z"},
            },
            dt.datetime(2026, 5, 7, tzinfo=UTC),
        ),
        ({"eventType": "Send", "mail": MAIL}, SENT_AT),
        ({"eventType": "Reject", "mail": MAIL}, SENT_AT),
        ({"eventType": "Rendering Failure", "mail": MAIL}, SENT_AT),
        ({"eventType": "Open", "mail": MAIL}, None),
        (
            bridge({"eventType": "Open", "mail": MAIL}),
            dt.datetime(2026, 5, 6, 1, 2, 4, tzinfo=UTC),
        ),
        (
            sns({"eventType": "Open", "open": {"timestamp": "noon"}}),
            dt.datetime(2026, 5, 6, 1, 2, 3, 456_000, tzinfo=UTC),
        ),
        (
            sns(bridge({"eventType": "Open"})),
            dt.datetime(2026, 5, 6, 1, 2, 4, tzinfo=UTC),
        ),
        (sns({"eventType": "Send", "mail": MAIL}), SENT_AT),
    ],
)
def test_at(payload: object, at: dt.datetime | None) -> None:
    """It is its own time that counts, else that of who carried it."""
    assert at == one(payload).at


def test_ids_differ() -> None:
    """The same id says the same of the same mail, and no other id does."""
    found: dict[str, set[str]] = {}
    for name in SAMPLES:
        event = sample(name)
        said = {
            name: value
            for name, value in event.raw.items()
            if isinstance(value, dict) and name != "mail"
        }
        text = f"{event.mail.message_id} {event.raw.get('id')} {said}"
        text += f"{type(event)} {getattr(event, 'kind', '')}"
        text += getattr(event, "text", "")
        found.setdefault(event.id, set()).add(text)

    assert ({1}, True, {64}) == (
        {len(texts) for texts in found.values()},
        len({*map(str, found.values())}) == len(found),
        {len(name) for name in found},
    )


def test_id_of_content() -> None:
    """Neither order nor spelling, only what happened, makes the id."""
    payload = SAMPLES["event: Bounce"].payload
    turned = dict(reversed(payload.items()))
    texts = [
        json.dumps(turned),
        json.dumps(payload, indent=3),
        json.dumps(payload).replace("gone", "\\u0067one"),
    ]
    ids = {one(payload).id, *(one(text).id for text in texts)}

    assert 1 == len(ids)


def test_id_of_what_happened() -> None:
    """An id is of the mail and of what happened to it, and of nothing else."""
    payload = SAMPLES["event: Bounce"].payload
    same = [
        (("mail", "tags"), {"a": ["b"]}),
        (("mail", "headers"), []),
        (("eventType",), "BOUNCE"),
    ]
    others = [
        (("mail", "messageId"), "m-4"),
        (("eventType",), "Complaint"),
        (("bounce", "timestamp"), "2026-05-04T09:08:10.001Z"),
        (("bounce", "bouncedRecipients", 0, "emailAddress"), "x@example.net"),
        (("bounce", "new"), 1),
    ]
    whole = one(payload).id
    found = [
        [one(changed(payload, *change)).id == whole for change in changes]
        for changes in (same, others)
    ]

    assert [[True] * 3, [False] * 5] == found


def test_id_without_a_mail() -> None:
    """Where no mail is named, an id is of all there is."""
    payloads = [
        {"eventType": "Open", "mail": {"source": source}}
        for source in ("a@example.com", "b@example.com")
    ]

    assert one(payloads[0]).id != one(payloads[1]).id


def of_mail(kind: str, **members: object) -> dict[str, object]:
    """Return an event about one mail to two recipients."""
    to = ["ann@example.net", "bob@example.net"]
    return {"eventType": kind, "mail": MAIL | {"destination": to}, **members}


AT = "2026-05-04T09:08:10.000Z"
BOUNCED = {"bounceType": "Permanent", "timestamp": AT}
PAIRS: dict[str, tuple[object, object]] = {
    "two recipients, in the same millisecond": (
        of_mail("Bounce", bounce=BOUNCED | {"bouncedRecipients": ["a@b.c"]}),
        of_mail("Bounce", bounce=BOUNCED | {"bouncedRecipients": ["d@b.c"]}),
    ),
    "delivered to others": (
        of_mail("Delivery", delivery={"timestamp": AT, "recipients": ["a"]}),
        of_mail("Delivery", delivery={"timestamp": AT, "recipients": ["b"]}),
    ),
    "opened again": (
        of_mail("Open", open={"timestamp": AT}),
        of_mail("Open", open={"timestamp": AT.replace("10.000", "10.001")}),
    ),
    "of another kind": (
        of_mail("Send", send={}),
        of_mail("Reject", reject={}),
    ),
    "taken for others": (
        of_mail("Send", send={}),
        of_mail("Send", send={}) | {"mail": MAIL | {"destination": ["d@b.c"]}},
    ),
    "taken, in a form of tomorrow": (
        of_mail("Send", send=["a"]),
        of_mail("Send", send=["b"]),
    ),
    "no details that can be read": (
        of_mail("Bounce", bounce=["a@b.c"]),
        of_mail("Bounce", bounce=["d@b.c"]),
    ),
    "details in another place": (
        of_mail("DeliveryDelay", delay={"timestamp": AT}),
        of_mail("DeliveryDelay", delay={"timestamp": AT, "delayType": "x"}),
    ),
    "no time": (
        of_mail("Complaint", complaint={}, at="noon"),
        of_mail("Complaint", complaint={}, at="midnight"),
    ),
    "unknown": (of_mail("New", new={"n": 1}), of_mail("New", new={"n": 2})),
    "two reports of EventBridge": (
        bridge({}, id="a", **{"detail-type": "Sending Status Enabled"}),
        bridge({}, id="b", **{"detail-type": "Sending Status Enabled"}),
    ),
    "one id, as two programs have it": (
        bridge({"n": 1}, source="my.app"),
        bridge({"n": 2}, source="my.app"),
    ),
    "a text that is made up": (
        [bridge({}, id="x", **{"detail-type": "Sending Status Enabled"})],
        sns("Sending Status Enabled", MessageId="x"),
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_two_events(name: str) -> None:
    """Who takes two events for one loses a suppression."""
    first, second = (one(payload).id for payload in PAIRS[name])

    assert first != second


def test_two_ways_of_publishing() -> None:
    """A bounce that is told in both ways is one, if they say the same."""
    event = SAMPLES["event: Bounce"].payload
    told: dict[str, Any] = {
        "notificationType": "Bounce",
        "bounce": event["bounce"],
    }
    told["mail"] = {
        **{k: v for k, v in event["mail"].items() if k != "tags"},
        "sourceIp": "192.0.2.5",
    }
    other = told | {"bounce": event["bounce"] | {"remoteMtaIp": "192.0.2.9"}}

    assert [True, False] == [
        one(event).id == one(payload).id for payload in (told, other)
    ]
