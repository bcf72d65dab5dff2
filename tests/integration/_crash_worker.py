"""
Processes that send, made quickly: a nursery that forks one for each job.

It has loaded everything and opened nothing. It reads jobs from its input,
one JSON object a line. On its output it tells which process got which job,
what each said, who was stopped, and how each ended. It has one thread, so
that a fork is harmless. Its arguments are modules to load for all of them.
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import sys
import time
import traceback
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

import boto3
from tests.engines import state_class

from safeses import Client, Email, EventSource, Limits, SafeSESError
from safeses._clock import SystemClock
from safeses._state import ComposedState

if TYPE_CHECKING:
    from collections.abc import Callable

    from safeses._outcome import Admission, Admitted, Later, Outcome
    from safeses.ledger import Found

    Tell = Callable[[dict[str, Any]], object]

REGION = "eu-west-1"
LOOK_S = 0.01


class Ahead:
    """
    A clock of this machine that is some seconds ahead of the others.

    It is no `SystemClock`, so that engines go by it, and not by their own.
    """

    def __init__(self, ahead_s: float) -> None:
        """Be so far ahead: what took long for others is over here."""
        self.ahead_s = ahead_s
        self.sleep = SystemClock.sleep

    def monotonic(self) -> float:
        """Return the machine's seconds, and some more."""
        return time.monotonic() + self.ahead_s

    def time(self) -> float:
        """Return the machine's time, and some more."""
        return time.time() + self.ahead_s


class Dying(ComposedState):
    """
    What a state is besides, whose process is killed or stopped in a send.

    Attributes:
        dies: At which point it is killed; ``""`` is never.
        stops: At which it is stopped.
    """

    dies: str = ""
    stops: str = ""

    def admit(self, admission: Admission) -> Admitted | Later | Found:
        """Die before the job is claimed, or after."""
        self._die_at("before admit")
        answer = super().admit(admission)
        self._die_at("reserved")
        return answer

    def submit(self, claim: Any, timeout_s: float) -> None:
        """Die when it is noted, and not a byte has left."""
        super().submit(claim, timeout_s)
        self._die_at("submitting")

    def settle(self, claim: Any, outcome: Outcome) -> None:
        """Die with SES's answer in hand, or when it is written."""
        self._die_at("answered")
        super().settle(claim, outcome)
        self._die_at("recorded")

    def _die_at(self, point: str) -> None:
        if self.dies == point:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.stops == point:
            os.kill(os.getpid(), signal.SIGSTOP)


def perform(job: dict[str, Any], boto: Any, tell: Tell) -> None:
    """Do one job, and tell of each part of it."""
    kind: Any = type("DyingState", (Dying, state_class(job["state"])), {})
    clock = Ahead(job["ahead_s"]) if "ahead_s" in job else SystemClock()
    state = kind.from_url(
        job["state"],
        clock=clock,
        namespace=job.get("namespace", "safeses"),
    )
    state.dies, state.stops = job.get("dies", ""), job.get("stops", "")
    client = boto.client(
        "sesv2", region_name=REGION, endpoint_url=job.get("url")
    )
    with Client(
        client,
        state=state,
        clock=state.clock,
        limits=Limits(per_second=10_000),
        attempt_timeout_s=30.0,
        on_unknown=job.get("on_unknown", "hold"),
        events=EventSource(name="the test", grace_s=1.0),
    ) as ses:
        for address in job.get("suppress", ()):
            ses.suppressions.add(address, "bounce")
        keys = list(job.get("keys", ()))
        random.Random(job.get("seed")).shuffle(keys)  # noqa: S311  # an order, no secret
        for key in keys:
            tell({"key": key, **_sent(ses, key, job.get("max_wait_s", 10.0))})
        client.close()


def _sent(ses: Client, key: str, max_wait_s: float) -> dict[str, Any]:
    mail = Email(
        from_email="shop@a.example",
        to="eva@b.example",
        subject=key,
        text="Thank you.",
    )
    try:
        got = ses.send(mail, idempotency_key=key, max_wait_s=max_wait_s)
    except SafeSESError as error:
        return {"error": type(error).__name__}
    return {"id": got.message_id, "replayed": got.replayed}


def child(number: int, job: dict[str, Any], boto: Any) -> None:
    """Be the process of one job, to its end."""
    # Nothing of the nursery's is this process's to read.
    os.close(0)

    def tell(what: dict[str, Any]) -> None:
        line = json.dumps({"job": number, "said": what})
        os.write(1, f"{line}\n".encode())  # short enough to come whole

    try:
        perform(job, boto, tell)
    except BaseException:  # noqa: BLE001  # the test must hear of it
        tell({"error": traceback.format_exc()[-3_000:]})
    os._exit(0)


def loaded(modules: list[str]) -> Any:
    """Load what every child needs; return what makes clients."""
    for module in modules:
        import_module(module)
    boto = boto3.Session()
    boto.client("sesv2", region_name=REGION).close()  # reads the models
    return boto


def main() -> None:
    """Fork a process for each line of input, until the input ends."""
    boto = loaded(sys.argv[1:])
    running: dict[int, int] = {}
    unread, count = b"", 0
    while True:
        if select.select([0], [], [], LOOK_S)[0]:
            read = os.read(0, 65_536)
            if not read:
                break
            *lines, unread = (unread + read).split(b"\n")
            for line in lines:
                pid = os.fork()
                if not pid:
                    child(count, json.loads(line), boto)
                running[pid] = count
                sys.stdout.write(json.dumps({"job": count, "pid": pid}) + "\n")
                sys.stdout.flush()
                count += 1
        for pid in [*running]:
            changed, status = os.waitpid(pid, os.WNOHANG | os.WUNTRACED)
            if changed:
                told = {"job": running[pid], "stopped": True}
                if not os.WIFSTOPPED(status):
                    told = {"job": running.pop(pid), "ended": status}
                sys.stdout.write(json.dumps(told) + "\n")
                sys.stdout.flush()
    for pid in running:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
