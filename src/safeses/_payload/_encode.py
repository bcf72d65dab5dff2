"""
Any value as bytes that stand for it alone.

Every piece says what it is and how long, so that no two values become the
same bytes. What cannot be read is told by its type; nothing here raises.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TypeGuard

from safeses._payload import _ids

if TYPE_CHECKING:
    from collections.abc import Iterable

# SendEmail's own structures are five deep.
_MAX_DEPTH: Final = 12
_NO_IDS: Final[dict[bytes, int]] = {}
_BYTES: Final = (bytes, bytearray, memoryview)


class Number(str):
    """A number of JSON as it is written."""

    __slots__ = ()


def encode(
    value: Any,
    ids: Mapping[bytes, int] = _NO_IDS,
    *,
    depth: int = _MAX_DEPTH,
    exact: bool = False,
) -> bytes:
    """
    Return bytes that stand for *value* alone.

    Args:
        value: Anything. A tuple is a list, and the order of a mapping or
            of a set does not matter.
        ids: Content ids, which stand in texts by their number.
        depth: How deep it is read.
        exact: Whether None, and what is empty, is something all the same.

    Returns:
        Nothing for what is not there: None, and what is empty.
    """
    if type(value) is str:
        return text(value, ids)
    if value is None:
        return b"n" if exact else b""
    try:
        return _any(value, ids, depth, exact=exact)
    except Exception:  # noqa: BLE001  # a caller's objects raise it
        return unreadable(value)


def text(value: str, ids: Mapping[bytes, int] = _NO_IDS) -> bytes:
    """Encode a text."""
    # Not value.encode: a class of its own may do anything there.
    data = str.encode(value, "utf-8", "surrogatepass")
    if ids:
        data = _ids.numbered(data, ids)
    return b"s%d:%b" % (len(data), data)


def several(tag: bytes, items: Iterable[bytes]) -> bytes:
    """Encode a list of what is encoded already; nothing if it is empty."""
    found = list(items)
    return b"%b%d:%b" % (tag, len(found), b"".join(found)) if found else b""


def is_text(value: Any) -> TypeGuard[str]:
    """Tell whether *value* is a text; an object may lie to isinstance."""
    return issubclass(type(value), str)


def is_bytes(value: Any) -> TypeGuard[bytes | bytearray | memoryview]:
    """Tell whether *value* is bytes of any kind."""
    return issubclass(type(value), _BYTES)


def is_list(value: Any) -> TypeGuard[list[Any] | tuple[Any, ...]]:
    """Tell whether *value* is a list as boto3 has it."""
    return issubclass(type(value), (list, tuple))


def content(value: Any) -> bytes:
    """Encode bytes by their digest; a text is what boto3 makes of it."""
    if is_text(value):
        value = raw_bytes(value)
    if is_bytes(value):
        return b"d" + hashlib.sha256(value).digest()
    return encode(value)


def raw_bytes(value: str) -> bytes:
    """Return a raw message given as text in bytes, as it will be sent."""
    try:
        return str.encode(value, "utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return str.encode(value, "utf-8", "surrogatepass")


def unreadable(value: Any) -> bytes:
    """Encode what cannot be read by the name of its type."""
    name = type.__dict__["__name__"].__get__(type(value))
    return b"t" + text(name)


def _any(
    value: Any, ids: Mapping[bytes, int], depth: int, *, exact: bool
) -> bytes:
    if isinstance(value, (str, int, float)):
        return _scalar(value, ids)
    if isinstance(value, _BYTES):
        return content(value)
    if depth and isinstance(value, (dict, Mapping)):
        return _mapping(value, ids, depth, exact=exact)
    if depth and isinstance(value, (list, tuple, set, frozenset)):
        items = [
            encode(item, ids, depth=depth - 1, exact=exact) or b"n"
            for item in value
        ]
        if isinstance(value, (set, frozenset)):
            return several(b"e", sorted(items))
        return several(b"l", items) or (b"l0:" if exact else b"")
    return unreadable(value)


def _scalar(value: str | float, ids: Mapping[bytes, int]) -> bytes:
    if isinstance(value, str):
        return (b"j" if isinstance(value, Number) else b"") + text(value, ids)
    if isinstance(value, bool):
        return b"b1" if value else b"b0"
    if isinstance(value, int):
        return b"i%x;" % value  # no limit on digits, as decimals have
    return b"f%b;" % float.__repr__(value).encode()


def _mapping(
    value: Mapping[Any, Any],
    ids: Mapping[bytes, int],
    depth: int,
    *,
    exact: bool,
) -> bytes:
    pairs = []
    for key, inner in value.items():
        encoded = encode(inner, ids, depth=depth - 1, exact=exact)
        if encoded:
            name = encode(key, depth=depth - 1) or b"n"
            pairs.append(name + encoded)
    if not pairs and exact:
        return b"m0:"
    return several(b"m", sorted(pairs))
