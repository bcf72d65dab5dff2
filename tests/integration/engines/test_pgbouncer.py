"""A pool before PostgreSQL that gives each transaction another session."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import pytest
from tests.engines import HOST, free_port

from safeses import Client, Email, Limits, SafeSESError, StoreError
from safeses.sql import SqlState
from safeses.testing import SimulatedSES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Self

pytestmark = pytest.mark.server

THREADS: Final = 8
MAILS: Final = 10
# Fewer sessions than threads, so that they have to change.
SESSIONS: Final = 3
TIMEOUT_S: Final = 10.0
STARTS_S: Final = 20.0
CONFIG: Final = """
[databases]
* = host={host} port={port} user={user}
[pgbouncer]
listen_addr = {host}
listen_port = {own}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {sessions}
max_client_conn = 100
"""


class Pgbouncer:
    """
    A pgbouncer of our own; a context manager.

    Attributes:
        url: The database through it.
    """

    def __init__(self, url: str) -> None:
        """Start it before the server of *url*."""
        program = shutil.which(
            "pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin"
        )
        if program is None:
            pytest.skip("no pgbouncer is installed")
        place = urlsplit(url)
        self._port = free_port()
        own = f"{place.username}@{HOST}:{self._port}"
        self.url = place._replace(netloc=own).geturl()
        self._folder = tempfile.mkdtemp(prefix="pgbouncer-")
        # It refuses to run as root, and reads its file as somebody else.
        Path(self._folder).chmod(0o755)
        config = Path(self._folder) / "pgbouncer.ini"
        config.write_text(
            CONFIG.format(
                host=place.hostname,
                port=place.port,
                user=place.username,
                own=self._port,
                sessions=SESSIONS,
            )
        )
        config.chmod(0o644)
        as_other = [] if os.getuid() else ["-u", "nobody"]
        self._command = [program, "-q", *as_other, str(config)]
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        """Start it, and wait until it listens."""
        self._process = subprocess.Popen(  # noqa: S603  # found above
            self._command, stderr=subprocess.DEVNULL
        )
        until = time.monotonic() + STARTS_S
        while True:
            try:
                socket.create_connection((HOST, self._port), 1).close()
            except OSError:
                assert self._process.poll() is None, "pgbouncer has ended"
                assert time.monotonic() < until, "pgbouncer does not start"
                time.sleep(0.01)
            else:
                return

    def kill(self) -> None:
        """End it at once, and all that goes through it."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None


@pytest.fixture
def pooler(postgres_database: str) -> Iterator[Pgbouncer]:
    """Return one for each test, as it may be killed."""
    with Pgbouncer(postgres_database) as found:
        yield found


class World:
    """
    A client whose state is behind a pool.

    Attributes:
        state: The one of the client.
        told: What came of each send, by its key.
    """

    def __init__(self, state: SqlState, ses: SimulatedSES) -> None:
        """Make the client."""
        self.state = state
        self.told: dict[str, object] = {}
        self.client = Client(
            ses.client(), state=state, limits=Limits(per_second=10_000)
        )

    def send(self, number: int) -> None:
        """Send some mails, with keys and without."""
        for turn in range(MAILS):
            key = f"{number}-{turn}"
            mail = Email(
                from_email="shop@a.example",
                to="eva@b.example",
                subject=key,
                text="Thank you.",
            )
            try:
                self.told[key] = self.client.send(
                    mail, idempotency_key=key if turn % 2 else None
                )
            except SafeSESError as error:
                self.told[key] = error

    def threads(self) -> list[threading.Thread]:
        """Begin to send from all threads."""
        threads = [
            threading.Thread(target=self.send, args=(number,))
            for number in range(THREADS)
        ]
        for thread in threads:
            thread.start()
        return threads


@pytest.fixture
def world(pooler: Pgbouncer) -> Iterator[World]:
    """Return a client through the pool."""
    with ExitStack() as stack:
        state = stack.enter_context(
            closing(
                SqlState.open(pooler.url, timeout_s=TIMEOUT_S, prefix="pooled")
            )
        )
        state.init()
        ses = SimulatedSES(max_send_rate=10_000)
        world = World(state, ses)
        stack.callback(world.client.close)
        yield world


def test_threads_share_sessions(world: World) -> None:
    """More threads than sessions send, and nothing is mixed up."""
    for thread in world.threads():
        thread.join()
    problems = [t for t in world.told.values() if isinstance(t, Exception)]

    assert ([], THREADS * MAILS) == (problems, len(world.told))
    assert 0 == world.state.stats()["unknown"]


def test_it_is_killed_amid_use(world: World, pooler: Pgbouncer) -> None:
    """What it takes along is told as not sent, and then all goes on."""
    threads = world.threads()
    for _ in range(2):
        pooler.kill()
        pooler.start()
    for thread in threads:
        thread.join()
    problems = [t for t in world.told.values() if isinstance(t, Exception)]
    until = time.monotonic() + STARTS_S
    while True:
        world.told.clear()
        world.send(99)
        after = {isinstance(t, Exception) for t in world.told.values()}
        if after == {False} or time.monotonic() > until:
            break

    assert {StoreError} >= {type(problem) for problem in problems}
    assert {False} == after
