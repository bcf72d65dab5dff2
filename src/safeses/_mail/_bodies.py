"""
Bodies in 7-bit form, in lines that are short enough.

The package leaves long lines in bodies. Such bodies are encoded anew,
unless a signature covers them.
"""

from __future__ import annotations

import base64
import binascii
import re
from copy import copy
from email.message import Message
from typing import TYPE_CHECKING, Any, Final, cast

from safeses._mail import _mime

if TYPE_CHECKING:
    from email.message import EmailMessage

# The encodings that change nothing.
_PLAIN: Final = frozenset({"7bit", "8bit", "binary"})
# RFC 2045, 6.8.
_BASE64_LINE: Final = re.compile(".{1,76}")
_LINE_END: Final = re.compile(r"\r\n|\r|\n")


def copied(part: EmailMessage) -> EmailMessage:
    """
    Return a copy to write, of this message and of all in it.

    The package sets boundaries and policies while it writes. Only what
    it changes is copied: texts and headers are shared.
    """
    mine = copy(part)
    payload: Any = part.get_payload()
    if isinstance(payload, list):
        _set(mine, [copied(inner) for inner in payload])
    elif isinstance(payload, str) and part.get_content_maintype() in {
        "message",
        "multipart",
    }:
        # Not taken apart, as it is malformed: written as it is.
        _set(mine, _LINE_END.sub("\r\n", payload))
    return mine


def is_sealed(part: EmailMessage) -> bool:
    """Whether a DKIM signature covers all of a message."""
    return "dkim-signature" in part


def is_signed(part: EmailMessage) -> bool:
    """Whether a signature covers the parts of a part."""
    return part.get_content_type() == "multipart/signed"


def mended(part: EmailMessage) -> EmailMessage:
    """Return *part*, or a copy whose bodies are 7-bit in short lines."""
    if is_sealed(part) or is_signed(part):
        return part
    if part.is_multipart():
        given = cast("list[EmailMessage]", part.get_payload())
        several = [mended(inner) for inner in given]
        if all(a is b for a, b in zip(given, several, strict=True)):
            return part
        return _with_payload(part, several)
    encoding = str(part.get("content-transfer-encoding", "7bit"))
    encoding = encoding.strip().lower()
    if encoding == "base64":
        return _wrapped(part)
    if encoding in _PLAIN:
        data = part.get_payload(decode=True)
        if (
            isinstance(data, bytes)
            and (not data.isascii() or _mime.long_line(data))
            and _is_read(part, data)
        ):
            return _encoded(part, data)
    return part


def _wrapped(part: EmailMessage) -> EmailMessage:
    """Break the lines of a body in base64, where white space is nothing."""
    payload = part.get_payload()
    if (
        not isinstance(payload, str)
        or not payload.isascii()
        or not _mime.long_line(payload.encode())
    ):
        return part
    lines = _BASE64_LINE.findall("".join(payload.split()))
    return _with_payload(part, "\n".join([*lines, ""]))


def _is_read(part: EmailMessage, data: bytes) -> bool:
    """Whether the bytes of a body are its text, in the charset it names."""
    # For text that was never encoded the package makes something up.
    try:
        text = data.decode(part.get_content_charset("ascii"), "replace")
    except LookupError:
        text = data.decode("ascii", "replace")
    return text == part.get_payload()


def _encoded(part: EmailMessage, data: bytes) -> EmailMessage:
    if part.get_content_maintype() == "text":
        data = binascii.b2a_qp(data.replace(b"\r\n", b"\n"))
        return _with_payload(part, data.decode(), "quoted-printable")
    return _with_payload(part, base64.encodebytes(data).decode(), "base64")


def _with_payload(
    part: EmailMessage, payload: Any, encoding: str | None = None
) -> EmailMessage:
    mine = copy(part)
    if encoding is not None:
        del mine["Content-Transfer-Encoding"]  # from headers of its own
        mine["Content-Transfer-Encoding"] = encoding
    _set(mine, payload)
    return mine


def _set(part: EmailMessage, payload: Any) -> None:
    # Frameworks override it, and would encode once more.
    Message.set_payload(part, payload)
