"""
Members of a mapping, by the type that they should have.

A member of another type is as good as none: what SES changes, and what
others write, must not keep the rest of an event from being read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

MAX_ITEMS: Final = 1_000
# No count of milliseconds, and what every store and program can hold.
MAX_NUMBER: Final = 2**53


def mend(text: str) -> str:
    """Return *text* with no half of a character, which has no UTF-8."""
    if text.isascii():
        return text
    halves = text.encode("utf-16-le", "surrogatepass")
    return halves.decode("utf-16-le", "replace")


def text_of(mapping: Mapping[str, Any], name: str) -> str:
    """Return a text, or ``""``."""
    value = mapping.get(name)
    if not isinstance(value, str):
        return ""
    return value if value.isascii() else mend(value)


def mapping_of(mapping: Mapping[str, Any], name: str) -> Mapping[Any, Any]:
    """Return a mapping, perhaps an empty one."""
    value = mapping.get(name)
    # A dict nearly always; to ask for any mapping is slow.
    if type(value) is dict or isinstance(value, Mapping):
        return value
    return {}


def items_of(mapping: Mapping[str, Any], name: str) -> list[Any]:
    """Return the first of a list, perhaps an empty one."""
    value = mapping.get(name)
    return value[:MAX_ITEMS] if isinstance(value, list) else []


def texts_of(mapping: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return the texts of a list."""
    value = mapping.get(name)
    return texts(value) if isinstance(value, list) else ()


def texts(items: list[Any]) -> tuple[str, ...]:
    """Return the texts among the first of *items*."""
    if len(items) > MAX_ITEMS:
        items = items[:MAX_ITEMS]
    return tuple(
        [
            item if item.isascii() else mend(item)
            for item in items
            if isinstance(item, str)
        ]
    )


def lists_of(
    mapping: Mapping[str, Any], name: str
) -> dict[str, tuple[str, ...]]:
    """Return a mapping of names to texts; a text may stand for a list."""
    found = {}
    for key, value in mapping_of(mapping, name).items():
        if not isinstance(key, str):
            continue
        mended = key if key.isascii() else mend(key)
        if isinstance(value, list):
            found[mended] = texts(value)
        elif isinstance(value, str):
            found[mended] = (mend(value),)
    return found


def flag_of(mapping: Mapping[str, Any], name: str) -> bool:
    """Return whether it is true, be it as a text."""
    value = mapping.get(name)
    if isinstance(value, str):
        return value.lower() == "true"
    return value is True


def number_of(mapping: Mapping[str, Any], name: str) -> int | None:
    """Return a whole number of sensible size, or None."""
    value = mapping.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if -MAX_NUMBER <= value <= MAX_NUMBER else None
