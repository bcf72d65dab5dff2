"""
What we read in a finished MIME message, and the little we change.

Only the header block is looked at. The body is neither parsed nor
copied, unless a header has to go.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from safeses._rules import raw as rules

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage

    from safeses._findings import Finding

# A header block beyond this is not one.
HEADERS_MAX_BYTES: Final = 512 * 1024
# Above this a copy of the message costs more than our header is worth.
COPY_MAX_BYTES: Final = 1024 * 1024
# Fifty recipients with long names fit; a parser never sees more.
PEOPLE_MAX_CHARS: Final = 64 * 1024
_END: Final = re.compile(rb"\n\r?\n")
_BARE_CR: Final = re.compile(rb"\r(?!\n)")
# RFC 5322, 3.6.8, and a folded line. A blank before the colon is obsolete:
# for CPython's parser, and others, the body begins there.
_NO_HEADER: Final = re.compile(rb"\n(?![!-9;-~]+:|[ \t]|\Z)")
_BCC: Final = re.compile(
    rb"^(?:resent-)?bcc[^\S\n]*:[^\n]*(?:\n|\Z)"
    rb"(?:[ \t][^\n]*(?:\n|\Z))*",
    re.IGNORECASE | re.MULTILINE,
)
# No control characters, which strip() takes away with them.
_BLANKS: Final = " \t"
RECIPIENT_HEADERS: Final = ("to", "cc", "bcc")
_MARKS: Final = '()<>"'
_MARK: Final = re.compile(r'\\.|[()<>"]', re.DOTALL)
# A byte that is no UTF-8.
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def to_bytes(message: bytes | EmailMessage) -> bytes:
    """Serialise *message*, in 7-bit form if it can, with CRLF."""
    if isinstance(message, (bytes, bytearray, memoryview)):
        return bytes(message)
    from safeses._mail import _flat

    return _flat.flat(message)


def problem(data: bytes, fields: dict[str, list[str]]) -> Finding | None:
    """Return what forbids to send a message with this header block."""
    block = header_block(data)
    if {"bcc", "resent-bcc"} & fields.keys() and signs_bcc(fields):
        seen = "one that a DKIM signature covers"
        return rules.RAW_SIGNED_BCC.found("Raw.Data", seen)
    if len(block) == HEADERS_MAX_BYTES:
        return rules.RAW_HEADERS.found("Raw.Data", "no end of the headers")
    if _BARE_CR.search(block):
        return rules.RAW_HEADERS.found("Raw.Data", "a CR without LF")
    if not _ends_for_all(data, block):
        seen = "an end that others do not see"
        return rules.RAW_HEADERS.found("Raw.Data", seen)
    if block.startswith((b" ", b"\t")) or _NO_HEADER.search(b"\n" + block):
        seen = "a line that is no header"
        return rules.RAW_HEADERS.found("Raw.Data", seen)
    return None


def _ends_for_all(data: bytes, block: bytes) -> bool:
    """Whether the headers end for those, too, who read CRLF only."""
    if not block or len(block) == len(data):
        return True
    if data.startswith(b"\r\n", len(block)):
        return block.endswith(b"\r\n")
    return b"\r" not in block  # LF throughout


def headers(data: bytes) -> dict[str, list[str]]:
    """Return the unfolded header values by lower-case name."""
    found: dict[str, list[str]] = {}
    for name, value in _fields(header_block(data)):
        found.setdefault(name, []).append(value)
    return found


def recipients(fields: dict[str, list[str]]) -> dict[str, list[str]]:
    """
    Return the bare addresses in the headers ``to``, ``cc`` and ``bcc``.

    Resent-* headers, where there are any, are who it goes to now. A
    header that cannot be read adds an empty address, for the address
    check to refuse: nobody is left out, or taken in, by a guess.
    """
    resent = {n: v for n, v in fields.items() if n.startswith("resent-")}
    if resent:
        return _newest(resent)
    return {
        kind: [a for value in fields.get(kind, ()) for a in people(value)]
        for kind in RECIPIENT_HEADERS
    }


def _newest(resent: dict[str, list[str]]) -> dict[str, list[str]]:
    """
    Return the recipients of who resent a message last.

    Who resends puts a block of headers in front, each of which it has
    once (RFC 5322, 3.6.6). Which headers are of the first block is certain
    only where every block has them.
    """
    blocks = max(map(len, resent.values()))
    is_known = blocks in {1, len(resent.get("resent-from", ()))}
    found = {}
    for kind in RECIPIENT_HEADERS:
        values = resent.get(f"resent-{kind}", [])
        if values and not (is_known and len(values) == blocks):
            found[kind] = [""]
        else:
            found[kind] = people(values[0]) if values else []
    return found


def people(value: str) -> list[str]:
    """Return the bare addresses of a header, ``""`` for what is none."""
    from email import utils

    if len(value) > PEOPLE_MAX_CHARS:
        return [""]
    # The same on every Python: newer ones are strict on their own, and
    # then return nothing for what we want to look at ourselves.
    lenient: dict[str, Any] = (
        {"strict": False}
        if getattr(utils, "supports_strict_parsing", False)
        else {}
    )
    try:
        found = [a for _, a in utils.getaddresses([value], **lenient)]
    except RecursionError:  # a comment in a comment in a comment ...
        return [""]
    named = [address for address in found if address]
    seen = sum(address.count("@") for address in named)
    unread = len(named) < len(found) and seen < value.count("@")
    room = 1 + value.count(",") + value.count(";")
    # The parser joins what it finds: "a@b.example junk" becomes one word.
    joined = any(address not in value for address in named)
    if unread or joined or len(found) > room or not _is_closed(value):
        named = ["", *named]
    return [_SURROGATE.sub("\ufffd", address) for address in named]


def _is_closed(value: str) -> bool:
    """Whether all quotes, comments and angle brackets end."""
    depth, is_quoted, is_bracketed = 0, False, False
    for mark in _MARK.findall(value):
        if mark[0] == "\\":
            if not is_quoted and not depth and mark[1] in _MARKS:
                return False
        elif is_quoted:
            is_quoted = mark != '"'
        elif mark in {"(", ")"}:
            depth += 1 if mark == "(" else -1
            if depth < 0:
                return False
        elif mark == '"':
            is_quoted = not depth
        elif not depth:
            if is_bracketed == (mark == "<"):
                return False
            is_bracketed = not is_bracketed
    return not (depth or is_quoted or is_bracketed)


def signs_bcc(fields: dict[str, list[str]]) -> bool:
    """Whether a DKIM signature covers a Bcc header."""
    for signature in fields.get("dkim-signature", []):
        for part in signature.split(";"):
            name, _, value = part.partition("=")
            if name.strip() == "h":
                names = {n.strip().lower() for n in value.split(":")}
                if names & {"bcc", "resent-bcc"}:
                    return True
    return False


def without_bcc(data: bytes) -> bytes:
    """Return *data* without its Bcc headers."""
    end = len(header_block(data))
    return _BCC.sub(b"", data[:end]) + data[end:]


def with_header(data: bytes, name: str, value: str) -> bytes:
    """Return *data* with one header more in front."""
    first = data.find(b"\n")
    newline = b"\r\n" if data[first - 1 : first] == b"\r" else b"\n"
    return f"{name}: {value}".encode("ascii") + newline + data


def message_tags(fields: dict[str, list[str]]) -> list[tuple[str, str]]:
    """Return the tags of ``X-SES-MESSAGE-TAGS``, which EmailTags replace."""
    pairs = []
    for value in fields.get("x-ses-message-tags", []):
        for item in value.split(","):
            name, equals, content = item.partition("=")
            if equals:
                pairs.append((name.strip(), content.strip()))
    return pairs


def header_block(data: bytes) -> bytes:
    """Return the header lines of a message, or what comes first of them."""
    head = data[:HEADERS_MAX_BYTES]
    if head.startswith((b"\n", b"\r\n")):  # a body only
        return b""
    end = _END.search(head)
    return head if end is None else head[: end.start() + 1]


def _fields(block: bytes) -> Iterator[tuple[str, str]]:
    name, value = "", ""
    # What is no UTF-8 becomes surrogates, which no address may hold.
    for ended in block.decode("utf-8", "surrogateescape").split("\n"):
        line = ended.rstrip("\r")
        if line[:1] in {" ", "\t"}:
            value += line
            continue
        if name:
            yield name, value.strip(_BLANKS)
        name, _, value = line.partition(":")
        name = name.strip().lower()
    if name:
        yield name, value.strip(_BLANKS)
