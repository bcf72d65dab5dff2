"""
One attempt, one deadline: connections that know when to give up.

botocore's read time-out is per read: a server that drips a byte now and
then holds a call for ever. Here every socket operation of an attempt has
the time that is left, and a watchdog shuts the socket down at the
deadline. Connections outside an attempt, those of the caller's own use
of the boto3 client, behave as botocore made them.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

import attrs
from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
)
from urllib3.exceptions import HTTPError, NewConnectionError
from urllib3.util.connection import allowed_gai_family

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# A kept-alive connection that the server closes while we write loses the
# answer. Idle ones are dropped well before servers do (AWS: 20 s or so).
IDLE_MAX_S: Final = 5.0
# One address of several must not use up the whole attempt.
CONNECT_MAX_S: Final = 3.0
# The thread that watches ends when there was nothing to watch for so long.
LINGER_S: Final = 5.0
# A larger request is not copied to save one system call.
JOIN_MAX_BYTES: Final = 64 * 1024


@attrs.define(eq=False)
class Attempt:
    """
    One attempt on its way.

    Attributes:
        ends_at: The monotonic time of its deadline.
        before_send: What to call before the first byte.
        checked: Whether the parameters' types are known to be right.
        passes: How often it came to the point of sending; 1 is right.
        written: Whether a byte of the request may have left.
        expired: Whether the watchdog cut it off.
        connection: The connection it uses, while it has one.
        sock: The socket its answer comes from, while it does.
        lock: Held to cut it off, and to give its connection back.
    """

    ends_at: float
    before_send: Callable[[], None]
    checked: bool = False
    passes: int = 0
    written: bool = False
    expired: bool = False
    connection: Any = None
    sock: Any = None
    lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    def left_s(self) -> float:
        """Return the seconds that are left; never zero or less."""
        left_s = self.ends_at - time.monotonic()
        if left_s <= 0:
            msg = "the attempt's deadline has passed"
            raise TimeoutError(msg)
        return left_s

    def cut_off(self) -> None:
        """Shut down its socket, if it has one now."""
        with self.lock:
            self.expired = True
            # http.client lets go of a socket that will close after the
            # answer, while the answer still comes from it.
            sock = self.sock or getattr(self.connection, "sock", None)
            if sock is not None:
                _shut_down(sock)

    def let_go(self) -> None:
        """Leave its connection to others: it is not ours to cut any more."""
        with self.lock:
            self.connection = self.sock = None


def _shut_down(sock: Any) -> None:
    # TLS inside TLS, as through a proxy, wraps the socket in an object.
    plain = getattr(sock, "socket", sock)
    # Not SSLSocket.shutdown: it would pull the TLS object from under the
    # thread that is reading. And whatever kind of socket it is, the
    # watchdog has others to look after.
    with contextlib.suppress(Exception):
        if isinstance(plain, socket.socket):
            socket.socket.shutdown(plain, socket.SHUT_RDWR)
        else:
            plain.close()


current: ContextVar[Attempt | None] = ContextVar("attempt", default=None)


@attrs.define
class Watchdog:
    """
    Shuts down the socket of each attempt that outlives its deadline.

    One thread for all attempts, which ends when there were none for a
    while: a client that is forgotten leaves no thread behind.
    """

    _running: set[Attempt] = attrs.field(factory=set, init=False)
    _wakes_at: float = attrs.field(default=0.0, init=False)
    _changed: threading.Condition = attrs.field(
        factory=threading.Condition, init=False
    )
    _thread: threading.Thread | None = attrs.field(default=None, init=False)

    @contextlib.contextmanager
    def watch(self, attempt: Attempt) -> Iterator[None]:
        """Hold *attempt* to its deadline, and let our hooks see it."""
        with self._changed:
            if self._thread is None or not self._thread.is_alive():
                thread = threading.Thread(
                    target=self._run, name="safeses-deadlines", daemon=True
                )
                thread.start()
                self._thread = thread  # not if there can be no more threads
            if attempt.ends_at < self._wakes_at:
                self._changed.notify()
            self._running.add(attempt)
        token = current.set(attempt)
        try:
            yield
        finally:
            current.reset(token)
            with self._changed:
                self._running.discard(attempt)

    def _run(self) -> None:
        with self._changed:
            while True:
                now = time.monotonic()
                for attempt in [a for a in self._running if a.ends_at <= now]:
                    self._running.discard(attempt)
                    attempt.cut_off()
                self._wakes_at = min(
                    (a.ends_at for a in self._running),
                    default=float("inf"),
                )
                if self._running:
                    self._changed.wait(self._wakes_at - now)
                elif not self._changed.wait(LINGER_S) and not self._running:
                    self._thread = None
                    return


class _DeadlineMixin:
    """What our connections add to botocore's."""

    last_used: float = 0.0
    _tunnelling = False
    _held: list[bytes] | None = None

    def is_stale(self) -> bool:
        """Whether it lay idle so long that the server may close it."""
        idle_s = time.monotonic() - self.last_used
        return bool(self.last_used) and idle_s > IDLE_MAX_S

    def connect(self) -> None:
        attempt = self._take_up()
        if attempt is not None:
            self.timeout = min(attempt.left_s(), CONNECT_MAX_S)
        super().connect()  # type: ignore[misc]  # a mixin
        if attempt is not None and self.sock is not None:
            self.sock.settimeout(attempt.left_s())

    def _new_conn(self) -> Any:
        attempt = current.get()
        if attempt is None:
            return super()._new_conn()  # type: ignore[misc]  # a mixin
        # Each address has a part of the time that is left: urllib3 would
        # give the whole of it to every one of them.
        name, failed = self._dns_host, None
        for place in self._places(name):
            try:
                self._dns_host = place
                self.timeout = min(attempt.left_s(), CONNECT_MAX_S)
                sock = super()._new_conn()  # type: ignore[misc]  # a mixin
            except (HTTPError, TimeoutError) as error:
                failed = failed or error
            else:
                # For the TLS handshake, whose socket nobody can reach.
                left_s = attempt.ends_at - time.monotonic()
                sock.settimeout(max(left_s, 0.001))
                return sock
            finally:
                self._dns_host = name
        raise failed or NewConnectionError(self, "no address")  # type: ignore[arg-type]  # a mixin

    def _places(self, name: str) -> list[str]:
        try:
            found = socket.getaddrinfo(
                name, self.port, allowed_gai_family(), socket.SOCK_STREAM
            )
        except OSError as error:
            raise NewConnectionError(self, str(error)) from error  # type: ignore[arg-type]  # a mixin
        return [str(address[0]) for *_, address in found]

    def _tunnel(self) -> None:
        # What goes to a proxy to reach SES is not yet the request.
        self._tunnelling = True
        try:
            super()._tunnel()  # type: ignore[misc]  # a mixin
        finally:
            self._tunnelling = False
        attempt = current.get()
        if attempt is not None:
            # An answer that was cut off may look whole, and TLS on a socket
            # that is shut down leaves one that nobody closes.
            attempt.left_s()

    def request(self, *args: Any, **kwargs: Any) -> Any:
        if self._take_up() is None:
            return super().request(*args, **kwargs)  # type: ignore[misc]  # a mixin
        # Header block and body leave in one system call, not in two.
        self._held = []
        try:
            super().request(*args, **kwargs)  # type: ignore[misc]  # a mixin
        finally:
            held, self._held = self._held, None
        if sum(map(len, held)) <= JOIN_MAX_BYTES:
            held = [b"".join(held)]
        for data in held:
            self.send(data)
        return None

    def send(self, data: Any) -> None:
        if self._held is not None and not self._tunnelling:
            self._held.append(data)
            return
        attempt = self._take_up()
        if attempt is not None and not self._tunnelling:
            if self.sock is None:
                self.connect()
            if not attempt.written:
                self.sock.settimeout(attempt.left_s())
                attempt.written = True
        super().send(data)  # type: ignore[misc]  # a mixin

    def getresponse(self, *args: Any, **kwargs: Any) -> Any:
        attempt = self._take_up()
        if attempt is not None:
            self.timeout = attempt.left_s()
            attempt.sock = self.sock
            self.sock.settimeout(self.timeout)
        response = super().getresponse(*args, **kwargs)  # type: ignore[misc]  # a mixin
        self.last_used = time.monotonic()
        return response

    def _take_up(self) -> Attempt | None:
        attempt = current.get()
        if attempt is not None:
            attempt.connection = self
        return attempt

    sock: Any
    port: Any
    timeout: Any
    _dns_host: Any


class Connection(_DeadlineMixin, AWSHTTPConnection):  # type: ignore[misc]  # untyped
    """botocore's connection, held to the attempt's deadline."""


class SecureConnection(_DeadlineMixin, AWSHTTPSConnection):  # type: ignore[misc]  # untyped
    """The same over TLS."""


class _FreshMixin:
    def _get_conn(self, *args: Any, **kwargs: Any) -> Any:
        connection = super()._get_conn(*args, **kwargs)  # type: ignore[misc]  # a mixin
        if current.get() is not None and connection.is_stale():
            connection.close()
        return connection

    def _put_conn(self, conn: Any) -> None:
        attempt = current.get()
        if attempt is not None:
            attempt.let_go()
        super()._put_conn(conn)  # type: ignore[misc]  # a mixin


class Pool(_FreshMixin, AWSHTTPConnectionPool):
    """botocore's pool, which checks how long a connection lay idle."""

    ConnectionCls = Connection


class SecurePool(_FreshMixin, AWSHTTPSConnectionPool):
    """The same over TLS."""

    ConnectionCls = SecureConnection


POOLS: Final = {"http": Pool, "https": SecurePool}
