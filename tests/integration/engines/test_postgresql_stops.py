"""A PostgreSQL of our own that is stopped, crashes and comes back."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from tests.engines import HOST, STARTS_S, free_port, missing, run_sql
from tests.integration._engine_world import BOUND_S, KEY, Engine
from tests.proxy import Proxy

from safeses import OutcomeUnknownError, Receipt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Self

pytestmark = pytest.mark.server
LONG = pytest.mark.long

BOUND: Final = BOUND_S["postgresql"]
# Debian keeps them off the PATH.
DEBIAN: Final = Path("/usr/lib/postgresql")
# PostgreSQL refuses to run as root; one of these is on most machines.
USERS: Final = ("postgres", "nobody")


def program(name: str) -> str:
    """Return where a program of PostgreSQL is."""
    found = shutil.which(name)
    if found is None:
        others = sorted(DEBIAN.glob(f"*/bin/{name}"))
        if not others:
            missing(f"PostgreSQL's {name} is not installed")
        found = str(others[-1])
    return found


def lesser_user() -> int | None:
    """Return whom a server may run as, None if it may as we do."""
    if os.geteuid():
        return None
    known = {user.pw_name: user.pw_uid for user in pwd.getpwall()}
    found = [known[name] for name in USERS if name in known]
    if not found:
        missing("PostgreSQL does not run as root, and there is nobody else")
    return found[0]


class PostgresServer:
    """
    A PostgreSQL of our own, with its files in a folder; a context manager.

    Attributes:
        url: Where it is.
    """

    def __init__(self) -> None:
        """Make its files, and start it."""
        self._folder = tempfile.mkdtemp(prefix="postgres-")
        user = lesser_user()
        if user is not None:
            os.chown(self._folder, user, -1)
        self._options: dict[str, Any] = {
            "user": user,
            "cwd": self._folder,
            "stdout": subprocess.DEVNULL,
            "stderr": subprocess.DEVNULL,
        }
        port = free_port()
        self.url = f"postgresql+psycopg://tester@{HOST}:{port}/postgres"
        data = f"{self._folder}/data"
        make = ("-U", "tester", "-A", "trust", "--no-sync")
        subprocess.run(  # noqa: S603  # found by its name
            [program("initdb"), "-D", data, *make],
            check=True,
            **self._options,
        )
        self._command = [
            *(program("postgres"), "-D", data, "-p", str(port)),
            *("-h", HOST, "-k", ""),
        ]
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped: list[int] = []
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.go_on()
        self.crash()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def pid(self) -> int:
        """The process that begins the others."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, and wait until it answers."""
        import sqlalchemy

        self._process = subprocess.Popen(  # noqa: S603  # found by its name
            self._command, **self._options
        )
        until = time.monotonic() + STARTS_S
        while True:
            try:
                run_sql(self.url, "select 1")
            except sqlalchemy.exc.OperationalError:
                assert time.monotonic() < until, "PostgreSQL does not start"
                time.sleep(0.05)
            else:
                return

    def crash(self) -> None:
        """End it at once, without a checkpoint; its files stay."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(STARTS_S)
            self._process = None

    def backends(self) -> list[int]:
        """Return the processes that talk to clients."""
        found = run_sql(
            self.url,
            "select pid from pg_stat_activity where pid <> pg_backend_pid()"
            " and backend_type = 'client backend'",
        )
        return [pid for (pid,) in found]

    def stop(self, *pids: int) -> None:
        """Stop some of its processes: connections stay, and are silent."""
        self._stopped += pids
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """Let all work again."""
        for pid in self._stopped:
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:  # it has ended meanwhile
                continue
        self._stopped = []


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server for the tests of this file; each leaves it working."""
    pytest.importorskip("psycopg")
    with PostgresServer() as server:
        yield server


@pytest.fixture
def world(server: PostgresServer) -> Iterator[Engine]:
    """Clients of the server, with a ledger that nobody has used."""
    port = int(server.url.rpartition(":")[2].partition("/")[0])
    run_sql(server.url, "drop schema public cascade", "create schema public")
    with Proxy(port) as proxy:
        world = Engine("postgresql", server.url, proxy)
        yield world
        world.close()


@LONG
@pytest.mark.parametrize("key", [KEY, None])
@pytest.mark.parametrize("act", ["admit", "submit"])
def test_the_whole_server_is_stopped(
    server: PostgresServer, world: Engine, act: str, key: str | None
) -> None:
    """A send ends in its time, unsent, and the next ones cost nothing."""
    world.send()
    pids = [*server.backends(), server.pid]
    world.state.before[act] = lambda: server.stop(*pids)
    told, took_s = world.timed(key)
    following = [world.timed() for _ in range(20)]
    sent = world.copies - 1
    server.go_on()
    recovers = world.recovers()

    assert world.is_said(told), told
    assert {True} == {world.is_said(answer) for answer, _ in following}
    assert (True, True, 0, True) == (
        took_s < BOUND,
        sum(seconds for _, seconds in following) < BOUND,
        sent,
        recovers,
    )


@LONG
def test_stopped_after_the_send(server: PostgresServer, world: Engine) -> None:
    """What SES took is a receipt, and never on record as not sent."""
    world.send()
    pids = [*server.backends(), server.pid]
    world.state.before["settle"] = lambda: server.stop(*pids)
    told, took_s = world.timed(KEY)
    server.go_on()
    world.recovers()
    before = world.copies
    state = world.recorded(KEY)
    again = [world.later(KEY) for _ in range(2)]

    assert isinstance(told, Receipt)
    assert (False, True, 0) == (
        told.recorded,
        took_s < BOUND,
        world.copies - before,
    )
    # Its own process goes on, and does what it was asked before it stopped.
    assert state in {"submitting", "accepted"}
    assert {state == "accepted"} == {
        isinstance(answer, Receipt) for answer in again
    }


def test_a_backend_is_stopped(server: PostgresServer, world: Engine) -> None:
    """One connection that hangs costs a send at most: others are made."""
    world.send()
    server.stop(*server.backends())
    told, took_s = world.timed(KEY)
    recovers = world.recovers()
    sent = world.copies
    server.go_on()
    copies = 2 if isinstance(told, Receipt) else 1

    assert isinstance(told, Receipt) or world.is_said(told)
    # That which was sent before, and that which shows that it recovers.
    assert (True, True, copies + 1) == (took_s < BOUND, recovers, sent)


def test_crashes_and_comes_back(server: PostgresServer, world: Engine) -> None:
    """While it is away nothing is sent; then it knows what was."""
    first: Any = world.send(KEY)
    server.crash()
    down = [world.timed(key) for key in ("another job", None)]
    sent = world.copies
    server.start()
    recovers = world.recovers()
    again: Any = world.send(KEY)

    assert {True} == {world.is_said(told) for told, _ in down}
    assert (True, 1, True) == (
        max(took_s for _, took_s in down) < BOUND,
        sent,
        recovers,
    )
    assert (first.message_id, True) == (again.message_id, again.replayed)


@LONG
@pytest.mark.parametrize("act", ["admit", "submit", "settle"])
def test_a_backend_is_killed(
    server: PostgresServer, world: Engine, act: str
) -> None:
    """All connections die with it; the job is done once, or unknown."""
    world.send()
    (pid, *_) = server.backends()
    world.state.before[act] = lambda: os.kill(pid, signal.SIGKILL)
    told, took_s = world.timed(KEY)
    sent = world.copies - 1
    recovers = world.recovers()
    before = world.copies
    again = world.later(KEY)
    more = world.copies - before

    assert isinstance(told, Receipt) or world.is_said(told)
    assert (True, True) == (took_s < BOUND, recovers)
    assert int(isinstance(told, Receipt)) == sent
    # What nobody knows is known as such.
    assert sent + more == 1 or isinstance(again, OutcomeUnknownError)
    assert sent + more <= 1
