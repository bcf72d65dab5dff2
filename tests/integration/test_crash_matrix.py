"""A sender is killed at each point of a send, and others repeat its job."""

from __future__ import annotations

import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import attrs
import pytest
from tests.engines import open_url
from tests.integration._crash_worker import Ahead
from tests.integration._workers import Workers, wait_for

from safeses import Client, Email, Limits
from safeses.testing import SimulatedSES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="has no fork"),
]

KEY = "order-77/receipt"
# Longer than every lease, and than the grace of the events.
LATER_S = 100.0


@attrs.frozen
class Column:
    """
    What the callers chose, and which events arrive.

    Attributes:
        on_unknown: The choice.
        own: Whether the events of the job's own mail arrive.
        others: Whether those of other mail do.
    """

    name: str
    on_unknown: str
    own: bool = False
    others: bool = False


COLUMNS = (
    Column("hold", "hold"),
    Column("reconcile", "reconcile", own=True, others=True),
    Column("no events", "reconcile"),
    Column("own event lost", "reconcile", others=True),
    Column("resend", "resend"),
)
# How many copies SES has in the end; 1 is right. What stays unknown is
# listed as such.
TABLE = {
    "before admit": ["1", "1", "1", "1", "1"],
    "reserved": ["1", "1", "1", "1", "1"],
    "submitting": ["0 unknown", "1", "0 unknown", "1", "1"],
    "in flight": ["1 unknown", "1", "1 unknown", "2", "2"],
    "answered": ["1 unknown", "1", "1 unknown", "2", "2"],
    "recorded": ["1", "1", "1", "1", "1"],
}


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    """Where processes come from."""
    with Workers() as workers:
        yield workers


@pytest.fixture(scope="module")
def measured() -> Iterator[dict[str, list[str]]]:
    """The table as measured; shown in the end."""
    table: dict[str, list[str]] = {}
    yield table
    lines = ["", "".join(f"{c.name:>16}" for c in COLUMNS)]
    lines += [
        f"{point:<14}" + "".join(f"{cell:>16}" for cell in row)
        for point, row in table.items()
    ]
    sys.stdout.write("\n".join(lines).replace("\n   ", "\n" + " " * 17))


@attrs.frozen
class Cell:
    """One sender that is killed, and those who repeat its job."""

    workers: Workers
    ses: SimulatedSES
    job: dict[str, Any]

    def crash(self, point: str) -> None:
        """Send, and be killed at *point*."""
        if point != "in flight":
            worker = self.workers.start(**self.job, dies=point)
            worker.said()
        else:
            self.ses.faults.add("stall", first=1)
            worker = self.workers.start(**self.job)
            wait_for(lambda: self.ses.sent)
            worker.signal(signal.SIGKILL)
            worker.said()
            self.ses.faults.clear()
        assert signal.SIGKILL == worker.status

    def repeat(self, **changes: Any) -> dict[str, Any]:
        """Repeat the job in a new process; return what it was told."""
        (said,) = self.workers.run(**{**self.job, **changes})
        return said

    def bring_events(self, ses: Client, column: Column) -> None:
        """Tell the ledger of mail, as SES's events do."""
        if column.others:
            ses.send(
                Email(
                    from_email="shop@a.example",
                    to="ann@b.example",
                    subject="another mail",
                    text="Thank you.",
                )
            )
        for mail in self.ses.sent:
            if column.own if mail.subject == KEY else column.others:
                tag = mail.tags["safeses-id"]
                ses.ledger.settle(tag, mail.message_id, sent_at=mail.at)

    def ends(self, point: str, column: Column) -> str:
        """Return how many copies there are, and whether that is unknown."""
        clock = Ahead(LATER_S)
        with Client(
            self.ses.client(),
            state=open_url(
                self.job["state"],
                clock=clock,
                namespace=self.job["namespace"],
            ),
            clock=clock,
            limits=Limits(per_second=10_000),
        ) as ses:
            self.crash(point)
            at_once = self.repeat(max_wait_s=0.1)
            self.bring_events(ses, column)
            first, *others = [self.repeat(ahead_s=LATER_S) for _ in range(3)]
            unknown = [send.reason for send in ses.unknown()]
        ids = {m.message_id for m in self.ses.sent if m.subject == KEY}
        copies = sum(m.subject == KEY for m in self.ses.sent)
        told = {said.get("id") or said["error"] for said in (first, *others)}
        if unknown:
            ok = told == {"OutcomeUnknownError"} and len(unknown) == 1
        else:
            # One answer to all, which is one of SES's.
            ok = len(told) == 1 and told <= ids
            ok = ok and all(said["replayed"] for said in others)
        if at_once.get("error") not in {None, "InFlightError"}:
            ok = False
        name = f"{copies} unknown" if unknown else f"{copies}"
        return name if ok else f"{name}, but {at_once}, {first}, {others}"


@pytest.mark.parametrize("point", TABLE)
def test_killed(
    point: str,
    workers: Workers,
    measured: dict[str, list[str]],
    tmp_path: Path,
) -> None:
    """Wherever a sender dies, its mail is sent once, or known as unknown."""

    def cell(column: Column) -> str:
        path = quote(f"{tmp_path}/{column.name}.db")
        ses = SimulatedSES(max_send_rate=10_000)
        with ses.serve() as url:
            job = {
                "state": f"sqlite:///{path}",
                "namespace": "safeses",
                "url": url,
                "keys": [KEY],
                "on_unknown": column.on_unknown,
            }
            return Cell(workers, ses, job).ends(point, column)

    with ThreadPoolExecutor(len(COLUMNS)) as pool:
        row = measured[point] = list(pool.map(cell, COLUMNS))

    assert TABLE[point] == row
