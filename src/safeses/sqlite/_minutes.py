"""
Recipients by the minute, in a table.

The minute that is charged now, and the total of all, stand in the row of
the scope, which is written for every slot anyhow. So a minute costs one
row when the next one begins, and no sum is read for a send.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from safeses.sqlite._statements import statements

if TYPE_CHECKING:
    import sqlite3

SQL: Final = statements("budget.sql")


@attrs.define
class TableRing:
    """
    The minutes of one scope; lives as long as one transaction.

    Attributes:
        connection: In a transaction that writes.
        scope: Whose minutes.
        total: The recipients of all minutes that count.
        oldest: All before this minute is forgotten; None if nobody knows.
        newest: The minute that is charged, None if there is none.
        newest_count: Its recipients, which are not in the table yet.
    """

    connection: sqlite3.Connection
    scope: str
    total: int = 0
    oldest: int | None = None
    newest: int | None = None
    newest_count: int = 0

    def charge(self, minute: int, count: int) -> int:
        """Add to *minute*, or to a later one if there is; return which."""
        if self.newest is None or self.newest < minute:
            if self.newest_count:
                self.connection.execute(
                    SQL.put_minute,
                    (self.scope, self.newest, self.newest_count),
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
            found = self.connection.execute(
                SQL.held_in_minute, (self.scope, minute)
            ).fetchone()
            returned = min(count, found[0]) if found else 0
            if returned:
                self.connection.execute(
                    SQL.take_off_minute, (returned, self.scope, minute)
                )
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
        for minute, count in self.connection.execute(
            SQL.minutes, (self.scope,)
        ):
            freed += count
            if freed >= need:
                return int(minute)
        return self.newest if freed + self.newest_count >= need else None

    def _take(self, total: str, delete: str, minute: int) -> int:
        """Delete minutes; return what they held."""
        values = (self.scope, minute)
        (count,) = self.connection.execute(total, values).fetchone()
        # Without a look at the count: what was given back leaves a row of 0.
        self.connection.execute(delete, values)
        return int(count)
