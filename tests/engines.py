"""
Real engines for tests, and states on them.

A server that is missing skips what needs it, and fails it where ``CI`` is
``true``. PostgreSQL and MariaDB are those of this machine, or those that
``SAFESES_TEST_POSTGRESQL`` and ``SAFESES_TEST_MARIADB`` name; in each a
database is made and dropped again. Redis and DynamoDB are started here.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING, Any, Final, NoReturn

import pytest

from safeses._state import ComposedState, memory_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from typing_extensions import Self

    from safeses.typing import Clock

    UrlOf = Callable[[str], str]
    StateOf = Callable[..., ComposedState]

HOST: Final = "127.0.0.1"
STARTS_S: Final = 30.0
LEFTOVER_S: Final = 3_600
REGION: Final = "eu-west-1"
# Those that machines share and that have a clock.
SERVERS: Final = ("redis", "postgresql", "mariadb")
SHARED: Final = (*SERVERS, "dynamodb")
ENGINES: Final = ("memory", "sqlite", *SHARED)
# Read now: what runs tests takes such settings away.
_GIVEN: Final = {
    "postgresql": os.environ.get("SAFESES_TEST_POSTGRESQL")
    or f"postgresql+psycopg://root@{HOST}:5432/postgres",
    "mariadb": os.environ.get("SAFESES_TEST_MARIADB")
    or f"mysql+pymysql://root@{HOST}:3306/mysql",
}
# One request at a time: moto's tables are no safer than a dict.
_MOTO: Final = """
import sys, threading
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server
application = DomainDispatcherApplication(create_backend_app)
lock = threading.Lock()
def one_at_a_time(environ, start_response):
    with lock:
        return [b"".join(application(environ, start_response))]
server = make_server("127.0.0.1", 0, one_at_a_time, threaded=True)
print(server.server_port, flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
"""
# A machine that is busy is no engine that hangs.
PATIENT_S: Final = 10
_numbers = itertools.count(1)


def missing(reason: str) -> NoReturn:
    """Skip for want of a server; fail where all have to be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


# --- Servers ----------------------------------------------------------------


class RedisServer:
    """
    A Redis of our own, which keeps nothing on disk; a context manager.

    Attributes:
        port: Its TCP port, the same after each start.
        socket_path: Its Unix socket.
    """

    def __init__(self, *arguments: str) -> None:
        """Start it, with more *arguments* if any are given."""
        program = shutil.which("redis-server") or shutil.which("valkey-server")
        if program is None:
            missing("no redis-server is installed")
        self._folder = tempfile.mkdtemp(prefix="redis-")
        self.socket_path = f"{self._folder}/s"
        self.port = free_port()
        self._command = [
            *(program, "--port", str(self.port), "--bind", HOST),
            *("--unixsocket", self.socket_path, "--dir", self._folder),
            *("--save", "", "--appendonly", "no", "--loglevel", "warning"),
            *arguments,
        ]
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Where it is, over TCP."""
        return f"redis://{HOST}:{self.port}/0"

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, empty, and wait until it answers."""
        self._process = subprocess.Popen(  # noqa: S603  # found above
            self._command, stdout=subprocess.DEVNULL
        )
        until = time.monotonic() + STARTS_S
        while True:
            try:
                if self.ask("PING") == "+PONG":
                    return
            except OSError:
                pass
            assert time.monotonic() < until, "Redis does not start"
            time.sleep(0.01)

    def ask(self, *words: str) -> str:
        """Send a command; return the first line of the answer."""
        text = "".join(f"${len(w.encode())}\r\n{w}\r\n" for w in words)
        with socket.create_connection((HOST, self.port), 5) as connection:
            connection.sendall(f"*{len(words)}\r\n{text}".encode())
            with connection.makefile("rb") as answer:
                return answer.readline().decode().rstrip()

    def kill(self) -> None:
        """End it at once; what it knew is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop_answering(self) -> None:
        """Stop it: connections stay, and nothing is answered."""
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it answer again."""
        os.kill(self.pid, signal.SIGCONT)

    def close(self) -> None:
        """End it, and remove its folder."""
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as found:
        found.bind((HOST, 0))
        port: int = found.getsockname()[1]
        return port


@contextlib.contextmanager
def sql_database(name: str) -> Iterator[str]:
    """Make a database of our own on a server; the value is its URL."""
    sqlalchemy = pytest.importorskip("sqlalchemy")
    server = sqlalchemy.make_url(_GIVEN[name])
    database = f"safeses_{int(time.time())}_{secrets.token_hex(6)}"
    try:
        drop_leftovers(name)
        run_sql(_GIVEN[name], f"create database {database}")
    except sqlalchemy.exc.OperationalError as error:
        missing(f"{name} does not answer: {type(error.orig).__name__}")
    force = " with (force)" if name == "postgresql" else ""
    try:
        yield server.set(database=database).render_as_string(
            hide_password=False
        )
    finally:
        run_sql(_GIVEN[name], f"drop database {database}{force}")


def drop_leftovers(name: str) -> None:
    """Drop the databases of runs that were killed, an hour ago or more."""
    query = {
        "postgresql": "select datname from pg_database",
        "mariadb": "show databases",
    }
    force = " with (force)" if name == "postgresql" else ""
    for (database,) in run_sql(_GIVEN[name], query[name]):
        found = re.fullmatch(r"safeses_(\d{10})_[0-9a-f]{12}", database)
        if found and int(found[1]) < time.time() - LEFTOVER_S:
            run_sql(_GIVEN[name], f"drop database if exists {database}{force}")


def run_sql(url: str, *statements: str) -> list[Any]:
    """Run statements by themselves; return the rows of the last, if any."""
    sqlalchemy = pytest.importorskip("sqlalchemy")
    engine = sqlalchemy.create_engine(
        sqlalchemy.make_url(url).set(query={}),
        isolation_level="AUTOCOMMIT",
        poolclass=sqlalchemy.NullPool,
        connect_args={"connect_timeout": 5},
    )
    rows: list[Any] = []
    with engine.connect() as connection:
        for statement in statements:
            result = connection.exec_driver_sql(statement)
            rows = [*result] if result.returns_rows else []
    engine.dispose()
    return rows


@contextlib.contextmanager
def dynamodb_server() -> Iterator[int]:
    """Run DynamoDB, as moto has it, in a process; the value is its port."""
    pytest.importorskip("moto")
    with subprocess.Popen(  # noqa: S603  # our own program
        [sys.executable, "-W", "ignore", "-c", _MOTO],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line:
                missing("moto's server does not start")
            port = int(line)
            # The first answer takes it a second, and more on a busy machine.
            ask_dynamodb(port)
            yield port
        finally:
            process.kill()


def ask_dynamodb(port: int) -> None:
    """Wait for one answer of DynamoDB."""
    import boto3

    client = boto3.client(
        "dynamodb",
        region_name=REGION,
        endpoint_url=f"http://{HOST}:{port}",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )
    client.list_tables()
    client.close()


# --- Fixtures ---------------------------------------------------------------


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """A Redis for all tests, which none of them may disturb."""
    with RedisServer() as server:
        yield server


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A Redis for one test, to be killed and stopped."""
    with RedisServer() as server:
        yield server


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """A state in Redis that no other test sees."""
    return f"{redis_server.url}?prefix={fresh_name()}"


@pytest.fixture(scope="session")
def postgres_database() -> Iterator[str]:
    """The URL of a database in PostgreSQL, for all tests."""
    with sql_database("postgresql") as url:
        yield url


@pytest.fixture
def postgres_url(postgres_database: str) -> str:
    """A state in PostgreSQL that no other test sees."""
    return with_query(postgres_database, prefix=fresh_name())


@pytest.fixture(scope="session")
def mariadb_database() -> Iterator[str]:
    """The URL of a database in MariaDB, for all tests."""
    with sql_database("mariadb") as url:
        yield url


@pytest.fixture
def mariadb_url(mariadb_database: str) -> str:
    """A state in MariaDB that no other test sees."""
    return with_query(mariadb_database, prefix=fresh_name())


@pytest.fixture(scope="session")
def dynamodb_port() -> Iterator[int]:
    """Where DynamoDB is, for all tests."""
    with dynamodb_server() as port:
        yield port


@pytest.fixture
def dynamodb_url(dynamodb_port: int) -> str:
    """A state in DynamoDB, with a table that is not there yet."""
    endpoint = f"http://{HOST}:{dynamodb_port}"
    name = fresh_name()
    return f"dynamodb://{name}?region={REGION}&endpoint_url={endpoint}"


@pytest.fixture
def engine_url(request: pytest.FixtureRequest, tmp_path: Path) -> UrlOf:
    """Return the URL of an engine by its name; one for each test."""
    fixtures = {
        "redis": "redis_url",
        "postgresql": "postgres_url",
        "mariadb": "mariadb_url",
        "dynamodb": "dynamodb_url",
    }

    def url_of(name: str) -> str:
        if name == "sqlite":
            return f"sqlite:///{tmp_path}/mail.db"
        url: str = request.getfixturevalue(fixtures[name])
        return url

    return url_of


@pytest.fixture
def engine_state(engine_url: UrlOf) -> Iterator[StateOf]:
    """Open states by the name of their engine; all are closed at the end."""
    with contextlib.ExitStack() as stack:

        def state_of(
            name: str, clock: Clock | None = None, **settings: Any
        ) -> ComposedState:
            if name == "memory":
                from safeses._clock import SystemClock

                return memory_state(clock or SystemClock(), **settings)
            state: ComposedState = open_url(
                engine_url(name), clock=clock, **settings
            )
            stack.callback(state.close)
            return state

        yield state_of


# --- States -----------------------------------------------------------------


def state_class(url: str) -> Any:
    """Return the class of the state that a URL names."""
    scheme = url.partition(":")[0]
    if scheme == "sqlite":
        from safeses.sqlite import SqliteState

        return SqliteState
    if scheme in {"redis", "rediss", "unix"}:
        from safeses.redis import RedisState

        return RedisState
    if scheme == "dynamodb":
        from safeses.dynamodb import DynamoDBState

        return DynamoDBState
    from safeses.sql import SqlState

    return SqlState


def open_url(url: str, **settings: Any) -> Any:
    """Open a state by its URL, patiently, with its tables made."""
    if "timeout_s=" not in url and not url.startswith("sqlite:"):
        url = with_query(url, timeout_s=PATIENT_S)
    state = state_class(url).from_url(url, **settings)
    # A file makes its own, and for Redis it is a word of a person's.
    if not url.startswith(("sqlite:", "redis:")):
        state.init()
    return state


def fresh_name() -> str:
    """Return a name for tables or keys that nothing else has."""
    return f"t{next(_numbers)}_{os.getpid()}"


def with_query(url: str, **options: object) -> str:
    """Return a URL with some options more."""
    added = "&".join(f"{name}={value}" for name, value in options.items())
    return f"{url}{'&' if '?' in url else '?'}{added}"
