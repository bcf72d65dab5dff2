"""
Recipients by the minute, in a table.

The minute that is charged now, and the total of all, stand in the row of
the scope, which is written for every slot anyhow. So a minute costs one
row when the next one begins, and no sum is read for a send.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import attrs

from safeses.sql._statements import statements

if TYPE_CHECKING:
    from collections.abc import Mapping

    from safeses.sql._connection import Database
    from safeses.sql._statements import Statement

SQL: Final = statements("budget.sql")


class Table(Protocol):
    """Where the minutes are: a transaction, or a look at them."""

    def rows(
        self, statement: Statement, values: Mapping[str, Any]
    ) -> list[tuple[Any, ...]]:
        """Return the rows of a statement."""

    def execute(
        self, statement: Statement, values: Mapping[str, Any]
    ) -> object:
        """Perform a statement that writes."""


@attrs.define
class Look:
    """
    A look at the minutes: what would be written is left out.

    Attributes:
        database: Where they are.
        part: Who asks.
    """

    database: Database
    part: str

    def rows(
        self, statement: Statement, values: Mapping[str, Any]
    ) -> list[tuple[Any, ...]]:
        """Return the rows of a statement."""
        return self.database.rows(self.part, statement, values, again=True)

    def execute(
        self, statement: Statement, values: Mapping[str, Any]
    ) -> object:
        """Leave it out."""


@attrs.define
class TableRing:
    """
    The minutes of one scope; lives as long as one act.

    Attributes:
        table: Where they are.
        scope: Whose minutes.
        total: The recipients of all minutes that count.
        oldest: All before this minute is forgotten; None if nobody knows.
        newest: The minute that is charged, None if there is none.
        newest_count: Its recipients, which are not in the table yet.
    """

    table: Table
    scope: str
    total: int = 0
    oldest: int | None = None
    newest: int | None = None
    newest_count: int = 0

    def charge(self, minute: int, count: int) -> int:
        """Add to *minute*, or to a later one if there is; return which."""
        if self.newest is None or self.newest < minute:
            if self.newest_count:
                self._write(
                    SQL.put_minute, self.newest, count=self.newest_count
                )
            self.newest, self.newest_count = minute, 0
        self.newest_count += count
        self.total += count
        return self.newest

    def give_back(self, minute: int, count: int) -> None:
        """Take off *minute* what it still holds, *count* at most."""
        if minute == self.newest:
            returned = min(count, self.newest_count)
            self.newest_count -= returned
        else:
            found = self._rows(SQL.held_in_minute, minute)
            returned = min(count, found[0][0]) if found else 0
            if returned:
                self._write(SQL.take_off_minute, minute, count=returned)
        self.total -= returned

    def expire(self, oldest: int) -> None:
        """Forget the minutes before *oldest*."""
        if self.oldest is not None and self.oldest >= oldest:
            return
        self.total -= self._take(SQL.sum_before, SQL.delete_before, oldest)
        if self.newest is not None and self.newest < oldest:
            self.total -= self.newest_count
            self.newest, self.newest_count = None, 0
        self.oldest = oldest

    def fold(self, newest: int) -> None:
        """Move to *newest* what later minutes hold."""
        self.oldest = None
        if self.newest is None or self.newest <= newest:
            return
        self.newest_count += self._take(
            SQL.sum_since, SQL.delete_since, newest
        )
        self.newest = newest

    def minute_that_frees(self, need: float) -> int | None:
        """Return with which minute the oldest hold *need*, None if never."""
        freed = 0
        # The quota has forgotten what is older, and looks may still see it.
        for minute, count in self._rows(SQL.minutes, self.oldest or 0):
            freed += count
            if freed >= need:
                return int(minute)
        return self.newest if freed + self.newest_count >= need else None

    def _take(self, total: Statement, delete: Statement, minute: int) -> int:
        """Delete minutes; return what they held."""
        [(count,)] = self._rows(total, minute)
        # Without a look at the count: what was given back leaves a row of 0.
        self._write(delete, minute)
        return int(count)

    def _rows(self, statement: Statement, minute: int) -> Any:
        values = {"scope": self.scope, "minute": minute}
        return self.table.rows(statement, values)

    def _write(
        self, statement: Statement, minute: int | None, **more: int
    ) -> None:
        values = {"scope": self.scope, "minute": minute, **more}
        self.table.execute(statement, values)
