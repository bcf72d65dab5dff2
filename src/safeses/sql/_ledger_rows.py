"""
Records of the ledger as rows of a table.

Which columns a record has is the same for every database, and stands in
`safeses.ledger`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from safeses._facts import key_of
from safeses.errors import StoreError
from safeses.ledger import _columns
from safeses.ledger._rows import MINUTE_S
from safeses.sql._statements import statements

if TYPE_CHECKING:
    from safeses._job import Record
    from safeses.sql._statements import Statement
    from safeses.sql._transaction import Transaction

    Row = tuple[Any, ...]

PART: Final = "ledger"
SQL: Final = statements("ledger.sql")
# What no page needs, and what every engine takes as a number.
LIMIT_MAX: Final = 2**31 - 1


@attrs.define(eq=False)
class SqlRows:
    """
    Records, within one transaction.

    Who reads a record locks it, so that what was read is what is replaced.
    Only of one that is not there yet somebody else may be the first.
    """

    transaction: Transaction
    scope: str
    engine: str

    def get(self, name: str) -> Record | None:
        """Return the record of a job, which nobody else then changes."""
        if not is_name(name):
            return None
        rows = self.transaction.rows(SQL.lock, {"id": name})
        return self._record(rows[0]) if rows else None

    def swap(
        self, name: str, before: Record | None, after: Record | None
    ) -> bool:
        """Replace the record; say no if somebody else was the first."""
        run = self.transaction.execute
        if after is None:
            return before is None or run(SQL.forget, {"id": name}) > 0
        values = values_of(after, self.engine)
        statement = SQL.add if before is None else SQL.replace
        return run(statement, values) > 0

    def unsettled(self, after: str, limit: int, now: float) -> list[Record]:
        """Return records that are unknown, or that a lease has left so."""
        return self._page(SQL.unsettled, after, limit, {"over": now})

    def all(self, after: str, limit: int) -> list[Record]:
        """Return records of every state, in the order of their ids."""
        return self._page(SQL.all, after, limit, {})

    def note_proof(self, sent_at: float) -> None:
        """
        Do nothing: it was noted before, by a statement of its own.

        All events of a minute meet in one row, which nobody should keep
        locked for as long as a transaction.
        """

    def has_proof(self, since: float, until: float) -> bool:
        """Whether an event of mail that was sent meanwhile has arrived."""
        values = {
            "namespace": self.scope,
            "first": int(since // MINUTE_S),
            "last": int(until // MINUTE_S),
            "since": since,
        }
        return bool(self.transaction.rows(SQL.has_proof, values))

    def purge(self, now: float, limit: int | None = None) -> int:
        """Forget what has expired, *limit* at most; say how many."""
        most = LIMIT_MAX if limit is None else limit
        return self.transaction.execute(SQL.purge, {"over": now, "most": most})

    def _page(
        self,
        statement: Statement,
        after: str,
        limit: int,
        values: dict[str, Any],
    ) -> list[Record]:
        if after and not is_name(after):
            # No record is behind it, and some engines do not take it.
            return []
        most = min(limit, LIMIT_MAX)
        rows = self.transaction.rows(
            statement, {**values, "after": after, "most": most}
        )
        return [self._record(row) for row in rows]

    def _record(self, row: Row) -> Record:
        return record_of(row, self.engine)


def is_name(text: str) -> bool:
    """
    Whether *text* can name a job or who holds it.

    Names are made by us, of few characters. Every engine keeps these and
    tells them apart; of others there is no record.
    """
    return key_of(text) == text


def values_of(record: Record, engine: str) -> dict[str, Any]:
    """
    Return the columns of *record* by name.

    Raises:
        StoreError: It has a name that no engine keeps as it is.
    """
    if not (is_name(record.id) and is_name(record.owner)):
        raise StoreError(
            PART,
            engine,
            "a name in the record is none that every database takes: use"
            " up to 255 characters of ASCII",
        )
    row = _columns.row_of(record)
    columns = dict(zip(_columns.COLUMNS, row, strict=True))
    columns["payload"] = _plain(record.payload)
    columns["reason"] = _plain(record.reason)
    return columns


def record_of(row: Row, engine: str) -> Record:
    """
    Return the record that *row* holds, behind the time.

    Raises:
        StoreError: It is none: somebody else has written there.
    """
    _, *columns = row
    try:
        return _columns.record_of(columns)
    except (AttributeError, TypeError, ValueError):
        raise StoreError(
            PART,
            engine,
            "a row of the ledger is no record of this version; install the"
            " newest safeses, or restore the table",
        ) from None


def _plain(text: str) -> str:
    """Return *text* without what no column takes."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-8", "replace").decode().replace("\0", "?")
