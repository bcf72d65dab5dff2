"""
Interrupts each use of a SQLite file at each of its steps.

Runs as a process of its own, which prints what went wrong: tracing is for
a whole thread, and a measured one is traced already.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import tempfile
import threading
import warnings
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from tests.interrupter import interrupted

from safeses.sqlite._database import Database
from safeses.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable

FILES = (
    *("_use.py", "_handle.py", "_joined.py"),
    *("_connection.py", "_place.py"),
)
TABLE = "create table if not exists notes (note text)"
ADD = "insert into notes values (?)"


def execute(database: Database) -> None:
    """Write one row."""
    database.execute("notes", ADD, ("a",))


def rows(database: Database) -> None:
    """Read."""
    database.rows("notes", "select note from notes")


def transaction(database: Database) -> None:
    """Write two rows, the second within joined."""
    with database.transaction("notes") as connection:
        connection.execute(ADD, ("a",))
        database.joined().execute("notes", ADD, ("b",))


def close(database: Database) -> None:
    """Close the file."""
    database.close()


def opening(database: Database) -> None:
    """Open the file and write."""
    database.close()
    transaction(database)


ACTS: dict[str, tuple[Callable[[Database], None], set[int]]] = {
    "execute": (execute, {0, 1}),
    "rows": (rows, {0}),
    "transaction": (transaction, {0, 2}),
    "close": (close, {0}),
    "opening": (opening, {0, 2}),
}


def wrong_with(database: Database, counts: set[int]) -> list[str]:
    """Return what is in disorder after an interrupt."""
    wrong = []
    # A step may be left to the next use of the same thread.
    found = len(database.rows("notes", "select note from notes"))
    if found not in counts:
        wrong.append(f"{found} rows")
    with closing(
        sqlite3.connect(database.path, timeout=0, isolation_level=None)
    ) as other:
        try:
            other.execute("begin immediate")
        except sqlite3.Error as error:
            wrong.append(f"others: {error}")
    told: list[str] = []

    def use() -> None:
        try:
            database.execute("notes", "delete from notes")
        except Exception as error:  # noqa: BLE001  # told to the test
            told.append(str(error))

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    return wrong + told


def interrupts(folder: Path) -> list[str]:
    """Interrupt every act at every step."""
    wrong = []
    for name, (act, counts) in ACTS.items():
        for file in FILES:
            database = Database(
                folder / f"{name}{file}.db", clock=FakeClock(), timeout_s=2
            )
            database.execute("notes", TABLE)
            step, goes_on = 0, True
            while goes_on:
                step += 1
                goes_on = interrupted(lambda: act(database), step, file)  # noqa: B023  # called at once
                wrong += [
                    f"{name}, {file}, step {step}: {w}"
                    for w in wrong_with(database, counts)
                ]
            database.close()
    return wrong


if __name__ == "__main__":
    # One that was interrupted on its way to a name is closed all the same.
    warnings.simplefilter("ignore", ResourceWarning)
    memory = Path("/dev/shm")  # noqa: S108  # no waiting for a disk
    with tempfile.TemporaryDirectory(
        dir=memory if memory.is_dir() else None
    ) as made:
        sys.stdout.write(json.dumps(interrupts(Path(made))))
