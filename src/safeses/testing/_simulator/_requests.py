"""
Check a SendEmail request in the way SES does and make a draft of it.

Which request is refused is from the SESv2 API reference and the Developer
Guide. Most texts of `BadRequestException` are unverified: no public log
shows them. Match on the code.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from ._addresses import bare, only
from ._fields import Params, blob, items, mapping, needed, text, texts
from ._limits import (
    BLOCKED_EXTENSIONS,
    FEEDBACK_TAGS,
    FILE_NAME_MAX_CHARS,
    FORBIDDEN_HEADERS,
    HEADER_MAX_CHARS,
    HEADER_NAME,
    HEADER_VALUE,
    MAX_HEADERS,
    MAX_MESSAGE_BYTES,
    MAX_RECIPIENTS,
    NAME_OF_SET,
    TAG,
)
from ._mail import Draft
from ._raw import draft_raw
from ._refused import bad, missing
from ._templates import Rendered, find_content, read_data, render

if TYPE_CHECKING:
    from collections.abc import Mapping

_BASE64_GROWTH = 4 / 3


def draft_send(
    params: Params,
    templates: Mapping[str, Params],
    max_bytes: int = MAX_MESSAGE_BYTES,
) -> Draft:
    """Return the message that a SendEmail request describes."""
    content = mapping(params, "Content") or {}
    given = [
        name for name in ("Simple", "Raw", "Template") if content.get(name)
    ]
    if len(given) != 1:
        raise bad("Content needs exactly one of Simple, Raw and Template.")
    part = mapping(content, given[0]) or {}
    mapping(params, "Destination")
    tags = read_tags(items(params, "EmailTags"))
    if given == ["Raw"]:
        draft = draft_raw(params, part, tags)
    else:
        draft = _draft_parts(params, given[0], part, tags, templates)
    _check_size(draft, part, max_bytes)
    check_recipients(draft)
    bare(texts(params, "ReplyToAddresses"))
    check_set_name(draft.configuration_set)
    return draft


def read_tags(given: list[Params]) -> dict[str, str]:
    """Return message tags by name; the last of a name wins (unverified)."""
    tags = {needed(tag, "Name"): needed(tag, "Value") for tag in given}
    for name, value in tags.items():
        if name not in FEEDBACK_TAGS and not TAG.fullmatch(name):
            raise bad(f"Invalid tag name: {name[:40]}")
        if not TAG.fullmatch(value):
            raise bad(f"Invalid tag value: {value[:40]}")
    return tags


def read_headers(given: list[Params]) -> dict[str, str]:
    """Return custom headers by name, checked."""
    if len(given) > MAX_HEADERS:
        raise bad(f"The number of headers exceeds {MAX_HEADERS}.")
    headers: dict[str, str] = {}
    for header in given:
        name, value = needed(header, "Name"), needed(header, "Value")
        if (
            not HEADER_NAME.fullmatch(name)
            or not HEADER_VALUE.fullmatch(value)
            or len(name) + len(value) > HEADER_MAX_CHARS
        ):
            raise bad(f"Invalid header: {name[:40]}")
        if name.lower() in FORBIDDEN_HEADERS:
            raise bad(f"Header not allowed: {name}")
        headers[name] = value
    return headers


def read_destination(
    given: Params,
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Return the bare addresses of To, Cc and Bcc."""
    to, cc, bcc = (
        bare(texts(given, name))
        for name in ("ToAddresses", "CcAddresses", "BccAddresses")
    )
    return to, cc, bcc


def check_recipients(draft: Draft) -> None:
    """Refuse no recipient and more than 50 (texts from SES v1)."""
    if not draft.recipients:
        raise bad("There are no recipients specified")
    if len(draft.recipients) > MAX_RECIPIENTS:
        raise bad(f"Recipient count exceeds {MAX_RECIPIENTS}.")


def check_set_name(name: str | None) -> None:
    """Refuse the name of a configuration set that none can have."""
    if name and not NAME_OF_SET.fullmatch(name):
        raise bad(f"Invalid configuration set name <{name[:64]}>.")


def check_attachments(given: list[Params]) -> None:
    """Refuse file names without or with a blocked extension."""
    for attachment in given:
        name = needed(attachment, "FileName")
        extension = PurePath(name).suffix.lower().lstrip(".")
        if (
            len(name) > FILE_NAME_MAX_CHARS
            or not extension
            or extension in BLOCKED_EXTENSIONS
        ):
            raise bad("Illegal filename")
        if blob(attachment, "RawContent") is None:
            needed({}, "rawContent")


def _draft_parts(
    params: Params,
    kind: str,
    part: Params,
    tags: dict[str, str],
    templates: Mapping[str, Params],
) -> Draft:
    source = only(needed(params, "FromEmailAddress"))
    to, cc, bcc = read_destination(params.get("Destination") or {})
    check_attachments(items(part, "Attachments"))
    if kind == "Simple":
        rendered = _simple(part)
    else:
        content = find_content(part, templates)
        if content is None:
            name = text(part, "TemplateName") or text(part, "TemplateArn")
            raise missing(f"Template {name} does not exist.")
        rendered = render(content, read_data(text(part, "TemplateData")))
    return Draft(
        source=source,
        senders=(source,),
        to=to,
        cc=cc,
        bcc=bcc,
        kind="simple" if kind == "Simple" else "template",
        subject=rendered.subject,
        bodies=(rendered.text, rendered.html),
        tags=tags,
        headers=read_headers(items(part, "Headers")),
        configuration_set=text(params, "ConfigurationSetName"),
        fault=rendered.fault,
        params=params,
    )


def _simple(part: Params) -> Rendered:
    """Return simple content; what SES says of none is unverified."""
    subject = text(mapping(part, "Subject") or {}, "Data")
    body = mapping(part, "Body") or {}
    plain, html = (
        text(mapping(body, name) or {}, "Data") for name in ("Text", "Html")
    )
    if subject is None:
        raise bad("Subject is required.")
    if plain is None and html is None:
        raise bad("The message body needs Text or Html.")
    return Rendered(subject=subject, text=plain, html=html)


def _check_size(draft: Draft, part: Params, max_bytes: int) -> None:
    """Refuse what is too large once encoded (text from SES v1)."""
    if draft.raw is not None:
        size = len(draft.raw)
    else:
        whole = (draft.subject, *(draft.bodies or ()))
        size = sum(len(one.encode()) for one in whole if one) + sum(
            int(len(blob(one, "RawContent") or b"") * _BASE64_GROWTH)
            for one in items(part, "Attachments")
        )
    if size > max_bytes:
        raise bad(
            f"Message length is more than {max_bytes} bytes long: '{size}'."
        )
