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
    bare = address.rpartition("<")[2]
    local, _, domain = bare.rpartition("@")
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
        address: The address in 7-bit form, as it would have been sent to.
        reason: Why, such as ``"bounce"`` or ``"complaint"``.
        since: When it was suppressed, aware UTC, if known.
        source: Who said so, such as ``"import"`` or ``"only_to"``.
    """

    address: str = attrs.field(repr=mask)
    reason: str
    since: dt.datetime | None = None
    source: str = ""
