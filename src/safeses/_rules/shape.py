"""
Rules on the shape of a message: what everything else relies on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from safeses._rules.rule import API, Rule

if TYPE_CHECKING:
    from safeses._findings import Finding

TYPE: Final = Rule(
    id="type",
    limit="the type that the field has in SESv2",
    remedy="give that type",
    source=API,
    fixed=True,
    observable=False,
)
CONTENT_KIND: Final = Rule(
    id="content.kind",
    limit="exactly one of Simple, Raw and Template",
    remedy="keep one",
    source=f"{API}, EmailContent",
    fixed=True,
    observable=False,
)
TEXT_CONTROL: Final = Rule(
    id="text.control",
    limit="no control characters, line ends or lone surrogates",
    remedy="remove them; in user input they are an attack",
    source="RFC 5322, 2.2",
    fixed=True,
    observable=False,
)


def unreadable(field: str, error: Exception) -> Finding:
    """Say that looking at *field* raised; nothing of the error's text."""
    return TYPE.found(
        field,
        type(error).__name__,
        limit="values that can be read",
        remedy="give plain strings, bytes, lists and dicts",
    )


def wrong_type(field: str, wanted: str, seen: object) -> Finding:
    """Say that *field* should be *wanted*, and is not."""
    return TYPE.found(
        field, type(seen).__name__, limit=wanted, remedy=f"give {wanted}"
    )
