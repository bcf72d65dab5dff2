"""
Small frozen values that errors, answers and hooks share.

Their `repr` never holds a whole address: it may end up in a log.
"""

from __future__ import annotations

import math
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal, TypeGuard

import attrs

if TYPE_CHECKING:
    import datetime as dt

Severity = Literal["error", "warning"]
Priority = Literal["transactional", "bulk"]


def mask(address: str) -> str:
    """Return *address* with all but a hint of both sides hidden."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}***@{domain[:1]}***"


def _count(items: tuple[object, ...]) -> str:
    return f"<{len(items)}>"


def _is_number(value: object) -> TypeGuard[float]:
    return (
        not isinstance(value, bool)
        and isinstance(value, Real)
        and math.isfinite(value)
    )


@attrs.frozen(kw_only=True)
class Finding:
    """
    One thing that is wrong with a message.

    Attributes:
        rule: The stable name of the rule, such as ``"recipients.count"``.
        field: Where it was found, such as ``"to"`` or ``"Destination"``.
        limit: What the rule allows, in words.
        seen: What was found, in figures or kinds; never the content.
        remedy: What to do about it.
        severity: ``"error"`` refuses the message, ``"warning"`` does not.
        source: Who says so, such as ``"RFC 5322"``.
    """

    rule: str
    field: str
    limit: str
    seen: str
    remedy: str
    severity: Severity = "error"
    source: str = ""

    @classmethod
    def wrong_type(cls, field: str, wanted: str, seen: object) -> Finding:
        """Say that *field* should be *wanted*, and is not."""
        return cls(
            rule="type",
            field=field,
            limit=wanted,
            seen=type(seen).__name__,
            remedy=f"give {wanted}",
            source="SESv2 API",
        )

    def __str__(self) -> str:
        return (
            f"{self.field}: {self.limit}, seen {self.seen}"
            f" [{self.rule}]; {self.remedy}"
        )


@attrs.frozen(kw_only=True)
class Dropped:
    """
    A recipient that was left out of a message, and why.

    Attributes:
        address: The address as the caller wrote it.
        reason: Why, such as ``"bounce"`` or ``"complaint"``.
        since: When it was suppressed, aware UTC, if known.
        source: Which store said so.
    """

    address: str = attrs.field(repr=mask)
    reason: str
    since: dt.datetime | None = None
    source: str = ""


@attrs.frozen(kw_only=True)
class Receipt:
    """
    SES accepted a message: what is known about it.

    Attributes:
        message_id: SES's own id, repeated in every event about the mail.
        request_id: The id of the API call, for AWS support.
        tag: Our correlation tag (``safeses-id``); ``""`` when switched off.
        accepted: The recipients that SES took, in 7-bit form.
        dropped: The recipients that were left out, with reasons.
        attempts: How many calls it took; more than 1 after a throttle
            or a connection that failed.
        waited_s: Seconds spent waiting for permits and between attempts.
        sent_at: When SES answered, aware UTC.
        replayed: True when an earlier call with the same key sent it.
        recorded: False when SES accepted but the state could not note it.
    """

    message_id: str
    request_id: str = ""
    tag: str = ""
    accepted: tuple[str, ...] = attrs.field(default=(), repr=_count)
    dropped: tuple[Dropped, ...] = attrs.field(default=(), repr=_count)
    attempts: int = 1
    waited_s: float = 0.0
    sent_at: dt.datetime
    replayed: bool = False
    recorded: bool = True


def _positive(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if not (_is_number(value) and value > 0):
        msg = f"{field.name} must be a number above 0, not {value!r}"
        raise ValueError(msg)


def _quota(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if value is not None and value != -1:
        _positive(_, field, value)


@attrs.frozen(kw_only=True)
class Limits:
    """
    What an account may send, counted in recipients.

    Attributes:
        per_second: Recipients per second; a fraction is fine.
        per_day: Recipients in any 24 h; None or -1 means unlimited.
    """

    per_second: float = attrs.field(validator=_positive)
    per_day: float | None = attrs.field(default=None, validator=_quota)


@attrs.frozen(kw_only=True)
class Account:
    """
    What SES says of the account in one region (``GetAccount``).

    Attributes:
        max_send_rate: Recipients per second that SES accepts.
        max_24_hour_send: Recipients in any 24 h; None means unlimited.
        sent_last_24_hours: SES's own count, refreshed with some delay.
        sending_enabled: False while the account's sending is paused.
        enforcement_status: ``HEALTHY``, ``PROBATION`` or ``SHUTDOWN``.
        production_access: False in the sandbox.
        as_of: When SES said so, aware UTC.
    """

    max_send_rate: float
    max_24_hour_send: float | None = None
    sent_last_24_hours: float = 0.0
    sending_enabled: bool = True
    enforcement_status: str = "HEALTHY"
    production_access: bool = True
    as_of: dt.datetime

    @property
    def may_send(self) -> bool:
        """Whether SES would take a mail at all."""
        return (
            self.sending_enabled
            and self.enforcement_status != "SHUTDOWN"
            and self.max_send_rate > 0
        )

    @classmethod
    def from_response(
        cls, response: dict[str, Any], as_of: dt.datetime
    ) -> Account | None:
        """
        Read a ``GetAccount`` answer; None if it names no real figures.

        Only real numbers count: a mock object would float to 1.0.
        """
        quota = response.get("SendQuota")
        if not isinstance(quota, dict):
            return None
        rate, day, sent = (
            quota.get(name)
            for name in ("MaxSendRate", "Max24HourSend", "SentLast24Hours")
        )
        if not (_is_number(rate) and _is_number(day)):
            return None
        return cls(
            max_send_rate=float(rate),
            max_24_hour_send=None if day < 0 else float(day),
            sent_last_24_hours=float(sent) if _is_number(sent) else 0.0,
            sending_enabled=response.get("SendingEnabled") is not False,
            enforcement_status=str(
                response.get("EnforcementStatus") or "HEALTHY"
            ),
            production_access=(
                response.get("ProductionAccessEnabled") is not False
            ),
            as_of=as_of,
        )
