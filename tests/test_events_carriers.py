from __future__ import annotations

import base64
import json
from types import MappingProxyType
from typing import Any

import pytest
from tests.corpora.events_ses import (
    BRIDGE_ID,
    CARRIERS,
    EVENTS,
    JSON_CARRIERS,
    SAMPLES,
    SNS_ID,
    bridge,
    firehose_record,
    lambda_sns,
    lambda_sqs,
    sns,
    sqs,
    text,
)

from safeses.errors import InvalidEventError
from safeses.events import Bounce, UnknownEvent, parse
from safeses.events._carriers import MAX_EVENTS, MAX_LEVELS

BOUNCE = SAMPLES["event: Bounce"].payload
SEND = SAMPLES["event: Send"].payload
SET_UP = SAMPLES["set-up: an event destination"].payload


def kinds(payload: object) -> list[str]:
    """Return the kinds of events that *payload* carries."""
    return [type(event).__name__ for event in parse(payload)]


def refused(payload: object) -> str:
    """Return the rule that refuses *payload*, ``""`` if none does."""
    try:
        parse(payload)
    except InvalidEventError as error:
        return error.rule
    return ""


@pytest.mark.parametrize("carrier", [*CARRIERS, *JSON_CARRIERS])
def test_every_event_in_every_carrier(carrier: str) -> None:
    """Whatever carries it, it is the same event, with the same id."""
    wrap = CARRIERS.get(carrier) or JSON_CARRIERS[carrier]
    wrong = []
    for name, (_, kind, payload) in EVENTS.items():
        if isinstance(payload, str) and carrier in JSON_CARRIERS:
            continue
        (bare,) = parse(payload)
        found = [
            (type(event).__name__, event.id == bare.id, event.raw)
            for event in parse(wrap(payload))
        ]
        # A text has no id but that of its delivery.
        is_same = not isinstance(payload, str) or "SNS" not in carrier
        is_same = is_same or "raw" in carrier
        if [(kind, is_same, bare.raw)] != found:
            wrong.append((name, found))

    assert [] == wrong


@pytest.mark.parametrize(
    "carrier, carrier_id",
    [
        ("as it is", "outside"),
        ("SNS", SNS_ID),
        ("SNS over HTTP", SNS_ID),
        ("SNS to Lambda", SNS_ID),
        ("SNS to SQS to Lambda", SNS_ID),
        ("SNS raw to SQS", "outside"),
        ("EventBridge", BRIDGE_ID),
        ("EventBridge to SNS to SQS to Lambda", BRIDGE_ID),
        ("Firehose to Lambda", "outside"),
    ],
)
def test_carrier_id(carrier: str, carrier_id: str) -> None:
    """The innermost carrier names the delivery, else who called."""
    wrap = CARRIERS.get(carrier) or JSON_CARRIERS[carrier]
    (event,) = parse(wrap(BOUNCE), carrier_id="outside")

    assert carrier_id == event.carrier_id


@pytest.mark.parametrize(
    "payload",
    [
        {"Records": [lambda_sns(BOUNCE), lambda_sqs(sns(SEND))]},
        [sqs(BOUNCE), sqs(sns(SEND))],
        {"Messages": [sqs(bridge(BOUNCE)), sqs(SEND)]},
        {"records": [firehose_record(BOUNCE), firehose_record(SEND)]},
        f"{text(BOUNCE)}\n{text(SEND)}\n",
        f"{text(BOUNCE)}{text(SEND)}",
        f"[{text(BOUNCE)},{text(SEND)}]".encode(),
        {"records": [firehose_record(text(BOUNCE) + text(SEND))]},
        sqs([sns(BOUNCE), SEND]),
        MappingProxyType(
            {"Records": (MappingProxyType(lambda_sqs(BOUNCE)), sns(SEND))}
        ),
    ],
    ids=range(10),
)
def test_batches(payload: object) -> None:
    """Of a batch every event comes out, in order, mixed as it may be."""
    assert ["Bounce", "Send"] == kinds(payload)


@pytest.mark.parametrize(
    "payload",
    [
        [],
        (),
        "[]",
        {"Records": []},
        {"Messages": []},
        {"records": []},
        {"ResponseMetadata": {"HTTPStatusCode": 200}},
    ],
    ids=repr,
)
def test_nothing(payload: object) -> None:
    """An empty batch has no events, and so has an empty answer of SQS."""
    assert [] == kinds(payload)


def test_confirmation() -> None:
    """A confirmation keeps what confirms it, and its text is no event."""
    payload = SAMPLES["SNS: SubscriptionConfirmation"].payload
    wrapped = payload | {"Message": text(BOUNCE)}
    found = [
        kinds(each)
        for each in (
            payload,
            wrapped,
            sqs(wrapped),
            lambda_sns({}) | {"Sns": wrapped},
        )
    ]

    assert [["TopicConfirmation"]] * 4 == found


def test_confirmation_that_somebody_published() -> None:
    """SNS alone asks for a confirmation: a message cannot ask for one."""
    payload = SAMPLES["SNS: SubscriptionConfirmation"].payload
    found = [
        kinds(each)
        for each in (
            sns(payload),
            sqs(sns([payload])),
            lambda_sns(payload),
            sns(bridge(payload)),
            sns(sqs(payload)),
            sns(sns(payload)),
        )
    ]

    assert [["UnknownEvent"]] * 6 == found


def test_foreign_source() -> None:
    """What another program puts on the bus is no event of SES."""
    status = SAMPLES["EventBridge: Sending Status Disabled"].payload
    found = [
        kinds(bridge(BOUNCE, source="my.app")),
        kinds(bridge(BOUNCE, source=None)),
        kinds(sqs(bridge(BOUNCE, source="aws.s3"))),
        kinds(status | {"source": "my.app"}),
    ]

    assert [["UnknownEvent"]] * 4 == found


@pytest.mark.parametrize(
    "payload",
    [
        {"body": text(BOUNCE), "headers": {}, "isBase64Encoded": False},
        {"body": text(BOUNCE), "eventSource": "aws:s3"},
        {"Body": text(BOUNCE)},
        {"Message": text(BOUNCE)},
        {"Records": {"body": text(BOUNCE)}},
        {"data": text(BOUNCE)},
    ],
)
def test_requests_are_not_opened(payload: dict[str, Any]) -> None:
    """A request to a gateway is no carrier: anybody may have written it."""
    (event,) = parse(payload)

    assert (UnknownEvent, payload) == (type(event), event.raw)


def test_nothing_in_an_event_is_a_carrier() -> None:
    """What stands in an event is data, be it named like a carrier's."""
    payload = BOUNCE | {
        "Type": "Notification",
        "Message": text(SEND),
        "Records": [SEND],
        "detail-type": "Email Sent",
        "detail": SEND,
        "Body": text(SEND),
        "MessageId": "x",
    }

    assert ["Bounce"] == kinds(payload)


@pytest.mark.parametrize("levels", [4, MAX_LEVELS - 1])
def test_encoded_often(levels: int) -> None:
    """JSON in JSON is opened, however often somebody encoded it."""
    nested: Any = BOUNCE
    for _ in range(levels):
        nested = [nested]

    assert ["Bounce"] == kinds(nested)


def test_encoded_too_often() -> None:
    """What is wrapped without end is left as it is."""
    nested: Any = BOUNCE
    for _ in range(100_000):
        nested = [nested]
    texts = text({"a": "[" * 40_000})
    for _ in range(6):
        texts = json.dumps(texts)

    assert [["UnknownEvent"]] * 2 == [kinds(nested), kinds(sqs(texts))]


@pytest.mark.parametrize(
    "bomb",
    [
        "[" * 100_000 + "]" * 100_000,
        '{"eventType":"Bounce","bounce":' + "[" * 70 + "]" * 70 + "}",
        '{"eventType":"Bounce","eventType":"Send"}',
        '{"eventType":"Bounce","a":NaN}',
        '{"eventType":"Bounce","a":1e999}',
        '{"eventType":"Bounce","a":' + "1" * 500 + "}",
        '{"a":"' + "x" * 1_048_576 + '"}',
    ],
    ids=range(7),
)
def test_bombs(bomb: str) -> None:
    """JSON that breaks a limit is refused in every carrier."""
    payloads = [wrap(bomb) for wrap in CARRIERS.values()]
    rules = {refused(payload) for payload in payloads}

    assert "" not in rules


def test_many_events() -> None:
    """A batch has as many events as anybody sends, and no more."""
    fits, more = ["[" + "0," * (n - 1) + "0]" for n in (MAX_EVENTS, 10_001)]

    assert (MAX_EVENTS, "at most 10,000 events") == (
        len(parse(fits)),
        refused(more),
    )


def test_large_batches() -> None:
    """A file of Firehose may be larger, if the caller allows it."""
    lines = (text(SEND) + "\n") * 5_000
    found = parse(lines.encode(), max_bytes=10 * 1_048_576)

    assert (5_000, "at most 1,048,576 bytes") == (len(found), refused(lines))


@pytest.mark.parametrize(
    "record",
    [
        None,
        {},
        {"data": None},
        {"data": "no base 64!"},
        {"data": "\u00e9"},
        {"data": 7},
        "text",
    ],
)
def test_odd_records(record: object) -> None:
    """A record that is none does not keep the others from being read."""
    payload = {"records": [record, firehose_record(BOUNCE)]}

    assert ["UnknownEvent", "Bounce"] == kinds(payload)


def test_bytes_in_a_record() -> None:
    """Data may be bytes already, and its base64 may be in lines."""
    found = [
        kinds({"records": [{"data": text(BOUNCE).encode()}]}),
        kinds(
            {
                "records": [
                    {"data": base64.b64encode(text(BOUNCE).encode()).decode()}
                ]
            }
        ),
    ]

    assert [["Bounce"]] * 2 == found


@pytest.mark.parametrize(
    "junk", [None, True, 0, [], {}, ["x"], {"a": 1}], ids=repr
)
def test_odd_envelopes(junk: Any) -> None:
    """A member of a carrier with another type costs itself alone."""
    kept = [
        kinds(payload | {name: junk})
        for payload in (sns(BOUNCE), bridge(BOUNCE), sqs(BOUNCE))
        for name in payload
        if name not in {"Message", "Body", "detail", "source"}
    ]
    lost = [
        kinds(sns(BOUNCE, Message=junk)),
        kinds(bridge(junk)),
        kinds(sqs(BOUNCE) | {"Body": junk}),
        kinds({"Records": [junk]}),
    ]

    assert [["Bounce"]] * len(kept) == kept, lost


def test_decoded_message() -> None:
    """A message that somebody decoded already is read as well."""
    found = parse(sns("") | {"Message": BOUNCE})

    assert (Bounce, SNS_ID) == (type(found[0]), found[0].carrier_id)
