"""A poller in processes of its own, on a queue of moto over HTTP."""

from __future__ import annotations

import itertools
import json
import select
import signal
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import EndpointConnectionError
from tests.integration._polling import POINTS
from tests.integration._queues import (
    END_S,
    Place,
    Server,
    await_line,
    bounce,
    ended,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Serve SQS for all tests."""
    with closing(Server()) as serving:
        yield serving


_numbers = itertools.count()


@pytest.fixture
def place(server: Server, tmp_path: Path) -> Iterator[Place]:
    """Return an empty queue and an empty state."""
    made = Place(server, tmp_path, f"events-{next(_numbers)}")
    with made.running:
        yield made


@pytest.mark.parametrize("point", POINTS)
def test_killed_anywhere(place: Place, point: str) -> None:
    """Wherever a poller is killed, each event is acted on, none is lost."""
    place.put(*map(bounce, range(3)))
    status, _, err = ended(place.begin(point))
    place.finish()
    counts = place.effect_counts()

    assert (
        (-signal.SIGKILL, "", 0),
        ["user0", "user1", "user2"],
        {"f-0", "f-1", "f-2"},
        True,
    ) == (
        (status, err, place.left()),
        place.suppressed(),
        {*counts},
        # What ran twice is the hook between whose effect and mark it died.
        sum(counts.values()) <= (4 if point in POINTS[4:6] else 3),
    )


def test_sigterm_while_a_hook_runs(place: Place) -> None:
    """SIGTERM lets the hook end and its message go; others are given back."""
    gate = place.path / "gate"
    place.put(*map(bounce, range(3)))
    process = place.begin(gate=str(gate), settings={"visibility_s": 600})
    await_line(process, "begun")
    process.send_signal(signal.SIGTERM)
    visible = 0
    until = time.monotonic() + END_S
    while visible != 2 and time.monotonic() < until:
        visible = int(
            place.sqs.get_queue_attributes(
                QueueUrl=place.url,
                AttributeNames=["ApproximateNumberOfMessages"],
            )["Attributes"]["ApproximateNumberOfMessages"]
        )
    gate.touch()
    status, out, err = ended(process)
    counts = json.loads(out.splitlines()[-1])

    assert (0, "", 2, 2, 1, 1) == (
        status,
        err,
        place.left(),
        counts["returned"],
        counts["deleted"],
        sum(place.effect_counts().values()),
    )


def test_second_signal_ends_at_once(place: Place) -> None:
    """
    A second signal ends a process whose hook never does.

    It is of another kind: two of one kind may come as one.
    """
    place.put(bounce(1))
    process = place.begin(gate=str(place.path / "never"))
    await_line(process, "begun")
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGINT)
    status, _, err = ended(process)

    assert (0, "the poller ends with 1 message in hand", 1) == (
        status,
        err.partition("WARNING ")[2].partition(",")[0],
        place.left(),
    )


def test_slow_hook_runs_once(place: Place) -> None:
    """A hook that takes longer than the visibility runs once."""
    place.put(bounce(1), bounce(2))
    pollers = [
        place.begin(hook_s=3, settings={"visibility_s": 2, "threads": 2})
        for _ in range(2)
    ]
    place.await_left(0)
    for process in pollers:
        process.send_signal(signal.SIGTERM)
    errors = [ended(process)[2] for process in pollers]

    assert (["", ""], {"f-1": 1, "f-2": 1}) == (errors, place.effect_counts())


def test_server_goes_and_comes_back(place: Place) -> None:
    """While SQS is away a poller waits; then it goes on by itself."""
    process = place.begin(settings={"own_client": True})
    place.put(bounce(1))
    await_line(process, "begun")
    place.await_left(0)
    place.server.toggle()
    with pytest.raises(EndpointConnectionError):
        place.left()
    assert process.stderr is not None
    select.select([process.stderr], [], [], END_S)
    said = process.stderr.readline()
    place.server.toggle()
    place.put(bounce(2))
    place.await_left(0)
    process.send_signal(signal.SIGTERM)
    status, _, err = ended(process)
    lines = [line.split(" (")[0] for line in (said + err).splitlines()]

    assert (
        0,
        [
            "WARNING SQS does not do ReceiveMessage",
            "INFO SQS does ReceiveMessage again",
        ],
        {"f-1": 1, "f-2": 1},
    ) == (status, lines, place.effect_counts())


def test_poison_ends_in_the_dead_letter_queue(place: Place) -> None:
    """What holds no event goes where the queue says, and blocks nobody."""
    dead = place.made(f"{place.name}-dead")
    arn = place.sqs.get_queue_attributes(
        QueueUrl=dead, AttributeNames=["QueueArn"]
    )["Attributes"]["QueueArn"]
    place.sqs.set_queue_attributes(
        QueueUrl=place.url,
        Attributes={
            "RedrivePolicy": json.dumps(
                {"deadLetterTargetArn": arn, "maxReceiveCount": 2}
            )
        },
    )
    place.put('{"broken', *map(bounce, range(12)), '{"broken')
    process = place.begin()
    place.await_left(0)
    process.send_signal(signal.SIGTERM)
    status, _, err = ended(process)

    assert (0, 2, 12, 2) == (
        status,
        place.left(dead),
        len(place.effect_counts()),
        err.count("holds no event"),
    )


def test_many_pollers_share_a_queue(place: Place) -> None:
    """Of two pollers with two threads each, every effect comes from one."""
    place.put(*map(bounce, range(300)))
    pollers = [place.begin(settings={"threads": 2}) for _ in range(2)]
    place.await_left(0)
    for process in pollers:
        process.send_signal(signal.SIGTERM)
    statuses = [ended(process)[0] for process in pollers]

    assert (
        [0, 0],
        {f"f-{n}": 1 for n in range(300)},
        300,
    ) == (statuses, place.effect_counts(), len(place.suppressed()))
