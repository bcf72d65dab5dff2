"""
SQL from the files beside this one.

Each statement stands below a line of its own such as ``-- name: book``.
Where engines do not agree there is one for each that differs, as in
``-- name: book (mysql)``; the one without a name in brackets is for all
others. ``(postgresql, sqlite)`` is for both.
"""

from __future__ import annotations

import pkgutil
import re
from functools import cache
from types import SimpleNamespace
from typing import Final

import attrs

_NAME: Final = re.compile(r"-- name: (\w+)(?: \(([\w, ]+)\))?\s*")


@attrs.frozen(eq=False)
class Statement:
    """
    One statement, as each engine wants it.

    Attributes:
        name: What it is called in its file.
        texts: Its text by engine; ``""`` is for all others.
    """

    name: str
    texts: dict[str, str] = attrs.field(factory=dict, repr=False)

    def text(self, engine: str) -> str:
        """Return the text for *engine*, with macros and named values."""
        return self.texts.get(engine, self.texts.get("", ""))

    def and_then(self, other: Statement) -> Statement:
        """Return the statement with *other* at its end."""
        return Statement(self.name, {"": "{a}\n{b}"}).with_parts(
            a=self, b=other
        )

    def with_parts(self, **parts: Statement) -> Statement:
        """Return the statement with *parts* in place of their names."""
        texts = {}
        engines = {e for s in (self, *parts.values()) for e in s.texts}
        for engine in engines:
            text = self.text(engine)
            for name, part in parts.items():
                text = text.replace("{" + name + "}", part.text(engine))
            texts[engine] = text
        return Statement(self.name, texts)


@cache
def statements(file: str) -> SimpleNamespace:
    """Return the statements of a file by name."""
    found: dict[str, Statement] = {}
    for name, engines, text in _parts(file):
        statement = found.setdefault(name, Statement(name))
        for engine in engines:
            statement.texts[engine] = text
    return SimpleNamespace(**found)


@cache
def script(file: str, engine: str) -> tuple[str, ...]:
    """Return the texts of a file for *engine*, in order."""
    found: dict[str, Statement] = {}
    for name, engines, text in _parts(file):
        statement = found.setdefault(name, Statement(name))
        for each in engines:
            statement.texts[each] = text
    return tuple(
        statement.text(engine)
        for statement in found.values()
        if engine in statement.texts or "" in statement.texts
    )


def _parts(file: str) -> list[tuple[str, list[str], str]]:
    """Return the name, the engines and the text of each statement."""
    parts: list[tuple[str, list[str], list[str]]] = []
    lines: list[str] = []  # what stands above the first name is a comment
    for line in _text(file).splitlines():
        named = _NAME.fullmatch(line)
        if named:
            lines = []
            engines = (named[2] or "").replace(" ", "").split(",")
            parts.append((named[1], engines, lines))
        elif not line.lstrip().startswith("--"):
            lines.append(line)
    return [
        (name, engines, "\n".join(lines).strip())
        for name, engines, lines in parts
    ]


def _text(file: str) -> str:
    # Read so that it also works from within a zip file.
    return (pkgutil.get_data("safeses.sql", file) or b"").decode()
