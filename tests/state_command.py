"""What tests of ``safeses state`` share: a used file, and the command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.keyed import KEY, LOST, World, told

from safeses._clock import SystemClock
from safeses.cli import main
from safeses.sqlite import SqliteState

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def used(directory: Path) -> str:
    """Return a file in which somebody has sent, and lost an answer."""
    clock: Any = SystemClock()
    made = World(SqliteState.open(directory / "mail.db"), clock)
    made.client().suppressions.add("eva@b.example", "bounce")
    told(made.client(), key=KEY)
    made.answers(LOST)
    told(made.client(), key="other")
    made.close()
    return f"sqlite:///{directory}/mail.db"


def run(
    capsys: pytest.CaptureFixture[str], *argv: str
) -> tuple[int, list[str], str]:
    """Return the exit status, the lines put out, and the other text."""
    status = main(["state", *argv])
    shown = capsys.readouterr()
    return status, shown.out.splitlines(), shown.err
