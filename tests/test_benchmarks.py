from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.server

ROOT = Path(__file__).resolve().parents[1]
NAMES = (
    "cpu",
    "checks",
    "state",
    "ledger",
    "events",
    "sns",
    "import",
    "copies",
)


def test_quick_figures() -> None:
    """The command prints a table for each figure it is asked for."""
    run = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "tests/benchmarks", "--quick", *NAMES],
        capture_output=True,
        check=False,
        cwd=ROOT,
        text=True,
        timeout=600,
    )
    shown = [
        name
        for name in NAMES
        if any(line.startswith(f"{name}: ") for line in run.stdout.split("\n"))
    ]

    assert (0, list(NAMES)) == (run.returncode, shown), run.stderr


def test_unknown_figure() -> None:
    """A name that is none is refused, with the names that are."""
    run = subprocess.run(
        [sys.executable, "tests/benchmarks", "speed"],
        capture_output=True,
        check=False,
        cwd=ROOT,
        text=True,
        timeout=300,
    )

    assert (2, True) == (run.returncode, "speed" in run.stderr)
