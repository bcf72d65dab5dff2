"""
What it says: exactly one kind of content, and its texts.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, NoReturn

from safeses import _ses
from safeses._mail import _address
from safeses._rules import content as rules
from safeses._rules import shape
from safeses._validation._attachments import check_attachments
from safeses._validation._headers import check_headers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from safeses._findings import Finding

CONTENT_KINDS: Final = {
    "Simple": "simple",
    "Raw": "raw",
    "Template": "template",
}
_TEXTS: Final = ("Text", "Html")
# SES fills in some words of its own in any content (Guide, "Using
# subscription management" and "Monitor opens and clicks").
_PLACEHOLDER: Final = re.compile(r"\{\{(?!\s*(?:amazonSES|ses:))")


def check_content(content: object) -> Iterator[Finding]:
    """Check that there is exactly one kind of content, and its fields."""
    if not isinstance(content, dict):
        yield shape.wrong_type("Content", "a dict", content)
        return
    kinds = [k for k in content if content[k] is not None]
    if len(kinds) != 1 or kinds[0] not in CONTENT_KINDS:
        known = [k for k in kinds if k in CONTENT_KINDS]
        others = ["something else"] * (len(known) < len(kinds))
        seen = ", ".join([*known, *others]) or "none"
        yield shape.CONTENT_KIND.found("Content", seen)
        return
    kind = kinds[0]
    body = content[kind]
    if not isinstance(body, dict):
        yield shape.wrong_type(f"Content.{kind}", "a dict", body)
        return
    yield from _CHECKS[kind](body)


def _check_simple(message: dict[str, Any]) -> Iterator[Finding]:
    subject = message.get("Subject")
    data = subject.get("Data") if isinstance(subject, dict) else None
    wrong = _check_subject("Subject", data)
    if wrong is not None:
        yield wrong
    if isinstance(data, str) and "{{" in data and _PLACEHOLDER.search(data):
        yield rules.BODY_PLACEHOLDER.found("Subject", "at least one")
    body = message.get("Body")
    if body is not None and not isinstance(body, dict):
        yield shape.wrong_type("Body", "a dict", body)
        return
    parts = body or {}
    texts = [name for name in _TEXTS if parts.get(name) is not None]
    for name in texts:
        part = parts[name]
        text: Any = part.get("Data") if isinstance(part, dict) else None
        wrong = _check_text(f"Body.{name}", text)
        if wrong is not None:
            yield wrong
        elif "{{" in text and _PLACEHOLDER.search(text):
            yield rules.BODY_PLACEHOLDER.found(f"Body.{name}", "at least one")
    if not texts:
        yield rules.BODY_NONE.found("Body", "none")
    elif texts == ["Html"]:
        yield rules.BODY_HTML_ONLY.found("Body", "html only")
    yield from _check_extras(message, len(texts))


def _check_template(template: dict[str, Any]) -> Iterator[Finding]:
    named = [
        name
        for name in ("TemplateName", "TemplateArn", "TemplateContent")
        if template.get(name)
    ]
    if len(named) != 1:
        seen = ", ".join(named) or "none"
        yield rules.TEMPLATE_WHICH.found("Template", seen)
    for name in ("TemplateName", "TemplateArn"):
        wrong = _check_name(f"Template.{name}", template.get(name))
        if wrong is not None:
            yield wrong
    content = template.get("TemplateContent")
    if content:
        yield from _check_inline(content)
    yield from _check_data(template.get("TemplateData"))
    yield from _check_extras(template, len(_TEXTS))


def _check_inline(content: object) -> Iterator[Finding]:
    """Check the texts of a template that stands in the call itself."""
    field = "TemplateContent"
    if not isinstance(content, dict):
        yield shape.wrong_type(field, "a dict", content)
        return
    size = 0
    for name in ("Subject", *_TEXTS):
        text = content.get(name)
        if text is None:
            continue
        check = _check_subject if name == "Subject" else _check_text
        wrong = check(f"{field}.{name}", text)
        if wrong is not None:
            yield wrong
        if isinstance(text, str):
            size += len(text.encode("utf-8", "surrogatepass"))
    if size > _ses.INLINE_TEMPLATE_MAX_BYTES:
        yield rules.TEMPLATE_SIZE.found(field, size)


def _check_data(data: object) -> Iterator[Finding]:
    field = "TemplateData"
    if data is None:
        return  # SES takes it for no data
    wrong = _check_text(field, data)
    if wrong is not None:
        yield wrong
    elif len(data) > _ses.TEMPLATE_DATA_MAX_CHARS:  # type: ignore[arg-type]  # a string
        yield rules.TEMPLATE_DATA.found(field, len(data))  # type: ignore[arg-type]  # the same
    elif not _is_json_object(data):  # type: ignore[arg-type]  # the same
        yield rules.TEMPLATE_JSON.found(field, "something else")


def _check_extras(message: dict[str, Any], texts: int) -> Iterator[Finding]:
    headers = message.get("Headers")
    if headers:
        yield from check_headers(headers)
    attachments = message.get("Attachments")
    if attachments:
        yield from check_attachments(attachments, texts)


def _check_raw(raw: dict[str, Any]) -> Iterator[Finding]:
    data = raw.get("Data")
    if not isinstance(data, (bytes, bytearray)):
        yield shape.wrong_type("Raw.Data", "bytes", data)
    elif not data or data.isspace():
        yield rules.BODY_NONE.found(
            "Raw.Data",
            "nothing",
            limit="a MIME message",
            remedy="give the message's bytes",
        )


_CHECKS: Final = {
    "Simple": _check_simple,
    "Raw": _check_raw,
    "Template": _check_template,
}


def _check_subject(field: str, text: object) -> Finding | None:
    if not isinstance(text, str):
        return shape.wrong_type(field, "a string", text)
    if not text.isprintable() and _address.CONTROL.search(text):
        return shape.TEXT_CONTROL.found(field, "at least one")
    if not text:
        return rules.SUBJECT_EMPTY.found(field, "nothing")
    if len(text) > _ses.SUBJECT_ADVISED_CHARS:
        return rules.SUBJECT_LONG.found(field, len(text))
    return None


def _check_text(field: str, text: object) -> Finding | None:
    if not isinstance(text, str):
        return shape.wrong_type(field, "a string", text)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:  # a lone surrogate
            return shape.TEXT_CONTROL.found(field, "a lone surrogate")
    return None


def _check_name(field: str, name: object) -> Finding | None:
    if name is None or name == "":
        return None
    if not isinstance(name, str):
        return shape.wrong_type(field, "a string", name)
    if not name.isprintable() and _address.CONTROL.search(name):
        return shape.TEXT_CONTROL.found(field, "at least one")
    return None


def _refuse(constant: str) -> NoReturn:
    # NaN and Infinity, which Python reads and JSON does not have.
    raise ValueError(constant)


def _is_json_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text, parse_constant=_refuse), dict)
    except (ValueError, RecursionError):
        return False
