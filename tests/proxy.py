"""
A TCP proxy with the faults of a network, the same for every engine.

It also counts how often an answer was waited for: round trips, whatever
the protocol. Each connection has two threads.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from typing import TYPE_CHECKING, Final, Literal

import attrs

if TYPE_CHECKING:
    from typing_extensions import Self

HOST: Final = "127.0.0.1"
CHUNK_BYTES: Final = 65_536
# With it a closed socket says "reset", and not "the end".
_RESET: Final = struct.pack("ii", 1, 0)


@attrs.define(eq=False)
class _Link:
    """A client's connection, and the one to the server, if there is one."""

    client: socket.socket
    server: socket.socket | None
    is_asking: bool = False
    # Some bytes of it were swallowed.
    is_spoiled: bool = False

    def cut(self) -> None:
        """Reset both sides; the threads that read them end."""
        for side in (self.client, self.server):
            if side is None:
                continue
            with contextlib.suppress(OSError):
                side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                side.shutdown(socket.SHUT_RD)
            side.close()


class Proxy:
    """
    Stands between clients and a server of this machine; a context manager.

    Attributes:
        port: Where it listens, also again after `refuse`.
        delay_s: How long it keeps what it was given, each way.
        round_trips: How often a client has asked and then waited.
        connections: How many were accepted.
    """

    def __init__(self, port: int, host: str = HOST) -> None:
        """Begin to listen, and to pass on to *port*."""
        self.delay_s = 0.0
        self.round_trips = 0
        self.connections = 0
        self._target = (host, port)
        self._mode: Literal["", "hang", "mute"] = ""
        self._lock = threading.Lock()
        self._links: set[_Link] = set()
        self._threads: list[threading.Thread] = []
        self._listener: socket.socket | None = None
        self.port = 0
        self._listen()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def url_for(self, url: str) -> str:
        """Return the URL that names the proxy instead of the server."""
        host, port = self._target
        assert f"{host}:{port}" in url, "the URL is of another server"
        return url.replace(f"{host}:{port}", f"{HOST}:{self.port}")

    # --- Faults -------------------------------------------------------------

    def cut(self) -> None:
        """Reset all connections; new ones work."""
        with self._lock:
            links = [*self._links]
        for link in links:
            link.cut()

    def hang(self) -> None:
        """Swallow whatever is said, both ways; connections stay open."""
        self._mode = "hang"

    def mute(self) -> None:
        """Pass questions on, and swallow the answers."""
        self._mode = "mute"

    def refuse(self) -> None:
        """Reset all connections, and take no new ones."""
        with self._lock:
            listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.cut()

    def heal(self) -> None:
        """Work as before; connections that missed bytes are reset."""
        self._mode = ""
        with self._lock:
            spoiled = [link for link in self._links if link.is_spoiled]
        for link in spoiled:
            link.cut()
        if self._listener is None:
            self._listen()

    def close(self) -> None:
        """End all."""
        self.refuse()
        for thread in [*self._threads]:
            thread.join(10)

    # --- Inside -------------------------------------------------------------

    def _listen(self) -> None:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, self.port))
        listener.listen(128)
        self.port = listener.getsockname()[1]
        self._listener = listener
        self._start(self._accept, listener)

    def _start(self, act: object, *arguments: object) -> None:
        assert callable(act)
        thread = threading.Thread(target=act, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link = _Link(client, self._connected())
            if link.server is None and self._mode != "hang":
                link.cut()
                continue
            with self._lock:
                self._links.add(link)
                is_late = self._listener is not listener
            if is_late:
                link.cut()
            self._start(self._pass_on, link, client, link.server)
            if link.server is not None:
                self._start(self._pass_on, link, link.server, client)

    def _connected(self) -> socket.socket | None:
        if self._mode == "hang":
            return None
        try:
            server = socket.create_connection(self._target, 5)
        except OSError:
            return None
        server.settimeout(None)
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return server

    def _pass_on(
        self,
        link: _Link,
        source: socket.socket,
        target: socket.socket | None,
    ) -> None:
        is_question = source is link.client
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK_BYTES):
                self._count(link, is_question=is_question)
                if self.delay_s:
                    time.sleep(self.delay_s)
                if (
                    target is None
                    or self._mode == "hang"
                    or (self._mode == "mute" and not is_question)
                ):
                    link.is_spoiled = True
                else:
                    target.sendall(data)
        with self._lock:
            self._links.discard(link)
        for side in (link.client, link.server):
            if side is not None:
                with contextlib.suppress(OSError):
                    side.shutdown(socket.SHUT_RDWR)
                side.close()

    def _count(self, link: _Link, *, is_question: bool) -> None:
        with self._lock:
            if is_question and not link.is_asking:
                self.round_trips += 1
            link.is_asking = is_question
