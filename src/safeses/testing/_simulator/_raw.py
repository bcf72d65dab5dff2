"""
Read raw content as SES does: only the header block decides.

The texts of the refusals are those of SES v1; v2's are unverified.
"""

from __future__ import annotations

import re
from collections import Counter
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.parser import BytesParser
from email.policy import compat32
from typing import TYPE_CHECKING

from ._addresses import bare, only
from ._fields import Params, blob, text, texts
from ._limits import ONCE_ONLY_HEADERS
from ._mail import Draft
from ._refused import bad

if TYPE_CHECKING:
    from email.message import Message

_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_FOLD = re.compile(r"[\r\n]+")


def draft_raw(params: Params, raw: Params, tags: dict[str, str]) -> Draft:
    """
    Return the message that *raw* holds.

    `Destination` wins over To, Cc and Bcc; `EmailTags` replace the header
    ``X-SES-MESSAGE-TAGS`` (Developer Guide, "Send email using event
    publishing").
    """
    data = blob(raw, "Data")
    if not data:
        raise bad("Raw message data must not be empty.")
    block = _header_block(data)
    _check_once(block)
    written = _senders(block)
    given = text(params, "FromEmailAddress")
    if not given and not written:
        raise bad("Missing required header 'From'.")
    source = only(given) if given else written[0]
    to, cc, bcc = _recipients(params, block)
    return Draft(
        source=source,
        senders=tuple(dict.fromkeys((source, *written))),
        to=to,
        cc=cc,
        bcc=bcc,
        kind="raw",
        subject=_decode(str(block["Subject"])) if block["Subject"] else "",
        tags=tags or _tags(block),
        headers={name: _unfold(value) for name, value in block.items()},
        raw=data,
        configuration_set=(
            text(params, "ConfigurationSetName")
            or _first(block, "X-SES-CONFIGURATION-SET")
        ),
        params=params,
    )


def header_pairs(data: bytes) -> list[tuple[str, str]]:
    """Return the headers of a raw message in order, unfolded."""
    return [(n, _unfold(value)) for n, value in _header_block(data).items()]


def _header_block(data: bytes) -> Message:
    end = _BLANK_LINE.search(data)
    head = data if end is None else data[: end.end()]
    return BytesParser(policy=compat32).parsebytes(head, headersonly=True)


def _check_once(block: Message) -> None:
    names = Counter(name.lower() for name in block)
    for name in block:
        if name.lower() in ONCE_ONLY_HEADERS and names[name.lower()] > 1:
            raise bad(f"Duplicate header '{name}'.")


def _senders(block: Message) -> tuple[str, ...]:
    named = [_first(block, name) for name in ("From", "Sender")]
    path = (_first(block, "Return-Path") or "").strip(" <>")
    return bare([value for value in (*named, path) if value])


def _recipients(
    params: Params, block: Message
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    given = params.get("Destination") or {}
    to, cc, bcc = (
        bare(texts(given, name))
        for name in ("ToAddresses", "CcAddresses", "BccAddresses")
    )
    if to or cc or bcc:
        return to, cc, bcc
    to, cc, bcc = (
        bare(_unfold(value) for value in block.get_all(name, []) if value)
        for name in ("To", "Cc", "Bcc")
    )
    return to, cc, bcc


def _tags(block: Message) -> dict[str, str]:
    pairs = (
        pair.partition("=")
        for value in block.get_all("X-SES-MESSAGE-TAGS", [])
        for pair in re.split(r"[,;]", _unfold(value))
    )
    return {name.strip(): value.strip() for name, _, value in pairs if value}


def _first(block: Message, name: str) -> str | None:
    value = block[name]
    return None if value is None else _unfold(value).strip()


def _unfold(value: object) -> str:
    return _FOLD.sub("", str(value))


def _decode(value: str) -> str:
    try:
        return str(make_header(decode_header(_unfold(value))))
    except (HeaderParseError, LookupError, UnicodeError):
        return value
