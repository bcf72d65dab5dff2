"""
One call on its way, from its first admission to its last outcome.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from safeses import _ses
from safeses._classify import classify
from safeses._job import Found, Sent
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
    Prepare,
    Settle,
    Step,
    Submit,
)
from safeses._plan._key import positions
from safeses._plan._repeated import Repeated
from safeses._request import own
from safeses._values import Receipt
from safeses.errors import (
    DeadlineExceededError,
    IdempotencyError,
    NotSentError,
    OutcomeUnknownError,
    QuotaExceededError,
    SuppressedError,
)
from safeses.events import (
    AfterSend,
    BeforeSend,
    MessageFlagged,
    OutcomeDecided,
    RetryScheduled,
    SendEvent,
    Throttled,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from safeses._request import Request

NAMES: Final[dict[type[Outcome], Any]] = {
    Accepted: "accepted",
    Deferred: "deferred",
    Rejected: "rejected",
    Unknown: "unknown",
}


@attrs.define
class Call(Repeated):
    """
    One call on its way.

    Attributes:
        make: Checks the message and makes it safe.
        heard: The events that somebody listens to.
        attempts: How often it tried.
        answered_at: When the last attempt ended.
        over_quota: Whether SES has said that the quota is used up.
    """

    make: Callable[[], Request] = attrs.field(kw_only=True)
    heard: Container[type[SendEvent]] = attrs.field(kw_only=True)
    attempts: int = attrs.field(default=0, init=False)
    answered_at: float = attrs.field(default=0.0, init=False)
    over_quota: bool = attrs.field(default=False, init=False)

    def run(self) -> Plan:
        """
        Return the answer to the job: an earlier one, or a new one.

        What was perhaps sent is not certainly unsent, whatever has been
        refused since: such a refusal is raised as unknown.
        """
        try:
            replayed = yield from self.look_up()
            return replayed or (yield from self._send())
        except NotSentError as error:
            if not self.attempts and not isinstance(error, IdempotencyError):
                answered = yield from self.answered_meanwhile()
                if answered is not None:
                    return answered
            if self.unknown is None:
                raise
            if isinstance(error, IdempotencyError) and not self.attempts:
                raise
            raise self.unknown from error

    def _send(self) -> Plan:
        """Try until the outcome is known or patience is at its end."""
        self.now, self.request = yield Prepare(self.make)
        self.everybody = self.request.recipients
        if self.request.findings:
            event = MessageFlagged(
                tag=self.request.tag, findings=self.request.findings
            )
            self.now, _ = yield Notify(event)
        if self.request.outsiders:
            yield from self.leave_out(self.request.outsiders)
        if BeforeSend in self.heard:
            self.now, _ = yield Notify(
                BeforeSend(
                    tag=self.request.tag,
                    kind=self.request.kind,
                    recipients=self.request.cost,
                    priority=self.terms.priority,
                    stream=self.terms.stream,
                    # A copy: what was counted and checked is what goes.
                    params=own(self.request.params),
                )
            )
        if self.terms.screens:
            yield from self.screen()
        while True:
            admitted = yield from self._admit()
            if isinstance(admitted, Receipt):
                return admitted
            outcome, recorded = yield from self._attempt(admitted)
            if isinstance(outcome, Accepted):
                return self._receipt(outcome, recorded=recorded)
            if isinstance(outcome, Deferred):
                yield from self._pause(outcome)
            elif isinstance(outcome, Unknown) and self._may_resend():
                self.unknown = outcome.error
            else:
                raise outcome.error

    @property
    def tag(self) -> str:
        """The correlation id; ``""`` before there is anything to tell."""
        if self.everybody:
            return self.request.tag
        return self.key.tag if self.key and self.is_known else ""

    def _may_resend(self) -> bool:
        return self.terms.on_unknown == "resend" and self.unknown is None

    def after(
        self,
        receipt: Receipt | None = None,
        error: BaseException | None = None,
    ) -> AfterSend:
        """Return the event that ends the call."""
        return AfterSend(
            tag=self.tag,
            elapsed_s=self.now - self.began,
            receipt=receipt,
            error=error,
        )

    def _admit(self) -> Step[Admitted | Receipt]:
        """Ask until a slot is booked; refuse a wait that cannot fit."""
        key = self.key
        while True:
            admission = Admission(
                tag=self.request.tag,
                scope=self.request.scope,
                recipients=self.request.recipients,
                cost=self.request.cost,
                quota_cost=self.request.quota_cost,
                priority=self.terms.priority,
                stream=self.terms.stream,
                max_wait_s=max(0.0, self.patience_s()),
                configuration_set=self.request.configuration_set,
                tenant=self.request.tenant,
                one_of=self.request.one_of,
                on_suppressed=self.terms.on_suppressed,
                owner=key.owner if key else self.request.tag,
                attempt=self.attempts + 1,
                job=key.job if key else None,
                timeout_s=self.terms.attempt_timeout_s,
            )
            try:
                self.now, answer = yield Admit(admission)
                if isinstance(answer, Admitted):
                    return answer
                if key is not None and isinstance(answer, Found):
                    # Not by asking again: each time a slot would be gone.
                    receipt = yield from self.wait_for_others(key, answer)
                    if receipt is not None:
                        return receipt
                    self.raise_if_held(answer)
                    continue
                self.refuse_if_too_long(answer.ready_in_s, answer.limit_per_s)
                yield from self.sleep(answer.ask_in_s, answer.wake)
            except GeneratorExit:
                raise
            except SuppressedError as error:
                yield Leave(admission)
                yield from self.say_dropped(error.dropped)
                raise self.suppressed() from None
            except BaseException:
                yield Leave(admission)
                raise

    def _attempt(self, admitted: Admitted) -> Step[tuple[Outcome, bool]]:
        """Wait for the slot, submit once, settle what came of it."""
        claim = admitted.claim
        outcome: Outcome = Deferred(by="released")
        try:
            yield from self.leave_out_suppressed(admitted.dropped)
            claim = self._noted(claim)
            if admitted.wait_s > 0:
                self.refuse_if_too_long(admitted.wait_s, admitted.limit_per_s)
                yield from self.sleep(admitted.wait_s)
            timeout_s = self.timeout_s()
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
            if self.key is not None and isinstance(outcome, Accepted):
                outcome = attrs.evolve(outcome, sent=self._sent(outcome))
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

    def _noted(self, claim: Claim) -> Claim:
        """Return the claim with what is to be known of the job later."""
        key = self.key
        if key is None:
            if self.unknown is None:
                return claim
            # That the first attempt ended so was perhaps not recorded.
            return attrs.evolve(claim, is_unsure=True)
        if not claim.is_unsure:
            self.unknown = None
        elif self.unknown is None:
            self.unknown = key.unknown("")
        recipients = len(self.everybody)
        left_out = positions(self.everybody, self.dropped)
        people = recipients, frozenset(gone.position for gone in left_out)
        if claim.is_unsure and self.noted != people:
            # Nobody can tell which of two attempts was accepted, if only
            # one was: neither one's recipients may be claimed to have it.
            left_out, people = (), (0, frozenset())
        self.noted = people
        return attrs.evolve(claim, recipients=people[0], left_out=left_out)

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
            outcome, attempt, self.waited_s, self.waited_s + self.patience_s()
        )
        if wait_s is None:
            raise error
        self.now, _ = yield Notify(
            RetryScheduled(
                tag=tag, attempt=attempt, wait_s=wait_s, error=error
            )
        )
        yield from self.sleep(wait_s)

    def _quota_exceeded(self) -> QuotaExceededError:
        """For a message that the budget let through all the same."""
        return QuotaExceededError(
            self.instant(self.now + _ses.DAILY_PAUSE_S),
            kept_for_transactional=False,
            retry_after_s=_ses.DAILY_PAUSE_S,
        )

    def _unknown(self, reason: str) -> Unknown:
        tag = self.request.carried_tag
        return Unknown(error=OutcomeUnknownError(tag, reason))

    def _receipt(self, outcome: Accepted, *, recorded: bool) -> Receipt:
        return Receipt(
            message_id=outcome.message_id,
            request_id=outcome.request_id,
            tag=self.request.carried_tag,
            accepted=self.request.recipients,
            dropped=self.dropped,
            attempts=self.attempts,
            waited_s=self.waited_s,
            sent_at=self.instant(self.answered_at),
            recorded=recorded,
        )

    def _sent(self, outcome: Accepted) -> Sent:
        return Sent(
            message_id=outcome.message_id,
            request_id=outcome.request_id,
            sent_at=self.wall_s(self.answered_at),
            attempts=self.attempts,
            waited_s=self.waited_s,
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
