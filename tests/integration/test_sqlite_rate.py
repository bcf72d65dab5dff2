"""Processes that share one file, and with it one send rate."""

from __future__ import annotations

import json
import subprocess
import sys
from bisect import bisect_left
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from safeses._values import Limits
from safeses.sqlite._budget import SqliteBudget
from safeses.sqlite._database import Database

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.server

PER_SECOND = 50
PROCESSES = 4
LASTS_S = 6.0
HANGS_S = 120
KILLS = 5
# Says that it is ready, waits for a line, asks and waits as it is told. The
# slots are told in the file's time, which is the same for all processes.
ASKS = """
import json, sys, time
from safeses._outcome import Admission, Later
from safeses.sqlite._budget import SqliteBudget
from safeses.sqlite._database import Database

class Noting(Database):
    def now(self):
        self.said = super().now()
        return self.said

path, lasts_s = sys.argv[1], float(sys.argv[2])
database = Noting(path)
budget = SqliteBudget(database)
wish = Admission(tag="t", scope="s", recipients=(), cost=1, quota_cost=1)
budget.per_second("s")  # opens the file
slots, asked, late_s = [], 0, []
print("ready", flush=True)
sys.stdin.readline()
due = database.now()
ends_at = due + lasts_s
while database.now() < ends_at:
    answer = budget.reserve(wish)
    asked += 1
    late_s.append(database.said - due)
    if isinstance(answer, Later):
        wait_s = answer.ask_in_s
    else:
        wait_s = answer.wait_s
        slots.append(database.said + wait_s)
    due = database.said + wait_s
    time.sleep(wait_s)
database.close()
print(json.dumps([slots, asked, late_s]), flush=True)
"""
# Charges the quota, a new minute each second time, and tells of each. The
# next process finds that the time went back.
CHARGES = """
import sys
from safeses._outcome import Admission, Booked
from safeses.sqlite._budget import SqliteBudget
from safeses.sqlite._database import Database

class Racing(Database):
    minutes = 0

    def now(self):
        self.minutes += 1
        return super().now() + 30 * self.minutes

budget = SqliteBudget(Racing(sys.argv[1]))
wish = Admission(tag="t", scope="s", recipients=(), cost=1, quota_cost=1)
while True:
    if isinstance(budget.reserve(wish), Booked):
        print("charged", flush=True)
"""


def test_four_processes_share_the_rate(tmp_path: Path) -> None:
    """The rate is used, exceeded in no second, and shared evenly."""
    path = tmp_path / "mail.db"
    database = Database(path)
    limits = Limits(per_second=PER_SECOND, per_day=50_000)
    SqliteBudget(database).learn("s", limits)
    shares, asked, late_s = run(path)
    held = database.rows("test", "select total from safeses_budget")
    database.close()
    slots = sorted(slot for share in shares for slot in share)
    used = (len(slots) - 1) / ((slots[-1] - slots[0]) * PER_SECOND)
    most = max(
        bisect_left(slots, slot + 1 - 1e-6) - n for n, slot in enumerate(slots)
    )
    counts = [len(share) for share in shares]
    mean = len(slots) / PROCESSES
    # A slot is lost where all are late, a share where one is.
    lost = [sum(late) / LASTS_S for late in late_s]
    print(f"{used=:.4f} {most=} {counts=} {asked=} {lost=}")  # noqa: T201  # by -rP

    assert ([(len(slots),)], True, True, True) == (
        held,
        0.98 - sum(lost) / PROCESSES <= used <= 1.001,
        most <= PER_SECOND + 1,
        all(abs(n - mean) <= (0.12 + max(lost)) * mean for n in counts),
    )


def test_a_killed_process_leaves_no_half(tmp_path: Path) -> None:
    """However it is killed, the total is the sum, and none is missing."""
    path = tmp_path / "mail.db"
    faults = []
    charged = 0
    for kill in range(KILLS):
        with subprocess.Popen(  # noqa: S603  # a program of this test
            [sys.executable, "-c", CHARGES, path],
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            for _ in range(100 + 37 * kill):
                process.stdout.readline()
            process.kill()
            told = 100 + 37 * kill + process.stdout.read().count("charged")
        total, added = sums(path)
        # The last one may be charged, and not told any more.
        faults.append((total - added, total - charged - told in {0, 1}))
        charged = total

    assert KILLS * [(0, True)] == faults


def sums(path: Path) -> tuple[int, int]:
    """Return the total of the quota, and what its minutes add up to."""
    database = Database(path)
    ((total, newest),) = database.rows(
        "test", "select total, newest_count from safeses_budget"
    )
    ((past,),) = database.rows(
        "test", "select total(recipients) from safeses_budget_minutes"
    )
    database.close()
    return total, newest + past


def run(path: Path) -> tuple[list[list[float]], int, list[list[float]]]:
    """Let all ask; return each one's slots, how often, each one's delays."""
    with ExitStack() as stack:
        processes = []
        for _ in range(PROCESSES):
            process = stack.enter_context(
                subprocess.Popen(  # noqa: S603  # a program of this test
                    [sys.executable, "-c", ASKS, path, str(LASTS_S)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            stack.callback(process.kill)
            processes.append(process)
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        said = [
            json.loads(process.communicate(timeout=HANGS_S)[0])
            for process in processes
        ]
    slots, asked, late_s = zip(*said, strict=True)
    return [*slots], sum(asked), [*late_s]
