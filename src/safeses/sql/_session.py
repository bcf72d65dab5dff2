"""
What a session is set up with, so that our statements can rely on it.

Nothing that counts is left in a session of PostgreSQL, so that a pooler
such as pgbouncer may hand each transaction to another one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import attrs

if TYPE_CHECKING:
    import sqlalchemy

# libpq takes no less.
_CONNECT_MIN_S: Final = 2
# A statement that waits for a lock is ended by the server, before the
# connection is: that says nothing against the server.
_STATEMENT_SHARE: Final = 0.8
# A transaction is a few statements; one that pauses has lost its client.
_PAUSE_S: Final = 5
_MYSQL_IDLE_S: Final = 60
_MYSQL_MODE: Final = "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION"
# Parameters at the start of a session are what older poolers refuse.
REFUSED: Final = "unsupported startup parameter"


@attrs.define(eq=False)
class Session:
    """
    Sets sessions up.

    Attributes:
        timeout_s: The bound on each act.
        may_set: Whether parameters may be given at the start.
    """

    timeout_s: float
    may_set: bool = True

    def settings(self, dialect: sqlalchemy.Dialect) -> dict[str, Any]:
        """Return arguments of the driver, beside those in the URL."""
        wait_s = max(_CONNECT_MIN_S, math.ceil(self.timeout_s))
        if dialect.name == "sqlite":
            return {"timeout": self.timeout_s}
        settings: dict[str, Any] = {}
        if dialect.driver in {"psycopg", "psycopg2"}:
            settings = {"connect_timeout": wait_s}
            if self.may_set:
                wait_ms = math.ceil(self._statement_s * 1_000)
                settings["options"] = (
                    f"-c statement_timeout={wait_ms}"
                    r" -c default_transaction_isolation=read\ committed"
                )
        elif dialect.driver == "pymysql":
            settings = {
                "connect_timeout": wait_s,
                "read_timeout": wait_s,
                "write_timeout": wait_s,
            }
        return settings

    def prepare(self, dialect: sqlalchemy.Dialect, connection: Any) -> None:
        """Set a new connection up; each act begins and ends by itself."""
        dialect.set_isolation_level(connection, "AUTOCOMMIT")
        if hasattr(connection, "prepare_threshold"):
            # A prepared statement lives in one session of the server.
            connection.prepare_threshold = None
        cursor = connection.cursor()
        try:
            for sql in self._first(dialect):
                cursor.execute(sql)
        finally:
            cursor.close()

    def _first(self, dialect: sqlalchemy.Dialect) -> list[str]:
        if dialect.name == "sqlite":
            wait_ms = math.ceil(self.timeout_s * 1_000)
            return [
                f"pragma busy_timeout = {wait_ms}",
                "pragma journal_mode = wal",
                "pragma synchronous = normal",
            ]
        if dialect.name == "mysql":
            wait_s = max(1, math.ceil(self.timeout_s))
            idle_s = idle_limit_s(self.timeout_s)
            limit_s = self._statement_s
            # A host that died within a transaction holds its locks until
            # the server ends it. MariaDB reads the first comment, and
            # MySQL, which limits only whole sessions, the second.
            settings = (
                f"set session sql_mode = '{_MYSQL_MODE}',"
                " session time_zone = '+00:00',"
                f" session innodb_lock_wait_timeout = {wait_s}"
                f" /*M!100300 , session max_statement_time = {limit_s:.3f},"
                f" session idle_transaction_timeout = {idle_s} */"
                f" /*!80000 , session wait_timeout = {_MYSQL_IDLE_S} */"
            )
            return [
                settings,
                "set session transaction isolation level read committed",
            ]
        return []

    @property
    def _statement_s(self) -> float:
        """After how long a server that is well ends a statement itself."""
        return _STATEMENT_SHARE * self.timeout_s


def idle_limit_s(timeout_s: float) -> int:
    """Return after how many seconds of silence a transaction is over."""
    return max(_PAUSE_S, math.ceil(timeout_s))
