"""
The ledger in Redis, for all processes that ask it.

What may become of a job is decided in `safeses.ledger`: a record is read,
and replaced if it is still the same. The common ways of a send take one
script instead: where it finds a job as it stands for nearly every send, it
does what would have been decided. Where it does not, it changes nothing.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

import attrs

from safeses._job import Claimed
from safeses._outcome import Accepted, Deferred, Rejected
from safeses.ledger import _machine
from safeses.ledger._json import json_of, json_of_each
from safeses.ledger._rows import RowsLedger
from safeses.redis._ledger_rows import (
    PART,
    RedisRows,
    id_of,
    owner_of,
    proof_of,
    text_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from safeses._job import Found, Job, Record, Sent
    from safeses._outcome import Claim, Outcome
    from safeses.ledger._rows import Rows
    from safeses.redis._connection import Server

_KNOWN_OUTCOMES: Final = (Accepted, Deferred, Rejected)


@attrs.define(eq=False)
class RedisLedger(RowsLedger):
    """
    What became of messages, in Redis, shared by all that ask it.

    It implements `safeses.typing.Ledger`. What has expired goes by itself;
    what is not settled never does. What it outlives depends on how Redis
    writes to disk.

    Attributes:
        server: Where Redis is asked.
        namespace: Whose events prove that events arrive. The names of
            jobs are made with it.
        engine: ``"redis"``.

    Raises:
        StoreError: Redis gives no answer, or has lost its data.
    """

    server: Server
    namespace: str = attrs.field(default="safeses", kw_only=True)
    engine: str = attrs.field(default="redis", init=False)

    def look_up(self, name: str) -> Found | None:
        """Return what is known of a job, None if nothing."""
        rows = self._rows()
        record = rows.get(name)
        if record is None:
            return None
        return _machine.found(_machine.as_of(record, rows.now), rows.now)

    def claim(self, job: Job, owner: str, lease_s: float) -> Claimed | Found:
        """Hold the job, if it is free; else say what keeps it."""
        record = new_record(job, owner)
        if self._is_added(record, lease_s):
            return Claimed(attempt=record.attempt)
        return super().claim(job, owner, lease_s)

    def submit(self, claim: Claim, lease_s: float) -> None:
        """
        Note, acknowledged, that the first byte is about to leave.

        Raises:
            InFlightError: Another call has claimed the job meanwhile.
            StoreError: The claim has vanished, or Redis gives no answer.
        """
        if claim.job is None:
            record = _machine.submit(None, claim, 0.0, 0.0, 0.0)
            if record is not None and self._is_added(record, lease_s):
                return
        else:
            rows = self._rows()
            values = (
                *held_by(claim),
                repr(lease_s),
                claim.recipients,
                json_of_each(claim.left_out),
            )
            if self.server.run(
                PART, "ledger_submit", rows_of(rows, claim.id), values
            ):
                return
        super().submit(claim, lease_s)

    def settle(self, claim: Claim, outcome: Outcome) -> None:
        """Record how the attempt ended, unless somebody else holds it."""
        if not self._is_settled_at_once(claim, outcome):
            super().settle(claim, outcome)

    def confirm(self, name: str, sent: Sent) -> bool:
        """Record that SES has accepted a message, as an event says."""
        if not sent.sent_at:
            return super().confirm(name, sent)
        rows = self._rows(checks=False)
        answer = self.server.run(
            PART,
            "ledger_confirm",
            (rows.proofs(), rows.job(name)),
            proof_of(sent.sent_at),
            again=True,
        )
        record = rows.take(name, answer)
        if record is None:
            return False
        after = _machine.accept(record, sent, rows.now)
        if after is record or rows.swap(name, record, after):
            return True
        return super().confirm(name, sent)

    def each_record(self) -> Iterator[tuple[Record, ...]]:
        """
        Yield what is known of every job, some at a time, in one pass.

        They are as `records` gives them, in no order, and one may come
        twice.
        """
        return map(self._as_given, self._rows().each())

    def after_fork(self) -> None:
        """Drop locks and handles of the parent; keep the records."""
        self.server.after_fork()

    def close(self) -> None:
        """Nothing to let go of; who gave the server closes it."""

    def _is_added(self, record: Record, lease_s: float) -> bool:
        rows = self._rows()
        added = self.server.run(
            PART,
            "ledger_add",
            rows_of(rows, record.id),
            (id_of(record.id), text_of(record), repr(lease_s)),
        )
        return bool(added)

    def _is_settled_at_once(self, claim: Claim, outcome: Outcome) -> bool:
        keys = rows_of(self._rows(), claim.id)
        held = held_by(claim)
        if claim.job is None:
            return isinstance(outcome, _KNOWN_OUTCOMES) and bool(
                self.server.run(
                    PART, "ledger_settle_unkeyed", keys, held, again=True
                )
            )
        sent = outcome.sent if isinstance(outcome, Accepted) else None
        if sent is None or not sent.sent_at:
            return False
        values = (*held, json_of(sent), repr(_machine.KEEP_S))
        done = self.server.run(PART, "ledger_accept", keys, values, again=True)
        return bool(done)

    def _change(
        self,
        name: str,
        change: Callable[[Record | None, float], Record | None],
    ) -> bool:
        """Replace a record by what becomes of it; say if there was one."""
        rows = self._rows(checks=False)
        while True:
            before = rows.get(name)
            after = change(before, rows.now)
            if after is before or rows.swap(name, before, after):
                return before is not None

    def _rows(self, *, checks: bool = True) -> RedisRows:
        return RedisRows(self.server, self.namespace, checks=checks)

    def _open(self) -> AbstractContextManager[Rows]:
        return contextlib.nullcontext(self._rows())

    def _now(self) -> float:
        return self._times()[0]

    def _wall(self) -> float:
        return self._times()[1]

    def _times(self) -> tuple[float, float]:
        now, wall = self.server.run(PART, "ledger_now", again=True)
        return float(now), float(wall)


def new_record(job: Job, owner: str) -> Record:
    """Return a job as it is first claimed, for ``ledger_add`` to date."""
    return _machine.claim(None, job, owner, 0.0, 0.0, 0.0)


def rows_of(rows: RedisRows, name: str) -> tuple[str, str]:
    """Return the keys that change with a record."""
    return rows.job(name), rows.open_jobs()


def held_by(claim: Claim) -> tuple[bytes, str, int]:
    """Return the arguments that say who holds what."""
    return id_of(claim.id), owner_of(claim.owner), claim.attempt
