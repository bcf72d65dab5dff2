"""
Run Amazon SES on this machine, for anything that speaks to SES over HTTP.

It throttles, counts the quota and loses answers as told, and delivers
nothing. Ctrl-C or SIGTERM ends it; then it says what it has received.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import threading
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from safeses._commands import CommandError, missing_extra, say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from safeses.testing import SimulatedSES, SimulatedTopic

NAME: Final = "simulate"
SUMMARY: Final = "run a simulated SES on this machine"

PORT: Final = 4566  # where people expect an AWS that is not AWS
RATE_PER_S: Final = 14.0
REGION: Final = "eu-west-1"
SHOWN_MAILS: Final = 10
_FLUSH_S: Final = 5.0
_LAST_PORT: Final = 65_535
_LOOK_EVERY_S: Final = 0.5  # on Windows an unbounded wait ignores Ctrl-C
_OPTIONS: Final[dict[str, Callable[[str], Any]]] = {
    "accepted": lambda text: {"yes": True, "no": False}[text],
    "after": int,
    "every": int,
    "first": int,
    "interval_s": float,
    "operation": str,
}
_SNIPPET: Final = """\
    import boto3
    ses = boto3.client("sesv2", "{region}", endpoint_url="{url}", \
aws_access_key_id="any", aws_secret_access_key="any")
    ses.send_email(FromEmailAddress="shop@example.com", \
Destination={{"ToAddresses": ["ann@example.net"]}}, \
Content={{"Simple": {{"Subject": {{"Data": "Hello"}}, \
"Body": {{"Text": {{"Data": "Hello"}}}}}}}})"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments: the account, and what is to go wrong."""
    parser.add_argument(
        "--port",
        type=_port,
        default=PORT,
        help="port on loopback; 0 takes a free one (%(default)s)",
    )
    parser.add_argument(
        "--rate",
        type=_positive,
        help=f"recipients per second ({RATE_PER_S:g}, in the sandbox 1)",
    )
    parser.add_argument(
        "--quota",
        type=_quota,
        help="recipients in 24 hours, -1 for any number (50000, in the"
        " sandbox 200)",
    )
    parser.add_argument(
        "--sandbox",
        action="store_true",
        help="take mail to verified addresses only",
    )
    parser.add_argument(
        "--verified",
        nargs="+",
        metavar="IDENTITY",
        help="verified domains and addresses (all)",
    )
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        type=_fault,
        metavar="KIND[:OPTION=VALUE,...]",
        help="let sends meet a fault, such as stall:first=1,"
        " reset_after:every=10 or status:503:after=5,first=2; may be"
        " repeated; kinds: see safeses.testing, Faults.add",
    )
    parser.add_argument(
        "--latency-s",
        type=_seconds,
        default=0.0,
        help="seconds that each answer takes (%(default)s)",
    )
    parser.add_argument(
        "--publish-to",
        metavar="URL",
        help="post the events of all mails there, signed as by an SNS topic",
    )
    parser.add_argument(
        "--certificate",
        type=Path,
        metavar="FILE",
        help="write the certificate of these signatures there, as PEM",
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve until a signal comes, then say what was received."""
    from safeses.testing import SimulatedSES

    rate = arguments.rate
    if rate is None and not arguments.sandbox:
        rate = RATE_PER_S
    ses = SimulatedSES(
        max_send_rate=rate,
        max_24_hour_send=arguments.quota,
        sandbox=arguments.sandbox,
        verified=arguments.verified,
        region=REGION,
        latency_s=arguments.latency_s,
    )
    for kind, options in arguments.fault:
        ses.faults.add(kind, **options)
    topic = _topic(arguments)
    if topic is not None:
        ses.publish_to(topic)
    server = ses.serve(port=arguments.port)
    with _signals() as ended:
        try:
            url = server.start()
        except OSError as error:
            raise CommandError(
                f"cannot listen on 127.0.0.1:{arguments.port}:"
                f" {error.strerror}; choose another --port"
            ) from error
        try:
            say(f"A simulated SES listens at {url}")
            say(f"\n{_SNIPPET.format(url=url, region=REGION)}\n")
            if topic is not None:
                say(f"Its events are posted as of the topic {topic.arn}")
            say("Ctrl-C ends it.")
            while not ended.wait(_LOOK_EVERY_S):
                pass
        finally:
            server.stop()
    ses.flush(_FLUSH_S)
    _report(ses)
    if topic is not None:
        _report_posts(topic)
    return 0


def _topic(arguments: argparse.Namespace) -> SimulatedTopic | None:
    """Return what posts the events, None if nobody wants them."""
    if arguments.publish_to is None:
        if arguments.certificate is not None:
            raise CommandError("--certificate needs --publish-to")
        return None
    from safeses.testing import SimulatedTopic

    try:
        topic = SimulatedTopic(version="2")  # which every verifier takes
        topic.subscribe(arguments.publish_to)
        if arguments.certificate is not None:
            arguments.certificate.write_bytes(topic.certificate)
    except ModuleNotFoundError as error:
        way_out = "leave out --publish-to"
        raise missing_extra("sns", "cryptography", way_out) from error
    except ValueError as error:
        raise CommandError(f"--publish-to: {error}") from error
    except OSError as error:
        raise CommandError(f"--certificate: {error.strerror}") from error
    return topic


@contextlib.contextmanager
def _signals() -> Iterator[threading.Event]:
    """Turn the signals that end a process into an event."""
    ended = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: ended.set())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield ended
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _report(ses: SimulatedSES) -> None:
    from safeses._findings import mask

    sent = ses.sent
    recipients = sum(len(mail.recipients) for mail in sent)
    say(f"\nreceived  {_listed(ses.requests)}")
    say(f"accepted  {len(sent)} mails to {recipients} recipients")
    say(f"refused   {_listed(ses.refusals)}")
    if len(sent) > SHOWN_MAILS:
        say(f"the last {SHOWN_MAILS} mails:")
    for mail in sent[-SHOWN_MAILS:]:
        first = mask(mail.recipients[0])
        others = len(mail.recipients) - 1
        also = f" and {others} more" if others else ""
        say(f"  {mail.at:%H:%M:%S}  {first}{also}  {mail.subject or ''}")


def _report_posts(topic: SimulatedTopic) -> None:
    answers = Counter(
        str(attempt.status or "no answer") for attempt in topic.attempts
    )
    say(f"posted    {_listed(answers)}")


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{n} {name}" for name, n in counts.items()) or "nothing"


def _fault(text: str) -> tuple[str, dict[str, Any]]:
    """Read ``kind:option=value,...``; a kind may hold colons itself."""
    from safeses.testing import SimulatedSES

    kind, colon, rest = text.rpartition(":")
    if not colon or "=" not in rest:
        kind, rest = text, ""
    options = {}
    try:
        for pair in rest.split(",") if rest else ():
            name, _, value = pair.partition("=")
            options[name] = _OPTIONS[name](value)
        SimulatedSES().faults.add(kind, **options)
    except KeyError as error:
        known = ", ".join(_OPTIONS)
        raise argparse.ArgumentTypeError(
            f"{error.args[0]!r} is not an option of a fault, or not a value"
            f" of one: {known}; accepted= takes yes or no"
        ) from error
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return kind, options


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None


def _positive(text: str) -> float:
    number = _number(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


def _quota(text: str) -> float:
    number = _number(text)
    return number if number == -1 else _positive(text)


def _seconds(text: str) -> float:
    number = _number(text)
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not 0 or more")
    return number


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > _LAST_PORT:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not from 0 to {_LAST_PORT}"
        )
    return int(text)
