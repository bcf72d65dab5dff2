"""
A ledger over anything that keeps records: reads, decides, writes.

What to decide stands in `_machine`. Here each act becomes one transaction
of a store of records, which a subclass brings.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final, Protocol

import attrs

from safeses._job import Claimed, Found, Job, Record, RecordPage, Sent
from safeses.errors import ConfigurationError, InFlightError, StoreError
from safeses.ledger import _machine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager

    from safeses._outcome import Claim, Outcome

MINUTE_S: Final = 60.0
# Events of mail that was sent so soon after show that they do arrive.
PROOF_MINUTES: Final = 5
PROOF_KEEP_MINUTES: Final = 15 * 24 * 60
# Every so many claims some of what has expired is forgotten.
PURGE_EVERY: Final = 256


class Rows(Protocol):
    """Records, within one transaction."""

    def get(self, name: str) -> Record | None:
        """Return the record of a job."""

    def swap(
        self, name: str, before: Record | None, after: Record | None
    ) -> bool:
        """Replace the record, unless it is not *before* any more."""

    def unsettled(self, after: str, limit: int, now: float) -> list[Record]:
        """
        Return records that are unknown, or that a lease has left so.

        Args:
            after: The id behind which to begin.
            limit: How many at most.
            now: The time.
        """

    def all(self, after: str, limit: int) -> list[Record]:
        """
        Return records of every state, in the order of their ids.

        Args:
            after: The id behind which to begin.
            limit: How many at most.
        """

    def note_proof(self, sent_at: float) -> None:
        """
        Note that an event of mail that was sent then has arrived.

        Of each minute only the latest is kept.
        """

    def has_proof(self, since: float, until: float) -> bool:
        """
        Whether an event of mail that was sent meanwhile has arrived.

        The last minute counts in full.
        """

    def purge(self, now: float, limit: int | None = None) -> int:
        """Forget what has expired, *limit* at most; say how many."""


@attrs.define(eq=False)
class RowsLedger(ABC):
    """
    A ledger; a subclass says where the rows are and what time it is.

    Attributes:
        engine: What holds it.
    """

    engine: str = attrs.field(init=False)
    _claims: int = attrs.field(default=0, init=False)

    def look_up(self, name: str) -> Found | None:
        """Return what is known of a job, None if nothing."""
        with self._open() as rows:
            record = rows.get(name)
        return None if record is None else self._found(record)

    def claim(self, job: Job, owner: str, lease_s: float) -> Claimed | Found:
        """Hold the job, if it is free; else say what keeps it."""
        with self._open() as rows:
            self._purge_now_and_then(rows)
            while True:
                before, now = rows.get(job.id), self._now()
                seen = before and _machine.as_of(before, now)
                if (
                    before is not None
                    and seen is not None
                    and not _machine.may_claim(
                        seen, job, now, is_proven=_is_proven(rows, seen, job)
                    )
                ):
                    if seen is not before and seen.state == before.state:
                        # Time was set back: the lease ends from now on.
                        rows.swap(job.id, before, seen)
                    return _machine.found(seen, now)
                after = _machine.claim(
                    seen, job, owner, lease_s, now, self._wall()
                )
                if rows.swap(job.id, before, after):
                    return Claimed(
                        attempt=after.attempt, is_unsure=after.unsure > 0
                    )

    def submit(self, claim: Claim, lease_s: float) -> None:
        """
        Note, acknowledged, that the first byte is about to leave.

        Raises:
            InFlightError: Another call has claimed the job meanwhile.
            StoreError: The claim has vanished.
        """
        with self._open() as rows:
            while True:
                before, now = rows.get(claim.id), self._now()
                after = _machine.submit(
                    before, claim, lease_s, now, self._wall()
                )
                if after is None:
                    raise self._lost(before, now)
                if rows.swap(claim.id, before, after):
                    return

    def settle(self, claim: Claim, outcome: Outcome) -> None:
        """Record how the attempt ended, unless somebody else holds it."""
        self._change(
            claim.id,
            lambda record, now: _machine.settle(record, claim, outcome, now),
        )

    def confirm(self, name: str, sent: Sent) -> bool:
        """Record that SES has accepted a message, as an event says."""
        with self._open() as rows:
            if sent.sent_at:
                rows.note_proof(sent.sent_at)
        return self._change(
            name,
            lambda record, now: record and _machine.accept(record, sent, now),
        )

    def resolve(self, name: str, sent: Sent | None) -> bool:
        """
        Record what somebody knows of an unknown outcome.

        Args:
            name: The id of the job.
            sent: How it was sent; None if nothing was.

        Returns:
            False if there is nothing to resolve by that name.

        Raises:
            InFlightError: The job is being sent at this moment.
        """
        is_resolved = False

        def resolved(before: Record | None, now: float) -> Record | None:
            nonlocal is_resolved
            is_resolved = False
            record = before and _machine.as_of(before, now)
            if record is None or record.state not in {
                "reserved",
                "submitting",
                "unknown",
                "rejected",
            }:
                return before
            if record.state in {"reserved", "submitting"}:
                raise InFlightError(record.lease_ends - now)
            is_resolved = True
            if sent is None:
                return _machine.free(record, now)
            return _machine.accept(record, sent, now)

        self._change(name, resolved)
        return is_resolved

    def unsettled(self, after: str = "", limit: int = 1_000) -> RecordPage:
        """
        Return the records whose outcome is unknown, in pages.

        Raises:
            ConfigurationError: *limit* is less than 1: such pages would
                never end.
        """
        _check_limit(limit)
        now = self._now()
        with self._open() as rows:
            records = rows.unsettled(after, limit + 1, now)
        seen = tuple(_machine.as_of(r, now) for r in records[:limit])
        more = len(records) > limit
        return RecordPage(records=seen, next=seen[-1].id if more else "")

    def records(self, after: str = "", limit: int = 1_000) -> RecordPage:
        """
        Return what is known of every job, in pages, to copy it elsewhere.

        `lease_ends` and `expires` count from now, as each ledger has a
        scale of its own. What has expired is left out.

        Raises:
            ConfigurationError: *limit* is less than 1.
        """
        _check_limit(limit)
        with self._open() as rows:
            found = rows.all(after, limit + 1)
            kept = self._as_given(found[:limit])
        more = len(found) > limit
        return RecordPage(
            records=kept, next=found[limit - 1].id if more else ""
        )

    def each_record(self) -> Iterator[tuple[Record, ...]]:
        """
        Yield what is known of every job, some at a time, as `records` does.

        One may come twice if others change the ledger meanwhile.
        """
        return in_pages(self.records)

    def _as_given(self, found: Iterable[Record]) -> tuple[Record, ...]:
        """Return records as another ledger takes them, less the expired."""
        now = self._now()
        return tuple(
            _shifted(_machine.as_of(record, now), -now)
            for record in found
            if record.expires is None or record.expires > now
        )

    def restore(self, record: Record) -> bool:
        """
        Take over a record of another ledger.

        Args:
            record: As `records` gives it.

        Returns:
            False if something is known of the job already. That stays.
        """
        with self._open() as rows:
            if rows.get(record.id) is not None:
                return False
            mine = _shifted(record, self._now())
            return rows.swap(record.id, None, mine)

    def purge(self) -> int:
        """Forget what has expired, and say how many that were."""
        with self._open() as rows:
            return rows.purge(self._now())

    @abstractmethod
    def after_fork(self) -> None:
        """Drop locks and handles of the parent; keep the records."""

    @abstractmethod
    def close(self) -> None:
        """Let go of every handle; idempotent."""

    @abstractmethod
    def _open(self) -> AbstractContextManager[Rows]:
        """Begin a transaction."""

    @abstractmethod
    def _now(self) -> float:
        """Return the time on the ledger's own scale."""

    @abstractmethod
    def _wall(self) -> float:
        """Return seconds since 1970."""

    def _found(self, record: Record) -> Found:
        now = self._now()
        return _machine.found(_machine.as_of(record, now), now)

    def _change(
        self,
        name: str,
        change: Callable[[Record | None, float], Record | None],
    ) -> bool:
        """Replace a record by what becomes of it; say if there was one."""
        with self._open() as rows:
            while True:
                before = rows.get(name)
                after = change(before, self._now())
                if after is before or rows.swap(name, before, after):
                    return before is not None

    def _lost(self, record: Record | None, now: float) -> Exception:
        if record is None:
            return StoreError(
                "ledger", self.engine, "a claim that was made has vanished"
            )
        seen = _machine.found(_machine.as_of(record, now), now)
        return InFlightError(max(seen.retry_after_s, 0.001))

    def _purge_now_and_then(self, rows: Rows) -> None:
        self._claims += 1
        if not self._claims % PURGE_EVERY:
            rows.purge(self._now(), 2 * PURGE_EVERY)


def in_pages(
    page_of: Callable[[str], RecordPage],
) -> Iterator[tuple[Record, ...]]:
    """Yield the records of one page after the other."""
    after = ""
    while True:
        page = page_of(after)
        yield page.records
        if not page.next:
            return
        after = page.next


def _check_limit(limit: int) -> None:
    if limit < 1:
        raise ConfigurationError(
            f"a page of {limit} records", "ask for one at least"
        )


def _shifted(record: Record, by_s: float) -> Record:
    """Return *record* on a scale that begins elsewhere."""
    expires = record.expires
    return attrs.evolve(
        record,
        lease_ends=record.lease_ends + by_s,
        expires=None if expires is None else expires + by_s,
    )


def _is_proven(rows: Rows, record: Record | None, job: Job) -> bool:
    """Whether an event of the last attempt would have arrived by now."""
    if (
        job.on_unknown != "reconcile"
        or record is None
        or record.submitted_wall is None
    ):
        return False
    since = record.submitted_wall
    return rows.has_proof(since, since + PROOF_MINUTES * MINUTE_S)
