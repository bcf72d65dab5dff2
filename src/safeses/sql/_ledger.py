"""
The ledger in a database, for all processes that share it.

What may become of a job is decided in `safeses.ledger`, within one
transaction that holds the job's row. The common ways of a send take one
statement instead, which carries its condition with it: where it finds a
job as it stands for nearly every send, it does what the transaction would
have done. Where it does not, it changes nothing, and the transaction
decides.
"""

from __future__ import annotations

from contextlib import nullcontext
from itertools import count
from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs

from safeses._facts import key_of
from safeses._job import Claimed
from safeses._outcome import Accepted, Deferred, Rejected
from safeses.ledger import _machine
from safeses.ledger._json import json_of, json_of_each
from safeses.ledger._rows import (
    MINUTE_S,
    PROOF_KEEP_MINUTES,
    PURGE_EVERY,
    RowsLedger,
    in_pages,
)
from safeses.sql._ledger_rows import (
    PART,
    SQL,
    SqlRows,
    is_name,
    record_of,
    values_of,
)
from safeses.sql._part import SqlPart

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from safeses._job import Found, Job, Record, RecordPage, Sent
    from safeses._outcome import Claim, Outcome
    from safeses.sql._transaction import Transaction

    T = TypeVar("T")

# A statement has to end in time, so that none purges more.
PURGED_AT_ONCE: Final = 1_000


@attrs.define(eq=False)
class SqlLedger(SqlPart):
    """
    What became of messages, in a database shared by all that use it.

    It implements `safeses.typing.Ledger`. Nothing that is not settled is
    ever forgotten. That the first byte of a message is about to leave, and
    that SES has accepted one, waits for the disk of the database; the rest
    need not.

    Attributes:
        database: Where it is, or its URL.
        namespace: Whose events prove that events arrive. The names of
            jobs are made with it.
        engine: Which database it is, such as ``"postgresql"``.

    Raises:
        StoreError: The database gives no answer.
    """

    namespace: str = attrs.field(default="safeses", kw_only=True)
    _scope: str = attrs.field(init=False, repr=False)
    _claims: Iterator[int] = attrs.field(
        factory=lambda: count(1), init=False, repr=False
    )
    _proofs: Iterator[int] = attrs.field(
        factory=lambda: count(1), init=False, repr=False
    )

    @_scope.default
    def _scope_of_namespace(self) -> str:
        return key_of(self.namespace)

    def look_up(self, name: str) -> Found | None:
        """Return what is known of a job, None if nothing."""
        found = self._read(name)
        if found is None:
            return None
        record, now = found
        return _machine.found(_machine.as_of(record, now), now)

    def claim(self, job: Job, owner: str, lease_s: float) -> Claimed | Found:
        """Hold the job, if it is free; else say what keeps it."""
        if not next(self._claims) % PURGE_EVERY:
            self._purge_some(2 * PURGE_EVERY)
        record = _machine.claim(None, job, owner, lease_s, 0.0, 0.0)
        if self._begins(record, is_durable=False):
            return Claimed(attempt=record.attempt)
        return self._decided(lambda rows: rows.claim(job, owner, lease_s))

    def submit(self, claim: Claim, lease_s: float) -> None:
        """
        Note, acknowledged, that the first byte is about to leave.

        Raises:
            InFlightError: Another call has claimed the job meanwhile.
            StoreError: The claim has vanished, or there is no answer.
        """
        if claim.job is None:
            record = _machine.submit(None, claim, lease_s, 0.0, 0.0)
            is_done = record is not None and self._begins(record)
        else:
            values = {
                "lease_s": lease_s,
                "recipients": claim.recipients,
                "left_out": json_of_each(claim.left_out) or None,
            }
            is_done = self._did(SQL.submit, claim, values)
        if not is_done:
            self._decided(lambda rows: rows.submit(claim, lease_s))

    def settle(self, claim: Claim, outcome: Outcome) -> None:
        """Record how the attempt ended, unless somebody else holds it."""
        if not self._is_settled_at_once(claim, outcome):
            self._decided(lambda rows: rows.settle(claim, outcome), again=True)

    def confirm(self, name: str, sent: Sent) -> bool:
        """Record that SES has accepted a message, as an event says."""
        if sent.sent_at:
            self._note_proof(sent.sent_at)
        found = self._read(name)
        if found is None:
            return False
        record, now = found
        if _machine.accept(record, sent, now) is record:
            return True
        return self._decided(lambda rows: rows.confirm(name, sent), again=True)

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
        return self._decided(lambda rows: rows.resolve(name, sent))

    def unsettled(self, after: str = "", limit: int = 1_000) -> RecordPage:
        """
        Return the records whose outcome is unknown, in pages.

        Raises:
            ConfigurationError: *limit* is less than 1: such pages would
                never end.
        """
        return self._decided(
            lambda rows: rows.unsettled(after, limit), again=True
        )

    def records(self, after: str = "", limit: int = 1_000) -> RecordPage:
        """
        Return what is known of every job, in pages, to copy it elsewhere.

        `lease_ends` and `expires` count from now, as each ledger has a
        scale of its own. What has expired is left out.

        Raises:
            ConfigurationError: *limit* is less than 1.
        """
        return self._decided(
            lambda rows: rows.records(after, limit), again=True
        )

    def each_record(self) -> Iterator[tuple[Record, ...]]:
        """
        Yield what is known of every job, some at a time, as `records` does.

        One may come twice if others change the ledger meanwhile.
        """
        return in_pages(self.records)

    def restore(self, record: Record) -> bool:
        """
        Take over a record of another ledger.

        Args:
            record: As `records` gives it.

        Returns:
            False if something is known of the job already. That stays.
        """
        return self._decided(lambda rows: rows.restore(record))

    def purge(self) -> int:
        """
        Forget what has expired, and say how many that were.

        It takes many short transactions, between which others write.
        """
        self._forget_proofs()
        total, gone = 0, PURGED_AT_ONCE
        while gone == PURGED_AT_ONCE:
            gone = self._purge_some(PURGED_AT_ONCE)
            total += gone
        return total

    def _is_settled_at_once(self, claim: Claim, outcome: Outcome) -> bool:
        if claim.job is None:
            is_known = isinstance(outcome, (Accepted, Deferred, Rejected))
            # A record that comes back after a crash says "unknown".
            return is_known and self._did(
                SQL.settle_unkeyed, claim, again=True, is_durable=False
            )
        sent = outcome.sent if isinstance(outcome, Accepted) else None
        if sent is None or not sent.sent_at:
            return False
        values = {"sent": json_of(sent), "keep_s": _machine.KEEP_S}
        return self._did(SQL.accept, claim, values, again=True)

    def _begins(self, record: Record, *, is_durable: bool = True) -> bool:
        """Add a record whose times count from here, if there is none."""
        values = values_of(record, self.engine)
        return (
            self.database.execute(
                PART, SQL.begin, values, is_durable=is_durable
            )
            > 0
        )

    def _did(
        self,
        statement: Any,
        claim: Claim,
        values: dict[str, Any] | None = None,
        *,
        again: bool = False,
        is_durable: bool = True,
    ) -> bool:
        """Perform a statement; say if it met the job it is made for."""
        if not (is_name(claim.id) and is_name(claim.owner)):
            return False
        held = {
            "id": claim.id,
            "owner": claim.owner,
            "attempt": claim.attempt,
            **(values or {}),
        }
        matched = self.database.execute(
            PART, statement, held, again=again, is_durable=is_durable
        )
        return matched > 0

    def _read(self, name: str) -> tuple[Record, float] | None:
        """Return a record as it stands, and the time."""
        if not is_name(name):
            return None
        rows = self.database.rows(PART, SQL.get, {"id": name}, again=True)
        if not rows:
            return None
        return record_of(rows[0], self.engine), float(rows[0][0])

    def _decided(
        self, act: Callable[[_RowsWithin], T], *, again: bool = False
    ) -> T:
        """Let the rules decide, within a transaction."""
        return self.database.in_transaction(
            PART,
            lambda transaction: act(
                _RowsWithin(transaction, self._scope, self.engine)
            ),
            again=again,
        )

    def _purge_some(self, most: int) -> int:
        values = {"over": self.database.now(), "most": most}
        return self.database.execute(PART, SQL.purge, values, is_durable=False)

    def _note_proof(self, sent_at: float) -> None:
        values = {
            "namespace": self._scope,
            "minute": int(sent_at // MINUTE_S),
            "latest": sent_at,
        }
        self.database.execute(
            PART, SQL.note_proof, values, again=True, is_durable=False
        )
        if not next(self._proofs) % PURGE_EVERY:
            self._forget_proofs()

    def _forget_proofs(self) -> None:
        values = {"namespace": self._scope, "keep": PROOF_KEEP_MINUTES}
        self.database.execute(PART, SQL.forget_proof, values, is_durable=False)


@attrs.define(eq=False)
class _RowsWithin(RowsLedger):
    """The rules at work within one transaction."""

    transaction: Transaction
    scope: str
    engine: str
    _wall_s: float = attrs.field(default=0.0, init=False)

    def _open(self) -> AbstractContextManager[SqlRows]:
        return nullcontext(SqlRows(self.transaction, self.scope, self.engine))

    def _now(self) -> float:
        # Read after what it is compared with, which may have been waited for.
        [[now, self._wall_s]] = self.transaction.rows(SQL.time)
        return float(now)

    def _wall(self) -> float:
        # Asked for together with the time, and after it.
        return float(self._wall_s)

    def after_fork(self) -> None:
        """Nothing to let go of."""

    def close(self) -> None:
        """Nothing to let go of."""
