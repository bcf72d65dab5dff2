"""
The ledger of one process.

A record never changes: it is replaced by another. Whoever does that has
read it before, without a lock, and makes sure that it is still the same.
The lock keeps other threads away meanwhile, but not a signal handler of
this thread: so there is no call, and no jump, between the look and the
write. Nothing is held for longer than that, so that neither an interrupt
nor a fork leaves others waiting.
"""

from __future__ import annotations

import math
import os
import threading
from itertools import islice
from typing import TYPE_CHECKING, Final

import attrs

from safeses._clock import SystemClock
from safeses.errors import StoreError
from safeses.ledger import _machine
from safeses.ledger._rows import MINUTE_S, PROOF_KEEP_MINUTES, RowsLedger

if TYPE_CHECKING:
    from typing_extensions import Self

    from safeses._job import Record
    from safeses.typing import Clock

MAX_RECORDS: Final = 100_000


@attrs.define(eq=False)
class _Records:
    """All records; as a context, of acts that need no end."""

    max_records: int
    clock: Clock
    records: dict[str, Record] = attrs.field(factory=dict)
    # By the minute in which mail was sent, the latest of it.
    proofs: dict[int, float] = attrs.field(factory=dict)
    locks: dict[int, threading.RLock] = attrs.field(factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def get(self, name: str) -> Record | None:
        return self.records.get(name)

    def swap(
        self, name: str, before: Record | None, after: Record | None
    ) -> bool:
        records = self.records
        with self._lock:
            if before is None and after is not None:
                self._make_room(name)
                return records.setdefault(name, after) is after
            if before is None:
                return name not in records
            if after is None:
                if name in records and records[name] is before:
                    del records[name]
                    return True
            elif name in records and records[name] is before:
                records[name] = after
                return True
            return False

    def unsettled(self, after: str, limit: int, now: float) -> list[Record]:
        found = sorted(
            (record.id, record)
            for record in [*self.records.values()]
            if record.id > after
            and _machine.as_of(record, now).state == "unknown"
        )
        return [record for _, record in islice(found, limit)]

    def all(self, after: str, limit: int) -> list[Record]:
        found = sorted(
            (record.id, record)
            for record in [*self.records.values()]
            if record.id > after
        )
        return [record for _, record in islice(found, limit)]

    def note_proof(self, sent_at: float) -> None:
        minute = int(sent_at // MINUTE_S)
        with self._lock:
            latest = self.proofs.get(minute, sent_at)
            self.proofs[minute] = max(latest, sent_at)
            if len(self.proofs) > PROOF_KEEP_MINUTES:
                self.proofs.pop(min(self.proofs), None)

    def has_proof(self, since: float, until: float) -> bool:
        minutes = range(int(since // MINUTE_S), int(until // MINUTE_S) + 1)
        return any(self.proofs.get(n, -math.inf) >= since for n in minutes)

    def purge(self, now: float, limit: int | None = None) -> int:
        over = (
            record
            for record in [*self.records.values()]
            if record.expires is not None and record.expires <= now
        )
        return sum(
            self.swap(record.id, record, None)
            for record in islice(over, limit)
        )

    def _make_room(self, name: str) -> None:
        if len(self.records) < self.max_records or name in self.records:
            return
        self.purge(self.clock.monotonic())
        if len(self.records) >= self.max_records:
            raise StoreError(
                "ledger",
                "memory",
                f"it is full, max_records is {self.max_records}",
            )

    @property
    def _lock(self) -> threading.RLock:
        """The lock of this process: its parent's may be held for ever."""
        pid = os.getpid()
        lock = self.locks.get(pid)
        return lock or self.locks.setdefault(pid, threading.RLock())


@attrs.define(eq=False)
class MemoryLedger(RowsLedger):
    """
    What became of messages, in this process: lost with it.

    Nothing that is not settled is ever evicted. When it is full it takes
    no more, so that nothing is sent that is not on record.

    Attributes:
        clock: Where the time comes from.
        max_records: How many it takes; each takes about a kilobyte.
        engine: ``"memory"``.

    Raises:
        StoreError: It is full.
    """

    clock: Clock = attrs.field(factory=SystemClock, kw_only=True)
    max_records: int = attrs.field(default=MAX_RECORDS, kw_only=True)
    engine: str = attrs.field(default="memory", init=False)
    _records: _Records = attrs.field(init=False, repr=False)

    @_records.default
    def _no_records(self) -> _Records:
        return _Records(self.max_records, self.clock)

    def after_fork(self) -> None:
        """
        Forget the locks of parents.

        A child that never calls this takes a lock of its own all the same.
        """
        pid = os.getpid()
        locks = self._records.locks
        for other in [*locks]:
            if other != pid:
                locks.pop(other, None)

    def close(self) -> None:
        """Nothing to let go of."""

    def _open(self) -> _Records:
        return self._records

    def _now(self) -> float:
        return self.clock.monotonic()

    def _wall(self) -> float:
        return self.clock.time()
