"""Processes that share a rate, and what was granted to them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from bisect import bisect_left, bisect_right
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
from tests.engines import PATIENT_S, with_query

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
SIMULATOR = ROOT / "tests" / "benchmarks" / "_simulator.py"
LATENCY_S = 0.06
PROCESSES = 4
HANGS_S = 120
# What is told apart in a window of one second.
NOISE_S = 1e-6
UNLIMITED = 1e5
TRIED_S = 2.0


@attrs.frozen(kw_only=True)
class Seen:
    """
    What the processes were granted, and what SES took.

    Attributes:
        per_second: The rate that was allowed.
        grants: When each slot began, at least and at most, in order.
        counts: How many each process had.
        throttled: How often SES refused.
        taken: How many mails SES took.
        sent: How many the processes say that they sent.
        spent_s: The time that they took of a processor.
    """

    per_second: float
    grants: list[tuple[float, float]] = attrs.field(repr=False)
    counts: list[int]
    throttled: int
    taken: int
    sent: int
    spent_s: float

    @property
    def used(self) -> float:
        """The part of the rate that was used, from first to last."""
        lasted_s = self.grants[-1][0] - self.grants[0][0]
        return (len(self.grants) - 1) / lasted_s / self.per_second

    def most_in_a_second(self, begin: float = 0.0) -> int:
        """
        Return how many slots a second had for certain, from *begin* on.

        The engine's time of a slot is known as well as the call was quick:
        what may lie outside the second is not counted.
        """
        grants = [grant for grant in self.grants if grant[0] >= begin]
        most = 0
        for position, (at_least, _) in enumerate(grants):
            end = bisect_left(grants, (at_least + 1 - NOISE_S,))
            inside = [
                at_most
                for _, at_most in grants[position:end]
                if at_most < at_least + 1 - NOISE_S
            ]
            most = max(most, len(inside))
        return most

    def between(self, begin: float, end: float) -> int:
        """Return how many slots began then, about."""
        middles = sorted(sum(grant) / 2 for grant in self.grants)
        return bisect_right(middles, end) - bisect_left(middles, begin)

    def is_fair(self, within: float) -> bool:
        """Whether each has its share, but for a part of it."""
        mean = sum(self.counts) / len(self.counts)
        return all(abs(n - mean) <= within * mean for n in self.counts)


def run(
    state: str,
    *,
    per_second: float,
    threads: int,
    lasts_s: float,
    ahead_s: float = 0.0,
    allowed: float | None = None,
    over_http: bool = True,
    meanwhile: Callable[[Callable[[str], None]], object] | None = None,
) -> tuple[Seen, list[dict[str, Any]]]:
    """
    Let processes send, all at once.

    Args:
        state: Its URL.
        per_second: The account's rate.
        threads: How many each process has.
        lasts_s: How long they begin to send.
        ahead_s: How far ahead the clock of the first one is.
        allowed: What the account allows, if that is more.
        over_http: Whether SES is a server in a process of its own, and not
            a stand-in within each.
        meanwhile: Called while they send, with what tells the first
            process a line.
    """
    settings = {
        "max_send_rate": allowed or per_second,
        "latency_s": LATENCY_S,
    }
    with ExitStack() as stack:

        def begin(*command: str) -> subprocess.Popen[str]:
            process = subprocess.Popen(  # noqa: S603  # our own programs
                [sys.executable, *command],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        ses = begin(str(SIMULATOR), json.dumps(settings))
        url = line_of(ses)
        job = {
            "state": with_query(state, timeout_s=PATIENT_S),
            "ses": url if over_http else "",
            "latency_s": LATENCY_S,
            "lasts_s": lasts_s,
            "threads": threads,
            "per_second": per_second if allowed or not over_http else None,
        }
        workers = [
            begin(
                *("-m", "tests.integration._engine_worker"),
                json.dumps({**job, "ahead_s": 0.0 if number else ahead_s}),
            )
            for number in range(PROCESSES)
        ]
        assert ["ready"] * PROCESSES == [line_of(each) for each in workers]
        for each in workers:
            tell(each, "go")
        if meanwhile is not None:
            meanwhile(lambda line: tell(workers[0], line))
        reports = [json.loads(line_of(each)) for each in workers]
        report = json.loads(ses.communicate(timeout=HANGS_S)[0])
    taken = sorted(at for each in reports for at in each["taken"])
    return Seen(
        per_second=per_second,
        grants=sorted(
            (at_least, at_most)
            for each in reports
            for at_least, at_most in each["grants"]
        ),
        counts=[len(each["grants"]) for each in reports],
        throttled=report["throttled"] + refused(taken, per_second),
        taken=len(report["subjects"]) + len(taken),
        # Each has sent one before all began.
        sent=sum(each["sent"] + 1 for each in reports),
        spent_s=sum(each["spent_s"] for each in reports),
    ), reports


def attainable(state: str, *, threads: int) -> float:
    """Return about how many a second all send if nothing holds them."""
    seen, _ = run(
        state,
        per_second=UNLIMITED,
        threads=threads,
        lasts_s=TRIED_S,
        over_http=False,
    )
    return seen.used * UNLIMITED


def refused(arrivals: list[float], per_second: float) -> int:
    """Return how many a bucket of one second's worth would not take."""
    level, last, count = per_second, 0.0, 0
    for at in arrivals:
        level = min(per_second, level + (at - last) * per_second)
        last = at
        if level < 1:
            count += 1
        else:
            level -= 1
    return count


def line_of(process: subprocess.Popen[str]) -> str:
    """Return the next line that a process puts out; kill what hangs."""
    assert process.stdout is not None
    patience = threading.Timer(HANGS_S, process.kill)
    patience.start()
    try:
        return process.stdout.readline().strip()
    finally:
        patience.cancel()


def tell(process: subprocess.Popen[str], line: str) -> None:
    """Give a process a line."""
    assert process.stdin is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()
