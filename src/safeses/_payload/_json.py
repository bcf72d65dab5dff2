"""
The data of a template: the same whatever order and blanks it is written in.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from safeses._payload._encode import Number, encode, text

if TYPE_CHECKING:
    from collections.abc import Mapping

# Deeper data counts as it is written: how deep a parser goes is not the
# same on every Python.
_MAX_DEPTH: Final = 32
# Never fails once it has begun, so that no text is read twice.
_MARK: Final = re.compile(
    r'"[^"\\]*(?:\\.[^"\\]*)*\\?(?:"|\Z)|[\[\]{}]', re.DOTALL
)


def encoded(data: str, ids: Mapping[bytes, int]) -> bytes:
    """Encode a text of JSON, or what is none as it is."""
    if not _is_deep(data):
        try:
            found = json.loads(
                data,
                parse_int=Number,
                parse_float=Number,
                parse_constant=Number,
            )
        except (ValueError, RecursionError):
            pass
        else:
            return b"J" + encode(found, ids, depth=_MAX_DEPTH + 1, exact=True)
    return text(data, ids)


def _is_deep(data: str) -> bool:
    if data.count("[") + data.count("{") <= _MAX_DEPTH:
        return False
    depth = 0
    for mark in _MARK.findall(data):
        if mark in {"[", "{"}:
            depth += 1
            if depth > _MAX_DEPTH:
                return True
        elif mark in {"]", "}"}:
            depth -= 1
    return False
