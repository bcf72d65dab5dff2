"""The peak memory of a process that sends one large attachment."""

from __future__ import annotations

from typing import Final

from tests.benchmarks import _kit
from tests.benchmarks._table import Table

MIB: Final = 1024
# Just below the 40 MiB that SES takes after base64.
SIZES: Final = {"simple": 30_000_000, "raw": 30_000_000}
SMALL: Final = 100


def measure(*, quick: bool) -> Table:
    """Send the same content from a fresh process of each side."""
    part = 20 if quick else 1
    rows = []
    with _kit.server() as url:
        idle = _peak("boto3 simple", url, SMALL)
        for kind, size in SIZES.items():
            plain = _peak(f"boto3 {kind}", url, size // part)
            safe = _peak(f"safeses {kind}", url, size // part)
            for side, peak in (("boto3", plain), ("safeses", safe)):
                rows.append(
                    (
                        f"{side}, {kind}",
                        f"{size / part / 1e6:.1f}",
                        f"{peak / MIB:.0f}",
                        f"{peak / plain:.3f}",
                        f"{(peak - idle) / MIB:.0f}",
                    )
                )
    return Table(
        title="memory: peak of a process that sends one attachment",
        columns=(
            "side",
            "attachment MB",
            "peak MiB",
            "of boto3",
            "above a small mail, MiB",
        ),
        rows=rows,
    )


def _peak(side: str, url: str, size: int) -> int:
    return int(_kit.run("_attached.py", side, url, str(size)))
