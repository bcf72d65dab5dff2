"""
Calls of SES that send nothing, one a second.

SES allows an account in a region one such call a second, for all of its
processes and its console together (Guide, "Service quotas"). Turns are
booked in the budget of the state, so that whoever shares the state
shares the pace. Where SES throttles all the same, everybody goes slower
for a while, and the call is made again while its patience lasts.
"""

from __future__ import annotations

import math
import os
import threading
import uuid
from typing import TYPE_CHECKING, Any, Final, Literal

import attrs

from safeses import _ses
from safeses._clock import SystemClock
from safeses._job import Found
from safeses._log import log
from safeses._outcome import Admission, Admitted, Deferred
from safeses._process_lock import ProcessLock
from safeses._turns import Turns
from safeses._values import Limits
from safeses.errors import (
    ConfigurationError,
    RateLimitedError,
    RejectedError,
    SafeSESError,
    StoreError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from safeses._outcome import DeferredBy, Later
    from safeses.typing import Clock, State, Transport

MAX_WAIT_S: Final = 5.0
TIMEOUT_S: Final = 5.0
PACE: Final = Limits(per_second=_ses.API_CALLS_PER_S)
# Not LimitExceededException, which is about how much there may be.
THROTTLED_STATUS: Final = 429
THROTTLED_CODES: Final = frozenset(
    {"TooManyRequestsException", "ThrottlingException", "Throttling"}
)


@attrs.frozen
class _Bounds:
    """
    How long one call may take.

    Attributes:
        began: When it began.
        waits_until: When to stop waiting for a turn.
        ends_at: When all must be over.
    """

    began: float
    waits_until: float
    ends_at: float


@attrs.define(eq=False)
class PacedApi:
    """
    Makes calls of SES that send nothing, each when it is its turn.

    It implements `safeses.typing.SESApi`. Many threads may use it. A
    call takes `max_wait_s` and `timeout_s` together at most, or less if
    it is given less.

    Attributes:
        transport: Makes the calls.
        state: Whose budget the turns are booked in.
        scope: The account and region, as for sends.
        clock: Where the time comes from.
        timeout_s: Seconds for one call, once it is its turn.
        closing: Set when waits must end.
        renew: What to call in a forked child before its first call; by
            default the ``after_fork`` of the transport and the state.
    """

    transport: Transport = attrs.field(repr=False)
    state: State = attrs.field(repr=False)
    scope: str
    clock: Clock = attrs.field(factory=SystemClock)
    timeout_s: float = TIMEOUT_S
    closing: threading.Event = attrs.field(factory=threading.Event)
    renew: Callable[[], object] | None = None
    _turns: Turns = attrs.field(init=False)
    _has_said_pace: bool = attrs.field(default=False, init=False)
    _pid: int = attrs.field(factory=os.getpid, init=False)
    _lock: ProcessLock = attrs.field(factory=ProcessLock, init=False)

    @_turns.default
    def _no_turns(self) -> Turns:
        return Turns(self.clock)

    def call(
        self,
        operation: str,
        /,
        *,
        max_wait_s: float = MAX_WAIT_S,
        within_s: float | None = None,
        **params: Any,
    ) -> Mapping[str, Any]:
        """
        Make one call when it is its turn, and again if SES throttles.

        Args:
            operation: boto3's name, such as ``"get_email_identity"``.
            max_wait_s: Seconds to wait for a turn, in all; with 0 the
                call is made if it may go at once.
            within_s: Seconds for all of it. Nothing is begun when they
                are over, and an attempt has what is left of them.
            **params: What boto3 takes.

        Raises:
            RateLimitedError: Not in time.
            AccessDeniedError: IAM does not allow it.
            RejectedError: SES refused; a `status` of 404 says that there
                is no such thing.
            StoreError: The state could not give a turn.
            NotSentError: SES could not be asked.
        """
        self._renew_in_child()
        began = self.clock.monotonic()
        ends_at = math.inf if within_s is None else began + within_s
        bounds = _Bounds(began, min(began + max_wait_s, ends_at), ends_at)
        attempt = 0
        while True:
            attempt += 1
            turn = self._turn(bounds, attempt)
            try:
                left_s = self._left_s(bounds, attempt)
                timeout_s = min(self.timeout_s, left_s)
                body = self.transport.call(operation, params, timeout_s)
            except RejectedError as error:
                if not _is_throttle(error):
                    self._settle(turn, "released")
                    raise
                refused = error
            except BaseException:
                self._settle(turn, "released")
                raise
            else:
                self._settle(turn, "released")
                return body
            # Known to everybody: the budget holds them back, too.
            self._settle(turn, "rate")
            log.info("SES throttles %s, attempt %d", operation, attempt)
            self._has_said_pace = False  # the state may have lost it
            self._pause(refused, attempt, bounds)

    def after_fork(self) -> None:
        """Leave the parent's waiters alone."""
        self._turns.after_fork()
        self._has_said_pace = False

    def _turn(self, bounds: _Bounds, attempt: int) -> Admitted:
        """
        Wait for a turn that begins in time.

        Raises:
            RateLimitedError: There is none.
        """
        self._say_pace()
        tag = f"api-{uuid.uuid4()}"
        while True:
            self._left_s(bounds, attempt)
            left_s = bounds.waits_until - self.clock.monotonic()
            admission = self._admission(tag, max(0.0, left_s))
            try:
                answer = self._turns.admit(admission, self._ask)
                if isinstance(answer, Admitted):
                    break
                _refuse_if_late(answer, left_s, attempt)
                self._sleep(answer.ask_in_s, answer.wake)
            except BaseException:
                self._turns.leave(admission)
                raise
        try:
            if answer.wait_s > 0:
                self._sleep(answer.wait_s)
        except BaseException:
            self._settle(answer, "released")
            raise
        return answer

    def _left_s(self, bounds: _Bounds, attempt: int) -> float:
        """Return the seconds that are left; never zero or less."""
        left_s = bounds.ends_at - self.clock.monotonic()
        if left_s <= 0:
            raise _limited(PACE.per_second, 1 / PACE.per_second, attempt)
        return left_s

    def _admission(self, tag: str, max_wait_s: float) -> Admission:
        return Admission(
            tag=tag,
            scope=self._scope,
            recipients=(),
            cost=1,
            quota_cost=0,
            max_wait_s=max_wait_s,
        )

    @property
    def _scope(self) -> str:
        return f"{self.scope}/api"

    def _say_pace(self) -> None:
        if self._has_said_pace:
            return
        try:
            self.state.learn(self._scope, PACE)
        except SafeSESError:
            raise
        except Exception as error:
            raise self._no_state(error) from error
        self._has_said_pace = True

    def _ask(self, admission: Admission) -> Admitted | Later:
        try:
            answer = self.state.admit(admission)
        except SafeSESError:
            raise
        except Exception as error:
            raise self._no_state(error) from error
        if isinstance(answer, Found):
            reason = "answered with a job, where none was asked for"
            raise StoreError("ledger", self.state.engine, reason)
        return answer

    def _no_state(self, error: Exception) -> StoreError:
        return StoreError("state", self.state.engine, type(error).__name__)

    def _settle(self, turn: Admitted, by: DeferredBy) -> None:
        """Say that nothing was sent, and whether SES throttled."""
        try:
            self.state.settle(turn.claim, Deferred(by=by))
        except Exception as error:  # noqa: BLE001  # the answer matters more
            log.warning(
                "a call of SES could not be settled (%s)",
                type(error).__name__,
            )

    def _pause(
        self, refused: RejectedError, attempt: int, bounds: _Bounds
    ) -> None:
        # Loaded at the first throttle: most processes never need it.
        from safeses._retry import pause_s

        waited_s = self.clock.monotonic() - bounds.began
        patience_s = bounds.waits_until - bounds.began
        wait_s = pause_s(Deferred(by="api"), attempt, waited_s, patience_s)
        if wait_s is None:
            limit = self.state.per_second(self._scope)
            raise RateLimitedError(
                limit, 1 / limit, "ses", "calls"
            ) from refused
        self._sleep(wait_s)

    def _sleep(
        self, seconds: float, wake: threading.Event | None = None
    ) -> None:
        self.clock.sleep(seconds, wake or self.closing)
        if self.closing.is_set():
            raise ConfigurationError(
                "the client was closed while a call of SES waited",
                "close it after the last call",
            )

    def _renew_in_child(self) -> None:
        pid = os.getpid()
        if self._pid == pid:
            return
        with self._lock.mine:
            if self._pid == pid:
                return
            if self.renew is not None:
                self.renew()
            else:
                self.transport.after_fork()
                self.state.after_fork()
            self.after_fork()
            self._pid = pid


def _refuse_if_late(answer: Later, left_s: float, attempt: int) -> None:
    if answer.ready_in_s > left_s:
        raise _limited(answer.limit_per_s, answer.ready_in_s, attempt)


def _limited(
    limit_per_s: float, retry_after_s: float, attempt: int
) -> RateLimitedError:
    by: Literal["ses", "budget"] = "ses" if attempt > 1 else "budget"
    return RateLimitedError(limit_per_s, retry_after_s, by, "calls")


def _is_throttle(error: RejectedError) -> bool:
    return error.status == THROTTLED_STATUS or error.code in THROTTLED_CODES
