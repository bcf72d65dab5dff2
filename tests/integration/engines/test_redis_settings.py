"""What people ask of a Redis: its settings, and how much is kept there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
import trustme
from tests.engines import RedisServer, free_port
from tests.integration._engine_world import MAIL
from tests.integration._redis_acts import (
    PATIENCE_S,
    SCOPE,
    admitted,
    attempt,
    wish,
)

from safeses import Client, Limits
from safeses._clock import SystemClock
from safeses._open import open_state
from safeses.errors import StoreError
from safeses.redis import RedisState
from safeses.redis._connection import Server
from safeses.suppression import MemorySuppressionStore
from safeses.testing import FakeClock, SimulatedSES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from safeses._assembled import AssembledState

pytestmark = pytest.mark.server


@pytest.fixture
def state(redis_url: str) -> Iterator[RedisState]:
    """Return a state that nobody has used, with the server's time."""
    state = RedisState.from_url(redis_url, timeout_s=PATIENCE_S)
    yield state
    state.close()


@pytest.mark.parametrize(
    "setting, level",
    [
        (("maxmemory-policy", "allkeys-lru"), "error"),
        (("appendonly", "yes"), "ok"),
        (("save", "60 1"), "warning"),
    ],
)
def test_settings(
    own_redis: RedisServer, setting: tuple[str, str], level: str
) -> None:
    """What would lose data is said, and what to do."""
    own_redis.ask("CONFIG", "SET", *setting)
    state = RedisState.from_url(own_redis.url, timeout_s=PATIENCE_S)
    notes = {note.text: note for note in state.check()}
    told = [n for text, n in notes.items() if "maxmemory" in text]
    told += [
        n for text, n in notes.items() if "disk" in text or "append" in text
    ]
    about = told[0] if setting[0] == "maxmemory-policy" else told[1]
    state.close()

    assert level == about.level
    assert level == "ok" or about.remedy


def test_a_server_that_tells_nothing(own_redis: RedisServer) -> None:
    """A user who may not read the settings is told to look by hand."""
    own_redis.ask(
        *("ACL", "SETUSER", "bob", "on", ">secret", "~*", "+@all", "-config")
    )
    url = own_redis.url.replace("redis://", "redis://bob:secret@")
    state = RedisState.from_url(url, timeout_s=PATIENCE_S)
    levels = [n.level for n in state.check() if "CONFIG" in n.text]
    state.close()

    assert ["warning"] == levels


def test_one_warning(
    own_redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """A server that keeps nothing is warned of once in a process."""
    state = RedisState.from_url(own_redis.url, timeout_s=PATIENCE_S)
    for number in range(3):
        attempt(state, wish(number))
    state.close()
    lines = [r.getMessage() for r in caplog.records if r.name == "safeses"]

    assert 1 == len(lines)


def test_who_looks_needs_no_log(
    own_redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """What a check says is not logged beside it, but at the first use."""
    state = RedisState.from_url(own_redis.url, timeout_s=PATIENCE_S)
    state.init()
    told = {note.level for note in state.check()}
    before = len(caplog.records)
    attempt(state, wish(1))
    state.close()

    assert (True, 0, 1) == ("warning" in told, before, len(caplog.records))


def test_what_it_survives(own_redis: RedisServer) -> None:
    """The host's end, if every write is on its disk before the answer."""
    own_redis.ask("CONFIG", "SET", "appendonly", "yes")
    own_redis.ask("CONFIG", "SET", "appendfsync", "always")
    state = RedisState.from_url(own_redis.url, timeout_s=PATIENCE_S)
    before = state.survives
    attempt(state, wish(1))
    state.close()

    assert ("process", "host") == (before, state.survives)


def test_a_replica(own_redis: RedisServer) -> None:
    """A replica takes no mail, and says what it is."""
    own_redis.ask("REPLICAOF", "127.0.0.1", "1")
    state = RedisState.from_url(own_redis.url, timeout_s=PATIENCE_S)
    refused = attempt(state, wish(1))
    levels = [n.level for n in state.check() if "replica" in n.text]
    state.close()

    assert (True, ["error"]) == ("replica" in str(refused), levels)


@pytest.mark.parametrize(
    "part, warnings",
    [("budget", 0), ("ledger", 1), ("suppressions", 1), ("state", 1)],
)
@pytest.mark.parametrize("keys", [("one", None), (None, "one")])
def test_one_warning_whatever_comes_first(
    own_redis: RedisServer,
    caplog: pytest.LogCaptureFixture,
    part: str,
    warnings: int,
    keys: tuple[str | None, ...],
) -> None:
    """One line for each setting, if there is what cannot be learnt again."""
    url = f"{own_redis.url}?timeout_s={PATIENCE_S}"
    options: dict[str, Any] = {"state": "memory:", part: url}
    with Client(
        SimulatedSES().client(), limits=Limits(per_second=14), **options
    ) as ses:
        for key in keys:
            ses.send(MAIL, idempotency_key=key)
    lines = [r.getMessage() for r in caplog.records if "Redis:" in r.msg]

    assert warnings == len(lines)
    assert all("set appendonly to yes" in line for line in lines)


@pytest.mark.parametrize("key", ["one", None])
def test_what_parts_survive(
    own_redis: RedisServer, tmp_path: Path, key: str | None
) -> None:
    """Of a state in parts, what its ledger outlives is known later too."""
    own_redis.ask("CONFIG", "SET", "appendonly", "yes")
    own_redis.ask("CONFIG", "SET", "appendfsync", "always")
    state, _ = open_state(
        f"sqlite:///{tmp_path}/mail.db",
        SystemClock(),
        ledger=f"{own_redis.url}?timeout_s={PATIENCE_S}",
    )
    before = state.survives
    with Client(
        SimulatedSES().client(), limits=Limits(per_second=14), state=state
    ) as ses:
        ses.send(MAIL, idempotency_key=key)
    after = state.survives
    cast("AssembledState", state).close()

    assert ("process", "host") == (before, after)


def test_a_list_elsewhere_is_not_lost(
    own_redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """A state with a list of its own elsewhere loses what was sent."""
    state = RedisState.from_url(
        own_redis.url,
        timeout_s=PATIENCE_S,
        suppressions=MemorySuppressionStore(),
    )
    attempt(state, wish(1, keyed=True))
    state.close()

    [line] = [record.getMessage() for record in caplog.records]

    assert (True, False) == ("was sent" in line, "suppressed" in line)


def test_charged(state: RedisState, redis_url: str) -> None:
    """What the quotas hold is told by scope, whatever its name."""
    names = [SCOPE, "a%3Ab:*[?]", "\ud800 é", "unused"]
    for number, name in enumerate(names):
        state.learn(name, Limits(per_second=100, per_day=1_000))
        for _ in range(3 - number):
            admitted(state, wish(1, scope=name, keyed=False))
    # Another prefix, of which this one is a pattern.
    other = RedisState.from_url(f"{redis_url}*", timeout_s=PATIENCE_S)
    admitted(other, wish(1))
    told = other.charged()
    other.close()

    assert dict(zip(names, (3, 2, 1), strict=False)) == state.charged()
    assert {SCOPE: 1} == told


def test_what_is_a_day_old_is_not_charged(redis_url: str) -> None:
    """A quota is told as long as something of it may count."""
    clock = FakeClock()
    state = RedisState.from_url(redis_url, clock=clock, timeout_s=PATIENCE_S)
    admitted(state, wish(1))
    told = []
    for hours in (23, 2):
        clock.sleep(hours * 3_600)
        told.append(state.charged())
    state.close()

    assert [{SCOPE: 1}, {}] == told


def test_purge(state: RedisState) -> None:
    """What is over goes by itself, and all parts are named."""
    assert {"suppressions": 0, "ledger": 0, "seen": 0} == state.purge()


# --- What it refuses --------------------------------------------------------


def problem_of(server: Server) -> str:
    """Return what is wrong when the server is asked."""
    with pytest.raises(StoreError) as caught:
        server.ask("budget", "PING")
    return caught.value.problem


def test_too_many_clients(own_redis: RedisServer) -> None:
    """A server that takes no more connections is named as such."""
    first = Server(own_redis.url, timeout_s=PATIENCE_S)
    first.ask("budget", "CONFIG", "SET", "maxclients", "1")
    problem = problem_of(Server(own_redis.url, timeout_s=PATIENCE_S))
    first.close()

    assert "it has too many clients" == problem


@pytest.mark.parametrize(
    "query, problem",
    [
        ("cluster=true", "it is no cluster: leave out cluster=true"),
        ("client_name=a%20b", "it takes no such client_name"),
    ],
)
def test_what_the_url_says_is_not_so(
    redis_url: str, query: str, problem: str
) -> None:
    """An option that the server does not take is named."""
    url = f"{redis_url}&timeout_s={PATIENCE_S}&{query}"

    assert problem == problem_of(Server(url))


def test_a_password_is_missing(own_redis: RedisServer) -> None:
    """A server that wants one is not said to have refused one."""
    own_redis.ask("CONFIG", "SET", "requirepass", "other")
    server = Server(own_redis.url, timeout_s=PATIENCE_S)
    problems = {problem_of(server)}
    # Redis has other words for whoever says more before a login.
    with pytest.raises(StoreError) as caught:
        server.ask("budget", "EVALSHA", *"0123456789")
    problems.add(caught.value.problem)
    server.close()

    assert {"it asks for a password"} == problems


@pytest.mark.parametrize("denied", ["-evalsha", "-time", "-hsetnx"])
def test_a_user_who_may_not(own_redis: RedisServer, denied: str) -> None:
    """What a script may not do is said as if it was asked for itself."""
    own_redis.ask(
        *("ACL", "SETUSER", "bob", "on", ">secret", "~*", "+@all", denied)
    )
    url = own_redis.url.replace("redis://", "redis://bob:secret@")
    server = Server(url, timeout_s=PATIENCE_S)
    with pytest.raises(StoreError) as caught:
        server.acknowledge("state")
    server.close()

    assert "its user may not do this" == caught.value.problem


def test_a_certificate_of_a_stranger(tmp_path: Path) -> None:
    """Who cannot prove the name is not asked, and hears no password."""
    authority, stranger = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(f"{tmp_path}/ca")
    stranger.issue_cert(
        "localhost"
    ).private_key_and_cert_chain_pem.write_to_path(f"{tmp_path}/its")
    port = free_port()
    arguments = {
        "--tls-port": port,
        "--tls-cert-file": tmp_path / "its",
        "--tls-key-file": tmp_path / "its",
        "--tls-auth-clients": "no",
    }
    with RedisServer(*(str(a) for pair in arguments.items() for a in pair)):
        url = f"rediss://:secret@localhost:{port}/0?ssl_ca_certs={tmp_path}/ca"
        problem = problem_of(Server(url, timeout_s=PATIENCE_S))

    assert "TLS fails with SSLCertVerificationError" == problem
