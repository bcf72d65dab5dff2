"""
What can be done with a list, an entry or a few at a time.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from safeses._commands import CANNOT_BEGIN, CommandError, say
from safeses._commands._text import many, note, printable

if TYPE_CHECKING:
    import argparse

    from safeses._commands.suppression._target import Target
    from safeses.suppression import Suppression

STD: Final = "-"


def add(arguments: argparse.Namespace, target: Target) -> int:
    """Stop mail to some."""
    added = sum(
        target.suppressions.add(
            address,
            arguments.reason,
            stream=arguments.stream,
            source=arguments.source,
            note=arguments.note,
            expires_in_s=arguments.expires_in_s,
        )
        for address in arguments.addresses
    )
    there = len(arguments.addresses) - added
    say(f"added {entries(added)}; {there} changed nothing")
    return 0


def remove(arguments: argparse.Namespace, target: Target) -> int:
    """Allow mail to some again."""
    removed = target.suppressions.remove(
        arguments.addresses, stream=arguments.stream
    )
    say(f"removed {entries(removed)}")
    return 0


def find(arguments: argparse.Namespace, target: Target) -> int:
    """Say who gets no mail, and why."""
    suppressions = target.suppressions
    for address in arguments.addresses:
        entry = suppressions.find(address, stream=arguments.stream)
        what = "not suppressed" if entry is None else _described(entry)
        say(printable(f"{address}  {what}"))
    return 0


def show(arguments: argparse.Namespace, target: Target) -> int:
    """Print the entries."""
    for entry in target.suppressions.list(
        reason=arguments.reason, stream=arguments.stream
    ):
        say(printable(f"{entry.address}  {_described(entry)}"))
    return 0


def count(_arguments: argparse.Namespace, target: Target) -> int:
    """Print how many entries there are."""
    suppressions = target.suppressions
    if target.account is None:
        say(str(suppressions.count()))
    else:
        # As none expires, and a page is told of.
        say(str(sum(1 for _ in suppressions.list())))
    return 0


def purge(_arguments: argparse.Namespace, target: Target) -> int:
    """Remove what has expired."""
    say(f"removed {entries(target.suppressions.purge())}")
    return 0


def export(arguments: argparse.Namespace, target: Target) -> int:
    """Write the entries to a file."""
    path, form = arguments.file, arguments.format
    suppressions = target.suppressions
    if path != STD:
        _refuse_circle(path)
        try:
            written = suppressions.export_file(path, format=form)
        except OSError as error:
            raise CommandError(
                f"cannot write {printable(path)}: {error.strerror}"
            ) from error
        say(f"wrote {entries(written)}")
        return 0
    out = io.TextIOWrapper(
        sys.stdout.buffer, "utf-8", errors="replace", newline=""
    )
    try:
        written = suppressions.export_file(out, format=form)
        out.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        drop_output()
        raise CommandError(f"cannot write -: {error.strerror}") from error
    finally:
        out.detach()
    note(f"wrote {entries(written)}")
    return 0


def drop_output() -> None:
    """Have Python not try, and fail, once more at the exit to write it."""
    with contextlib.suppress(OSError, ValueError):  # stands for no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _refuse_circle(path: str) -> None:
    try:
        Path(path).stat()
    except OSError as error:
        if error.errno == errno.ELOOP:  # of which pathlib makes others
            raise CommandError(
                f"cannot write {printable(path)}: {error.strerror}",
                CANNOT_BEGIN,
            ) from error


def entries(number: int) -> str:
    """Return a number of entries in words."""
    return many(number, "entry", "entries")


def _described(entry: Suppression) -> str:
    parts = [entry.reason]
    if entry.stream:
        parts.append(f"in the stream {entry.stream}")
    if entry.since is not None:
        parts.append(f"since {entry.since:%Y-%m-%d %H:%M} UTC")
    if entry.expires_at is not None:
        parts.append(f"until {entry.expires_at:%Y-%m-%d %H:%M %Z}")
    if entry.source:
        parts.append(f"from {entry.source}")
    if entry.note:
        parts.append(entry.note)
    return ", ".join(parts)
