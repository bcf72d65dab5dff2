"""
What people ask of a file, beside sending: is it sound, what is in it.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

from safeses._budget._quota import MINUTE_S, MINUTES
from safeses._state_notes import Note
from safeses.errors import StoreError
from safeses.sqlite._connection import LOG_MAX_BYTES
from safeses.sqlite._statements import statements

if TYPE_CHECKING:
    from safeses.sqlite._database import Database
    from safeses.typing import Survives

PART: Final = "state"
SQL: Final = statements("care.sql")
# A log that stays so long is held by somebody who reads.
LOG_LONG_BYTES: Final = 4 * LOG_MAX_BYTES
FREE_MIN_BYTES: Final = 100 * 2**20


def init(database: Database) -> None:
    """
    Make the file and its tables.

    Raises:
        StoreError: It cannot be made, or is none of ours.
    """
    database.rows(PART, SQL.look)


def check(database: Database, survives: Survives) -> list[Note]:
    """Look whether the file can be relied on; make none."""
    path = Path(database.path)
    if not path.exists():
        return [
            Note(
                level="error",
                text=f"there is no file {path}",
                remedy="name the one that your clients use, or make it with"
                " safeses state init",
            )
        ]
    try:
        database.rows(PART, SQL.look)
        found = database.rows(PART, SQL.damage)
    except StoreError as error:
        return [Note(level="error", text=error.problem)]
    if found != [("ok",)]:
        return [
            Note(
                level="error",
                text="the file is damaged",
                remedy="stop all that use it, and save what can be read:"
                " sqlite3 FILE .recover",
            )
        ]
    return [
        Note(level="ok", text=f"{path} is sound"),
        *_durability(survives),
        *_room(path),
        *_unknown(database),
    ]


def stats(database: Database) -> dict[str, int]:
    """
    Return how much there is of what, over all namespaces.

    Raises:
        StoreError: The file gives no answer.
    """
    now = database.now()
    found = dict(database.rows(PART, SQL.stats, {"now": now}))
    return {**found, "bytes": Path(database.path).stat().st_size}


def charged(database: Database) -> dict[str, int]:
    """Return the recipients that each scope's quota holds."""
    oldest = int(database.now() // MINUTE_S) - MINUTES
    return dict(database.rows(PART, SQL.charged, {"oldest": oldest}))


def _durability(survives: Survives) -> list[Note]:
    if survives == "host":
        return [Note(level="ok", text="a power cut loses nothing")]
    return [
        Note(
            level="ok",
            text="a power cut may lose the last moments: synchronous=full"
            " loses nothing",
        )
    ]


def _room(path: Path) -> list[Note]:
    notes = []
    free = shutil.disk_usage(path.parent).free
    if free < FREE_MIN_BYTES:
        notes.append(
            Note(
                level="warning",
                text=f"{free // 2**20} MB are left on its disk",
                remedy="free some: without room nothing is sent",
            )
        )
    log = Path(f"{path}-wal")
    if log.exists() and log.stat().st_size > LOG_LONG_BYTES:
        notes.append(
            Note(
                level="warning",
                text=f"{log} has {log.stat().st_size // 2**20} MB",
                remedy="find who has a transaction open for long, such as a"
                " shell or a backup",
            )
        )
    return notes


def _unknown(database: Database) -> list[Note]:
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
