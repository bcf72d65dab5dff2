"""
Databases for the parts of the state in SQL, cleared for each test.

To make the tables takes longer than most of the tests, so that all of a
run share them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest
from tests.engines import run_sql

from safeses.sql._connection import Database
from safeses.sql._dialects import EPOCH_S
from safeses.sql._statements import Statement
from safeses.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from safeses.typing import Clock

PREFIX: Final = "parts"
TABLES: Final = (
    "parts_counters",
    "parts_ledger",
    "parts_ledger_proofs",
    "parts_seen",
    "parts_seen_holds",
    "parts_soft_bounces",
    "parts_suppression_lists",
    "parts_suppressions",
)
# As arguments of a fixture.
FILE: Final = [pytest.param("sqlite", marks=pytest.mark.race)]
SERVERS: Final = [
    pytest.param("postgresql", marks=pytest.mark.server),
    pytest.param("mariadb", marks=pytest.mark.server),
]
DIALECTS: Final = [*FILE, *SERVERS]
in_a_file: Final = pytest.mark.parametrize("database", FILE, indirect=True)
# A contract is hundreds of tests, and the same statements pass it in a file.
on_servers: Final = pytest.mark.parametrize(
    "database",
    [
        pytest.param(name, marks=[pytest.mark.server, pytest.mark.long])
        for name in ("postgresql", "mariadb")
    ],
    indirect=True,
)
# A machine that is busy with other tests is no failure of ours.
TIMEOUT_S: Final = 10.0


class Exact(Database):
    """
    In the time of a test, as small numbers: a slot of 2 ms is exact.

    Attributes:
        ahead_s: How far its time is ahead of the monotonic clock.
    """

    ahead_s = 0.0

    def __init__(self, url: str, **settings: Any) -> None:
        super().__init__(url, clock=FakeClock(), **settings)

    def go_by(self, clock: Clock) -> None:
        """Take the time from *clock*."""
        self.clock = clock
        self.ahead_s = clock.time() - clock.monotonic() - EPOCH_S

    def _times(self) -> dict[str, float]:
        now = self.clock.monotonic() + self.ahead_s
        return {"now": now, "wall": self.clock.time()}


def cleared(
    request: pytest.FixtureRequest, name: str, path: Path, clock: Clock | None
) -> Database:
    """Return a database with empty tables; who asks for it closes it."""
    fixtures = {
        "postgresql": "postgres_database",
        "mariadb": "mariadb_database",
    }
    url = (
        f"sqlite+pysqlite:///{path / 'mail.db'}"
        if name == "sqlite"
        else request.getfixturevalue(fixtures[name])
    )
    database = Database(url, clock=clock, prefix=PREFIX, timeout_s=TIMEOUT_S)
    database.prepare()
    if name != "sqlite":
        run_sql(url, *map("delete from {}".format, TABLES))
    return database


def asked(database: Database, sql: str, **values: Any) -> list[Any]:
    """Return what the database itself answers; tables stand as ``{t}``."""
    text = sql.replace("{t}", f"{database.prefix}_")
    return database.rows("test", Statement("asked", {"": text}), values)


def said(database: Database, sql: str, **values: Any) -> int:
    """Change something behind the back of the parts."""
    text = sql.replace("{t}", f"{database.prefix}_")
    return database.execute("test", Statement("said", {"": text}), values)


def recorded(database: Database) -> list[str]:
    """Return the names of all statements from here on, and transactions."""
    names: list[str] = []

    def record(act: Callable[..., Any], *, is_named: bool) -> Any:
        def run(part: str, what: Any, *values: Any, **settings: Any) -> Any:
            names.append(what.name if is_named else "transaction")
            return act(part, what, *values, **settings)

        return run

    for name, is_named in (
        ("execute", True),
        ("rows", True),
        ("in_transaction", False),
    ):
        act = record(getattr(database, name), is_named=is_named)
        setattr(database, name, act)
    return names
