"""
The path of one send, as decisions.

`send` is a generator: it yields what it needs (an effect) and is sent
the time afterwards and the answer. It never sleeps, calls or looks at a
clock, so that threads, asyncio and tests drive the same decisions.

    admit -> wait -> submit -> classify -> settle

Exactly one outcome is settled for every claim, on every way out.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Container, Generator
from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs

from safeses import _ses
from safeses._classify import classify
from safeses._outcome import (
    Accepted,
    Admission,
    Admitted,
    Claim,
    Deferred,
    NoAnswer,
    Outcome,
    Rejected,
    Unknown,
)
from safeses._values import Receipt
from safeses.errors import (
    DeadlineExceededError,
    NotSentError,
    OutcomeUnknownError,
    QuotaExceededError,
    RateLimitedError,
)
from safeses.events import (
    SEND_EVENTS,
    AfterSend,
    BeforeSend,
    OutcomeDecided,
    RetryScheduled,
    SendEvent,
    Throttled,
)

if TYPE_CHECKING:
    import threading

    from safeses._request import Request
    from safeses._values import Priority

# An attempt that has less time is not begun: cutting it short would
# only make its outcome unknown.
SHORTEST_ATTEMPT_S: Final = 2.0


@attrs.define(eq=False)
class Admit:
    """Ask the state; answered with `Admitted` or `Later`."""

    admission: Admission


@attrs.define(eq=False)
class Leave:
    """Give up the place in the queue of this process."""

    admission: Admission


@attrs.define(eq=False)
class Sleep:
    """Sleep, or until *wake* is set."""

    seconds: float
    wake: threading.Event | None = None


@attrs.define(eq=False)
class Submit:
    """Make one attempt; answered with `Answer` or `NoAnswer`."""

    claim: Claim
    params: dict[str, Any]
    timeout_s: float


@attrs.define(eq=False)
class Settle:
    """Record an outcome; answered with whether the state noted it."""

    claim: Claim
    outcome: Outcome


@attrs.define(eq=False)
class Notify:
    """Tell the hooks; only those of `BeforeSend` may raise."""

    event: SendEvent


# As in `_outcome`: made for every send, hence not frozen.
Effect = Admit | Leave | Sleep | Submit | Settle | Notify
T = TypeVar("T")
# Sent: the monotonic time after the effect, and its answer.
Step = Generator[Effect, tuple[float, Any], T]
Plan = Generator[Effect, tuple[float, Any], Receipt]

NAMES: Final[dict[type[Outcome], Any]] = {
    Accepted: "accepted",
    Deferred: "deferred",
    Rejected: "rejected",
    Unknown: "unknown",
}


@attrs.define(kw_only=True, eq=False)
class Terms:
    """
    What the caller grants one send.

    Attributes:
        priority: ``"transactional"`` or ``"bulk"``.
        stream: The kind of mail, for counting and suppressing apart.
        max_wait_s: Seconds it may wait for permits, in all.
        deadline_s: Seconds the whole call may take.
        attempt_timeout_s: Seconds one attempt may take.
    """

    priority: Priority = "transactional"
    stream: str = ""
    max_wait_s: float
    deadline_s: float
    attempt_timeout_s: float

    @property
    def shortest_attempt_s(self) -> float:
        """Return the least time that an attempt is begun with."""
        return min(
            SHORTEST_ATTEMPT_S, self.attempt_timeout_s, self.deadline_s / 2
        )


def send(
    request: Request,
    terms: Terms,
    began: float,
    wall: float,
    heard: Container[type[SendEvent]] = SEND_EVENTS,
) -> Plan:
    """
    Send one valid message.

    Args:
        request: What to send.
        terms: What the caller grants it.
        began: The monotonic time at which the call began.
        wall: The same moment in seconds since 1970.
        heard: The events that somebody listens to; no others are made.
    """
    call = _Call(request, terms, began, wall, heard, now=began)
    try:
        receipt = yield from call.run()
    except GeneratorExit:
        raise
    except BaseException as error:
        if AfterSend in heard:
            yield Notify(call.after(error=error))
        raise
    if AfterSend in heard:
        yield Notify(call.after(receipt=receipt))
    return receipt


@attrs.define
class _Call:
    """One call on its way: how often it tried, how long it waited."""

    request: Request
    terms: Terms
    began: float
    wall: float
    heard: Container[type[SendEvent]]
    now: float
    attempts: int = 0
    waited_s: float = 0.0
    answered_at: float = 0.0
    throttled: bool = False
    over_quota: bool = False

    def run(self) -> Plan:
        """Try until the outcome is known or patience is at its end."""
        if BeforeSend in self.heard:
            self.now, _ = yield Notify(
                BeforeSend(
                    tag=self.request.tag,
                    kind=self.request.kind,
                    recipients=self.request.cost,
                    priority=self.terms.priority,
                    stream=self.terms.stream,
                    params=self.request.params,
                )
            )
        while True:
            admitted = yield from self._admit()
            outcome, recorded = yield from self._attempt(admitted)
            if isinstance(outcome, Accepted):
                return self._receipt(outcome, admitted, recorded=recorded)
            if not isinstance(outcome, Deferred):
                raise outcome.error
            yield from self._pause(outcome)

    def after(
        self,
        receipt: Receipt | None = None,
        error: BaseException | None = None,
    ) -> AfterSend:
        """Return the event that ends the call."""
        return AfterSend(
            tag=self.request.tag,
            elapsed_s=self.now - self.began,
            receipt=receipt,
            error=error,
        )

    def _patience_s(self) -> float:
        """Return how long the call may still wait."""
        deadline_at = self.began + self.terms.deadline_s
        return min(
            self.terms.max_wait_s - self.waited_s,
            deadline_at - self.terms.shortest_attempt_s - self.now,
        )

    def _admit(self) -> Step[Admitted]:
        """Ask until a slot is booked; refuse a wait that cannot fit."""
        while True:
            admission = Admission(
                tag=self.request.tag,
                scope=self.request.scope,
                recipients=self.request.recipients,
                cost=self.request.cost,
                quota_cost=self.request.quota_cost,
                priority=self.terms.priority,
                stream=self.terms.stream,
                max_wait_s=max(0.0, self._patience_s()),
            )
            try:
                self.now, answer = yield Admit(admission)
                if isinstance(answer, Admitted):
                    return answer
                self._refuse_if_too_long(answer.ready_in_s, answer.limit_per_s)
                yield from self._sleep(answer.ask_in_s, answer.wake)
            except GeneratorExit:
                raise
            except BaseException:
                yield Leave(admission)
                raise

    def _refuse_if_too_long(self, wait_s: float, limit_per_s: float) -> None:
        if wait_s > self._patience_s():
            raise RateLimitedError(
                limit_per_s, wait_s, "ses" if self.throttled else "budget"
            )

    def _attempt(self, admitted: Admitted) -> Step[tuple[Outcome, bool]]:
        """Wait for the slot, submit once, settle what came of it."""
        claim = admitted.claim
        outcome: Outcome = Deferred(by="released")
        try:
            if admitted.wait_s > 0:
                self._refuse_if_too_long(admitted.wait_s, admitted.limit_per_s)
                yield from self._sleep(admitted.wait_s)
            timeout_s = self._timeout_s()
            self.attempts += 1
            outcome = self._unknown("interrupted")
            self.now, answer = yield Submit(
                claim, self.request.params, timeout_s
            )
            self.answered_at = self.now
            outcome = classify(answer, self.request.tag, admitted.limit_per_s)
            if isinstance(answer, NoAnswer) and not isinstance(
                outcome, Accepted
            ):
                _chain(outcome.error, answer.error)
        except GeneratorExit:
            raise
        except NotSentError as error:
            # Ours, not a verdict of SES: the message may be tried again.
            yield from self._settle(
                claim, Deferred(by="released", error=error)
            )
            raise
        except Exception as error:
            yield from self._settle(claim, outcome)
            if isinstance(outcome, Unknown):
                raise outcome.error from error
            raise
        except BaseException:
            yield from self._settle(claim, outcome)
            raise
        recorded = yield from self._settle(claim, outcome)
        return outcome, recorded

    def _timeout_s(self) -> float:
        left_s = self.began + self.terms.deadline_s - self.now
        if left_s < self.terms.shortest_attempt_s:
            raise DeadlineExceededError(self.terms.deadline_s)
        return min(self.terms.attempt_timeout_s, left_s)

    def _settle(self, claim: Claim, outcome: Outcome) -> Step[bool]:
        recorded: bool
        self.now, recorded = yield Settle(claim, outcome)
        if OutcomeDecided in self.heard:
            self.now, _ = yield Notify(
                OutcomeDecided(
                    tag=self.request.tag,
                    attempt=self.attempts,
                    outcome=NAMES[type(outcome)],
                    recorded=recorded,
                )
            )
        return recorded

    def _pause(self, outcome: Deferred) -> Step[None]:
        """Pause before the next attempt, or give up with its error."""
        tag, attempt = self.request.tag, self.attempts
        error = outcome.error or DeadlineExceededError(self.terms.deadline_s)
        if outcome.by in {"rate", "daily", "api"}:
            self.throttled = True
            self.now, _ = yield Notify(
                Throttled(tag=tag, by=outcome.by, attempt=attempt)
            )
        if outcome.by == "daily":
            if self.over_quota:
                raise self._quota_exceeded() from error
            self.over_quota = True
            return  # the budget knows now, and says when to come back
        wait_s = _pause_s(
            outcome, attempt, self.waited_s, self.waited_s + self._patience_s()
        )
        if wait_s is None:
            raise error
        self.now, _ = yield Notify(
            RetryScheduled(
                tag=tag, attempt=attempt, wait_s=wait_s, error=error
            )
        )
        yield from self._sleep(wait_s)

    def _quota_exceeded(self) -> QuotaExceededError:
        """For a message that the budget let through all the same."""
        resume_at = self.wall + self.now - self.began + _ses.DAILY_PAUSE_S
        return QuotaExceededError(
            dt.datetime.fromtimestamp(resume_at, dt.timezone.utc),
            kept_for_transactional=False,
            retry_after_s=_ses.DAILY_PAUSE_S,
        )

    def _sleep(
        self, seconds: float, wake: threading.Event | None = None
    ) -> Step[None]:
        before = self.now
        self.now, _ = yield Sleep(seconds, wake)
        self.waited_s += self.now - before

    def _unknown(self, reason: str) -> Unknown:
        return Unknown(error=OutcomeUnknownError(self.request.tag, reason))

    def _receipt(
        self, outcome: Accepted, admitted: Admitted, *, recorded: bool
    ) -> Receipt:
        return Receipt(
            message_id=outcome.message_id,
            request_id=outcome.request_id,
            tag=self.request.tag,
            accepted=self.request.recipients,
            dropped=admitted.dropped,
            attempts=self.attempts,
            waited_s=self.waited_s,
            sent_at=dt.datetime.fromtimestamp(
                self.wall + self.answered_at - self.began, dt.timezone.utc
            ),
            recorded=recorded,
        )


def _pause_s(
    outcome: Deferred, attempt: int, waited_s: float, max_wait_s: float
) -> float | None:
    # Loaded at the first retry: most processes never need it.
    from safeses._retry import pause_s

    return pause_s(outcome, attempt, waited_s, max_wait_s)


def _chain(error: BaseException | None, cause: BaseException | None) -> None:
    if error is not None:
        error.__cause__ = cause
