"""
A finished MIME message: its lines, headers, parts and file names.

What cannot be read at all is refused before, by `_raw.problem`. Date and
Message-ID are not asked for, as SES sets both (Guide, "Amazon SES header
fields").
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from safeses import _ses
from safeses._mail import _address, _mime, _raw
from safeses._rules import content, people, shape
from safeses._rules import fields as header_rules
from safeses._rules import raw as rules
from safeses._validation._file_names import check_file_kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from safeses._findings import Finding

_FIELD: Final = "Raw.Data"
# What is shown of a header's name: others may be of the text before a colon.
_NAME: Final = re.compile("[a-z0-9-]{1,40}")
# Longer ones hold no sender, and would cost the parser too much.
_FROM_MAX_CHARS: Final = 10_000
_ADDRESS_HEADERS: Final = frozenset(
    f"{prefix}{name}"
    for prefix in ("", "resent-")
    for name in ("from", "sender", "reply-to", "to", "cc", "bcc")
)
# These have rules of their own, however often they are there.
_RULED: Final = frozenset({"bcc", "from"})
_RECEIVERS: Final = frozenset({"to", "cc", "resent-to", "resent-cc"})
_MIME_HEADERS: Final = frozenset(
    {"content-type", "content-transfer-encoding", "content-disposition"}
)
_ENCODED_WORD: Final = re.compile(
    r"=\?[^?\s]*\?[bq]\?[^?\s]*\?=", re.IGNORECASE
)
# With NUL for each encoded word: one that touches an @, stands in angle
# brackets, or alone where an address belongs.
_IN_ADDRESS: Final = re.compile(
    r"\0[^\0\s,;<>\"@]*@|@[^\0\s,;<>\"@]*\0|<[^<>\0]*\0"
    r"|(?:\A|[,;:])[ \t]*\0[\0 \t]*(?=[,;]|\Z)"
)
_BETWEEN: Final = re.compile(r"[\s,;:<>()\"]+")
_EIGHT_BIT: Final = re.compile(rb"[\x80-\xff]")
# Or a line end, for whoever takes the text for another encoding, if what
# follows looks like a header.
_C0: Final = re.compile("[\0-\x1f\x7f]|[\x85\u2028\u2029\udc85][!-9;-~]+:")
# What begins another character set in ISO 2022, as in Japanese mail.
_ISO_2022: Final = re.compile(r"\x1b(?:\$[()]?[@-DI]|[()][@-Z])")


def check_raw(data: bytes, fields: dict[str, list[str]]) -> Iterator[Finding]:
    """
    Check a finished message.

    Args:
        data: The message.
        fields: Its headers, as `safeses._mail._raw.headers` reads them.
    """
    for name, values in fields.items():
        if (
            len(values) > 1
            and name in _ses.SINGLE_HEADERS
            and name not in _RULED
        ):
            rule = header_rules.HEADER_REPEATED
            yield rule.found(_titled(name), len(values))
        for value in values:
            if not (value.isascii() and value.isprintable()):
                yield from _check_characters(name, value)
            if "=?" in value and name in _ADDRESS_HEADERS:
                yield from _check_words(name, value)
    yield from _check_from(fields)
    yield from _check_presence(fields)
    yield from _check_bytes(data, fields)
    yield from _check_parts(data, fields)


def _titled(name: str) -> str:
    return f"header {name.title()}" if _NAME.fullmatch(name) else "a header"


def _check_characters(name: str, value: str) -> Iterator[Finding]:
    """Check a value with other than printable ASCII characters."""
    field = _titled(name)
    if _has_control(name, value):
        yield shape.TEXT_CONTROL.found(field, "at least one")
    elif not value.isascii() or "\x1b" in value:
        yield rules.RAW_EIGHT_BIT.found(
            field,
            "characters that are not encoded",
            limit="headers of 7-bit bytes",
            remedy="encode them as in RFC 2047",
        )
        if name in _ADDRESS_HEADERS and any(
            not local.isascii()
            for local, at, _ in map(_at, _BETWEEN.split(value))
            if at
        ):
            wrong = _address.LOCAL_NOT_ASCII
            yield people.ADDRESS_SYNTAX.found(
                field, wrong.seen, remedy=wrong.remedy
            )


def _has_control(name: str, value: str) -> bool:
    if name not in _ADDRESS_HEADERS:
        value = _ISO_2022.sub("", value)
    # In text of an unknown encoding C1 characters may be parts of letters.
    controls = _address.CONTROL if _is_utf8(value) else _C0
    return controls.search(value.replace("\t", " ")) is not None


def _is_utf8(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:  # surrogates stand for other bytes
        return False
    return True


def _at(word: str) -> tuple[str, str, str]:
    return word.rpartition("@")


def _check_words(name: str, value: str) -> Iterator[Finding]:
    hidden = _ENCODED_WORD.sub("\0", value.replace("\0", " "))
    if _IN_ADDRESS.search(hidden):
        yield people.ADDRESS_ENCODED_WORD.found(_titled(name), "at least one")


def _check_from(fields: dict[str, list[str]]) -> Iterator[Finding]:
    """
    Check that there is one sender.

    Without a header From, FromEmailAddress is asked for elsewhere. With
    that SES may take the message, but many servers do not.
    """
    field = "header From"
    values = fields.get("from", [])
    if not values:
        yield rules.RAW_MISSING.found(
            field, "none", remedy="set it: many servers refuse mail without"
        )
    elif len(values) > 1:
        yield rules.RAW_FROM.found(field, f"{len(values)} headers")
    elif _address.problem(_address.encode(values[0])) is not None:
        # Perhaps: it may have comments, groups or several addresses.
        yield from _check_senders(values[0], fields)


def _check_senders(
    value: str, fields: dict[str, list[str]]
) -> Iterator[Finding]:
    field = "header From"
    senders = _raw.people(value) if len(value) < _FROM_MAX_CHARS else [""]
    if not senders or not all("@" in sender for sender in senders):
        yield rules.RAW_FROM.found(field, "nothing that can be read")
        return
    for sender in senders:
        wrong = _address.problem(_address.encode(sender))
        if wrong is not None:
            yield rules.RAW_FROM.found(field, wrong.seen, remedy=wrong.remedy)
            return
    if len(senders) > 1 and not any(fields.get("sender", ())):
        yield rules.RAW_FROM.found(field, f"{len(senders)} addresses")


def _check_presence(fields: dict[str, list[str]]) -> Iterator[Finding]:
    """Check for headers that should, or should not, be there."""
    names = fields.keys()
    if "bcc" in names or "resent-bcc" in names:
        yield rules.RAW_BCC.found("header Bcc", "one")
    if _RECEIVERS.isdisjoint(names):
        yield rules.RAW_MISSING.found(
            "header To",
            "neither To nor Cc",
            remedy='set it, if only to "undisclosed-recipients:;": mail'
            " without is often taken for spam",
        )
    if "mime-version" not in names and not _MIME_HEADERS.isdisjoint(names):
        yield rules.RAW_MISSING.found(
            "header Mime-Version",
            "none",
            remedy='set it to "1.0": the message is plain text without',
        )


def _check_bytes(
    data: bytes, fields: dict[str, list[str]]
) -> Iterator[Finding]:
    longest = _mime.long_line(data)
    if longest:
        yield rules.RAW_LINE.found(_FIELD, f"one of {longest} bytes")
    if not data.isascii():
        # Those of headers have been named.
        at = 0
        if not all(
            v.isascii() for several in fields.values() for v in several
        ):
            at = len(_raw.header_block(data))
        if not at or _EIGHT_BIT.search(data, at):
            yield rules.RAW_EIGHT_BIT.found(_FIELD, "8-bit bytes")
    if b"\0" in data:
        yield rules.RAW_NUL.found(_FIELD, "at least one")


def _check_parts(
    data: bytes, fields: dict[str, list[str]]
) -> Iterator[Finding]:
    parts = _mime.parts(data, fields)
    if len(parts) - 1 > _ses.MAX_MIME_PARTS:
        seen = f"more than {_ses.MAX_MIME_PARTS}"
        yield content.MESSAGE_PARTS.found(_FIELD, seen)
    for number, part in enumerate(parts):
        field = f"{_FIELD} part {number}" if number else _FIELD
        if not part.is_whole:
            yield rules.RAW_HEADERS.found(field, "no end of the headers")
        for name in part.names:
            yield from check_file_kind(field, name)
