"""Where events go: a function, a topic, a queue."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

import attrs

from ._envelopes import unsigned
from ._events import bridged, written
from ._rate import Clock, RealClock
from ._sns import TOPIC_ARN

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._fields import Params
    from ._sns import SimulatedTopic


@runtime_checkable
class TextDestination(Protocol):
    """Takes the JSON text of an event, and brings it somewhere."""

    def publish(self, message: str, /) -> object:
        """Bring the text of one event to where it belongs."""


Destination: TypeAlias = "TextDestination | Callable[[Params], object]"


@attrs.frozen
class SQSDestination:
    """
    A queue of SQS, as SNS or EventBridge fill it.

    Attributes:
        queue_url: URL of the queue.
        sqs_client: boto3's client of SQS.
        raw: The body is the event alone (raw message delivery); else it is
            the message of SNS that carries it.
        eventbridge: The body is EventBridge's envelope instead; takes the
            spelling ``"event"`` only.
        topic: What signs the message of SNS; without one it carries no
            true signature, which nobody checks behind a queue.
        clock: Where the time of messages comes from; the host's if None.
    """

    queue_url: str
    sqs_client: Any = attrs.field(repr=False)
    raw: bool = attrs.field(default=False, kw_only=True)
    eventbridge: bool = attrs.field(default=False, kw_only=True)
    topic: SimulatedTopic | None = attrs.field(default=None, kw_only=True)
    clock: Clock | None = attrs.field(default=None, kw_only=True, repr=False)

    def publish(self, message: str, /) -> None:
        """Send one message to the queue."""
        self.sqs_client.send_message(
            QueueUrl=self.queue_url, MessageBody=self._body(message)
        )

    def _body(self, message: str) -> str:
        if self.eventbridge:
            return written(bridged(json.loads(message)))
        if self.raw:
            return message
        if self.topic is not None:
            return written(self.topic.envelope(message))
        envelope = unsigned(
            TOPIC_ARN,
            message,
            subject=None,
            kind="Notification",
            message_id=None,
            at=(self.clock or RealClock()).time(),
        )
        return written(
            envelope | {"SignatureVersion": "1", "Signature": "c2ltdWxhdGVk"}
        )


def taking(destination: Destination) -> Callable[[Params], object]:
    """Return what takes an event to *destination*."""
    if isinstance(destination, TextDestination):
        publish = destination.publish
        return lambda event: publish(written(event))
    return destination
