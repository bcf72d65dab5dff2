"""Bytes on the wire: an answer, and a request's head and body."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, BinaryIO, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_BODY_BYTES: Final = 64 * 1024 * 1024
_MAX_DRAIN_BYTES: Final = 256 * 1024 * 1024
_MAX_LINE_BYTES: Final = 64 * 1024
_MAX_HEADERS: Final = 200
_CHUNK_BYTES: Final = 1024 * 1024


class UnreadableError(Exception):
    """What came in is not a request of HTTP/1.1 as SES's clients write it."""


@attrs.frozen(kw_only=True)
class Head:
    """
    The head of a request.

    Attributes:
        method: Such as ``"POST"``.
        target: Path and query, still quoted.
        headers: Values by name in lower case.
        keep_alive: Whether the connection stays open afterwards.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    keep_alive: bool


@attrs.frozen(kw_only=True)
class Answer:
    """
    An answer, not written yet.

    Attributes:
        status: HTTP status.
        body: Everything after the head.
        headers: Values by name.
        refusal: Error code and text, None for a success.
    """

    status: int
    body: bytes
    headers: Mapping[str, str]
    refusal: tuple[str, str] | None = None

    def head(self, length: int | None = None) -> bytes:
        """Return the head, announcing *length* instead of the true one."""
        try:
            phrase = HTTPStatus(self.status).phrase
        except ValueError:
            phrase = "Unknown"
        shown = len(self.body) if length is None else length
        lines = [
            f"HTTP/1.1 {self.status} {phrase}",
            *(f"{name}: {value}" for name, value in self.headers.items()),
            f"Content-Length: {shown}",
            "\r\n",
        ]
        return "\r\n".join(lines).encode("latin-1")

    def wire(self) -> bytes:
        """Return all of it."""
        return self.head() + self.body


def read_head(stream: BinaryIO) -> Head | None:
    """Return the next head, None if the other side has ended."""
    line = _line(stream)
    if not line:
        return None
    try:
        method, target, version = line.split()
    except ValueError:
        raise UnreadableError("not a request line") from None
    headers: dict[str, str] = {}
    for _ in range(_MAX_HEADERS):
        line = _line(stream)
        if not line:
            break
        name, _colon, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    else:
        raise UnreadableError("too many headers")
    keep = headers.get("connection", "").lower()
    return Head(
        method=method,
        target=target,
        headers=headers,
        keep_alive=keep != "close" and version != "HTTP/1.0",
    )


def read_body(stream: BinaryIO, head: Head) -> bytes | None:
    """Return the body, None if it is too large; then it is thrown away."""
    if "chunked" in head.headers.get("transfer-encoding", "").lower():
        raise UnreadableError("a body without Content-Length")
    try:
        length = int(head.headers.get("content-length", 0))
    except ValueError:
        length = -1
    if length < 0:
        raise UnreadableError("not a length")
    if length > MAX_BODY_BYTES:
        left = min(length, _MAX_DRAIN_BYTES)
        while left > 0 and (got := stream.read(min(left, _CHUNK_BYTES))):
            left -= len(got)
        return None
    body = stream.read(length)
    if len(body) < length:
        raise UnreadableError("the body ended early")
    return body


def _line(stream: BinaryIO) -> str:
    raw = stream.readline(_MAX_LINE_BYTES + 1)
    if len(raw) > _MAX_LINE_BYTES:
        raise UnreadableError("a line is too long")
    return raw.decode("latin-1").strip("\r\n")
