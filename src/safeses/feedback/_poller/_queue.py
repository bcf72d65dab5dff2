"""
The three calls of SQS that a poller needs, in batches.

What boto3 raises stops here: `QueueError` says which action failed, and
names neither a queue nor a message.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import attrs

from safeses.feedback._poller._outage import QueueError
from safeses.feedback._poller._settings import (
    LARGEST_BATCH,
    LONGEST_VISIBILITY_S,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from safeses.feedback._poller._outage import Outages

RECEIVE: Final = "ReceiveMessage"
DELETE: Final = "DeleteMessage"
HIDE: Final = "ChangeMessageVisibility"

# The last word of the code: SQS has prefixes, which differ by protocol.
_DENIED: Final = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "KmsAccessDenied",
        "KmsDisabled",
        "KmsNotFound",
        "NotAuthorized",
        "OptInRequired",
    }
)
_NO_QUEUE: Final = frozenset(
    {"InvalidAddress", "NonExistentQueue", "QueueDoesNotExist"}
)
_CREDENTIALS: Final = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSecurity",
        "MissingAuthenticationToken",
        "NoCredentialsError",
        "PartialCredentialsError",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_WRONG: Final = frozenset(
    {"InvalidParameterValue", "ParamValidationError", "UnsupportedOperation"}
)


@attrs.frozen(kw_only=True)
class Message:
    """
    One message, as SQS handed it over.

    Attributes:
        id: What SQS calls it.
        handle: What it is deleted by, after this receive.
        receives: How often it was received by now, by anybody.
        body: What it holds.
    """

    id: str
    handle: str = attrs.field(repr=False)
    receives: int = 1
    body: str = attrs.field(default="", repr=False)


@attrs.define(eq=False)
class Queue:
    """
    One queue, through boto3 clients that threads may share.

    Attributes:
        url: The queue.
        polls: The client that waits for messages.
        acts: The one for all else, which must not wait long.
        outages: Who is told whether SQS answers.
    """

    url: str
    polls: Any
    acts: Any
    outages: Outages

    def receive(
        self, count: int, wait_s: int, visibility_s: int
    ) -> list[Message]:
        """
        Return some messages, hidden from others for a while.

        Raises:
            QueueError: SQS did not answer, or refused.
        """
        answer = self._call(
            RECEIVE,
            self.polls.receive_message,
            MaxNumberOfMessages=count,
            WaitTimeSeconds=wait_s,
            VisibilityTimeout=visibility_s,
            AttributeNames=["ApproximateReceiveCount"],
        )
        return [*map(_message, answer.get("Messages") or ())]

    def delete(self, messages: Sequence[Message]) -> list[Message]:
        """
        Delete *messages*; return those that are worth another try.

        Raises:
            QueueError: SQS did not answer, or refused.
        """
        again: list[Message] = []
        for batch in _batches(messages):
            _, failed = self._batch(
                DELETE,
                self.acts.delete_message_batch,
                [{"ReceiptHandle": message.handle} for message in batch],
            )
            # Of those that SQS blames on us, the handle is too old: they
            # are deleted, or somebody else has them.
            again += [batch[n] for n, is_ours in failed if not is_ours]
        return again

    def hide(
        self, messages: Sequence[tuple[Message, float]]
    ) -> tuple[list[Message], list[Message]]:
        """
        Hide each message from now on for some seconds; 0 gives it back.

        Returns:
            Those that are hidden, and those that are not ours any more.
            What is in neither is worth another try.

        Raises:
            QueueError: SQS did not answer, or refused.
        """
        hidden: list[Message] = []
        lost: list[Message] = []
        for batch in _batches(messages):
            done, failed = self._batch(
                HIDE,
                self.acts.change_message_visibility_batch,
                [
                    {
                        "ReceiptHandle": message.handle,
                        "VisibilityTimeout": _whole_s(seconds),
                    }
                    for message, seconds in batch
                ],
            )
            hidden += [batch[n][0] for n in done]
            lost += [batch[n][0] for n, is_ours in failed if is_ours]
        return hidden, lost

    def _batch(
        self,
        action: str,
        call: Callable[..., Any],
        entries: Sequence[Mapping[str, object]],
    ) -> tuple[list[int], list[tuple[int, bool]]]:
        answer = self._call(
            action,
            call,
            Entries=[
                {"Id": str(n), **entry} for n, entry in enumerate(entries)
            ],
        )
        done = [int(entry["Id"]) for entry in answer.get("Successful") or ()]
        failed = [
            (int(entry["Id"]), bool(entry.get("SenderFault")))
            for entry in answer.get("Failed") or ()
        ]
        return done, failed

    def _call(
        self, action: str, call: Callable[..., Any], **arguments: object
    ) -> Mapping[str, Any]:
        try:
            answer: Mapping[str, Any] = call(QueueUrl=self.url, **arguments)
        except Exception as error:  # noqa: BLE001  # boto3 may raise anything
            failed = _failed(action, error)
        else:
            self.outages.ended(action)
            return answer
        # Outside of the except block: botocore's texts quote what it sent.
        raise failed


def _failed(action: str, error: Exception) -> QueueError:
    response: Any = getattr(error, "response", None)
    code = type(error).__name__
    if isinstance(response, dict):
        code = str(response.get("Error", {}).get("Code") or code)
    last = code.replace("#", ".").rpartition(".")[2]
    remedy = ""
    if last in _DENIED:
        remedy = f"allow sqs:{action} on the queue (and on its key) in IAM"
    elif last in _NO_QUEUE:
        remedy = "check the URL, the region and the account of the queue"
    elif last in _CREDENTIALS:
        remedy = "check the AWS credentials of this process"
    elif last in _WRONG:
        remedy = "check the URL of the queue and the boto3 client"
    return QueueError(action, last, remedy)


def _message(given: Mapping[str, Any]) -> Message:
    attributes = given.get("Attributes") or {}
    try:
        receives = int(attributes.get("ApproximateReceiveCount", 1))
    except ValueError:  # not of SQS itself
        receives = 1
    return Message(
        id=str(given.get("MessageId", "")),
        handle=str(given["ReceiptHandle"]),
        receives=max(receives, 1),
        body=str(given.get("Body", "")),
    )


def _batches(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), LARGEST_BATCH):
        yield items[start : start + LARGEST_BATCH]


def _whole_s(seconds: float) -> int:
    return min(max(0, math.ceil(seconds)), LONGEST_VISIBILITY_S)
