"""
Which events were handled, in the memory of one process.

Beside the marks is a heap of the same marks, by their ends. It may hold
some that are not there any more, but never lacks one that is.

The lock keeps other threads away, but neither a signal handler of this
thread, nor an interrupt, nor a fork that another thread makes. So a look
and the write that relies on it are one call, or have no call in between.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING, Final

import attrs

from safeses._clock import SystemClock
from safeses._facts import check_seconds, key_of
from safeses._process_lock import ProcessLock
from safeses.errors import StoreError

if TYPE_CHECKING:
    from safeses.typing import Clock

    # When it is over, and what it is about.
    _Mark = tuple[float, str]
    # When it is over, and who has it.
    _Hold = tuple[float, str]

PART: Final = "seen events"
MAX_MARKS: Final = 100_000
MAX_HOLDS: Final = 10_000
# A mark makes way for itself: so many that are over go with each.
_PURGED_AT_ONCE: Final = 4


@attrs.define(eq=False)
class MemorySeenEvents:
    """
    Which events were handled, in this process: lost with it.

    It implements `safeses.typing.SeenEvents`. When it is full the marks
    that would end first go: an event that is delivered again after so many
    others is handled again, which is better than one that never is.

    Attributes:
        clock: Where the time comes from; its monotonic time never steps.
        max_marks: How many marks it keeps; each takes about 0.25 kB.
        engine: ``"memory"``.

    Raises:
        StoreError: More than 10,000 events are held at this moment.
    """

    clock: Clock = attrs.field(factory=SystemClock, kw_only=True)
    max_marks: int = attrs.field(default=MAX_MARKS, kw_only=True)
    engine: str = attrs.field(default="memory", init=False)
    _marks: dict[str, _Mark] = attrs.field(
        factory=dict, init=False, repr=False
    )
    _ends: list[_Mark] = attrs.field(factory=list, init=False, repr=False)
    _holds: dict[str, _Hold] = attrs.field(
        factory=dict, init=False, repr=False
    )
    _lock: ProcessLock = attrs.field(
        factory=ProcessLock, init=False, repr=False
    )

    def has(self, event: str, by: str) -> bool:
        """Whether *event* is marked as handled by *by*."""
        mark = self._marks.get(_name(event, by))
        return mark is not None and mark[0] > self.clock.monotonic()

    def mark(self, event: str, by: str, keep_s: float) -> bool:
        """
        Mark *event* as handled by *by*; of racing marks one is True.

        Raises:
            ConfigurationError: *keep_s* is not finite and above 0.
        """
        check_seconds("keep_s", keep_s)
        name = _name(event, by)
        marks = self._marks
        with self._lock.mine:
            now = self.clock.monotonic()
            self._purge_marks(now, _PURGED_AT_ONCE)
            held = marks.get(name)
            if held is not None and held[0] > now:
                return False
            while len(marks) >= self.max_marks and self._ends:
                self._drop_first()
            mark = (now + keep_s, name)
            heappush(self._ends, mark)
            while True:
                held = marks.setdefault(name, mark)
                if held is mark:
                    return True
                if held[0] > now:
                    return False
                if name in marks and marks[name] is held:
                    marks[name] = mark
                    return True

    def hold(self, event: str, lease_s: float, owner: str) -> bool:
        """
        Take *event* for a while; of racing owners exactly one gets it.

        Raises:
            ConfigurationError: *lease_s* is not finite and above 0.
        """
        check_seconds("lease_s", lease_s)
        name = key_of(event)
        holds = self._holds
        with self._lock.mine:
            now = self.clock.monotonic()
            if len(holds) >= MAX_HOLDS and name not in holds:
                self._make_room(now)
            hold = (now + lease_s, owner)
            while True:
                held = holds.setdefault(name, hold)
                if held is hold:
                    return True
                if held[0] > now and held[1] != owner:
                    return False
                if name in holds and holds[name] is held:
                    holds[name] = hold
                    return True

    def release(self, event: str, owner: str) -> None:
        """Let go of *event*, unless somebody else holds it by now."""
        name = key_of(event)
        with self._lock.mine:
            held = self._holds.get(name)
            if held is not None and held[1] == owner:
                self._let_go(name, held)

    def purge(self) -> int:
        """Forget marks and leases that are over; say how many there were."""
        with self._lock.mine:
            now = self.clock.monotonic()
            return self._purge_marks(now) + self._purge_holds(now)

    def after_fork(self) -> None:
        """Forget the locks of parents."""
        self._lock.after_fork()

    def close(self) -> None:
        """Nothing to let go of."""

    def _purge_marks(self, now: float, limit: int | None = None) -> int:
        purged = 0
        while self._ends and purged != limit:
            first = self._ends[:1]  # a handler may take it away meanwhile
            if not first or first[0][0] > now:
                break
            purged += self._drop_first()
        return purged

    def _drop_first(self) -> bool:
        """Drop the mark that ends first; say if it was there."""
        marks = self._marks
        try:
            first = self._ends[0]
        except IndexError:
            return False
        name = first[1]
        # First the mark: one without an end would stay for ever.
        is_there = False
        if name in marks and marks[name] is first:
            del marks[name]
            is_there = True
        ends = self._ends
        if ends and ends[0] is first:
            heappop(ends)
        return is_there

    def _make_room(self, now: float) -> None:
        self._purge_holds(now)
        if len(self._holds) >= MAX_HOLDS:
            raise StoreError(
                PART,
                self.engine,
                f"{MAX_HOLDS:,} events are held at this moment",
            )

    def _purge_holds(self, now: float) -> int:
        over = [
            (name, held)
            for name, held in [*self._holds.items()]
            if held[0] <= now
        ]
        return sum(self._let_go(name, held) for name, held in over)

    def _let_go(self, name: str, held: _Hold) -> bool:
        holds = self._holds
        if name in holds and holds[name] is held:
            del holds[name]
            return True
        return False


def _name(event: str, by: str) -> str:
    # Neither holds the end of a line.
    return f"{key_of(event)}\n{key_of(by)}"
