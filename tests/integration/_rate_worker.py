"""
A process that sends as fast as the rate in a shared file lets it.

Arguments: the file, the URL of SES, the seconds, and a JSON object of how
many threads send what. It says that it is ready, waits for a line, sends,
and says as JSON what was granted to it, how long it waited, and what the
machine made of that.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from tests.integration._machine import Standstill

from safeses import Client, Email
from safeses._outcome import Admission, Booked, Later
from safeses.sqlite import SqliteState
from safeses.sqlite._budget import SqliteBudget

if TYPE_CHECKING:
    from collections.abc import Callable

    from safeses.errors import QuotaExceededError

REGION = "eu-west-1"
MAX_WAIT_S = 60.0
SENT = "sent"
PAUSE_S = 0.5
# When the slot was booked, to the last digit.
NOW = "select written_at from safeses_budget where scope = ?"


class Noting(SqliteBudget):
    """
    Notes what is granted, in the file's time.

    Attributes:
        grants: Priority, when the slot begins, and how far ahead it was.
        laters: How often each priority was told to come back.
    """

    grants: list[tuple[str, float, float]]
    laters: dict[str, int]

    def reset(self) -> None:
        """Forget what was noted."""
        self.grants, self.laters = [], {"transactional": 0, "bulk": 0}

    def ask(self, admission: Admission) -> Booked | Later | QuotaExceededError:
        """Ask as ever; the transaction holds the file meanwhile."""
        self._asked = admission
        return super().ask(admission)

    def _at_once(self, connection: Any, admission: Admission) -> Any:
        booked = super()._at_once(connection, admission)
        if booked is not None:
            (now,) = connection.execute(NOW, (admission.scope,)).fetchone()
            self._note(booked, now)
        return booked

    def _changed(
        self, connection: Any, name: str, act: Callable[..., Any]
    ) -> Any:
        def noted(scope: Any, now: float) -> Any:
            answer = act(scope, now)
            self._note(answer, now)
            return answer

        return super()._changed(connection, name, noted)

    def _note(self, answer: object, now: float) -> None:
        if isinstance(answer, Booked):
            slot = (self._asked.priority, now + answer.wait_s)
            self.grants.append((*slot, answer.wait_s))
        elif isinstance(answer, Later):
            self.laters[self._asked.priority] += 1


def mail(subject: str) -> Email:
    """Return a small mail."""
    return Email(
        from_email="shop@a.example",
        to="eva@b.example",
        subject=subject,
        text="Thank you.",
    )


def main() -> None:
    """Send, and report."""
    path, url, lasts_s = sys.argv[1], sys.argv[2], float(sys.argv[3])
    threads: dict[str, int] = json.loads(sys.argv[4])
    state = SqliteState.open(path)
    budget = Noting(state.database.joined())
    budget.reset()
    state._parts.budget = budget  # noqa: SLF001  # to hear of the grants
    boto = boto3.client(
        "sesv2",
        region_name=REGION,
        endpoint_url=url,
        config=Config(max_pool_connections=16),
    )
    resets = threads.pop("resets", 0)
    with (
        Client(boto, state=state) as ses,
        ThreadPoolExecutor(resets + sum(threads.values())) as pool,
    ):
        ses.send(mail("The first"))
        print("ready", flush=True)  # noqa: T201  # to the test
        sys.stdin.readline()
        budget.reset()
        ends_at = time.monotonic() + lasts_s

        def stream(priority: Any) -> list[float]:
            busy_s = []
            while time.monotonic() < ends_at:
                asked = time.monotonic()
                receipt = ses.send(
                    mail("News"), priority=priority, max_wait_s=MAX_WAIT_S
                )
                busy_s.append(time.monotonic() - asked - receipt.waited_s)
            return busy_s

        def rare() -> list[float]:
            waits = []
            while time.monotonic() < ends_at:
                receipt = ses.send(mail("Your password"))
                waits.append(receipt.waited_s)
                threading.Event().wait(PAUSE_S)
            return waits

        streams = [
            pool.submit(stream, priority)
            for priority, number in threads.items()
            for _ in range(number)
        ]
        rares = [pool.submit(rare) for _ in range(resets)]
        with Standstill() as machine:
            busy_s = [s for future in streams for s in future.result()]
        report = {
            SENT: len(busy_s),
            "busy": busy_s,
            "lost": machine.lost_s,
            "waits": [wait for future in rares for wait in future.result()],
            "grants": budget.grants,
            "laters": budget.laters,
        }
    boto.close()
    print(json.dumps(report), flush=True)  # noqa: T201  # the same


if __name__ == "__main__":
    main()
