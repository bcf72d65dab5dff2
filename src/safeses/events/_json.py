"""
JSON from strangers, read in time and memory that grow with its size only.

What has few brackets and commas cannot be deep or crowded: counting them
costs next to nothing. Only the rest is looked at closely.
"""

from __future__ import annotations

import json
import re
from itertools import accumulate
from typing import Any, Final, NoReturn

from safeses.errors import InvalidEventError

# SNS publishes 256 KiB at most, which its envelope may nearly double by
# escapes; SQS and EventBridge take 1 MiB (quotas of SNS and SQS).
MAX_BYTES: Final = 1_048_576
MAX_DEPTH: Final = 64
MAX_DIGITS: Final = 400
# An event has about 100 members, each of 20 characters or more.
MAX_MEMBERS: Final = 50_000
MIN_CHARS_PER_MEMBER: Final = 16

BLANKS: Final = " \t\n\r"
_NO_BLANK: Final = re.compile(f"[^{BLANKS}]")
_STRING: Final = re.compile(r'"[^"]*"?')
_DELETED: Final = bytes(set(range(256)) - set(b"[]{},"))
_STEPS: Final = {**dict.fromkeys(b"[{", 1), **dict.fromkeys(b"]}", -1)}


def load_json(data: str | bytes, *, max_bytes: int = MAX_BYTES) -> Any:
    """
    Read one JSON document that anybody may have written.

    Args:
        data: Text, or UTF-8.
        max_bytes: How long it may be, as UTF-8.

    Raises:
        InvalidEventError: It is no JSON, it is too long, too deep or too
            crowded, a name stands twice in a mapping, or a number is
            none that programs agree on.
    """
    documents = load_all(data, max_bytes=max_bytes)
    if documents is None:
        raise not_json()
    if len(documents) != 1:
        raise InvalidEventError(
            "one JSON document", f"{len(documents):,} of them"
        )
    return documents[0]


def load_all(
    data: str | bytes | bytearray | memoryview, *, max_bytes: int = MAX_BYTES
) -> list[Any] | None:
    """
    Read JSON documents, one after the other; None if it is not JSON.

    Raises:
        InvalidEventError: It breaks a limit, as `load_json` says.
    """
    text = _text(data, max_bytes)
    _check_shape(text)
    try:
        return _documents(text)
    except json.JSONDecodeError:
        # Raised from elsewhere, an error would hold all of the text.
        return None
    except RecursionError:
        pass
    raise too_deep()


def not_json() -> InvalidEventError:
    """Return the error about a text that is no JSON."""
    return InvalidEventError(
        "an event is a JSON document",
        "something else",
        "check that nothing but SES publishes there",
    )


def too_deep() -> InvalidEventError:
    """Return the error about a mapping in a mapping in a mapping."""
    return InvalidEventError(
        f"nesting up to {MAX_DEPTH} levels", "more of them"
    )


def _text(data: str | bytes | bytearray | memoryview, max_bytes: int) -> str:
    if isinstance(data, str):
        size = len(data)
        if size <= max_bytes and not data.isascii():
            size = len(data.encode("utf-8", "surrogatepass"))
    else:
        size = data.nbytes if isinstance(data, memoryview) else len(data)
    if size > max_bytes:
        raise InvalidEventError(
            f"at most {max_bytes:,} bytes",
            f"{size:,}",
            "give batches in parts, or allow more bytes",
        )
    try:
        text = data if isinstance(data, str) else str(data, "utf-8")
    except UnicodeDecodeError:
        pass
    else:
        # The mark that some editors put before UTF-8.
        return text.removeprefix("\ufeff")
    raise InvalidEventError("UTF-8", "other bytes")


def _check_shape(text: str) -> None:
    # Each member takes a character.
    if (
        len(text) <= MAX_MEMBERS
        and text.count("{") + text.count("[") <= MAX_DEPTH
    ):
        return
    # Without what is escaped, a quotation mark opens or closes a string.
    # That holds up to the first mistake, and no reader gets beyond it.
    unescaped = text.replace("\\\\", "").replace('\\"', "")
    outside = _STRING.sub("", unescaped).encode("ascii", "replace")
    marks = outside.translate(None, _DELETED)
    brackets = marks.replace(b",", b"")
    members = len(marks) - len(brackets)
    members += brackets.count(b"{") + brackets.count(b"[")
    _check_members(members, text)
    deepest = max(accumulate(map(_STEPS.__getitem__, brackets)), default=0)
    if deepest > MAX_DEPTH:
        raise too_deep()


def _documents(text: str) -> list[Any]:
    # The decoder refuses what is empty.
    value, at = _decode(text, _after_blanks(text, 0))
    found, end = [value], len(text)
    while at < end:
        at = _after_blanks(text, at)
        if at < end:
            value, at = _decode(text, at)
            found.append(value)
            if len(found) > MAX_MEMBERS:
                _check_members(len(found), text)
    return found


def _check_members(members: int, text: str) -> None:
    most = max(MAX_MEMBERS, len(text) // MIN_CHARS_PER_MEMBER)
    if members > most:
        raise InvalidEventError(f"at most {most:,} members", f"{members:,}")


def _after_blanks(text: str, at: int) -> int:
    if at < len(text) and text[at] in BLANKS:
        found = _NO_BLANK.search(text, at)
        return found.start() if found else len(text)
    return at


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Of two equal names some programs take the first, others the last.
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        raise InvalidEventError(
            "a name once in a mapping", "one of them twice"
        )
    return mapping


def _int(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise _too_large()
    return int(text)


def _float(text: str) -> float:
    value = float(text) if len(text) <= MAX_DIGITS else float("inf")
    if value - value:  # infinite
        raise _too_large()
    return value


def _too_large() -> InvalidEventError:
    return InvalidEventError(
        f"numbers of at most {MAX_DIGITS} digits that a float can hold",
        "a larger one",
    )


def _constant(_: str) -> NoReturn:
    raise InvalidEventError("numbers", "NaN or Infinity, which JSON has not")


_decode: Final = json.JSONDecoder(
    object_pairs_hook=_mapping,
    parse_int=_int,
    parse_float=_float,
    parse_constant=_constant,
).raw_decode
