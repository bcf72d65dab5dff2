"""
Whether a poller is to end: who asks for it, and what wakes its sleepers.

A handler of a signal runs between any two lines of the main thread, which
may hold any lock: of `threading`, of `logging`. So ours only counts, and
the main thread looks at the number. PID 1 of a container gets no signal
that it has no handler for, and has one here.
"""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any, Final

import attrs

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

_NUMBERS: Final = (signal.SIGTERM, signal.SIGINT)


@attrs.define(eq=False)
class Stopping:
    """
    The wish that a poller ends, and what wakes its sleepers then.

    Attributes:
        asked: Whether somebody asked. A plain value, so that a signal
            handler may set it: one that met the lock of an event, held by
            the very thread it interrupts, would wait for ever.
        wake: Set by the thread that supervises, soon after.
        changed: Set whenever a thread has ended.
    """

    asked: bool = attrs.field(default=False, init=False)
    wake: threading.Event = attrs.field(factory=threading.Event, init=False)
    changed: threading.Event = attrs.field(factory=threading.Event, init=False)


@attrs.define(eq=False)
class Signals:
    """
    Counts the signals that ask this process to end, while it is entered.

    In another thread than the main one it counts nothing: Python lets only
    that one have handlers.

    Attributes:
        count: How many came.
    """

    count: int = attrs.field(default=0, init=False)
    _before: dict[int, Any] = attrs.field(factory=dict, init=False)

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in _NUMBERS:
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, before in self._before.items():
            # None: somebody else than Python had set it.
            signal.signal(number, before or signal.SIG_DFL)

    def _note(self, *_: object) -> None:
        self.count += 1
