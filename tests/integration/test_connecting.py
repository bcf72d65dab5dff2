"""Before the first byte of a request: nothing can have been sent."""

from __future__ import annotations

import contextlib
import gc
import select
import socket
import sys
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.integration._workers import wait_for

from safeses import (
    Client,
    ConfigurationError,
    CredentialsError,
    Email,
    Limits,
    NotSentError,
    OutcomeUnknownError,
    StoreError,
    UnreachableError,
)
from safeses._budget import MemoryBudget
from safeses._clock import SystemClock
from safeses._state import ComposedState

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from safeses._outcome import Claim
    from safeses.testing import SimulatedSES

    Serving = Callable[..., tuple[SimulatedSES, Client]]
    Listening = Callable[[Callable[[socket.socket], None]], int]

pytestmark = pytest.mark.server

PLENTY = Limits(per_second=10_000)
TIMEOUT_S = 0.7
# How much later a busy machine may be; who does not keep to the deadline is
# later by far.
LATE_S = 15
TRIES = 20
# The head of a TLS record of 16 KiB, whose rest comes drop by drop.
RECORD = b"\x16\x03\x03\x40\x00"


@pytest.fixture
def listening() -> Iterator[Listening]:
    """Listen on a port, and let a function talk to whoever connects."""
    with ExitStack() as stack:
        over = threading.Event()

        def start(talk: Callable[[socket.socket], None]) -> int:
            listener = stack.enter_context(
                socket.create_server(("127.0.0.1", 0))
            )

            def serve(sock: socket.socket) -> None:
                with sock, contextlib.suppress(OSError):
                    talk(sock)

            def accept() -> None:
                while not over.is_set():
                    with contextlib.suppress(OSError):
                        sock, _ = listener.accept()
                        threading.Thread(
                            target=serve, args=(sock,), daemon=True
                        ).start()

            thread = threading.Thread(target=accept, daemon=True)
            thread.start()
            stack.callback(thread.join, 5)
            stack.callback(listener.shutdown, socket.SHUT_RDWR)
            stack.callback(over.set)
            port: int = listener.getsockname()[1]
            return port

        yield start


def client_for(boto: Any, **settings: Any) -> Client:
    """Return a client whose attempts are short."""
    return Client(boto, limits=PLENTY, attempt_timeout_s=TIMEOUT_S, **settings)


def refused(
    client: Client, mail: Email, **options: Any
) -> tuple[type[NotSentError], bool]:
    """Return how the send was refused, and whether in time."""
    client.boto3_client.meta  # noqa: B018  # made before time counts
    began = time.monotonic()
    with pytest.raises(NotSentError) as caught:
        client.send(mail, **{"max_wait_s": 0.0, **options})
    return type(caught.value), time.monotonic() - began < TIMEOUT_S + LATE_S


def drip(sock: socket.socket, head: bytes) -> None:
    """Send *head*, then a byte now and then, until nobody listens."""
    sock.sendall(head)
    for _ in range(300):
        time.sleep(0.2)
        sock.sendall(b"\x02")


def hear(sock: socket.socket) -> None:
    """Say nothing until the other side ends."""
    while sock.recv(65536):
        pass


def test_a_dripping_handshake(
    boto3_client: Callable[..., Any],
    listening: Listening,
    mail: Callable[..., Email],
) -> None:
    """A TLS handshake that drips ends with the attempt."""
    port = listening(lambda sock: drip(sock, RECORD))
    boto = boto3_client(f"https://localhost:{port}")

    assert (UnreachableError, True) == refused(client_for(boto), mail())


def test_a_silent_handshake(
    boto3_client: Callable[..., Any],
    listening: Listening,
    mail: Callable[..., Email],
) -> None:
    """A TLS handshake that never comes ends with the attempt."""
    port = listening(hear)
    boto = boto3_client(f"https://localhost:{port}")

    assert (UnreachableError, True) == refused(client_for(boto), mail())


def test_no_way_to_any_address(
    boto3_client: Callable[..., Any],
    mail: Callable[..., Email],
    hole: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Forty addresses of which none answers do not take forty times."""
    known = socket.getaddrinfo

    def forty(host: str, *args: Any, **options: Any) -> list[Any]:
        found = known("127.0.0.1", *args, **options)
        return found * 40 if host == "localhost" else found

    monkeypatch.setattr(socket, "getaddrinfo", forty)
    boto = boto3_client(f"http://localhost:{hole}")

    assert (UnreachableError, True) == refused(client_for(boto), mail())


def test_a_closed_port(
    boto3_client: Callable[..., Any], mail: Callable[..., Email]
) -> None:
    """A port nobody listens on is tried again until patience ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    boto = boto3_client(f"http://127.0.0.1:{port}")

    assert (UnreachableError, True) == refused(
        client_for(boto), mail(), max_wait_s=0.7
    )


def test_no_such_host(
    boto3_client: Callable[..., Any],
    mail: Callable[..., Email],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name that cannot be resolved is unreachable, within patience."""

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    boto = boto3_client("http://ses.invalid")

    assert (UnreachableError, True) == refused(
        client_for(boto), mail(), max_wait_s=0.7
    )


def test_no_trust(
    serving: Serving,
    tls: tuple[ssl.SSLContext, Path],
    mail: Callable[..., Email],
) -> None:
    """A certificate that is not trusted is told at once, unsent."""
    ses, client = serving(server={"host": "localhost", "ssl_context": tls[0]})
    outcome = refused(client, mail(), max_wait_s=60.0)

    assert ((ConfigurationError, True), 0) == (
        outcome,
        ses.requests["SendEmail"],
    )


def test_another_name(
    serving: Serving,
    tls: tuple[ssl.SSLContext, Path],
    mail: Callable[..., Email],
) -> None:
    """A certificate for another host is told at once, unsent."""
    ses, client = serving(
        server={"host": "127.0.0.1", "ssl_context": tls[0]},
        verify=str(tls[1]),
    )
    outcome = refused(client, mail(), max_wait_s=60.0)

    assert ((ConfigurationError, True), 0) == (
        outcome,
        ses.requests["SendEmail"],
    )


def test_no_credentials(
    serving: Serving,
    mail: Callable[..., Email],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without credentials nothing is sent, and the error says why."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    ses, _ = serving()
    with ses.serve() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SESV2", url)
        with Client(region="eu-west-1", limits=PLENTY) as client:
            outcome = refused(client, mail())

    assert ((CredentialsError, True), 0) == (
        outcome,
        ses.requests["SendEmail"],
    )


def test_an_unknown_parameter(serving: Serving) -> None:
    """What the installed botocore cannot send is told, unsent."""
    ses, client = serving()
    with pytest.raises(ConfigurationError) as caught:
        client.send_email(
            FromEmailAddress="shop@a.example",
            Destination={"ToAddresses": ["eva@b.example"]},
            Content={
                "Simple": {
                    "Subject": {"Data": "Hi"},
                    "Body": {"Text": {"Data": "Hi"}},
                }
            },
            FutureParameter="x",  # type: ignore[call-arg]  # not yet
        )

    assert (0, True, True) == (
        ses.requests["SendEmail"],
        "FutureParameter" in str(caught.value),
        isinstance(caught.value, ClientError),
    )


class Noting(ComposedState):
    """A state that notes when it is told of an attempt."""

    def __init__(
        self, told: list[str], error: Exception | None = None
    ) -> None:
        super().__init__(MemoryBudget(SystemClock()))
        self._told = told
        self._error = error

    def submit(self, claim: Claim, timeout_s: float) -> None:
        """Note it, or refuse."""
        self._told.append("submit")
        if self._error is not None:
            raise self._error
        super().submit(claim, timeout_s)


def test_told_before_the_first_byte(
    serving: Serving, mail: Callable[..., Email]
) -> None:
    """The state is told once for each attempt, after signing."""
    told: list[str] = []
    ses, client = serving(state=Noting(told))
    events = client.boto3_client.meta.events
    events.register_last(
        "before-sign.sesv2.SendEmail", lambda **_: told.append("sign")
    )
    ses.faults.add("status:429", first=1)
    client.send(mail())

    assert ["sign", "submit"] * 2 == told


@pytest.mark.parametrize(
    "error", [StoreError("ledger", "test", "is gone"), RuntimeError("no")]
)
def test_a_state_that_refuses(
    boto3_client: Callable[..., Any],
    mail: Callable[..., Email],
    error: Exception,
) -> None:
    """If the state cannot be told, no connection is even opened."""
    told: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        boto = boto3_client(f"http://127.0.0.1:{listener.getsockname()[1]}")
        client = client_for(boto, state=Noting(told, error))
        with pytest.raises(NotSentError):
            client.send(mail(), max_wait_s=0.0)
        with pytest.raises(TimeoutError):
            listener.accept()

    assert ["submit"] == told


def pipe(one: socket.socket, other: socket.socket) -> None:
    """Carry bytes both ways until either side ends."""
    while True:
        for sock in select.select([one, other], [], [])[0]:
            data = sock.recv(65536)
            if not data:
                return
            (other if sock is one else one).sendall(data)


def read_head(sock: socket.socket) -> tuple[str, bytes]:
    """Return the target of a request, and all that was read of it."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += sock.recv(65536)
    return data.split(b" ")[1].decode(), data


def forward(sock: socket.socket) -> None:
    """Be a proxy: CONNECT, or take an absolute URL."""
    target, data = read_head(sock)
    place = target.removeprefix("http://").partition("/")[0]
    host, _, port = place.partition(":")
    with socket.create_connection((host, int(port))) as other:
        if target.startswith("http://"):
            other.sendall(data.replace(f"http://{place}".encode(), b"", 1))
        else:
            sock.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
        pipe(sock, other)


@pytest.fixture(params=["http", "https"])
def far(
    request: pytest.FixtureRequest, tls: tuple[ssl.SSLContext, Path]
) -> dict[str, Any]:
    """How to start an SES that is reached by a proxy."""
    secure = request.param == "https"
    return {
        "server": {
            "host": "localhost",
            "ssl_context": tls[0] if secure else None,
        },
        "verify": str(tls[1]),
    }


def by(port: int) -> dict[str, Any]:
    """Return the configuration of boto3 for a proxy."""
    url = f"http://127.0.0.1:{port}"
    return {"proxies": {"http": url, "https": url}}


def test_a_proxy(
    serving: Serving,
    listening: Listening,
    mail: Callable[..., Email],
    far: dict[str, Any],
) -> None:
    """By way of a proxy all is as without."""
    ses, client = serving(
        config=by(listening(forward)), state="memory:", **far
    )
    first, second = client.send(mail()), client.send(mail())
    ses.faults.add("drip", first=1)
    with pytest.raises(OutcomeUnknownError) as unknown:
        client_for(client.boto3_client, state="memory:").send(mail())
    third = client.send(mail())
    wait_for(lambda: ses.copies(unknown.value.tag))  # read by SES as well

    assert [1] * 4 == [
        ses.copies(one.tag) for one in (first, second, unknown.value, third)
    ]


@pytest.mark.parametrize("status", ["200 OK", "407 No", "502 Bad Gateway"])
def test_the_page_of_a_proxy(
    serving: Serving,
    listening: Listening,
    mail: Callable[..., Email],
    far: dict[str, Any],
    status: str,
) -> None:
    """What a proxy answers by itself is never taken for a success."""

    def page(sock: socket.socket) -> None:
        read_head(sock)
        sock.sendall(
            f"HTTP/1.1 {status}\r\nContent-Type: text/html\r\n"
            "Content-Length: 6\r\nConnection: close\r\n\r\n<html>".encode()
        )

    ses, client = serving(config=by(listening(page)), **far)
    with pytest.raises((NotSentError, OutcomeUnknownError)) as caught:
        client.send(mail(), max_wait_s=0.3)
    tunnelled = far["server"]["ssl_context"] is not None
    # Without a tunnel the proxy has had the whole request.
    unknown = not tunnelled and not status.startswith("4")

    assert (unknown, 0) == (
        isinstance(caught.value, OutcomeUnknownError),
        len(ses.sent),
    )


# http.client before Python 3.11 leaves the answer of a proxy open.
@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
    if sys.version_info < (3, 11)
    else "error"
)
def test_a_proxy_that_drips(
    boto3_client: Callable[..., Any],
    listening: Listening,
    mail: Callable[..., Email],
) -> None:
    """A tunnel that does not get ready ends with the attempt, unsent."""
    port = listening(lambda sock: drip(sock, b"HTTP/1.1 200 Conn"))
    boto = boto3_client("https://localhost:1", **by(port))

    outcome = refused(client_for(boto), mail())
    gc.collect()  # a socket that nobody closed is told of here

    assert (UnreachableError, True) == outcome


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 99\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2",
        b"HTTP/1.1 200 OK\r\nX-Long: 2",
        b"HTTP/1.1 2",
    ],
)
def test_an_answer_that_drips(
    boto3_client: Callable[..., Any],
    listening: Listening,
    mail: Callable[..., Email],
    head: bytes,
) -> None:
    """However an answer is framed, it cannot drip past the deadline."""

    def talk(sock: socket.socket) -> None:
        read_head(sock)
        drip(sock, head)

    boto = boto3_client(f"http://127.0.0.1:{listening(talk)}")
    client = client_for(boto)
    began = time.monotonic()
    with pytest.raises(OutcomeUnknownError):
        client.send(mail())

    assert time.monotonic() - began < TIMEOUT_S + LATE_S


def test_their_own_uploads_have_time(
    boto3_client: Callable[..., Any],
    listening: Listening,
    mail: Callable[..., Email],
) -> None:
    """A connection that we used has no deadline in others' hands."""

    def slow_at_second(sock: socket.socket) -> None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        for pause_s in (0.0, 1.5):
            head, _, body = b"", b"", b""
            while b"\r\n\r\n" not in head:
                head += sock.recv(1024)
            time.sleep(pause_s)
            head, _, body = head.partition(b"\r\n\r\n")
            length = next(
                int(line.split(b":")[1])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length:")
            )
            while len(body) < length:
                body += sock.recv(1 << 20)
            sock.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                b'Content-Length: 17\r\n\r\n{"MessageId":"1"}'
            )

    port = listening(slow_at_second)
    boto = boto3_client(
        f"http://127.0.0.1:{port}", retries={"total_max_attempts": 1}
    )
    client = client_for(boto)
    for _ in range(TRIES):  # until one is in time
        with contextlib.suppress(OutcomeUnknownError):
            client.send(mail())
            break
    answer = boto.send_email(
        Content={"Raw": {"Data": b"Subject: Hi\r\n\r\n" + bytes(8 << 20)}}
    )

    assert "1" == answer["MessageId"]
