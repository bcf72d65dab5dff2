"""
What we read in a finished MIME message, and the little we change.

Only the header block is looked at. The body is neither parsed nor
copied, unless a header has to go.
"""

from __future__ import annotations

import re
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from safeses._findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage

# A header block beyond this is not one.
HEADERS_MAX_BYTES: Final = 512 * 1024
# Above this a copy of the message costs more than our header is worth.
COPY_MAX_BYTES: Final = 1024 * 1024
# Fifty recipients with long names fit; a parser never sees more.
PEOPLE_MAX_CHARS: Final = 64 * 1024
_END: Final = re.compile(rb"\n\r?\n")
_BARE_CR: Final = re.compile(rb"\r(?!\n)")
_BCC: Final = re.compile(
    rb"^(?:resent-)?bcc[^\S\n]*:[^\n]*(?:\n|\Z)"
    rb"(?:[ \t][^\n]*(?:\n|\Z))*",
    re.IGNORECASE | re.MULTILINE,
)
RECIPIENT_HEADERS: Final = ("to", "cc", "bcc")


def to_bytes(message: bytes | EmailMessage) -> bytes:
    """Serialise *message*, in 7-bit form if it can, with CRLF."""
    if isinstance(message, (bytes, bytearray, memoryview)):
        return bytes(message)
    try:
        return _flat(message, "7bit")
    except UnicodeEncodeError:  # Django's bodies are 8-bit and stay so
        return _flat(message, "8bit")


def problem(data: bytes, fields: dict[str, list[str]]) -> Finding | None:
    """Return what forbids to send a message with this header block."""
    block = _block(data)
    if {"bcc", "resent-bcc"} & fields.keys() and signs_bcc(fields):
        return Finding(
            rule="raw.signed-bcc",
            field="Raw.Data",
            limit="no Bcc header",
            seen="one that a DKIM signature covers",
            remedy="sign without Bcc, name them in bcc",
            source="RFC 6376, 5.4",
        )
    endless = len(block) == HEADERS_MAX_BYTES
    if endless or _BARE_CR.search(block):
        return Finding(
            rule="raw.headers",
            field="Raw.Data",
            limit="header lines, an empty line, a body",
            seen="no end of the headers" if endless else "a CR without LF",
            remedy="serialise the message with the email package",
            source="RFC 5322, 2.1",
        )
    return None


def headers(data: bytes) -> dict[str, list[str]]:
    """Return the unfolded header values by lower-case name."""
    found: dict[str, list[str]] = {}
    for name, value in _fields(_block(data)):
        found.setdefault(name, []).append(value)
    return found


def recipients(fields: dict[str, list[str]]) -> dict[str, list[str]]:
    """
    Return the bare addresses in the headers ``to``, ``cc`` and ``bcc``.

    Resent-* headers, where there are any, are who it goes to now. A
    header that cannot be read adds an empty address, for the address
    check to refuse: nobody is left out, or taken in, by a guess.
    """
    prefix = "resent-" if any(n.startswith("resent-") for n in fields) else ""
    return {
        kind: [a for v in fields.get(prefix + kind, ()) for a in _people(v)]
        for kind in RECIPIENT_HEADERS
    }


def _people(value: str) -> list[str]:
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
    return ["", *named] if unread or joined or len(found) > room else named


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
    end = len(_block(data))
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


def _flat(message: EmailMessage, cte_type: str) -> bytes:
    from email.generator import BytesGenerator

    # Not as_bytes: messages of frameworks override it with other arguments.
    policy = message.policy.clone(linesep="\r\n", cte_type=cte_type)
    buffer = BytesIO()
    BytesGenerator(buffer, mangle_from_=False, policy=policy).flatten(message)
    return buffer.getvalue()


def _block(data: bytes) -> bytes:
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
            yield name, value.strip()
        name, _, value = line.partition(":")
        name = name.strip().lower()
    if name:
        yield name, value.strip()
