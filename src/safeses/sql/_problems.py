"""
Errors of drivers in words.

Their own texts may hold addresses of mail, or a URL with its password:
only the code of the error goes further.
"""

from __future__ import annotations

from typing import Final

_RIGHTS: Final = "the user may not do this: grant what the docs list"
_READ_ONLY: Final = "it is read-only, such as a standby: name the primary"
_FULL: Final = "it takes no more connections"
_LOGIN: Final = "it does not let this user in: check the URL"
_NO_DATABASE: Final = "there is no such database: create it"
_NONE_NAMED: Final = "the URL names no database: add its name"
_NO_TABLE: Final = "a table is missing: run `safeses state init URL`"
_SLOW: Final = "the statement took too long"
_LOCKED: Final = "others kept a row locked for too long"
_AGAIN: Final = "others changed the same rows at once"
_STOPPING: Final = "it is starting or shutting down"
_DISK: Final = "its disk is full"
OPTIONS: Final = (
    "the driver takes no such options: check what follows the ? of the URL"
)

# By SQLSTATE (PostgreSQL), number (MySQL) or name (SQLite).
_WORDS: Final[dict[str | int, str]] = {
    "25006": _READ_ONLY,
    "28000": _LOGIN,
    "28P01": _LOGIN,
    "3D000": _NO_DATABASE,
    "40001": _AGAIN,
    "40P01": _AGAIN,
    "42501": _RIGHTS,
    "42P01": _NO_TABLE,
    "53100": _DISK,
    "53300": _FULL,
    "55P03": _LOCKED,
    "57014": _SLOW,
    "57P01": _STOPPING,
    "57P02": _STOPPING,
    "57P03": _STOPPING,
    1021: _DISK,
    1040: _FULL,
    1203: _FULL,
    1226: _FULL,
    1044: _LOGIN,
    1045: _LOGIN,
    1046: _NONE_NAMED,
    1049: _NO_DATABASE,
    1053: _STOPPING,
    1142: _RIGHTS,
    1146: _NO_TABLE,
    1205: _LOCKED,
    1213: _AGAIN,
    1290: _READ_ONLY,
    1698: _LOGIN,
    1792: _READ_ONLY,
    1836: _READ_ONLY,
    1969: _SLOW,
    3024: _SLOW,
    "SQLITE_BUSY": _LOCKED,
    "SQLITE_CANTOPEN": _NO_DATABASE,
    "SQLITE_FULL": _DISK,
    "SQLITE_READONLY": _READ_ONLY,
}
# What has no code: a connection that was refused, by what is said of it.
_SAID: Final = {
    "authentication failed": _LOGIN,
    "no password supplied": _LOGIN,
    "no pg_hba.conf entry": _LOGIN,
    'FATAL:  role "': _LOGIN,
    "does not exist": _NO_DATABASE,
    "too many clients": _FULL,
    "too many connections": _FULL,
    "connection slots are reserved": _FULL,
    "starting up": _STOPPING,
    "shutting down": _STOPPING,
    "invalid connection option": OPTIONS,
    "invalid URI query parameter": OPTIONS,
}
UNREACHABLE: Final = "it cannot be reached"
# The transaction is undone, and is worth another try.
_UNDONE: Final = frozenset({"40001", "40P01", 1213})


def code_of(error: BaseException) -> str | int | None:
    """Return the code that the engine gave an error, if any."""
    first = error.args[0] if error.args else None
    if isinstance(first, int):
        return first
    for name in ("sqlstate", "pgcode", "sqlite_errorname"):
        code = getattr(error, name, None)
        if code:
            return str(code)
    return (
        str(first["C"]) if isinstance(first, dict) and "C" in first else None
    )


def is_undone(error: BaseException) -> bool:
    """Whether a transaction fell victim to others: a deadlock."""
    return code_of(error) in _UNDONE


def is_no_table(error: BaseException) -> bool:
    """Whether a table is missing."""
    return code_of(error) in {"42P01", 1146} or (
        "no such table" in str(error) and "sqlite" in type(error).__module__
    )


def in_words(error: BaseException) -> str:
    """Return what happened, without a full stop and without any values."""
    if is_no_table(error):
        return _NO_TABLE
    code = code_of(error)
    if code is not None and code in _WORDS:
        return _WORDS[code]
    kind = type(error).__name__
    return kind if code is None else f"{kind} {code}"


def why_unreachable(error: BaseException) -> str:
    """Return why there is no connection, in the same way."""
    code = code_of(error)
    if code is not None and code in _WORDS:
        return _WORDS[code]
    text = str(error)
    return next(
        (words for said, words in _SAID.items() if said in text), UNREACHABLE
    )
