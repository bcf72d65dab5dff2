"""Seen events, counters and soft bounces: what only Redis does."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from safeses._counters import KEEP_S
from safeses.errors import StoreError
from safeses.redis._connection import Server
from safeses.redis._counters import RedisCounters
from safeses.redis._seen import RedisSeenEvents
from safeses.redis._soft_bounces import RedisSoftBounces
from safeses.testing import (
    FakeClock,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


pytestmark = [pytest.mark.server, pytest.mark.long]

DAY_S = 86_400.0
MINUTE_S = 60
HOUR_S = 3_600.0
THREADS = 16


@pytest.fixture
def clock() -> FakeClock:
    """Return the time of the stores."""
    return FakeClock()


@pytest.fixture
def server(redis_url: str, clock: FakeClock) -> Iterator[Server]:
    """Return where keys of our own are asked."""
    with contextlib.closing(Server(redis_url, clock=clock)) as server:
        yield server


@pytest.fixture
def real(redis_url: str) -> Iterator[Server]:
    """Return the same, at the time of Redis."""
    with contextlib.closing(Server(redis_url, timeout_s=5)) as server:
        yield server


# --- What only Redis can do --------------------------------------------------


def test_goes_by_itself(server: Server, clock: FakeClock) -> None:
    """Nothing stays for ever, and nothing goes too early."""
    seen, counters = RedisSeenEvents(server), RedisCounters(server)
    bounces = RedisSoftBounces(server)
    now = clock.time()
    seen.mark("e", "log", DAY_S)
    seen.hold("e", HOUR_S, "ann")
    counters.add("s", {"a": 1}, now + 10 * DAY_S)
    bounces.add("ann", "e", now, 0)
    bounces.add("ann", "f", now - 20 * DAY_S, 0)
    day = int(now // DAY_S) + 10
    left_s = [
        server.ask("test", "TTL", server.key(*names))
        for names in (
            ("seen", "safeses", "e", "log"),
            ("held", "safeses", "e"),
            ("day", str(day)),
            ("soft", "safeses", "ann"),
        )
    ]

    assert [True, True, True, True] == [
        least - 10 <= left <= most
        for left, least, most in zip(
            left_s,
            (DAY_S, HOUR_S, 10 * DAY_S + KEEP_S, KEEP_S),
            (
                DAY_S + MINUTE_S,
                HOUR_S + MINUTE_S,
                13 * DAY_S + KEEP_S,
                KEEP_S + DAY_S,
            ),
            strict=True,
        )
    ]


def test_lists_are_tidied(server: Server, clock: FakeClock) -> None:
    """Days and addresses that are gone are not listed for ever."""
    counters, bounces = RedisCounters(server), RedisSoftBounces(server)
    now = clock.time()
    counters.add("s", {"a": 1}, now)
    for address in ("ann", "bob"):
        bounces.add(address, "e", now, 0)
    bounces.clear(["bob"], now)
    today = server.key("day", str(int(now // DAY_S)))
    server.ask("test", "DEL", today, server.key("soft", "safeses", "ann"))
    clock.advance(40 * DAY_S)
    counters.add("s", {"a": 10}, clock.time())
    bounces.add("eva", "e", clock.time(), 0)
    days = server.ask("test", "ZCARD", server.key("days"))
    key = server.key("soft-addresses", "safeses")

    assert (1, [b"eva"], {"a": 10}) == (
        days,
        server.ask("test", "ZRANGE", key, 0, -1),
        counters.totals("s", ["a"], 0),
    )


def test_threads_and_lost_scripts(real: Server) -> None:
    """Of sixteen threads one marks and one holds, though scripts go."""
    seen, counters = RedisSeenEvents(real), RedisCounters(real)
    bounces = RedisSoftBounces(real)
    now = real.clock.time()

    def act(number: int) -> tuple[int, int, list[int]]:
        marked = held = 0
        told = []
        for n in range(20):
            if number == 0:
                real.ask("test", "SCRIPT", "FLUSH")
            held += seen.hold(f"e{n}", HOUR_S, f"{number}")
            marked += seen.mark(f"e{n}", "log", DAY_S)
            counters.add("s", {"all": 1, "each": 2}, now)
            told.append(bounces.add("ann", f"{number} {n}", now, 0))
        return marked, held, told

    with ThreadPoolExecutor(THREADS) as pool:
        done = [*pool.map(act, range(THREADS))]
    told = sorted(number for *_, each in done for number in each)

    assert (20, 20, {"all": 320, "each": 640}, [*range(1, 321)]) == (
        sum(marked for marked, *_ in done),
        sum(held for _, held, _ in done),
        counters.totals("s", ["all", "each"], now - HOUR_S),
        told,
    )


class Watched(Server):
    """Counts how often Redis is asked."""

    asked: int = 0

    def run(self, *args: Any, **options: Any) -> Any:
        """Run a script."""
        self.asked += 1
        return super().run(*args, **options)

    def ask(self, *args: Any, **options: Any) -> Any:
        """Perform a command."""
        self.asked += 1
        return super().ask(*args, **options)


def test_one_question_each(redis_url: str, clock: FakeClock) -> None:
    """Each call asks Redis once."""
    now = clock.time()
    people = [f"a{n}" for n in range(50)]
    asked = []
    with contextlib.closing(Watched(redis_url, clock=clock)) as server:
        seen, counters = RedisSeenEvents(server), RedisCounters(server)
        bounces = RedisSoftBounces(server)
        acts: list[Callable[[], Any]] = [
            lambda: seen.has("e", "log"),
            lambda: seen.mark("e", "log", DAY_S),
            lambda: seen.hold("e", HOUR_S, "ann"),
            lambda: seen.release("e", "ann"),
            lambda: counters.add("s", {"a": 1, "b": 2}, now),
            lambda: counters.totals("s", ["a", "b"], now - 30 * DAY_S),
            lambda: bounces.add("ann", "e", now, 0),
            lambda: bounces.count("ann", 0),
            lambda: bounces.clear(people, now),
        ]
        for act in acts:
            server.asked = 0
            act()
            asked.append(server.asked)

    assert [1] * 9 == asked


def test_another_type(server: Server, clock: FakeClock) -> None:
    """What others have put there is an outage, and never "none"."""
    now = clock.time()
    for names in (
        ("seen", "safeses", "e", "log"),
        ("held", "safeses", "e"),
        ("days",),
        ("soft", "safeses", "ann"),
    ):
        server.ask("test", "LPUSH", server.key(*names), "x")
    seen, counters = RedisSeenEvents(server), RedisCounters(server)
    bounces = RedisSoftBounces(server)
    parts = []
    acts: list[Callable[[], Any]] = [
        lambda: seen.has("e", "log"),
        lambda: seen.hold("e", HOUR_S, "ann"),
        lambda: counters.totals("s", ["a"], 0),
        lambda: bounces.count("ann", now),
    ]
    for act in acts:
        with pytest.raises(StoreError) as refusal:
            act()
        parts.append(refusal.value.part)

    assert ["seen events", "seen events", "counters", "soft bounces"] == parts
