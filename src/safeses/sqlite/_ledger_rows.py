"""
Records of the ledger as rows of a table.

Which columns a record has is the same for every database, and stands in
`safeses.ledger`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from safeses.errors import StoreError
from safeses.ledger import _columns
from safeses.ledger._rows import MINUTE_S, PROOF_KEEP_MINUTES
from safeses.sqlite._statements import statements

if TYPE_CHECKING:
    import sqlite3

    from safeses._job import Record

    Row = tuple[Any, ...]

PART: Final = "ledger"
SQL: Final = statements("ledger.sql")
# What no page needs, and what SQLite takes as a number.
LIMIT_MAX: Final = 2**31


@attrs.define(eq=False)
class SqliteRows:
    """
    Records, within one transaction, which nobody else can be in.

    So what was read is what is replaced, and every swap succeeds.
    """

    connection: sqlite3.Connection
    namespace: str

    def get(self, name: str) -> Record | None:
        """Return the record of a job."""
        if not is_text(name):
            return None
        row = self.connection.execute(SQL.get, (name,)).fetchone()
        return None if row is None else record_of(row)

    def swap(
        self, name: str, before: Record | None, after: Record | None
    ) -> bool:
        """Replace the record; it is still *before*."""
        if after is not None:
            self._run(SQL.put, row_of(after))
        elif before is not None:
            self._run(SQL.forget, (name,))
        return True

    def unsettled(self, after: str, limit: int, now: float) -> list[Record]:
        """Return records that are unknown, or that a lease has left so."""
        values = {"after": after, "limit": min(limit, LIMIT_MAX), "now": now}
        return [record_of(row) for row in self._run(SQL.unsettled, values)]

    def all(self, after: str, limit: int) -> list[Record]:
        """Return records of every state, in the order of their ids."""
        values = {"after": after, "limit": min(limit, LIMIT_MAX)}
        return [record_of(row) for row in self._run(SQL.every, values)]

    def note_proof(self, sent_at: float) -> None:
        """Note that an event of mail that was sent then has arrived."""
        minute = int(sent_at // MINUTE_S)
        noted = self._run(SQL.note_proof, (self.namespace, minute, sent_at))
        if noted.rowcount:
            keep = {"namespace": self.namespace, "keep": PROOF_KEEP_MINUTES}
            self._run(SQL.forget_proof, keep)

    def has_proof(self, since: float, until: float) -> bool:
        """Whether an event of mail that was sent meanwhile has arrived."""
        minutes = int(since // MINUTE_S), int(until // MINUTE_S)
        found = self._run(SQL.has_proof, (self.namespace, *minutes, since))
        return found.fetchone() is not None

    def purge(self, now: float, limit: int | None = None) -> int:
        """Forget what has expired, *limit* at most; say how many."""
        most = LIMIT_MAX if limit is None else limit
        return self._run(SQL.purge, (now, most)).rowcount

    def _run(self, sql: str, values: Any) -> sqlite3.Cursor:
        try:
            return self.connection.execute(sql, values)
        except (OverflowError, UnicodeEncodeError):
            raise no_column_takes_it() from None


def row_of(record: Record) -> Row:
    """Return the columns of *record*, in the order of the statements."""
    return _columns.row_of(record)


def record_of(row: Row) -> Record:
    """
    Return the record that *row* holds.

    Raises:
        StoreError: It is none: somebody else has written there.
    """
    try:
        return _columns.record_of(row)
    except (AttributeError, TypeError, ValueError):
        raise StoreError(
            PART,
            "sqlite",
            "a row of safeses_ledger is no record of this version; install"
            " the newest safeses, or restore the file",
        ) from None


def is_text(name: str) -> bool:
    """Whether SQLite can hold *name*: it takes no lone surrogates."""
    if name.isascii():
        return True
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def no_column_takes_it() -> StoreError:
    """Return what to raise for a value that SQLite cannot hold."""
    return StoreError(
        PART,
        "sqlite",
        "a name or number of the record is none that SQLite takes: a lone"
        " surrogate, or more than 64 bits",
    )
