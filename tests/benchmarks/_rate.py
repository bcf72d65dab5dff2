"""How much of an account's send rate threads use, and what it costs them."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any, Final, Literal

import attrs
from tests.benchmarks import _kit
from tests.benchmarks._table import Table

if TYPE_CHECKING:
    from collections.abc import Callable

RATE: Final = 50
LATENCY_S: Final = 0.06
SENDS: Final = 500
THREADS: Final = 16
READ_TIMEOUT_S: Final = 10


@attrs.frozen(kw_only=True)
class Side:
    """
    One way to send.

    Attributes:
        name: What the table calls it.
        account: Settings of the simulator besides rate and latency.
        retries: Those of boto3; safeses keeps to one attempt.
        threads: How many send.
        priority: That of safeses; None is boto3 alone.
    """

    name: str
    account: dict[str, Any] = attrs.field(factory=dict)
    retries: dict[str, Any] | None = None
    threads: int = THREADS
    priority: Literal["transactional", "bulk"] | None = None


SIDES: Final = (
    Side(name="safeses", priority="transactional"),
    Side(name="safeses, bulk", priority="bulk"),
    Side(
        name="safeses, bucket of 5",
        account={"burst": 5},
        priority="transactional",
    ),
    Side(
        name="safeses, rolling second",
        account={"mode": "rolling"},
        priority="transactional",
    ),
    Side(name="boto3, a loop", threads=1),
    Side(name="boto3, one attempt", retries=_kit.once()),
    Side(name="boto3, standard", retries={"mode": "standard"}),
    Side(name="boto3, adaptive", retries={"mode": "adaptive"}),
)


def measure(*, quick: bool) -> Table:
    """Let each side send as many mails to an account of its own."""
    sends = 60 if quick else SENDS
    return Table(
        title=(
            f"rate: {sends} sends, {THREADS} threads, {RATE} recipients/s,"
            f" {LATENCY_S * 1000:.0f} ms latency"
        ),
        columns=(
            "side",
            "rate used",
            "seconds",
            "accepted",
            "throttled",
            "failed",
            "lost",
            "most in 1 s",
        ),
        rows=[_row(side, sends) for side in SIDES],
        notes=(
            "The account's bucket holds one second's worth unless said.",
            "Rate used: accepted / (first to last acceptance + slot) / rate;",
            "whoever empties a full bucket at once can show more than 100 %.",
            "Throttled: answers 429. Failed: calls that raised.",
            "Lost: mails that SES never took.",
        ),
    )


def _row(side: Side, sends: int) -> tuple[str, ...]:
    failed, report = _send_all(side, sends)
    at = sorted(report["accepted_at"])
    # n grants at exactly the rate lie n - 1 slots apart: the last one's
    # slot belongs to the time, too.
    elapsed_s = (at[-1] - at[0] if at else 0.0) + 1 / RATE
    return (
        side.name,
        f"{len(at) / elapsed_s / RATE:.1%}",
        f"{elapsed_s:.1f}",
        str(len(at)),
        str(report["throttled"]),
        str(failed),
        str(sends - len(set(report["subjects"]))),
        str(_most_in_a_second(at)),
    )


def _most_in_a_second(at: list[float]) -> int:
    most = first = 0
    for last, moment in enumerate(at):
        while moment - at[first] >= 1:
            first += 1
        most = max(most, last + 1 - first)
    return most


def _send_all(side: Side, sends: int) -> tuple[int, dict[str, Any]]:
    account = {"max_send_rate": RATE, "latency_s": LATENCY_S, **side.account}
    with subprocess.Popen(  # noqa: S603  # our own program
        [
            sys.executable,
            str(_kit.HERE / "_simulator.py"),
            json.dumps(account),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            url = process.stdout.readline().strip()
            failed = _from_threads(_sender(side, url), sends, side.threads)
        finally:
            process.stdin.close()
        report: dict[str, Any] = json.loads(process.stdout.readline())
    return failed, report


def _sender(side: Side, url: str) -> Callable[[str], object]:
    client = _kit.boto3_client(url, side.retries, read_timeout=READ_TIMEOUT_S)
    if side.priority is None:
        return lambda subject: client.send_email(**_kit.parameters(subject))

    from safeses import Client

    # The account's rate is not given: safeses asks SES for it.
    ses = Client(client).with_options(priority=side.priority)
    return lambda subject: ses.send_email(**_kit.parameters(subject))


def _from_threads(
    send: Callable[[str], object], sends: int, threads: int
) -> int:
    """Send every mail once and return how many calls raised."""
    subjects: queue.SimpleQueue[str] = queue.SimpleQueue()
    for number in range(sends):
        subjects.put(f"mail {number}")
    failures: list[str] = []

    def work() -> None:
        while True:
            try:
                subject = subjects.get_nowait()
            except queue.Empty:
                return
            try:
                send(subject)
            except Exception:  # noqa: BLE001  # whatever a side raises
                failures.append(subject)

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return len(failures)
