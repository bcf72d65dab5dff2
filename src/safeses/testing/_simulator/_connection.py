"""One HTTP connection: requests in, answers out, or whatever goes wrong."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import struct
import uuid
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Protocol, cast

import attrs

from . import _http, _http_v1
from ._refused import RefusedError
from ._wire import Answer, Head, UnreadableError, read_body, read_head

if TYPE_CHECKING:
    import ssl
    import threading
    from collections.abc import Callable

    from ._faults import Fault
    from ._service import Service

_LOG = logging.getLogger(__name__)
_LINGER_NONE: Final = struct.pack("ii", 1, 0)
_PADDING_BYTES: Final = 10_000_000
_HANDSHAKE_S: Final = 10.0
_GARBAGE: Final = b"\x17\x03\x03\x00\x20" + b"\x2a" * 32  # a bad TLS record
_HTML: Final = b"<html><body><h1>It works!</h1></body></html>"


class _Failure(Protocol):
    def __call__(self, refused: RefusedError, request_id: str) -> Answer: ...


@attrs.frozen(kw_only=True)
class _Call:
    """A request that is understood but not carried out yet."""

    operation: str
    run: Callable[[], Any]
    success: Callable[[str, Any, str], Answer]
    failure: _Failure


class LostError(Exception):
    """The connection is to end now."""


@attrs.frozen(kw_only=True)
class Settings:
    """
    What a server's connections have in common.

    Attributes:
        latency_s: Seconds before each answer.
        idle_close_s: Close a connection idle for this long; None never.
        ssl_context: For TLS; None is plain HTTP.
    """

    latency_s: float
    idle_close_s: float | None
    ssl_context: ssl.SSLContext | None


class Connection:
    """One accepted socket; `serve` runs in a thread of its own."""

    def __init__(
        self,
        sock: socket.socket,
        service: Service,
        settings: Settings,
        stopped: threading.Event,
    ) -> None:
        """Take over *sock*."""
        self._sock = sock
        self._service = service
        self._settings = settings
        self._stopped = stopped
        self._stream: BinaryIO | None = None

    def serve(self) -> None:
        """Answer requests until either side ends."""
        try:
            self._open()
            while not self._stopped.is_set() and self._serve_one():
                pass
        except (OSError, ValueError, LostError):
            pass  # gone, or meant to go
        except UnreadableError as broken:
            with contextlib.suppress(OSError):
                self._sock.sendall(_unreadable(str(broken)).wire())
        except Exception:  # noqa: BLE001  (the server goes on)
            _LOG.exception("a connection of the simulator failed")
        finally:
            self._end()

    def abort(self) -> None:
        """Wake whoever waits for this socket; any thread may call it."""
        # Past SSLSocket.shutdown, which would drop the reader's TLS state.
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)

    def _open(self) -> None:
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        context = self._settings.ssl_context
        if context is not None:
            self._sock.settimeout(_HANDSHAKE_S)
            self._sock = context.wrap_socket(
                self._sock, server_side=True, do_handshake_on_connect=False
            )
            self._sock.do_handshake()
        self._sock.settimeout(None)
        self._stream = cast("BinaryIO", self._sock.makefile("rb"))

    def _serve_one(self) -> bool:
        stream = cast("BinaryIO", self._stream)
        self._sock.settimeout(self._settings.idle_close_s)
        head = read_head(stream)
        self._sock.settimeout(None)
        if head is None:
            return False
        if head.headers.get("expect", "").lower() == "100-continue":
            self._sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        call, fault = self._read(stream, head)
        self._service.received(call.operation)
        answer = self._carry_out(call, fault)
        if self._settings.latency_s:
            self._stopped.wait(self._settings.latency_s)
        if fault is None:
            self._sock.sendall(answer.wire())
        else:
            self._spoil(fault, answer)
        return head.keep_alive

    def _read(
        self, stream: BinaryIO, head: Head
    ) -> tuple[_Call, Fault | None]:
        faults = self._service.faults
        if head.method == "POST" and head.target in {"/", ""}:
            body = self._body(stream, head)
            action, fields = _http_v1.read_action(body)
            call = _Call(
                operation=action,
                run=partial(_http_v1.call, self._service, action, fields),
                success=_http_v1.success,
                failure=_http_v1.failure,
            )
            return call, self._before(faults.next(action))
        try:
            route = _http.find_route(head.method, head.target)
        except RefusedError as refused:
            self._body(stream, head)
            return _lost_call(refused), None
        fault = self._before(faults.next(route.operation))
        body = self._body(stream, head)

        def run() -> Any:
            params = _http.read_params(route, body)
            return self._service.call(route.operation, params)

        call = _Call(
            operation=route.operation,
            run=run,
            success=_http.success,
            failure=_http.failure,
        )
        return call, fault

    def _before(self, fault: Fault | None) -> Fault | None:
        if fault is not None and fault.kind in {"reset_before", "refuse"}:
            self._reset()
        return fault

    def _body(self, stream: BinaryIO, head: Head) -> bytes:
        body = read_body(stream, head)
        if body is None:
            refused = RefusedError("", "Request Entity Too Large", 413)
            self._sock.sendall(_http.failure(refused, _request_id()).wire())
            raise LostError
        return body

    def _carry_out(self, call: _Call, fault: Fault | None) -> Answer:
        request_id = _request_id()
        if fault is not None and not fault.accepted:
            return self._forced(call, fault, request_id)
        try:
            answer = call.success(call.operation, call.run(), request_id)
        except RefusedError as refused:
            answer = call.failure(refused, request_id)
        except Exception:  # noqa: BLE001  (the caller gets an answer)
            _LOG.exception("the simulator failed at %s", call.operation)
            broken = RefusedError(
                "InternalFailure", "the simulator itself failed", 500
            )
            answer = call.failure(broken, request_id)
        if fault is not None and fault.kind == "status":
            return self._forced(call, fault, request_id)
        return self._noted(answer)

    def _forced(self, call: _Call, fault: Fault, request_id: str) -> Answer:
        if fault.kind == "redirect":
            headers = {
                "Location": "https://email.us-east-1.amazonaws.com/",
                "x-amzn-RequestId": request_id,
            }
            return Answer(status=301, body=b"", headers=headers)
        if fault.kind != "status":
            return Answer(status=200, body=b"{}", headers={})
        refused = RefusedError(
            fault.code or "", fault.message or "", fault.status
        )
        return self._noted(call.failure(refused, request_id))

    def _noted(self, answer: Answer) -> Answer:
        if answer.refusal is not None:
            code, message = answer.refusal
            self._service.answered(code, answer.status, message)
        return answer

    def _spoil(self, fault: Fault, answer: Answer) -> None:
        send = self._sock.sendall
        if fault.kind in {"stall", "stall_headers"}:
            if fault.kind == "stall_headers":
                send(answer.head())
            self._hold()
        elif fault.kind == "drip":
            self._drip(answer.wire(), fault.seconds)
        elif fault.kind == "reset_after":
            self._reset()
        elif fault.kind == "close":
            raise LostError
        elif fault.kind == "tls_corrupt":
            # Past TLS, onto the TCP connection.
            socket.socket.sendall(self._sock, _GARBAGE)
            raise LostError
        elif fault.kind == "latency":
            self._stopped.wait(fault.seconds)
            send(answer.wire())
        elif fault.kind == "continue":
            send(b"HTTP/1.1 100 Continue\r\n\r\n" + answer.wire())
        elif fault.kind == "cut" and answer.status == 200:  # noqa: PLR2004
            half = answer.body[: len(answer.body) // 2]
            send(answer.head() + half)
            raise LostError
        else:
            send(_strange(fault.kind, answer).wire())

    def _hold(self) -> None:
        """Wait until the other side gives up or the server stops."""
        while self._sock.recv(1024):
            pass
        raise LostError

    def _drip(self, wire: bytes, interval_s: float) -> None:
        for position in range(len(wire)):
            self._sock.sendall(wire[position : position + 1])
            self._sock.settimeout(interval_s)
            try:
                if not self._sock.recv(1024):
                    raise LostError
            except TimeoutError:
                continue  # nobody gave up: the next byte
            finally:
                self._sock.settimeout(None)

    def _reset(self) -> None:
        self._sock.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE
        )
        raise LostError

    def _end(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            if self._stream is not None:
                self._stream.close()
        with contextlib.suppress(OSError):
            self._sock.close()


def _lost_call(refused: RefusedError) -> _Call:
    def run() -> None:
        raise refused

    return _Call(
        operation="Unknown",
        run=run,
        success=_http.success,
        failure=_http.failure,
    )


def _strange(kind: str, answer: Answer) -> Answer:
    """Return a 200 that is not what SES answers, refusals unchanged."""
    if answer.refusal is not None or answer.status != 200:  # noqa: PLR2004
        return answer
    if kind == "empty":
        return attrs.evolve(answer, body=b"{}")
    if kind == "html":
        headers = {"Content-Type": "text/html"}
        return Answer(status=200, body=_HTML, headers=headers)
    if kind == "huge":
        return attrs.evolve(answer, body=answer.body + b" " * _PADDING_BYTES)
    return answer


def _unreadable(problem: str) -> Answer:
    body = json.dumps({"message": problem}).encode()
    headers = {
        "Content-Type": "application/json",
        "Connection": "close",
        "x-amzn-RequestId": _request_id(),
    }
    return Answer(status=400, body=body, headers=headers)


def _request_id() -> str:
    return str(uuid.uuid4())
