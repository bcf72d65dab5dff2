"""The command line: which figures, and of which versions."""

from __future__ import annotations

import argparse
import logging
import os
import platform
import time
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

FIGURES: Final = {
    "cpu": "_cpu",
    "checks": "_checks",
    "state": "_state",
    "engines": "_engines",
    "engine-rates": "_engine_rates",
    "lookups": "_engine_lookups",
    "events": "_events",
    "sns": "_sns",
    "ledger": "_ledger",
    "rate": "_rate",
    "copies": "_copies",
    "fork": "_fork",
    "import": "_import",
    "memory": "_memory",
}
# Ten million rows in each engine: only where asked for.
HUGE: Final = {"lookups"}
PACKAGES: Final = (
    "boto3",
    "botocore",
    "urllib3",
    "attrs",
    "tenacity",
    "django-ses",
    "django-anymail",
    "email-validator",
    "cryptography",
)


def main(arguments: Sequence[str]) -> None:
    """Measure what *arguments* name, and print it."""
    parser = argparse.ArgumentParser(
        prog="python tests/benchmarks",
        description="Figures of safeses beside those of plain boto3.",
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="name",
        help=f"of {', '.join(FIGURES)}; all by default, but for"
        f" {', '.join(HUGE)}",
    )
    parser.add_argument(
        "--quick", action="store_true", help="a look, not a measurement"
    )
    chosen = parser.parse_args(arguments)
    unknown = set(chosen.names) - FIGURES.keys()
    if unknown:
        parser.error(f"no figure is called {', '.join(sorted(unknown))}")
    # What the faults make safeses log stands in the tables.
    logging.getLogger("safeses").addHandler(logging.NullHandler())
    print(heading(), flush=True)
    for name in chosen.names or [n for n in FIGURES if n not in HUGE]:
        figure = import_module(f"tests.benchmarks.{FIGURES[name]}")
        began = time.monotonic()
        table = figure.measure(quick=chosen.quick)
        print(f"\n[{name}: {time.monotonic() - began:.0f} s]")
        table.show()


def heading() -> str:
    """Return what was measured where, without the machine's name."""
    found = []
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return (
        f"Python {platform.python_version()}, {platform.system()},"
        f" {os.cpu_count()} CPUs\n{', '.join(found)}"
    )
