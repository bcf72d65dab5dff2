"""
What becomes of an accepted mail, and the details SES reports of it.

The fates of the mailbox simulator's addresses are those of the Developer
Guide, "Using the mailbox simulator manually". How SES groups recipients
into events is unpublished but for two rules: bounces of one request are
merged, and a complaint names all recipients at the complaining domain.
"""

from __future__ import annotations

import base64
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeAlias

import attrs

from ._addresses import is_simulator
from ._events import OUTGOING_IP, Happening, stamp
from ._fields import Params, blob, items, mapping, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from ._mail import SentMail

_GIVES_UP_AFTER: Final = timedelta(hours=14)
_REGION_CODE_CHARS: Final = 4
# In two parts, so that no scanner takes this file for a virus.
_EICAR: Final = (
    b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!"
)
_EICAR_BASE64: Final = base64.b64encode(_EICAR[:57])  # the first whole line
_DIAGNOSTICS: Final[Mapping[str, str]] = {
    "OnAccountSuppressionList": (
        "Amazon SES did not send the message to this address because it is"
        " on the suppression list for your account."
    ),
    "Suppressed": (
        "Amazon SES has suppressed sending to this address because it has a"
        " recent history of bouncing as an invalid address."
    ),
}


@attrs.frozen(kw_only=True)
class Bouncing:
    """
    Why a recipient does not get a mail.

    Attributes:
        type: ``"Permanent"``, ``"Transient"`` or ``"Undetermined"``.
        sub_type: SES's word for it, such as ``"General"``.
        status: Status of RFC 3463, ``""`` to leave it out.
        is_late: Whether the mail is delivered first.
    """

    type: str = "Permanent"
    sub_type: str = "General"
    status: str = "5.1.1"
    is_late: bool = False

    @property
    def is_hard(self) -> bool:
        """Whether SES lists the address, if the account wants it."""
        return self.type == "Permanent" and self.sub_type in {
            "General",
            "NoEmail",
        }


@attrs.frozen(kw_only=True)
class Complaining:
    """
    How a recipient complains.

    Attributes:
        sub_type: Why SES did not even send it, None if it did.
        feedback_type: What the report is about, None without a report.
    """

    sub_type: str | None = None
    feedback_type: str | None = None


Fate: TypeAlias = "Bouncing | Complaining | None"

_SIMULATED: Final[Mapping[str, Fate]] = {
    "success": None,
    "bounce": Bouncing(),
    "ooto": Bouncing(type="Transient", status="", is_late=True),
    "complaint": Complaining(feedback_type="abuse"),
    "suppressionlist": Bouncing(sub_type="Suppressed"),
}


def after_acceptance(
    mail: SentMail,
    *,
    fault: str | None,
    suppressed: Mapping[str, str],
    fated: Callable[[str], Fate],
    region: str,
) -> Iterator[Happening]:
    """
    Return what SES reports of a mail without being asked, in order.

    Args:
        mail: The accepted mail.
        fault: Why its template cannot be rendered.
        suppressed: Recipients on the suppression list, with the reason.
        fated: Asked once for each other recipient; None is delivered to.
        region: AWS region.
    """
    yield Happening(kind="Send", mail=mail, detail={})
    if fault is not None:
        failure = {"templateName": _template(mail), "errorMessage": fault}
        yield Happening(kind="Rendering Failure", mail=mail, detail=failure)
        return
    if _has_virus(mail):
        reason = {"reason": "Bad content"}
        yield Happening(kind="Reject", mail=mail, detail=reason)
        return
    fates: dict[str, Fate] = {}
    for address in dict.fromkeys(mail.recipients):
        if address in suppressed:
            fates[address] = _suppressed(suppressed[address])
        elif is_simulator(address):
            name = address.lower().rpartition("@")[0].partition("+")[0]
            fates[address] = _SIMULATED[name]
        else:
            fates[address] = fated(address)
    yield from _told(mail, fates, region)


def _told(
    mail: SentMail, fates: Mapping[str, Fate], region: str
) -> Iterator[Happening]:
    arrived: dict[str, list[str]] = {}
    bounced: dict[Bouncing, list[str]] = {}
    complained: dict[tuple[Complaining, str], list[str]] = {}
    for address, fate in fates.items():
        domain = address.rpartition("@")[2].lower()
        if isinstance(fate, Bouncing):
            bounced.setdefault(fate, []).append(address)
            if not fate.is_late:
                continue
        if isinstance(fate, Complaining):
            key = (fate, "" if fate.sub_type else domain)
            complained.setdefault(key, []).append(address)
            if fate.sub_type:
                continue
        arrived.setdefault(domain, []).append(address)
    for people in arrived.values():
        detail = delivery(people, mail.at, mail.at, region)
        yield Happening(kind="Delivery", mail=mail, detail=detail)
    for bouncing, people in bounced.items():
        detail = bounce(mail, people, bouncing, mail.at, region)
        yield Happening(kind="Bounce", mail=mail, detail=detail)
    for (complaining, domain), people in complained.items():
        candidates = arrived.get(domain, people)
        detail = complaint(mail, candidates, complaining, mail.at)
        yield Happening(kind="Complaint", mail=mail, detail=detail)


def delivery(
    people: Iterable[str], sent_at: datetime, at: datetime, region: str
) -> Params:
    """Return the details of a delivery."""
    took = at - sent_at
    return {
        "timestamp": stamp(at),
        "processingTimeMillis": took // timedelta(milliseconds=1),
        "recipients": list(people),
        "smtpResponse": "250 2.0.0 OK queued",
        "remoteMtaIp": "192.0.2.44",
        "reportingMTA": f"a4-1.smtp-out.{region}.amazonses.com",
    }


def bounce(
    mail: SentMail,
    people: Iterable[str],
    bouncing: Bouncing,
    at: datetime,
    region: str,
) -> Params:
    """Return the details of a bounce of one or many recipients."""
    extra: Params = {}
    if bouncing.status:
        reply = f"smtp; {bouncing.status[:1]}50 {bouncing.status} refused"
        extra = {
            "action": "failed",
            "status": bouncing.status,
            "diagnosticCode": _DIAGNOSTICS.get(bouncing.sub_type, reply),
        }
    return {
        "bounceType": bouncing.type,
        "bounceSubType": bouncing.sub_type,
        "bouncedRecipients": [{"emailAddress": one} | extra for one in people],
        "timestamp": stamp(at),
        "feedbackId": _feedback_id(mail),
        "reportingMTA": (
            "dns; amazonses.com"
            if bouncing.sub_type in _DIAGNOSTICS
            else f"dns; a4-1.smtp-out.{region}.amazonses.com"
        ),
    }


def complaint(
    mail: SentMail,
    people: Iterable[str],
    complaining: Complaining,
    at: datetime,
) -> Params:
    """Return the details of a complaint, with or without a report."""
    detail: Params = {
        "complainedRecipients": [{"emailAddress": one} for one in people],
        "timestamp": stamp(at),
        "feedbackId": _feedback_id(mail),
        "complaintSubType": complaining.sub_type,
    }
    if complaining.feedback_type is not None:
        detail |= {
            "userAgent": "ExampleFBL/1.0",
            "complaintFeedbackType": complaining.feedback_type,
            "arrivalDate": stamp(mail.at),
        }
    return detail


def delay(
    people: Iterable[str], kind: str, status: str, at: datetime
) -> Params:
    """Return the details of a delivery delay."""
    return {
        "timestamp": stamp(at),
        "delayType": kind,
        "expirationTime": stamp(at + _GIVES_UP_AFTER),
        "reportingMTA": OUTGOING_IP,
        "delayedRecipients": [
            {
                "emailAddress": one,
                "status": status,
                "diagnosticCode": f"smtp; 450 {status} try again later",
            }
            for one in people
        ],
    }


def _suppressed(reason: str) -> Fate:
    if reason == "COMPLAINT":
        return Complaining(sub_type="OnAccountSuppressionList")
    return Bouncing(sub_type="OnAccountSuppressionList")


def _feedback_id(mail: SentMail) -> str:
    code = mail.message_id[:_REGION_CODE_CHARS]
    milliseconds = int(mail.at.timestamp() * 1000)
    return f"{code}{milliseconds:012x}-{uuid.uuid4()}-000000"


def _template(mail: SentMail) -> str:
    for name in ("Content", "DefaultContent"):
        template = mapping(mapping(mail.params, name) or {}, "Template") or {}
        found = text(template, "TemplateName")
        if found:
            return found
    return ""


def _has_virus(mail: SentMail) -> bool:
    if mail.raw is not None:
        return _EICAR in mail.raw or _EICAR_BASE64 in mail.raw
    parts = [
        mapping(mapping(mail.params, place) or {}, kind)
        for place in ("Content", "DefaultContent")
        for kind in ("Simple", "Template")
    ]
    return any(
        _EICAR in (blob(one, "RawContent") or b"")
        for part in parts
        if part
        for one in items(part, "Attachments")
    )
