"""
Headers as far as they are the mail: not what each rendering makes anew.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from safeses._payload._encode import several
from safeses._request import STREAM_NAME, TAG_HEADER, TAG_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable

# An unsubscribe link carries a token, which is fresh in each rendering.
_LEFT_OUT: Final = frozenset(
    {
        b"date",
        b"list-unsubscribe",
        b"list-unsubscribe-post",
        b"message-id",
        TAG_HEADER.lower().encode(),
    }
)
_TAGS: Final = b"x-ses-message-tags"
_OUR_TAGS: Final = (TAG_NAME.encode(), STREAM_NAME.encode())
_BLANKS: Final = b" \t\r\n"
# Never fails once it has begun, so that no text is read twice.
_PARAMETER: Final = re.compile(
    rb";\s*(?P<name>[^\s;=\"]+)\s*="
    rb"\s*(?:\"(?P<quoted>[^\"\\]*(?:\\.[^\"\\]*)*)\\?(?:\"|\Z)"
    rb"|(?P<bare>[^;]*))",
    re.DOTALL,
)
_ESCAPE: Final = re.compile(rb"\\(.)", re.DOTALL)


def headers(
    fields: Iterable[tuple[bytes, bytes]], *, divided: bool = True
) -> bytes:
    """
    Encode headers.

    Only headers of one name have an order.

    Args:
        fields: Their names, in any case, and unfolded values.
        divided: Whether to leave out boundaries. One that divides nothing
            is as it is written.
    """
    found = []
    for name, value in fields:
        lower = name.strip(_BLANKS).lower()
        if lower in _LEFT_OUT:
            continue
        if lower == _TAGS:
            encoded = _tags(value)
            if encoded:
                found.append((lower, encoded))
        else:
            found.append((lower, _field(value, divided=divided)))
    found.sort(key=lambda pair: pair[0])
    return several(b"h", [framed(n) + value for n, value in found])


def _field(value: bytes, *, divided: bool) -> bytes:
    found = boundary(value) if divided else None
    if found is None:
        return framed(value.strip(_BLANKS))
    _, start, end = found
    return b"B" + framed(value[:start].strip(_BLANKS)) + framed(value[end:])


def boundary(value: bytes) -> tuple[bytes, int, int] | None:
    """Return what divides the parts, and where that stands in *value*."""
    if not value.lstrip(_BLANKS).lower().startswith(b"multipart/"):
        return None
    for match in _PARAMETER.finditer(value):
        if match["name"].lower() == b"boundary":
            quoted = match["quoted"] is not None
            text = match["quoted" if quoted else "bare"]
            if quoted:
                text = _ESCAPE.sub(rb"\1", text)
            return text.rstrip(_BLANKS), match.start(), match.end()
    return None


def parameter_names(value: bytes) -> set[bytes]:
    """Return the names of the parameters of a header, in lower case."""
    return {match["name"].lower() for match in _PARAMETER.finditer(value)}


def framed(data: bytes) -> bytes:
    """Put the length in front."""
    return b"%d:%b" % (len(data), data)


def _tags(value: bytes) -> bytes:
    pairs = set()
    for item in value.split(b","):
        name, _, content = item.partition(b"=")
        if item.strip(_BLANKS) and name.strip(_BLANKS) not in _OUR_TAGS:
            pairs.add(
                framed(name.strip(_BLANKS)) + framed(content.strip(_BLANKS))
            )
    return several(b"T", sorted(pairs))
