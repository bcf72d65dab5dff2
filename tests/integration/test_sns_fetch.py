"""Certificates over real TLS, from servers that behave and that do not."""

from __future__ import annotations

import contextlib
import gc
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.sns_authority import TOPIC, certificate, notification, path
from urllib3.exceptions import ReadTimeoutError

from safeses.errors import CertificateError
from safeses.feedback._sns import SNSVerifier
from safeses.feedback._sns._fetch import MAX_BYTES, Fetcher
from safeses.testing import FakeClock

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.server

TIMEOUT_S = 0.6
DRIP_S = 0.05
# What the machine may need on top of it when it is busy; who does not keep to
# it takes STALLS_S.
MARGIN_S = 15.0
STALLS_S = 60
# What it may need for an answer that comes.
PATIENT_S = 20.0
OK = b"HTTP/1.1 200 OK\r\n"
PEM = certificate()


def answer(body: bytes, head: bytes = OK) -> bytes:
    """Return an answer of a known length."""
    return head + f"Content-Length: {len(body)}\r\n\r\n".encode() + body


class Server:
    """
    A server of HTTPS whose manners a test chooses.

    Attributes:
        behave: What is done with a connection once TLS is set up.
        greet: What is done before.
        requests: The first line of each request.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []
        self.behave: Callable[[socket.socket], None] = self.say(answer(PEM))
        self.greet: Callable[[socket.socket], None] = lambda _: None
        self.requests: list[bytes] = []
        self._start(self._serve)

    @property
    def url(self) -> str:
        """The URL of a certificate here."""
        return f"https://localhost:{self._listener.getsockname()[1]}{path()}"

    def say(self, data: bytes) -> Callable[[socket.socket], None]:
        """Return what sends *data*, whole."""
        return lambda sock: sock.sendall(data)

    def drip(
        self, data: bytes, rest: bytes = b""
    ) -> Callable[[socket.socket], None]:
        """Return what sends *data*, then *rest* for ever, byte by byte."""

        def behave(sock: socket.socket) -> None:
            sock.sendall(data)
            while rest and not self._ended.wait(DRIP_S):
                sock.sendall(rest)

        return behave

    def stall(self, _: socket.socket) -> None:
        """Say nothing."""
        self._ended.wait(STALLS_S)

    def close(self) -> None:
        """End every thread."""
        self._ended.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(30)

    def _start(self, act: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=act, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._start(self._answer, sock)

    def _answer(self, plain: socket.socket) -> None:
        with contextlib.suppress(OSError), plain:
            plain.settimeout(30)
            self.greet(plain)
            with self._context.wrap_socket(plain, server_side=True) as sock:
                request = b""
                while b"\r\n\r\n" not in request:
                    part = sock.recv(65_536)
                    if not part:
                        return
                    request += part
                self.requests.append(request.partition(b"\r\n")[0])
                self.behave(sock)


@pytest.fixture
def server(tls: tuple[ssl.SSLContext, Path]) -> Iterator[Server]:
    """Return a server that we trust."""
    with contextlib.closing(Server(tls[0])) as started:
        yield started


@pytest.fixture
def fetch(tls: tuple[ssl.SSLContext, Path]) -> Fetcher:
    """Return what fetches."""
    return Fetcher(PATIENT_S, MAX_BYTES, str(tls[1]))


@pytest.fixture
def hasty(tls: tuple[ssl.SSLContext, Path]) -> Fetcher:
    """Return what fetches in less time than usual."""
    return Fetcher(TIMEOUT_S, MAX_BYTES, str(tls[1]))


def failed(fetch: Fetcher, url: str) -> tuple[str, float]:
    """Fetch what cannot be had; return the problem and the seconds."""
    began = time.monotonic()
    with pytest.raises(CertificateError) as caught:
        fetch(url)
    assert caught.value.host == "localhost"
    return caught.value.problem, time.monotonic() - began


@pytest.mark.parametrize(
    "said",
    [
        answer(PEM),
        OK + b"Connection: close\r\n\r\n" + PEM,
        OK
        + b"Transfer-Encoding: chunked\r\n\r\n"
        + f"{len(PEM):x}\r\n".encode()
        + PEM
        + b"\r\n0\r\n\r\n",
        answer(PEM, OK.replace(b"1.1", b"1.0")),
    ],
    ids=["length", "until closed", "chunked", "HTTP 1.0"],
)
def test_fetched(server: Server, fetch: Fetcher, said: bytes) -> None:
    """A certificate comes whole, whatever says where it ends."""
    server.behave = server.say(said)
    data = fetch(server.url)

    assert (PEM, [f"GET {path()} HTTP/1.1".encode()]) == (
        data,
        server.requests,
    )


def test_verified(server: Server, fetch: Fetcher) -> None:
    """A message is verified with what came over TLS."""
    verifier = SNSVerifier(
        [TOPIC], loader=lambda _: fetch(server.url), clock=FakeClock()
    )
    verifier.verify(notification())
    verifier.verify(notification("1"))

    assert 1 == len(server.requests)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects(server: Server, fetch: Fetcher, status: int) -> None:
    """A redirect is not followed, wherever it leads."""
    line = f"HTTP/1.1 {status} Moved\r\nLocation: {server.url}2\r\n".encode()
    server.behave = server.say(answer(PEM, line))
    problem, _ = failed(fetch, server.url)

    assert (f"the answer was HTTP {status}", 1) == (
        problem,
        len(server.requests),
    )


@pytest.mark.parametrize(
    "status", [100, 201, 204, 206, 304, 400, 403, 404, 407, 429, 500, 503]
)
def test_statuses(server: Server, fetch: Fetcher, status: int) -> None:
    """No status but 200 counts, even with a certificate; nobody tries on."""
    line = f"HTTP/1.1 {status} So\r\nRetry-After: 0\r\n".encode()
    server.behave = server.say(answer(PEM, line))
    problem, _ = failed(fetch, server.url)

    assert (True, 1) == (
        problem.startswith(("the answer was", "the connection failed")),
        len(server.requests),
    )


TOO_LONG = f"the answer has over {MAX_BYTES:,} bytes"
BROKEN = "the connection failed (ProtocolError)"
ANSWERS = {
    "1 MB": (answer(b"x" * 1_000_000), TOO_LONG),
    "a byte too long": (answer(b"x" * (MAX_BYTES + 1)), TOO_LONG),
    "1 MB, no length": (OK + b"\r\n" + b"x" * 1_000_000, TOO_LONG),
    "1 MB in a chunk": (
        OK + b"Transfer-Encoding: chunked\r\n\r\nF4240\r\n" + b"x" * 1_000_000,
        TOO_LONG,
    ),
    "closed at once": (b"", BROKEN),
    "closed in the header": (OK, "the answer is empty"),
    "closed in the body": (answer(PEM)[:-100], BROKEN),
    "closed in a chunk": (
        OK + b"Transfer-Encoding: chunked\r\n\r\nfff\r\n" + PEM,
        BROKEN,
    ),
    "no HTTP": (b"\0" * 1_000, BROKEN),
    "header without end": (OK + b"A: b\r\n" * 100_000, BROKEN),
}


@pytest.mark.parametrize("said, problem", ANSWERS.values(), ids=ANSWERS)
def test_answers(
    server: Server, fetch: Fetcher, said: bytes, problem: str
) -> None:
    """What is too long, or ends too early, is refused."""
    server.behave = server.say(said)
    told, _ = failed(fetch, server.url)

    assert problem == told


def test_largest(server: Server, fetch: Fetcher) -> None:
    """An answer of just the limit is taken as it is."""
    server.behave = server.say(answer(b"x" * MAX_BYTES))
    data = fetch(server.url)

    assert MAX_BYTES == len(data)


def test_compressed(server: Server, fetch: Fetcher) -> None:
    """What says that it is compressed is not unpacked."""
    head = OK + b"Content-Encoding: gzip\r\n"
    server.behave = server.say(answer(PEM, head))
    data = fetch(server.url)

    assert PEM == data


SLOW: dict[str, Callable[[Server], Callable[[socket.socket], None]]] = {
    "silent": lambda server: server.stall,
    "header dripped": lambda server: server.drip(OK, b"A: b\r\n"),
    "status dripped": lambda server: server.drip(b"H", b"T"),
    "body dripped": lambda server: server.drip(
        OK + b"Content-Length: 16000\r\n\r\n", b"x"
    ),
    "dripped without length": lambda server: server.drip(
        OK + b"\r\n" + PEM, b"\n"
    ),
    "chunks dripped": lambda server: server.drip(
        OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"
    ),
    "continued": lambda server: server.drip(
        b"", b"HTTP/1.1 100 Continue\r\n\r\n"
    ),
}


@pytest.mark.parametrize("manner", SLOW)
def test_deadline(server: Server, hasty: Fetcher, manner: str) -> None:
    """The time is for all of it: no server can drip it out."""
    server.behave = SLOW[manner](server)
    problem, took_s = failed(hasty, server.url)

    assert (f"no whole answer within {TIMEOUT_S:g} s", True) == (
        problem,
        TIMEOUT_S - 0.05 <= took_s < TIMEOUT_S + MARGIN_S,
    )


class Late(Fetcher):
    """Its socket gives up a moment before the watchdog does."""

    def _fetch(self, *_: object) -> bytes:
        pool: Any = None
        raise ReadTimeoutError(pool, "/", "timed out")


def test_deadline_of_the_socket() -> None:
    """Whoever sees first that the time is up, the problem is the same."""
    problem, _ = failed(Late(TIMEOUT_S), "https://localhost/a.pem")

    assert f"no whole answer within {TIMEOUT_S:g} s" == problem


def test_deadline_of_tls(server: Server, hasty: Fetcher) -> None:
    """A server that never sets up TLS holds nobody longer."""
    server.greet = server.stall
    problem, took_s = failed(hasty, server.url)

    assert (True, True) == (
        problem.startswith(("no whole answer", "the connection failed")),
        took_s < TIMEOUT_S + MARGIN_S,
    )


def test_deadline_of_the_connection(hasty: Fetcher, hole: int) -> None:
    """Nor does one that does not take the connection."""
    problem, took_s = failed(hasty, f"https://localhost:{hole}{path()}")

    assert (True, True) == (
        problem.startswith(("no whole answer", "the connection failed")),
        took_s < TIMEOUT_S + MARGIN_S,
    )


def test_refused(fetch: Fetcher) -> None:
    """Where nobody listens the problem is told at once."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    problem, _ = failed(fetch, f"https://localhost:{port}{path()}")

    assert "the connection failed (NewConnectionError)" == problem


def test_unknown_authority(server: Server) -> None:
    """A server whose certificate nobody vouches for is not believed."""
    problem, _ = failed(Fetcher(TIMEOUT_S), server.url)

    assert ("the connection failed (SSLError)", []) == (
        problem,
        server.requests,
    )


def test_other_name(server: Server, fetch: Fetcher) -> None:
    """A certificate for another host is not believed, though trusted."""
    url = server.url.replace("localhost", "127.0.0.1")
    with pytest.raises(CertificateError) as caught:
        fetch(url)

    assert ("the connection failed (SSLError)", []) == (
        caught.value.problem,
        server.requests,
    )


def test_bundle_of_boto3(
    server: Server,
    tls: tuple[ssl.SSLContext, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Other authorities may be named as boto3 wants it."""
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tls[1]))
    data = Fetcher()(server.url)

    assert PEM == data


def test_no_bundle(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A file of authorities that is missing is a failure, not a free pass."""
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "none.pem"))
    failed(Fetcher(), server.url)

    assert [] == server.requests


class Proxy(Server):
    """Passes on what it was asked to connect to, and notes who asked."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.asked: list[bytes] = []
        super().__init__(context)

    def _answer(self, plain: socket.socket) -> None:
        with contextlib.suppress(OSError), plain:
            plain.settimeout(30)
            request = b""
            while b"\r\n\r\n" not in request:
                request += plain.recv(65_536)
            self.asked.append(request)
            port = int(request.split(b" ")[1].rpartition(b":")[2])
            with socket.create_connection(("127.0.0.1", port)) as onward:
                plain.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                self._start(self._pass_on, onward, plain)
                self._pass_on(plain, onward)

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("bypassed", [False, True])
def test_proxy(
    server: Server,
    fetch: Fetcher,
    tls: tuple[ssl.SSLContext, Path],
    monkeypatch: pytest.MonkeyPatch,
    *,
    bypassed: bool,
) -> None:
    """A proxy of the environment is used, with its password, or not."""
    with contextlib.closing(Proxy(tls[0])) as proxy:
        port = proxy.url.split(":")[2].partition("/")[0]
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:p%40ss@localhost:{port}")
        monkeypatch.setenv("NO_PROXY", "localhost" if bypassed else "")
        data = fetch(server.url)
    logins = [b"Basic bWU6cEBzcw==" in request for request in proxy.asked]

    assert (PEM, [] if bypassed else [True]) == (data, logins)


# http.client before Python 3.11 leaves the answer of a proxy open.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_deadline_through_a_proxy(
    server: Server, hasty: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy that says nothing holds nobody longer either."""
    server.greet = server.stall
    port = server.url.split(":")[2].partition("/")[0]
    monkeypatch.setenv("HTTPS_PROXY", f"localhost:{port}")
    problem, took_s = failed(hasty, server.url)
    gc.collect()  # the warning belongs here

    assert (True, True) == (
        problem.startswith(("no whole answer", "the connection failed")),
        took_s < TIMEOUT_S + MARGIN_S,
    )
