"""What is wrong with a file, in words that say what to do."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Final

_DAMAGED: Final = (
    "{path} is damaged: stop all who use it, then save what can be read"
    " with the command .recover of the sqlite3 shell"
)
# Python 3.10 tells no codes, so these are the texts of SQLite itself.
_REMEDIES: Final = {
    "database is locked": (
        "another process has held the lock for {timeout_s:g} s: look for a"
        " long transaction, a backup or an open sqlite3 shell on {path}"
    ),
    "database or disk is full": (
        "no space is left for {path}: free some, nothing was written"
    ),
    "file is not a database": (
        "{path} is not a SQLite file: name another, or move it away"
    ),
    "database disk image is malformed": _DAMAGED,
    "malformed database schema": _DAMAGED,
    "disk I/O error": (
        "the disk of {path} fails, is full, or the file was cut: look at the"
        " system's log"
    ),
}
# For these it may lie at the file, its directory or the user.
_ABOUT_PLACE: Final = (
    "attempt to write a readonly database",
    "unable to open database file",
)
# After these a connection is of no more use.
BROKEN: Final = (
    "file is not a database",
    "database disk image is malformed",
    "malformed database schema",
    "disk I/O error",
)

FORKED: Final = (
    "this process was forked amid a use of the file: make no process"
    " there, or let it run another program (exec)"
)
MOVED: Final = (
    "{path} was deleted or replaced while in use: what was written since"
    " is lost; the next use opens what is there now"
)
LOG_GONE: Final = (
    "{path}-wal or {path}-shm was deleted while in use: never do that; the"
    " next use opens the file anew"
)
TWO_LOGS: Final = (
    "{path}-wal or {path}-shm was deleted while in use, and another process"
    " has made it anew: end all that use the file, check it with the pragma"
    " integrity_check, then start them again"
)
BUSY: Final = (
    "other threads of this process have held the file for {timeout_s:g} s:"
    " one of them waits for another process or the disk"
)
ENDED: Final = "the transaction failed before, and nothing is written"
NESTED: Final = (
    "this thread is amid a use of it already: do not use it in a signal"
    " handler, nor in a transaction that is open"
)


def problem_of(error: Exception, path: str, timeout_s: float) -> str:
    """Say what an error of SQLite, or of the system, means for *path*."""
    told = str(error)
    if isinstance(error, sqlite3.Error):
        for text, remedy in _REMEDIES.items():
            if told.startswith(text):
                return remedy.format(path=path, timeout_s=timeout_s)
        name = getattr(error, "sqlite_errorname", type(error).__name__)
        problem = f"{told} ({name}) in {path}"
        if told.startswith(_ABOUT_PLACE):
            problem = _place_problem(path) or problem
        return problem
    if isinstance(error, OSError):
        return f"{error.strerror or type(error).__name__} ({path})"
    return told


def _place_problem(path: str) -> str:
    """Say why there can be no file at *path*, "" if there can."""
    directory = Path(path).parent
    problem = ""
    try:
        if not directory.is_dir():
            problem = f"there is no directory {directory}: make it"
        elif not os.access(directory, os.W_OK | os.X_OK):
            problem = (
                f"this user may not write to the directory {directory}:"
                f" SQLite needs to make {path}-wal there"
            )
        elif Path(path).is_dir():
            problem = f"{path} is a directory: name a file"
        elif Path(path).exists() and not os.access(path, os.R_OK | os.W_OK):
            problem = f"this user may not read and write {path}: let it"
        else:
            problem = _log_problem(path)
    except OSError as error:
        problem = f"{error.strerror} ({path}): let this user reach it"
    return problem


def _log_problem(path: str) -> str:
    """Say which of the files beside *path* belongs to somebody else."""
    for name in (path + "-wal", path + "-shm"):
        if Path(name).exists() and not os.access(name, os.R_OK | os.W_OK):
            return f"this user may not read and write {name}: let it"
    return ""
