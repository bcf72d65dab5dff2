"""
Figures of safeses beside those of plain boto3, from the repository's root.

    python tests/benchmarks [names...] [--quick]

Nothing here passes or fails: each figure measures all sides in one run, and
prints a table.
"""

from __future__ import annotations

import sys
from pathlib import Path


def start() -> None:
    """Run what the command line names."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

    from tests.benchmarks._run import main

    main(sys.argv[1:])


if __name__ == "__main__":
    start()
