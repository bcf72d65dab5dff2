"""What SES has been asked to send, before and after it said yes."""

from __future__ import annotations

from email.parser import BytesParser
from email.policy import compat32
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeAlias

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from email.message import Message

    from ._fields import Params

Kind: TypeAlias = Literal["simple", "raw", "template", "bulk"]


@attrs.frozen(kw_only=True)
class Draft:
    """
    A valid message that is not accepted yet.

    Attributes:
        source: Address that the message is from.
        senders: Every address that must be verified: From, Sender,
            Return-Path and the ``FromEmailAddress`` parameter.
        to: Bare addresses, in the order given; so are `cc` and `bcc`.
        kind: How the content was given.
        subject: Decoded subject, None if a template cannot be rendered.
        bodies: Text and HTML; None for raw content, which is read on demand.
        tags: Message tags by name.
        headers: Custom headers; for raw content the whole block.
        raw: The message itself, if it was given so.
        configuration_set: The set named, by parameter or raw header.
        fault: Why the template cannot be rendered: SES accepts such a
            message and then reports a rendering failure.
        params: The request as SES read it.
    """

    source: str
    senders: tuple[str, ...]
    to: tuple[str, ...]
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    kind: Kind
    subject: str | None = None
    bodies: tuple[str | None, str | None] | None = None
    tags: Mapping[str, str] = attrs.field(factory=dict)
    headers: Mapping[str, str] = attrs.field(factory=dict)
    raw: bytes | None = None
    configuration_set: str | None = None
    fault: str | None = None
    params: Params

    @property
    def recipients(self) -> tuple[str, ...]:
        """Every recipient; SES counts these, not messages."""
        return self.to + self.cc + self.bcc


# No slots: attrs before 23.3 has no cached_property beside them.
@attrs.frozen(kw_only=True, slots=False)
class SentMail:
    """
    A message that SES accepted.

    Attributes:
        message_id: What SES answered, or would have.
        at: Instant of acceptance, UTC, by the simulator's clock.
        operation: Operation of the request, such as ``"SendEmail"``; a v1
            request keeps its own name.
        source: Address that the message is from.
        to: Bare addresses; so are `cc`, `bcc` and `recipients`.
        kind: How the content was given.
        subject: Decoded subject, None if a template could not be rendered.
        tags: Message tags by name.
        headers: Custom headers; for raw content the whole block.
        raw: The message itself, if it was given so.
        params: The request as SES read it, blobs decoded; for a bulk entry
            the whole request.
        configuration_set: The set named, by parameter or raw header.
    """

    message_id: str
    at: datetime
    operation: str
    source: str
    to: tuple[str, ...]
    cc: tuple[str, ...]
    bcc: tuple[str, ...]
    kind: Kind
    subject: str | None
    tags: Mapping[str, str]
    headers: Mapping[str, str]
    raw: bytes | None = attrs.field(repr=False)
    params: Params = attrs.field(repr=False)
    configuration_set: str | None
    _given: tuple[str | None, str | None] | None = attrs.field(repr=False)

    @property
    def recipients(self) -> tuple[str, ...]:
        """Every recipient; SES counts these, not messages."""
        return self.to + self.cc + self.bcc

    @property
    def text(self) -> str | None:
        """The plain text, None if there is none."""
        return self._bodies[0]

    @property
    def html(self) -> str | None:
        """The HTML text, None if there is none."""
        return self._bodies[1]

    @cached_property
    def _bodies(self) -> tuple[str | None, str | None]:
        if self._given is not None or self.raw is None:
            return self._given or (None, None)
        parsed = BytesParser(policy=compat32).parsebytes(self.raw)
        return _body(parsed, "text/plain"), _body(parsed, "text/html")


@attrs.frozen(kw_only=True)
class SuppressedRecipient:
    """
    A recipient of an accepted message to whom SES sends nothing.

    Attributes:
        message_id: The accepted message.
        address: The recipient as the message named it.
        reason: ``"BOUNCE"`` or ``"COMPLAINT"``, from the list.
    """

    message_id: str
    address: str
    reason: str


def _body(parsed: Message, kind: str) -> str | None:
    for part in parsed.walk():
        if part.get_content_type() != kind or part.get_filename():
            continue
        payload = part.get_payload(decode=True)
        if isinstance(payload, bytes):
            charset = part.get_content_charset("utf-8")
            try:
                return payload.decode(charset, "replace")
            except LookupError:  # a charset that Python does not know
                return payload.decode("utf-8", "replace")
    return None
