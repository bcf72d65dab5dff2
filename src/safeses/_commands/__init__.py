"""
One module, or folder, for each command of ``safeses``.

A command is a module that has what `Command` names. It imports nothing
heavy until it runs, and writes with `say`.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    import argparse

CANNOT_BEGIN: Final = 2


class Command(Protocol):
    """
    What a module of this folder offers.

    Attributes:
        NAME: What is typed after ``safeses``.
        SUMMARY: One line for ``safeses --help``.
    """

    NAME: str
    SUMMARY: str
    __doc__: str | None

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the command's own arguments."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Do it and return the exit status."""


class CommandError(Exception):
    """
    The command cannot do it; the text says why in one line.

    Attributes:
        status: The exit status.
    """

    def __init__(self, text: str, status: int = 1) -> None:
        super().__init__(text)
        self.status = status


def missing_extra(extra: str, package: str, way_out: str) -> CommandError:
    """Return the error of a command whose extra is not installed."""
    return CommandError(
        f"{package} is not installed:"
        f' pip install "safeses[{extra}]", or {way_out}',
        CANNOT_BEGIN,
    )


def say(line: str = "") -> None:
    """Write one line now, whatever the encoding and the buffer."""
    encoding = sys.stdout.encoding or "utf-8"
    shown = line.encode(encoding, "backslashreplace").decode(encoding)
    sys.stdout.write(f"{shown}\n")
    sys.stdout.flush()
