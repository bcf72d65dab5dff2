"""
Time, as everything here takes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import threading


class Clock(Protocol):
    """The only source of time; many threads may use it."""

    def time(self) -> float:
        """Return the wall clock in seconds since 1970, UTC."""

    def monotonic(self) -> float:
        """Return seconds that never step backwards."""

    def sleep(
        self, seconds: float, wake: threading.Event | None = None
    ) -> None:
        """Sleep, but return at once when *wake* is set."""
