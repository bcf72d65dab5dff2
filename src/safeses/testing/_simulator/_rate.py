"""
How SES counts: the send rate and the 24-hour quota, both per recipient.

A call passes while at least one unit is left, however many recipients it
has, and then owes the rest: at 1 per second a message to 10 recipients can
be sent every 10 seconds (an older Developer Guide, "When you reach your
sending limits"; today's says only "per recipient"). Whether SES keeps
a bucket or a window is not published, so both are here.
"""

from __future__ import annotations

import time
from collections import deque
from typing import Protocol

from ._limits import DAY_S

_DUST = 1e-9  # what floats may lose in a refill


class Clock(Protocol):
    """Where the simulator's time comes from; a test gives a fake one."""

    def time(self) -> float:
        """Return seconds since the epoch."""

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""


class RealClock:
    """The clock of the host."""

    def time(self) -> float:
        """Return seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        return time.monotonic()


class Limiter(Protocol):
    """A send rate; its callers hold the account's lock."""

    def take(self, units: float, now: float) -> bool:
        """Take *units* if at least one is left, else take nothing."""

    def set_rate(self, rate: float, now: float) -> None:
        """Go on at *rate* units per second; what is owed stays owed."""


class Bucket:
    """A token bucket that may fall below zero."""

    def __init__(self, rate: float, burst: float | None, now: float) -> None:
        """Start full: *burst* units, or one second's worth, at least 1."""
        self._rate = rate
        self._burst = burst
        self._level = self._size
        self._seen = now

    @property
    def _size(self) -> float:
        return max(1.0, self._rate) if self._burst is None else self._burst

    def take(self, units: float, now: float) -> bool:
        """Take *units* if at least one is left, else take nothing."""
        self._refill(now)
        if self._rate <= 0 or self._level < 1 - _DUST:
            return False
        self._level -= units
        return True

    def set_rate(self, rate: float, now: float) -> None:
        """Go on at *rate* units per second; what is owed stays owed."""
        self._refill(now)
        self._rate = rate
        self._level = min(self._level, self._size)

    def _refill(self, now: float) -> None:
        gained = max(0.0, now - self._seen) * max(0.0, self._rate)
        self._level = min(self._size, self._level + gained)
        self._seen = now


class RollingWindow:
    """
    No second may hold more than one second's worth.

    A message that is larger than what is left fills the coming seconds too.
    """

    def __init__(self, rate: float, now: float) -> None:
        """Start with an empty window."""
        del now
        self._rate = rate
        self._units: deque[tuple[float, float]] = deque()

    def take(self, units: float, now: float) -> bool:
        """Take *units* if at least one is left, else take nothing."""
        if self._rate <= 0:
            return False
        per_window = max(1.0, self._rate)
        width = per_window / self._rate
        while self._units and self._units[0][0] <= now - width + _DUST:
            self._units.popleft()
        left = per_window - sum(held for _, held in self._units)
        if left < 1 - _DUST:
            return False
        at = now
        while units > 0:
            self._units.append((at, min(units, left)))
            units, left, at = units - left, per_window, at + width
        return True

    def set_rate(self, rate: float, now: float) -> None:
        """Go on at *rate* units per second; what is owed stays owed."""
        del now
        self._rate = rate


class QuotaLog:
    """Every unit of the last 24 hours with its instant: exact, not rings."""

    def __init__(self) -> None:
        """Start with nothing sent."""
        self._log: deque[tuple[float, float]] = deque()
        self._total = 0.0

    def add(self, units: float, now: float) -> None:
        """Count *units* as sent at *now*."""
        if units:
            self._log.append((now, units))
            self._total += units

    def used(self, now: float) -> float:
        """Return the units of the 24 hours that end at *now*."""
        while self._log and self._log[0][0] <= now - DAY_S:
            self._total -= self._log.popleft()[1]
        return self._total

    def seen(self, now: float, lag_s: float) -> float:
        """Return what a counter that is *lag_s* late shows at *now*."""
        used = self.used(now)
        for at, units in reversed(self._log):
            if at <= now - lag_s:
                break
            used -= units
        return used
