"""
The format of the file: one number, and how an older one becomes it.

A process may use a file whose format is one newer than it knows, so that
a new release is rolled out while the old one still runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from safeses.errors import StoreError
from safeses.sqlite._statements import script

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

FORMAT: Final = 1
# From each older format, the statements that lead to the next.
UPGRADES: Final[Mapping[int, Sequence[str]]] = {}

_NAMES: Final = "select name from sqlite_master where type = 'table'"
_READ: Final = "select number from safeses_format where part = 'file'"
_WRITE: Final = (
    "insert into safeses_format (part, number) values ('file', ?)"
    " on conflict (part) do update set number = excluded.number"
)


def format_of(connection: sqlite3.Connection) -> int:
    """Return the format of the file, 0 for an empty one."""
    tables = {row[0] for row in connection.execute(_NAMES)}
    if "safeses_format" in tables:
        row = connection.execute(_READ).fetchone()
        if row is not None:
            number: int = row[0]
            return number
    elif tables:
        raise StoreError(
            "state", "sqlite", "the file holds tables of others: name another"
        )
    return 0


def prepare(
    connection: sqlite3.Connection,
    *,
    known: int = FORMAT,
    upgrades: Mapping[int, Sequence[str]] = UPGRADES,
) -> None:
    """
    Make the tables, or bring them to the known format.

    Call it within a transaction that writes.

    Raises:
        StoreError: The file is of a release that is too new, or not ours.
    """
    there = format_of(connection)
    if there > known + 1:
        raise StoreError(
            "state",
            "sqlite",
            f"the file has format {there}, and this safeses knows {known}:"
            f" install a release of safeses that knows format {there - 1}"
            " or newer",
        )
    if there > known:
        return
    for number in range(there or known, known):
        for sql in upgrades[number]:
            connection.execute(sql)
    for sql in script("schema.sql"):
        connection.execute(sql)
    if there != known:
        connection.execute(_WRITE, (known,))
