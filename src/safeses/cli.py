"""
The command ``safeses``.

Each command is a module of `safeses._commands`, found in `COMMANDS`. What
it needs it loads when it runs, so that ``--help`` is quick and needs no
extra.
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Final

from safeses._commands import (
    Command,
    CommandError,
    demo,
    lint,
    poll,
    simulate,
    state,
    suppression,
    unknown,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

COMMANDS: Final[tuple[Command, ...]] = (
    demo,
    lint,
    poll,
    simulate,
    state,
    suppression,
    unknown,
)
INTERRUPTED: Final = 130  # as a shell reports Ctrl-C


class _Version(argparse.Action):
    """Reads the version only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        print(f"safeses {_version()}")
        parser.exit()


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run one command.

    Args:
        argv: The arguments after the program's name; None takes those of
            this process.

    Returns:
        The exit status: 0, 1 if the command failed, 2 if it could not
        be begun.

    Raises:
        SystemExit: After ``--help`` and ``--version``, and with status 2
            for arguments that are wrong.
    """
    arguments = _parser().parse_args(argv)
    run: Callable[[argparse.Namespace], int] = arguments.run
    try:
        return run(arguments)
    except CommandError as error:
        print(f"safeses: error: {error}", file=sys.stderr)
        return error.status
    except BrokenPipeError:
        # Nobody reads on, as after `| head`. Python flushes once more at
        # the exit, and must not find the pipe (signal docs, "SIGPIPE").
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="safeses", description="Send mail through Amazon SES, safely."
    )
    parser.add_argument(
        "--version",
        action=_Version,
        nargs=0,
        help="show the version and exit",
    )
    commands = parser.add_subparsers(
        title="commands", metavar="command", required=True
    )
    for command in COMMANDS:
        own = commands.add_parser(
            command.NAME, help=command.SUMMARY, description=command.__doc__
        )
        command.configure(own)
        own.set_defaults(run=command.run)
    return parser


def _version() -> str:
    try:
        return version("safeses")
    except PackageNotFoundError:
        return "(not installed)"
