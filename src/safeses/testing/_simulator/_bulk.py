"""
Read SendBulkEmail: one answer per entry, HTTP 200 whatever they are.

How entries draw on the send rate, and which faults are answered per entry
rather than for the whole call, is unverified: here the account's state and
an unverified sender refuse the call, everything else only its entry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ._addresses import only
from ._fields import Params, items, mapping, needed, text
from ._limits import MAX_BULK_ENTRIES, MAX_HEADERS
from ._mail import Draft
from ._refused import QUOTA_TEXT, RefusedError, bad
from ._requests import (
    check_attachments,
    check_recipients,
    check_set_name,
    read_destination,
    read_headers,
    read_tags,
)
from ._templates import find_content, read_data, render

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_STATUS: Final[Mapping[str, str]] = {
    "AccountSuspendedException": "ACCOUNT_SUSPENDED",
    "BadRequestException": "INVALID_PARAMETER",
    "MailFromDomainNotVerifiedException": "MAIL_FROM_DOMAIN_NOT_VERIFIED",
    "MessageRejected": "MESSAGE_REJECTED",
    "SendingPausedException": "CONFIGURATION_SET_SENDING_PAUSED",
    "TooManyRequestsException": "ACCOUNT_THROTTLED",
}


def status_of(refused: RefusedError) -> str:
    """Return the entry status that says what *refused* says."""
    if refused.message == QUOTA_TEXT:
        return "ACCOUNT_DAILY_QUOTA_EXCEEDED"
    if refused.code == "NotFoundException":
        if refused.message.startswith("Template"):
            return "TEMPLATE_NOT_FOUND"
        return "CONFIGURATION_SET_NOT_FOUND"
    return _STATUS.get(refused.code, "FAILED")


def draft_bulk(
    params: Params, templates: Mapping[str, Params]
) -> Iterator[Draft | RefusedError]:
    """Return one draft or refusal per entry, in order."""
    entries = items(params, "BulkEmailEntries")
    if not 0 < len(entries) <= MAX_BULK_ENTRIES:
        raise bad(f"1 to {MAX_BULK_ENTRIES} bulk entries are allowed.")
    template = mapping(mapping(params, "DefaultContent") or {}, "Template")
    if template is None:
        raise bad("DefaultContent needs a Template.")
    only(needed(params, "FromEmailAddress"))
    check_set_name(text(params, "ConfigurationSetName"))
    check_attachments(items(template, "Attachments"))
    return _each(params, template, entries, templates)


def _each(
    params: Params,
    template: Params,
    entries: list[Params],
    templates: Mapping[str, Params],
) -> Iterator[Draft | RefusedError]:
    for entry in entries:
        try:
            draft = _draft(params, template, entry, templates)
            check_recipients(draft)
        except RefusedError as refused:
            yield refused
        else:
            yield draft


def _draft(
    params: Params,
    template: Params,
    entry: Params,
    templates: Mapping[str, Params],
) -> Draft:
    content = find_content(template, templates)
    if content is None:
        raise RefusedError(
            "NotFoundException",
            f"Template {template.get('TemplateName')} does not exist.",
        )
    own = mapping(entry, "ReplacementEmailContent") or {}
    replacement = mapping(own, "ReplacementTemplate") or {}
    values = read_data(text(template, "TemplateData")) | read_data(
        text(replacement, "ReplacementTemplateData")
    )
    rendered = render(content, values)
    headers = _merged(
        read_headers(items(template, "Headers")),
        read_headers(items(entry, "ReplacementHeaders")),
    )
    source = only(needed(params, "FromEmailAddress"))
    to, cc, bcc = read_destination(mapping(entry, "Destination") or {})
    return Draft(
        source=source,
        senders=(source,),
        to=to,
        cc=cc,
        bcc=bcc,
        kind="bulk",
        subject=rendered.subject,
        bodies=(rendered.text, rendered.html),
        tags=read_tags(items(params, "DefaultEmailTags"))
        | read_tags(items(entry, "ReplacementTags")),
        headers=headers,
        configuration_set=text(params, "ConfigurationSetName"),
        fault=rendered.fault,
        params=params,
    )


def _merged(default: dict[str, str], own: dict[str, str]) -> dict[str, str]:
    replaced = {name.lower() for name in own}
    kept = {n: v for n, v in default.items() if n.lower() not in replaced}
    merged = kept | own
    if len(merged) > MAX_HEADERS:
        raise bad(f"The number of headers exceeds {MAX_HEADERS}.")
    return merged
