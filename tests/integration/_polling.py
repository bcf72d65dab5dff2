"""
What the tests of the poller run as processes of their own.

``serve`` is a queue of SQS, as moto has it, that can be taken down and up
again. ``poll`` is a poller with a hook, which can be told where to die.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import boto3

from safeses import Client
from safeses.events import Bounce
from safeses.feedback import Receiver, SQSPoller

if TYPE_CHECKING:
    from collections.abc import Callable

REGION = "eu-west-1"
DIES = "SAFESES_TEST_DIES_AT"
LOOK_S = 0.02
# Where a process may die, in the order in which a message passes them.
POINTS = (
    "received",
    "before reaction",
    "after reaction",
    "in hook",
    "after hook",
    "before mark",
    "after mark",
    "before delete",
    "after delete",
)


def pass_by(point: str) -> None:
    """Die here, if this is where to die."""
    if point and os.environ.get(DIES) == point:
        os.kill(os.getpid(), signal.SIGKILL)


@attrs.frozen
class Around:
    """Something with points before and after one of its methods."""

    inner: Any
    method: str
    before: str
    after: str
    argument: tuple[int, object] | None = None

    def __getattr__(self, name: str) -> Any:
        """Return what the inner one has."""
        found = getattr(self.inner, name)
        if name != self.method:
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            counts = self.argument is None or (
                args[self.argument[0]] == self.argument[1]
            )
            if counts:
                pass_by(self.before)
            answer = found(*args, **kwargs)
            if counts and answer:
                pass_by(self.after)
            return answer

        return call


def make(
    queue_url: str,
    state: str,
    hook: Callable[[Bounce], object],
    **settings: Any,
) -> tuple[Client, SQSPoller]:
    """Return a client and its poller, with points to die at."""
    client = Client(state=state, region=REGION)
    client.on(Bounce, name="effect")(hook)
    parts = client.feedback_parts
    parts = attrs.evolve(
        parts,
        suppressions=Around(
            parts.suppressions, "add", "before reaction", "after reaction"
        ),
        # The mark of all, not those of single reactions and hooks.
        seen=Around(parts.seen, "mark", "before mark", "after mark", (1, "*")),
    )
    sqs: Any = boto3.client(
        "sqs", region_name=REGION, endpoint_url=origin(queue_url)
    )
    sqs = Around(sqs, "receive_message", "", "received")
    sqs = Around(sqs, "delete_message_batch", "before delete", "after delete")
    poller = SQSPoller(
        queue_url,
        Receiver(parts, lease_s=1),
        sqs=None if settings.pop("own_client", False) else sqs,
        **{"wait_s": 1, "visibility_s": 2, "retry_s": 1, **settings},
    )
    return client, poller


def origin(queue_url: str) -> str:
    """Return where the queue is."""
    return "/".join(queue_url.split("/")[:3])


def poll(job: dict[str, Any]) -> None:
    """Be a poller, until a signal or until the queue is empty."""
    logging.basicConfig(
        level=logging.WARNING, format="%(levelname)s %(message)s"
    )
    logging.getLogger("safeses").setLevel(logging.INFO)
    effects, gate = Path(job["effects"]), job.get("gate")
    begun = set()

    def hook(event: Bounce) -> None:
        if event.id not in begun:
            begun.add(event.id)
            print("begun", flush=True)  # noqa: T201  # what the test awaits
        pass_by("in hook")
        while gate and not Path(gate).exists():
            time.sleep(LOOK_S)
        time.sleep(job.get("hook_s", 0))
        with effects.open("a") as file:
            file.write(f"{event.feedback_id}\n")
        pass_by("after hook")

    client, poller = make(
        job["queue"], job["state"], hook, **job.get("settings", {})
    )
    with closing(client):
        print("ready", flush=True)  # noqa: T201  # the same
        if job.get("drains"):
            poller.drain()
        else:
            poller.run()
    print(json.dumps(attrs.asdict(poller.counts)), flush=True)  # noqa: T201  # the same


def serve() -> None:
    """Be SQS; each line of input takes it down, or up again."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    port = 0
    while True:
        server = ThreadedMotoServer("127.0.0.1", port, verbose=False)
        server.start()
        port = server.get_host_and_port()[1]
        print(port, flush=True)  # noqa: T201  # the same
        if not sys.stdin.readline():
            break
        server.stop()
        print("down", flush=True)  # noqa: T201  # the same
        if not sys.stdin.readline():
            break


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve()
    else:
        poll(json.loads(sys.argv[2]))
