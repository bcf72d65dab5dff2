"""
One state at a time.
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Final

from safeses._commands import CANNOT_BEGIN, CommandError, say
from safeses._commands._text import printable
from safeses._state_notes import Note
from safeses.errors import StoreError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from safeses._state import ComposedState

# Raised when a program that reads it would have to change.
FORMAT: Final = 1


@contextlib.contextmanager
def opened(url: str | None, namespace: str) -> Iterator[ComposedState]:
    """
    Open the state that *url* names, and close it.

    Raises:
        CommandError: It is the memory of this command.
        ConfigurationError: There is no such state.
    """
    import os

    from safeses._clock import SystemClock
    from safeses._engines import from_url

    url = url or os.environ.get("SAFESES_STATE") or "memory:"
    if url == "memory:":
        raise CommandError(
            "the state is the memory of this command; name that of your"
            " clients, or set SAFESES_STATE",
            CANNOT_BEGIN,
        )
    if not namespace:
        raise CommandError("the namespace has no name", CANNOT_BEGIN)
    state = from_url(
        url,
        clock=SystemClock(),
        rate_factor=1.0,
        namespace=namespace,
        suppressions=None,
    )
    with contextlib.closing(state):
        yield state


def init(arguments: argparse.Namespace) -> int:
    """Make what the state needs, and check it."""
    with opened(arguments.url, arguments.namespace) as state:
        state.init()
        return _told(state)


def check(arguments: argparse.Namespace) -> int:
    """Say whether the state can be relied on."""
    with opened(arguments.url, arguments.namespace) as state:
        return _told(state)


def stats(arguments: argparse.Namespace) -> int:
    """Print how much there is of what."""
    with opened(arguments.url, arguments.namespace) as state:
        refuse_unsound(state)
        found = state.stats()
    if arguments.format == "json":
        say(json.dumps({"format": FORMAT, "stats": found}))
        return 0
    width = max(map(len, found), default=0)
    for name, number in found.items():
        say(printable(f"{name:<{width}}  {number:>12,}"))
    return 0


def purge(arguments: argparse.Namespace) -> int:
    """Forget what has expired."""
    with opened(arguments.url, arguments.namespace) as state:
        refuse_unsound(state)
        gone = state.purge()
    for name, number in gone.items():
        say(printable(f"{name}: {number:,} forgotten"))
    return 0


def refuse_unsound(state: ComposedState) -> None:
    """
    Refuse a state that is not there: a slip of the pen would make one.

    Raises:
        CommandError: Its check finds an error.
    """
    for found in _notes(state):
        if found.level == "error":
            raise CommandError(printable(_line(found)), CANNOT_BEGIN)


def _told(state: ComposedState) -> int:
    """Print what the check finds; return the exit status."""
    notes = _notes(state)
    for found in notes:
        say(printable(f"{found.level}: {_line(found)}"))
    return int(any(found.level == "error" for found in notes))


def _notes(state: ComposedState) -> list[Note]:
    try:
        return state.check()
    except StoreError as error:
        return [Note(level="error", text=error.problem)]


def _line(found: Note) -> str:
    return f"{found.text}; {found.remedy}" if found.remedy else found.text
