"""
Handle the events that SES puts into an SQS queue, until a signal.

With --client the hooks of your application run; it names a Client, or a
Receiver, by its module. Without it the default reactions alone act, on the
state that --state names: they suppress, count, and settle what is unknown.
A message is deleted once all of its events are done. Exit status: 0, 1 if
--once has left anything, 2 if it could not be begun.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from typing import TYPE_CHECKING, Any, Final

from safeses._commands import CANNOT_BEGIN, CommandError, _application
from safeses._commands._text import note, printable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from safeses.feedback import PollCounts, Receiver, SQSPoller
    from safeses.typing import Clock, State

NAME: Final = "poll"
SUMMARY: Final = "handle the events of SES in an SQS queue"

_REPORT_EVERY_S: Final = 60.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the queue, whose events they are, and how to poll."""
    parser.add_argument(
        "queue", metavar="QUEUE_URL", help="the queue: its URL or its ARN"
    )
    whose = parser.add_mutually_exclusive_group()
    whose.add_argument(
        "--client",
        metavar="MODULE:NAME",
        help="your Client or Receiver, such as shop.mail:ses",
    )
    whose.add_argument(
        "--state",
        metavar="URL",
        help="the state of your clients (SAFESES_STATE)",
    )
    parser.add_argument(
        "--namespace",
        metavar="NAME",
        help="the namespace of your clients (safeses)",
    )
    parser.add_argument(
        "--account",
        metavar="ID",
        help="what your clients were given as account= (the namespace)",
    )
    parser.add_argument(
        "--topic-arn",
        metavar="ARN",
        dest="topics",
        action="append",
        default=[],
        help="a topic whose messages to take; all, if none is given",
    )
    parser.add_argument(
        "--threads",
        metavar="N",
        type=int,
        default=1,
        help="how many to handle at the same time (%(default)s)",
    )
    parser.add_argument(
        "--visibility",
        metavar="S",
        type=int,
        default=60,
        help="seconds until another poller gets what this one had in hand"
        " as it died (%(default)s)",
    )
    parser.add_argument(
        "--wait",
        metavar="S",
        type=int,
        default=20,
        help="seconds for which SQS waits for a message before it answers,"
        " which an idle poller may take to end, too (%(default)s)",
    )
    parser.add_argument(
        "--heartbeat",
        metavar="FILE",
        help="touch this file while all goes well",
    )
    parser.add_argument(
        "--once",
        action="store_true",
        help="empty the queue and exit",
    )


def run(arguments: argparse.Namespace) -> int:
    """Poll until a signal, or until the queue is empty."""
    from safeses._clock import SystemClock
    from safeses.errors import ConfigurationError
    from safeses.feedback import SQSPoller

    clock = SystemClock()
    try:
        with _receiver(arguments, clock) as receiver, _logged():
            poller = SQSPoller(
                arguments.queue,
                receiver,
                threads=arguments.threads,
                wait_s=arguments.wait,
                visibility_s=arguments.visibility,
                heartbeat_file=arguments.heartbeat,
                clock=clock,
            )
            with _reported(poller, clock):
                if arguments.once:
                    return 0 if poller.drain() else 1
                poller.run()
                return 0
    except ConfigurationError as error:
        raise CommandError(printable(str(error)), CANNOT_BEGIN) from error


@contextlib.contextmanager
def _receiver(
    arguments: argparse.Namespace, clock: Clock
) -> Iterator[Receiver]:
    """Return what handles messages, and close what was opened for it."""
    from safeses.feedback import Receiver

    if arguments.client is None:
        with _opened(arguments, clock) as parts:
            yield Receiver(parts, arguments.topics)
        return
    for name in ("namespace", "account"):
        if getattr(arguments, name) is not None:
            raise CommandError(
                f"--{name} is for --state; --client has its own", CANNOT_BEGIN
            )
    given = _application.named("--client", arguments.client)
    if not isinstance(given, Receiver):
        _application.check_kind("--client", arguments.client, given)
        given = Receiver(given, arguments.topics)
    elif arguments.topics:
        raise CommandError(
            "--topic-arn is for a Client; your Receiver has its own",
            CANNOT_BEGIN,
        )
    _application.refuse_memory(arguments.client, given)
    yield given


@contextlib.contextmanager
def _opened(arguments: argparse.Namespace, clock: Clock) -> Iterator[Any]:
    """Open the state that *arguments* name, as parts, and close it."""
    from safeses import _payload
    from safeses._open import open_state
    from safeses._parts import Parts
    from safeses.ledger import Outcomes

    namespace = (
        "safeses" if arguments.namespace is None else arguments.namespace
    )
    if not namespace:
        raise CommandError("the namespace has no name", CANNOT_BEGIN)
    state, _ = open_state(arguments.state, clock, namespace=namespace)
    with contextlib.closing(state):
        _refuse_empty(state)
        yield Parts(
            suppressions=state.suppressions,
            ledger=Outcomes(
                state.ledger,
                lambda key: _payload.job_id(namespace, key),
                clock,
            ),
            seen=state.seen,
            counters=state.counters,
            soft_bounces=state.soft_bounces,
            clock=clock,
            namespace=namespace,
            account=arguments.account or namespace,
        )


def _refuse_empty(state: State) -> None:
    """Refuse a state in which what is learnt would be lost to senders."""
    if state.survives == "nothing":
        raise CommandError(
            "the state is the memory of this command, where no sender looks;"
            " name the state of your clients with --state or SAFESES_STATE,"
            " or the client itself with --client",
            CANNOT_BEGIN,
        )
    if state.engine == "sqlite":
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


@contextlib.contextmanager
def _logged() -> Iterator[None]:
    """Show what is logged, unless the application has arranged for that."""
    logger = logging.getLogger("safeses")
    if logger.hasHandlers():
        yield
        return
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("safeses: %(message)s"))
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


@contextlib.contextmanager
def _reported(poller: SQSPoller, clock: Clock) -> Iterator[None]:
    """
    Write a line for each minute in which anything came, and at the end.

    If it could not begin there is nothing to tell of.
    """
    from safeses.errors import ConfigurationError

    ended = threading.Event()

    def report() -> None:
        told = poller.counts
        while not ended.is_set():
            clock.sleep(_REPORT_EVERY_S, ended)
            if poller.counts != told and not ended.is_set():
                told = poller.counts
                note(described(told))

    thread = threading.Thread(target=report, daemon=True)
    thread.start()
    has_begun = True
    try:
        yield
    except ConfigurationError:
        has_begun = False
        raise
    finally:
        ended.set()
        thread.join()
        if has_begun:
            note(described(poller.counts))


def described(counts: PollCounts) -> str:
    """Return *counts* as one line."""
    return (
        f"{counts.handled} handled, {counts.duplicates} duplicates,"
        f" {counts.failed} failed, {counts.ignored} ignored,"
        f" {counts.poison} without an event"
    )
