"""
What people ask of a database, beside sending: is it sound, what is in it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from safeses._facts import key_of
from safeses._log import log
from safeses._state_notes import Note
from safeses.errors import StoreError
from safeses.sql._schema import FORMATS, formats_of
from safeses.sql._statements import statements
from safeses.sql._transaction import LostError, UndoneError

if TYPE_CHECKING:
    from safeses.sql._connection import Database
    from safeses.typing import Survives

PART: Final = "state"
SQL: Final = statements("checks.sql")
# A clock that is further off is one that nobody has set.
CLOCK_OFF_S: Final = 30.0
_MYSQL_MIN: Final = (8, 0, 4)
_MARIADB_MIN: Final = (10, 6, 1)
_POSTGRESQL_MIN: Final = 120_000
_SQLITE_MIN: Final = (3, 35, 0)
# For MariaDB 3 is no less than 1.
_FLUSHED: Final = frozenset({1, 3})
# Newer MariaDBs answer in words: NO_LOCK is a way to be read-only, too.
_WRITABLE: Final = frozenset({"0", "OFF"})
_PRIMARY: Final = "name the primary"


def check(database: Database) -> list[Note]:
    """Look whether the database can be relied on; make no tables."""
    try:
        formats = formats_of(database, PART)
        row = _look(database)
        found = _FOUND[database.engine](row)
        if formats.keys() >= FORMATS.keys():
            found += _tables(database)
        else:
            found.append(
                Note(
                    level="error",
                    text="tables are missing",
                    remedy="run safeses state init",
                )
            )
    except StoreError as error:
        return [Note(level="error", text=error.problem)]
    return [*found, *_clock(float(row[-1]))]


def survives(database: Database) -> Survives | None:
    """
    Return what records outlive, by the settings of the server.

    Warns in the log if a power cut takes some. None if it does not tell.
    """
    if database.engine == "sqlite":
        return "process"
    try:
        notes = _FOUND[database.engine](_look(database))
    except StoreError:
        return None
    risks = [note for note in notes if note.level == "warning"]
    for risk in risks:
        log.warning("%s: %s; %s", database.engine, risk.text, risk.remedy)
    return "process" if risks else "host"


def stats(database: Database) -> dict[str, int]:
    """
    Return how much there is of what, over all namespaces.

    Raises:
        StoreError: The database gives no answer.
    """
    found = database.rows(PART, SQL.stats, again=True)
    return {name: int(number) for name, number in found}


def charged(database: Database) -> dict[str, int]:
    """
    Return the recipients that each scope's quota holds.

    A scope whose name is kept as a hash is left out.

    Raises:
        StoreError: The database gives no answer.
    """
    found = database.rows(PART, SQL.charged, again=True)
    return {
        scope: int(number) for scope, number in found if key_of(scope) == scope
    }


def _look(database: Database) -> tuple[Any, ...]:
    try:
        with database.session(PART) as session:
            return session.rows(SQL.look)[0]
    except (LostError, UndoneError) as error:
        raise StoreError(PART, database.engine, str(error)) from None


def _postgresql(row: tuple[Any, ...]) -> list[Note]:
    text, number, is_standby, read_only, fsync, commit, _ = row
    notes = [_version(text, is_known=int(number) >= _POSTGRESQL_MIN)]
    if is_standby or read_only == "on":
        notes.append(_read_only())
    if fsync != "on":
        notes.append(_not_durable("fsync is off", "turn it on"))
    if commit == "off":
        notes.append(
            _not_durable(
                "synchronous_commit is off",
                "turn it on for this user: what can do without says so",
            )
        )
    if fsync == "on" and commit != "off":
        notes.append(_durable())
    return notes


def _mysql(row: tuple[Any, ...]) -> list[Note]:
    text, read_only, flush, _ = row
    least = _MARIADB_MIN if "mariadb" in str(text).lower() else _MYSQL_MIN
    notes = [_version(text, is_known=_numbers(text) >= least)]
    if str(read_only).upper() not in _WRITABLE:
        notes.append(_read_only())
    if int(flush) in _FLUSHED:
        notes.append(_durable())
    else:
        notes.append(
            _not_durable(
                f"innodb_flush_log_at_trx_commit is {flush}", "set it to 1"
            )
        )
    return notes


def _sqlite(row: tuple[Any, ...]) -> list[Note]:
    text = row[0]
    return [
        _version(text, is_known=_numbers(text) >= _SQLITE_MIN),
        Note(level="ok", text="a power cut may lose the last moments"),
    ]


_FOUND: Final = {
    "postgresql": _postgresql,
    "mysql": _mysql,
    "sqlite": _sqlite,
}


def _numbers(version: str) -> tuple[int, ...]:
    digits = version.partition("-")[0].split(".")
    return tuple(int(part) for part in digits if part.isdigit())


def _version(text: str, *, is_known: bool) -> Note:
    name = str(text).split(" on ")[0]
    if is_known:
        return Note(level="ok", text=f"version {name}")
    return Note(
        level="error",
        text=f"version {name} is too old",
        remedy="use PostgreSQL 12, MariaDB 10.6, MySQL 8, SQLite 3.35, or"
        " newer",
    )


def _read_only() -> Note:
    return Note(
        level="error",
        text="it is read-only, such as a standby",
        remedy=_PRIMARY,
    )


def _durable() -> Note:
    return Note(level="ok", text="a power cut loses no record of a mail")


def _not_durable(text: str, remedy: str) -> Note:
    return Note(
        level="warning",
        text=f"{text}: a power cut loses records of mails, which a repeated"
        " job then sends twice",
        remedy=remedy,
    )


def _clock(wall: float) -> list[Note]:
    off_s = wall - time.time()
    if abs(off_s) <= CLOCK_OFF_S:
        return []
    return [
        Note(
            level="warning",
            text=f"its clock and this machine's are {abs(off_s):.0f} s apart",
            remedy="set both by NTP; the database's decides",
        )
    ]


def _tables(database: Database) -> list[Note]:
    number = stats(database)["unknown"]
    if not number:
        return []
    return [
        Note(
            level="warning",
            text=f"unknown outcomes: {number}",
            remedy="see safeses unknown list",
        )
    ]
