"""What an application pays for the import, as whole processes."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from typing import Final

from tests.benchmarks import _kit
from tests.benchmarks._table import Table

RUNS: Final = 15
PROGRAMS: Final = {
    "python, nothing": "pass",
    "import boto3": "import boto3",
    "import safeses": "import safeses",
    "the same, and a Client": "import safeses; safeses.Client()",
}
BASE: Final = "import boto3"
# What an application should not load before it sends.
HEAVY: Final = (
    "asyncio",
    "boto3",
    "botocore",
    "cachetools",
    "dns",
    "email",
    "email_validator",
    "hashlib",
    "http",
    "idna",
    "json",
    "logging",
    "mimetypes",
    "secrets",
    "ssl",
    "tenacity",
    "urllib3",
)
_LIST: Final = "\nimport sys; print(*sys.modules)"


def measure(*, quick: bool) -> Table:
    """Start every program in turn, again and again."""
    runs = 3 if quick else RUNS
    taken: dict[str, list[tuple[float, float]]] = {p: [] for p in PROGRAMS}
    with tempfile.TemporaryDirectory() as folder:
        environment = _with_bytecode(folder)
        # The first run compiles, and reads from the disk: not counted.
        loaded = {
            name: _modules(program, environment)
            for name, program in PROGRAMS.items()
        }
        for _ in range(runs):
            for name, program in PROGRAMS.items():
                taken[name].append(_run(program, environment))
    cpu = {n: _kit.median([c for c, _ in t]) for n, t in taken.items()}
    wall = {n: _kit.median([w for _, w in t]) for n, t in taken.items()}
    rows = []
    for name, modules in loaded.items():
        heavy = ", ".join(m for m in HEAVY if m in modules)
        rows.append(
            (
                name,
                f"{cpu[name]:.0f}",
                f"{cpu[name] / cpu[BASE]:.2f}",
                f"{wall[name]:.0f}",
                f"{wall[name] / wall[BASE]:.2f}",
                str(len(modules)),
                heavy or "none",
            )
        )
    return Table(
        title=f"import: whole processes, medians of {runs}",
        columns=(
            "program",
            "CPU ms",
            "of boto3",
            "wall ms",
            "of boto3",
            "modules",
            "heavy ones",
        ),
        rows=rows,
        notes=("All of them from bytecode, in a cache of this run.",),
    )


def _with_bytecode(folder: str) -> dict[str, str]:
    # An installed package has its bytecode, a source tree perhaps not, and
    # may not be written to: nobody shall be measured compiling.
    environment = dict(os.environ)
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment | {"PYTHONPYCACHEPREFIX": folder}


def _run(program: str, environment: dict[str, str]) -> tuple[float, float]:
    """Return the milliseconds of CPU and of wall time."""
    began, before = time.perf_counter(), _children_s()
    subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-c", program], check=True, env=environment
    )
    wall_s = time.perf_counter() - began
    return (_children_s() - before) * 1000, wall_s * 1000


def _children_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _modules(program: str, environment: dict[str, str]) -> set[str]:
    printed = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-c", program + _LIST],
        check=True,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    return set(printed.split())
