"""
Virtual time for threads: a day takes a moment, and always the same way.

`FakeClock` implements `safeses.typing.Clock`. Whoever sleeps alone moves
the time at once. The functions given to `FakeClock.run` share the time:
it moves only when all of them sleep, so eight threads that sleep one
second move it by one second, not by eight.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Final, TypeVar

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

START: Final = 1_767_225_600.0  # 2026-01-01T00:00:00Z


class _AbandonedError(BaseException):
    """Unwinds a participant whose run was given up."""


@attrs.define(eq=False)
class _Participant:
    """A thread that acts only when it has the turn."""

    number: int
    stage: _Stage
    turn: threading.Event = attrs.field(factory=threading.Event)
    wake: threading.Event | None = None
    wake_at: float = 0.0

    def is_ready(self, now: float) -> bool:
        return self.wake_at <= now or (
            self.wake is not None and self.wake.is_set()
        )

    def await_turn(self) -> None:
        self.turn.wait()
        self.turn.clear()
        if self.stage.is_abandoned:
            raise _AbandonedError


@attrs.define(eq=False)
class _Stage:
    """The participants of one run, of whom exactly one acts."""

    runnable: deque[_Participant] = attrs.field(factory=deque)
    asleep: list[_Participant] = attrs.field(factory=list)
    acting: int | None = None
    errors: list[BaseException] = attrs.field(factory=list)
    ended: threading.Event = attrs.field(factory=threading.Event)
    is_abandoned: bool = False

    def hand_over(self, now: float) -> float:
        """Give the turn to the next one; return the time it is then."""
        self._wake_the_ready(now)
        if self.asleep and not self.runnable:
            now = min(sleeper.wake_at for sleeper in self.asleep)
            self._wake_the_ready(now)
        if self.runnable:
            following = self.runnable.popleft()
            self.acting = following.number
            following.turn.set()
        else:
            self.acting = None
            self.ended.set()
        return now

    def abandon(self) -> None:
        """Make everybody who still comes here unwind."""
        self.is_abandoned = True
        for participant in (*self.runnable, *self.asleep):
            participant.turn.set()

    def _wake_the_ready(self, now: float) -> None:
        """Move who need not sleep on, in the order of falling asleep."""
        if any(sleeper.is_ready(now) for sleeper in self.asleep):
            sleepers, self.asleep = self.asleep, []
            for sleeper in sleepers:
                ready = sleeper.is_ready(now)
                (self.runnable if ready else self.asleep).append(sleeper)


class FakeClock:
    """
    A clock whose time moves only when everybody sleeps, or by hand.

    Attributes:
        slept: The seconds of each sleep, in order, as they were asked
            for, even if a wake cut one short.

    Example:
        >>> clock = FakeClock()
        >>> clock.sleep(3600)
        >>> clock.monotonic()
        3600.0
    """

    slept: list[float]

    def __init__(self, start: float = START) -> None:
        """
        Start at 0 monotonic seconds.

        Args:
            start: The wall clock, in seconds since 1970, UTC.
        """
        self.slept = []
        self._now = 0.0
        self._wall_ahead = start
        self._lock = threading.Lock()
        self._stage: _Stage | None = None
        self._thread = threading.local()

    def time(self) -> float:
        """Return the wall clock in seconds since 1970, UTC."""
        return self._wall_ahead + self._now

    def monotonic(self) -> float:
        """Return the seconds since the start; they never step."""
        return self._now

    def sleep(
        self, seconds: float, wake: threading.Event | None = None
    ) -> None:
        """
        Sleep in virtual time, until *wake* is set at most.

        A participant of `run` lets the others act meanwhile. Any other
        thread moves the time at once, unless *wake* is set already.
        """
        seconds = max(0.0, seconds)
        me: _Participant | None = getattr(self._thread, "me", None)
        with self._lock:
            self.slept.append(seconds)
            if me is None:
                if wake is None or not wake.is_set():
                    self._now += seconds
                return
            if me.stage.is_abandoned:
                raise _AbandonedError
            me.wake, me.wake_at = wake, self._now + seconds
            me.stage.asleep.append(me)
            self._now = me.stage.hand_over(self._now)
        me.await_turn()

    def advance(self, seconds: float) -> None:
        """Move both clocks on by hand."""
        if seconds < 0:
            msg = f"time does not run backwards: {seconds} s; see step_wall"
            raise ValueError(msg)
        with self._lock:
            self._now += seconds

    def step_wall(self, seconds: float) -> None:
        """Step the wall clock, as NTP or an operator may do it."""
        with self._lock:
            self._wall_ahead += seconds

    def run(
        self, *functions: Callable[[], T], within_s: float = 30.0
    ) -> list[T]:
        """
        Run each function in a thread of its own, deterministically.

        One of them acts at a time, in the order given, until it sleeps
        on this clock or ends. When all of them sleep, the time moves to
        the earliest moment at which one is to wake.

        Args:
            functions: What to run.
            within_s: The real seconds after which to give up.

        Returns:
            What the functions returned, in the order given.

        Raises:
            TimeoutError: They did not end: one waits for another without
                sleeping on this clock, or for ever.
            BaseException: What a function raised; of several, the first.
        """
        results: dict[int, T] = {}
        stage = _Stage()
        with self._lock:
            if self._stage is not None:
                msg = "this clock already runs functions"
                raise RuntimeError(msg)
            self._stage = stage

        def act(me: _Participant, function: Callable[[], T]) -> None:
            self._thread.me = me
            try:
                me.await_turn()
                results[me.number] = function()
            except BaseException as error:  # noqa: BLE001 - raised by run
                stage.errors.append(error)
            with self._lock:
                if not stage.is_abandoned:
                    self._now = stage.hand_over(self._now)

        threads = []
        for number, function in enumerate(functions):
            me = _Participant(number, stage)
            stage.runnable.append(me)
            thread = threading.Thread(
                target=act, args=(me, function), daemon=True
            )
            threads.append(thread)
        try:
            for thread in threads:
                thread.start()
            with self._lock:
                self._now = stage.hand_over(self._now)
            if not stage.ended.wait(within_s):
                raise TimeoutError(self._stuck(stage, within_s))
        finally:
            with self._lock:
                stage.abandon()
                self._stage = None
        for thread in threads:
            thread.join()
        if stage.errors:
            raise stage.errors[0]
        return [results[n] for n in range(len(functions))]

    def _stuck(self, stage: _Stage, within_s: float) -> str:
        return (
            f"function {stage.acting} (from 0) of a run has neither slept"
            f" nor ended, or they sleep for ever: {within_s:g} real seconds"
            f" are over, the clock says {self._now:g} s,"
            f" {len(stage.asleep)} sleep"
        )
