"""
The Query interface of SES v1, as far as mail back ends still need it.

Requests become those of v2 on the same account; codes and texts of refusals
are those that v1's model and public logs show.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from ._fields import Params, decoded
from ._limits import MAX_MESSAGE_BYTES_V1
from ._refused import QUOTA_TEXT, RATE_TEXT, RefusedError
from ._wire import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ._account import Account
    from ._service import Service

_XMLNS: Final = "http://ses.amazonaws.com/doc/2010-12-01/"
_MEMBER = re.compile(r"\.member\.(\d+)")
_CODES: Final[Mapping[str, str]] = {
    "AccessDeniedException": "AccessDenied",
    "AccountSuspendedException": "AccountSendingPausedException",
    "BadRequestException": "InvalidParameterValue",
    "NotFoundException": "ConfigurationSetDoesNotExist",
    "SendingPausedException": "AccountSendingPausedException",
    "SerializationException": "MalformedQueryString",
    "UnknownOperationException": "InvalidAction",
}


def read_action(body: bytes) -> tuple[str, Params]:
    """Return the action of a form body and its fields."""
    fields = dict(parse_qsl(body.decode("latin-1"), keep_blank_values=True))
    return fields.pop("Action", ""), fields


def call(service: Service, action: str, fields: Params) -> str:
    """Carry out *action* and return the XML of its result."""
    if action in {"SendRawEmail", "SendEmail"}:
        params = _raw(fields) if action == "SendRawEmail" else _simple(fields)
        result = service.call(
            "SendEmail", params, name=action, max_bytes=MAX_MESSAGE_BYTES_V1
        )
        return f"<MessageId>{result['MessageId']}</MessageId>"
    describe = _READS.get(action)
    if describe is None:
        raise RefusedError(
            "UnknownOperationException",
            f"Could not find operation {action} for version 2010-12-01",
        )
    return describe(service.account)


def success(action: str, result: str, request_id: str) -> Answer:
    """Return the answer that carries the XML of a result."""
    body = (
        f'<{action}Response xmlns="{_XMLNS}"><{action}Result>{result}'
        f"</{action}Result><ResponseMetadata><RequestId>{request_id}"
        f"</RequestId></ResponseMetadata></{action}Response>"
    )
    return Answer(status=200, body=body.encode(), headers=_headers(request_id))


def failure(refused: RefusedError, request_id: str) -> Answer:
    """Return the answer of a refusal, under the name that v1 has for it."""
    code = _CODES.get(refused.code, refused.code)
    status = refused.status
    if refused.message in {RATE_TEXT, QUOTA_TEXT}:
        code, status = "Throttling", 400
    elif code == "ConfigurationSetDoesNotExist":
        status = 400
    kind = "Sender" if status < 500 else "Receiver"  # noqa: PLR2004
    body = (
        f'<ErrorResponse xmlns="{_XMLNS}"><Error><Type>{kind}</Type>'
        f"<Code>{escape(code)}</Code><Message>{escape(refused.message)}"
        f"</Message></Error><RequestId>{request_id}</RequestId>"
        "</ErrorResponse>"
    )
    return Answer(
        status=status,
        body=body.encode(),
        headers=_headers(request_id),
        refusal=(code, refused.message),
    )


def _headers(request_id: str) -> dict[str, str]:
    return {"Content-Type": "text/xml", "x-amzn-RequestId": request_id}


def _members(fields: Params, prefix: str) -> list[str]:
    found = {
        int(number[1]): value
        for name, value in fields.items()
        if name.startswith(prefix)
        and (number := _MEMBER.fullmatch(name[len(prefix) :]))
    }
    return [found[number] for number in sorted(found)]


def _common(fields: Params) -> Params:
    names = _numbered(fields, "Tags", "Name")
    values = _numbered(fields, "Tags", "Value")
    return {
        "FromEmailAddress": fields.get("Source"),
        "ConfigurationSetName": fields.get("ConfigurationSetName"),
        "EmailTags": [
            {"Name": name, "Value": values.get(number, "")}
            for number, name in sorted(names.items())
        ],
    }


def _numbered(fields: Params, prefix: str, part: str) -> dict[int, str]:
    pattern = re.compile(rf"{prefix}\.member\.(\d+)\.{part}")
    return {
        int(found[1]): value
        for name, value in fields.items()
        if (found := pattern.fullmatch(name))
    }


def _raw(fields: Params) -> Params:
    data = fields.get("RawMessage.Data", "")
    to = _members(fields, "Destinations")
    return _common(fields) | {
        "Destination": {"ToAddresses": to},
        "Content": {"Raw": {"Data": decoded(data, "RawMessage.Data")}},
    }


def _simple(fields: Params) -> Params:
    body = {
        name: {"Data": fields[f"Message.Body.{name}.Data"]}
        for name in ("Text", "Html")
        if f"Message.Body.{name}.Data" in fields
    }
    return _common(fields) | {
        "Destination": {
            name: _members(fields, f"Destination.{name}")
            for name in ("ToAddresses", "CcAddresses", "BccAddresses")
        },
        "ReplyToAddresses": _members(fields, "ReplyToAddresses"),
        "Content": {
            "Simple": {
                "Subject": {"Data": fields.get("Message.Subject.Data")},
                "Body": body,
            }
        },
    }


def _quota(account: Account) -> str:
    return (
        f"<Max24HourSend>{account.max_24_hour_send}</Max24HourSend>"
        f"<MaxSendRate>{account.max_send_rate}</MaxSendRate>"
        f"<SentLast24Hours>{account.sent_last_24_hours()}</SentLast24Hours>"
    )


def _statistics(account: Account) -> str:
    """Return one data point; SES has one per 15 minutes."""
    sent = len(account.sent)
    if not sent:
        return "<SendDataPoints/>"
    return (
        "<SendDataPoints><member>"
        f"<Timestamp>{account.now():%Y-%m-%dT%H:%M:%SZ}</Timestamp>"
        f"<DeliveryAttempts>{sent}</DeliveryAttempts><Bounces>0</Bounces>"
        "<Complaints>0</Complaints><Rejects>0</Rejects>"
        "</member></SendDataPoints>"
    )


def _list(tag: str, names: list[str]) -> str:
    members = "".join(f"<member>{escape(name)}</member>" for name in names)
    return f"<{tag}>{members}</{tag}>"


def _verified(account: Account) -> str:
    names = [name for name, good in account.identities.items() if good]
    return _list("VerifiedEmailAddresses", [n for n in names if "@" in n])


def _identities(account: Account) -> str:
    return _list("Identities", list(account.identities))


_READS: Final[Mapping[str, Callable[[Account], str]]] = {
    "GetSendQuota": _quota,
    "GetSendStatistics": _statistics,
    "ListVerifiedEmailAddresses": _verified,
    "ListIdentities": _identities,
}
