"""
The time that slots are booked in, without an engine that tells it.

The clocks of hosts differ, so none of them decides. Each process goes by
its monotonic clock, from where the others are: whoever sees that a slot
was booked at a later time than its own moves on to that time. So all of
them are at the same time but for the way to DynamoDB, and a host whose
clock is fast gets no more slots than the others.

The wall clock is asked only how long nothing was booked; it is believed
but for the seconds by which it may be wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from safeses.dynamodb._connection import Table

NS_PER_S: Final = 1_000_000_000
# A wall clock that is ahead by less tells nothing new: it is read, and
# adjusted, in steps of its own.
_NOISE: Final = NS_PER_S // 1_000


@attrs.define(eq=False)
class Timeline:
    """
    The time of one scope in one process, in nanoseconds.

    Attributes:
        table: Whose clock it goes by.
        drift_s: By how much the clocks of two hosts may differ. A clock
            that is fast by more lets at most half a second's worth of
            slots go twice, once, when its process begins.
    """

    table: Table
    drift_s: float
    _ahead: int | None = attrs.field(default=None, init=False)

    def now(self) -> int:
        """Return the time; in one process it never goes back."""
        monotonic = self._monotonic()
        wall = self._wall()
        if self._ahead is None:
            self._ahead = wall - monotonic
        surely = wall - round(self.drift_s * NS_PER_S)
        if surely > monotonic + self._ahead + _NOISE:
            self._ahead = surely - monotonic
        return monotonic + self._ahead

    def saw(self, at: int) -> None:
        """Take note that somebody was at that time already."""
        ahead = at - self._monotonic()
        if self._ahead is None:
            # If it was long ago, it says nothing about this moment.
            if at >= self._wall() - round(self.drift_s * NS_PER_S):
                self._ahead = ahead
        elif ahead > self._ahead:
            self._ahead = ahead

    def _wall(self) -> int:
        return round(self.table.now() * NS_PER_S)

    def _monotonic(self) -> int:
        return round(self.table.clock.monotonic() * NS_PER_S)
