"""
The messages of Amazon SNS, and what of them is signed.

From the SNS Developer Guide, "Amazon SNS message and JSON formats" and
"Verifying the signatures of Amazon SNS messages", but for the last newline
of the text that is signed: real messages have it, the guide says otherwise.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from ._events import stamp

if TYPE_CHECKING:
    from collections.abc import Mapping

MessageType: TypeAlias = Literal[
    "Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"
]

_SIGNED: Final = (
    "Message",
    "MessageId",
    "Subject",
    "SubscribeURL",
    "Timestamp",
    "Token",
    "TopicArn",
    "Type",
)
_ARN_PARTS: Final = 6
_SUFFIXES: Final[Mapping[str, str]] = {
    "aws-cn": "amazonaws.com.cn",
    "aws-eusc": "amazonaws.eu",
}


def endpoint(arn: str) -> str:
    """Return the host of SNS in the region of a topic."""
    partition, _, region = _parts(arn)[1:4]
    return f"sns.{region}.{_SUFFIXES.get(partition, 'amazonaws.com')}"


def region_of(arn: str) -> str:
    """Return the region of a topic."""
    return _parts(arn)[3]


def subscription_arn(arn: str, number: int) -> str:
    """Return the ARN of one of a topic's subscriptions."""
    return f"{arn}:{uuid.UUID(int=number)}"


def unsigned(
    arn: str,
    message: str,
    *,
    subject: str | None,
    kind: MessageType,
    message_id: str | None,
    at: float,
) -> dict[str, str]:
    """
    Return a message of SNS without a signature.

    Args:
        arn: The topic.
        message: What it carries.
        subject: Its subject, None for none.
        kind: Its type; both confirmations carry a token.
        message_id: Its id, a new one if None.
        at: When it was published, in seconds since 1970.
    """
    instant = datetime.fromtimestamp(at, timezone.utc)
    envelope = {
        "Type": kind,
        "MessageId": message_id or str(uuid.uuid4()),
        "TopicArn": arn,
        "Message": message,
        "Timestamp": stamp(instant),
    }
    host = endpoint(arn)
    if kind == "Notification":
        if subject is not None:
            envelope["Subject"] = subject
        return envelope | {
            "UnsubscribeURL": (
                f"https://{host}/?Action=Unsubscribe"
                f"&SubscriptionArn={subscription_arn(arn, 0)}"
            )
        }
    token = uuid.uuid4().hex * 8
    return envelope | {
        "Token": token,
        "SubscribeURL": (
            f"https://{host}/?Action=ConfirmSubscription"
            f"&TopicArn={arn}&Token={token}"
        ),
    }


def to_sign(envelope: Mapping[str, str]) -> bytes:
    """
    Return what is signed: names and values, each on a line of its own.

    A subject of a confirmation would not be signed, and none has one; of a
    notification neither a token nor a URL is.
    """
    left_out = (
        {"SubscribeURL", "Token"}
        if envelope["Type"] == "Notification"
        else {"Subject"}
    )
    return "".join(
        f"{name}\n{envelope[name]}\n"
        for name in _SIGNED
        if name in envelope and name not in left_out
    ).encode()


def _parts(arn: str) -> list[str]:
    parts = arn.split(":")
    if len(parts) != _ARN_PARTS:
        raise ValueError("a topic's ARN is arn:aws:sns:REGION:ACCOUNT:NAME")
    return parts
