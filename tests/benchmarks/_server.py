"""
The quickest server that boto3 takes for SES: a program of its own.

It answers any request with a MessageId, which repeats the subject if there
is one. It prints its URL, and ends with its standard input.
"""

from __future__ import annotations

import asyncio
import re
import sys
from typing import Final

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_SUBJECT: Final = re.compile(rb'"Subject": ?\{"Data": ?"([^"]{1,64})"')
_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    b"x-amzn-RequestId: 00000000-0000-4000-8000-000000000000\r\n"
    b"Content-Length: %d\r\n\r\n"
)


class Connection(asyncio.Protocol):
    """One kept-alive connection; requests may arrive in pieces."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start with nothing received."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        self._received = bytearray()
        self._wanted = 0

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        self._received += data
        while len(self._received) >= self._wanted:
            end = self._received.find(b"\r\n\r\n", 0, 65_536)
            if end < 0:
                return
            length = _LENGTH.search(self._received, 0, end + 2)
            size = end + 4 + (int(length[1]) if length else 0)
            if len(self._received) < size:
                self._wanted = size
                return
            self._answer(end, size)
            del self._received[:size]
            self._wanted = 0

    def _answer(self, begin: int, end: int) -> None:
        subject = _SUBJECT.search(self._received, begin, end)
        name = bytes(subject[1]) if subject else b"no-subject"
        body = b'{"MessageId": "%b"}' % name
        self._transport.write(_HEAD % len(body) + body)


async def serve() -> None:
    """Serve on a free port until the standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve())
