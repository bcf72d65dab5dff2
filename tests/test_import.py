"""Importing costs little, whatever is installed."""

from __future__ import annotations

import subprocess
import sys


def test_import_is_light() -> None:
    """Importing safeses loads no SDK, no framework and no validator."""
    heavy = (
        "anymail boto3 botocore cachetools django email_validator flask idna"
        " jinja2 redis sqlalchemy tenacity urllib3"
    )
    script = (
        "import sys, safeses; print(*sorted(m for m in sys.modules"
        f" if m in {heavy.split()!r}))"
    )
    ran = subprocess.run(  # noqa: S603  # our own script
        [sys.executable, "-W", "error", "-c", script],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )

    assert ("\n", "") == (ran.stdout, ran.stderr)
