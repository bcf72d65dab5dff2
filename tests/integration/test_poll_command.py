"""``safeses poll`` as people type it, on a queue of moto."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.integration._queues import (
    END_S,
    Place,
    Server,
    bounce,
    ended,
)

from safeses import Client

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.server

APPLICATION = """
from safeses import Client
from safeses.events import Bounce

ses = Client(state="sqlite:///mail.db", region="eu-west-1")


@ses.on(Bounce, name="effect")
def effect(event):
    with open("effects", "a") as file:
        file.write(f"{event.feedback_id}\\n")
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Serve SQS for all tests."""
    with closing(Server()) as serving:
        yield serving


@pytest.fixture
def place(
    server: Server, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Place]:
    """Return a queue, and a state that senders use."""
    name = f"typed-{abs(hash(request.node.name))}"
    made = Place(server, tmp_path, name)
    with Client(state=made.state, region="eu-west-1") as ses:
        ses.suppressions.add("first@b.example", reason="manual")
    (tmp_path / "shop.py").write_text(APPLICATION)
    with made.running:
        yield made


def typed(
    place: Place, *argv: str, before: tuple[str, ...] = ()
) -> subprocess.Popen[str]:
    """Begin what is typed, where the application is."""
    process = subprocess.Popen(  # noqa: S603  # our own command
        [*before, sys.executable, "-m", "safeses", "poll", place.url, *argv],
        cwd=place.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    place.running.callback(process.kill)
    return process


def test_once_with_a_state(place: Place) -> None:
    """With a state alone the default reactions act on what is there."""
    place.put(bounce(1), bounce(2))
    status, out, err = ended(typed(place, "--once", "--state", place.state))

    assert (
        (0, "", ["first", "user1", "user2"], 0),
        (
            "safeses: 2 handled, 0 duplicates, 0 failed, 0 ignored,"
            " 0 without an event"
        ),
    ) == (
        (status, out, place.suppressed(), place.left()),
        err.splitlines()[-1],
    )


def test_once_with_a_client(place: Place) -> None:
    """With a client its hooks run as well, and its state is used."""
    place.put(bounce(1), bounce(2))
    status, _, err = ended(typed(place, "--once", "--client", "shop:ses"))

    assert (0, {"f-1": 1, "f-2": 1}, ["first", "user1", "user2"], 1) == (
        status,
        place.effect_counts(),
        place.suppressed(),
        len(err.splitlines()),
    )


def test_once_leaves_something(place: Place) -> None:
    """What holds no event is left, told, and makes the status 1."""
    place.put('{"broken', bounce(1))
    status, _, err = ended(typed(place, "--once", "--state", place.state))

    assert (1, 1, True) == (
        status,
        place.left(),
        err.startswith("safeses: the message "),
    )


def test_no_queue(place: Place) -> None:
    """A queue that is not there is said at once, in one line."""
    place.url += "-not"
    status, _, err = ended(typed(place, "--state", place.state))

    assert (2, True, 1) == (
        status,
        err.startswith("safeses: error: SQS refuses Receive"),
        len(err.splitlines()),
    )


def test_state_that_cannot_be_written(place: Place) -> None:
    """With a state that is no use each message stays where it was."""
    place.put(bounce(1))
    (place.path / "mail.db").rename(place.path / "kept.db")
    (place.path / "mail.db").write_text("no database at all")
    status, _, err = ended(typed(place, "--once", "--client", "shop:ses"))
    (place.path / "mail.db").unlink()
    (place.path / "kept.db").rename(place.path / "mail.db")
    again, _, _ = ended(typed(place, "--once", "--client", "shop:ses"))

    assert (2, True, (0, {"f-1": 1})) == (
        status,
        err.startswith("safeses: error: the state cannot be used (clock in"),
        (again, place.effect_counts()),
    )


def test_foreign_topic(place: Place) -> None:
    """A message of another topic is left, and the remedy is told."""
    envelope = {
        "Type": "Notification",
        "MessageId": "n-1",
        "TopicArn": "arn:aws:sns:eu-west-1:123456789012:other",
        "Timestamp": "2026-01-01T00:00:00.000Z",
        "Message": bounce(1),
    }
    place.put(json.dumps(envelope))
    topic = "arn:aws:sns:eu-west-1:123456789012:ses"
    status, _, err = ended(
        typed(place, "--once", "--client", "shop:ses", "--topic-arn", topic)
    )

    assert (1, 1, True) == (
        status,
        place.left(),
        "is refused: a message comes by a topic of topic_arns, seen another"
        " topic; add the topic, or unsubscribe the queue from it" in err,
    )


def children(pid: int) -> list[int]:
    """Return the processes that *pid* has begun."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [*map(int, path.read_text().split())]


def isolated() -> tuple[str, ...]:
    """Return what makes a process the first of its namespace, if it may."""
    unshare = shutil.which("unshare")
    if unshare is None:
        return ()
    command = (unshare, "--pid", "--fork")
    done = subprocess.run(  # noqa: S603  # a tool of the system
        [*command, "true"], check=False, capture_output=True
    )
    return () if done.returncode else command


@pytest.mark.parametrize("first", [False, True], ids=["child", "PID 1"])
def test_sigterm(place: Place, *, first: bool) -> None:
    """SIGTERM ends it, also as the first process of a container."""
    before = isolated() if first else ()
    if first and not before:
        pytest.skip("no process namespace can be made here")
    heartbeat = place.path / "alive"
    process = typed(
        place,
        *("--client", "shop:ses", "--wait", "1"),
        *("--heartbeat", str(heartbeat)),
        before=before,
    )
    place.put(bounce(1))
    place.await_left(0)
    pid = children(process.pid)[0] if first else process.pid
    os.kill(pid, signal.SIGTERM)
    status, _, err = ended(process)

    assert (0, True, "safeses: 1 handled") == (
        status,
        time.time() - heartbeat.stat().st_mtime < END_S,
        err.splitlines()[-1].partition(",")[0],
    )
