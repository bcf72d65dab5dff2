"""
Who bounced lately, and not for good, in the memory of one process.

The lock keeps other threads away, but neither a signal handler of this
thread, nor an interrupt, nor a fork that another thread makes. So a look
and the write that relies on it are one call, or have no call in between.
"""

from __future__ import annotations

from itertools import count
from operator import itemgetter
from typing import TYPE_CHECKING, Final

import attrs

from safeses._clock import SystemClock
from safeses._facts import check_instant, key_of
from safeses._log import log
from safeses._process_lock import ProcessLock

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from safeses.typing import Clock

    # Each event, and when it happened.
    _Events = dict[str, float]

KEEP_S: Final = 31 * 86_400.0
MAX_BOUNCES: Final = 100_000
# A mailbox that is full for a month may be told of each second. No limit
# on bounces is as high, and to count these takes no time.
MOST_OF_ONE: Final = 1_000
# At the first of so many calls what is too old is forgotten.
FORGET_EVERY: Final = 256
# So often at most the log says that older bounces were dropped.
_TELL_S: Final = 86_400.0


@attrs.define(eq=False)
class MemorySoftBounces:
    """
    Who bounced lately, in this process: lost with it.

    It implements `safeses.typing.SoftBounces`. What is older than 31 days
    goes by itself. When it is full the oldest bounces go before: addresses
    that keep bouncing are then found later, and the log says so.

    Attributes:
        clock: Where the time comes from.
        max_bounces: How many it keeps; each takes about 0.5 kB.
        engine: ``"memory"``.
    """

    clock: Clock = attrs.field(factory=SystemClock, kw_only=True)
    max_bounces: int = attrs.field(default=MAX_BOUNCES, kw_only=True)
    engine: str = attrs.field(default="memory", init=False)
    # Each address with its events; none is without one for long.
    _bounced: dict[str, _Events] = attrs.field(
        factory=dict, init=False, repr=False
    )
    # How many there are, nearly: an interrupt may leave it too high.
    _size: int = attrs.field(default=0, init=False, repr=False)
    _calls: Iterator[int] = attrs.field(factory=count, init=False, repr=False)
    _told_at: float | None = attrs.field(default=None, init=False, repr=False)
    _lock: ProcessLock = attrs.field(
        factory=ProcessLock, init=False, repr=False
    )

    def add(self, address: str, event: str, at: float, since: float) -> int:
        """
        Note a bounce; return how many of *address* there are since *since*.

        Raises:
            ConfigurationError: *at* or *since* is no instant.
        """
        oldest = oldest_kept(at, self.clock.time())
        check_instant("since", since)
        name, key = key_of(address), key_of(event)
        is_full = False
        with self._lock.mine:
            if not next(self._calls) % FORGET_EVERY:
                self._forget(oldest)
            self._note(name, key, at)
            if self._size > self.max_bounces:
                is_full = self._shrink()
            number = self._count(name, since)
        if is_full:
            self._tell()
        return number

    def count(self, address: str, since: float) -> int:
        """
        Return how many bounces of *address* there are since *since*.

        Raises:
            ConfigurationError: *since* is no instant.
        """
        check_instant("since", since)
        with self._lock.mine:
            return self._count(key_of(address), since)

    def clear(self, addresses: Sequence[str], until: float) -> None:
        """
        Forget the bounces of *addresses* up to *until*, itself included.

        Raises:
            ConfigurationError: *until* is no instant.
        """
        check_instant("until", until)
        with self._lock.mine:
            for address in addresses:
                name = key_of(address)
                for key, at in self._events_of(name):
                    if at <= until:
                        self._drop(name, key, at)

    def forget(self, before: float) -> None:
        """
        Forget all that happened before.

        Raises:
            ConfigurationError: *before* is no instant.
        """
        check_instant("before", before)
        with self._lock.mine:
            self._forget(before)

    def after_fork(self) -> None:
        """Forget the locks of parents."""
        self._lock.after_fork()

    def close(self) -> None:
        """Nothing to let go of."""

    def _note(self, name: str, key: str, at: float) -> None:
        bounced = self._bounced
        while True:
            events = bounced.setdefault(name, {})
            if key not in events:
                self._size += 1
                events.setdefault(key, at)
            if name in bounced and bounced[name] is events:
                break
            # A handler has cleared the address meanwhile.
        while len(events) > MOST_OF_ONE:
            first = min(self._events_of(name), key=_AT, default=None)
            if first is None:
                break
            self._drop(name, *first)

    def _count(self, name: str, since: float) -> int:
        return sum(at >= since for _, at in self._events_of(name))

    def _events_of(self, name: str) -> list[tuple[str, float]]:
        """Return the events of one address as they are now."""
        return [*self._bounced.get(name, {}).items()]

    def _drop(self, name: str, key: str, at: float) -> None:
        bounced = self._bounced
        events = bounced.get(name)
        if events is None:
            return
        if key in events and events[key] == at:
            del events[key]
            self._size -= 1
        if not events and name in bounced and bounced[name] is events:
            del bounced[name]

    def _forget(self, before: float) -> None:
        for name in [*self._bounced]:
            for key, at in self._events_of(name):
                if at < before:
                    self._drop(name, key, at)

    def _shrink(self) -> bool:
        """Drop the oldest, a tenth more than need be."""
        size = self._size
        exact = sum(map(len, [*self._bounced.values()]))
        if self._size == size:  # else a handler has changed it meanwhile
            self._size = exact
        if self._size <= self.max_bounces:
            return False
        oldest_first = sorted(
            (at, name, key)
            for name in [*self._bounced]
            for key, at in self._events_of(name)
        )
        for at, name, key in oldest_first:
            if self._size <= 0.9 * self.max_bounces:
                break
            self._drop(name, key, at)
        return True

    def _tell(self) -> None:
        now = self.clock.monotonic()
        if self._told_at is None or now - self._told_at >= _TELL_S:
            self._told_at = now
            log.warning(
                "the soft bounces in memory are full (max_bounces is %d):"
                " the oldest are dropped",
                self.max_bounces,
            )


_AT: Final = itemgetter(1)


def oldest_kept(at: float, now: float) -> float:
    """
    Return from when on bounces are kept.

    What goes is old by both clocks, that of SES and our own: one that is
    wrong must not make anybody forget.

    Raises:
        ConfigurationError: *at* is no instant.
    """
    check_instant("at", at)
    return max(min(at, now) - KEEP_S, 0.0)
