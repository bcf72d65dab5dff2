"""
What is asked within one act, and what comes of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs

from safeses.errors import StoreError
from safeses.sql._dialects import RELAXED, expanded
from safeses.sql._problems import in_words, is_no_table, is_undone

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import sqlalchemy

    from safeses.sql._statements import Statement
    from safeses.sql._watchdog import Act

    Values = Mapping[str, Any]

T = TypeVar("T")

NOTHING: Final[Mapping[str, Any]] = {}


class LostError(Exception):
    """The connection is gone; what was asked may have been done."""


class UndoneError(Exception):
    """Others undid it: a deadlock, or a row that they changed."""


class NoTableError(StoreError):
    """A table is missing."""


@attrs.define(eq=False)
class Texts:
    """
    Statements as a driver wants them, each made once.

    Attributes:
        engine: Whose SQL.
        prefix: How the names of tables begin.
        times: What `:now` and `:wall` are; None leaves both to the engine.
    """

    engine: str
    prefix: str
    times: Callable[[], dict[str, float]] | None
    _made: dict[tuple[Statement, bool], tuple[str, list[str] | None]] = (
        attrs.field(factory=dict, init=False)
    )

    def text(
        self,
        statement: Statement,
        values: Values,
        dialect: sqlalchemy.Dialect,
        *,
        is_relaxed: bool = False,
    ) -> tuple[str, Any]:
        """Return the text of a statement, and its values."""
        made = self._made.get((statement, is_relaxed))
        if made is None:
            made = self._compiled(statement, dialect, is_relaxed=is_relaxed)
            self._made[statement, is_relaxed] = made
        if self.times is not None:
            values = {**values, **self.times()}
        sql, order = made
        if order is None:
            return sql, values
        return sql, [values[name] for name in order]

    def _compiled(
        self,
        statement: Statement,
        dialect: sqlalchemy.Dialect,
        *,
        is_relaxed: bool,
    ) -> tuple[str, list[str] | None]:
        import sqlalchemy

        sql = expanded(
            statement.text(self.engine),
            self.engine,
            self.prefix,
            has_own_time=self.times is None,
        )
        if is_relaxed and self.engine == "postgresql":
            sql += RELAXED
        compiled: Any = sqlalchemy.text(sql).compile(dialect=dialect)
        return str(compiled), getattr(compiled, "positiontup", None)


@attrs.define(eq=False)
class Transaction:
    """
    A connection for the time of one act; each call is one round trip.

    Attributes:
        part: Who asks.
        is_usable: Whether the connection is fit for others afterwards.
    """

    part: str
    is_usable: bool = attrs.field(default=True, init=False)
    _lent: sqlalchemy.PoolProxiedConnection
    _dialect: sqlalchemy.Dialect
    _texts: Texts
    _act: Act
    _timeout_s: float

    @property
    def engine(self) -> str:
        """Whose SQL it takes."""
        return self._texts.engine

    def rows(
        self, statement: Statement, values: Values = NOTHING
    ) -> list[tuple[Any, ...]]:
        """
        Return the rows of a statement.

        Raises:
            StoreError: It failed; the transaction is undone.
        """
        sql, given = self._texts.text(statement, values, self._dialect)
        return self._performed(
            sql, given, lambda cursor: list(map(tuple, cursor.fetchall()))
        )

    def execute(
        self,
        statement: Statement,
        values: Values = NOTHING,
        *,
        is_durable: bool = True,
    ) -> int:
        """
        Perform a statement that writes; return how many rows it matched.

        Args:
            statement: What is done; without ``returning``.
            values: What it is about.
            is_durable: Whether to wait for the disk, where the statement
                stands for itself.

        Raises:
            StoreError: It failed; the transaction is undone.
        """
        sql, given = self._texts.text(
            statement, values, self._dialect, is_relaxed=not is_durable
        )
        return self._performed(sql, given, lambda cursor: int(cursor.rowcount))

    def answered(
        self, statement: Statement, values: Values = NOTHING
    ) -> int | None:
        """
        Return what a statement gave to ``last_insert_id`` of MySQL.

        Returns:
            None if it matched no row.

        Raises:
            StoreError: It failed; the transaction is undone.
        """
        sql, given = self._texts.text(statement, values, self._dialect)
        return self._performed(
            sql,
            given,
            lambda cursor: int(cursor.lastrowid) if cursor.rowcount else None,
        )

    def say(self, sql: str) -> None:
        """Perform what has neither values nor an answer."""
        self._performed(sql, None, lambda _: None)

    def roll_back(self) -> None:
        """Undo the transaction; if that fails, the connection ends it."""
        try:
            self.say("rollback")
        except (LostError, StoreError, UndoneError):
            self.is_usable = False

    def _performed(
        self, sql: str, values: Any, answer: Callable[[Any], T]
    ) -> T:
        usable, self.is_usable = self.is_usable, False
        cursor = self._lent.cursor()
        try:
            if values is None:
                cursor.execute(sql)
            else:
                cursor.execute(sql, values)
            found = answer(cursor)
        except Exception as error:  # noqa: BLE001  # of any driver
            # Its text may hold addresses, so it goes no further.
            raise self._failure(error, usable=usable) from None
        finally:
            cursor.close()
        self.is_usable = usable
        return found

    def _failure(self, error: Exception, *, usable: bool) -> Exception:
        if self._act.is_late:
            return LostError(f"no answer within {self._timeout_s:g} s")
        if isinstance(
            error, self._dialect.loaded_dbapi.Error
        ) and self._dialect.is_disconnect(
            error, self._lent.dbapi_connection, None
        ):
            return LostError("the connection was lost")
        self.is_usable = usable
        if is_undone(error):
            return UndoneError(in_words(error))
        kind = NoTableError if is_no_table(error) else StoreError
        return kind(self.part, self.engine, in_words(error))
