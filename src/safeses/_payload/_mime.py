"""
A finished MIME message, told by its parts.

It is read once, from its bytes: nothing but headers is copied, and a
hostile message costs as much for each byte as any other. How a reader
would understand it does not matter here, as long as two different
messages never look the same.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final, NamedTuple

from safeses._payload import _headers, _ids
from safeses._payload._html import HTML_MAX_BYTES, decoded

# A block of headers beyond this is text.
_HEADERS_MAX_BYTES: Final = 512 * 1024
# SMTP's lines have 1000; a delimiter has far less.
_DELIMITER_MAX_BYTES: Final = 1000
_BOUNDARY_MAX_BYTES: Final = 900
_CHUNK_BYTES: Final = 256 * 1024
_CR: Final = 13
_PADDING: Final = b" \t\r"
_FIELD: Final = re.compile(rb"([!-9;-~]+)[ \t]*:")
_MESSAGES: Final = frozenset(
    {b"message/rfc822", b"message/global", b"message/news"}
)
# RFC 2231 adds the stars.
_FILE_NAMES: Final = frozenset(
    name + star
    for name in (b"name", b"filename")
    for star in (b"", b"*", b"*0", b"*0*")
)
_ID: Final = b"content-id"
_ENCODING: Final = b"content-transfer-encoding"
_PLAIN: Final = frozenset({b"", b"7bit", b"8bit", b"binary"})

Fields = list[tuple[bytes, bytes]]


class _Level(NamedTuple):
    """
    A multipart that we are in.

    Attributes:
        boundary: What divides it.
        needle: What the delimiters of this and all outer ones begin with.
        group: Where its parts belong, ``""`` if that is for them to say.
    """

    boundary: bytes
    needle: bytes
    group: str


class _Html(NamedTuple):
    """An html part, which is read when all content ids are known."""

    fields: Fields
    start: int
    stop: int


class _Found(NamedTuple):
    """A delimiter: of which level, and where its line ends."""

    level: int
    is_last: bool
    stop: int


def parts(data: bytes | bytearray) -> dict[str, bytes]:
    """Return what each part of a fingerprint says about a raw message."""
    walk = _Walk(data)
    walk.all()
    return walk.told()


class _Walk:
    """One pass over a message."""

    def __init__(self, data: bytes | bytearray) -> None:
        self._data = data
        self._levels: list[_Level] = []
        self._known: dict[bytes, int] = {}
        self._groups: dict[str, Any] = {}
        self._ids: dict[bytes, int] = {}
        self._html: list[_Html] = []
        self._head = b""

    def told(self) -> dict[str, bytes]:
        """Return the parts; html last, as it names the ids of others."""
        for html in self._html:
            self._tell_html(html)
        found = {name: group.digest() for name, group in self._groups.items()}
        if self._head:
            found["headers"] = self._head
        return found

    def all(self) -> None:
        """Read all parts."""
        at, group = self._block(0, "", is_top=True)
        while at >= 0:
            at, group = self._block(at, group)

    def _block(
        self, at: int, group: str, *, is_top: bool = False
    ) -> tuple[int, str]:
        """
        Read headers and what they are about.

        Returns:
            Where the next headers begin, -1 if there are none, and where
            what they are about belongs.
        """
        fields, at = self._fields(at)
        if is_top:
            others = [f for f in fields if not f[0].startswith(b"content-")]
            self._head = _headers.headers(others)
            fields = [f for f in fields if f[0].startswith(b"content-")]
        said = dict(fields)
        if _ID in said:
            bare = _ids.bare(said[_ID])
            self._ids.setdefault(bare, len(self._ids) + 1)
        kind = said.get(b"content-type", b"")
        main = kind.partition(b";")[0].strip(_PADDING).lower()
        encoding = said.get(_ENCODING, b"").strip(_PADDING).lower()
        if main in _MESSAGES and encoding in _PLAIN:
            # A message in a message begins at once.
            self._structure(b"m")
            self._tell("attachments", self._told_fields(fields), b"")
            return at, "attachments"
        own = group or _group(main, said)
        # Readers differ over which of two headers counts.
        is_certain = sum(name == b"content-type" for name, _ in fields) == 1
        is_divided = is_certain and self._enter(kind, group)
        if is_divided:
            self._structure(b"p" + self._told_fields(fields, divided=True))
            own = "content"
        next_at, found = self._next(at)
        if own == "html" and next_at - at <= HTML_MAX_BYTES:
            self._structure(b"h")
            self._html.append(_Html(fields, at, next_at))
        elif is_divided:
            self._structure(self._digest(at, next_at))
        else:
            self._structure(own[:1].encode())
            told = self._told_fields(fields)
            self._tell(own, told, self._digest(at, next_at))
        return self._leave(found)

    def _leave(self, found: _Found | None) -> tuple[int, str]:
        """Go on behind a delimiter, and behind what is no part."""
        while found is not None:
            level = self._levels[found.level]
            last = b"-" if found.is_last else b"+"
            self._structure(b"%b%d;" % (last, found.level))
            keep = found.level + (not found.is_last)
            for gone in self._levels[keep:]:
                del self._known[gone.boundary]
            del self._levels[keep:]
            at = min(found.stop + 1, len(self._data))
            if not found.is_last:
                return at, level.group
            next_at, found = self._next(at)
            self._structure(self._digest(at, next_at))
        return -1, ""

    def _fields(self, at: int) -> tuple[Fields, int]:
        """Return unfolded headers, and where they have ended."""
        data, size = self._data, len(self._data)
        lines: list[tuple[bytes, list[bytes]]] = []
        is_ended = False
        left = _HEADERS_MAX_BYTES
        while at < size:
            end = data.find(b"\n", at)
            end = size if end < 0 else end
            length = end - at - (end > at and data[end - 1] == _CR)
            if not length:  # an empty line
                at, is_ended = end + 1, True
                break
            left -= length
            if left < 0:
                break
            line = bytes(data[at : at + length])
            if line[:2] == b"--" and self._level(line[2:]) is not None:
                break
            if line[:1] in {b" ", b"\t"} and lines:
                lines[-1][1].append(line)
            else:
                match = _FIELD.match(line)
                if match is None:
                    break
                name = match.group(1).lower()
                lines.append((name, [line[match.end() :]]))
            at = end + 1
        joined = [(name, b"".join(v).strip(_PADDING)) for name, v in lines]
        if not is_ended:  # readers differ over what follows
            joined.append((b"", b""))
        return joined, min(at, size)

    def _enter(self, kind: bytes, group: str) -> bool:
        """Look for what divides a part, and tell whether there is that."""
        divided = _headers.boundary(kind)
        if divided is None:
            return False
        boundary = divided[0]
        if not 0 < len(boundary) <= _BOUNDARY_MAX_BYTES:
            return False
        if boundary in self._known:  # readers see the outer one
            return False
        needle = b"\n--" + boundary
        if self._levels:
            needle = _shared(needle, self._levels[-1].needle)
        self._known[boundary] = len(self._levels)
        self._levels.append(_Level(boundary, needle, group))
        return True

    def _level(self, line: bytes) -> tuple[int, bool] | None:
        """Return which level a line without its hyphens divides or ends."""
        line = line.rstrip(_PADDING)
        level = self._known.get(line)
        if level is not None:
            return level, False
        if line.endswith(b"--"):
            level = self._known.get(line[:-2])
        return None if level is None else (level, True)

    def _next(self, at: int) -> tuple[int, _Found | None]:
        """Return where a text ends, and the delimiter that ends it."""
        data, size = self._data, len(self._data)
        if not self._levels:
            return size, None
        needle = self._levels[-1].needle
        hit = at - 1
        while (hit := data.find(needle, max(hit, 0))) >= 0:
            end = data.find(b"\n", hit + 3)
            end = size if end < 0 else end
            if end - hit <= _DELIMITER_MAX_BYTES:
                level = self._level(bytes(data[hit + 3 : end]))
                if level is not None:
                    # The line end before it belongs to the delimiter.
                    stop = hit - (hit > at and data[hit - 1] == _CR)
                    return max(stop, at), _Found(*level, end)
            hit = end
        return size, None

    def _digest(self, start: int, stop: int) -> bytes:
        """Return the digest of a text, whatever ends its lines."""
        data, found = self._data, hashlib.sha256()
        while start < stop:
            end = min(start + _CHUNK_BYTES, stop)
            if end < stop and data[end - 1] == _CR:
                end += 1  # which may be half of a line end
            found.update(data[start:end].replace(b"\r\n", b"\n"))
            start = end
        return found.digest()

    def _told_fields(self, fields: Fields, *, divided: bool = False) -> bytes:
        told = []
        for name, value in fields:
            number = self._ids.get(_ids.bare(value)) if name == _ID else None
            told.append((name, value if number is None else b"#%d" % number))
        return _headers.headers(told, divided=divided)

    def _tell_html(self, html: _Html) -> None:
        fields, start, stop = html
        encoding = dict(fields).get(_ENCODING, b"")
        text = None
        if self._ids:
            text = decoded(bytes(self._data[start:stop]), encoding)
        if text is None:
            digest = self._digest(start, stop)
        else:
            # Which encoding fits best depends on how long the ids are.
            fields = [f for f in fields if f[0] != _ENCODING]
            text = _ids.numbered(text, self._ids)
            digest = hashlib.sha256(b"decoded\n" + text).digest()
        self._tell("html", self._told_fields(fields), digest)

    def _tell(self, group: str, fields: bytes, digest: bytes) -> None:
        told = self._groups.setdefault(group, hashlib.sha256())
        told.update(_headers.framed(fields) + _headers.framed(digest))

    def _structure(self, told: bytes) -> None:
        group = self._groups.setdefault("content", hashlib.sha256())
        group.update(_headers.framed(told))


def _group(main: bytes, said: dict[bytes, bytes]) -> str:
    """Return where a part belongs that is no multipart."""
    disposition = said.get(b"content-disposition", b"")
    is_file = disposition[:10].lower() == b"attachment" or any(
        not _FILE_NAMES.isdisjoint(_headers.parameter_names(value))
        for value in (disposition, said.get(b"content-type", b""))
        if b"name" in value.lower()
    )
    if main.startswith(b"multipart/"):
        return "content"
    if not is_file and main in {b"text/plain", b""}:
        return "text"
    if not is_file and main == b"text/html":
        return "html"
    return "attachments"


def _shared(one: bytes, other: bytes) -> bytes:
    pairs = enumerate(zip(one, other, strict=False))
    at = next((i for i, (a, b) in pairs if a != b), None)
    return min(one, other, key=len) if at is None else one[:at]
