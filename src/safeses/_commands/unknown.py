"""
Settle messages that were perhaps sent.

The state that --state names knows them by their tag; their mails carry it
as safeses-id, which the events of SES repeat. An idempotency key is not
kept, but names its job. Exit status: 0, 1 if nothing is open by that name
or the state failed, 2 if it could not be begun.
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Final

from safeses._commands import CANNOT_BEGIN, CommandError, say
from safeses._commands._text import many, printable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from safeses._values import UnknownSend
    from safeses.ledger import Outcomes
    from safeses.typing import State

NAME: Final = "unknown"
SUMMARY: Final = "settle messages that were perhaps sent"

# Raised when a program that reads it would have to change.
FORMAT: Final = 1


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the actions, each with its arguments."""
    actions = parser.add_subparsers(
        title="actions", metavar="action", dest="act", required=True
    )

    def action(name: str, text: str) -> argparse.ArgumentParser:
        described = f"{text[0].upper()}{text[1:]}."
        own = actions.add_parser(name, help=text, description=described)
        own.add_argument(
            "--state",
            metavar="URL",
            help="whose messages to settle (SAFESES_STATE)",
        )
        own.set_defaults(namespace="safeses")
        return own

    show = action("list", "print what was perhaps sent, oldest first")
    show.add_argument(
        "--format",
        choices=("text", "json"),
        default="text",
        help="how to print it (%(default)s)",
    )

    resolve = action("resolve", "say whether a message was sent")
    resolve.add_argument("--key", help="its idempotency key, in place of TAG")
    resolve.add_argument(
        "--namespace",
        metavar="NAME",
        help="the namespace of the client that has the key (%(default)s)",
    )
    resolve.add_argument(
        "tag", nargs="?", metavar="TAG", help="its tag, as list prints it"
    )
    resolve.add_argument(
        "outcome",
        choices=("sent", "not_sent"),
        help="what is known now; not_sent makes its key free again, so that"
        " a repetition of the job sends it",
    )
    resolve.add_argument(
        "--message-id",
        default="",
        metavar="ID",
        help="the id of SES, for who asks with the key again",
    )


def run(arguments: argparse.Namespace) -> int:
    """Do one action."""
    from safeses import errors

    try:
        with _opened(arguments) as outcomes:
            if arguments.act == "list":
                return _list(arguments, outcomes)
            return _resolve(arguments, outcomes)
    except errors.ConfigurationError as error:
        raise CommandError(printable(str(error)), CANNOT_BEGIN) from error
    except errors.InFlightError as error:
        raise CommandError(
            "it is being sent at this moment: try again in"
            f" {error.retry_after_s:.3g} s"
        ) from error
    except errors.StoreError as error:  # whose words are about a send
        raise CommandError(
            printable(
                f"the {error.part} in {error.engine} failed: {error.problem}"
            )
        ) from error


@contextlib.contextmanager
def _opened(arguments: argparse.Namespace) -> Iterator[Outcomes]:
    """Open the ledger that *arguments* name, and close it."""
    from safeses import _payload
    from safeses._clock import SystemClock
    from safeses._open import open_state
    from safeses.ledger import Outcomes

    clock, namespace = SystemClock(), arguments.namespace
    if not namespace:
        raise CommandError("the namespace has no name", CANNOT_BEGIN)
    state, _ = open_state(arguments.state, clock, namespace=namespace)
    with contextlib.closing(state):
        _refuse_empty(state)
        yield Outcomes(
            state.ledger, lambda key: _payload.job_id(namespace, key), clock
        )


def _refuse_empty(state: State) -> None:
    """Refuse a state that cannot know of a message, as it is made now."""
    if state.survives == "nothing":
        raise CommandError(
            "the state is the memory of this command, in which nothing was"
            " sent; name the state of your clients with --state or"
            " SAFESES_STATE",
            CANNOT_BEGIN,
        )
    if state.engine == "sqlite":
        _refuse_new_file(state)


def _refuse_new_file(state: State) -> None:
    """An empty file that a slip of the pen made would look like good news."""
    from pathlib import Path

    from safeses.sqlite import SqliteState

    if isinstance(state, SqliteState):
        path = Path(state.database.path)
        if not path.exists():
            raise CommandError(
                printable(
                    f"there is no file {path}: name the one that your"
                    " clients use"
                ),
                CANNOT_BEGIN,
            )


def _list(arguments: argparse.Namespace, outcomes: Outcomes) -> int:
    sends = [*outcomes.unknown()]
    if arguments.format == "json":
        say(json.dumps({"format": FORMAT, "unknown": [*map(_plain, sends)]}))
        return 0
    for send in sends:
        say(printable(_described(send)))
    if not sends:
        say("no outcome is unknown")
    return 0


def _resolve(arguments: argparse.Namespace, outcomes: Outcomes) -> int:
    tag, key = arguments.tag, arguments.key
    if not tag and not key:
        raise CommandError(
            "name the message: its TAG, or --key KEY", CANNOT_BEGIN
        )
    if tag and key:
        raise CommandError(
            "a message has one name here: leave out its TAG, or --key",
            CANNOT_BEGIN,
        )
    is_open = outcomes.resolve(
        key or tag, arguments.outcome, message_id=arguments.message_id
    )
    if not is_open:
        name = f"key in the namespace {arguments.namespace}" if key else "tag"
        raise CommandError(
            printable(
                f"no outcome is open by that {name}; see: safeses unknown list"
            )
        )
    said = "sent" if arguments.outcome == "sent" else "not sent"
    say(f"recorded: {said}")
    return 0


def _described(send: UnknownSend) -> str:
    return (
        f"{send.tag}  {send.sent_at:%Y-%m-%d %H:%M:%S} UTC,"
        f" {many(send.attempts, 'attempt')},"
        f" {'with a' if send.has_key else 'no'} key, {send.reason}"
    )


def _plain(send: UnknownSend) -> dict[str, object]:
    return {
        "tag": send.tag,
        "sent_at": send.sent_at.isoformat(),
        "attempts": send.attempts,
        "has_key": send.has_key,
        "reason": send.reason,
    }
