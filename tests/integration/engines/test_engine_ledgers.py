"""One ledger on an engine, many processes, and some that are killed."""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from tests.engines import (
    PATIENT_S,
    SHARED,
    fresh_name,
    open_url,
    with_query,
)
from tests.integration._workers import Workers
from tests.integration.test_crash_matrix import (
    COLUMNS,
    KEY,
    TABLE,
    Cell,
    Column,
)

from safeses.testing import SimulatedSES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.engines import UrlOf

pytestmark = [
    pytest.mark.long,
    pytest.mark.server,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="has no fork"),
]

PROCESSES = 16
KEYS = [f"order-{n}/receipt" for n in range(50)]
# All on one of each kind; the others have the same ledger.
POINTS = {
    name: [*TABLE] if name in {"redis", "postgresql"} else ["submitting"]
    for name in SHARED
}
MODULES = {
    "redis": ("redis", "safeses.redis"),
    "postgresql": ("psycopg", "safeses.sql"),
    "mariadb": ("pymysql", "safeses.sql"),
    "dynamodb": ("safeses.dynamodb",),
}


@pytest.fixture(scope="module", params=SHARED)
def name(request: pytest.FixtureRequest) -> str:
    """Return the name of an engine."""
    given: str = request.param
    return given


@pytest.fixture(scope="module")
def workers(name: str) -> Iterator[Workers]:
    """Where processes come from."""
    with Workers(*MODULES[name]) as workers:
        yield workers


@pytest.fixture
def url(engine_url: UrlOf, name: str) -> str:
    """Return a state that nobody has used."""
    url = with_query(engine_url(name), timeout_s=PATIENT_S)
    open_url(url).close()
    return url


def test_equal_keys(workers: Workers, url: str) -> None:
    """Of 16 processes with the same 50 jobs one does each, all hear of it."""
    # The server that stands for DynamoDB answers one at a time.
    keys = KEYS[:5] if url.startswith("dynamodb:") else KEYS
    ses = SimulatedSES(max_send_rate=10_000)
    with ses.serve() as endpoint:
        job = {"url": endpoint, "state": url, "keys": keys}
        crowd = [workers.start(**job, seed=n) for n in range(PROCESSES)]
        said = [line for worker in crowd for line in worker.said()]
        # Who was too hurried to wait for another's answer, or was not
        # answered in time, asks again.
        late = sorted({s["key"] for s in said if "error" in s})
        heard = [s for s in said if "error" not in s]
        if late:
            heard += workers.run(**{**job, "keys": late})
    told: dict[str, set[str]] = {key: set() for key in keys}
    for line in heard:
        told[line["key"]].add(line.get("id") or line["error"])
    errors = {s["error"] for s in said if "error" in s}

    assert errors <= {"InFlightError", "StoreError"}
    assert (PROCESSES * len(keys), len(keys)) == (len(said), len(ses.sent))
    assert told == {mail.subject: {mail.message_id} for mail in ses.sent}


@pytest.mark.parametrize(
    "name, point",
    [(name, point) for name in SHARED for point in POINTS[name]],
    indirect=["name"],
)
def test_killed(workers: Workers, url: str, point: str) -> None:
    """Wherever a sender dies, its mail is sent once, or known as unknown."""

    def cell(column: Column) -> str:
        ses = SimulatedSES(max_send_rate=10_000)
        with ses.serve() as endpoint:
            job: dict[str, Any] = {
                # Another place: the clocks of the columns differ.
                "state": re.sub(r"\bt\d+_\d+", fresh_name(), url),
                "namespace": "safeses",
                "url": endpoint,
                "keys": [KEY],
                "on_unknown": column.on_unknown,
            }
            open_url(job["state"]).close()
            return Cell(workers, ses, job).ends(point, column)

    with ThreadPoolExecutor(len(COLUMNS)) as pool:
        row = list(pool.map(cell, COLUMNS))

    assert TABLE[point] == row
