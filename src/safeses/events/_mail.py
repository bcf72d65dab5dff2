"""
What every event says of its mail, and of a recipient.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from safeses._findings import mask

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sized


MAX_SHOWN_CHARS: Final = 200


def count(items: Sized) -> str:
    """Return how many there are, in place of what they are."""
    return f"<{len(items)}>"


def shown(text: str) -> str:
    """Return *text* for a `repr`, unless it may hold an address."""
    if "@" in text or len(text) > MAX_SHOWN_CHARS:
        return f"<{len(text)} characters>"
    return repr(text)


@attrs.frozen(kw_only=True)
class Recipient:
    """
    One recipient that an event is about.

    Attributes:
        address: As SES wrote it; perhaps with a name, angle brackets, or
            other letters than you sent to: behind an alias it is the
            address that the mail was forwarded to.
        bare: The address alone, its domain in lower case; ``""`` if there
            is none in it.
        status: The status of RFC 3463, such as ``"5.1.1"``, or ``""``.
        action: The action of RFC 3464, such as ``"failed"``, or ``""``.
        diagnostic: What the receiving server said; it may hold addresses.
    """

    address: str = attrs.field(repr=mask)
    bare: str = attrs.field(repr=mask)
    status: str = attrs.field(default="", repr=shown)
    action: str = attrs.field(default="", repr=shown)
    diagnostic: str = attrs.field(default="", repr=False)


@attrs.frozen(kw_only=True)
class Mail:
    """
    The mail that an event is about. What SES left out is empty.

    Attributes:
        message_id: The id that SES gave it: `Receipt.message_id`.
        sent_at: When SES took it, aware UTC.
        source: The sender of the envelope.
        source_arn: The ARN of the identity that sent it.
        account_id: The AWS account that sent it, as SES or else
            EventBridge names it.
        region: The AWS region, as the ARN or else EventBridge names it.
        destination: All of its recipients, as SES has them.
        tags: Message tags: each name with its values.
        headers: Name and value, in order; only where SES includes them.
        headers_truncated: Whether there were more than SES includes.
        common_headers: Some headers, decoded, by SES's own names.
        tag: Our correlation tag, from the tags, else from the headers;
            ``""`` if it has none. It may be forged: see `safeses.feedback`.
        stream: The kind of mail, if the sender named one.
        source_ip: The host that sent it (identity notifications).
        caller_identity: Who sent it (identity notifications).
    """

    message_id: str = attrs.field(default="", repr=shown)
    sent_at: dt.datetime | None = None
    source: str = attrs.field(default="", repr=mask)
    source_arn: str = attrs.field(default="", repr=shown)
    account_id: str = attrs.field(default="", repr=shown)
    region: str = attrs.field(default="", repr=shown)
    destination: tuple[str, ...] = attrs.field(default=(), repr=count)
    tags: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict, repr=False)
    headers: tuple[tuple[str, str], ...] = attrs.field(default=(), repr=count)
    headers_truncated: bool = False
    common_headers: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    tag: str = attrs.field(default="", repr=shown)
    stream: str = attrs.field(default="", repr=shown)
    source_ip: str = attrs.field(default="", repr=shown)
    caller_identity: str = attrs.field(default="", repr=shown)
