"""
What SES reports, and what carries it: every payload in every carrier.

``events_ses.jsonl`` has one payload a line, each with the name of the class
that it is read as. They are made up after the tables of the Developer Guide.
"""

from __future__ import annotations

import base64
import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

TOPIC_ARN: Final = "arn:aws:sns:eu-west-1:111122223333:ses"
SNS_ID: Final = "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324"
SQS_ID: Final = "059f36b4-87a3-44ab-83d2-661975830a7d"
BRIDGE_ID: Final = "7f1c9d3e-0000-4000-8000-000000000001"
SNS_TIME: Final = "2026-05-06T01:02:03.456Z"
BRIDGE_TIME: Final = "2026-05-06T01:02:04Z"
TAG: Final = "0123456789abcdef0123456789abcdef-0123456789abcdef"


class Sample(NamedTuple):
    """
    A payload, and what it is.

    Attributes:
        name: What it shows.
        type: The name of the class in `safeses.events`.
        payload: What SES publishes: a mapping, or once a text.
    """

    name: str
    type: str
    payload: Any


def _read() -> dict[str, Sample]:
    lines = Path(__file__).with_name("events_ses.jsonl").read_text("utf-8")
    samples = [Sample(**json.loads(line)) for line in lines.splitlines()]
    return {sample.name: sample for sample in samples}


SAMPLES: Final = _read()
# What can stand in a carrier: not what only a carrier itself says.
EVENTS: Final = {
    name: sample
    for name, sample in SAMPLES.items()
    if not name.startswith(("EventBridge:", "SNS:")) and sample.payload
}


def text(payload: object) -> str:
    """Return *payload* as SES writes it: a text as it is."""
    return payload if isinstance(payload, str) else json.dumps(payload)


def paths(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return where everything is in a payload."""
    found = [path] if path else []
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, item in items:
        found += paths(item, (*path, key))
    return found


def changed(payload: Any, path: tuple[Any, ...], junk: object) -> Any:
    """Return a payload with something else there, or without it."""
    copied = copy.deepcopy(payload)
    at = copied
    for key in path[:-1]:
        at = at[key]
    if junk is ...:
        del at[path[-1]]
    else:
        at[path[-1]] = junk
    return copied


def utf8(payload: object) -> bytes:
    """Return *payload* as bytes, be they UTF-8 or not."""
    return text(payload).encode("utf-8", "surrogatepass")


def sns(payload: object, **more: object) -> dict[str, Any]:
    """Return a notification of SNS."""
    return {
        "Type": "Notification",
        "MessageId": SNS_ID,
        "TopicArn": TOPIC_ARN,
        "Subject": "Amazon SES Email Event Notification",
        "Message": text(payload),
        "Timestamp": SNS_TIME,
        "SignatureVersion": "1",
        "Signature": "RVhBTVBMRQ==",
        "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/"
        "SimpleNotificationService-0123456789abcdef0123456789abcdef.pem",
        "UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=x",
        **more,
    }


def lambda_sns(payload: object) -> dict[str, Any]:
    """Return a record of SNS as Lambda spells it."""
    envelope = sns(payload, Subject=None)
    for name in ("SigningCert", "Unsubscribe"):
        envelope[f"{name}Url"] = envelope.pop(f"{name}URL")
    return {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": f"{TOPIC_ARN}:x",
        "Sns": envelope | {"MessageAttributes": {}},
    }


def sqs(body: object) -> dict[str, Any]:
    """Return a message as boto3 receives it."""
    return {
        "MessageId": SQS_ID,
        "ReceiptHandle": "AQEB",
        "MD5OfBody": "00",
        "Body": text(body),
    }


def lambda_sqs(body: object) -> dict[str, Any]:
    """Return a message as Lambda gives it."""
    return {
        "messageId": SQS_ID,
        "receiptHandle": "AQEB",
        "body": text(body),
        "attributes": {"SentTimestamp": "1778000000000"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:111122223333:ses",
        "awsRegion": "eu-west-1",
    }


def bridge(detail: object, **more: object) -> dict[str, Any]:
    """Return an event as EventBridge delivers it."""
    return {
        "version": "0",
        "id": BRIDGE_ID,
        "detail-type": "Email Something",
        "source": "aws.ses",
        "account": "111122223333",
        "time": BRIDGE_TIME,
        "region": "eu-west-1",
        "resources": [],
        "detail": detail,
        **more,
    }


def firehose_record(payload: object) -> dict[str, Any]:
    """Return a record as Firehose hands it to Lambda."""
    line = utf8(payload) + b"\n"
    return {"recordId": "1", "data": base64.b64encode(line).decode()}


def _records(item: object) -> dict[str, Any]:
    return {"Records": [item]}


# Those that take a text as well as a mapping.
CARRIERS: Final[dict[str, Callable[[Any], object]]] = {
    "SNS": sns,
    "SNS over HTTP": lambda p: utf8(sns(p)),
    "SNS to Lambda": lambda p: _records(lambda_sns(p)),
    "SNS, one record": lambda_sns,
    "SNS to SQS": lambda p: sqs(sns(p)),
    "SNS to SQS to Lambda": lambda p: _records(lambda_sqs(sns(p))),
    "SNS raw to SQS": sqs,
    "SQS to Lambda": lambda p: _records(lambda_sqs(p)),
    "SQS, one record": lambda_sqs,
    "SQS, an answer": lambda p: {
        "Messages": [sqs(p)],
        "ResponseMetadata": {"HTTPStatusCode": 200},
    },
    "SQS, a list": lambda p: [sqs(p)],
    "Firehose to Lambda": lambda p: {
        "invocationId": "1",
        "deliveryStreamArn": "arn:aws:firehose:eu-west-1:111122223333:x",
        "records": [firehose_record(p)],
    },
}
# Those that take nothing but JSON.
JSON_CARRIERS: Final[dict[str, Callable[[Any], object]]] = {
    "as it is": lambda p: p,
    "text": text,
    "bytes": utf8,
    "bytearray": lambda p: bytearray(utf8(p)),
    "memoryview": lambda p: memoryview(utf8(p)),
    "encoded twice": lambda p: json.dumps(text(p)),
    "encoded three times": lambda p: json.dumps(json.dumps(text(p))),
    "Firehose, a line": lambda p: utf8(p) + b"\n",
    "a list": lambda p: [p],
    "a tuple": lambda p: (p,),
    "EventBridge": bridge,
    "EventBridge, bytes": lambda p: utf8(bridge(p)),
    "EventBridge to SQS": lambda p: sqs(bridge(p)),
    "EventBridge to SNS to SQS to Lambda": lambda p: _records(
        lambda_sqs(sns(bridge(p)))
    ),
}
