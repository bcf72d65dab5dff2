"""
Takes events out of whatever carried them, however often it was wrapped.

SNS, raw or not; SQS, by boto3 or Lambda; EventBridge; Lambda's records;
Firehose, as lines or as records in base64; and each of them in another.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from safeses.errors import InvalidEventError
from safeses.events._fields import mapping_of, text_of
from safeses.events._json import MAX_BYTES, load_all

# A mapping, a list or a text in another is one level. Of all that is used,
# EventBridge over SNS over SQS to Lambda has most: 8.
MAX_LEVELS: Final = 16
CONFIRMATIONS: Final = frozenset(
    {"SubscriptionConfirmation", "UnsubscribeConfirmation"}
)
SOURCE: Final = "aws.ses"
MAX_EVENTS: Final = 10_000
# The shortest that SES publishes has more.
MIN_EVENT_BYTES: Final = 256


class Way(NamedTuple):
    """
    What the carriers said on the way to an event.

    Attributes:
        carrier_id: What the innermost carrier calls the delivery.
        at: The time that it names, as it is written.
        account_id: The AWS account that it names.
        region: The AWS region that it names.
        is_by_sns: Whether somebody published it by SNS.
    """

    carrier_id: str = ""
    at: str = ""
    account_id: str = ""
    region: str = ""
    is_by_sns: bool = False


# What came out: a mapping, a text, or what JSON has beside them; and in how
# many mappings, lists and texts it was.
Found = tuple[object, Way, int]


def unpack(
    payload: object, *, carrier_id: str = "", max_bytes: int = MAX_BYTES
) -> list[Found]:
    """
    Return what *payload* carries, in order.

    Raises:
        InvalidEventError: It is of no type that carries events, or JSON
            in it breaks a limit.
    """
    if not isinstance(
        payload,
        (dict, list, str, bytes, bytearray, memoryview, tuple, Mapping),
    ):
        raise InvalidEventError(
            "an event as text, bytes, a mapping or a list",
            type(payload).__name__,
            "give what arrived, as it arrived",
        )
    carriers = Carriers(max_bytes)
    carriers.open(payload, Way(carrier_id), 0)
    return carriers.found


class Carriers:
    """Opens carriers, and collects what they carried, in order."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.max_events = max(MAX_EVENTS, max_bytes // MIN_EVENT_BYTES)
        self.found: list[Found] = []

    def _add(self, value: object, way: Way, level: int) -> None:
        self.found.append((value, way, level))
        if len(self.found) > self.max_events:
            raise InvalidEventError(
                f"at most {self.max_events:,} events",
                "more of them",
                "give batches in parts, or allow more bytes",
            )

    def open(self, value: object, way: Way, level: int) -> None:
        # To ask for any mapping is slow, so that comes last.
        if level > MAX_LEVELS:
            self._add(value, way, level)
        elif isinstance(value, (str, bytes, bytearray, memoryview)):
            self._open_text(value, way, level)
        elif isinstance(value, (dict, Mapping)):
            self._open_mapping(value, way, level)
        elif isinstance(value, (list, tuple)):
            for item in value:
                self.open(item, way, level + 1)
        else:
            self._add(value, way, level)

    def _open_text(
        self, data: str | bytes | bytearray | memoryview, way: Way, level: int
    ) -> None:
        documents = load_all(data, max_bytes=self.max_bytes)
        if documents is None:
            text = data if isinstance(data, str) else str(bytes(data), "utf-8")
            self._add(text, way, level)
            return
        for document in documents:
            self.open(document, way, level + 1)

    def _open_mapping(
        self, value: Mapping[str, Any], way: Way, level: int
    ) -> None:
        # First of all what an event is: nothing in it is a carrier.
        if "eventType" in value or "notificationType" in value:
            self._add(value, way, level)
        elif "Message" in value and ("Type" in value or "TopicArn" in value):
            self._open_sns(value, way, level)
        elif "detail-type" in value:
            self._open_event_bridge(value, way, level)
        elif isinstance(value.get("Sns"), Mapping):
            self._open_sns(value["Sns"], way, level + 1)
        elif not self._open_batch(value, way, level) and not self._open_sqs(
            value, way, level
        ):
            self._add(value, way, level)

    def _open_sns(
        self, value: Mapping[str, Any], way: Way, level: int
    ) -> None:
        inside = Way(
            text_of(value, "MessageId") or way.carrier_id,
            text_of(value, "Timestamp"),
            way.account_id,
            way.region,
            is_by_sns=True,
        )
        message = value.get("Message")
        if text_of(value, "Type") in CONFIRMATIONS:
            # SNS writes these itself.
            inside = inside._replace(is_by_sns=way.is_by_sns)
            self._add(value, inside, level)
        elif isinstance(message, (str, Mapping)):
            self.open(message, inside, level + 1)
        else:
            self._add(value, inside, level)

    def _open_event_bridge(
        self, value: Mapping[str, Any], way: Way, level: int
    ) -> None:
        way = Way(
            text_of(value, "id") or way.carrier_id,
            text_of(value, "time"),
            text_of(value, "account"),
            text_of(value, "region"),
        )
        detail = mapping_of(value, "detail")
        # Every program of the account may write to the bus; as its source
        # none but AWS can name a service of AWS.
        if value.get("source") == SOURCE and (
            "eventType" in detail or "notificationType" in detail
        ):
            self._add(detail, way, level + 1)
        else:
            self._add(value, way, level)

    def _open_batch(
        self, value: Mapping[str, Any], way: Way, level: int
    ) -> bool:
        for name in ("Records", "Messages", "records"):
            items = value.get(name)
            if isinstance(items, (list, tuple)):
                for item in items:
                    if name == "records":
                        self._open_record(item, way, level + 1)
                    else:
                        self.open(item, way, level + 1)
                return True
        # An answer of SQS that there is nothing.
        return len(value) == 1 and "ResponseMetadata" in value

    def _open_record(self, item: object, way: Way, level: int) -> None:
        """Open a record of Firehose, whose data Lambda gives in base64."""
        data = item.get("data") if isinstance(item, Mapping) else None
        if isinstance(data, str):
            try:
                data = base64.b64decode(data, validate=True)
            except (binascii.Error, ValueError):
                data = None
        if isinstance(data, (bytes, bytearray, memoryview)):
            self.open(data, way, level + 1)
        else:
            self._add(item, way, level)

    def _open_sqs(
        self, value: Mapping[str, Any], way: Way, level: int
    ) -> bool:
        """
        Open a message of SQS.

        A request to a gateway has a body too, and anybody may have sent
        it: that one has to be verified, and is not opened here.
        """
        if isinstance(value.get("Body"), str) and (
            "MessageId" in value or "ReceiptHandle" in value
        ):
            self.open(value["Body"], way, level + 1)
            return True
        if isinstance(value.get("body"), str) and (
            value.get("eventSource") == "aws:sqs"
        ):
            self.open(value["body"], way, level + 1)
            return True
        return False
