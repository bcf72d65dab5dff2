"""
An engine that is down is not asked at every send.

Each call to an engine may cost its whole time-out. After some that failed
in a row the next ones fail at once; now and then one is let through, and
if it gets an answer, all are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from safeses._process_lock import ProcessLock
from safeses.errors import StoreError

if TYPE_CHECKING:
    from safeses.typing import Clock

# So many calls in a row without an answer open the circuit.
OPENS_AFTER: Final = 3
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 5.0


@attrs.define(eq=False)
class Circuit:
    """
    Whether an engine is worth asking; for the threads of one process.

    Ask `check` before each call and say afterwards how it ended: `worked`
    if the engine answered, whatever it said, and `failed` if it did not.

    Attributes:
        engine: What it is called in errors, such as ``"redis"``.
        clock: Where the time comes from.
    """

    engine: str
    clock: Clock = attrs.field(repr=False)
    _lock: ProcessLock = attrs.field(factory=ProcessLock, init=False)
    _failures: int = attrs.field(default=0, init=False)
    _pause_s: float = attrs.field(default=FIRST_PAUSE_S, init=False)
    _closed_until: float = attrs.field(default=float("-inf"), init=False)
    _is_tried: bool = attrs.field(default=False, init=False)
    _problem: str = attrs.field(default="", init=False)

    def check(self, part: str) -> None:
        """
        Let a call through, or not.

        Args:
            part: Who asks, for the error.

        Raises:
            StoreError: The engine has not answered lately. It is asked
                again after a pause, by one caller at first.
        """
        if self._failures < OPENS_AFTER:
            return
        with self._lock.mine:
            now = self.clock.monotonic()
            left_s = self._closed_until - now
            if left_s <= 0:
                # This caller tries; meanwhile the others do not.
                self._closed_until = now + self._pause_s
                self._is_tried = True
                return
        error = StoreError(
            part,
            self.engine,
            f"{self._problem}; it is asked again in {left_s:.1f} s",
        )
        error.retry_after_s = left_s
        raise error

    def worked(self) -> None:
        """Take note of an answer."""
        if self._failures:
            with self._lock.mine:
                self._begin()

    def failed(self, problem: str) -> None:
        """
        Take note that there was no answer.

        Args:
            problem: What happened, in a few words without a full stop.
        """
        with self._lock.mine:
            self._failures += 1
            self._problem = problem
            if self._failures == OPENS_AFTER:
                self._closed_until = self.clock.monotonic() + self._pause_s
            elif self._is_tried:  # what was under way before says no more
                self._is_tried = False
                self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
                self._closed_until = self.clock.monotonic() + self._pause_s

    def after_fork(self) -> None:
        """Begin anew in a child: what it asks are other connections."""
        self._lock.after_fork()
        self._begin()

    def _begin(self) -> None:
        self._failures, self._pause_s = 0, FIRST_PAUSE_S
        self._is_tried = False
        self._closed_until = float("-inf")
