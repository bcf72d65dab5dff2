"""
From the parameters of ``SendEmail`` to a message that may be sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from safeses import _ses, _validation
from safeses._mail import _raw, _size
from safeses._policy import Policy
from safeses._request._checks import Checks
from safeses._request._fill import fill_in, raw_text_to_bytes
from safeses._request._mark import mark
from safeses._request._own import own
from safeses._request._people import IN_FIELDS, IN_HEADERS, address_people
from safeses._request._ready import LISTS, Request, quota_cost
from safeses._rules import content as rules
from safeses._rules import shape
from safeses.errors import (
    ConfigurationError,
    InvalidMessageError,
    SafeSESError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from safeses._findings import Finding
    from safeses._values import Priority
    from safeses.events import Kind

# Parameters of the v1 API, which is not spoken here.
V1_NAMES: Final = frozenset({"Source", "Message", "RawMessage", "Tags"})
# What stands in a parameter, and in which header if not.
_SET: Final = ("ConfigurationSetName", "x-ses-configuration-set")
_TENANT: Final = ("TenantName", "x-ses-tenant")
# Encoded, these have eight times as many bytes at most, and all the
# addresses that SES takes far less.
_SMALL_CHARS: Final = 1_000_000
_DEFAULT: Final = Policy()


def request(
    params: Mapping[str, Any],
    *,
    tag: str,
    scope: str,
    tagged: bool = True,
    policy: Policy = _DEFAULT,
    priority: Priority = "transactional",
    stream: str = "",
    per_second: float | None = None,
) -> Request:
    """
    Check the parameters of ``SendEmail`` and make them safe.

    Args:
        params: What the caller would give to boto3.
        tag: The correlation id of the call.
        scope: Whose budget it draws on.
        tagged: Whether the mail shall carry our tags.
        policy: What the client chose to check.
        priority: How the mail is sent.
        stream: The kind of mail, if the caller named one.
        per_second: The account's send rate, if it is known.

    Raises:
        InvalidMessageError: SES would refuse it; with every finding.
    """
    try:
        mine = own(dict(params))
        _refuse_v1(mine)
        checks = Checks(policy)
        ready = _check(mine, checks, priority, per_second)
        ready.tag, ready.scope, ready.marked = tag, scope, tagged
        if policy.only_to is not None:
            ready.outsiders = policy.only_to.others(ready.recipients)
        if tagged:
            mark(mine, ready.kind, ready.fields, tag, stream)
    except SafeSESError:
        raise
    except Exception as error:  # noqa: BLE001  # a caller's objects raise it
        unreadable = shape.unreadable("message", error)
    else:
        return ready
    # Not chained: the text of the error may hold anything.
    raise InvalidMessageError((unreadable,))


def _check(
    mine: dict[str, Any],
    checks: Checks,
    priority: Priority,
    per_second: float | None,
) -> Request:
    kind = _check_content(mine, checks)
    where: Mapping[str, str] = IN_FIELDS
    has_from = False
    if kind == "raw":
        fields = _raw.headers(mine["Content"]["Raw"]["Data"])
        where = _open_raw(mine, fields, checks)
        has_from = any(fields.get("from", ()))
    else:
        fill_in(mine, kind.capitalize())
        fields = _custom_headers(mine["Content"][kind.capitalize()])
    if mine.get("EmailTags"):
        checks.note(_validation.check_tags(mine["EmailTags"]))
    recipients = address_people(mine, checks, where, has_from=has_from)
    checks.note(
        _validation.check_kind(
            fields,
            priority,
            len(recipients),
            managed=bool(mine.get("ListManagementOptions")),
        )
    )
    checks.note_one(_validation.check_speed(len(recipients), per_second))
    checks.note_one(_check_size(mine, kind))
    checks.refuse()
    return Request(
        params=mine,
        kind=kind,
        fields=fields,
        recipients=recipients,
        cost=len(recipients),
        quota_cost=quota_cost(recipients),
        sender=_named(mine, fields, "FromEmailAddress", "from"),
        configuration_set=_named(mine, fields, *_SET),
        tenant=_named(mine, fields, *_TENANT),
        findings=tuple(checks.notes),
    )


def _refuse_v1(mine: Mapping[str, Any]) -> None:
    if V1_NAMES.intersection(mine):
        raise ConfigurationError(
            "these are parameters of the v1 API",
            "use FromEmailAddress, Destination and Content of SESv2",
        )


def _check_content(mine: dict[str, Any], checks: Checks) -> Kind:
    """Check what does not hang together, and stop if it is unreadable."""
    raw_text_to_bytes(mine)
    content = mine.get("Content")
    checks.note(_validation.check_content(content))
    checks.note(_validation.check_texts(mine))
    if mine.get("ConfigurationSetName") is not None:
        name = mine["ConfigurationSetName"]
        checks.note_one(_validation.check_set_name(name))
    if checks.broken:
        checks.note(_validation.check_tags(mine.get("EmailTags")))
        # One answer names everything, but a raw message's recipients may
        # stand in what cannot be read.
        if not (isinstance(content, dict) and "Raw" in content):
            address_people(mine, checks)
        checks.refuse()
    kind: Kind = next(
        _validation.CONTENT_KINDS[k]  # type: ignore[misc]  # values are kinds
        for k, body in mine["Content"].items()
        if body is not None
    )
    return kind


def _open_raw(
    mine: dict[str, Any], fields: dict[str, list[str]], checks: Checks
) -> Mapping[str, str]:
    """
    Make a raw message's envelope explicit and keep its Bcc secret.

    Returns:
        What a finding calls each list of recipients.
    """
    data = mine["Content"]["Raw"]["Data"]
    unreadable = _raw.problem(data, fields)
    checks.note_one(unreadable)
    if unreadable is not None:
        checks.refuse()
    checks.note(_validation.check_raw(data, fields))
    given = mine.get("Destination") or {}
    unnamed = isinstance(given, dict) and not any(map(given.get, LISTS))
    if unnamed:
        named = _raw.recipients(fields)
        derived = (named[kind] for kind in _raw.RECIPIENT_HEADERS)
        mine["Destination"] = {
            **given,
            **dict(zip(LISTS, derived, strict=True)),
        }
    if "bcc" in fields or "resent-bcc" in fields:
        mine["Content"] = {"Raw": {"Data": _raw.without_bcc(data)}}
    if not mine.get("EmailTags"):
        tags = _raw.message_tags(fields)
        if tags:
            mine["EmailTags"] = [{"Name": n, "Value": v} for n, v in tags]
    return IN_HEADERS if unnamed else IN_FIELDS


def _check_size(mine: Mapping[str, Any], kind: Kind) -> Finding | None:
    if kind == "simple" and _is_small(mine["Content"]["Simple"]):
        return None
    if _size.surely_fits(mine):
        return None
    size = _size.encoded_size(mine)
    if size <= _ses.MAX_MESSAGE_BYTES:
        return None
    return rules.MESSAGE_SIZE.found("Content", size)


def _is_small(message: Mapping[str, Any]) -> bool:
    """Whether nothing about a message comes near to what SES takes."""
    if message.get("Attachments"):
        return False
    size = len(message["Subject"]["Data"])
    body = message.get("Body") or {}
    for text in (body.get("Text"), body.get("Html")):
        if text:
            size += len(text["Data"])
    for header in message.get("Headers") or ():
        size += len(header["Name"]) + len(header["Value"])
    return size < _SMALL_CHARS


def _custom_headers(body: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the headers of a message that SES builds, as of a raw one."""
    found: dict[str, list[str]] = {}
    for header in body.get("Headers") or ():
        found.setdefault(header["Name"].lower(), []).append(header["Value"])
    return found


def _named(
    mine: Mapping[str, Any],
    fields: Mapping[str, list[str]],
    parameter: str,
    header: str,
) -> str:
    """Return what stands in a parameter, or else in a header."""
    named = mine.get(parameter)
    if named:
        return str(named)
    return fields[header][0].strip() if header in fields else ""
