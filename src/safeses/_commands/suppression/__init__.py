"""
Look after who must not be mailed.

Each action works on the list of the state that --state names, or with
--account on the one that SES keeps, of which SES answers one call a
second. What changes many entries, import and sync, only says what it
would do until it is told to --apply. Exit status: 0, 1 if something was
refused or failed, 2 if it could not be begun.
"""

from __future__ import annotations

import argparse
import re
import sys
from typing import TYPE_CHECKING, Final

from safeses._commands import CANNOT_BEGIN, CommandError
from safeses._commands._text import note, positive, printable

if TYPE_CHECKING:
    from safeses._commands.suppression._watched import Progress
    from safeses.errors import SafeSESError

NAME: Final = "suppression"
SUMMARY: Final = "look after who must not be mailed"

FORMATS: Final = ("csv", "aws-csv", "jsonl")
DIRECTIONS: Final = ("pull", "push", "both")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the actions, each with its arguments."""
    actions = parser.add_subparsers(
        title="actions", metavar="action", dest="act", required=True
    )

    def action(
        name: str, text: str, account: str = "work on the list that SES keeps"
    ) -> argparse.ArgumentParser:
        described = f"{text[0].upper()}{text[1:]}."
        own = actions.add_parser(name, help=text, description=described)
        own.set_defaults(account=False, region=None, tenant="")
        own.add_argument(
            "--state",
            metavar="URL",
            help="whose list to work on (SAFESES_STATE)",
        )
        if account:
            _account(own, account)
        return own

    add = action("add", "stop mail to addresses")
    _addresses(add)
    add.add_argument(
        "--reason",
        default="manual",
        help="why; the list of SES takes bounce and complaint (%(default)s)",
    )
    _stream(add)
    add.add_argument("--source", default="", help="who says so")
    add.add_argument("--note", default="", help="what to know later")
    add.add_argument(
        "--expires-in-s",
        type=positive,
        metavar="SECONDS",
        help="when it ends (never)",
    )

    remove = action("remove", "allow mail to addresses again")
    _addresses(remove)
    _only_stream(remove)

    find = action("find", "say whether addresses get mail")
    _addresses(find)
    _stream(find)

    show = action("list", "print the entries")
    show.add_argument("--reason", help="only those with this one")
    _only_stream(show)

    action("count", "print how many entries there are")
    action("purge", "remove what has expired", account="")

    import_ = action("import", "add the entries of a file")
    import_.add_argument(
        "file",
        type=_path,
        metavar="FILE",
        help="addresses, one a line; or what SES imports, as CSV or JSON"
        " lines; or what export writes; - is stdin",
    )
    import_.add_argument(
        "--reason", help="why, where a line does not say (manual)"
    )
    import_.add_argument(
        "--source",
        default="import",
        help="who says so, where the file does not (%(default)s)",
    )
    _stream(import_)
    _apply(import_)

    export = action("export", "write the entries to a file")
    export.add_argument("file", type=_path, metavar="FILE", help="- is stdout")
    export.add_argument(
        "--format",
        choices=FORMATS,
        default="csv",
        help="csv and jsonl hold everything; aws-csv is what SES imports,"
        " bounces and complaints for all mail only (%(default)s)",
    )

    sync = action(
        "sync",
        "add to the list of the state what that of SES has, or the other"
        " way round",
        account="said or not: it works on both lists",
    )
    sync.set_defaults(account=True)  # besides the state
    sync.add_argument(
        "--direction",
        choices=DIRECTIONS,
        default="pull",
        help="pull from SES, push to it, or both (%(default)s)",
    )
    sync.add_argument(
        "--max-calls",
        type=_whole,
        metavar="N",
        help="end after so many calls of SES",
    )
    sync.add_argument(
        "--cursor", default="", help="go on where another run ended"
    )
    _apply(sync)


def run(arguments: argparse.Namespace) -> int:
    """Do one action, and say how far it came if it does not end well."""
    from safeses._commands.suppression import _actions, _target, _transfer
    from safeses._commands.suppression._actions import drop_output
    from safeses._commands.suppression._watched import Progress
    from safeses.errors import SafeSESError

    acts = {
        "add": _actions.add,
        "remove": _actions.remove,
        "find": _actions.find,
        "list": _actions.show,
        "count": _actions.count,
        "purge": _actions.purge,
        "import": _transfer.import_,
        "export": _actions.export,
        "sync": _transfer.sync,
    }
    if sys.stdout is None:  # closed before we began
        raise CommandError("stdout is closed", CANNOT_BEGIN)
    progress = Progress()
    try:
        with _target.opened(arguments, progress) as target:
            return acts[arguments.act](arguments, target)
    except CommandError:
        _say_how_far(progress)
        raise
    except SafeSESError as error:
        _say_how_far(progress)
        raise _as_command_error(error) from error
    except BrokenPipeError:  # nobody reads on, which is no error
        raise
    except OSError as error:
        drop_output()
        _say_how_far(progress)
        raise CommandError(f"cannot write: {error.strerror}") from error
    except KeyboardInterrupt:
        note("interrupted")
        _say_how_far(progress)
        raise


def _say_how_far(progress: Progress) -> None:
    if progress.done:
        note(f"done by then: {progress.done}")
    if progress.way_on:
        note(progress.way_on)


def _as_command_error(error: SafeSESError) -> CommandError:
    """Return *error* without words about mail, of which there is none."""
    from safeses import errors

    text, status = str(error), 1
    if isinstance(error, (errors.ConfigurationError, errors.CredentialsError)):
        status = CANNOT_BEGIN
    elif isinstance(error, errors.RejectedError):
        text = f"SES refused the call ({error.code}): {error.detail}"
    elif isinstance(error, errors.UnreachableError):
        text = f"SES cannot be reached: {error.reason}"
    elif isinstance(error, errors.StoreError):
        text = f"the list in {error.engine} failed: {error.problem}"
    return CommandError(printable(text), status)


def _account(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument("--account", action="store_true", help=text)
    parser.add_argument(
        "--region", type=_region, help="the AWS region (as boto3 has it)"
    )
    parser.add_argument(
        "--tenant", default="", help="whose list, if not the account's"
    )


def _path(text: str) -> str:
    if "\0" in text:
        raise argparse.ArgumentTypeError("a path holds no NUL")
    return text


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a whole number above 0"
        )
    return int(text)


def _region(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9-]+", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not such as eu-west-1")
    return text


def _addresses(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("addresses", nargs="+", metavar="ADDRESS")


def _stream(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--stream", default="", help="the only kind of mail (all)"
    )


def _only_stream(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--stream",
        help="only entries of this kind of mail; '' is those for all mail",
    )


def _apply(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--apply",
        action="store_true",
        help="do it; without, it only says what it would do",
    )
