"""
Who bounced lately, and not for good, in a SQLite file that processes share.

A bounce is noted and counted in one transaction, so that of those who race
to a limit one sees it reached. Who has nothing to clear only reads.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Final

import attrs

from safeses._facts import check_instant, key_of
from safeses._soft_bounces import FORGET_EVERY, MOST_OF_ONE, oldest_kept
from safeses.sqlite._database import Database
from safeses.sqlite._statements import statements

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    from safeses.sqlite._joined import Joined

SQL: Final = statements("soft_bounces.sql")
PART: Final = "soft bounces"
# Others wait while a statement writes, so that none forgets more.
_FORGOTTEN_AT_ONCE: Final = 1_000
# So many more of one address may be there, as to find the oldest of them
# each time would take longer than all the rest.
_SURPLUS: Final = 100
# Old SQLites take 999 values.
_ADDRESSES_AT_ONCE: Final = 500


@attrs.define(eq=False)
class SqliteSoftBounces:
    """
    Who bounced lately, in a file shared by all that open it.

    It implements `safeses.typing.SoftBounces`. What is older than 31 days
    goes by itself, in every namespace.

    Attributes:
        database: The file, or its path; what shares a file shares one
            `Database` in a process.
        namespace: Whose addresses they are; none sees another's.
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
    _calls: Iterator[int] = attrs.field(factory=count, init=False, repr=False)

    @database.default
    def _opened(self) -> Database | Joined:
        return Database.of(self._given)

    @_scope.default
    def _scope_of_namespace(self) -> str:
        return key_of(self.namespace)

    def add(self, address: str, event: str, at: float, since: float) -> int:
        """
        Note a bounce; return how many of *address* there are since *since*.

        Raises:
            ConfigurationError: *at* or *since* is no instant.
        """
        oldest = oldest_kept(at, self.database.wall())
        check_instant("since", since)
        if not next(self._calls) % FORGET_EVERY:
            self._forget_some(oldest)
        values = {
            "namespace": self._scope,
            "address": key_of(address),
            "event": key_of(event),
            "at": at,
            "since": since,
        }
        with self.database.transaction(PART) as connection:
            connection.execute(SQL.add, values)
            kept, number = connection.execute(SQL.both, values).fetchone()
            if kept >= MOST_OF_ONE + _SURPLUS:
                surplus = {**values, "surplus": kept - MOST_OF_ONE}
                connection.execute(SQL.drop_oldest, surplus)
                _, number = connection.execute(SQL.both, values).fetchone()
        return int(number)

    def count(self, address: str, since: float) -> int:
        """
        Return how many bounces of *address* there are since *since*.

        Raises:
            ConfigurationError: *since* is no instant.
        """
        check_instant("since", since)
        values = (self._scope, key_of(address), since)
        [[number]] = self.database.rows(PART, SQL.count, values)
        return int(number)

    def clear(self, addresses: Sequence[str], until: float) -> None:
        """
        Forget the bounces of *addresses* up to *until*, itself included.

        It writes only if there are any.

        Raises:
            ConfigurationError: *until* is no instant.
        """
        check_instant("until", until)
        keys = [*dict.fromkeys(map(key_of, addresses))]
        for start in range(0, len(keys), _ADDRESSES_AT_ONCE):
            chunk = keys[start : start + _ADDRESSES_AT_ONCE]
            places = ", ".join("?" * len(chunk))
            has, clear = (
                sql.replace(":addresses", places)
                for sql in (SQL.has, SQL.clear)
            )
            values = (self._scope, *chunk, until)
            if self.database.rows(PART, has, values):
                self.database.execute(PART, clear, values)

    def forget(self, before: float) -> None:
        """
        Forget all of this namespace that happened before.

        It takes many short transactions, between which others write.

        Raises:
            ConfigurationError: *before* is no instant.
        """
        check_instant("before", before)
        values = (self._scope, before, _FORGOTTEN_AT_ONCE)
        while (
            self.database.execute(PART, SQL.forget, values)
            == _FORGOTTEN_AT_ONCE
        ):
            pass

    def after_fork(self) -> None:
        """Let go of what belongs to the parent; the file stays."""
        self.database.after_fork()

    def close(self) -> None:
        """Close the file if it was given as a path; others may share it."""
        if self.database is not self._given:
            self.database.close()

    def _forget_some(self, oldest: float) -> None:
        values = (oldest, _FORGOTTEN_AT_ONCE)
        self.database.execute(PART, SQL.forget_everywhere, values)
