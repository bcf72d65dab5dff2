"""
Which events were handled, in a SQLite file that processes share.

Each act is one statement that carries its condition, so that of those who
race exactly one changes something.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Final

import attrs

from safeses._facts import check_seconds, key_of
from safeses.sqlite._database import Database
from safeses.sqlite._statements import statements

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from safeses.sqlite._joined import Joined

SQL: Final = statements("seen.sql")
PART: Final = "seen events"
# At the first of so many marks some of what is over is forgotten. The first
# of a process counts as well, as it may live for a few of them only.
PURGE_EVERY: Final = 256
# Others wait while a statement writes, so that none purges more.
_PURGED_AT_ONCE: Final = 1_000


@attrs.define(eq=False)
class SqliteSeenEvents:
    """
    Which events were handled, in a file shared by all that open it.

    It implements `safeses.typing.SeenEvents`. Whatever the wall clock
    does while the machine runs, a mark is kept for as long as was asked.

    Attributes:
        database: The file, or its path; what shares a file shares one
            `Database` in a process.
        namespace: Whose events they are; none sees another's.
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
    _scope: str = attrs.field(init=False, repr=False)
    _marks: Iterator[int] = attrs.field(factory=count, init=False, repr=False)

    @database.default
    def _opened(self) -> Database | Joined:
        return Database.of(self._given)

    @_scope.default
    def _scope_of_namespace(self) -> str:
        return key_of(self.namespace)

    def has(self, event: str, by: str) -> bool:
        """Whether *event* is marked as handled by *by*."""
        now = self.database.now()
        values = (self._scope, key_of(event), key_of(by), now)
        return bool(self.database.rows(PART, SQL.has, values))

    def mark(self, event: str, by: str, keep_s: float) -> bool:
        """
        Mark *event* as handled by *by*; of racing marks one is True.

        Raises:
            ConfigurationError: *keep_s* is not finite and above 0.
        """
        check_seconds("keep_s", keep_s)
        if not next(self._marks) % PURGE_EVERY:
            self._purge_some()
        now = self.database.now()
        values = {
            "namespace": self._scope,
            "event": key_of(event),
            "by": key_of(by),
            "now": now,
            "ends": now + keep_s,
        }
        return self.database.execute(PART, SQL.mark, values) == 1

    def hold(self, event: str, lease_s: float, owner: str) -> bool:
        """
        Take *event* for a while; of racing owners exactly one gets it.

        Raises:
            ConfigurationError: *lease_s* is not finite and above 0.
        """
        check_seconds("lease_s", lease_s)
        with self.database.transaction(PART) as connection:
            # It may have waited for the file until here.
            now = self.database.now()
            values = {
                "namespace": self._scope,
                "event": key_of(event),
                "owner": key_of(owner),
                "now": now,
                "ends": now + lease_s,
            }
            return connection.execute(SQL.hold, values).rowcount == 1

    def release(self, event: str, owner: str) -> None:
        """Let go of *event*, unless somebody else holds it by now."""
        values = (self._scope, key_of(event), key_of(owner))
        self.database.execute(PART, SQL.release, values)

    def purge(self) -> int:
        """
        Forget marks and leases that are over; say how many there were.

        It takes many short transactions, between which others write. What
        is over goes in every namespace.
        """
        purged = 0
        while True:
            gone = self._purge_some()
            purged += sum(gone)
            if max(gone) < _PURGED_AT_ONCE:
                return purged

    def after_fork(self) -> None:
        """Let go of what belongs to the parent; the file stays."""
        self.database.after_fork()

    def close(self) -> None:
        """Close the file if it was given as a path; others may share it."""
        if self.database is not self._given:
            self.database.close()

    def _purge_some(self) -> list[int]:
        values = (self.database.now(), _PURGED_AT_ONCE)
        return [
            self.database.execute(PART, sql, values)
            for sql in (SQL.purge_marks, SQL.purge_holds)
        ]
