"""
Content ids: who makes a mail anew makes new ones.

An id that an attachment declares is told by its number, in the order of
the attachments. What no attachment declares stays as it is written: it
may be a word of the text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

# What may stand around an id: quotes, brackets, blanks, a JSON escape.
_REFERENCE: Final = re.compile(rb"(cid:)([^\s\"'<>()\\&]+)", re.IGNORECASE)
_AROUND: Final = b"<> \t"


def bare(value: bytes) -> bytes:
    """Return a content id without its angle brackets."""
    return value.strip(_AROUND)


def numbered(data: bytes, ids: Mapping[bytes, int]) -> bytes:
    """Return a text whose references name their ids by number."""

    def number(match: re.Match[bytes]) -> Any:
        named = match.group(2)
        found = ids.get(named) or ids.get(unquote_to_bytes(named))
        if found is None:
            return match.group()
        # 0xFF is in no UTF-8, so no text says the same by itself.
        return match.group(1) + b"\xff%d\xff" % found

    return _REFERENCE.sub(number, data)
