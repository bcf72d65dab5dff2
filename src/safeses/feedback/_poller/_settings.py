"""
What a poller was given, checked before anything is made of it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, Protocol

import attrs

from safeses.errors import ConfigurationError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from safeses.errors import InvalidEventError

# SQS API reference, "ReceiveMessage" and "ChangeMessageVisibility".
LONGEST_WAIT_S: Final = 20
LONGEST_VISIBILITY_S: Final = 43_200
LARGEST_BATCH: Final = 10
# What SQS takes at most: Developer Guide, "message quotas".
BODY_BYTES: Final = 1_048_576
MOST_THREADS: Final = 64


@attrs.frozen(kw_only=True)
class PoisonMessage:
    """
    A message that holds no event, and never will.

    It is left to the redrive policy of its queue.

    Attributes:
        message_id: What SQS calls it.
        receives: How often it was received by now, by anybody.
        error: Why it is none.
        body: What it holds: perhaps addresses.
    """

    message_id: str
    receives: int
    error: InvalidEventError
    body: str = attrs.field(repr=False)


class HandledLike(Protocol):
    """What came of one event."""

    @property
    def status(self) -> str:
        """``"done"``, ``"duplicate"``, ``"ignored"``, or why it is not."""


class ReceivedLike(Protocol):
    """What came of one message."""

    @property
    def handled(self) -> Sequence[HandledLike]:
        """What came of each of its events."""

    @property
    def is_done(self) -> bool:
        """Whether it may be deleted."""


class ReceiverLike(Protocol):
    """What handles messages: `safeses.feedback.Receiver`."""

    def receive(self, payload: str, /) -> ReceivedLike:
        """
        Handle the events of one message.

        Raises:
            InvalidEventError: It holds none, and never will.
        """


@attrs.frozen(kw_only=True)
class Settings:
    """What `safeses.feedback.SQSPoller` was given; see there."""

    queue: str
    receiver: ReceiverLike
    sqs: Any
    threads: int
    wait_s: int
    visibility_s: int
    batch: int
    stop_s: float
    retry_s: float
    heartbeat_file: str | os.PathLike[str] | None
    max_body_bytes: int
    on_poison: Callable[[PoisonMessage], object] | None

    def __attrs_post_init__(self) -> None:
        queue: object = self.queue
        if not (isinstance(queue, str) and queue):
            raise ConfigurationError(
                f"queue_url={type(queue).__name__} is not a string, or empty",
                "give the URL or the ARN of the queue",
            )
        if isinstance(self.receiver, type) or not callable(
            getattr(self.receiver, "receive", None)
        ):
            raise ConfigurationError(
                f"receiver={type(self.receiver).__name__} receives nothing",
                "give a safeses.feedback.Receiver",
            )
        if self.on_poison is not None and not callable(self.on_poison):
            raise ConfigurationError(
                f"on_poison={type(self.on_poison).__name__} cannot be called",
                "give a function that takes a PoisonMessage",
            )
        _whole("threads", self.threads, 1, MOST_THREADS)
        _whole("wait_s", self.wait_s, 0, LONGEST_WAIT_S)
        _whole("visibility_s", self.visibility_s, 2, LONGEST_VISIBILITY_S)
        _whole("batch", self.batch, 1, LARGEST_BATCH)
        _whole("max_body_bytes", self.max_body_bytes, 1, None)
        _seconds("stop_s", self.stop_s)
        _seconds("retry_s", self.retry_s)


def _whole(name: str, value: object, least: int, most: int | None) -> None:
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if is_whole and least <= value and (most is None or value <= most):  # type: ignore[operator]  # is_whole
        return
    until = "" if most is None else f" to {most}"
    raise ConfigurationError(
        f"{name}={value!r} does not work",
        f"use a whole number from {least}{until}"
        if until
        else f"use a whole number, {least} or more",
    )


def _seconds(name: str, value: object) -> None:
    if (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and 0 <= value < math.inf
    ):
        return
    raise ConfigurationError(
        f"{name}={value!r} does not work", "use seconds, 0 or more"
    )
