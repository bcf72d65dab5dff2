"""Paging through a list in Redis is one pass, counted in commands."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

import pytest

from safeses.redis._connection import Server
from safeses.redis._suppressions import RedisSuppressionStore
from safeses.suppression import Suppression

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.engines import RedisServer

pytestmark = [pytest.mark.server, pytest.mark.long]

ENTRIES = 4_000
OTHERS = 2_000


@pytest.fixture
def server(own_redis: RedisServer) -> Iterator[Server]:
    """Return a Redis of which nobody else asks anything."""
    with contextlib.closing(Server(own_redis.url, timeout_s=5)) as server:
        yield server


def calls_of(server: Server) -> dict[str, int]:
    """Return how often each command was performed, in scripts too."""
    stats = server.ask("test", "INFO", "commandstats").decode()
    return {
        name: int(calls)
        for name, calls in re.findall(r"cmdstat_(\w+):calls=(\d+)", stats)
    }


@pytest.mark.parametrize("limit", [1, 7, 500, 5_000])
def test_one_pass(server: Server, limit: int) -> None:
    """Each hash is read once, and once more where a page ended in it."""
    store = RedisSuppressionStore(server)
    people = [f"p{n}@a.example" for n in range(ENTRIES)]
    for start in range(0, ENTRIES, 500):
        store.add(
            [Suppression(address=a) for a in people[start : start + 500]]
        )
    used = server.key("suppression-hashes", "safeses")
    hashes = server.ask("test", "BITCOUNT", used)
    # Keys of others, which no page may go through.
    pairs = [part for n in range(OTHERS) for part in (f"other:{n}", "1")]
    server.ask("test", "MSET", *pairs)
    server.ask("test", "CONFIG", "RESETSTAT")

    seen, pages, after = [], 0, ""
    while True:
        page = store.page(after, limit)
        seen += [entry.address for entry in page.entries]
        pages += 1
        after = page.next
        if not after:
            break
    calls = calls_of(server)

    assert (sorted(people), [], True, True) == (
        sorted(seen),
        [name for name in ("scan", "hscan", "keys") if name in calls],
        hashes <= calls["hgetall"] <= hashes + 2 * pages,
        calls.get("evalsha", 0) + calls.get("eval", 0) <= pages + 1,
    )
