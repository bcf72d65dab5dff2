"""
How many of what, in a SQLite file that processes share.

A count is added by one statement, so that nobody adds to what another has
changed meanwhile.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Final

import attrs

from safeses._counters import BUCKET_S, keyed_counts, oldest_kept
from safeses._facts import LATEST, check_instant, key_of
from safeses.sqlite._database import Database
from safeses.sqlite._statements import statements

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence

    from safeses.sqlite._joined import Joined

SQL: Final = statements("counters.sql")
PART: Final = "counters"
# At the first of so many calls some of what is too old is forgotten. The
# first of a process counts as well, as it may live for a few of them only.
FORGET_EVERY: Final = 256
# Others wait while a statement writes, so that none forgets more.
_FORGOTTEN_AT_ONCE: Final = 1_000
# Old SQLites take 999 values.
_NAMES_AT_ONCE: Final = 500


@attrs.define(eq=False)
class SqliteCounters:
    """
    How many of what, in a file shared by all that open it.

    It implements `safeses.typing.Counters`. A bucket is five minutes, and
    what is older than 31 days goes by itself. The names of one call are
    counted at once, or none of them.

    Attributes:
        database: The file, or its path; what shares a file shares one
            `Database` in a process.
        engine: ``"sqlite"``.

    Raises:
        StoreError: The file gives no answer: it is locked, full, gone.
    """

    _given: Database | Joined | str | os.PathLike[str] = attrs.field(
        alias="database", repr=False
    )
    database: Database | Joined = attrs.field(init=False)
    engine: str = attrs.field(default="sqlite", init=False)
    _calls: Iterator[int] = attrs.field(factory=count, init=False, repr=False)

    @database.default
    def _opened(self) -> Database | Joined:
        return Database.of(self._given)

    def add(self, scope: str, counts: Mapping[str, int], at: float) -> None:
        """
        Count what has happened.

        Raises:
            ConfigurationError: A count is negative, or *at* no instant.
        """
        keyed = keyed_counts(counts)
        oldest = oldest_kept(at, self.database.wall())
        if not keyed:
            return
        if not next(self._calls) % FORGET_EVERY:
            self._forget_some(oldest)
        scope_key, began = key_of(scope), int(at // BUCKET_S) * BUCKET_S
        rows = [(scope_key, name, began, number) for name, number in keyed]
        if len(rows) == 1:
            self.database.execute(PART, SQL.add, rows[0])
            return
        with self.database.transaction(PART) as connection:
            connection.executemany(SQL.add, rows)

    def totals(
        self,
        scope: str,
        names: Sequence[str],
        since: float,
        until: float | None = None,
    ) -> dict[str, int]:
        """
        Return how many of each of *names* happened, 0 included.

        Raises:
            ConfigurationError: *since* or *until* is no instant.
        """
        check_instant("since", since)
        until = LATEST if until is None else until
        check_instant("until", until)
        keys = {name: key_of(name) for name in names}
        unique = [*dict.fromkeys(keys.values())]
        span = (int(since // BUCKET_S) * BUCKET_S, until)
        found: dict[str, int] = {}
        for start in range(0, len(unique), _NAMES_AT_ONCE):
            chunk = unique[start : start + _NAMES_AT_ONCE]
            sql = SQL.totals.replace(":names", ", ".join("?" * len(chunk)))
            values = (key_of(scope), *chunk, *span)
            found.update(self.database.rows(PART, sql, values))
        return {name: found.get(key, 0) for name, key in keys.items()}

    def forget(self, before: float) -> None:
        """
        Forget the buckets that were over before.

        It takes many short transactions, between which others write.

        Raises:
            ConfigurationError: *before* is no instant.
        """
        check_instant("before", before)
        first = int(before // BUCKET_S)
        while self._forget_some(first) == _FORGOTTEN_AT_ONCE:
            pass

    def after_fork(self) -> None:
        """Let go of what belongs to the parent; the file stays."""
        self.database.after_fork()

    def close(self) -> None:
        """Close the file if it was given as a path; others may share it."""
        if self.database is not self._given:
            self.database.close()

    def _forget_some(self, first: int) -> int:
        """Forget what was before the first bucket to keep."""
        values = (first * BUCKET_S, _FORGOTTEN_AT_ONCE)
        return self.database.execute(PART, SQL.forget, values)
