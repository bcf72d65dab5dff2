"""
Suppressions in the memory of one process.

What counts is the index: one entry for a stream and a key. Beside it is a
log of the same rows in the order in which they came, each with a number
that only grows. A page is a bisection of the log; what is removed leaves a
gap, and the log is packed when it is mostly gaps.

The lock keeps other threads away, but neither a signal handler of this
thread, nor an interrupt, nor a fork that another thread makes. CPython lets
all of these in only after a call and in loops. So what belongs together
stands without a call in between, and the rest in such an order that one who
stops halfway leaves nothing but a gap in the log.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right, insort
from itertools import count
from operator import attrgetter
from typing import TYPE_CHECKING, Final

import attrs

from safeses._clock import SystemClock
from safeses._process_lock import ProcessLock
from safeses._suppressed import Page, Suppression
from safeses.errors import StoreError
from safeses.suppression._keys import AddressKeys, bare
from safeses.suppression._paging import first_after

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from safeses.typing import Clock

# So many are not worth packing.
_GAPS: Final = 1_000
# Runs nothing of Python's, so that a bisection is one step.
_NUMBER: Final = attrgetter("number")


@attrs.define(eq=False)
class _Row:
    """An entry, and its place in the log."""

    number: int
    key: str
    entry: Suppression
    is_gone: bool = False


@attrs.define(eq=False)
class MemorySuppressionStore:
    """
    Suppressions in this process: shared by its threads, lost with it.

    Nothing is ever evicted: whoever was to be left alone would get mail.
    A look-up costs the same however many there are, a page as much as it
    holds plus the gaps it steps over; purging reads everything.

    Attributes:
        keys: How addresses are folded; with a secret nothing is listed.
        clock: Where the time comes from.
        max_entries: How many it takes, None for any number. What has
            expired makes room when it is full.
        engine: ``"memory"``.

    Raises:
        StoreError: It is full; none of the entries was added.
    """

    keys: AddressKeys = attrs.field(factory=AddressKeys)
    clock: Clock = attrs.field(factory=SystemClock, kw_only=True)
    max_entries: int | None = attrs.field(default=None, kw_only=True)
    engine: str = attrs.field(default="memory", init=False)
    # By stream, then by key.
    _rows: dict[str, dict[str, _Row]] = attrs.field(
        factory=dict, init=False, repr=False
    )
    _log: list[_Row] = attrs.field(factory=list, init=False, repr=False)
    _numbers: Iterator[int] = attrs.field(
        factory=lambda: count(1), init=False, repr=False
    )
    # Nothing that is there ends before.
    _ends_at: dt.datetime | None = attrs.field(
        default=None, init=False, repr=False
    )
    # Replaced by whoever changes something.
    _change: object = attrs.field(factory=object, init=False, repr=False)
    _lock: ProcessLock = attrs.field(
        factory=ProcessLock, init=False, repr=False
    )

    def add(self, entries: Sequence[Suppression]) -> list[bool]:
        """
        Add all entries or none; say for each whether it changed anything.

        Raises:
            ConfigurationError: One of them has no address.
        """
        keyed = [(self.keys.key(entry.address), entry) for entry in entries]
        with self._lock.mine:
            now = self._now()
            self._make_room(keyed, now)
            return [self._add(key, entry, now) for key, entry in keyed]

    def find(
        self,
        addresses: Sequence[str],
        *,
        stream: str = "",
        configuration_set: str = "",  # noqa: ARG002  # for lists of SES
        tenant: str = "",  # noqa: ARG002  # the same
    ) -> dict[str, Suppression]:
        """Return who must not get mail of *stream*, and why."""
        keys = self.keys.keys_of(addresses)
        found = {}
        with self._lock.mine:
            # Those for all mail first: they are the ones returned.
            places = [self._rows.get("")]
            if stream:
                places.append(self._rows.get(stream))
            for address, key in keys.items():
                for rows in places:
                    row = rows and rows.get(key)
                    if row and not row.entry.is_over(self._now()):
                        found[address] = row.entry
                        break
        return found

    def remove(
        self, addresses: Sequence[str], *, stream: str | None = None
    ) -> int:
        """Remove entries and return how many there were."""
        keys = set(self.keys.keys_of(addresses).values())
        removed = 0
        with self._lock.mine:
            streams = [*self._rows] if stream is None else [stream]
            for rows in [self._rows.get(name, {}) for name in streams]:
                for key in keys:
                    row = rows.pop(key, None)
                    if row is not None:
                        row.is_gone = True
                        removed += 1
            self._pack()
        return removed

    def page(self, after: str = "", limit: int = 1_000) -> Page:
        """
        Return some of the entries, in the order in which they came.

        Raises:
            ConfigurationError: The store keeps hashes, or *after* is not
                from a page, or *limit* is less than 1.
        """
        start_after = first_after(self.keys, after, limit)
        entries: list[Suppression] = []
        with self._lock.mine:
            log = self._log
            last = start_after
            start = bisect_right(log, start_after, key=_NUMBER)
            for index in range(start, len(log)):
                row = log[index]
                entry = row.entry
                if self._rows.get(entry.stream, {}).get(row.key) is not row:
                    continue
                if len(entries) == limit:
                    return Page(entries=tuple(entries), next=str(last))
                entries.append(entry)
                last = row.number
        return Page(entries=tuple(entries))

    def count(self) -> int:
        """Return how many entries there are, expired ones too."""
        with self._lock.mine:
            return sum(map(len, [*self._rows.values()]))

    def purge(self) -> int:
        """Remove what has expired and return how many that were."""
        with self._lock.mine:
            return self._purge(self._now())

    def after_fork(self) -> None:
        """Forget the locks of parents."""
        self._lock.after_fork()

    def close(self) -> None:
        """Nothing to let go of."""

    def _now(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self.clock.time(), dt.timezone.utc)

    def _add(self, key: str, entry: Suppression, now: dt.datetime) -> bool:
        if entry.is_over(now):
            return False
        kept = self._kept(key, entry, now)
        rows = self._rows.setdefault(entry.stream, {})
        while True:
            row = rows.get(key)
            if row is None:
                row = _Row(next(self._numbers), key, kept)
                self._note_end(kept)
                # A signal handler may have had a later number by now.
                insort(self._log, row, key=_NUMBER)
                if rows.setdefault(key, row) is row:
                    return True
                row.is_gone = True
                continue
            held = row.entry
            if not (held.is_over(now) or kept.outlasts(held)):
                return False
            self._note_end(kept)
            if row.entry is held and not row.is_gone:
                row.entry = kept
                return True

    def _note_end(self, entry: Suppression) -> None:
        end = entry.expires_at
        self._change = entry
        if end is not None and (self._ends_at is None or end < self._ends_at):
            self._ends_at = end

    def _kept(
        self, key: str, entry: Suppression, now: dt.datetime
    ) -> Suppression:
        address = "" if self.keys.is_hashed else bare(entry.address)
        return attrs.evolve(
            entry,
            # One string in memory instead of two equal ones.
            address=key if address == key else address,
            since=now if entry.since is None else entry.since,
        )

    def _make_room(
        self, keyed: Iterable[tuple[str, Suppression]], now: dt.datetime
    ) -> None:
        if self.max_entries is None:
            return
        names = {(k, e.stream) for k, e in keyed if not e.is_over(now)}
        if self._lacks_room(names):
            self._purge(now)
            if self._lacks_room(names):
                raise StoreError(
                    "suppression",
                    self.engine,
                    f"it is full, max_entries is {self.max_entries}",
                )

    def _lacks_room(self, names: set[tuple[str, str]]) -> bool:
        fresh = sum(
            key not in self._rows.get(stream, {}) for key, stream in names
        )
        return self.count() + fresh > (self.max_entries or 0)

    def _purge(self, now: dt.datetime) -> int:
        if self._ends_at is None or now < self._ends_at:
            return 0
        purged = 0
        ends_at: dt.datetime | None = None
        self._change = change = object()
        for rows in [*self._rows.values()]:
            for row in [*rows.values()]:
                held = row.entry
                end = held.expires_at
                if not held.is_over(now):
                    if end is not None and (ends_at is None or end < ends_at):
                        ends_at = end
                elif row.entry is held and not row.is_gone:
                    del rows[row.key]
                    row.is_gone = True
                    purged += 1
        if self._change is change:
            self._ends_at = ends_at
        self._pack()
        return purged

    def _pack(self) -> None:
        if len(self._log) <= 2 * self.count() + _GAPS:
            return
        self._change = change = object()
        packed = [row for row in self._log if not row.is_gone]
        if self._change is change:
            self._log = packed
