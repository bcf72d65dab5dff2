"""How a SQLite file is opened."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Final

from safeses.errors import ConfigurationError, StoreError
from safeses.sqlite._place import network_type_of
from safeses.sqlite._schema import FORMAT, format_of, prepare

# Upserts.
NEEDED: Final = (3, 24, 0)
# A log that has grown beyond is cut when it starts anew.
LOG_MAX_BYTES: Final = 16 * 2**20
_PAUSE_S: Final = 0.01
_LOG: Final = "pragma journal_mode = wal"


def connect(
    path: str, synchronous: str, timeout_s: float
) -> sqlite3.Connection:
    """
    Open the file, make it if need be, and make its tables.

    Returns:
        A connection that commits by itself: who wants more begins and
        ends a transaction. The file's time is not in it.

    Raises:
        sqlite3.Error: It cannot be opened.
        StoreError: It can, but must not be used.
    """
    _check_library()
    _check_place(path)
    connection = sqlite3.connect(
        path,
        timeout=0,  # see _use_log
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        _use_log(connection, path, timeout_s)
        connection.execute(f"pragma busy_timeout = {int(timeout_s * 1_000)}")
        connection.execute(f"pragma synchronous = {synchronous}")
        connection.execute(f"pragma journal_size_limit = {LOG_MAX_BYTES}")
        if format_of(connection) != FORMAT:  # else nobody need wait
            connection.execute("begin immediate")
            prepare(connection)
            connection.execute("commit")
    except BaseException:
        connection.close()
        raise
    return connection


def _check_library() -> None:
    if sqlite3.sqlite_version_info < NEEDED:
        raise ConfigurationError(
            f"SQLite {sqlite3.sqlite_version} is too old",
            f"use a Python with {'.'.join(map(str, NEEDED))} or newer",
        )


def _check_place(path: str) -> None:
    problem = ""
    kind = network_type_of(path)
    if kind:
        problem = (
            f"{path} is on a network file system ({kind}), where SQLite"
            " loses data: name a file on a disk of this machine"
        )
    elif Path(path).is_file() and Path(path).stat().st_nlink > 1:
        problem = (
            f"{path} has a second name (a hard link), under which another"
            " process would use another log: remove one"
        )
    if problem:
        raise StoreError("state", "sqlite", problem)


def _use_log(
    connection: sqlite3.Connection, path: str, timeout_s: float
) -> None:
    """
    Turn the write-ahead log on.

    SQLite does not wait for others who are just doing the same, so this
    does, and a file of somebody else stays as it is.
    """
    tries = 1 + int(timeout_s / _PAUSE_S)
    mode = ""
    while not mode:
        tries -= 1
        try:
            format_of(connection)
            mode = connection.execute(_LOG).fetchone()[0]
        except sqlite3.OperationalError as error:
            if not tries or "locked" not in str(error):
                raise
            threading.Event().wait(_PAUSE_S)
    if mode != "wal":
        raise StoreError(
            "state",
            "sqlite",
            f"SQLite cannot use a write-ahead log for {path}: name a file on"
            " a disk of this machine",
        )
