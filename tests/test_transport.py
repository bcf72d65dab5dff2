"""What a transport makes of odd sockets, odd errors and its own values."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

import boto3
import pytest

from safeses import InvalidMessageError
from safeses._outcome import Claim
from safeses._plan import Submit
from safeses._transport import Boto3Transport, connect
from safeses._transport._deadline import Attempt, Watchdog

pytestmark = pytest.mark.race  # threads


class OddSocket:
    """TLS inside TLS: an object around a socket, which is none itself."""

    def __init__(self, inner: object) -> None:
        """Wrap *inner*."""
        self.socket = inner


class AngrySocket:
    """A socket of another library that does not want to be closed."""

    def close(self) -> None:
        """Refuse."""
        raise RuntimeError


def test_a_socket_inside() -> None:
    """The socket inside of a TLS tunnel is shut down at the deadline."""
    ours, theirs = socket.socketpair()
    theirs.settimeout(60)  # to fail, not to hang, if nothing is shut down
    attempt = Attempt(time.monotonic(), lambda: None)
    attempt.sock = OddSocket(ours)
    attempt.cut_off()
    with ours, theirs:
        heard = theirs.recv(1)

    assert (True, b"") == (attempt.expired, heard)


def test_the_watchdog_survives() -> None:
    """A socket that raises when it is cut off ends no other's deadline."""
    watchdog = Watchdog()
    ends = []
    for odd in (AngrySocket(), object(), None):
        attempt = Attempt(time.monotonic() + 0.01, lambda: None)
        attempt.sock = odd
        with watchdog.watch(attempt):
            give_up = time.monotonic() + 60
            while not attempt.expired and time.monotonic() < give_up:
                threading.Event().wait(0.005)
        ends.append(attempt.expired)

    assert [True] * 3 == ends


def test_no_hidden_context() -> None:
    """What botocore says of wrong types hangs nowhere on our error."""
    client = boto3.client(
        "sesv2",
        region_name="eu-west-1",
        aws_access_key_id="x",
        aws_secret_access_key="y",  # none
    )
    params: dict[str, Any] = {"Content": {"Simple": "a secret"}}
    with pytest.raises(InvalidMessageError) as caught:
        Boto3Transport(client).send(params, 1.0, lambda: None)

    assert (None, None) == (caught.value.__cause__, caught.value.__context__)


def test_submit_shows_nothing() -> None:
    """The effect that carries a mail does not show it to a crash report."""
    claim = Claim(tag="t", scope="s", cost=1, quota_cost=1)
    shown = repr(Submit(claim, {"Subject": "a secret"}, 1.0))

    assert "secret" not in shown


@pytest.mark.parametrize(
    "given, environment, expected",
    [
        ("eu-north-1", {"AWS_REGION": "eu-west-3"}, "eu-north-1"),
        (None, {"AWS_REGION": "eu-west-3"}, "eu-west-3"),
        (
            None,
            {"AWS_REGION": "eu-west-3", "AWS_DEFAULT_REGION": "eu-west-2"},
            "eu-west-2",
        ),
    ],
)
def test_region(
    monkeypatch: pytest.MonkeyPatch,
    given: str | None,
    environment: dict[str, str],
    expected: str,
) -> None:
    """The argument, then boto3's own variable, then that of Lambda."""
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert expected == connect(given).meta.region_name
