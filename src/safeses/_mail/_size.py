"""
How large a message becomes when SES builds it, without building it.

SES holds the finished MIME message against its limit. What is counted
here is the message that the standard library would build: texts as they
are where that is possible, else as the shorter of quoted-printable and
base64; attachments as base64 in lines of 76 characters; headers folded
(RFC 5322, 2.2.3). Nothing is added for what SES puts in later, such as
signatures. Values of a wrong type count nothing: others refuse them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from safeses import _ses

_CRLF: Final = 2
_LINE: Final = 76
_VERSION: Final = len("MIME-Version: 1.0") + _CRLF
# What SES sets itself; its identifiers have 60 characters.
_ALWAYS: Final = (
    len("Date: Sat, 21 Nov 2026 20:43:50 +0000")
    + len("Message-ID: <@us-gov-west-1.amazonses.com>")
    + 60
    + 2 * _CRLF
)
_BOUNDARY: Final = "=" * 15 + "0" * 19 + "=="
_NOTHING: Final[Mapping[str, Any]] = {}
_LONG_LINE: Final = re.compile(
    rb"(?:\A|[\r\n])[^\r\n]{%d}" % (_ses.LINE_MAX_CHARS + 1)
)
_LINES: Final = re.compile(rb"[^\r\n]+")
# What quoted-printable leaves as it is: a blank, too, but at line ends.
_LITERAL: Final = bytes(set(range(32, 127)) - {ord("=")}) + b"\t"
# The same of an encoded word, and of a parameter after RFC 2231.
_ASCII: Final = "".join(map(chr, range(128)))
_WORD_LITERAL: Final = frozenset(
    c for c in _ASCII if c.isalnum() or c in "-!*+/ "
)
_NAME_LITERAL: Final = frozenset(
    c for c in _ASCII if c.isalnum() or c in "_.-~"
)
_WORD_CHROME: Final = len("=?utf-8?q??=")
# SES goes by the file's name; no usual type is longer than this.
_GUESSED_TYPE: Final = (
    "application/vnd.openxmlformats-officedocument.presentationml.presentation"
)
_ADDRESS_FIELDS: Final = (
    ("To", "ToAddresses"),
    ("Cc", "CcAddresses"),
)


def surely_fits(
    params: Mapping[str, Any], limit: int = _ses.MAX_MESSAGE_BYTES
) -> bool:
    """
    Whether a message is so small that its size need not be counted.

    Args:
        params: The parameters of ``SendEmail``.
        limit: How many bytes the message may have.

    Returns:
        True only if `encoded_size` is at most *limit*; it takes about
        as long as looking at every field once.
    """
    content = _mapping(params.get("Content"))
    raw = content.get("Raw")
    if raw is not None:
        return _length(_mapping(raw).get("Data")) <= limit
    message, subject, texts = _message(content)
    # A character has at most four bytes, and base64 makes six of these.
    size = 2_000 + 12 * len(subject)
    for text in texts:
        size += len(text) * (3 if text.isascii() else 6)
    for _, addresses in _people(params):
        size += sum(12 * len(address) + 20 for address in addresses)
    for name, value in _headers(message):
        size += 12 * (len(name) + len(value)) + 20
    for attachment in _dicts(message.get("Attachments")):
        size += 1_000 + sum(
            20 * len(value)
            for value in attachment.values()
            if isinstance(value, str)
        )
        data = _length(attachment.get("RawContent"))
        size += data * (2 if _is_base64(attachment) else 4)
    return size <= limit


def encoded_size(params: Mapping[str, Any]) -> int:
    """
    Count the bytes of the message that SES will build.

    Args:
        params: The parameters of ``SendEmail``. Of a template only what
            goes with it is known: its texts count nothing.

    Returns:
        Never less than what the standard library builds of the same
        parameters, and at most 2 % more; of a tiny message, 30 bytes.
    """
    content = _mapping(params.get("Content"))
    raw = content.get("Raw")
    if raw is not None:
        return _length(_mapping(raw).get("Data"))
    message, subject, texts = _message(content)
    size = _ALWAYS + _header("Subject", subject)
    for name, addresses in _people(params):
        if addresses:
            size += _header(name, ", ".join(addresses))
    for name, value in _headers(message):
        size += _header(name, value)
    return size + _body(message, texts)


def _body(message: Mapping[str, Any], texts: list[str]) -> int:
    kinds = ("plain", "html") if len(texts) > 1 else ("plain",)
    body = _multipart(
        "alternative",
        [_text_part(k, t) for k, t in zip(kinds, texts, strict=True)],
    )
    inline: list[int] = []
    attached: list[int] = []
    for attachment in _dicts(message.get("Attachments")):
        is_inline = attachment.get("ContentDisposition") == "INLINE"
        (inline if is_inline else attached).append(_attachment(attachment))
    if len(texts) > 1 or inline or attached:
        body += _VERSION  # of the whole; each part has one, too
    body = _multipart("related", [body, *inline])
    return _multipart("mixed", [body, *attached])


def _multipart(subtype: str, parts: list[int]) -> int:
    if len(parts) == 1:
        return parts[0]
    boundary = len("--") + len(_BOUNDARY) + _CRLF
    head = (
        len(f"Content-Type: multipart/{subtype};")
        + _CRLF
        + len(f' boundary="{_BOUNDARY}"')
        + 2 * _CRLF
    )
    # A line end before each but the first, and two with the last.
    between = len(parts) * (boundary + _CRLF) + boundary + _CRLF
    return head + between + sum(parts)


def _text_part(kind: str, text: str) -> int:
    head = f'Content-Type: text/{kind}; charset="utf-8"'
    size, encoding = _text(text)
    return _part(len(head) + _CRLF, encoding) + size


def _part(head: int, encoding: str) -> int:
    """Return the size of a part's header block, all but *head* known."""
    line = f"Content-Transfer-Encoding: {encoding}"
    return head + len(line) + _CRLF + _VERSION + _CRLF


def _text(text: str) -> tuple[int, str]:
    data = text.encode("utf-8", "surrogatepass")
    size = _with_line_ends(data)
    if text.isascii() and not _LONG_LINE.search(data):
        return size, "7bit"
    in_base64 = _base64(size), "base64"
    escapes = len(data.translate(None, _LITERAL + b"\r\n"))
    if size + 2 * escapes >= in_base64[0]:
        return in_base64
    return min(in_base64, (_quoted(data), "quoted-printable"))


def _base64(size: int) -> int:
    return 4 * -(-size // 3) + _CRLF * -(-size // 57)


def _with_line_ends(data: bytes | bytearray) -> int:
    ends = data.count(b"\n") + data.count(b"\r")
    return len(data) - ends + _CRLF * _count_lines(data)


def _count_lines(data: bytes | bytearray) -> int:
    ends = data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")
    return ends + (not data.endswith((b"\n", b"\r")))


def _quoted(data: bytes | bytearray) -> int:
    size = _CRLF * _count_lines(data)
    for found in _LINES.finditer(data):
        line = found.group()
        length = len(line) + 2 * len(line.translate(None, _LITERAL))
        if line[-1:] in {b" ", b"\t"}:
            length += 2
        size += length
        if length > _LINE:
            # A line holds 73 at least, as no escape may be cut.
            size += (1 + _CRLF) * -(-(length - _LINE) // (_LINE - 3))
    return size


def _attachment(attachment: Mapping[str, Any]) -> int:
    kind = _string(attachment.get("ContentType")) or _GUESSED_TYPE
    head = len(f"Content-Type: {kind}") + _CRLF * (1 + kind.count(";"))
    is_inline = attachment.get("ContentDisposition") == "INLINE"
    disposition = "inline" if is_inline else "attachment"
    head += _disposition(disposition, _string(attachment.get("FileName")))
    description = _string(attachment.get("ContentDescription"))
    if description:
        head += _header("Content-Description", description)
    identifier = _string(attachment.get("ContentId"))
    if identifier:
        line = len(f"Content-ID: <{identifier}>") + _CRLF
        head += line if line <= _LINE + 4 else line + _CRLF
    data = attachment.get("RawContent")
    if _is_base64(attachment):
        return _part(head, "base64") + _base64(_length(data))
    # Nobody holds much text in a view, which has no methods for it.
    plain = data.tobytes() if isinstance(data, memoryview) else data
    if not isinstance(plain, (bytes, bytearray)):
        plain = b""
    if attachment["ContentTransferEncoding"] == "SEVEN_BIT":
        return _part(head, "7bit") + _with_line_ends(plain)
    return _part(head, "quoted-printable") + _quoted(plain)


def _is_base64(attachment: Mapping[str, Any]) -> bool:
    encoding = attachment.get("ContentTransferEncoding")
    return encoding not in ("SEVEN_BIT", "QUOTED_PRINTABLE")


def _disposition(kind: str, name: str) -> int:
    """Count the header that names the file, folded as in RFC 2231."""
    line = len(f"Content-Disposition: {kind}")
    if not name:
        return line + _CRLF
    line += len(";")
    room = on_first = 78
    if name.isascii():
        charset = "us-ascii"
        value = len(f'filename="{name}"') + name.count('"') + name.count("\\")
    else:
        charset = "utf-8"
        on_first -= 1  # so does the standard library
        value = len("filename*=utf-8''") + sum(map(_percent, name))
    if line + 1 + value <= on_first:
        return line + 1 + value + _CRLF
    if value + 2 <= room:
        return line + _CRLF + 1 + value + _CRLF
    return line + _CRLF + _sections(name, len(charset) + 2, room - 2)


def _sections(name: str, charset: int, room: int) -> int:
    size, section, used = 0, 0, room
    full = room
    for character in name:
        width = _percent(character)
        if used + width > full:
            chrome = len(f"filename*{section}*=")
            full = room - chrome - (charset if section == 0 else 0)
            size += 1 + chrome + len(";") + _CRLF
            section, used = section + 1, 0
        used += width
        size += width
    return size + charset - len(";")


def _percent(character: str) -> int:
    return 1 if character in _NAME_LITERAL else 3 * _utf8(character)


def _header(name: str, value: str) -> int:
    """Count a header, folded at blanks or as encoded words."""
    column = len(name) + len(": ")
    if not value.isascii():
        return column + _encoded_words(value, column) + _CRLF
    size = column + len(value) + _CRLF
    if size > _LINE:
        for word in value.split(" "):
            if column + len(word) > _LINE:
                size += _CRLF
                column = 1
            column += len(word) + 1
    return size


def _encoded_words(text: str, column: int) -> int:
    """Count encoded words, each on a line of its own (RFC 2047, 2)."""
    widths = [1 if c in _WORD_LITERAL else 3 * _utf8(c) for c in text]
    lengths = [_utf8(c) for c in text]
    if 4 * -(-sum(lengths) // 3) < sum(widths):
        return _filled(lengths, column, in_base64=True)
    return _filled(widths, column, in_base64=False)


def _filled(widths: Iterable[int], column: int, *, in_base64: bool) -> int:
    size, used, room = 0, 0, _LINE - column - _WORD_CHROME
    for width in widths:
        wanted = used + width
        if (4 * -(-wanted // 3) if in_base64 else wanted) > room:
            size += _word(used, in_base64=in_base64) + _CRLF + 1
            used, room = 0, _LINE - 1 - _WORD_CHROME
        used += width
    return size + _word(used, in_base64=in_base64)


def _word(used: int, *, in_base64: bool) -> int:
    return _WORD_CHROME + (4 * -(-used // 3) if in_base64 else used)


def _utf8(character: str) -> int:
    return len(character.encode("utf-8", "surrogatepass"))


def _message(
    content: Mapping[str, Any],
) -> tuple[Mapping[str, Any], str, list[str]]:
    """Return the kind of content that is there, its subject and texts."""
    simple = content.get("Simple")
    if simple is None:
        return _mapping(content.get("Template")), "", ["", ""]
    message = _mapping(simple)
    body = _mapping(message.get("Body"))
    texts = [
        _string(_mapping(body[name]).get("Data"))
        for name in ("Text", "Html")
        if body.get(name) is not None
    ]
    subject = _string(_mapping(message.get("Subject")).get("Data"))
    return message, subject, texts or [""]


def _people(params: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    yield "From", _strings([params.get("FromEmailAddress")])
    destination = _mapping(params.get("Destination"))
    for name, field in _ADDRESS_FIELDS:
        yield name, _strings(destination.get(field))
    yield "Reply-To", _strings(params.get("ReplyToAddresses"))


def _headers(message: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for header in _dicts(message.get("Headers")):
        yield _string(header.get("Name")), _string(header.get("Value"))


def _length(data: object) -> int:
    if isinstance(data, memoryview):
        return data.nbytes
    if isinstance(data, str):
        return len(data.encode("utf-8", "surrogatepass"))
    return len(data) if isinstance(data, (bytes, bytearray)) else 0


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _strings(values: object) -> list[str]:
    if not isinstance(values, (list, tuple)):
        return []
    return [value for value in values if isinstance(value, str)]


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else _NOTHING


def _dicts(values: object) -> list[Mapping[str, Any]]:
    if not isinstance(values, (list, tuple)):
        return []
    return [value for value in values if isinstance(value, Mapping)]
