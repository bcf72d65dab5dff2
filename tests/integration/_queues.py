"""
A queue of moto in a process of its own, and pollers for it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import boto3
from tests.integration._polling import DIES, REGION, make

from safeses import Client

END_S = 120
SCRIPT = Path(__file__).with_name("_polling.py")


def bounce(number: int) -> str:
    """Return a hard bounce, as SES publishes it to a queue."""
    return json.dumps(
        {
            "eventType": "Bounce",
            "bounce": {
                "bounceType": "Permanent",
                "bounceSubType": "General",
                "bouncedRecipients": [
                    {"emailAddress": f"user{number}@b.example"}
                ],
                "timestamp": "2026-01-01T00:00:00.000Z",
                "feedbackId": f"f-{number}",
            },
            "mail": {
                "timestamp": "2026-01-01T00:00:00.000Z",
                "messageId": f"m-{number}",
                "source": "shop@a.example",
                "destination": [f"user{number}@b.example"],
                "tags": {},
            },
        }
    )


class Server:
    """SQS in a process of its own."""

    def __init__(self) -> None:
        """Begin to serve."""
        self.process = subprocess.Popen(  # noqa: S603  # our own script
            [sys.executable, str(SCRIPT), "serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.url = f"http://127.0.0.1:{self.told()}"
        self.sqs: Any = boto3.client(
            "sqs", region_name=REGION, endpoint_url=self.url
        )

    def told(self) -> str:
        """Return the next line that it has put out."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def toggle(self) -> None:
        """Take it down, or up again."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        self.told()

    def close(self) -> None:
        """End it."""
        self.sqs.close()
        self.process.kill()
        self.process.communicate()


class Place:
    """A queue, a state, and pollers for them."""

    def __init__(self, server: Server, path: Path, name: str) -> None:
        """Make an empty queue."""
        self.server = server
        self.sqs = server.sqs
        self.path = path
        self.name = name
        self.url = self.made(name)
        self.state = f"sqlite:///{path}/mail.db"
        self.effects = path / "effects"
        self.running = ExitStack()

    def made(self, name: str, **attributes: str) -> str:
        """Make a queue."""
        url: str = self.sqs.create_queue(
            QueueName=name, Attributes=attributes
        )["QueueUrl"]
        return url

    def put(self, *bodies: str) -> None:
        """Put messages into the queue."""
        for start in range(0, len(bodies), 10):
            self.sqs.send_message_batch(
                QueueUrl=self.url,
                Entries=[
                    {"Id": str(n), "MessageBody": body}
                    for n, body in enumerate(bodies[start : start + 10])
                ],
            )

    def begin(self, dies: str = "", **job: Any) -> subprocess.Popen[str]:
        """Begin to poll in another process."""
        process = subprocess.Popen(  # noqa: S603  # our own script
            [
                *(sys.executable, str(SCRIPT), "poll"),
                json.dumps(
                    {
                        "queue": self.url,
                        "state": self.state,
                        "effects": str(self.effects),
                        **job,
                    }
                ),
            ],
            env={**os.environ, DIES: dies},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.running.callback(process.kill)
        return process

    def finish(self) -> None:
        """Handle in this process what is left, until nothing is."""

        def hook(event: Any) -> None:
            with self.effects.open("a") as file:
                file.write(f"{event.feedback_id}\n")

        client, poller = make(self.url, self.state, hook, wait_s=0)
        until = time.monotonic() + END_S
        with closing(client):
            while self.left() and time.monotonic() < until:
                poller.drain()
                time.sleep(0.1)

    def left(self, url: str = "") -> int:
        """Return how many messages the queue has, hidden ones too."""
        names = [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
        ]
        found = self.sqs.get_queue_attributes(
            QueueUrl=url or self.url, AttributeNames=names
        )["Attributes"]
        return sum(int(found[name]) for name in names)

    def await_left(self, number: int) -> None:
        """Wait until the queue has so many messages."""
        until = time.monotonic() + END_S
        while self.left() != number and time.monotonic() < until:
            time.sleep(0.05)

    def effect_counts(self) -> Counter[str]:
        """Return how often the hook ran for each event."""
        if not self.effects.exists():
            return Counter()
        return Counter(self.effects.read_text().split())

    def suppressed(self) -> list[str]:
        """Return who is suppressed."""
        with Client(state=self.state, region=REGION) as ses:
            return sorted(
                entry.address.partition("@")[0]
                for entry in ses.suppressions.list()
            )


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Return the status of a process, and what it has put out."""
    with process:
        out, err = process.communicate(timeout=END_S)
    return process.returncode, out, err


def await_line(process: subprocess.Popen[str], line: str) -> None:
    """Wait until the process has put out a line."""
    assert process.stdout is not None
    while process.stdout.readline().strip() not in {line, ""}:
        pass
