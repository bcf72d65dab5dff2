"""
What SNS signs of a message, checked before it is used.

SNS signs lines: the name of a field, its value, the next name. As only
the message itself may hold the end of a line, no two messages have the
same lines: what was signed of one field can never pass as another.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import datetime as dt
import re
from collections.abc import Mapping
from typing import Any, Final

import attrs

from safeses.errors import UnverifiedEventError

NOTIFICATION: Final = "Notification"
SUBSCRIPTION: Final = "SubscriptionConfirmation"
UNSUBSCRIPTION: Final = "UnsubscribeConfirmation"

# In the order in which they are signed (SNS Developer Guide, "Verifying
# the signatures of Amazon SNS messages"). What the guide says of the last
# newline is wrong: genuine signatures include it.
_CONFIRMATION: Final = (
    "Message",
    "MessageId",
    "SubscribeURL",
    "Timestamp",
    "Token",
    "TopicArn",
    "Type",
)
_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    NOTIFICATION: (
        "Message",
        "MessageId",
        "Subject",
        "Timestamp",
        "TopicArn",
        "Type",
    ),
    SUBSCRIPTION: _CONFIRMATION,
    UNSUBSCRIPTION: _CONFIRMATION,
}
_OPTIONAL: Final = frozenset({"Subject"})
_SEVERAL_LINES: Final = frozenset({"Message"})
# What ends a line, or could pass as its end. A subject of SNS holds no
# control character (API reference, Publish).
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_TIMESTAMP: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"T([0-9]{2}):([0-9]{2}):([0-9]{2})(\.[0-9]{1,9})?Z"
)
# A key of 8,192 bits.
_SIGNATURE_MAX_CHARS: Final = 1368
# Lambda writes the last letters small.
_URL_KEYS: Final = ("SigningCertURL", "SigningCertUrl")
_ENVELOPE: Final = ("Type", "MessageId", "TopicArn", "Message")
_GENUINE: Final = (
    "let SNS's own messages through as they are, and answer others with 403"
)


@attrs.frozen(kw_only=True)
class Signed:
    """
    The fields of an envelope, each of its type; nothing is proved yet.

    Attributes:
        kind: Its Type.
        topic_arn: Which topic it claims to be from.
        version: Its SignatureVersion, any text.
        url: Where the certificate is said to be, any text.
        fields: What is signed, in order: names and values.
    """

    kind: str
    topic_arn: str
    version: str
    url: str
    _timestamp: str
    _signature: str
    fields: tuple[tuple[str, str], ...]

    def data(self) -> bytes:
        """
        Return the bytes that are signed.

        Raises:
            UnverifiedEventError: There are none: it holds half a character.
        """
        lines = [part for field in self.fields for part in field]
        lines.append("")  # for the newline after the last value
        with contextlib.suppress(UnicodeEncodeError):
            return "\n".join(lines).encode()
        # Not while that is handled: it holds the message.
        raise refused("a signed text is Unicode", "half a character")

    def signature(self) -> bytes:
        """
        Return the signature.

        Raises:
            UnverifiedEventError: It is not base64, or another spelling of it.
        """
        text = self._signature
        if len(text) <= _SIGNATURE_MAX_CHARS:
            try:
                signature = base64.b64decode(text, validate=True)
            except (binascii.Error, ValueError):
                signature = b""
            if signature and base64.b64encode(signature) == text.encode():
                return signature
        raise refused("Signature is base64", f"{len(text)} characters")

    def published_at(self) -> float:
        """
        Return when it was published, in seconds since 1970, UTC.

        Raises:
            UnverifiedEventError: Its Timestamp is no instant.
        """
        match = _TIMESTAMP.fullmatch(self._timestamp)
        if match is not None:
            year, month, day, hour, minute, second = map(
                int, match.groups()[:6]
            )
            try:
                whole = dt.datetime(
                    year,
                    month,
                    day,
                    hour,
                    minute,
                    second,
                    tzinfo=dt.timezone.utc,
                )
            except ValueError:
                pass
            else:
                return whole.timestamp() + float(match[7] or 0)
        raise refused(
            "Timestamp is an instant of the form 2026-01-01T00:00:00.000Z",
            f"{len(self._timestamp)} characters",
        )


def signed(envelope: object) -> Signed:
    """
    Return the fields of *envelope*.

    Raises:
        UnverifiedEventError: One is missing or no text, or its Type is
            none that SNS signs.
    """
    if not isinstance(envelope, Mapping):
        raise refused("a message of SNS is a mapping", _kind(envelope))
    kind = _text(envelope, "Type")
    keys = _KEYS.get(kind)
    if keys is None:
        raise refused(
            f"Type is one of {', '.join(_KEYS)}", f"{len(kind)} characters"
        )
    fields = tuple(
        (key, _text(envelope, key))
        for key in keys
        # Lambda has a Subject of null where there was none.
        if key not in _OPTIONAL or envelope.get(key) is not None
    )
    found = dict(fields)
    return Signed(
        kind=kind,
        topic_arn=found["TopicArn"],
        version=_text(envelope, "SignatureVersion"),
        url=_url(envelope),
        timestamp=found["Timestamp"],
        signature=_text(envelope, "Signature"),
        fields=fields,
    )


def is_envelope(payload: object) -> bool:
    """
    Whether *payload* has the shape of a message of SNS.

    It says nothing about whether it is genuine.
    """
    return isinstance(payload, Mapping) and all(
        isinstance(payload.get(key), str) for key in _ENVELOPE
    )


def refused(
    rule: str, seen: str, remedy: str = _GENUINE
) -> UnverifiedEventError:
    """Return the error of a message that shows not to be genuine."""
    return UnverifiedEventError(rule, seen, remedy)


def _url(envelope: Mapping[Any, Any]) -> str:
    given = [key for key in _URL_KEYS if envelope.get(key) is not None]
    urls = {_text(envelope, key) for key in given or _URL_KEYS[:1]}
    if len(urls) > 1:
        raise refused("one certificate signs a message", "two URLs")
    return urls.pop()


def _text(envelope: Mapping[Any, Any], key: str) -> str:
    value = envelope.get(key)
    if not isinstance(value, str):
        raise refused(f"{key} is a text", _kind(value))
    if key not in _SEVERAL_LINES and _CONTROL.search(value):
        raise refused(f"{key} is one line", "a control character")
    return value


def _kind(value: object) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"
