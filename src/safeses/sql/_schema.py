"""
The tables, and which version of safeses understands them.

They are made at the first use, or by ``safeses state init``, which a user
with more rights may run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from safeses.errors import StoreError
from safeses.sql._statements import Statement, script, statements
from safeses.sql._transaction import LostError, NoTableError, UndoneError

if TYPE_CHECKING:
    from safeses.sql._connection import Database
    from safeses.sql._transaction import Transaction

SQL: Final = statements("state.sql")
# What this version writes. A part whose tables change gets the next number.
FORMATS: Final = {
    "budget": 1,
    "account": 1,
    "ledger": 1,
    "suppressions": 1,
    "seen": 1,
    "counters": 1,
    "soft_bounces": 1,
}
TRIES: Final = 3
# To make the tables may take longer than an act that a send waits for.
SETUP_S: Final = 10.0
# Two that make the same tables at once make PostgreSQL fail, so that it is
# one by one. MySQL commits each table by itself.
_BEFORE: Final = {
    "postgresql": (
        "begin",
        "set local statement_timeout = 0",
        "select pg_advisory_xact_lock(7310579)",
    ),
    "mysql": (),
    "sqlite": ("begin immediate",),
}
_MAKE: Final = (
    "there are no tables yet, and they cannot be made ({}): let a user who"
    " may run `safeses state init URL`"
)


@attrs.define
class Schema:
    """
    Whether the tables are there.

    Attributes:
        is_ready: Whether they are known to be, and to be understood.
    """

    is_ready: bool = attrs.field(default=False, init=False)

    def prepare(self, database: Database, part: str) -> None:
        """
        Make them if need be, and check them.

        Raises:
            StoreError: They cannot be made, or are of a newer safeses.
        """
        if not _are_known(database, part):
            create_schema(database, part)
        self.is_ready = True


def create_schema(database: Database, part: str = "state") -> None:
    """
    Make the tables that are missing; those that are there stay.

    Raises:
        StoreError: The user may not, or a newer safeses made them.
    """
    timeout_s = max(database.timeout_s, SETUP_S)
    for left in reversed(range(TRIES)):
        try:
            with database.session(part, timeout_s) as session:
                _make(session, _BEFORE[database.engine])
            break
        except (LostError, StoreError, UndoneError) as error:
            if left and isinstance(error, UndoneError):
                continue
            problem = error.problem if isinstance(error, StoreError) else error
            raise StoreError(
                part, database.engine, _MAKE.format(problem)
            ) from None
    _are_known(database, part)


def _make(session: Transaction, before: tuple[str, ...]) -> None:
    """Make all tables, in one transaction where that is possible."""
    for sql in before:
        session.say(sql)
    try:
        for number, sql in enumerate(script("schema.sql", session.engine)):
            session.execute(Statement(f"schema {number}", {"": sql}))
        for name, number in FORMATS.items():
            values = {"part": name, "format": number}
            session.execute(SQL.write_format, values)
        if before:
            session.say("commit")
    except StoreError:
        session.roll_back()
        raise


def formats_of(database: Database, part: str) -> dict[str, int]:
    """
    Return the format of each part; nothing if there are no tables.

    Raises:
        StoreError: There is no answer.
    """
    try:
        with database.session(part) as session:
            return dict(session.rows(SQL.read_formats))
    except NoTableError:
        return {}
    except (LostError, UndoneError) as error:
        raise StoreError(part, database.engine, str(error)) from None


def _are_known(database: Database, part: str) -> bool:
    """Whether all tables are there; refuse those that are newer."""
    found = formats_of(database, part)
    for name, number in found.items():
        known = FORMATS.get(name, number)
        if number > known:
            raise StoreError(
                name,
                database.engine,
                f"its tables are of format {number}, and this version of"
                f" safeses knows {known}: update safeses",
            )
    return found.keys() >= FORMATS.keys()
