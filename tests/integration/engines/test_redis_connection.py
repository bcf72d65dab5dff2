from __future__ import annotations

import copy
import os
import pickle
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.engines import HOST, RedisServer, free_port

from safeses._circuit import OPENS_AFTER
from safeses.errors import ConfigurationError, StoreError
from safeses.redis._connection import Server
from safeses.redis._problems import store_error
from safeses.redis._scripts import script
from safeses.testing._clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

URL = "redis://localhost:6379/0"
# A machine that is busy may take so long for what takes a moment.
PATIENCE_S = 5.0


@pytest.fixture
def server(redis_url: str) -> Iterator[Server]:
    """Return a server, asked under a prefix that nobody has used."""
    server = Server(redis_url, timeout_s=PATIENCE_S)
    yield server
    server.close()


def problem_of(server: Server) -> str:
    """Return what is wrong when the server is asked."""
    with pytest.raises(StoreError) as caught:
        server.ask("budget", "PING")
    return caught.value.problem


@pytest.mark.parametrize(
    "one, other",
    [(("a:b",), ("a", "b")), (("a%3Ab",), ("a:b",)), (("",), ("", ""))],
)
def test_keys_differ(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    """No two lists of names give the same key."""
    server = Server(URL)
    keys = {server.key(*one), server.key(*other)}

    assert 2 == len(keys)


def test_keys_share_a_slot() -> None:
    """Only what is in braces decides on the node, and it is the prefix."""
    key = Server(URL, prefix="mail").key("job", "{other}")

    assert "{mail}:job:{other}" == key


@pytest.mark.parametrize(
    "url",
    [
        "redis://user:sec%20ret@localhost:1/2?timeout_s=1",
        "rediss://:sec%20ret@localhost:1/2",
        "unix://user:sec%20ret@/tmp/socket?db=2",
        "redis://localhost:1/2?password=sec+ret",
    ],
)
def test_nothing_secret_is_shown(url: str) -> None:
    """A repr shows no password."""
    server = Server(url)
    shown = f"{server!r} {server.__dict__['_place']!r}"

    assert [] == [word for word in ("sec", "ret", "user") if word in shown]


@pytest.mark.server
def test_a_wrong_password(own_redis: RedisServer) -> None:
    """It is an error that says so, and does not show it."""
    own_redis.ask("ACL", "SETUSER", "bob", "on", ">other", "~*", "+@all")
    url = own_redis.url.replace("redis://", "redis://bob:secret@")
    problem = problem_of(Server(url, timeout_s=PATIENCE_S))

    assert "it refuses user and password" == problem


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost",
        "redis:localhost",
        "redis://localhost:port/0",
        f"{URL}?timeout_s=0",
        f"{URL}?timeout_s=soon",
        f"{URL}?timeout_s=nan",
        f"{URL}?prefix=",
        f"{URL}?prefix=a{{b}}",
        f"{URL}?cluster=perhaps",
        f"{URL}?socket_timeout=5",
        f"{URL}?retry_on_timeout=true",
        f"{URL}?timeout_s=1e9",
        f"{URL}?db=shop",
        # Who says this of a connection without TLS means another one.
        f"{URL}?ssl_ca_certs=/secret",
        "rediss://localhost?ssl_nothing=secret",
        "rediss://localhost?ssl_cert_reqs=secret",
        # Redis-py takes these for the databases 0, 1 and 0.
        "redis://localhost/shop",
        "redis://localhost/0/1",
        "redis://localhost/-1",
        # A password that is not percent-encoded ends the name of the host.
        "redis://user:a?secret@localhost:6379/0",
        "redis://user:a#secret@localhost:6379/0",
        "redis://user:a/secret@localhost:6379/0",
    ],
)
def test_wrong_urls(url: str) -> None:
    """What cannot be used is said before anything is opened."""
    with pytest.raises(ConfigurationError) as caught:
        Server(url)

    assert caught.value.remedy
    assert "secret" not in f"{caught.value} {caught.value!r}"


@pytest.mark.parametrize(
    "wrong", [{"url": 5}, {"prefix": 5}, {"timeout_s": "s"}, {"is_cluster": 5}]
)
def test_wrong_types(wrong: dict[str, Any]) -> None:
    """What is of no use at all is said in the same way."""
    with pytest.raises(ConfigurationError) as caught:
        Server(**{"url": URL, **wrong})

    assert caught.value.remedy


@pytest.mark.parametrize(
    "url, shown",
    [
        ("redis://localhost", "redis://localhost:6379/0"),
        ("redis://localhost/", "redis://localhost:6379/0"),
        ("redis://localhost?db=1", "redis://localhost:6379/1"),
        ("unix:///a/b?db=2", "unix:///a/b?db=2"),
    ],
)
def test_the_number_of_the_database(url: str, shown: str) -> None:
    """Who names none, or one in the query, is understood."""
    assert f"Server({shown!r}, prefix='safeses')" == repr(Server(url))


def test_nobody_listens() -> None:
    """A server that is not there is an error that says so, at once."""
    server = Server(f"redis://{HOST}:{free_port()}/0")

    assert "no connection: Connection refused" == problem_of(server)


def test_a_dead_server_is_not_asked_each_time() -> None:
    """After some failures the next ones need no connection."""
    server = Server(f"redis://{HOST}:{free_port()}/0", clock=FakeClock())
    for _ in range(OPENS_AFTER):
        problem_of(server)

    assert "asked again in 0.5 s" in problem_of(server)


def test_scripts_bring_what_they_need() -> None:
    """Each file is in a script once, before those that need it."""
    text = script("admit_job").text
    places = [
        text.index(piece)
        for piece in (
            "local function the_time()",
            "local function open_scope(",
            "local function admit()",
        )
    ]

    assert (sorted(places), 1) == (places, text.count("function the_time()"))


@pytest.mark.server
def test_answers_are_bytes(server: Server) -> None:
    """Texts come back as they went, halves of characters too."""
    text = "\ud800 é"
    server.ask("seen", "SET", server.key("a"), text)
    answers = server.ask_all(
        "seen", [("GET", server.key("a")), ("GET", server.key("b"))]
    )

    assert [text.encode("utf-8", "surrogatepass"), None] == answers


@pytest.mark.server
def test_all_answers_are_read(server: Server) -> None:
    """An error among several answers leaves none behind for the next."""
    key = server.key("a")
    with pytest.raises(StoreError):
        server.ask_all(
            "seen", [("SET", key, "1"), ("HGET", key, "x"), ("GET", key)]
        )

    assert b"1" == server.ask("seen", "GET", key)


@pytest.mark.server
def test_what_it_was_asked_is_not_in_errors(server: Server) -> None:
    """An error of Redis may quote an address; ours does not."""
    with pytest.raises(StoreError) as caught:
        server.ask("seen", "NIX", "ann@example.com")

    assert "ann" not in str(caught.value)


@pytest.mark.parametrize(
    "text, problem",
    [
        (
            "Error running script: @user_script: 12: -OOM command not allowed",
            "its memory is full (OOM)",
        ),
        (
            "Error running script: @user_script:7: WRONGTYPE ann@example.com",
            "a key holds what safeses has not put there (WRONGTYPE)",
        ),
        ("Unknown ann@example.com", "it answers with an error"),
        ("DB index is out of range", "it has no database of that number (DB)"),
    ],
)
def test_what_older_servers_say(text: str, problem: str) -> None:
    """An error within a script is known behind what stands before it."""
    error = store_error("ledger", ValueError(text))

    assert isinstance(error, StoreError)
    assert problem == error.problem


@pytest.mark.server
def test_tls_to_a_server_without(own_redis: RedisServer) -> None:
    """A server that speaks no TLS is an error within the time limit."""
    url = own_redis.url.replace("redis://", "rediss://")

    assert "no answer within 0.5 s" == problem_of(Server(url, timeout_s=0.5))


@pytest.mark.server
def test_scripts_that_are_forgotten(server: Server) -> None:
    """A script that Redis has forgotten is sent again."""
    keys, args = (server.key("epoch"),), ("name", "0")
    answers = []
    for _ in range(2):
        answers.append(server.run("ledger", "epoch_begin", keys, args))
        server.ask("ledger", "SCRIPT", "FLUSH")

    assert [b"name", b"name"] == answers


@pytest.mark.server
def test_after_a_restart(own_redis: RedisServer) -> None:
    """Connections that died meanwhile cost no call."""
    server = Server(own_redis.url, timeout_s=PATIENCE_S)
    server.ask("budget", "PING")
    own_redis.kill()
    own_redis.start()

    answer = server.ask("budget", "PING")
    server.close()

    assert b"PONG" == answer


@pytest.mark.server
@pytest.mark.parametrize("again", [True, False])
def test_a_connection_that_dies_amid_a_call(
    server: Server, redis_url: str, *, again: bool
) -> None:
    """Only what may be asked twice is, on a fresh connection."""
    killer = Server(redis_url, timeout_s=PATIENCE_S)
    name = server.ask("budget", "CLIENT", "ID")
    waiting = threading.Thread(
        target=lambda: _kill_when_it_waits(killer, name)
    )
    waiting.start()
    try:
        answer = server.ask(
            "budget", "BLPOP", server.key("none"), "0.5", again=again
        )
    except StoreError as error:
        answer = error.problem
    waiting.join()
    killer.close()

    assert (None if again else "the connection broke") == answer


def _kill_when_it_waits(killer: Server, name: int) -> None:
    while b"cmd=blpop" not in _client(killer, name):
        pass
    killer.ask("budget", "CLIENT", "KILL", "ID", name)


def _client(killer: Server, name: int) -> bytes:
    clients: bytes = killer.ask("budget", "CLIENT", "LIST")
    lines = clients.splitlines()
    return next(
        (one for one in lines if one.startswith(b"id=%d " % name)), b""
    )


@pytest.mark.server
def test_a_server_that_hangs(own_redis: RedisServer) -> None:
    """Every call ends within its bound; later ones work again."""
    server = Server(own_redis.url)
    server.ask("budget", "PING")
    own_redis.stop_answering()
    began = time.monotonic()
    problem = problem_of(server)
    took_s = time.monotonic() - began
    own_redis.go_on()

    answer = server.ask("budget", "PING")
    server.close()

    assert ("no answer within 0.25 s", b"PONG") == (problem, answer)
    assert 0.2 < took_s < PATIENCE_S


@pytest.mark.server
def test_threads(server: Server) -> None:
    """Each of many threads gets its own answers."""
    wrong: list[object] = []

    def echo(number: int) -> None:
        for turn in range(50):
            text = f"{number} {turn}".encode()
            answer = server.ask("budget", "ECHO", text)
            if answer != text:
                wrong.append(answer)

    threads = [threading.Thread(target=echo, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [] == wrong


@pytest.mark.server
@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no forks")
def test_a_child_has_its_own_connection(server: Server) -> None:
    """A forked child does not talk on its parent's connection."""
    mine = server.ask("budget", "CLIENT", "ID")
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.write(writer, str(server.ask("budget", "CLIENT", "ID")).encode())
        os._exit(0)
    os.waitpid(child, 0)
    its = int(os.read(reader, 100))
    os.close(reader)
    os.close(writer)

    still_mine = server.ask("budget", "CLIENT", "ID")

    assert (mine, True) == (still_mine, its != mine)


@pytest.mark.parametrize("act", [copy.copy, copy.deepcopy, pickle.dumps])
def test_it_cannot_be_copied(act: Callable[[Server], object]) -> None:
    """Whoever tries is told what to do instead."""
    with pytest.raises(TypeError, match="make one from its URL") as caught:
        act(Server("redis://:secret@localhost"))

    assert "secret" not in str(caught.value)


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever lacks redis-py is told what to install."""
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ConfigurationError) as caught:
        Server("rediss://localhost:6379/0")

    assert (
        "the state rediss:// needs the package redis",
        'pip install "safeses[redis]"',
    ) == (caught.value.problem, caught.value.remedy)
