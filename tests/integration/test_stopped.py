"""A sender that is stopped amid a send, and goes on when it is too late."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from tests.integration._crash_worker import Ahead
from tests.integration._workers import Worker, Workers, wait_for

from safeses import Client, Limits
from safeses.sqlite import SqliteState
from safeses.testing import SimulatedSES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from safeses.ledger import Record

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="has no fork"),
]

SCRIPT = Path(__file__).with_name("_interrupted_send.py")
HANGS_S = 300
KEY = "order-77/receipt"
# Longer than every lease.
LATER_S = 100.0


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    """Where processes come from."""
    with Workers() as workers:
        yield workers


@attrs.frozen
class Desk:
    """One file, one SES, and a client of the time when leases are over."""

    workers: Workers
    ses: SimulatedSES
    client: Client
    job: dict[str, Any]

    def start(self, **changes: Any) -> Worker:
        """Start a process with the job."""
        return self.workers.start(**{**self.job, **changes})

    def later(self, **changes: Any) -> dict[str, Any]:
        """Repeat the job after the lease; return what is told."""
        (said,) = self.start(ahead_s=LATER_S, **changes).said()
        return said

    def record(self) -> Record:
        """Return what the ledger has of the job."""
        outcomes = self.client.ledger
        found = outcomes.store.look_up(outcomes.job_id(KEY))
        assert found is not None
        return found.record

    def stopped_in_flight(self) -> Worker:
        """Start a sender, and stop it once SES has accepted its mail."""
        self.ses.faults.add("latency:1.0", first=1)
        worker = self.start()
        wait_for(lambda: self.ses.sent)
        worker.signal(signal.SIGSTOP)
        worker.stopped()
        return worker


@pytest.fixture
def desk(workers: Workers, tmp_path: Path) -> Iterator[Desk]:
    """Where one job is done."""
    path = tmp_path / "mail.db"
    clock = Ahead(LATER_S)
    ses = SimulatedSES(max_send_rate=10_000)
    with ExitStack() as stack:
        url = stack.enter_context(ses.serve())
        client = Client(
            ses.client(),
            state=SqliteState.open(path, clock=clock),
            clock=clock,
            limits=Limits(per_second=10_000),
        )
        stack.enter_context(client)
        job = {"state": f"sqlite:///{path}", "url": url, "keys": [KEY]}
        yield Desk(workers, ses, client, job)


def test_late_answer_settles(desk: Desk) -> None:
    """What others found unknown is accepted by its late answer."""
    worker = desk.stopped_in_flight()
    held = desk.later()
    unknown = [send.tag for send in desk.client.unknown()]
    tag = desk.ses.sent[0].tags["safeses-id"]
    worker.signal(signal.SIGCONT)
    (late,) = worker.said()
    again = desk.later()
    (sent,) = desk.ses.sent

    assert (
        {"key": KEY, "error": "OutcomeUnknownError"},
        [tag],
        {"key": KEY, "id": sent.message_id, "replayed": False},
        {"key": KEY, "id": sent.message_id, "replayed": True},
        [],
    ) == (held, unknown, late, again, [*desk.client.unknown()])


def test_late_answer_of_a_second_copy(desk: Desk) -> None:
    """The late one never overwrites the winner, and its id is kept."""
    worker = desk.stopped_in_flight()
    won = desk.later(on_unknown="resend")
    before = desk.record()
    worker.signal(signal.SIGCONT)
    (late,) = worker.said()
    again = desk.later()
    first, second = (mail.message_id for mail in desk.ses.sent)
    record = desk.record()

    assert (
        {"key": KEY, "id": second, "replayed": False},
        {"key": KEY, "id": first, "replayed": False},
        {"key": KEY, "id": second, "replayed": True},
    ) == (won, late, again)
    assert ("accepted", before.sent, (first,)) == (
        record.state,
        record.sent,
        record.others,
    )


@pytest.mark.parametrize("on_unknown", ["hold", "resend"])
def test_stopped_before_the_first_byte(desk: Desk, on_unknown: str) -> None:
    """Who is stopped with the job reserved finds it taken, and sends none."""
    worker = desk.start(stops="reserved", on_unknown=on_unknown)
    worker.stopped()
    won = desk.later(on_unknown=on_unknown)
    worker.signal(signal.SIGCONT)
    (late,) = worker.said()
    (sent,) = desk.ses.sent

    assert (
        {"key": KEY, "id": sent.message_id, "replayed": False},
        {"key": KEY, "error": "InFlightError"},
        "accepted",
    ) == (won, late, desk.record().state)


@pytest.mark.parametrize("engine", ["memory", "sqlite"])
@pytest.mark.parametrize(
    "kind, least", [("interrupts", 1_000), ("deaths", 100)]
)
def test_ended_anywhere(kind: str, least: int, engine: str) -> None:
    """Wherever a send is broken off, the ledger and SES agree."""
    # What measures coverage holds a lock of its own, which would stay held.
    measures = "COVERAGE_"
    done = subprocess.run(  # noqa: S603  # our own script
        [sys.executable, str(SCRIPT), kind, engine],
        env={k: v for k, v in os.environ.items() if measures not in k},
        capture_output=True,
        text=True,
        timeout=HANGS_S,
        check=False,
    )
    assert ("", 0) == (done.stderr, done.returncode)
    wrong, ends = json.loads(done.stdout)

    assert [] == wrong
    assert least < sum(ends.values())
    assert {"free 0", "accepted 1", "unknown 1"} <= ends.keys()
