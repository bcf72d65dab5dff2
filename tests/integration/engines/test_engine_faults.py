"""
Engines that are down, die, hang, forget, or refuse to write.

Whatever happens: every call ends in time, nothing is sent that was not
permitted, and what SES took is never taken for not sent.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from tests.engines import (
    SERVERS,
    RedisServer,
    open_url,
    run_sql,
    sql_database,
)
from tests.integration._engine_world import BOUND_S, KEY, Engine
from tests.proxy import Proxy

from safeses import (
    OutcomeUnknownError,
    Receipt,
    StoreError,
    Suppression,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.engines import UrlOf

    Engines = Callable[..., Engine]

pytestmark = pytest.mark.server
LONG = pytest.mark.long

FAULTS = ("refuse", "hang", "mute")
ALWAYS = {*(("redis", f) for f in FAULTS), ("postgresql", "refuse")}
# A circuit that is open answers at once.
MANY = 50
MANY_S = 2.0


def each(*faults: str) -> pytest.MarkDecorator:
    """
    Give a test each engine and fault.

    Those of a database that wait for its time-outs, of a second each, are
    long; of two databases one is looked at every time.
    """
    return pytest.mark.parametrize(
        "world, fault",
        [
            pytest.param(
                name,
                fault,
                marks=[LONG] * ((name, fault) not in ALWAYS),
                id=f"{name}-{fault}",
            )
            for name in SERVERS
            for fault in faults
        ],
        indirect=["world"],
    )


@pytest.fixture
def engines(engine_url: UrlOf) -> Iterator[Engines]:
    """Make worlds on an engine behind a proxy."""
    with ExitStack() as stack:

        def make(name: str, url: str = "") -> Engine:
            url = url or engine_url(name)
            place = urlsplit(url)
            assert place.hostname
            assert place.port
            proxy = stack.enter_context(Proxy(place.port, place.hostname))
            world = Engine(name, url, proxy)
            stack.callback(world.close)
            return world

        yield make


@pytest.fixture(
    params=[
        name if name != "mariadb" else pytest.param(name, marks=LONG)
        for name in SERVERS
    ]
)
def world(request: pytest.FixtureRequest, engines: Engines) -> Engine:
    """Return a world on each engine."""
    return engines(request.param)


# --- No answer --------------------------------------------------------------


@each("refuse", "hang")
@pytest.mark.parametrize("key", [KEY, None])
def test_down_at_start(world: Engine, fault: str, key: str | None) -> None:
    """A first send to an engine that is down ends in time, unsent."""
    getattr(world.proxy, fault)()
    told, took_s = world.timed(key)
    sent = world.copies
    world.proxy.heal()
    recovers = world.recovers()

    assert (True, True, 0, True) == (
        world.is_said(told),
        took_s < BOUND_S[world.name],
        sent,
        recovers,
    )


@each(*FAULTS)
@pytest.mark.parametrize("key", [KEY, None])
@pytest.mark.parametrize("act", ["admit", "submit"])
def test_dies_before_the_send(
    world: Engine, act: str, key: str | None, fault: str
) -> None:
    """What dies before a byte has left keeps the mail from leaving."""
    world.send()
    world.state.before[act] = getattr(world.proxy, fault)
    told, took_s = world.timed(key)
    # Where it was noted with the slot already, nothing is asked again.
    is_asked = act not in world.state.before
    world.state.before.clear()
    sent = world.copies - 1
    world.proxy.heal()
    recovers = world.recovers()

    assert is_asked or (act, key) == ("submit", None)
    assert (is_asked, True, int(not is_asked), True) == (
        world.is_said(told),
        took_s < BOUND_S[world.name],
        sent,
        recovers,
    )


@each(*FAULTS)
@pytest.mark.parametrize("act", ["admit", "submit"])
def test_a_job_that_was_not_sent(world: Engine, act: str, fault: str) -> None:
    """A job whose send failed is free, or unknown, and never sent twice."""
    world.send()
    world.state.before[act] = getattr(world.proxy, fault)
    world.send(KEY)
    world.proxy.heal()
    world.recovers()
    before = world.copies
    first = world.later(KEY)
    second = world.later(KEY)
    copies = world.copies - before
    # Only what was noted may be held for sent.
    is_unknown = act == "submit" and fault == "mute"
    expected = OutcomeUnknownError if is_unknown else Receipt

    assert (expected, expected, int(not is_unknown)) == (
        type(first),
        type(second),
        copies,
    )


@each(*FAULTS)
def test_dies_after_the_send(world: Engine, fault: str) -> None:
    """What SES took is a receipt, and never on record as not sent."""
    world.send()
    world.state.before["settle"] = getattr(world.proxy, fault)
    told, took_s = world.timed(KEY)
    world.proxy.heal()
    world.recovers()
    before = world.copies
    state = world.recorded(KEY)
    again = [world.later(KEY) for _ in range(2)]
    replays = {getattr(answer, "replayed", None) for answer in again}
    # An answer that was swallowed was given: then it is on record.
    expected = (
        ("accepted", {True})
        if fault == "mute"
        else (
            "submitting",
            {None},
        )
    )

    assert isinstance(told, Receipt)
    assert (False, True, 0) == (
        told.recorded,
        took_s < BOUND_S[world.name],
        world.copies - before,
    )
    assert expected == (state, replays)


def test_cut_before_it_is_recorded(world: Engine) -> None:
    """A connection that died meanwhile costs no record."""
    world.send()
    world.state.before["settle"] = world.proxy.cut
    told: Any = world.send(KEY)

    assert (True, "accepted") == (told.recorded, world.recorded(KEY))


@pytest.mark.parametrize("act", ["admit", "submit"])
def test_cut_before_the_send(world: Engine, act: str) -> None:
    """A connection that was idle and is dead costs a send at most."""
    world.send()
    world.state.before[act] = world.proxy.cut
    told = world.send(KEY)
    sent = world.copies - 1
    following = world.recovers()

    assert (int(isinstance(told, Receipt)), True) == (sent, following)
    assert isinstance(told, Receipt) or world.is_said(told)


def test_a_dead_engine_is_cheap(world: Engine) -> None:
    """Sends to an engine that hangs soon fail at once."""
    world.send()
    world.proxy.hang()
    slow = [world.timed()[1] for _ in range(3)]
    quick = [world.timed() for _ in range(MANY)]
    sent = world.copies - 1

    assert (True, {True}, True, 0) == (
        max(slow) < BOUND_S[world.name],
        {world.is_said(told) for told, _ in quick},
        sum(took_s for _, took_s in quick) < MANY_S,
        sent,
    )


def test_many_threads_and_a_dead_engine(world: Engine) -> None:
    """Threads that ask at once do not queue for one another's time-outs."""
    world.send()
    world.proxy.hang()
    told: list[tuple[Any, float]] = []
    threads = [
        threading.Thread(target=lambda: told.append(world.timed()))
        for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    world.proxy.heal()
    recovers = world.recovers()

    assert ({True}, True, True) == (
        {world.is_said(answer) for answer, _ in told},
        max(took_s for _, took_s in told) < BOUND_S[world.name],
        recovers,
    )


# --- Redis ------------------------------------------------------------------


def test_redis_is_stopped(engines: Engines, own_redis: RedisServer) -> None:
    """A Redis that does not answer costs a send its time-out, no more."""
    world = engines("redis", own_redis.url)
    world.send()
    own_redis.stop_answering()
    told, took_s = world.timed(KEY)
    own_redis.go_on()
    recovers = world.recovers()

    assert (True, True, True) == (
        world.is_said(told),
        took_s < BOUND_S["redis"],
        recovers,
    )


def test_redis_restarts_empty(
    engines: Engines, own_redis: RedisServer
) -> None:
    """A Redis that forgot what was sent takes no keys until told to."""
    world = engines("redis", own_redis.url)
    world.send(KEY)
    own_redis.kill()
    down = world.send(KEY)
    own_redis.start()
    plain = world.recovers()
    before = world.copies
    refused = [world.send(KEY) for _ in range(3)]
    copies = world.copies - before
    world.state.init()
    following = world.send("another job")

    assert ([True] * 4, True, 0, Receipt) == (
        [world.is_said(told) for told in (down, *refused)],
        plain,
        copies,
        type(following),
    )


def test_redis_is_a_replica(engines: Engines, own_redis: RedisServer) -> None:
    """A Redis that takes no writes says so, and is asked again."""
    world = engines("redis", own_redis.url)
    world.send()
    with RedisServer() as primary:
        own_redis.ask("REPLICAOF", "127.0.0.1", str(primary.port))
        told = world.send(KEY)
        sent = world.copies - 1
        own_redis.ask("REPLICAOF", "NO", "ONE")
    problem = told.problem if isinstance(told, StoreError) else ""

    assert (True, True, 0) == (
        world.is_said(told),
        "replica" in problem or "read-only" in problem,
        sent,
    )


def test_scripts_are_flushed(engines: Engines, own_redis: RedisServer) -> None:
    """A Redis that has dropped its scripts gets them again, unnoticed."""
    world = engines("redis", own_redis.url)
    told: list[object] = []

    def send() -> None:
        told.extend(world.send() for _ in range(30))

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        own_redis.ask("SCRIPT", "FLUSH")
    for thread in threads:
        thread.join()

    assert ({Receipt}, 120) == ({*map(type, told)}, world.copies)


# --- SQL --------------------------------------------------------------------


@LONG
def test_postgresql_is_read_only(engines: Engines) -> None:
    """A database that takes no writes says so, and is asked again."""
    with sql_database("postgresql") as url:
        world = engines("postgresql", url)
        world.send()
        name = urlsplit(url).path[1:]
        setting = f"alter database {name} set default_transaction_read_only"
        run_sql(url, f"{setting} = on")
        world.proxy.cut()
        told = [world.send(KEY) for _ in range(3)]
        sent = world.copies - 1
        # From another database, which is not read-only.
        run_sql(
            urlsplit(url)._replace(path="/postgres").geturl(),
            f"{setting} = off",
        )
        world.proxy.cut()
        recovers = world.recovers()
        world.close()
    problem = told[-1].problem if isinstance(told[-1], StoreError) else ""

    assert ([True] * 3, True, 0, True) == (
        [world.is_said(each) for each in told],
        "read-only" in problem or "read only" in problem,
        sent,
        recovers,
    )


@pytest.mark.parametrize(
    "name", ["postgresql", pytest.param("mariadb", marks=LONG)]
)
def test_deadlocks(engine_url: UrlOf, name: str) -> None:
    """Writers in opposite orders all get their way, and none an error."""
    url = engine_url(name)
    entries = [
        Suppression(address=f"user{number}@b.example") for number in range(100)
    ]
    states = [open_url(url) for _ in range(2)]
    errors: list[object] = []

    def write(number: int) -> None:
        ordered = entries[:: 1 if number % 2 else -1]
        store = states[number % 2].suppressions
        try:
            for _ in range(5):
                store.add(ordered)
                store.remove([entry.address for entry in ordered])
        except StoreError as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    states[0].suppressions.add(entries)
    count = states[1].suppressions.count()
    for state in states:
        state.close()

    assert ([], len(entries)) == (errors, count)
