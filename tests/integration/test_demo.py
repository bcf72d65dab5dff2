"""The demo: it holds, it is quick, and it would say so if it did not."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from safeses import Client, Email, Limits, Receipt, UnknownSend
from safeses._clock import SystemClock
from safeses._commands.demo import _feedback, _jobs, _scenes, _stopped
from safeses._commands.demo._count import lines
from safeses._commands.demo._perform import perform
from safeses._commands.demo._rich import RichShow
from safeses._seen import MemorySeenEvents
from safeses.ledger import MemoryLedger
from safeses.suppression import MemorySuppressionStore, Suppressions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from safeses._commands.demo._count import Record, Verdict
    from safeses._commands.demo._scenes import Play
    from safeses._parts import Parts

pytestmark = pytest.mark.server
# It takes 15 s; a machine that is busy and measures coverage takes longer.
LONGEST_S = 300  # a hang takes longer
# What may stand in a newcomer's environment, and must not get in.
HOSTILE = {
    "AWS_CONFIG_FILE": "/nowhere",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_PROFILE": "nobody",
    "AWS_RETRY_MODE": "adaptive",
    "AWS_USE_FIPS_ENDPOINT": "true",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "SAFESES_STATE": "sqlite:////nowhere/mail.db",
}


@attrs.define
class Silent:
    """Shows nothing and keeps what it is told."""

    held: dict[int, bool | None] = attrs.field(factory=dict)
    records: list[Record] = attrs.field(factory=list)

    def begin(self, seed: int) -> AbstractContextManager[object]:
        """Begin."""
        del seed
        return contextlib.nullcontext()

    def scene(self, title: str, mails: int) -> Callable[[], None]:
        """Count nothing."""
        del title, mails
        return lambda: None

    def told(self, record: Record) -> None:
        """Keep the record."""
        self.records.append(record)

    def end(
        self,
        records: Sequence[Record],
        verdicts: Sequence[Verdict],
        elapsed_s: float,
    ) -> None:
        """Keep the verdicts."""
        del records, elapsed_s
        self.held = {verdict.number: verdict.held for verdict in verdicts}


class Twice(Client):
    """Sends each mail again, as a careless retry would."""

    def send(self, message: Any, **options: Any) -> Receipt:
        """Send it twice."""
        super().send(message, **options)
        return super().send(message, **options)


class Never(Client):
    """Says that a mail was accepted, and loses it."""

    def send(self, message: Any, **options: Any) -> Receipt:
        """Send another one, under no name."""
        return super().send(attrs.evolve(message, tags={}), **options)


class Unchecked(Client):
    """Hands everything to boto3, whatever it looks like."""

    def send(self, message: Email, **_: Any) -> Any:  # type: ignore[override]  # cheats
        """Send without a look."""
        return self.boto3_client.send_email(
            FromEmailAddress=message.from_email,
            Destination={"ToAddresses": list(message.to)},
            Content={
                "Simple": {
                    "Subject": {"Data": message.subject},
                    "Body": {},
                }
            },
        )


class Unscreened(Client):
    """Keeps a suppression list, and does not look at it."""

    @property
    def suppressions(self) -> Suppressions:
        """Return a list that nobody asks."""
        return Suppressions(MemorySuppressionStore(), SystemClock())


class Silently(Client):
    """Leaves people out and tells nobody."""

    def send(self, message: Any, **options: Any) -> Receipt:
        """Send, and forget who was left out."""
        receipt = super().send(message, **options)
        return attrs.evolve(receipt, dropped=())


class TooFew(Client):
    """Leaves out those who may get mail, too."""

    def send(self, message: Any, **options: Any) -> Receipt:
        """Send to those in To only."""
        few = attrs.evolve(message, cc=(), bcc=())
        return super().send(few, **options)


class Keyless(Client):
    """Takes an idempotency key, and forgets it."""

    def send(self, message: Any, **options: Any) -> Receipt:
        """Send, as if it were the first time."""
        return super().send(message, **options | {"idempotency_key": None})


class Unlisted(Client):
    """Knows of no unknown outcome."""

    def unknown(self) -> Iterator[UnknownSend]:
        """Return nothing."""
        return iter(())


class Astray(Client):
    """Answers with a receipt of something else."""

    def send(self, message: Any, **options: Any) -> Receipt:
        """Send, and lose the message id."""
        receipt = super().send(message, **options)
        return attrs.evolve(receipt, message_id="another")


class Deaf(Client):
    """Suppresses whoever bounces, in a list that nobody asks."""

    @property
    def feedback_parts(self) -> Parts:
        """Return parts that change nothing."""
        return attrs.evolve(
            super().feedback_parts, suppressions=MemorySuppressionStore()
        )


class Repeating(Client):
    """Takes each delivery of an event for another event."""

    @property
    def feedback_parts(self) -> Parts:
        """Return parts that have seen nothing."""
        return attrs.evolve(super().feedback_parts, seen=MemorySeenEvents())


class Unsettled(Client):
    """Hears what became of a mail, and does not note it."""

    @property
    def feedback_parts(self) -> Parts:
        """Return parts with the ledger of somebody else."""
        parts = super().feedback_parts
        other = attrs.evolve(parts.ledger, store=MemoryLedger())
        return attrs.evolve(parts, ledger=other)


class Acting(Unscreened):
    """Hears who bounced, and mails them again."""

    @property
    def feedback_parts(self) -> Parts:
        """Return parts that change nothing."""
        return attrs.evolve(
            super().feedback_parts, suppressions=MemorySuppressionStore()
        )


def forgetful(boto3_client: Any, **options: Any) -> Client:
    """Return a client that does not know what another process did."""
    return Client(boto3_client, **(options | {"state": "memory:"}))


def too_fast(boto3_client: Any, **options: Any) -> Client:
    """Return a client that believes it may send at any rate."""
    limits = Limits(per_second=100_000)
    return Client(boto3_client, **(options | {"limits": limits}))


def test_promises_hold() -> None:
    """Any environment: all promises are named and held, in time."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "safeses", "demo", "--plain", "--seed", "2"],
        capture_output=True,
        check=False,
        env=os.environ | HOSTILE,
        text=True,
        timeout=2 * LONGEST_S,
    )
    elapsed_s = time.monotonic() - began
    verdicts = [
        line
        for line in done.stdout.splitlines()
        if line.startswith(("HELD", "BROKEN", "NOT TESTED"))
    ]

    assert (
        0,
        "",
        [
            "HELD: promise 1, never over the limit",
            "HELD: promise 2, never to somebody who must not get it",
            "HELD: promise 3, never malformed",
            "HELD: promise 4, never twice, never lost in silence",
            "HELD: promise 5, never blind",
        ],
        True,
    ) == (done.returncode, done.stderr, verdicts, elapsed_s < LONGEST_S)


@pytest.mark.parametrize(
    "make_client,play,promise",
    [
        (too_fast, _scenes.large, 1),
        (Unscreened, _stopped.suppressed, 2),
        (Silently, _stopped.suppressed, 2),
        (TooFew, _stopped.suppressed, 2),
        (Unchecked, _stopped.malformed, 3),
        (Twice, _scenes.quota, 4),
        (Never, _scenes.quota, 4),
        (Unchecked, _stopped.malformed, 4),
        (Keyless, _jobs.repeated, 4),
        (Astray, _jobs.repeated, 4),
        (forgetful, _jobs.killed, 4),
        (Unlisted, _jobs.killed, 4),
        (Deaf, _feedback.feedback, 5),
        (Repeating, _feedback.feedback, 5),
        (Unsettled, _feedback.feedback, 5),
        (Acting, _feedback.feedback, 2),
    ],
)
def test_sabotage(
    make_client: Callable[..., Client], play: Play, promise: int
) -> None:
    """A client that breaks a promise is found out, with status 1."""
    show = Silent()
    status = perform(show, scenes=[play], make_client=make_client)

    assert (1, False) == (status, show.held[promise])


@pytest.mark.parametrize(
    "play,promise",
    [
        (_scenes.large, 1),
        (_stopped.suppressed, 2),
        (_stopped.malformed, 3),
        (_scenes.quota, 4),
        (_feedback.feedback, 5),
    ],
)
def test_no_sabotage(play: Play, promise: int) -> None:
    """The same scenes hold with a client that does not cheat."""
    show = Silent()
    perform(show, scenes=[play])

    assert True is show.held[promise]


def test_what_boto3_alone_does() -> None:
    """The comparison is real: boto3 mails whom nobody may mail."""
    show = Silent()
    perform(
        show,
        scenes=[_stopped.suppressed, _stopped.malformed, _feedback.feedback],
    )
    facts = {
        record.title: (len(record.reached.leaked) if record.reached else 0)
        + record.requests * record.malformed
        for record in show.records
    }

    assert {
        "suppressed recipients": 0,
        "suppressed recipients, boto3 alone": 38,
        "malformed mail": 0,
        "malformed mail, boto3 alone": 10,
        "bounces and complaints": 0,
        "bounces and complaints, boto3 alone": 8,
    } == facts


def test_jobs_run_again() -> None:
    """A job is one mail, whoever was killed; with boto3 alone it is two."""
    show = Silent()
    perform(show, scenes=[_jobs.repeated, _jobs.killed])
    facts = {
        record.title: (
            sorted(record.copies.values()),
            [(line.said, line.mails) for line in lines(record)],
        )
        for record in show.records
    }

    assert {
        "jobs run twice": (
            [1] * 12,
            [("accepted", 12), ("accepted before", 12)],
        ),
        "jobs run twice, boto3 alone": ([2] * 12, [("accepted", 12)]),
        "a killed worker": (
            [1, 1],
            [("accepted", 1), ("accepted before", 1), ("unknown", 2)],
        ),
        "a killed worker, boto3 alone": (
            [1, 2],
            [("accepted", 2)],
        ),
    } == facts
    assert True is show.held[4]


class Gullible:
    """Believes every signature."""

    def __init__(self, topic_arns: Sequence[str], **_: object) -> None:
        """Take no notice of what is allowed."""

    def verify(self, envelope: object, **_: object) -> None:
        """Say nothing."""

    def confirm(self, envelope: object) -> bool:
        """Confirm nothing."""
        return not envelope


def test_who_believes_forged_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """A receiver that checks no signature is found out."""
    monkeypatch.setattr(_feedback, "SNSVerifier", Gullible)
    show = Silent()
    status = perform(show, scenes=[_feedback.feedback])
    heard = show.records[0].heard
    assert heard is not None

    assert (1, False, (3, 3)) == (
        status,
        show.held[5],
        (heard.forged, heard.believed),
    )


def test_without_cryptography(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it events come back unsigned, and the promise is tested."""
    monkeypatch.setattr(_feedback, "find_spec", lambda _: None)
    show = Silent()
    perform(show, scenes=[_feedback.feedback])
    heard = show.records[0].heard
    assert heard is not None

    assert (True, 0, "nothing was signed, nor forged") == (
        show.held[5],
        heard.forged,
        show.records[0].note[-30:],
    )


def test_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """On a terminal the same figures stand in a table."""
    perform(RichShow(), scenes=[_scenes.quota])
    out = capsys.readouterr().out
    words = ("48/48", "not sent: QuotaExceededError", "HELD promise 1")

    assert [True, True, True] == [word in out for word in words]
