"""Connections that lay idle: the server closes them when it likes."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from safeses import OutcomeUnknownError
from safeses._transport import _deadline

if TYPE_CHECKING:
    from collections.abc import Callable

    from safeses import Client, Email
    from safeses.testing import SimulatedSES

    Serving = Callable[..., tuple[SimulatedSES, Client]]

pytestmark = pytest.mark.server

# As with AWS, where it is some 20 s to our 5 s.
SERVER_S = 0.2
OURS_S = 0.05


def test_the_server_closes_idle_connections(
    serving: Serving,
    mail: Callable[..., Email],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Sends at any distance never meet a connection that is closing."""
    monkeypatch.setattr(_deadline, "IDLE_MAX_S", OURS_S)
    ses, client = serving(server={"idle_close_s": SERVER_S})

    def is_sent() -> bool:
        began = time.monotonic()
        try:
            client.send(mail())
        except OutcomeUnknownError:
            # Looked at in time, written too late: the machine stood still.
            if time.monotonic() - began < (SERVER_S - OURS_S) / 2:
                raise
            return False
        return True

    def send(lane: int) -> int:
        sent = 0
        for n in range(20):
            # Around both figures, where the races are.
            time.sleep((OURS_S, SERVER_S)[n % 2] + (lane - 4) * 0.002)
            while not is_sent():
                pass
            sent += 1
        return sent

    with ThreadPoolExecutor(8) as pool:
        sent = sum(pool.map(send, range(8)))

    assert (160, 160) == (sent, len(ses.sent))


def test_an_old_connection_is_not_used(
    serving: Serving, mail: Callable[..., Email]
) -> None:
    """A connection older than our rule is replaced, a young one is not."""
    _, client = serving()
    ports: list[Any] = []
    session = client.boto3_client._endpoint.http_session  # noqa: SLF001  # botocore has no other way
    for age_s in (0.0, 0.0, _deadline.IDLE_MAX_S + 1):
        if ports:
            (pool,) = session._manager.pools._container.values()  # noqa: SLF001  # as above
            connection = pool.pool.queue[-1]
            connection.last_used -= age_s
        client.send(mail())
        (pool,) = session._manager.pools._container.values()  # noqa: SLF001  # as above
        ports.append(pool.pool.queue[-1].sock.getsockname()[1])

    assert (True, False) == (ports[0] == ports[1], ports[1] == ports[2])
