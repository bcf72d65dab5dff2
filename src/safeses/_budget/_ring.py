"""
Recipients by the minute in which they were sent, oldest first.

Minutes are numbers that only grow; what is given back goes to its own.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

import attrs


class Ring(Protocol):
    """
    The minutes that still count, wherever they are kept.

    Attributes:
        total: The recipients of all of them.
    """

    total: int

    def charge(self, minute: int, count: int) -> int:
        """Add to *minute*, or to a later one if there is; return which."""

    def give_back(self, minute: int, count: int) -> None:
        """Take off *minute* what it still holds, *count* at most."""

    def expire(self, oldest: int) -> None:
        """Forget the minutes before *oldest*."""

    def fold(self, newest: int) -> None:
        """Move to *newest* what later minutes hold."""

    def minute_that_frees(self, need: float) -> int | None:
        """Return with which minute the oldest hold *need*, None if never."""


@attrs.define
class MemoryRing:
    """Minutes in memory."""

    total: int = attrs.field(default=0, init=False)
    _minutes: deque[list[int]] = attrs.field(factory=deque, init=False)

    def charge(self, minute: int, count: int) -> int:
        """Add to *minute*, or to a later one if there is; return which."""
        if self._minutes and self._minutes[-1][0] >= minute:
            minute = self._minutes[-1][0]
            self._minutes[-1][1] += count
        else:
            self._minutes.append([minute, count])
        self.total += count
        return minute

    def give_back(self, minute: int, count: int) -> None:
        """Take off *minute* what it still holds, *count* at most."""
        for held in reversed(self._minutes):
            if held[0] == minute:
                returned = min(count, held[1])
                held[1] -= returned
                self.total -= returned
                return
            if held[0] < minute:
                return

    def expire(self, oldest: int) -> None:
        """Forget the minutes before *oldest*."""
        while self._minutes and self._minutes[0][0] < oldest:
            self.total -= self._minutes.popleft()[1]

    def fold(self, newest: int) -> None:
        """Move to *newest* what later minutes hold."""
        count = 0
        while self._minutes and self._minutes[-1][0] > newest:
            count += self._minutes.pop()[1]
        if count:
            self.total -= count
            self.charge(newest, count)

    def minute_that_frees(self, need: float) -> int | None:
        """Return with which minute the oldest hold *need*, None if never."""
        freed = 0
        for minute, count in self._minutes:
            freed += count
            if freed >= need:
                return minute
        return None
