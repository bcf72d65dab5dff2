"""
The ledger in a table of DynamoDB, for all machines that use it.

What may become of a job is decided in `safeses.ledger`: it reads a record,
and replaces it if nobody else has meanwhile. The common ways of a send
take one write instead, which carries its condition with it: where it finds
a job as it stands for nearly every send, it does what would have come of
reading and replacing. Where it does not, it changes nothing, and that is
what is done.

Leases go by the clocks of the hosts, as DynamoDB tells no time. If they
differ, a lease seems to end early or late by as much. Nobody sends twice
for that: every write after a claim is fenced by its owner and attempt. A
mail that is still being sent may be taken for one that nobody knows of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from safeses._job import Claimed
from safeses._outcome import Accepted, Deferred, Rejected
from safeses.dynamodb._connection import Update
from safeses.dynamodb._items import names_in, ttl_after, version
from safeses.dynamodb._ledger_items import (
    PART,
    DynamoDBRows,
    is_name,
    map_of,
    maps_of,
)
from safeses.ledger import _machine
from safeses.ledger._rows import RowsLedger

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from safeses._job import Found, Job, Sent
    from safeses._outcome import Claim, Outcome
    from safeses.dynamodb._connection import Table
    from safeses.ledger._rows import Rows

_IS_HELD: Final = "#owner = :owner AND #attempt = :attempt AND #state = :is"
_IS_SURE: Final = f"{_IS_HELD} AND #unsure = :none"
_SUBMIT: Final = (
    "SET #state = :submitting, #submitted = :wall, #lease_s = :lease_s,"
    " #lease_ends = :lease_ends, #recipients = :recipients,"
    " #version = :version"
)
_ACCEPT: Final = (
    "SET #state = :accepted, #sent = :sent, #expires = :expires,"
    " #ttl = :ttl, #version = :version"
)


@attrs.define(eq=False)
class DynamoDBLedger(RowsLedger):
    """
    What became of messages, in a table shared by all that use it.

    It implements `safeses.typing.Ledger`. DynamoDB answers a write when
    it is on disk in more than one zone, so that it outlives them. Nothing
    that is not settled is ever forgotten; what has expired counts no
    longer, whenever DynamoDB deletes it.

    Attributes:
        table: The table; the parts of a state share one.
        namespace: Whose records they are; none sees another's.
        engine: ``"dynamodb"``.

    Raises:
        StoreError: The table gives no answer.
    """

    table: Table = attrs.field(repr=False)
    namespace: str = attrs.field(default="safeses", kw_only=True)
    engine: str = attrs.field(default="dynamodb", init=False)
    _proofs: dict[int, float] = attrs.field(
        factory=dict, init=False, repr=False
    )

    def claim(self, job: Job, owner: str, lease_s: float) -> Claimed | Found:
        """Hold the job, if it is free; else say what keeps it."""
        record = _machine.claim(
            None, job, owner, lease_s, self._now(), self._wall()
        )
        if self._rows().add(record):
            return Claimed(attempt=record.attempt)
        return super().claim(job, owner, lease_s)

    def submit(self, claim: Claim, lease_s: float) -> None:
        """
        Note, acknowledged, that the first byte is about to leave.

        Raises:
            InFlightError: Another call has claimed the job meanwhile.
            StoreError: The claim has vanished, or no answer came.
        """
        if not self._is_submitted_at_once(claim, lease_s):
            super().submit(claim, lease_s)

    def settle(self, claim: Claim, outcome: Outcome) -> None:
        """Record how the attempt ended, unless somebody else holds it."""
        if not self._is_settled_at_once(claim, outcome):
            super().settle(claim, outcome)

    def purge(self) -> int:
        """
        Forget nothing, and say so: DynamoDB deletes what has expired.

        It does so within a few days, by the attribute ``ttl``.
        """
        return 0

    def after_fork(self) -> None:
        """Drop handles of the parent; keep the records."""
        self.table.after_fork()

    def close(self) -> None:
        """Nothing to let go of: the table was given."""

    def _is_submitted_at_once(self, claim: Claim, lease_s: float) -> bool:
        rows, now = self._rows(), self._now()
        if claim.job is None:
            record = _machine.submit(None, claim, lease_s, now, self._wall())
            return record is not None and rows.add(record)
        if not is_name(claim.id):
            return False
        left_out = maps_of(claim.left_out)
        values = {
            ":submitting": "submitting",
            ":wall": self._wall(),
            ":lease_s": lease_s,
            ":lease_ends": now + lease_s,
            ":recipients": claim.recipients,
        }
        if left_out is None:
            update = f"{_SUBMIT} REMOVE #expires, #ttl, #left_out"
        else:
            update = f"{_SUBMIT}, #left_out = :left_out REMOVE #expires, #ttl"
            values[":left_out"] = left_out
        submit = self._update(rows, claim, update, "reserved", values)
        return self.table.transact(PART, [submit, rows.mark(claim.id)])

    def _is_settled_at_once(self, claim: Claim, outcome: Outcome) -> bool:
        rows = self._rows()
        if not is_name(claim.id):
            return False
        if claim.job is None:
            if not isinstance(outcome, (Accepted, Deferred, Rejected)):
                return False
            return self.table.delete(
                PART,
                rows.open_key(claim.id),
                condition=_IS_SURE,
                names=names_in(_IS_SURE),
                values={**_held(claim, "submitting"), ":none": 0},
                again=True,
            )
        sent = outcome.sent if isinstance(outcome, Accepted) else None
        if sent is None or not sent.sent_at:
            return False
        accept = self._update(
            rows, claim, _ACCEPT, "submitting", self._accepted(sent)
        )
        return self.table.transact(PART, [accept, rows.unmark(claim.id)])

    def _accepted(self, sent: Sent) -> dict[str, Any]:
        return {
            ":accepted": "accepted",
            ":sent": map_of(sent),
            ":expires": self._now() + _machine.KEEP_S,
            ":ttl": ttl_after(self.table, _machine.KEEP_S),
        }

    @staticmethod
    def _update(
        rows: DynamoDBRows,
        claim: Claim,
        expression: str,
        state: str,
        values: dict[str, Any],
    ) -> Update:
        """Return what changes a job that the claim holds in *state*."""
        return Update(
            key=rows.job_key(claim.id),
            expression=expression,
            condition=_IS_HELD,
            names=names_in(expression, _IS_HELD),
            values={
                **values,
                **_held(claim, state),
                ":version": version()["version"],
            },
        )

    def _open(self) -> AbstractContextManager[Rows]:
        return self._rows()

    def _rows(self) -> DynamoDBRows:
        return DynamoDBRows(self.table, self.namespace, self._proofs)

    def _now(self) -> float:
        return self.table.now()

    def _wall(self) -> float:
        return self.table.wall()


def _held(claim: Claim, state: str) -> dict[str, Any]:
    return {":owner": claim.owner, ":attempt": claim.attempt, ":is": state}
