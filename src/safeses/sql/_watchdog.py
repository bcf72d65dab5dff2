"""
Every act ends in time, also when the server does not.

A server that hangs keeps its connections open, and drivers wait for ever.
A thread shuts the socket of an act down at its deadline; whoever waits for
the answer then gets an error from the driver.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
import time
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator

# The thread ends when there was nothing to watch for so long.
LINGER_S: Final = 5.0
# Poll opens nothing and takes any handle; Windows has only the other one.
_Selector: Final = getattr(selectors, "PollSelector", selectors.SelectSelector)


@attrs.define(eq=False)
class Act:
    """
    What must end at a time.

    Attributes:
        ends_at: The monotonic time of its deadline.
        wire: A copy of the handle of the socket that it uses, if known.
        is_late: Whether it was cut off.
    """

    ends_at: float
    wire: socket.socket | None = None
    is_late: bool = False

    def left_s(self) -> float:
        """Return the seconds that are left, 0 or more."""
        return max(0.0, self.ends_at - time.monotonic())

    def cut_off(self) -> None:
        """Shut down its socket, if it has one now."""
        self.is_late = True
        if self.wire is not None:
            with contextlib.suppress(OSError):
                self.wire.shutdown(socket.SHUT_RDWR)


@attrs.define
class Watchdog:
    """Shuts down the socket of each act that outlives its deadline."""

    _running: set[Act] = attrs.field(factory=set, init=False)
    _wakes_at: float = attrs.field(default=0.0, init=False)
    _changed: threading.Condition = attrs.field(
        factory=threading.Condition, init=False
    )
    _thread: threading.Thread | None = attrs.field(default=None, init=False)

    @contextlib.contextmanager
    def watch(self, act: Act) -> Iterator[None]:
        """Hold *act* to its deadline."""
        with self._changed:
            if self._thread is None or not self._thread.is_alive():
                thread = threading.Thread(
                    target=self._run, name="safeses-sql", daemon=True
                )
                thread.start()
                self._thread = thread  # not if there can be no more threads
            if act.ends_at < self._wakes_at:
                self._changed.notify()
            self._running.add(act)
        try:
            yield
        finally:
            # From here on nobody cuts off the socket, which others may use.
            with self._changed:
                self._running.discard(act)

    def _run(self) -> None:
        with self._changed:
            while True:
                now = time.monotonic()
                for act in [a for a in self._running if a.ends_at <= now]:
                    self._running.discard(act)
                    act.cut_off()
                self._wakes_at = min(
                    (act.ends_at for act in self._running),
                    default=float("inf"),
                )
                if self._running:
                    self._changed.wait(self._wakes_at - now)
                elif not self._changed.wait(LINGER_S) and not self._running:
                    self._thread = None
                    return


def has_news(wire: socket.socket | None) -> bool:
    """
    Whether something has come on a connection that nobody uses.

    A server speaks only when it is asked, so that this is its farewell: the
    end of the connection, or the words before it.
    """
    if wire is None:
        return False
    with _Selector() as selector:
        selector.register(wire, selectors.EVENT_READ)
        return bool(selector.select(0))
