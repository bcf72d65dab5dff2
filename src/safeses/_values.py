"""
Small frozen values that answers, hooks and settings share.

Their `repr` never holds a whole address: it may end up in a log.
"""

from __future__ import annotations

import math
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal, TypeGuard

import attrs

from safeses.errors import ConfigurationError

if TYPE_CHECKING:
    import datetime as dt

    from safeses._findings import Dropped

Priority = Literal["transactional", "bulk"]


def _count(items: tuple[object, ...]) -> str:
    return f"<{len(items)}>"


def _is_number(value: object) -> TypeGuard[float]:
    return (
        not isinstance(value, bool)
        and isinstance(value, Real)
        and math.isfinite(value)
    )


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


@attrs.frozen(kw_only=True)
class UnknownSend:
    """
    A message that was perhaps sent: nobody knows until somebody finds out.

    Attributes:
        tag: Its correlation tag: look for ``safeses-id`` in events of SES.
        has_key: Whether it has an idempotency key, which is not kept.
        sent_at: When its last attempt began, aware UTC.
        attempts: How many attempts the job has had.
        reason: How the answer was lost.
    """

    tag: str
    has_key: bool
    sent_at: dt.datetime
    attempts: int
    reason: str


@attrs.frozen(kw_only=True)
class EventSource:
    """
    Says that SES's events of sent mail reach `Client.ledger`.

    Without it nothing tells an unknown mail that was not sent from one
    whose event was lost, and nothing is ever sent again by itself. All
    mail of the client must publish its events there, whatever its
    configuration set: that the events of other mail arrive is what shows
    that a mail without one was not sent.

    Attributes:
        name: What brings them, for people.
        grace_s: How long after an attempt its event may still come.
    """

    name: str
    grace_s: float = attrs.field(default=900.0)

    def __attrs_post_init__(self) -> None:
        name: object = self.name
        if not (isinstance(name, str) and name):
            raise ConfigurationError(
                "an event source has no name",
                'name it, such as EventSource(name="the queue mail-events")',
            )
        if not (_is_number(self.grace_s) and self.grace_s > 0):
            raise ConfigurationError(
                f"grace_s={self.grace_s!r} is not a finite number above 0",
                "use seconds; SES takes minutes at times, so 900 or more",
            )


def _positive(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if not (_is_number(value) and value > 0):
        raise ConfigurationError(
            f"{field.name}={value!r} is not a finite number above 0",
            "use Limits(per_second=14, per_day=50_000)",
        )


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

    Raises:
        ConfigurationError: A figure is not a number, or not above 0.
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
        suppressed_reasons: Why SES's own list stops mail: ``"BOUNCE"``,
            ``"COMPLAINT"``, both, or nothing where it is off.
        as_of: When SES said so, aware UTC.
    """

    max_send_rate: float
    max_24_hour_send: float | None = None
    sent_last_24_hours: float = 0.0
    sending_enabled: bool = True
    enforcement_status: str = "HEALTHY"
    production_access: bool = True
    suppressed_reasons: frozenset[str] = frozenset()
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
            suppressed_reasons=_reasons(response.get("SuppressionAttributes")),
            as_of=as_of,
        )


def _reasons(attributes: object) -> frozenset[str]:
    given = (
        attributes.get("SuppressedReasons")
        if isinstance(attributes, dict)
        else None
    )
    return frozenset(given if isinstance(given, list) else ())
