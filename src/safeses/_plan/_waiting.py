"""
How long one call has taken, and how long it may still wait.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import attrs

from safeses._plan._effects import Sleep, Step
from safeses.errors import DeadlineExceededError, RateLimitedError

if TYPE_CHECKING:
    import threading

    from safeses._plan._terms import Terms


@attrs.define
class Waiting:
    """
    The time of one call.

    Attributes:
        terms: What the caller grants it.
        began: The monotonic time at which it began.
        wall: The same moment in seconds since 1970.
        now: The monotonic time after the last effect.
        waited_s: Seconds spent asleep.
        throttled: Whether SES has held it up.
    """

    terms: Terms
    began: float
    wall: float
    now: float = attrs.field(kw_only=True)
    waited_s: float = attrs.field(default=0.0, init=False)
    throttled: bool = attrs.field(default=False, init=False)

    def patience_s(self) -> float:
        """Return how long the call may still wait."""
        deadline_at = self.began + self.terms.deadline_s
        return min(
            self.terms.max_wait_s - self.waited_s,
            deadline_at - self.terms.shortest_attempt_s - self.now,
        )

    def timeout_s(self) -> float:
        """
        Return what the next attempt may take.

        Raises:
            DeadlineExceededError: Too little is left to begin one.
        """
        left_s = self.began + self.terms.deadline_s - self.now
        if left_s < self.terms.shortest_attempt_s:
            raise DeadlineExceededError(self.terms.deadline_s)
        return min(self.terms.attempt_timeout_s, left_s)

    def refuse_if_too_long(self, wait_s: float, limit_per_s: float) -> None:
        """
        Refuse a wait that cannot fit, before it is begun.

        Raises:
            RateLimitedError: It is longer than the caller's patience.
        """
        if wait_s > self.patience_s():
            raise RateLimitedError(
                limit_per_s, wait_s, "ses" if self.throttled else "budget"
            )

    def sleep(
        self, seconds: float, wake: threading.Event | None = None
    ) -> Step[None]:
        """Sleep, and count it."""
        before = self.now
        self.now, _ = yield Sleep(seconds, wake)
        self.waited_s += self.now - before

    def wall_s(self, at: float) -> float:
        """Return the monotonic time *at* as seconds since 1970."""
        return self.wall + at - self.began

    def instant(self, at: float) -> dt.datetime:
        """Return the monotonic time *at* as an instant, aware UTC."""
        return dt.datetime.fromtimestamp(self.wall_s(at), dt.timezone.utc)
