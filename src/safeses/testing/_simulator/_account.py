"""
One SES account in one region: what it may send and what it has sent.

In which order SES checks is not published. Here: account state, content,
configuration set, identities, daily quota, send rate; a refused message
uses up neither.
"""

from __future__ import annotations

import threading
import uuid
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import attrs

from ._addresses import covered, identity, is_simulator
from ._limits import SANDBOX_MAX_24_HOUR_SEND, SANDBOX_MAX_SEND_RATE
from ._mail import Draft, SentMail, SuppressedRecipient
from ._rate import Bucket, Clock, Limiter, QuotaLog, RollingWindow
from ._refused import QUOTA_TEXT, RATE_TEXT, RefusedError, missing

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from ._fields import Params

QuotaCode: TypeAlias = Literal[
    "LimitExceededException",
    "TooManyRequestsException",
    "ThrottlingException",
    "Throttling",
]

Accepted: TypeAlias = (
    "Callable[[SentMail, Sequence[SuppressedRecipient], str | None], None]"
)

# Seen in an SES v1 log, there under MessageRejected.
PAUSED_TEXT: Final = (
    "Sending paused for this account. For more information, please check "
    "the inbox of the email address associated with your AWS account."
)
_SUSPENDED_TEXT: Final = "Your account has been suspended."  # unverified
_UNVERIFIED_SHOWN: Final = 10  # AWS cuts long lists; where is unverified
_REGION_CODES: Final = {"us-east-1": "0100", "us-west-2": "0101"}


@attrs.frozen(kw_only=True)
class Suppression:
    """An entry of the account's suppression list, its case kept."""

    address: str
    reason: str
    at: datetime


@attrs.define(kw_only=True)
class ConfigurationSet:
    """A configuration set; None as reasons means "as the account has it"."""

    name: str
    sending_enabled: bool = True
    suppressed_reasons: frozenset[str] | None = None
    options: Params = attrs.field(factory=dict)


@attrs.define(kw_only=True)
class Account:
    """
    All state, under one lock.

    Attributes:
        clock: Where time comes from.
        region: AWS region, such as ``"eu-west-1"``.
        account_id: Twelve digits.
        max_send_rate: Recipients per second.
        max_24_hour_send: Recipients per 24 hours; -1 means unlimited.
        sandbox: Whether only verified addresses can be mailed.
        identities: By name, whether verified.
        any_identity: Whether everybody else is verified too.
        configuration_sets: By name.
        any_set: Whether names that are not there may be sent with too.
        quota_code: The code of the daily refusal; v2's is unverified.
        quota_overshoot: Whether a message passes while one unit is left.
            AWS said so in 2013, today's guide does not say.
        quota_lag_s: How late `SentLast24Hours` is; SES's is unpublished.
        accepted: Told of each accepted mail, who of it is suppressed, and
            why its template cannot be rendered.
    """

    clock: Clock
    region: str
    account_id: str
    max_send_rate: float
    max_24_hour_send: float
    sandbox: bool
    identities: dict[str, bool]
    any_identity: bool
    configuration_sets: dict[str, ConfigurationSet]
    any_set: bool
    quota_code: QuotaCode
    quota_overshoot: bool
    quota_lag_s: float
    limiter: Limiter
    sending_enabled: bool = True
    paused_code: str = "SendingPausedException"
    enforcement_status: str = "HEALTHY"
    suppressed_reasons: frozenset[str] = frozenset({"BOUNCE", "COMPLAINT"})
    suppression: dict[str, Suppression] = attrs.field(factory=dict)
    templates: dict[str, Params] = attrs.field(factory=dict)
    template_times: dict[str, datetime] = attrs.field(factory=dict)
    sent: list[SentMail] = attrs.field(factory=list)
    suppressed: list[SuppressedRecipient] = attrs.field(factory=list)
    rendering_failures: list[str] = attrs.field(factory=list)
    quota: QuotaLog = attrs.field(factory=QuotaLog)
    lock: threading.RLock = attrs.field(factory=threading.RLock)
    accepted: Accepted | None = None

    def now(self) -> datetime:
        """Return the instant by the account's clock."""
        return datetime.fromtimestamp(self.clock.time(), timezone.utc)

    def check_sending(self) -> None:
        """Refuse if the account may not send at all."""
        if self.enforcement_status == "SHUTDOWN":
            raise RefusedError("AccountSuspendedException", _SUSPENDED_TEXT)
        if not self.sending_enabled:
            raise RefusedError(self.paused_code, PAUSED_TEXT)

    def accept(self, draft: Draft, operation: str) -> str:
        """Accept *draft* and return its message id, or refuse it."""
        with self.lock:
            chosen = self._find_set(draft.configuration_set)
            self.check_identities(draft.senders, draft.recipients)
            self._charge(draft.recipients)
            mail = self._record(draft, operation)
            self.sent.append(mail)
            suppressed = self._suppress(mail, chosen)
            self.suppressed += suppressed
            if draft.fault is not None:
                self.rendering_failures.append(mail.message_id)
        if self.accepted is not None:
            self.accepted(mail, suppressed, draft.fault)
        return mail.message_id

    def check_identities(
        self, senders: Iterable[str], recipients: Iterable[str] = ()
    ) -> None:
        """Refuse unverified senders and, in the sandbox, recipients."""
        if self.any_identity:
            return
        names = [name for name, good in self.identities.items() if good]
        asked = list(senders)
        if self.sandbox:
            asked += [one for one in recipients if not is_simulator(one)]
        failed = [one for one in asked if not covered(one, names)]
        if not failed:
            return
        shown = ", ".join(dict.fromkeys(failed[:_UNVERIFIED_SHOWN]))
        text = (
            "Email address is not verified. The following identities failed "
            f"the check in region {self.region.upper()}: {shown}"
        )
        if len(failed) > _UNVERIFIED_SHOWN:
            text += ", ..."
        raise RefusedError("MessageRejected", text)

    def sent_last_24_hours(self) -> float:
        """Return SES's own count, as late as this account shows it."""
        with self.lock:
            return self.quota.seen(self.clock.time(), self.quota_lag_s)

    def set_limits(self, rate: float | None, quota: float | None) -> None:
        """Change the limits; what is used or owed stays."""
        with self.lock:
            if rate is not None:
                self.max_send_rate = rate
                self.limiter.set_rate(rate, self.clock.monotonic())
            if quota is not None:
                self.max_24_hour_send = quota

    def _find_set(self, name: str | None) -> ConfigurationSet | None:
        if not name:
            return None
        found = self.configuration_sets.get(name)
        if found is None and not self.any_set:
            raise missing(f"Configuration set <{name}> does not exist.")
        if found is not None and not found.sending_enabled:
            # Unverified: v1 has an exception of its own for this.
            raise RefusedError(
                "SendingPausedException",
                f"Sending paused for configuration set <{name}>.",
            )
        return found

    def _charge(self, recipients: Collection[str]) -> None:
        now = self.clock.time()
        counted = sum(not is_simulator(one) for one in recipients)
        limit = self.max_24_hour_send
        if counted and limit >= 0:
            needed = 1 if self.quota_overshoot else counted
            if self.quota.used(now) + needed > limit:
                raise RefusedError(self.quota_code, QUOTA_TEXT)
        if not self.limiter.take(len(recipients), self.clock.monotonic()):
            raise RefusedError("TooManyRequestsException", RATE_TEXT)
        self.quota.add(counted, now)

    def _record(self, draft: Draft, operation: str) -> SentMail:
        return SentMail(
            message_id=self._message_id(),
            at=self.now(),
            operation=operation,
            source=draft.source,
            to=draft.to,
            cc=draft.cc,
            bcc=draft.bcc,
            kind=draft.kind,
            subject=draft.subject,
            tags=draft.tags,
            headers=draft.headers,
            raw=draft.raw,
            params=draft.params,
            configuration_set=draft.configuration_set,
            given=draft.bodies,
        )

    def _suppress(
        self, mail: SentMail, chosen: ConfigurationSet | None
    ) -> list[SuppressedRecipient]:
        """Return who gets nothing; matching ignores case, unlike the API."""
        if not self.suppression:
            return []
        reasons = self.suppressed_reasons
        if chosen is not None and chosen.suppressed_reasons is not None:
            reasons = chosen.suppressed_reasons
        listed = {
            entry.address.lower(): entry.reason
            for entry in self.suppression.values()
            if entry.reason in reasons
        }
        return [
            SuppressedRecipient(
                message_id=mail.message_id,
                address=address,
                reason=listed[address.lower()],
            )
            for address in mail.recipients
            if address.lower() in listed
        ]

    def _message_id(self) -> str:
        region = _REGION_CODES.get(self.region, "0102")
        milliseconds = int(self.clock.time() * 1000)
        return f"{region}{milliseconds:012x}-{uuid.uuid4()}-000000"


def open_account(
    *,
    max_send_rate: float | None,
    max_24_hour_send: float | None,
    sandbox: bool,
    verified: Iterable[str] | None,
    configuration_sets: Iterable[str] | None,
    burst: float | None,
    mode: Literal["bucket", "rolling"],
    clock: Clock,
    **rest: Any,
) -> Account:
    """Return an account with SES's own limits where none are given."""
    rate, quota = max_send_rate, max_24_hour_send
    if rate is None:
        rate = SANDBOX_MAX_SEND_RATE if sandbox else 50.0
    if quota is None:
        quota = SANDBOX_MAX_24_HOUR_SEND if sandbox else 50_000.0
    limiter: Limiter = (
        RollingWindow(rate, clock.monotonic())
        if mode == "rolling"
        else Bucket(rate, burst, clock.monotonic())
    )
    return Account(
        clock=clock,
        max_send_rate=rate,
        max_24_hour_send=quota,
        sandbox=sandbox,
        identities={identity(name): True for name in verified or ()},
        any_identity=verified is None,
        configuration_sets={
            name: ConfigurationSet(name=name)
            for name in configuration_sets or ()
        },
        any_set=configuration_sets is None,
        limiter=limiter,
        **rest,
    )
