"""Children of a process that has sent: each answer belongs to one mail."""

from __future__ import annotations

from typing import Final

from tests.benchmarks import _kit
from tests.benchmarks._forked import CHILDREN, OUTCOMES
from tests.benchmarks._table import Table

SENDS: Final = 50


def measure(*, quick: bool) -> Table:
    """Let four children send through what their parent has used."""
    sends = 10 if quick else SENDS
    rows = []
    for side in ("safeses", "boto3"):
        with _kit.server() as url:
            counts = _kit.run("_forked.py", side, url, str(sends)).split()
        rows.append((side, *counts))
    return Table(
        title=f"fork: {CHILDREN} children, {CHILDREN * sends} sends",
        columns=("side", *OUTCOMES),
        rows=rows,
        notes=("Answers with the MessageId of one's own or another mail.",),
    )
