"""A Redis that has lost something, or is full, or holds something else."""

from __future__ import annotations

import datetime as dt
import re
import time
from typing import TYPE_CHECKING

import attrs
import pytest
from tests.engines import HOST, RedisServer
from tests.integration._redis_acts import (
    PATIENCE_S,
    SCOPE,
    accepted,
    admitted,
    attempt,
    rejected,
    wish,
)
from tests.proxy import Proxy

from safeses._job import Job
from safeses._outcome import Deferred, Unknown
from safeses._suppressed import Suppression
from safeses._values import Account, Limits
from safeses.errors import (
    OutcomeUnknownError,
    QuotaExceededError,
    StoreError,
)
from safeses.redis import RedisState, Server
from safeses.redis._ledger_rows import text_of
from safeses.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from safeses._outcome import Claim

pytestmark = pytest.mark.server

# A replica, on a busy machine.
ARRIVES_S = 60.0


@pytest.fixture
def state(redis_url: str) -> Iterator[RedisState]:
    """Return a state that nobody has used, with the server's time."""
    state = RedisState.from_url(redis_url, timeout_s=PATIENCE_S)
    yield state
    state.close()


def outcome(state: RedisState, number: int) -> str:
    """Return how far a job is, ``""`` if nothing is known of it."""
    found = state.look_up(f"{number:064x}")
    return found.record.state if found else ""


def test_restarted_empty(own_redis: RedisServer) -> None:
    """Who has seen the data refuses keyed mail until somebody says so."""
    old = RedisState.from_url(own_redis.url, timeout_s=PATIENCE_S)
    admitted(old, wish(1, keyed=True))
    own_redis.kill()
    own_redis.start()
    # A process that begins then has seen nothing else.
    new = RedisState.from_url(own_redis.url, timeout_s=PATIENCE_S)
    said = [type(attempt(new, wish(2, keyed=True))).__name__]
    refusal = attempt(old, wish(1, keyed=True))
    said.append(type(_look_up(old)).__name__)
    said.append(type(attempt(old, wish(3))).__name__)
    new.init()
    said.append(type(attempt(old, wish(4, keyed=True))).__name__)
    old.close()
    new.close()

    assert ["Admitted", "StoreError", "Admitted", "Admitted"] == said
    assert "safeses state init" in str(refusal)


def _look_up(state: RedisState) -> object:
    try:
        return state.look_up("0" * 64)
    except StoreError as error:
        return error


def test_an_old_acknowledgement_says_nothing(own_redis: RedisServer) -> None:
    """Another Redis that was once acknowledged is another one still."""
    state = RedisState.from_url(own_redis.url, timeout_s=PATIENCE_S)
    state.init()
    admitted(state, wish(1, keyed=True))
    key = state.server.key("epoch")
    state.server.ask("test", "HSET", key, "id", "another")

    assert StoreError is type(attempt(state, wish(2, keyed=True)))


def test_a_list_that_vanished(state: RedisState, redis_url: str) -> None:
    """Nobody is mailed where the suppressed were, and are not any more."""
    entry = Suppression(address="bob@example.com", reason="bounce")
    state.suppressions.add([entry])
    other = RedisState.from_url(redis_url, timeout_s=PATIENCE_S)
    admitted(other, wish(1))
    state.server.ask(
        "test", "DEL", state.server.key("suppressions", "safeses")
    )
    refused = attempt(other, wish(2))
    other.close()

    assert StoreError is type(refused)


# --- A Redis that restarts empty ---------------------------------------------


LIMITS = Limits(per_second=3, per_day=5)
ACCOUNT = Account(
    max_send_rate=3,
    max_24_hour_send=5,
    as_of=dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc),
)


@pytest.mark.parametrize("known", [LIMITS, ACCOUNT])
def test_limits_are_told_again(
    own_redis: RedisServer, known: Limits | Account
) -> None:
    """Who has learnt rate and quota tells a Redis that has lost them."""
    state = RedisState.from_url(own_redis.url, timeout_s=PATIENCE_S)
    state.learn(SCOPE, known)
    own_redis.ask("FLUSHALL")
    rates = [state.per_second(SCOPE)]
    booked = admitted(state, wish(1))
    rates += [booked.limit_per_s, state.per_second(SCOPE)]
    # From then on others may tell it otherwise.
    other = RedisState.from_url(own_redis.url, timeout_s=PATIENCE_S)
    rates.append(other.per_second(SCOPE))
    other.learn(SCOPE, Limits(per_second=7))
    rates.append(state.per_second(SCOPE))
    key = state.budget.keys(SCOPE)[0]
    per_day = state.server.ask("test", "HEXISTS", key, "per_day")
    state.close()
    other.close()

    assert ([3, 3, 3, 3, 7], 0) == (rates, per_day)


def test_a_quota_is_told_again(own_redis: RedisServer) -> None:
    """A day's limit holds from the first mail after a loss."""
    state = RedisState.from_url(own_redis.url, timeout_s=PATIENCE_S)
    state.learn(SCOPE, LIMITS)
    own_redis.ask("FLUSHALL")
    # Giving back and a throttle may come first.
    state.budget.throttled(SCOPE, "rate")
    try:
        refused: object = state.admit(wish(1, quota_cost=6))
    except QuotaExceededError as error:
        refused = error
    state.close()

    assert isinstance(refused, QuotaExceededError)
    assert 5 == refused.limit_per_day


def test_an_outcome_after_a_loss(own_redis: RedisServer) -> None:
    """A job that is lost before its mail leaves is not sent; after, noted."""
    state = RedisState.from_url(own_redis.url, timeout_s=PATIENCE_S)
    left, held = (admitted(state, wish(n, keyed=True)).claim for n in (1, 2))
    state.submit(left, 10)
    own_redis.kill()
    own_redis.start()
    with pytest.raises(StoreError):
        state.submit(held, 10)
    state.settle(left, accepted())
    state.settle(held, Deferred(by="unreachable"))
    new = RedisState.from_url(own_redis.url, timeout_s=PATIENCE_S)
    known = outcome(new, 1), outcome(new, 2)
    state.close()
    new.close()

    assert ("accepted", "") == known


# --- A Redis that is full, or that others write to ---------------------------


def test_a_full_memory(own_redis: RedisServer) -> None:
    """Nothing more is sent, and what was sent is recorded all the same."""
    state = RedisState.from_url(own_redis.url, timeout_s=PATIENCE_S)
    state.learn(SCOPE, Limits(per_second=10_000))
    keyed = [admitted(state, wish(n, keyed=True)).claim for n in (1, 2, 3)]
    plain = [admitted(state, wish(n)).claim for n in (4, 5)]
    for claim in (*keyed[:2], *plain):
        state.submit(claim, 10)
    own_redis.ask("CONFIG", "SET", "maxmemory", "1")
    told = [attempt(state, wish(6)), attempt(state, wish(7, keyed=True))]
    told.append(problem_of(lambda: state.ledger.claim(job(8), "call", 10)))
    told.append(problem_of(lambda: state.submit(keyed[2], 10)))
    state.settle(keyed[0], accepted())
    # What the quota holds cannot be given back; how it ended is noted.
    problem_of(lambda: state.settle(keyed[1], rejected()))
    state.settle(plain[0], accepted())
    state.settle(plain[1], rejected())
    known = [outcome(state, number) for number in range(1, 9)]
    state.close()

    assert 4 * [True] == ["memory is full" in str(error) for error in told]
    assert ["accepted", "rejected", "reserved", *5 * [""]] == known


def job(number: int) -> Job:
    """Return a job."""
    return Job(id=f"{number:064x}", payload="v1")


def problem_of(act: Callable[[], object]) -> StoreError:
    """Return why an act fails."""
    with pytest.raises(StoreError) as caught:
        act()
    return caught.value


KEYS = ["budget", "minutes", "account", "open", "job", "suppressions", "epoch"]


@pytest.mark.parametrize("name", KEYS)
def test_a_key_of_somebody_else(state: RedisState, name: str) -> None:
    """What cannot be read stops the mail, which takes nothing."""
    admission = wish(1, keyed=name != "open")
    keys = {
        "budget": state.budget.keys(SCOPE)[0],
        "minutes": state.budget.keys(SCOPE)[1],
        "account": state.accounts.key(SCOPE),
        "open": state.server.key("open"),
        "job": state.server.key("job", f"{1:064x}"),
        "suppressions": state.server.key("suppressions", "safeses"),
        "epoch": state.server.key("epoch"),
    }
    state.server.ask("test", "RPUSH", keys[name], "x")
    refused = attempt(state, admission)
    left = {
        key for key in keys.values() if state.server.ask("test", "EXISTS", key)
    }

    assert "WRONGTYPE" in str(refused)
    assert {keys[name]} == left - {keys["epoch"]} or name == "epoch"


# --- Many, and in between ----------------------------------------------------


def test_many_open_outcomes(redis_url: str) -> None:
    """Pages of them are few questions, while others are in flight."""
    clock = FakeClock()
    state = RedisState.from_url(redis_url, clock=clock, timeout_s=PATIENCE_S)
    server = state.server
    claim = admitted(state, wish(0)).claim
    state.settle(claim, accepted())
    stale, fresh = noted(state, 100), noted(state, -100)
    # Written as they are: to admit so many takes long.
    names = [f"{number:064x}" for number in range(10_000)]
    for begin in range(0, len(names), 1_000):
        some = names[begin : begin + 1_000]
        texts = [stale if int(n, 16) % 2 else fresh for n in some]
        pairs = [
            word
            for name, text in zip(some, texts, strict=True)
            for word in (server.key("job", name), text)
        ]
        server.ask("test", "MSET", *pairs)
        scored = [word for name in some for word in (0, name)]
        server.ask("test", "ZADD", server.key("open"), *scored)
    asked = count(server)
    number = state.stats()["unknown"]
    asked = count(server) - asked
    state.close()

    assert 5_000 == number
    assert asked < 60


def test_pages_while_records_change(state: RedisState) -> None:
    """Whatever is settled between pages, the others are all told, once."""
    names = [f"{number:064x}" for number in range(30)]
    for number in range(30):
        claim = admitted_soon(state, number)
        state.submit(claim, 10)
        error = OutcomeUnknownError(claim.tag, "no answer")
        state.settle(claim, Unknown(error=error))
    told: list[str] = []
    after = ""
    while True:
        page = state.ledger.unsettled(after, 7)
        told += [record.id for record in page.records]
        if not page.next:
            break
        after = page.next
        # The last that was told, and one that comes yet.
        for name in (after, names[len(told) + 3] if len(told) < 26 else ""):
            state.ledger.resolve(name, None)
    gone = {names[n] for n in (10, 17, 24)}

    assert [name for name in names if name not in gone] == told


def admitted_soon(state: RedisState, number: int) -> Claim:
    """Admit a job at a rate that lets all go at once."""
    if not number:
        state.learn(SCOPE, Limits(per_second=100_000))
    return admitted(state, wish(number, keyed=True)).claim


def test_every_connection_is_closed_before_each_act(
    state: RedisState, redis_url: str
) -> None:
    """Connections that Redis has closed cost no call anything."""
    killer = Server(redis_url, timeout_s=PATIENCE_S)

    def kill() -> None:
        killer.ask("test", "CLIENT", "KILL", "TYPE", "normal")

    state.learn(SCOPE, Limits(per_second=10_000))
    for number, keyed in enumerate((False, True, False, True)):
        kill()
        claim = admitted(state, wish(number, keyed=keyed)).claim
        kill()
        state.submit(claim, 10)
        kill()
        state.settle(claim, accepted() if number < 2 else rejected())
        kill()
        state.account(SCOPE)
    known = [outcome(state, number) for number in range(4)]
    killer.close()

    assert ["", "accepted", "", "rejected"] == known


def test_a_failover(own_redis: RedisServer) -> None:
    """Where the name leads to a new primary, the next call finds it."""
    with RedisServer() as old, Proxy(old.port) as proxy:
        old.ask("CONFIG", "SET", "repl-diskless-sync-delay", "0")
        own_redis.ask("REPLICAOF", HOST, str(old.port))
        url = f"redis://{HOST}:{proxy.port}/0"
        state = RedisState.from_url(url, timeout_s=PATIENCE_S)
        state.learn(SCOPE, Limits(per_second=10_000))
        claim = admitted(state, wish(1, keyed=True)).claim
        state.submit(claim, 10)
        # What was written before this has arrived when this has.
        old.ask("SET", "last", "1")
        until = time.monotonic() + ARRIVES_S
        while own_redis.ask("EXISTS", "last") != ":1":
            assert time.monotonic() < until
            time.sleep(0.01)
        own_redis.ask("REPLICAOF", "NO", "ONE")
        old.ask("REPLICAOF", HOST, str(own_redis.port))
        # Connections that are open still lead to the old one.
        proxy._target = HOST, own_redis.port  # noqa: SLF001  # what a name is
        state.settle(claim, accepted())
        known = outcome(state, 1)
        admitted(state, wish(2))
        state.close()

    assert "accepted" == known


def noted(state: RedisState, ended_s: float) -> bytes:
    """Return a record that was left in flight, and when its lease ended."""
    claim = admitted(state, wish(99_999)).claim
    state.submit(claim, 10)
    record = state.look_up(claim.id)
    assert record
    state.settle(claim, accepted())
    ends = float(state.server._time()) - ended_s  # noqa: SLF001  # the scale of records
    return text_of(attrs.evolve(record.record, lease_ends=ends))


def count(server: Server) -> int:
    """Return how many commands the server was given from outside."""
    info = server.ask("test", "INFO", "commandstats").decode()
    calls = re.findall("cmdstat_(?:evalsha|mget):calls=([0-9]+)", info)
    return sum(map(int, calls))
