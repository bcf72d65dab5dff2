"""Clocks of this machine that tell what happens, or that wait for it."""

from __future__ import annotations

import threading
import time

from safeses._clock import SystemClock


class Held:
    """
    A clock that stands still until it is let go.

    So nobody's turn comes before all are where the test wants them.

    Attributes:
        waiting: How many sleep.
    """

    def __init__(self) -> None:
        self.waiting = 0
        self._began = self._went_on_at = time.monotonic()
        self._going = threading.Event()
        self._lock = threading.Lock()

    def go(self) -> None:
        """Let the time go by."""
        self._went_on_at = time.monotonic()
        self._going.set()

    def monotonic(self) -> float:
        """Return the time without the while that it stood still."""
        if not self._going.is_set():
            return self._began
        return self._began + time.monotonic() - self._went_on_at

    def time(self) -> float:
        """Return the machine's time."""
        return time.time()

    def sleep(
        self, seconds: float, wake: threading.Event | None = None
    ) -> None:
        """Sleep, from when the time goes by."""
        with self._lock:
            self.waiting += 1
        try:
            while not (self._going.is_set() or (wake and wake.is_set())):
                time.sleep(0.005)
            SystemClock.sleep(seconds, wake)
        finally:
            with self._lock:
                self.waiting -= 1


class Noting:
    """
    A clock that notes for how long somebody sleeps.

    Attributes:
        slept_s: The seconds of each sleep.
    """

    monotonic = staticmethod(SystemClock.monotonic)
    time = staticmethod(SystemClock.time)

    def __init__(self) -> None:
        self.slept_s: list[float] = []

    def sleep(
        self, seconds: float, wake: threading.Event | None = None
    ) -> None:
        """Note it, then sleep."""
        self.slept_s.append(seconds)
        SystemClock.sleep(seconds, wake)
