"""
What goes with a body: headers, attachments and tags.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from safeses import _address, _ses
from safeses._findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_TAG: Final = re.compile(rf"[A-Za-z0-9_-]{{1,{_ses.TAG_MAX_CHARS}}}")
_SES_TAG: Final = re.compile(r"ses:feedback-id-[ab]")
_HEADER_NAME: Final = re.compile(
    rf"[!-9;-~]{{1,{_ses.HEADER_NAME_MAX_CHARS}}}"
)
_HEADER_VALUE: Final = re.compile(rf"[ -~]{{1,{_ses.HEADER_VALUE_MAX_CHARS}}}")
_ATTACHMENT_TEXTS: Final = (
    ("ContentId", 1, _ses.CONTENT_ID_MAX_CHARS),
    ("ContentType", 1, _ses.CONTENT_TYPE_MAX_CHARS),
    ("ContentDescription", 0, _ses.DESCRIPTION_MAX_CHARS),
)
# What base64 makes of n bytes, with a line end every 76 characters.
_BASE64: Final = 4 / 3 * 78 / 76
# The headers and boundaries of one part.
_PART_BYTES: Final = 500


def check_tags(tags: object) -> Iterator[Finding]:
    """Check that SES takes the names and values of the message tags."""
    good, bad = _dicts("EmailTags", tags)
    yield from bad
    for tag in good:
        name, value = tag.get("Name"), tag.get("Value")
        named = isinstance(name, str) and (
            _TAG.fullmatch(name) or _SES_TAG.fullmatch(name)
        )
        if named and isinstance(value, str) and _TAG.fullmatch(value):
            continue
        yield Finding(
            rule="tag.characters",
            field="EmailTags",
            limit=f"1 to {_ses.TAG_MAX_CHARS} of A-Z a-z 0-9 _ - each",
            seen="another character or length",
            remedy="replace other characters, such as blanks by _",
            source="SESv2 API, MessageTag",
        )


def check_extras(message: dict[str, Any], size: int) -> Iterator[Finding]:
    headers, bad = _dicts("Headers", message.get("Headers"))
    yield from bad
    if len(headers) > _ses.MAX_HEADERS:
        yield Finding(
            rule="headers.count",
            field="Headers",
            limit=f"at most {_ses.MAX_HEADERS}",
            seen=str(len(headers)),
            remedy="drop some, or send a RawEmail",
            source="SESv2 API, Message",
        )
    for header in headers:
        yield from _check_header(header)
    attachments, bad = _dicts("Attachments", message.get("Attachments"))
    yield from bad
    for attachment in attachments:
        content = attachment.get("RawContent")
        if not isinstance(content, (bytes, bytearray)):
            yield Finding.wrong_type(
                "Attachments.RawContent", "bytes", content
            )
            continue
        size += int(len(content) * _BASE64) + _PART_BYTES
        yield from _check_attachment(attachment)
    if size > _ses.MAX_MESSAGE_BYTES:
        yield too_big(size)


def _check_header(header: Mapping[str, str]) -> Iterator[Finding]:
    name, value = header.get("Name"), header.get("Value")
    if not isinstance(name, str) or not isinstance(value, str):
        yield Finding.wrong_type(
            "Headers", "names and values as strings", value
        )
        return
    limit = ""
    if not _HEADER_NAME.fullmatch(name):
        limit = (
            f"names of 1 to {_ses.HEADER_NAME_MAX_CHARS} printable ASCII"
            " characters, no colon"
        )
    elif not _HEADER_VALUE.fullmatch(value):
        limit = (
            f"values of 1 to {_ses.HEADER_VALUE_MAX_CHARS} printable ASCII"
            " characters"
        )
    elif len(name) + len(value) > _ses.HEADER_MAX_CHARS:
        limit = f"name and value of {_ses.HEADER_MAX_CHARS} together"
    elif name.lower() in _ses.FORBIDDEN_HEADERS:
        limit = f"not {name}, which SES sets itself"
    if limit:
        yield Finding(
            rule="header.form",
            field="Headers",
            limit=limit,
            seen=f"{len(name)} + {len(value)} characters",
            remedy="encode, shorten or drop the header",
            source="SESv2 API, MessageHeader; Guide, header fields",
        )


def _check_attachment(attachment: Mapping[str, Any]) -> Iterator[Finding]:
    name = attachment.get("FileName")
    if not isinstance(name, str):
        yield Finding.wrong_type("Attachments.FileName", "a string", name)
    elif not name.isprintable() and _address.CONTROL.search(name):
        yield Finding.control("Attachments.FileName")
    elif not 0 < len(name) <= _ses.FILE_NAME_MAX_CHARS:
        yield Finding(
            rule="attachment.file-name",
            field="Attachments.FileName",
            limit=f"1 to {_ses.FILE_NAME_MAX_CHARS} characters",
            seen=str(len(name)),
            remedy="shorten the name, keep its extension",
            source="SESv2 API, Attachment",
        )
    for field, least, most in _ATTACHMENT_TEXTS:
        text = attachment.get(field)
        if text is None:
            continue
        if not isinstance(text, str):
            yield Finding.wrong_type(f"Attachments.{field}", "a string", text)
        elif not text.isprintable() and _address.CONTROL.search(text):
            yield Finding.control(f"Attachments.{field}")
        elif not least <= len(text) <= most:
            yield Finding(
                rule="attachment.text",
                field=f"Attachments.{field}",
                limit=f"{least} to {most} characters",
                seen=str(len(text)),
                remedy="shorten it, or leave it out",
                source="SESv2 API, Attachment",
            )


def _dicts(
    field: str, items: object
) -> tuple[list[dict[str, Any]], Iterable[Finding]]:
    """Split a list into its dicts and what is wrong with the rest."""
    if items is None:
        return [], []
    if not isinstance(items, (list, tuple)):
        return [], [Finding.wrong_type(field, "a list of dicts", items)]
    return (
        [item for item in items if isinstance(item, dict)],
        (
            Finding.wrong_type(field, "a list of dicts", item)
            for item in items
            if not isinstance(item, dict)
        ),
    )


def too_big(size: int) -> Finding:
    return Finding(
        rule="message.size",
        field="Content",
        limit=f"at most {_ses.MAX_MESSAGE_BYTES} bytes after base64",
        seen=str(size),
        remedy="link to large files instead of attaching them",
        source="SES Developer Guide, Service quotas",
    )
