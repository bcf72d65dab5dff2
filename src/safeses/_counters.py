"""
How many of what, in the memory of one process.

A bucket is five minutes. Those of a month are few enough to be added up
one by one, about 9,000 for each name; and of the hour that is the shortest
time a rate of bounces means anything for, it is one twelfth.

The lock keeps other threads away, but neither a signal handler of this
thread, nor an interrupt, nor a fork that another thread makes. So each
count is added without a call in between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from safeses._clock import SystemClock
from safeses._facts import LATEST, check_instant, key_of
from safeses._log import log
from safeses._process_lock import ProcessLock
from safeses.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from safeses.typing import Clock

BUCKET_S: Final = 300
KEEP_S: Final = 31 * 86_400.0
MAX_COUNTS: Final = 200_000
# Sums stay far below the largest number of any engine.
MOST: Final = 10**12
# So often at most the log says that older counts were dropped.
_TELL_S: Final = 86_400.0


@attrs.define(eq=False)
class MemoryCounters:
    """
    How many of what, in this process: lost with it.

    It implements `safeses.typing.Counters`. A bucket is five minutes, and
    what is older than 31 days goes by itself. When it is full the oldest
    buckets go before: it then looks back less far, and the log says so.

    Attributes:
        clock: Where the time comes from.
        max_counts: How many it keeps, one for each name in each bucket;
            each takes about 0.1 kB.
        engine: ``"memory"``.
    """

    clock: Clock = attrs.field(factory=SystemClock, kw_only=True)
    max_counts: int = attrs.field(default=MAX_COUNTS, kw_only=True)
    engine: str = attrs.field(default="memory", init=False)
    # By the number of the bucket, then by scope and name.
    _buckets: dict[int, dict[str, int]] = attrs.field(
        factory=dict, init=False, repr=False
    )
    # How many counts there are, nearly: an interrupt may leave it wrong.
    _size: int = attrs.field(default=0, init=False, repr=False)
    _told_at: float | None = attrs.field(default=None, init=False, repr=False)
    _lock: ProcessLock = attrs.field(
        factory=ProcessLock, init=False, repr=False
    )

    def add(self, scope: str, counts: Mapping[str, int], at: float) -> None:
        """
        Count what has happened.

        Raises:
            ConfigurationError: A count is negative, or *at* no instant.
        """
        keyed = keyed_counts(counts)
        oldest = oldest_kept(at, self.clock.time())
        number = int(at // BUCKET_S)
        scope_key = key_of(scope)
        is_full = False
        with self._lock.mine:
            if keyed and number not in self._buckets:
                self._forget(oldest)
            for name, count in keyed:
                bucket = self._buckets.setdefault(number, {})
                key = f"{scope_key}\n{name}"
                if key not in bucket:
                    self._size += 1
                    bucket.setdefault(key, 0)
                bucket[key] += count
            if self._size > self.max_counts:
                is_full = self._shrink()
        if is_full:
            self._tell()

    def totals(
        self,
        scope: str,
        names: Sequence[str],
        since: float,
        until: float | None = None,
    ) -> dict[str, int]:
        """
        Return how many of each of *names* happened, 0 included.

        Raises:
            ConfigurationError: *since* or *until* is no instant.
        """
        check_instant("since", since)
        until = LATEST if until is None else until
        check_instant("until", until)
        first, end = int(since // BUCKET_S), -int(-until // BUCKET_S)
        scope_key = key_of(scope)
        keys = {name: f"{scope_key}\n{key_of(name)}" for name in names}
        totals = dict.fromkeys(keys, 0)
        with self._lock.mine:
            for bucket in self._between(first, end):
                for name, key in keys.items():
                    totals[name] += bucket.get(key, 0)
        return totals

    def forget(self, before: float) -> None:
        """
        Forget the buckets that were over before.

        Raises:
            ConfigurationError: *before* is no instant.
        """
        check_instant("before", before)
        with self._lock.mine:
            self._forget(int(before // BUCKET_S))

    def after_fork(self) -> None:
        """Forget the locks of parents."""
        self._lock.after_fork()

    def close(self) -> None:
        """Nothing to let go of."""

    def _between(self, first: int, end: int) -> Iterable[dict[str, int]]:
        buckets = self._buckets
        if end - first < len(buckets):
            numbers: Iterable[int] = range(first, end)
        else:
            numbers = [n for n in [*buckets] if first <= n < end]
        # A handler may have dropped one meanwhile.
        found = (buckets.get(number) for number in numbers)
        return (bucket for bucket in found if bucket is not None)

    def _forget(self, first: int) -> None:
        """Drop the buckets before the first to keep."""
        for number in [*self._buckets]:
            if number < first:
                self._drop(number)

    def _drop(self, number: int) -> None:
        gone = len(self._buckets.pop(number, ()))
        self._size -= gone

    def _shrink(self) -> bool:
        """Drop the oldest buckets, a tenth more than need be."""
        size = self._size
        exact = sum(map(len, [*self._buckets.values()]))
        if self._size == size:  # else a handler has changed it meanwhile
            self._size = exact
        if self._size <= self.max_counts:
            return False
        for number in sorted([*self._buckets]):
            if self._size <= 0.9 * self.max_counts:
                break
            self._drop(number)
        return True

    def _tell(self) -> None:
        now = self.clock.monotonic()
        if self._told_at is None or now - self._told_at >= _TELL_S:
            self._told_at = now
            log.warning(
                "the counters in memory are full (max_counts is %d): the"
                " oldest are dropped",
                self.max_counts,
            )


def keyed_counts(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """
    Return the counts above 0 with the keys of their names, in one order.

    Raises:
        ConfigurationError: One of them is no count.
    """
    for count in counts.values():
        if not _is_count(count):
            raise ConfigurationError(
                f"{count!r} is not a count", f"use a number from 0 to {MOST:,}"
            )
    return sorted((key_of(name), n) for name, n in counts.items() if n)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and 0 <= value <= MOST


def oldest_kept(at: float, now: float) -> int:
    """
    Return the number of the oldest bucket that is kept.

    What goes is old by both clocks, that of SES and our own: one that is
    wrong must not make anybody forget.

    Raises:
        ConfigurationError: *at* is no instant.
    """
    check_instant("at", at)
    return int((min(at, now) - KEEP_S) // BUCKET_S)
