"""SQL from the files beside this one."""

from __future__ import annotations

import pkgutil
import sqlite3
from functools import cache
from types import SimpleNamespace
from typing import Final

NAME: Final = "-- name:"


@cache
def statements(file: str) -> SimpleNamespace:
    """
    Return the statements of a file by name.

    Each stands below a line of its own such as ``-- name: reserve_slot``.
    """
    found: dict[str, list[str]] = {}
    lines: list[str] = []  # what stands above the first name is a comment
    for line in _text(file).splitlines():
        if line.startswith(NAME):
            lines = found[line[len(NAME) :].strip()] = []
        elif not line.lstrip().startswith("--"):
            lines.append(line)
    return SimpleNamespace(
        **{name: "\n".join(sql).strip() for name, sql in found.items()}
    )


@cache
def script(file: str) -> tuple[str, ...]:
    """Return the statements of a file in order; each ends with ``;``."""
    found, lines = [], ""
    for line in _text(file).splitlines(keepends=True):
        lines += "" if line.lstrip().startswith("--") else line
        if sqlite3.complete_statement(lines):
            found.append(lines.strip())
            lines = ""
    return tuple(found)


def _text(file: str) -> str:
    # Read so that it also works from within a zip file.
    return (pkgutil.get_data("safeses.sqlite", file) or b"").decode()
