"""
How SES writes an event: as event publishing does, or as a notification.

Written from the Developer Guide ("Contents of event data that Amazon SES
publishes to Amazon SNS", "Amazon SNS notification contents", "Monitoring
with Amazon EventBridge") and sharing nothing with the code that reads
events: what one of them has wrong must not hide itself in the other.
"""

from __future__ import annotations

import copy
import json
import uuid
from datetime import datetime, timezone
from email.header import Header
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import attrs

from ._raw import header_pairs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ._account import Account
    from ._fields import Params
    from ._mail import SentMail

Spelling: TypeAlias = Literal["event", "notification"]

# Each type, with the member that holds its details.
DETAILS: Final[Mapping[str, str]] = {
    "Send": "send",
    "Delivery": "delivery",
    "Bounce": "bounce",
    "Complaint": "complaint",
    "Reject": "reject",
    "Open": "open",
    "Click": "click",
    "Rendering Failure": "failure",
    "DeliveryDelay": "deliveryDelay",
    "Subscription": "subscription",
}
NOTIFIED: Final = frozenset({"Bounce", "Complaint", "Delivery"})
_BRIDGED: Final[Mapping[str, str]] = {
    "Send": "Email Sent",
    "Delivery": "Email Delivered",
    "Bounce": "Email Bounced",
    "Complaint": "Email Complaint Received",
    "Reject": "Email Rejected",
    "Open": "Email Opened",
    "Click": "Email Clicked",
    "Rendering Failure": "Email Rendering Failed",
    "DeliveryDelay": "Email Delivery Delayed",
    "Subscription": "Email Subscribed",
}
# Their examples have no headers.
_WITHOUT_HEADERS: Final = frozenset(
    {"Rendering Failure", "DeliveryDelay", "Subscription"}
)
_MAX_HEADERS_BYTES: Final = 10 * 1024
_LISTS: Final[Mapping[str, str]] = {
    "from": "from",
    "to": "to",
    "cc": "cc",
    "reply-to": "replyTo",
}
SOURCE_IP: Final = "127.0.0.1"
OUTGOING_IP: Final = "192.0.2.10"
CALLER: Final = "simulated"


@attrs.frozen(kw_only=True)
class Happening:
    """
    What became of a mail, before it is written down.

    Attributes:
        kind: Type of the event, such as ``"Bounce"``.
        mail: The mail it is about.
        detail: The member that is named for the type.
    """

    kind: str
    mail: SentMail
    detail: Params


def stamp(at: datetime) -> str:
    """Return an instant as SES mostly writes it: UTC, milliseconds, Z."""
    utc = at.astimezone(timezone.utc)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"


def spelled(
    happening: Happening,
    account: Account,
    *,
    spelling: Spelling,
    headers: bool,
) -> Params:
    """
    Return a mapping of its own for each call.

    Args:
        happening: What to write down.
        account: Who sent the mail.
        spelling: As event publishing does, or as an identity's notification.
        headers: Whether the mail's headers are in it.
    """
    kind, sent = happening.kind, happening.mail
    is_event = spelling == "event"
    mail: Params = {
        "timestamp": stamp(sent.at),
        "source": _source(sent),
        "sourceArn": _arn(sent, account),
        "sendingAccountId": account.account_id,
        "messageId": sent.message_id,
        "destination": list(sent.recipients),
    }
    if not is_event:
        mail |= {"sourceIp": SOURCE_IP, "callerIdentity": CALLER}
    if headers and kind not in _WITHOUT_HEADERS:
        mail |= _headers(sent, account.region, is_event=is_event)
    elif is_event:
        mail["headersTruncated"] = False
    if is_event:
        mail["tags"] = _tags(sent, kind)
    return {
        "eventType" if is_event else "notificationType": kind,
        "mail": mail,
        DETAILS[kind]: copy.deepcopy(happening.detail),
    }


def written(event: Mapping[str, Any]) -> str:
    """Return the JSON text of *event*, as the carriers transport it."""
    text = json.dumps(event, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, as SES took it
        return json.dumps(event)
    return text


def bridged(event: Mapping[str, Any]) -> Params:
    """Return what EventBridge makes of an event."""
    mail: Params = event["mail"]
    arn = str(mail["sourceArn"])
    region, account_id = arn.split(":")[3:5]
    sets = mail.get("tags", {}).get("ses:configuration-set", [])
    detail = event[DETAILS[event["eventType"]]]
    at = str(detail.get("timestamp", mail["timestamp"]))
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": _BRIDGED[event["eventType"]],
        "source": "aws.ses",
        "account": account_id,
        "time": at.partition(".")[0] + "Z",
        "region": region,
        "resources": [
            f"arn:aws:ses:{region}:{account_id}:configuration-set/{name}"
            for name in sets
        ]
        or [arn],
        "detail": event,
    }


def _source(sent: SentMail) -> str:
    """Return the sender as the request has it, perhaps with a name."""
    given = sent.params.get("FromEmailAddress")
    return given if isinstance(given, str) and given else sent.source


def _arn(sent: SentMail, account: Account) -> str:
    given = sent.params.get("FromEmailAddressIdentityArn")
    if isinstance(given, str) and given:
        return given
    local, _, domain = sent.source.rpartition("@")
    name = f"{local}@{domain.lower()}"
    if name not in account.identities:
        name = domain.lower()
    return f"arn:aws:ses:{account.region}:{account.account_id}:identity/{name}"


def _tags(sent: SentMail, kind: str) -> dict[str, list[str]]:
    own = {name: [value] for name, value in sent.tags.items()}
    added = {
        "ses:operation": [sent.operation],
        "ses:source-ip": [SOURCE_IP],
        "ses:from-domain": [sent.source.rpartition("@")[2]],
        "ses:caller-identity": [CALLER],
    }
    if sent.configuration_set:
        added["ses:configuration-set"] = [sent.configuration_set]
    if kind == "Delivery":
        added["ses:outgoing-ip"] = [OUTGOING_IP]
    return added | own


def _headers(sent: SentMail, region: str, *, is_event: bool) -> Params:
    pairs = [
        (name, value)
        for name, value in _pairs(sent)
        if name.lower() != "bcc"  # SES takes it out
    ]
    kept: list[dict[str, str]] = []
    size = 0
    for name, value in pairs:
        size += len(name) + len(value.encode("utf-8", "replace"))
        if size < _MAX_HEADERS_BYTES:
            kept.append({"name": name, "value": value})
    return {
        "headersTruncated": len(kept) < len(pairs),
        "headers": kept,
        "commonHeaders": _common(sent, pairs, region, is_event=is_event),
    }


def _pairs(sent: SentMail) -> Iterable[tuple[str, str]]:
    """Return the headers in order, as they stand in the mail."""
    if sent.raw is not None:
        return header_pairs(sent.raw)
    given = sent.params.get("Destination") or {}
    to = given.get("ToAddresses") or sent.to
    cc = given.get("CcAddresses") or sent.cc
    reply_to = sent.params.get("ReplyToAddresses") or ()
    subject = sent.subject or ""
    if not subject.isascii():
        subject = Header(subject, "utf-8", maxlinelen=900).encode()
    written = (
        ("From", _source(sent)),
        ("Reply-To", ", ".join(reply_to)),
        ("To", ", ".join(to)),
        ("Cc", ", ".join(cc)),
        ("Subject", subject),
        ("Date", format_datetime(sent.at)),
        ("MIME-Version", "1.0"),
    )
    return [
        *((name, value) for name, value in written if value),
        *sent.headers.items(),
    ]


def _common(
    sent: SentMail,
    pairs: Iterable[tuple[str, str]],
    region: str,
    *,
    is_event: bool,
) -> Params:
    """Return some headers, decoded; here SES says what it may."""
    first: dict[str, str] = {}
    for name, value in pairs:
        first.setdefault(name.lower(), value)
    common: Params = {
        wanted: [part.strip() for part in first[name].split(",")]
        for name, wanted in _LISTS.items()
        if name in first
    }
    if "date" in first:
        common["date"] = first["date"]
    if is_event:
        common["messageId"] = sent.message_id
    else:
        own = f"<{sent.message_id}@{region}.amazonses.com>"
        common["messageId"] = first.get("message-id", own)
    if sent.subject is not None:
        common["subject"] = sent.subject
    return common
