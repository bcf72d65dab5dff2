"""
One call on its way, from its first admission to its last outcome.
"""

from __future__ import annotations

import copy
import datetime as dt
from typing import TYPE_CHECKING, Any, Final

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
from safeses._plan._effects import (
    Admit,
    Leave,
    Notify,
    Plan,
    Settle,
    Sleep,
    Step,
    Submit,
)
from safeses._values import Receipt
from safeses.errors import (
    ConfigurationError,
    DeadlineExceededError,
    NotSentError,
    OutcomeUnknownError,
    QuotaExceededError,
    RateLimitedError,
)
from safeses.events import (
    AfterSend,
    BeforeSend,
    OutcomeDecided,
    RetryScheduled,
    SendEvent,
    Throttled,
)

if TYPE_CHECKING:
    import threading
    from collections.abc import Container

    from safeses._plan._terms import Terms
    from safeses._request import Request

NAMES: Final[dict[type[Outcome], Any]] = {
    Accepted: "accepted",
    Deferred: "deferred",
    Rejected: "rejected",
    Unknown: "unknown",
}


@attrs.define
class Call:
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
                    # A copy: what was counted and checked is what goes.
                    params=copy.deepcopy(self.request.params),
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
            _refuse_to_drop(admitted)
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
            outcome = classify(
                answer, self.request.carried_tag, admitted.limit_per_s
            )
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
        tag = self.request.carried_tag
        return Unknown(error=OutcomeUnknownError(tag, reason))

    def _receipt(
        self, outcome: Accepted, admitted: Admitted, *, recorded: bool
    ) -> Receipt:
        return Receipt(
            message_id=outcome.message_id,
            request_id=outcome.request_id,
            tag=self.request.carried_tag,
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


def _refuse_to_drop(admitted: Admitted) -> None:
    """Rather send to nobody than to somebody who must be left out."""
    if admitted.dropped:
        raise ConfigurationError(
            "the state names recipients to leave out, which this version"
            " cannot do",
            "use a state without suppression",
        )
