"""
What it says: exactly one kind of content, and its texts.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from safeses import _address, _ses
from safeses._findings import Finding
from safeses._validation._parts import check_extras, too_big

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTENT_KINDS: Final = {
    "Simple": "simple",
    "Raw": "raw",
    "Template": "template",
}


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
    yield from check_extras(message, size)


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
    if not text.isprintable() and _address.CONTROL.search(text):
        return Finding.control(field)
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
        return 0, Finding.control(field)


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
    yield from check_extras(template, 0)


def _check_raw(raw: dict[str, Any]) -> Iterator[Finding]:
    data = raw.get("Data")
    if not isinstance(data, (bytes, bytearray)):
        yield Finding.wrong_type("Raw.Data", "bytes", data)
    elif len(data) > _ses.MAX_MESSAGE_BYTES:
        yield too_big(len(data))
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


def _is_json_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
