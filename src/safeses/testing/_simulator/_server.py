"""The HTTP endpoint: one thread accepts, one per connection answers."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from typing import TYPE_CHECKING, Final

from ._connection import Connection, Settings

if TYPE_CHECKING:
    from types import TracebackType

    from ._service import Service

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost"})
_BACKLOG: Final = 256
_JOIN_S: Final = 5.0


class Server:
    """
    SES over HTTP on the loopback interface; a context manager of its URL.

    Start and stop may be called by hand instead. A stop ends stalled
    connections too and leaves no thread behind.
    """

    def __init__(
        self, service: Service, settings: Settings, host: str, port: int
    ) -> None:
        """Serve *service*; port 0 picks a free one at the start."""
        if host not in LOOPBACK:
            raise ValueError(
                f"the simulator serves {sorted(LOOPBACK)}, not {host}"
            )
        self._service = service
        self._settings = settings
        self._host = host
        self._port = port
        self._lock = threading.Lock()
        self._open: dict[threading.Thread, Connection] = {}
        self._stopped = threading.Event()
        self._acceptor: threading.Thread | None = None
        self._waker: socket.socket | None = None

    @property
    def url(self) -> str:
        """The endpoint, as ``endpoint_url=`` of boto3 takes it."""
        scheme = "http" if self._settings.ssl_context is None else "https"
        return f"{scheme}://{self._host}:{self._port}"

    @property
    def running(self) -> bool:
        """Whether it listens."""
        return self._acceptor is not None

    def __enter__(self) -> str:
        """Start and return the URL."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()

    def start(self) -> str:
        """Listen and return the URL; a port once picked stays the same."""
        if self._acceptor is not None:
            raise RuntimeError("the server is running")
        listener = socket.create_server(
            ("127.0.0.1", self._port), backlog=_BACKLOG
        )
        self._port = listener.getsockname()[1]
        waker, self._waker = socket.socketpair()
        self._stopped = threading.Event()
        self._acceptor = threading.Thread(
            target=self._accept,
            args=(listener, waker, self._stopped),
            name="ses-simulator",
            daemon=True,
        )
        self._acceptor.start()
        return self.url

    def stop(self) -> None:
        """Close everything and wait for the threads; again does nothing."""
        if self._acceptor is None or self._waker is None:
            return
        self._stopped.set()
        self._waker.close()
        self._acceptor.join(_JOIN_S)
        self._acceptor = self._waker = None
        with self._lock:
            left = dict(self._open)
        for connection in left.values():
            connection.abort()
        for thread in left:
            thread.join(_JOIN_S)

    def _accept(
        self,
        listener: socket.socket,
        waker: socket.socket,
        stopped: threading.Event,
    ) -> None:
        with listener, waker, selectors.DefaultSelector() as ready:
            ready.register(listener, selectors.EVENT_READ)
            ready.register(waker, selectors.EVENT_READ)
            while not stopped.is_set():
                ready.select()
                if not stopped.is_set():
                    with contextlib.suppress(OSError):
                        self._take(listener.accept()[0], stopped)

    def _take(self, sock: socket.socket, stopped: threading.Event) -> None:
        connection = Connection(sock, self._service, self._settings, stopped)

        def serve() -> None:
            try:
                connection.serve()
            finally:
                with self._lock:
                    self._open.pop(threading.current_thread(), None)

        thread = threading.Thread(
            target=serve, name="ses-simulator-connection", daemon=True
        )
        with self._lock:
            self._open[thread] = connection
        try:
            thread.start()
        except RuntimeError:  # no more threads: as good as a full backlog
            with self._lock:
                del self._open[thread]
            sock.close()
