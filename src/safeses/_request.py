"""
The parameters of ``SendEmail``, ready to be sent.

All roads meet here: what a caller gives to boto3, and what a typed
message becomes, is checked, made safe (explicit destination, 7-bit
addresses, correlation tag) and counted. The caller's own mappings are
never changed.
"""

from __future__ import annotations

import contextlib
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import attrs

from safeses import _address, _raw, _ses, _validation
from safeses._findings import Finding
from safeses.errors import ConfigurationError, InvalidMessageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from safeses.events import Kind

TAG_NAME: Final = "safeses-id"
TAG_HEADER: Final = "X-Safeses-Id"
# Parameters of the v1 API, which is not spoken here.
V1_NAMES: Final = frozenset({"Source", "Message", "RawMessage", "Tags"})
_LISTS: Final = ("ToAddresses", "CcAddresses", "BccAddresses")
# Where a finding says that a recipient stands.
_FIELDS: Final = {name: f"Destination.{name}" for name in _LISTS}
_HEADERS: Final = {
    name: f"header {kind.capitalize()}"
    for name, kind in zip(_LISTS, _raw.RECIPIENT_HEADERS, strict=True)
}
# Enough to mend a message by; a hostile one gets no report of its size.
MAX_FINDINGS: Final = 100
# One more than SES takes; what comes behind is counted, but not read.
_READ_RECIPIENTS: Final = _ses.MAX_RECIPIENTS + 1


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
        marked: Whether the mail carries the tag.
        scope: Whose budget it draws on.
    """

    params: dict[str, Any] = attrs.field(repr=False)
    kind: Kind
    recipients: tuple[str, ...] = attrs.field(repr=False)
    cost: int
    quota_cost: int
    tag: str
    scope: str
    marked: bool = True

    @property
    def carried_tag(self) -> str:
        """The tag that can be found again, ``""`` if the mail has none."""
        return self.tag if self.marked else ""


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
    content = mine.get("Content")
    findings: list[Finding] = []
    _note(findings, _validation.check_content(content))
    _note(findings, _validation.check_tags(mine.get("EmailTags")))
    if findings:
        # One answer names everything, but a raw message's recipients may
        # stand in what cannot be read.
        if not (isinstance(content, dict) and "Raw" in content):
            _address_people(mine, findings)
        raise InvalidMessageError(tuple(findings[:MAX_FINDINGS]))
    kind: Kind = next(
        _validation.CONTENT_KINDS[k]  # type: ignore[misc]  # values are kinds
        for k, body in mine["Content"].items()
        if body is not None
    )
    fields: dict[str, list[str]] = {}
    where = _FIELDS
    if kind == "raw":
        fields = _raw.headers(mine["Content"]["Raw"]["Data"])
        if _open_raw(mine, fields):
            where = _HEADERS
        _note(findings, _validation.check_tags(mine.get("EmailTags")))
    else:
        _fill_in(mine, kind.capitalize())
    recipients = _address_people(
        mine, findings, where, has_from=any(fields.get("from", ()))
    )
    if findings:
        raise InvalidMessageError(tuple(findings[:MAX_FINDINGS]))
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
        marked=tagged,
        scope=scope,
    )


def _note(findings: list[Finding], found: Iterable[Finding]) -> None:
    # Lazily: what would be one too many is not even looked for.
    findings += islice(found, MAX_FINDINGS)


def _address_people(
    mine: dict[str, Any],
    findings: list[Finding],
    where: Mapping[str, str] = _FIELDS,
    *,
    has_from: bool = False,
) -> tuple[str, ...]:
    """
    Put every address into 7-bit form and check it.

    Args:
        mine: The parameters, which are changed.
        findings: Gets what is wrong with them.
        where: What a finding calls each list of recipients.
        has_from: Whether the message names its sender itself.
    """
    recipients = _address_recipients(mine, findings, where)
    sender = mine.get("FromEmailAddress")
    if has_from and (sender is None or sender == ""):
        mine.pop("FromEmailAddress", None)
    else:
        mine["FromEmailAddress"] = sender = _encode(sender)
        wrong = _validation.check_sender(sender)
        if wrong is not None:
            findings.append(wrong)
    name = "ReplyToAddresses"
    answers = mine.get(name)
    if answers is not None and _is_list(name, answers, findings):
        mine[name] = [_encode(address) for address in answers]
        _note(findings, _validation.check_addresses(name, mine[name]))
    return recipients


def _address_recipients(
    mine: dict[str, Any], findings: list[Finding], where: Mapping[str, str]
) -> tuple[str, ...]:
    given = mine.get("Destination") or {}
    if not isinstance(given, dict):
        findings.append(Finding.wrong_type("Destination", "a dict", given))
        return ()
    mine["Destination"] = destination = dict(given)
    lists: dict[str, Any] = {}
    readable = True
    for name in _LISTS:
        addresses = destination.pop(name, None)
        if addresses is not None:
            if not _is_list(where[name], addresses, findings):
                readable = False
            elif addresses:
                lists[name] = addresses
    if readable:
        count = sum(map(len, lists.values()))
        wrong = _validation.check_count(count)
        if wrong is not None:
            findings.append(wrong)
    recipients: list[str] = []
    for name, addresses in lists.items():
        left = _READ_RECIPIENTS - len(recipients)
        destination[name] = [_encode(address) for address in addresses[:left]]
        recipients += destination[name]
        _note(
            findings,
            _validation.check_addresses(where[name], destination[name]),
        )
    return tuple(recipients)


def _is_list(field: str, items: object, findings: list[Finding]) -> bool:
    if isinstance(items, (list, tuple)):  # as boto3 has it
        return True
    findings.append(Finding.wrong_type(field, "a list of strings", items))
    return False


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


def _open_raw(mine: dict[str, Any], fields: dict[str, list[str]]) -> bool:
    """
    Make a raw message's envelope explicit and keep its Bcc secret.

    Returns:
        Whether the recipients are those of the headers.
    """
    data = mine["Content"]["Raw"]["Data"]
    wrong = _raw.problem(data, fields)
    if wrong is not None:
        raise InvalidMessageError((wrong,))
    given = mine.get("Destination") or {}
    unnamed = isinstance(given, dict) and not any(map(given.get, _LISTS))
    if unnamed:
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
    return unnamed


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
