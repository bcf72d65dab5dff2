"""
What errors carry: what is wrong with a message, and who was left out.

No `repr` holds a whole address: it may end up in a log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import attrs

if TYPE_CHECKING:
    import datetime as dt

Severity = Literal["error", "warning"]


def mask(address: str) -> str:
    """Return *address* with all but a hint of both sides hidden."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}***@{domain[:1]}***"


@attrs.frozen(kw_only=True)
class Finding:
    """
    One thing that is wrong with a message.

    Attributes:
        rule: The stable name of the rule, such as ``"recipients.count"``.
        field: Where it was found, such as ``"to"`` or ``"Destination"``.
        limit: What the rule allows, in words.
        seen: What was found, in figures or kinds; never the content.
        remedy: What to do about it.
        severity: ``"error"`` refuses the message, ``"warning"`` does not.
        source: Who says so, such as ``"RFC 5322"``.
    """

    rule: str
    field: str
    limit: str
    seen: str
    remedy: str
    severity: Severity = "error"
    source: str = ""

    @classmethod
    def wrong_type(cls, field: str, wanted: str, seen: object) -> Finding:
        """Say that *field* should be *wanted*, and is not."""
        return cls(
            rule="type",
            field=field,
            limit=wanted,
            seen=type(seen).__name__,
            remedy=f"give {wanted}",
            source="SESv2 API",
        )

    @classmethod
    def no_sender(cls, field: str) -> Finding:
        """Say that *field* should hold the sender, and is empty."""
        return cls(
            rule="sender.none",
            field=field,
            limit="the address of the sender",
            seen="none",
            remedy=f"give {field}; only a raw message may name it in its"
            " header From",
            source="SESv2 API, SendEmail",
        )

    @classmethod
    def control(cls, field: str) -> Finding:
        """Say that *field* would break out of its header."""
        return cls(
            rule="text.control",
            field=field,
            limit="no control characters, line ends or lone surrogates",
            seen="at least one",
            remedy="remove them; in user input they are an attack",
            source="RFC 5322, 2.2",
        )

    def __str__(self) -> str:
        return (
            f"{self.field}: {self.limit}, seen {self.seen}"
            f" [{self.rule}]; {self.remedy}"
        )


@attrs.frozen(kw_only=True)
class Dropped:
    """
    A recipient that was left out of a message, and why.

    Attributes:
        address: The address as the caller wrote it.
        reason: Why, such as ``"bounce"`` or ``"complaint"``.
        since: When it was suppressed, aware UTC, if known.
        source: Which store said so.
    """

    address: str = attrs.field(repr=mask)
    reason: str
    since: dt.datetime | None = None
    source: str = ""
