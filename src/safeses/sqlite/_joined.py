"""
A part of a state within the transaction of the whole.

It begins and ends nothing. So what several parts change is written at
once, or not at all.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

from safeses.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager
    from types import TracebackType

    from safeses.sqlite._handle import Handle
    from safeses.typing import Clock

    Values = Sequence[object] | Mapping[str, object]


class Joined:
    """
    The interface of a `Database`, for use in its open transaction.

    Attributes:
        engine: ``"sqlite"``.
        path: The file.
        clock: Where the time comes from.
    """

    engine = "sqlite"

    def __init__(self, path: str, handle: Handle) -> None:
        self.path = path
        self.clock: Clock = handle.clock
        self._handle = handle

    def transaction(
        self, part: str
    ) -> AbstractContextManager[sqlite3.Connection]:
        """
        Join the transaction that this thread has open.

        Raises:
            StoreError: There is none, or SQLite failed within.
        """
        return _Joining(self._handle, part)

    def execute(
        self,
        part: str,
        sql: str,
        values: Values = (),
        *,
        looks: bool = True,  # noqa: ARG002  # who began the transaction did
    ) -> int:
        """Perform one statement that writes; return how many rows it did."""
        with _Joining(self._handle, part) as connection:
            return connection.execute(sql, values).rowcount

    def rows(
        self, part: str, sql: str, values: Values = ()
    ) -> list[tuple[Any, ...]]:
        """Return all rows of one statement that reads."""
        with _Joining(self._handle, part) as connection:
            return connection.execute(sql, values).fetchall()

    def now(self) -> float:
        """Return the file's time in seconds."""
        return self._handle.now()

    def wall(self) -> float:
        """Return the wall clock in seconds since 1970, UTC."""
        return self.clock.time()

    def joined(self) -> Joined:
        """Return itself."""
        return self

    def after_fork(self) -> None:
        """Begin anew in a child."""
        self._handle.after_fork()

    def close(self) -> None:
        """Do nothing: the file is closed by who opened it."""


class _Joining:
    """Tells what fails; commits nothing."""

    __slots__ = ("_handle", "_part")

    def __init__(self, handle: Handle, part: str) -> None:
        self._handle, self._part = handle, part

    def __enter__(self) -> sqlite3.Connection:
        connection = self._handle.open_transaction()
        if connection is None:
            problem = "no transaction is open in this thread to join"
            raise StoreError(self._part, "sqlite", problem)
        return connection

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, (sqlite3.Error, OSError)):
            raise self._handle.problem_of(self._part, error) from error
