"""
A process that sends as fast as the rate in a shared state lets it.

Its argument is a JSON object: ``state`` and ``ses`` (URLs; of SES ``""`` for
a stand-in), ``lasts_s``, ``threads``, ``latency_s`` and, where they are
wanted, ``per_second``, if it is not to ask SES, and ``ahead_s``, by which
its clock is wrong. It says that it is ready, and waits for a line before it
sends. A later line is a rate, which it tells the state. At the end it says
as JSON what was granted to it, by the monotonic clock of the machine, and
how much time it took of a processor.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

JOB: dict[str, Any] = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}

if JOB.get("ahead_s"):
    _right = time.time
    # Before anybody takes the function.
    time.time = lambda: _right() + JOB["ahead_s"]

import boto3  # noqa: E402  # by now the clock is wrong
from botocore.config import Config  # noqa: E402  # the same
from tests.engines import state_class  # noqa: E402  # the same

from safeses import Client, Email, Limits  # noqa: E402  # the same
from safeses._outcome import Admitted  # noqa: E402  # the same
from safeses._state import ComposedState  # noqa: E402  # the same

REGION = "eu-west-1"
MAX_WAIT_S = 60.0
MAIL = Email(
    from_email="shop@a.example",
    to="eva@b.example",
    subject="News",
    text="Thank you.",
)


class StandIn:
    """
    Shaped like a boto3 client; takes mail, and costs next to nothing.

    Attributes:
        taken: When it took mail, by the monotonic clock.
    """

    single_attempt = True

    def __init__(self) -> None:
        """Begin with nothing taken."""
        self.taken: list[float] = []

    def send_email(self, **_: Any) -> Any:
        """Take a mail, and answer late."""
        self.taken.append(time.monotonic())
        time.sleep(JOB["latency_s"])
        return {
            "MessageId": "m",
            "ResponseMetadata": {"RequestId": "r", "HTTPStatusCode": 200},
        }

    def close(self) -> None:
        """Nothing is open."""


class Noting(ComposedState):
    """
    What a state is besides, it notes what it grants.

    Attributes:
        grants: When a slot begins, at least and at most.
        scope: That of the last admission.
    """

    grants: list[tuple[float, float]]
    scope: str

    def admit(self, admission: Any) -> Any:
        """Admit, and note it."""
        before = time.monotonic()
        answer = super().admit(admission)
        after = time.monotonic()
        if isinstance(answer, Admitted) and admission.recipients:
            self.scope = admission.scope
            self.grants.append((before + answer.wait_s, after + answer.wait_s))
        return answer


def main() -> None:
    """Send, and report."""
    kind: Any = type("NotingState", (Noting, state_class(JOB["state"])), {})
    state = kind.from_url(JOB["state"])
    state.grants = []
    boto: Any = StandIn()
    if JOB["ses"]:
        boto = boto3.client(
            "sesv2",
            region_name=REGION,
            endpoint_url=JOB["ses"],
            config=Config(max_pool_connections=JOB["threads"]),
        )
    learnt: list[tuple[float, float]] = []

    def listen() -> None:
        # Not by a file, which a thread would keep locked at the end.
        while line := os.read(0, 100):
            state.learn(state.scope, Limits(per_second=float(line)))
            learnt.append((time.monotonic(), float(line)))

    rate = JOB.get("per_second")
    limits = Limits(per_second=rate) if rate else None
    with (
        Client(boto, state=state, limits=limits) as ses,
        ThreadPoolExecutor(JOB["threads"]) as pool,
    ):
        ses.send(MAIL, max_wait_s=MAX_WAIT_S)
        print("ready", flush=True)  # noqa: T201  # to the test
        os.read(0, 100)
        state.grants.clear()
        threading.Thread(target=listen, daemon=True).start()
        spent_s = time.process_time()
        ends_at = time.monotonic() + JOB["lasts_s"]

        def stream() -> int:
            sent = 0
            while time.monotonic() < ends_at:
                ses.send(MAIL, max_wait_s=MAX_WAIT_S)
                sent += 1
            return sent

        streams = [pool.submit(stream) for _ in range(JOB["threads"])]
        report = {
            "sent": sum(future.result() for future in streams),
            "spent_s": time.process_time() - spent_s,
            "grants": state.grants,
            "learnt": learnt,
            "taken": getattr(boto, "taken", []),
        }
    boto.close()
    state.close()
    print(json.dumps(report), flush=True)  # noqa: T201  # the same


if __name__ == "__main__":
    main()
