"""
The parameters of ``SendEmail``, ready to be sent.

All roads meet here: what a caller gives to boto3, and what a typed
message becomes, is checked, made safe (explicit destination, 7-bit
addresses, correlation tag) and counted. The caller's own mappings are
never changed.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

import attrs

from safeses import _address, _raw, _ses, _validation
from safeses._findings import Finding
from safeses.errors import ConfigurationError, InvalidMessageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from safeses.events import Kind

TAG_NAME: Final = "safeses-id"
TAG_HEADER: Final = "X-Safeses-Id"
# Parameters of the v1 API, which is not spoken here.
V1_NAMES: Final = frozenset({"Source", "Message", "RawMessage", "Tags"})
_LISTS: Final = ("ToAddresses", "CcAddresses", "BccAddresses")


@attrs.frozen(kw_only=True, eq=False)
class Request:
    """
    One message, checked and ready.

    Attributes:
        params: The parameters of ``SendEmail``; ours alone.
        kind: ``"simple"``, ``"raw"`` or ``"template"``.
        recipients: Everybody it goes to.
        cost: Recipients that count against the send rate.
        quota_cost: Recipients that count against the 24 h quota.
        tag: The correlation id of the call.
        scope: Whose budget it draws on.
    """

    params: dict[str, Any] = attrs.field(repr=False)
    kind: Kind
    recipients: tuple[str, ...] = attrs.field(repr=False)
    cost: int
    quota_cost: int
    tag: str
    scope: str


def request(
    params: Mapping[str, Any], *, tag: str, scope: str, tagged: bool = True
) -> Request:
    """
    Check the parameters of ``SendEmail`` and make them safe.

    Args:
        params: What the caller would give to boto3.
        tag: The correlation id of the call.
        scope: Whose budget it draws on.
        tagged: Whether the mail shall carry the tag.

    Raises:
        InvalidMessageError: SES would refuse it; with every finding.
    """
    mine = dict(params)
    if V1_NAMES.intersection(mine):
        raise ConfigurationError(
            "these are parameters of the v1 API",
            "use FromEmailAddress, Destination and Content of SESv2",
        )
    _raw_text_to_bytes(mine)
    findings = list(_validation.check_content(mine.get("Content")))
    findings += _validation.check_tags(mine.get("EmailTags"))
    if findings:
        # One answer names everything, but a raw message's recipients may
        # stand in what cannot be read.
        content = mine.get("Content")
        if not (isinstance(content, dict) and "Raw" in content):
            _address_people(mine, findings)
        raise InvalidMessageError(tuple(findings))
    kind: Kind = next(
        _validation.CONTENT_KINDS[k]  # type: ignore[misc]  # values are kinds
        for k, body in mine["Content"].items()
        if body is not None
    )
    fields: dict[str, list[str]] = {}
    if kind == "raw":
        fields = _raw.headers(mine["Content"]["Raw"]["Data"])
        _open_raw(mine, fields)
        findings += _validation.check_tags(mine.get("EmailTags"))
    else:
        _fill_in(mine, kind.capitalize())
    recipients = _address_people(mine, findings)
    if findings:
        raise InvalidMessageError(tuple(findings))
    if tagged:
        _mark(mine, kind, fields, tag)
    return Request(
        params=mine,
        kind=kind,
        recipients=recipients,
        cost=len(recipients),
        quota_cost=sum(
            not _address.is_simulated(address) for address in recipients
        ),
        tag=tag,
        scope=scope,
    )


def _address_people(
    mine: dict[str, Any], findings: list[Finding]
) -> tuple[str, ...]:
    """Put every address into 7-bit form and check it."""
    given = mine.get("Destination") or {}
    if not isinstance(given, dict):
        findings.append(Finding.wrong_type("Destination", "a dict", given))
        return ()
    destination = dict(given)
    for name in _LISTS:
        encoded = _encode_all(name, destination.get(name), findings)
        if encoded:
            destination[name] = encoded
        else:
            destination.pop(name, None)
    mine["Destination"] = destination
    sender = mine.get("FromEmailAddress")
    senders = [] if sender is None else [_encode(sender)]
    if senders:
        mine["FromEmailAddress"] = senders[0]
    answers = _encode_all(
        "ReplyToAddresses", mine.get("ReplyToAddresses"), findings
    )
    if answers:
        mine["ReplyToAddresses"] = answers
    recipients = tuple(
        address for name in _LISTS for address in destination.get(name, ())
    )
    findings += _validation.check_destination(
        recipients, senders + answers if answers else senders
    )
    return recipients


def _encode_all(
    name: str, addresses: Any, findings: list[Finding]
) -> list[Any]:
    if addresses is None:
        return []
    if not isinstance(addresses, (list, tuple)):  # as boto3 has it
        findings.append(
            Finding.wrong_type(name, "a list of strings", addresses)
        )
        return []
    return [_encode(address) for address in addresses]


def _encode(address: Any) -> Any:
    if isinstance(address, str) and not address.isascii():
        return _address.encode(address)
    return address


def _raw_text_to_bytes(mine: dict[str, Any]) -> None:
    # boto3 takes a string for bytes, and encodes it as UTF-8.
    content = mine.get("Content")
    if not isinstance(content, dict):
        return
    raw = content.get("Raw")
    if isinstance(raw, dict) and isinstance(raw.get("Data"), str):
        with contextlib.suppress(UnicodeEncodeError):  # then it is refused
            encoded = raw["Data"].encode("utf-8", "surrogateescape")
            mine["Content"] = {**content, "Raw": {**raw, "Data": encoded}}


def _fill_in(mine: dict[str, Any], name: str) -> None:
    """Set what SES would otherwise take for 7-bit, and mangle."""
    body = dict(mine["Content"][name])
    if name == "Simple":
        body["Subject"] = _with_charset(body["Subject"])
        body["Body"] = {k: _with_charset(v) for k, v in body["Body"].items()}
    if body.get("Attachments"):
        body["Attachments"] = [
            {"ContentTransferEncoding": "BASE64", **item}
            for item in body["Attachments"]
        ]
    mine["Content"] = {name: body}


def _with_charset(part: Any) -> Any:
    if not isinstance(part, dict) or part.get("Charset"):
        return part
    text = part.get("Data")
    if not isinstance(text, str) or text.isascii():
        return part
    return {**part, "Charset": "UTF-8"}


def _open_raw(mine: dict[str, Any], fields: dict[str, list[str]]) -> None:
    """Make a raw message's envelope explicit and keep its Bcc secret."""
    data = mine["Content"]["Raw"]["Data"]
    wrong = _raw.problem(data, fields)
    if wrong is not None:
        raise InvalidMessageError((wrong,))
    given = mine.get("Destination") or {}
    if isinstance(given, dict) and not any(map(given.get, _LISTS)):
        named = _raw.recipients(fields)
        derived = (named[kind] for kind in _raw.RECIPIENT_HEADERS)
        mine["Destination"] = {
            **given,
            **dict(zip(_LISTS, derived, strict=True)),
        }
    if "bcc" in fields or "resent-bcc" in fields:
        mine["Content"] = {"Raw": {"Data": _raw.without_bcc(data)}}
    if not mine.get("EmailTags"):
        tags = _raw.message_tags(fields)
        if tags:
            mine["EmailTags"] = [{"Name": n, "Value": v} for n, v in tags]


def _mark(
    mine: dict[str, Any],
    kind: Kind,
    fields: dict[str, list[str]],
    tag: str,
) -> None:
    """Add the correlation tag, and its header where that is free."""
    ours = {"Name": TAG_NAME, "Value": tag}
    others = [t for t in mine.get("EmailTags") or () if t["Name"] != TAG_NAME]
    mine["EmailTags"] = [*others, ours]
    if kind == "raw":
        data = mine["Content"]["Raw"]["Data"]
        if (
            fields.keys().isdisjoint({"dkim-signature", TAG_HEADER.lower()})
            and len(data) <= _raw.COPY_MAX_BYTES
        ):
            data = _raw.with_header(data, TAG_HEADER, tag)
            mine["Content"] = {"Raw": {"Data": data}}
        return
    name = kind.capitalize()
    body = dict(mine["Content"][name])
    given = body.get("Headers") or ()
    if len(given) < _ses.MAX_HEADERS and not any(
        header["Name"].lower() == TAG_HEADER.lower() for header in given
    ):
        body["Headers"] = [*given, {"Name": TAG_HEADER, "Value": tag}]
        mine["Content"] = {name: body}
