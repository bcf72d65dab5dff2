"""
Send a few hundred mails to a simulated SES, and compare the accounts.

Real boto3 and real HTTP, all on this machine: no AWS account, credentials
or settings are used and nothing is delivered. The exit status is 1 if
safeses broke a promise.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from safeses._commands import missing_extra

if TYPE_CHECKING:
    import argparse

    from safeses._commands.demo._show import Show

NAME: Final = "demo"
SUMMARY: Final = "see the promises kept, against a simulated SES"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    plain = parser.add_mutually_exclusive_group()
    plain.add_argument(
        "--plain",
        action="store_true",
        default=None,
        help="write plain lines, as without a terminal",
    )
    plain.add_argument(
        "--no-plain",
        action="store_false",
        dest="plain",
        help="draw bars and tables, without a terminal too",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=1,
        help="names and sizes of the mails follow from it (%(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Perform, and say by the exit status whether every promise held."""
    plain = arguments.plain
    if plain is None:
        plain = not sys.stdout.isatty()
    show = _plain_show() if plain else _rich_show()

    from safeses._commands.demo._perform import perform

    return perform(show, seed=arguments.seed)


def _plain_show() -> Show:
    from safeses._commands.demo._plain import PlainShow

    return PlainShow()


def _rich_show() -> Show:
    try:
        from safeses._commands.demo._rich import RichShow
    except ModuleNotFoundError as error:
        raise missing_extra("demo", "rich", "add --plain") from error
    return RichShow()
