"""The real time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import threading


class SystemClock:
    """The clock of this machine."""

    monotonic = staticmethod(time.monotonic)
    time = staticmethod(time.time)  # last: it hides the module here

    @staticmethod
    def sleep(seconds: float, wake: threading.Event | None = None) -> None:
        """Sleep, but return at once when *wake* is set."""
        if wake is None:
            time.sleep(seconds)
        else:
            wake.wait(seconds)
