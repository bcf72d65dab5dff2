"""
Refuse here what SES would refuse, before it costs a token.

Every rule reads the parameters of ``SendEmail``, so that a drop-in call
is checked like a typed one. A rule yields findings; all of them together
become one `InvalidMessageError`.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from safeses import _address, _ses
from safeses._findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

CONTENT_KINDS: Final = {
    "Simple": "simple",
    "Raw": "raw",
    "Template": "template",
}
_CONTROL: Final = _address.CONTROL
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


def check_count(recipients: int) -> Finding | None:
    """Check that somebody gets it, and that SES takes so many."""
    if not recipients:
        return Finding(
            rule="recipients.none",
            field="Destination",
            limit="at least one recipient",
            seen="none",
            remedy="name one in to, cc or bcc",
            source="SESv2 API, Destination",
        )
    if recipients > _ses.MAX_RECIPIENTS:
        return Finding(
            rule="recipients.count",
            field="Destination",
            limit=f"at most {_ses.MAX_RECIPIENTS} recipients",
            seen=str(recipients),
            remedy="send several messages, best one for each recipient",
            source="SES Developer Guide, Service quotas",
        )
    return None


def check_addresses(
    field: str, addresses: Iterable[object]
) -> Iterator[Finding]:
    """Check the addresses of one list; a finding says which one it is."""
    for number, address in enumerate(addresses):
        if isinstance(address, str) and not _address.problem(address):
            continue
        wrong = check_address(f"{field}[{number}]", address)
        if wrong is not None:
            yield wrong


def check_address(field: str, address: object) -> Finding | None:
    """Check one address, already in 7-bit form."""
    if not isinstance(address, str):
        return Finding.wrong_type(field, "a string", address)
    wrong = _address.problem(address)
    if wrong is None:
        return None
    if wrong is _address.CONTROLS:
        return _control(field)
    return Finding(
        rule="address.syntax",
        field=field,
        limit="one ASCII address, as in RFC 5321",
        seen=wrong.seen,
        remedy=wrong.remedy,
        source="RFC 5321, 4.1.2; SESv2 API, Destination",
    )


def check_sender(sender: object) -> Finding | None:
    """Check that somebody sends it, and the address, in 7-bit form."""
    if sender is None or sender == "":
        return Finding.no_sender("FromEmailAddress")
    return check_address("FromEmailAddress", sender)


def check_content(content: object) -> Iterator[Finding]:
    """Check that there is exactly one kind of content, and its fields."""
    if not isinstance(content, dict):
        yield Finding.wrong_type("Content", "a dict", content)
        return
    kinds = [k for k in content if content[k] is not None]
    if len(kinds) != 1 or kinds[0] not in CONTENT_KINDS:
        yield Finding(
            rule="content.kind",
            field="Content",
            limit="exactly one of Simple, Raw and Template",
            seen=", ".join(str(k)[:20] for k in kinds[:4]) or "none",
            remedy="keep one",
            source="SESv2 API, EmailContent",
        )
        return
    kind = kinds[0]
    body = content[kind]
    if not isinstance(body, dict):
        yield Finding.wrong_type(f"Content.{kind}", "a dict", body)
        return
    yield from _CHECKS[kind](body)


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


def _check_simple(message: dict[str, Any]) -> Iterator[Finding]:
    subject = message.get("Subject")
    data = subject.get("Data") if isinstance(subject, dict) else None
    wrong = _check_subject("Subject", data)
    if wrong is not None:
        yield wrong
    body = message.get("Body")
    parts = body if isinstance(body, dict) else {}
    size, is_empty = 0, True
    for name in ("Text", "Html"):
        part = parts.get(name)
        if part is not None:
            is_empty = False
            text = part.get("Data") if isinstance(part, dict) else None
            length, wrong = _check_body(f"Body.{name}", text)
            size += length
            if wrong is not None:
                yield wrong
    if is_empty:
        yield Finding(
            rule="body.none",
            field="Body",
            limit="a text or an html body",
            seen="none",
            remedy="give text, html or both",
            source="SESv2 API, Body",
        )
    yield from _check_extras(message, size)


def _check_inline(content: object) -> Iterator[Finding]:
    """Check the texts of a template that stands in the call itself."""
    field = "TemplateContent"
    if not isinstance(content, dict):
        yield Finding.wrong_type(field, "a dict", content)
        return
    subject = content.get("Subject")
    if subject is not None:
        wrong = _check_subject(f"{field}.Subject", subject)
        if wrong is not None:
            yield wrong
    for name in ("Text", "Html"):
        if content.get(name) is not None:
            _, wrong = _check_body(f"{field}.{name}", content[name])
            if wrong is not None:
                yield wrong


def _check_subject(field: str, text: object) -> Finding | None:
    if not isinstance(text, str):
        return Finding.wrong_type(field, "a string", text)
    if not text.isprintable() and _CONTROL.search(text):
        return _control(field)
    return None


def _check_body(field: str, text: object) -> tuple[int, Finding | None]:
    """Return how many bytes a text has, and what is wrong with it."""
    if not isinstance(text, str):
        return 0, Finding.wrong_type(field, "a string", text)
    if text.isascii():
        return len(text), None
    try:
        return len(text.encode()), None
    except UnicodeEncodeError:  # a lone surrogate
        return 0, _control(field)


def _check_template(template: dict[str, Any]) -> Iterator[Finding]:
    named = [
        name
        for name in ("TemplateName", "TemplateArn", "TemplateContent")
        if template.get(name)
    ]
    if len(named) != 1:
        yield Finding(
            rule="template.which",
            field="Template",
            limit="exactly one of name, ARN and inline content",
            seen=", ".join(named) or "none",
            remedy="keep one",
            source="SESv2 API, Template",
        )
    content = template.get("TemplateContent")
    if content:
        yield from _check_inline(content)
    data = template.get("TemplateData")
    if data is None:
        pass  # SES takes it for no data
    elif not isinstance(data, str):
        yield Finding.wrong_type("TemplateData", "JSON text", data)
    elif len(data) > _ses.TEMPLATE_DATA_MAX_CHARS:
        yield Finding(
            rule="template.data",
            field="TemplateData",
            limit=f"at most {_ses.TEMPLATE_DATA_MAX_CHARS} characters",
            seen=str(len(data)),
            remedy="send less data, or put it into an attachment",
            source="SESv2 API, Template",
        )
    elif (wrong := _check_body("TemplateData", data)[1]) is not None:
        yield wrong
    elif not _is_json_object(data):
        yield Finding(
            rule="template.json",
            field="TemplateData",
            limit="a JSON object",
            seen="something else",
            remedy="give a mapping, or json.dumps of one",
            source="SESv2 API, Template",
        )
    yield from _check_extras(template, 0)


def _check_raw(raw: dict[str, Any]) -> Iterator[Finding]:
    data = raw.get("Data")
    if not isinstance(data, (bytes, bytearray)):
        yield Finding.wrong_type("Raw.Data", "bytes", data)
    elif len(data) > _ses.MAX_MESSAGE_BYTES:
        yield _too_big(len(data))
    elif not data.strip():
        yield Finding(
            rule="body.none",
            field="Raw.Data",
            limit="a MIME message",
            seen="nothing",
            remedy="give the message's bytes",
            source="SESv2 API, RawMessage",
        )


_CHECKS: Final = {
    "Simple": _check_simple,
    "Raw": _check_raw,
    "Template": _check_template,
}


def _check_extras(message: dict[str, Any], size: int) -> Iterator[Finding]:
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
        yield _too_big(size)


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
    elif not name.isprintable() and _CONTROL.search(name):
        yield _control("Attachments.FileName")
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
        elif not text.isprintable() and _CONTROL.search(text):
            yield _control(f"Attachments.{field}")
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


def _is_json_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _too_big(size: int) -> Finding:
    return Finding(
        rule="message.size",
        field="Content",
        limit=f"at most {_ses.MAX_MESSAGE_BYTES} bytes after base64",
        seen=str(size),
        remedy="link to large files instead of attaching them",
        source="SES Developer Guide, Service quotas",
    )


def _control(field: str) -> Finding:
    return Finding(
        rule="text.control",
        field=field,
        limit="no control characters, line ends or lone surrogates",
        seen="at least one",
        remedy="remove them; in user input they are an attack",
        source="RFC 5322, 2.2",
    )
