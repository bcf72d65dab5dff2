"""
The threads of a poller: begun, replaced when they die, waited for.

`supervise` is what the caller's thread does meanwhile: it looks at them,
tells systemd, and hears signals.
"""

from __future__ import annotations

import threading
from itertools import count
from typing import TYPE_CHECKING, Final

import attrs

from safeses._log import log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from safeses.errors import ConfigurationError
    from safeses.feedback._poller._in_hand import Keeper
    from safeses.feedback._poller._liveness import Systemd
    from safeses.feedback._poller._stopping import Signals, Stopping
    from safeses.feedback._poller._working import Worker
    from safeses.typing import Clock

_JOIN_S: Final = 1.0
# How soon a signal is seen: its handler may wake nobody.
_TICK_S: Final = 0.25
_AT_ONCE: Final = 2  # signals


@attrs.define(eq=False)
class _Crewman:
    """A worker and its thread."""

    worker: Worker
    thread: threading.Thread
    died_of: BaseException | None = None


@attrs.define(eq=False)
class Crew:
    """
    The threads of one run.

    They are daemons: what is stuck in a hook must not keep a process that
    was asked to end.
    """

    make: Callable[[str], Worker]
    keeper: Keeper
    stopping: Stopping
    size: int
    _men: list[_Crewman] = attrs.field(factory=list, init=False)
    _over: threading.Event = attrs.field(factory=threading.Event, init=False)
    _keeping: threading.Thread | None = attrs.field(default=None, init=False)
    _left: bool = attrs.field(default=False, init=False)
    _numbers: Iterator[int] = attrs.field(factory=count, init=False)

    def begin(self) -> None:
        """Begin to poll."""
        self._keep()
        self._men = [self._begun() for _ in range(self.size)]

    @property
    def is_over(self) -> bool:
        """Whether every thread has ended."""
        return not any(man.thread.is_alive() for man in self._men)

    @property
    def has_begun(self) -> bool:
        """Whether SQS has answered, or is known not to."""
        return self.keeper.queue.outages.is_known

    @property
    def in_hand(self) -> int:
        """How many messages are in hand."""
        return len(self.keeper.in_hand)

    @property
    def refused(self) -> ConfigurationError | None:
        """Why the poller cannot work at all, once that is known."""
        refusals = (man.worker.refused for man in self._men)
        return next(filter(None, refusals), None)

    @property
    def has_left(self) -> bool:
        """Whether any worker has left anything that it met with."""
        return self._left or any(man.worker.left for man in self._men)

    def replace_dead(self) -> None:
        """Put another thread in the place of each that died."""
        for place, man in enumerate(self._men):
            if man.died_of is not None and not man.thread.is_alive():
                log.warning(
                    "a polling thread ended (%s); another takes its place",
                    type(man.died_of).__name__,
                )
                self._left = True
                self._men[place] = self._begun()
        if self._keeping is not None and not self._keeping.is_alive():
            self._keep()

    def give_back(self) -> None:
        """Let others have what nobody has begun with."""
        worker = self._men[0].worker
        worker.give_back(self.keeper.in_hand.take_waiting())
        self.stopping.changed.set()

    def end(self) -> None:
        """Hide nothing any longer."""
        self._over.set()
        if self._keeping is not None:
            self._keeping.join(_JOIN_S)

    def _keep(self) -> None:
        self._keeping = threading.Thread(
            target=self.keeper.keep,
            args=(self._over,),
            name="safeses-poller-keeper",
            daemon=True,
        )
        self._keeping.start()

    def _begun(self) -> _Crewman:
        name = f"safeses-poller-{next(self._numbers)}"
        worker = self.make(name)

        def work() -> None:
            try:
                worker.work()
            except BaseException as error:  # noqa: BLE001  # a hook's exit
                man.died_of = error
            finally:
                self.stopping.changed.set()

        man = _Crewman(
            worker, threading.Thread(target=work, name=name, daemon=True)
        )
        man.thread.start()
        return man


def supervise(
    crew: Crew, signals: Signals, systemd: Systemd, clock: Clock, stop_s: float
) -> None:
    """
    Begin with the threads of *crew*, and return when it has ended.

    It ends by itself, or because somebody asks.
    """
    stopping = crew.stopping
    crew.begin()
    is_ready = False
    sign_at = clock.monotonic()
    while not (signals.count or stopping.asked or crew.refused):
        crew.replace_dead()
        if crew.is_over:
            return
        if not is_ready and crew.has_begun:
            is_ready = True
            systemd.tell("READY=1")
        # Not whether SQS answers: to restart us while it is away helps
        # nobody. All calls end in time, and how long a hook may take is
        # not known here; so what is watched is that this loop turns.
        now = clock.monotonic()
        if systemd.every_s is not None and now >= sign_at:
            sign_at = now + systemd.every_s
            systemd.tell("WATCHDOG=1")
        _rest(crew, clock)
    systemd.tell("STOPPING=1")
    stopping.asked = True
    stopping.wake.set()
    _finish(crew, signals, clock, stop_s)


def _finish(crew: Crew, signals: Signals, clock: Clock, stop_s: float) -> None:
    """Wait for what was begun, and give the rest back."""
    # On a thread of its own, as SQS may be away, and a second signal come.
    returning = threading.Thread(
        target=crew.give_back, name="safeses-poller-returning", daemon=True
    )
    returning.start()
    until = clock.monotonic() + stop_s
    while not crew.is_over or returning.is_alive():
        if signals.count >= _AT_ONCE or clock.monotonic() >= until:
            left = crew.in_hand
            log.warning(
                "the poller ends with %d %s again",
                left,
                "message in hand, which comes"
                if left == 1
                else "messages in hand, which come",
            )
            return
        _rest(crew, clock)


def _rest(crew: Crew, clock: Clock) -> None:
    clock.sleep(_TICK_S, crew.stopping.changed)
    crew.stopping.changed.clear()
