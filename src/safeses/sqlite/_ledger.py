"""
The ledger in a file of SQLite, for all processes that open it.

What may become of a job is decided in `safeses.ledger`, within one
transaction. The common ways of a send take one statement instead, which
carries its condition with it: where it finds a job as it stands for nearly
every send, it does what the transaction would have done. Where it does
not, it changes nothing, and the transaction decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from safeses._job import Claimed
from safeses._outcome import Accepted, Deferred, Rejected
from safeses.ledger import _machine
from safeses.ledger._json import json_of, json_of_each
from safeses.ledger._rows import PURGE_EVERY, RowsLedger
from safeses.sqlite._database import Database
from safeses.sqlite._ledger_rows import (
    PART,
    SQL,
    SqliteRows,
    is_text,
    no_column_takes_it,
    record_of,
    row_of,
)

if TYPE_CHECKING:
    import os
    import sqlite3
    from contextlib import AbstractContextManager
    from types import TracebackType

    from safeses._job import Found, Job
    from safeses._outcome import Claim, Outcome
    from safeses.sqlite._joined import Joined

# Others wait while a transaction writes, so that none purges more.
PURGED_AT_ONCE: Final = 1_000
# A lease is measured from when it is written. A statement has its time from
# before it waited for the file, so after a longer wait it is given anew.
LATE_S: Final = 0.5


@attrs.define(eq=False)
class SqliteLedger(RowsLedger):
    """
    What became of messages, in a file shared by all that open it.

    It implements `safeses.typing.Ledger`. It outlives the process; with
    ``synchronous="normal"`` a power cut may take its last moments, with
    ``"full"`` nothing. Nothing that is not settled is ever forgotten.

    Attributes:
        database: The file, or its path; what shares a file shares one
            `Database` in a process.
        namespace: Whose events prove that events arrive. The names of
            jobs are made with it.
        engine: ``"sqlite"``.

    Raises:
        StoreError: The file gives no answer: it is locked, full, gone.
    """

    _given: Database | Joined | str | os.PathLike[str] = attrs.field(
        alias="database", repr=False
    )
    namespace: str = attrs.field(default="safeses", kw_only=True)
    database: Database | Joined = attrs.field(init=False)
    engine: str = attrs.field(default="sqlite", init=False)

    @database.default
    def _opened(self) -> Database | Joined:
        return Database.of(self._given)

    def look_up(self, name: str) -> Found | None:
        """Return what is known of a job, None if nothing."""
        if not is_text(name):
            return None
        rows = self.database.rows(PART, SQL.get, (name,))
        return self._found(record_of(rows[0])) if rows else None

    def claim(self, job: Job, owner: str, lease_s: float) -> Claimed | Found:
        """Hold the job, if it is free; else say what keeps it."""
        if (self._claims + 1) % PURGE_EVERY:
            now = self._now()
            record = _machine.claim(
                None, job, owner, lease_s, now, self._wall()
            )
            if self._did(SQL.add, row_of(record)):
                self._claims += 1
                self._renew_if_late(now, lease_s, job.id, owner, 1)
                return Claimed(attempt=record.attempt)
        return super().claim(job, owner, lease_s)

    def submit(self, claim: Claim, lease_s: float) -> None:
        """
        Note, acknowledged, that the first byte is about to leave.

        Raises:
            InFlightError: Another call has claimed the job meanwhile.
            StoreError: The claim has vanished, or the file gives no answer.
        """
        now = self._now()
        name, owner, attempt = claim.id, claim.owner, claim.attempt
        if claim.job is None:
            record = _machine.submit(None, claim, lease_s, now, self._wall())
            is_done = record is not None and self._did(SQL.add, row_of(record))
        else:
            values = (
                self._wall(),
                lease_s,
                now + lease_s,
                claim.recipients,
                json_of_each(claim.left_out) or None,
            )
            is_done = self._did(SQL.submit, (*values, name, owner, attempt))
        if is_done:
            self._renew_if_late(now, lease_s, name, owner, attempt)
        else:
            super().submit(claim, lease_s)

    def settle(self, claim: Claim, outcome: Outcome) -> None:
        """Record how the attempt ended, unless somebody else holds it."""
        if not self._is_settled_at_once(claim, outcome):
            super().settle(claim, outcome)

    def purge(self) -> int:
        """Forget what has expired, and say how many that were."""
        now, total, gone = self._now(), 0, PURGED_AT_ONCE
        while gone == PURGED_AT_ONCE:
            values = (now, PURGED_AT_ONCE)
            gone = self.database.execute(PART, SQL.purge, values)
            total += gone
        return total

    def after_fork(self) -> None:
        """Drop locks and handles of the parent; keep the records."""
        self.database.after_fork()

    def close(self) -> None:
        """Let go of the file, unless it was given; idempotent."""
        if self.database is not self._given:
            self.database.close()

    def _is_settled_at_once(self, claim: Claim, outcome: Outcome) -> bool:
        held = (claim.id, claim.owner, claim.attempt)
        if claim.job is None:
            is_known = isinstance(outcome, (Accepted, Deferred, Rejected))
            return is_known and self._did(
                SQL.settle_unkeyed, held, looks=False
            )
        sent = outcome.sent if isinstance(outcome, Accepted) else None
        if sent is None or not sent.sent_at:
            return False
        expires = self._now() + _machine.KEEP_S
        return self._did(SQL.accept, (json_of(sent), expires, *held))

    def _did(
        self, sql: str, values: tuple[Any, ...], *, looks: bool = True
    ) -> bool:
        """Perform a statement; say if it met the job it is made for."""
        try:
            return self.database.execute(PART, sql, values, looks=looks) > 0
        except (OverflowError, UnicodeEncodeError):
            raise no_column_takes_it() from None

    def _renew_if_late(
        self, began: float, lease_s: float, *held: str | int
    ) -> None:
        if self._now() - began > LATE_S:
            with self.database.transaction(PART) as connection:
                ends = self._now() + lease_s
                connection.execute(SQL.renew, (ends, *held))

    def _open(self) -> _Transaction:
        return _Transaction(self.database.transaction(PART), self.namespace)

    def _now(self) -> float:
        return self.database.now()

    def _wall(self) -> float:
        return self.database.wall()


@attrs.define(eq=False)
class _Transaction:
    """A transaction of the file, in which there are records."""

    inner: AbstractContextManager[sqlite3.Connection]
    namespace: str

    def __enter__(self) -> SqliteRows:
        return SqliteRows(self.inner.__enter__(), self.namespace)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.inner.__exit__(kind, error, trace)
