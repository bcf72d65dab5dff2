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

from safeses import Client, Email, Limits, Receipt
from safeses._commands.demo import _scenes
from safeses._commands.demo._perform import perform
from safeses._commands.demo._rich import RichShow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from safeses._commands.demo._count import Record, Verdict
    from safeses._commands.demo._scenes import Play

pytestmark = pytest.mark.server
LONGEST_S = 30
# What may stand in a newcomer's environment, and must not get in.
HOSTILE = {
    "AWS_CONFIG_FILE": "/nowhere",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_PROFILE": "nobody",
    "AWS_RETRY_MODE": "adaptive",
    "AWS_USE_FIPS_ENDPOINT": "true",
    "HTTP_PROXY": "http://127.0.0.1:9",
}


@attrs.define
class Silent:
    """Shows nothing and keeps the verdicts."""

    held: dict[int, bool | None] = attrs.field(factory=dict)

    def begin(self, seed: int) -> AbstractContextManager[object]:
        """Begin."""
        del seed
        return contextlib.nullcontext()

    def scene(self, title: str, mails: int) -> Callable[[], None]:
        """Count nothing."""
        del title, mails
        return lambda: None

    def told(self, record: Record) -> None:
        """Keep nothing."""

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


def too_fast(boto3_client: Any, **options: Any) -> Client:
    """Return a client that believes it may send at any rate."""
    limits = Limits(per_second=100_000)
    return Client(boto3_client, **(options | {"limits": limits}))


def test_promises_hold() -> None:
    """Any environment: all promises are named and held, within 30 s."""
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
            "HELD: promise 3, never malformed (the basics)",
            "HELD: promise 4, never twice, never lost in silence",
        ],
        True,
    ) == (done.returncode, done.stderr, verdicts, elapsed_s < LONGEST_S)


@pytest.mark.parametrize(
    "make_client,play,promise",
    [
        (too_fast, _scenes.large, 1),
        (Unchecked, _scenes.malformed, 3),
        (Twice, _scenes.quota, 4),
        (Never, _scenes.quota, 4),
        (Unchecked, _scenes.malformed, 4),
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
    [(_scenes.large, 1), (_scenes.malformed, 3), (_scenes.quota, 4)],
)
def test_no_sabotage(play: Play, promise: int) -> None:
    """The same scenes hold with a client that does not cheat."""
    show = Silent()
    perform(show, scenes=[play])

    assert True is show.held[promise]


def test_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """On a terminal the same figures stand in a table."""
    perform(RichShow(), scenes=[_scenes.quota])
    out = capsys.readouterr().out
    words = ("48/48", "not sent: QuotaExceededError", "HELD promise 1")

    assert [True, True, True] == [word in out for word in words]
