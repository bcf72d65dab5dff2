"""
The lines and parts of a finished MIME message, read from its bytes.

Nothing is decoded or copied but the headers of parts, and every byte is
looked at a fixed number of times, whatever a hostile message says.
"""

from __future__ import annotations

import binascii
import re
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote_to_bytes

from safeses import _ses
from safeses._mail import _charsets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# The headers of a part; beyond this they are not read.
PART_HEADERS_MAX_BYTES: Final = 64 * 1024
# A delimiter line beyond this breaks the limit on lines anyway.
_DELIMITER_MAX_BYTES: Final = _ses.LINE_MAX_CHARS + 2
_CR: Final = 13
_MESSAGES: Final = frozenset(
    {"message/rfc822", "message/global", "message/news"}
)
_HEADER: Final = re.compile(
    rb"\ncontent-(?:type|disposition)[ \t]*:"
    rb"([^\n]*(?:\n[ \t][^\n]*)*)",
    re.IGNORECASE,
)
# Never fails once it has begun, so that no text is read twice.
_PARAMETER: Final = re.compile(
    r";\s*([^\s;=\"]+)\s*="
    r"\s*(?:\"([^\"\\]*(?:\\.[^\"\\]*)*)\\?(?:\"|\Z)|([^;]*))",
    re.DOTALL,
)
_FOLDED: Final = {10: None, 13: None, 9: " "}
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
# RFC 2231: name, number of a continuation, whether it is encoded.
_PIECE: Final = re.compile(r"(filename|name|boundary)(?:\*(\d{1,4}))?(\*?)")
_WORD: Final = re.compile(
    r"=\?([^?\s*]+)(?:\*[^?\s]*)?\?([bq])\?([^?]*)\?=(?:\s+(?==\?))?",
    re.IGNORECASE,
)


class Part(NamedTuple):
    """
    One part, the message itself included.

    Attributes:
        kind: Its content type in lower case, ``""`` if it names none.
        names: The file names it gives, decoded.
        boundaries: What divides its own parts.
        is_whole: Whether its headers were short enough to be read.
    """

    kind: str
    names: tuple[str, ...]
    boundaries: tuple[bytes, ...]
    is_whole: bool = True


def long_line(data: bytes | bytearray) -> int:
    """Return the bytes of the longest line, 0 if none is too long."""
    at, size, longest = 0, len(data), 0
    while size - at > _ses.LINE_MAX_CHARS:
        # Hops over all the lines that surely fit: 40 MB take some ms.
        end = data.rfind(b"\n", at, at + _ses.LINE_MAX_CHARS + 1)
        if end < 0:
            end = data.find(b"\n", at)
            end = size if end < 0 else end
            length = end - at - (data[end - 1] == _CR)
            if length > max(longest, _ses.LINE_MAX_CHARS):
                longest = length
        at = end + 1
    return longest


def parts(data: bytes, fields: dict[str, list[str]]) -> list[Part]:
    """
    Return the message itself, then its parts in order.

    A boundary counts from where it is declared to the end, closed or
    not. Readers differ over doubled and unclosed ones, and none of them
    shall see a part that is not seen here.

    Args:
        data: The message.
        fields: Its headers, as `safeses._mail._raw.headers` reads them.

    Returns:
        At most two more than `safeses._ses.MAX_MIME_PARTS`: the message,
        and one part too many.
    """
    data = bytes(data)  # no copy, unless it is a bytearray
    values = [
        value
        for name in ("content-type", "content-disposition")
        for value in fields.get(name, ())
    ]
    part = _part(value[:PART_HEADERS_MAX_BYTES] for value in values)
    if any(len(value) > PART_HEADERS_MAX_BYTES for value in values):
        part = part._replace(is_whole=False)
    found = [part]
    if not part.boundaries and part.kind not in _MESSAGES:
        return found
    delimiters = _Delimiters(data, part.boundaries)
    blanks = _Blanks(data)
    at, blank = 0, blanks.after(0) if part.kind in _MESSAGES else -1
    while len(found) < _ses.MAX_MIME_PARTS + 2:
        # A message in a message begins where the headers of its part end.
        if part.kind in _MESSAGES and blank >= 0:
            at = data.find(b"\n", blank + 1)
        else:
            at = delimiters.after(at)
        if at < 0:
            break
        part, blank = _headed(data, at, blanks, delimiters)
        found.append(part)
        delimiters.add(part.boundaries)
    return found


class _Blanks:
    """Finds the next empty line; no byte is searched twice for one."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        # Before these places there is none that is still to come.
        self._seen = {b"\n\n": 0, b"\n\r\n": 0}

    def after(self, start: int) -> int:
        """
        Return where the line before an empty one ends.

        Returns:
            The place of its LF; -1 if it is too far away to end the
            headers of a part, or if there is none.
        """
        stop = start + PART_HEADERS_MAX_BYTES
        nearest = stop
        for needle, seen in self._seen.items():
            at = max(seen, start)
            if at < stop and not self._data.startswith(needle, at):
                at = self._data.find(needle, at, stop + len(needle) - 1)
                at = stop if at < 0 else at
            self._seen[needle] = at
            nearest = min(nearest, at)
        return nearest if nearest < stop else -1


class _Delimiters:
    """Finds the next line that begins a part."""

    def __init__(self, data: bytes, boundaries: Iterable[bytes]) -> None:
        self._data = data
        self._known: set[bytes] = set()
        self._needle: bytes | None = None
        self.add(boundaries)

    def add(self, boundaries: Iterable[bytes]) -> None:
        """Look for these as well from now on."""
        for boundary in boundaries:
            self._known.add(boundary)
            line = b"\n--" + boundary
            # What all of them begin with is the fastest to search for.
            if self._needle is not None:
                line = _shared(line, self._needle)
            self._needle = line

    def after(self, at: int, stop: int | None = None) -> int:
        """Return where the next such line ends, -1 if there is none."""
        data = self._data
        if self._needle is None:
            return -1
        while (at := data.find(self._needle, at, stop)) >= 0:
            end = data.find(b"\n", at + 3)
            if end < 0:
                end = len(data)
            line = data[at + 3 : min(end, at + _DELIMITER_MAX_BYTES)]
            if line.rstrip(b" \t\r") in self._known:
                return end
            at = end
        return -1


def _shared(one: bytes, other: bytes) -> bytes:
    pairs = enumerate(zip(one, other, strict=False))
    return one[: next((i for i, (a, b) in pairs if a != b), len(other))]


def _headed(
    data: bytes, at: int, blanks: _Blanks, delimiters: _Delimiters
) -> tuple[Part, int]:
    """Read the headers after *at*, and return where they end, if so."""
    blank = blanks.after(at)
    end = at + PART_HEADERS_MAX_BYTES if blank < 0 else blank
    is_whole = blank >= 0 or end >= len(data)
    next_at = delimiters.after(at, end)
    if next_at >= 0:  # another part begins before an empty line
        end = data.rfind(b"\n", at, next_at)
        is_whole, blank = True, -1
    part = _part(
        value.decode("utf-8", "surrogateescape")
        for value in _HEADER.findall(data[at:end])
    )
    return (part if is_whole else part._replace(is_whole=False)), blank


def _part(values: Iterable[str]) -> Part:
    kind = ""
    names: list[str] = []
    boundaries: list[bytes] = []
    for value in values:
        first, semicolon, rest = value.partition(";")
        if "/" in first:
            kind = first.strip().lower()
        said = rest.lower() if semicolon else ""
        if "name" not in said and "boundary" not in said:
            continue
        for name, text in _parameters(value):
            if name != "boundary":
                names.append(_without_words(text))
            elif text:
                boundaries.append(_bytes(text.rstrip()))
    return Part(kind, tuple(names), tuple(boundaries))


def _parameters(value: str) -> Iterator[tuple[str, str]]:
    """Yield name, file name and boundary, put together and decoded."""
    pieces: dict[str, list[tuple[int, str, str]]] = {}
    for name, quoted, bare in _PARAMETER.findall(value):
        match = _PIECE.fullmatch(name.lower())
        if match is None:
            continue
        base, number, star = match.groups()
        text = _unfolded(quoted or bare.strip())
        if "\\" in quoted:
            text = _ESCAPE.sub(r"\1", text)
        if number is None:
            yield base, _percent(text) if star else text
        else:
            pieces.setdefault(base, []).append((int(number), star, text))
    for base, several in pieces.items():
        several.sort(key=lambda piece: piece[0])
        # The first one names the character set, the others only go on.
        charset, first = "", several[0][2]
        if several[0][1]:
            charset, first = _charset(first)
            several[0] = (0, "*", first)
        raw = b"".join(
            unquote_to_bytes(_bytes(text)) if star else _bytes(text)
            for _, star, text in several
        )
        yield base, _charsets.decode(raw, charset)


def _unfolded(text: str) -> str:
    # A name may be folded too, by some with a tab.
    return text if text.isprintable() else text.translate(_FOLDED)


def _percent(text: str) -> str:
    charset, encoded = _charset(text)
    return _charsets.decode(unquote_to_bytes(_bytes(encoded)), charset)


def _charset(text: str) -> tuple[str, str]:
    charset, _, rest = text.partition("'")
    _, quote, encoded = rest.partition("'")
    return (charset, encoded) if quote else ("", text)


def _bytes(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # what UTF-7 can make
        return text.encode("utf-8", "replace")


def _without_words(text: str) -> str:
    """Decode the encoded words that many write into file names."""
    return _WORD.sub(_word, text) if "=?" in text else text


def _word(match: re.Match[str]) -> str:
    charset, encoding, text = match.groups()
    raw = _bytes(text)
    try:
        if encoding in "bB":
            raw = binascii.a2b_base64(raw + b"==")
        else:
            raw = binascii.a2b_qp(raw, header=True)
    except binascii.Error:
        return match.group()
    return _charsets.decode(raw, charset)
