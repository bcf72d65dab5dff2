"""
Say what is wrong with messages, without sending them.

These are the rules of every send; nothing is asked, no network and no
account. A FILE is a raw message, such as order.eml, or the parameters of
send-email in a file that ends in .json, as the AWS CLI takes them with
--cli-input-json. Exit status: 0 without errors, 1 with errors, 2 if a
file holds no message or an option is wrong.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final, cast

from safeses._commands import CANNOT_BEGIN, CommandError, say
from safeses._commands._text import note, positive

if TYPE_CHECKING:
    from safeses._commands.lint._read import Linted
    from safeses._policy import Level

NAME: Final = "lint"
SUMMARY: Final = "say what is wrong with messages, without sending them"

FORMATS: Final = ("text", "json", "sarif")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments: the files, and after which rules."""
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="a raw message, or parameters in JSON; - is a raw message"
        " from stdin",
    )
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default="text",
        help="what to write: lines, a JSON document, or SARIF 2.1.0 for"
        " code scanning (%(default)s)",
    )
    parser.add_argument(
        "--rule",
        action="append",
        default=[],
        type=_rule,
        metavar="ID=LEVEL",
        help="make a rule an error, a warning or off, such as"
        " body.html-only=off; may be repeated",
    )
    parser.add_argument(
        "--bulk",
        action="store_true",
        help="check what bulk mail needs beside",
    )
    parser.add_argument(
        "--rate",
        type=positive,
        metavar="N",
        help="the account's send rate, in recipients per second: a mail"
        " to more of them is sent late",
    )


def run(arguments: argparse.Namespace) -> int:
    """Lint every file, then say what it comes to."""
    from safeses._commands.lint import _read, _reports
    from safeses._policy import Policy
    from safeses.errors import ConfigurationError

    try:
        policy = Policy.of(dict(arguments.rule), "enforce", None)
    except ConfigurationError as error:
        raise CommandError(f"--rule: {error}", CANNOT_BEGIN) from error
    linter = _read.Linter(
        policy,
        "bulk" if arguments.bulk else "transactional",
        arguments.rate,
    )
    files = []
    for name in arguments.files:
        file = linter.lint(name)
        files.append(file)
        if arguments.format == "text":
            for line in _reports.lines(file):
                say(line)
        elif file.unreadable:  # the document may be read by nobody now
            note(f"{name}: unreadable: {file.unreadable}")
    _finish(arguments.format, files)
    if any(file.unreadable for file in files):
        return CANNOT_BEGIN
    return int(any(file.errors for file in files))


def _finish(form: str, files: list[Linted]) -> None:
    import json

    from safeses._commands.lint import _reports, _sarif

    if form == "text":
        say(_reports.summary(files))
    else:
        module = _sarif if form == "sarif" else _reports
        say(json.dumps(module.document(files), indent=2))


def _rule(text: str) -> tuple[str, Level]:
    rule, equals, level = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not such as body.html-only=off"
        )
    return rule, cast("Level", level)
