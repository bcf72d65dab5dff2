"""
What SES says the account may send, asked seldom and in nobody's way.

A thread of its own asks, and ends with the answer: what is thrown into
the thread of a caller then breaks off his send, never the question, and
a slow answer costs no more than a bounded wait. A send waits only where
nothing is known yet, or to hear that a pause is over. Where nobody may
ask, the budget starts from a modest rate and learns from refusals: a
guess must never refuse a mail that SES would take.
"""

from __future__ import annotations

import datetime as dt
import enum
import random
import threading
import warnings
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, Final

import attrs
from cachetools import TLRUCache

from safeses._log import log
from safeses._values import Account
from safeses.errors import (
    AccessDeniedError,
    ConfigurationWarning,
    UnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from safeses._values import Limits
    from safeses.typing import Clock, State

ASK_TIMEOUT_S: Final = 1.0
SNAPSHOT_TIMEOUT_S: Final = 5.0
# The share of its deadline that a send may wait for figures: an attempt
# is begun while half of it is left (`_plan`).
WAIT_SHARE: Final = 0.25
# GetAccount is limited to one call a second for all processes (Guide,
# "Service quotas"); the jitter keeps them apart.
FRESH_S: Final = (300.0, 600.0)
PAUSED_FRESH_S: Final = 60.0
FAILED_FRESH_S: Final = 60.0
DENIED_FRESH_S: Final = 3600.0


class Failure(enum.Enum):
    """Why there are no figures."""

    DENIED = "IAM does not allow to ask"
    FAILED = "SES could not be asked, or did not answer in time"


def in_thread(act: Callable[[], None]) -> None:
    """Run *act* in a thread that holds up neither a caller nor the exit."""
    threading.Thread(target=act, name="safeses-account", daemon=True).start()


def _ask_again_at(_: str, answer: Account | Failure, now: float) -> float:
    if answer is Failure.DENIED:
        return now + DENIED_FRESH_S
    if answer is Failure.FAILED:
        return now + FAILED_FRESH_S
    if not answer.may_send:
        return now + PAUSED_FRESH_S
    return now + random.uniform(*FRESH_S)  # noqa: S311  # not a secret


@attrs.define(eq=False)
class AccountWatch:
    """
    Keeps what the state knows of one account fresh.

    Attributes:
        ask: Calls ``GetAccount`` within the seconds given.
        state: Who is told.
        scope: Which account and region.
        clock: Where the time comes from.
        limits: What the caller says instead; then no send asks SES.
        spawn: Runs a function in the background.
    """

    ask: Callable[[float], Mapping[str, Any]]
    state: State
    scope: str
    clock: Clock
    limits: Limits | None = None
    spawn: Callable[[Callable[[], None]], None] = in_thread
    # What SES answered last, for as long as nobody need ask again.
    _answers: TLRUCache[str, Account | Failure] = attrs.field(init=False)
    # The question that is on its way: there is one at a time.
    _asked: Future[Account] | None = attrs.field(default=None, init=False)
    # What SES said before is no longer so.
    _outdated_at: float = attrs.field(default=float("-inf"), init=False)
    _has_told: bool = attrs.field(default=False, init=False)
    # Held for moments, never while SES is asked. Reentrant, as a spawn
    # of a test runs the question there and then.
    _lock: threading.RLock = attrs.field(factory=threading.RLock, init=False)

    @_answers.default
    def _no_answers(self) -> TLRUCache[str, Account | Failure]:
        return TLRUCache(1, _ask_again_at, self.clock.monotonic)

    def __attrs_post_init__(self) -> None:
        if self.limits is not None:
            self.state.learn(self.scope, self.limits)

    def before_send(self, deadline_s: float) -> None:
        """
        Have SES asked if it is time; wait only where that matters.

        Args:
            deadline_s: What the whole call may take.
        """
        if self.limits is not None:
            return
        with self._lock:
            answer = self._answers.get(self.scope) or self._told_to_others()
            asked = self._question() if answer is None else None
        if asked is not None and self._must_know():
            wait((asked,), min(ASK_TIMEOUT_S, WAIT_SHARE * deadline_s))
            if not asked.done():  # the next ones need not wait as well
                self._keep(Failure.FAILED)
            elif self._is_denied() and self._is_news():
                warnings.warn(
                    _remedy(),
                    ConfigurationWarning,
                    stacklevel=8,  # where the caller sends
                )
        elif answer is Failure.DENIED and self._is_news():
            # Nobody waited for it. A warning, which a filter may make an
            # error, would break off a send that has all it needs.
            log.warning("%s", _remedy())

    @property
    def per_second(self) -> float | None:
        """The send rate as far as it is known, without asking anybody."""
        if self.limits is not None:
            return self.limits.per_second
        with self._lock:
            answer = self._answers.get(self.scope)
        return answer.max_send_rate if isinstance(answer, Account) else None

    def forget(self) -> None:
        """Have the next send ask: SES has just said something new."""
        with self._lock:
            if isinstance(self._answers.get(self.scope), Account):
                self._answers.clear()
            self._outdated_at = self.clock.time()

    def snapshot(self) -> Account:
        """
        Return the account, asked for if not fresh.

        Raises:
            AccessDeniedError: IAM does not allow ``ses:GetAccount``.
            NotSentError: SES could not be asked.
        """
        with self._lock:
            answer = self._answers.get(self.scope)
            if isinstance(answer, Account):
                return answer
            asked = self._question()
        # Bounded, though the question is: looking up a name is not.
        if not wait((asked,), SNAPSHOT_TIMEOUT_S).done:
            raise UnreachableError("no answer to GetAccount in time")
        return asked.result()

    def after_fork(self) -> None:
        """Begin anew: who asks, or holds the lock, is not in this process."""
        self._lock = threading.RLock()
        self._asked = None
        self._answers = self._no_answers()

    def _told_to_others(self) -> Account | None:
        """Return what SES told another process, if it is as good as new."""
        known = self.state.account(self.scope)
        if known is None or not known.may_send:
            return None
        now, as_of = self.clock.time(), known.as_of.timestamp()
        fresh_since = max(now - FRESH_S[0], self._outdated_at)
        if not fresh_since < as_of <= now:
            return None
        self._answers[self.scope] = known
        return known

    def _must_know(self) -> bool:
        known = self.state.account(self.scope)
        return known is None or not known.may_send

    def _is_denied(self) -> bool:
        with self._lock:
            return self._answers.get(self.scope) is Failure.DENIED

    def _is_news(self) -> bool:
        with self._lock:
            has_told, self._has_told = self._has_told, True
            return not has_told

    def _keep(self, answer: Account | Failure) -> None:
        with self._lock:
            self._answers[self.scope] = answer

    def _question(self) -> Future[Account]:
        """Return the question under way, or put one; hold the lock."""
        if self._asked is not None and not self._asked.done():
            return self._asked
        question: Future[Account] = Future()
        try:
            self.spawn(lambda: self._put(question))
        except RuntimeError:  # no more threads, as at the exit
            self._fail(question, UnreachableError("no thread to ask from"))
        # Not before: what breaks off the spawn leaves nobody waiting.
        self._asked = question
        return question

    def _put(self, question: Future[Account]) -> None:
        try:
            account = self._account()
        except BaseException as error:
            self._fail(question, error)
            if not isinstance(error, Exception):
                raise
        else:
            self._keep(account)
            question.set_result(account)

    def _fail(self, question: Future[Account], error: BaseException) -> None:
        denied = isinstance(error, AccessDeniedError)
        self._keep(Failure.DENIED if denied else Failure.FAILED)
        question.set_exception(error)
        if not denied:
            log.info("GetAccount failed: %s", type(error).__name__)

    def _account(self) -> Account:
        now = dt.datetime.fromtimestamp(self.clock.time(), dt.timezone.utc)
        account = Account.from_response(
            dict(self.ask(ASK_TIMEOUT_S)), as_of=now
        )
        if account is None:
            reason = "GetAccount answered without figures"
            raise UnreachableError(reason)
        if self.limits is None:  # else asked by hand; the limits still hold
            self.state.learn(self.scope, account)
        return account


def _remedy() -> str:
    return (
        f"{AccessDeniedError('ses:GetAccount')}; or pass"
        " Client(limits=Limits(...)). Until then safeses starts at 14"
        " recipients/s and learns from refusals."
    )
