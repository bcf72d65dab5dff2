"""What all parts of the state do alike with their database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from safeses.sql._connection import Database

if TYPE_CHECKING:
    import sqlalchemy


@attrs.define(eq=False)
class SqlPart:
    """
    A part of the state whose facts are in a database.

    Attributes:
        database: Where they are, or its URL, or an engine of SQLAlchemy;
            what shares a database shares one `Database` in a process.
        engine: Which database it is, such as ``"postgresql"``.
    """

    _given: Database | str | sqlalchemy.Engine = attrs.field(
        alias="database", repr=False
    )
    database: Database = attrs.field(init=False, repr=False)
    engine: str = attrs.field(init=False)

    @database.default
    def _opened(self) -> Database:
        return Database.of(self._given)

    @engine.default
    def _engine_of_database(self) -> str:
        return self.database.engine

    def after_fork(self) -> None:
        """Let go of what belongs to the parent; the facts stay."""
        self.database.after_fork()

    def close(self) -> None:
        """Close the database, unless it was given as one; idempotent."""
        if self.database is not self._given:
            self.database.close()
