"""
A copy that is ours alone: what is checked is what will be sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from safeses._rules import shape
from safeses.errors import InvalidMessageError

if TYPE_CHECKING:
    from collections.abc import Mapping

# SendEmail's own structures are five deep; what is deeper is not read.
_MAX_DEPTH: Final = 8


def owned(params: Mapping[str, Any]) -> dict[str, Any]:
    """
    Copy the parameters of a call.

    Raises:
        InvalidMessageError: They cannot be read.
    """
    try:
        copy: dict[str, Any] = own(dict(params))
    except Exception as error:  # noqa: BLE001  # a caller's objects raise it
        unreadable = shape.unreadable("message", error)
    else:
        return copy
    # Not chained: the text of the error may hold anything.
    raise InvalidMessageError((unreadable,))


def own(value: Any, depth: int = _MAX_DEPTH) -> Any:
    """Copy dicts, lists and bytearrays, and all that is within them."""
    if not depth:
        return value
    if isinstance(value, dict):
        copy = dict(value)
        for key, inner in value.items():
            if not isinstance(inner, str):  # which nobody can change
                copy[key] = own(inner, depth - 1)
        return copy
    if isinstance(value, (list, tuple)):
        return [
            item if isinstance(item, str) else own(item, depth - 1)
            for item in value
        ]
    return bytes(value) if isinstance(value, bytearray) else value
