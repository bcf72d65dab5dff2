"""
How much of the rate processes use that share one engine.

Four processes send at once. At 50 a second boto3 sends to a simulator in a
process of its own; at 500 a stand-in takes the mail within each process, as
boto3 would need the processors that are to be measured. An engine that is
missing has no rows.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from typing import TYPE_CHECKING, Final

import pytest
from tests import engines
from tests.benchmarks import _kit
from tests.benchmarks._table import Table
from tests.integration._engine_rates import LATENCY_S, PROCESSES, run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SECONDS: Final = 10.0
SLOW: Final = (50.0, 4)
FAST: Final = (500.0, 16)
NAMES: Final = ("redis", "postgresql", "sqlite", "mariadb")
ABSENT: Final = (pytest.skip.Exception, pytest.fail.Exception)


def measure(*, quick: bool) -> Table:
    """Let processes send on each engine, slowly and fast."""
    # For boto3 in the processes, which find no others.
    os.environ.setdefault("AWS_ACCESS_KEY_ID", "testing")
    os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "testing")
    os.environ.setdefault("AWS_DEFAULT_REGION", _kit.REGION)
    lasts_s = 2.0 if quick else SECONDS
    rows = []
    for name in NAMES:
        with contextlib.suppress(*ABSENT), _engine(name) as url:
            for per_second, threads in (SLOW, FAST):
                # Each has tables or keys that nobody has used.
                fresh = _fresh(url)
                engines.open_url(fresh).close()
                rows.append(_row(name, fresh, per_second, threads, lasts_s))
    return Table(
        title=(
            f"engine-rates: {lasts_s:g} s, {PROCESSES} processes of"
            f" {SLOW[1]} threads at {SLOW[0]:g}/s and of {FAST[1]} at"
            f" {FAST[0]:g}/s, {LATENCY_S * 1000:.0f} ms latency"
        ),
        columns=(
            "engine",
            "per second",
            "rate used",
            "throttled",
            "most in 1 s",
            "shares",
            "ms each",
        ),
        rows=rows,
        notes=(
            "Most in 1 s: the slots that certainly began within one second.",
            "Shares: the least and the most of what a process has, of what",
            "an equal part would be.",
            "Ms each: processor time of these processes for a send. A",
            "database needs as much again; where the processors have no time",
            "left, slots stay empty.",
        ),
    )


@contextlib.contextmanager
def _engine(name: str) -> Iterator[str]:
    """Start or find an engine; the value is its URL."""
    if name == "redis":
        # As is right for a state: kept, or it warns.
        with engines.RedisServer("--appendonly", "yes") as server:
            yield server.url
    elif name == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{folder}/"
    else:
        with engines.sql_database(name) as url:
            yield url


def _fresh(url: str) -> str:
    name = engines.fresh_name()
    if url.startswith("sqlite:"):
        return f"{url}{name}.db"
    return engines.with_query(url, prefix=name)


def _row(
    name: str, url: str, per_second: float, threads: int, lasts_s: float
) -> Sequence[str]:
    seen, _ = run(
        url,
        per_second=per_second,
        threads=threads,
        lasts_s=lasts_s,
        over_http=per_second == SLOW[0],
    )
    mean = sum(seen.counts) / PROCESSES
    return (
        name,
        f"{per_second:g}",
        f"{seen.used:.1%}",
        str(seen.throttled),
        str(seen.most_in_a_second()),
        f"{min(seen.counts) / mean:.0%} to {max(seen.counts) / mean:.0%}",
        f"{seen.spent_s / seen.sent * 1000:.1f}",
    )
