"""
Look after a state: where senders keep what they share.

Each action takes the URL of a state, such as sqlite:////srv/shop/mail.db,
or that in SAFESES_STATE. What was perhaps sent is never forgotten by any of
them. Exit status: 0, 1 if something is wrong or was left out, 2 if it could
not be begun.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from safeses._commands import CANNOT_BEGIN, CommandError
from safeses._commands._text import note, printable

if TYPE_CHECKING:
    import argparse

NAME: Final = "state"
SUMMARY: Final = "look after what senders share"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the actions, each with its arguments."""
    actions = parser.add_subparsers(
        title="actions", metavar="action", dest="act", required=True
    )

    def action(name: str, text: str) -> argparse.ArgumentParser:
        described = f"{text[0].upper()}{text[1:]}."
        own = actions.add_parser(name, help=text, description=described)
        own.set_defaults(format="text")
        own.add_argument(
            "--namespace",
            default="safeses",
            metavar="NAME",
            help="the namespace of your clients (%(default)s): whose"
            " suppressions, as jobs and quota are those of all",
        )
        return own

    for name, text in (
        ("init", "make its tables and check it"),
        ("check", "say whether it can be relied on, and what to change"),
        ("stats", "print how much there is of what"),
        ("purge", "forget what has expired; nothing that is unknown"),
    ):
        own = action(name, text)
        own.add_argument(
            "url", nargs="?", metavar="URL", help="of which (SAFESES_STATE)"
        )
        if name == "stats":
            own.add_argument(
                "--format",
                choices=("text", "json"),
                help="how to print it (%(default)s)",
            )

    copy = action(
        "copy",
        "copy suppressions, jobs and the quota used to another state; to be"
        " begun again if it was broken off",
    )
    copy.add_argument("url", metavar="FROM", help="nobody should use it")
    copy.add_argument("to", metavar="TO", help="what it knows stays")


def run(arguments: argparse.Namespace) -> int:
    """Do one action."""
    from safeses._commands.state import _actions, _copy
    from safeses.errors import ConfigurationError, StoreError

    acts = {
        "init": _actions.init,
        "check": _actions.check,
        "stats": _actions.stats,
        "purge": _actions.purge,
        "copy": _copy.copy,
    }
    try:
        return acts[arguments.act](arguments)
    except ConfigurationError as error:
        raise CommandError(printable(str(error)), CANNOT_BEGIN) from error
    except StoreError as error:  # whose words are about a send
        text = f"the {error.part} in {error.engine} failed: {error.problem}"
        raise CommandError(printable(text)) from error
    except KeyboardInterrupt:
        if arguments.act == "copy":
            note("interrupted; begun again it adds what is missing")
        raise
