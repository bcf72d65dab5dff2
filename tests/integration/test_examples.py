from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from safeses import Client, Limits
from safeses.testing import SimulatedSES

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "send_receipts.py"
ALL = list(range(1, 21))

pytestmark = pytest.mark.server


@pytest.fixture
def example() -> dict[str, Any]:
    """Return the names that the example defines."""
    return runpy.run_path(str(EXAMPLE))


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedSES]:
    """Serve an account over HTTP, where the example finds it."""
    ses = SimulatedSES(max_send_rate=200)
    with ses.serve() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SESV2", url)
        yield ses


def orders(example: dict[str, Any]) -> list[Any]:
    """Return twenty orders."""
    return [
        example["Order"](number, f"customer-{number}@example.net", "9.90 EUR")
        for number in ALL
    ]


def test_script_sends_each_receipt_once(simulated: SimulatedSES) -> None:
    """Started from a shell, the example sends twenty receipts."""
    run = subprocess.run(  # noqa: S603  # this interpreter, our own file
        [sys.executable, str(EXAMPLE)],
        env={**os.environ, "AWS_REGION": "eu-west-1"},
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    counts = simulated.tag_counts("order")

    assert (0, {str(n): 1 for n in ALL}) == (run.returncode, counts), (
        run.stdout + run.stderr
    )


def test_each_fault_has_its_verdict(
    simulated: SimulatedSES, example: dict[str, Any]
) -> None:
    """A lost answer is looked into, a bad address parked, a 429 retried."""
    simulated.faults.add("status:429:TooManyRequestsException", first=1)
    simulated.faults.add("reset_after", after=3, first=1)
    given = orders(example)
    given[6] = example["Order"](7, "not an address", "9.90 EUR")
    with Client(region="eu-west-1") as ses:
        verdicts = example["send_receipts"](ses, given)
    unknown = verdicts["look into"]
    copies = simulated.tag_counts("order")

    assert (
        [7],
        1,
        1,
        {"sent", "park", "look into"},
        {str(n): 1 for n in ALL if n != 7},
    ) == (
        verdicts["park"],
        len(unknown),
        simulated.throttled,
        verdicts.keys(),
        copies,
    )


def test_a_paused_account_stops_the_run(
    simulated: SimulatedSES, example: dict[str, Any]
) -> None:
    """When no receipt can be sent, all are kept and SES is left alone."""
    simulated.pause()
    with Client(region="eu-west-1", limits=Limits(per_second=200)) as ses:
        verdicts = example["send_receipts"](ses, orders(example))
    asked = simulated.requests["SendEmail"]

    assert ({"retry": ALL}, True) == (verdicts, asked <= example["THREADS"])
