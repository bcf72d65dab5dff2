"""Real clients and servers on the loopback interface."""

from __future__ import annotations

import socket
import ssl
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from safeses import Client, Email, Limits
from safeses.testing import SimulatedSES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PLENTY = Limits(per_second=10_000)


@pytest.fixture(scope="session")
def mail() -> Callable[..., Email]:
    """Make a mail; what is given replaces a field."""

    def make(subject: str = "Your order", **fields: Any) -> Email:
        return Email(
            **{
                "from_email": "Shop <shop@a.example>",
                "to": "eva@b.example",
                "subject": subject,
                "text": "Thank you.",
                **fields,
            }
        )

    return make


@pytest.fixture(scope="session")
def boto3_client() -> Iterator[Callable[..., Any]]:
    """Make boto3 clients; all are closed at the end."""
    session = boto3.Session()  # one, as each reads botocore's models anew
    with ExitStack() as stack:

        def make(
            url: str, *, verify: str | bool | None = None, **config: Any
        ) -> Any:
            client = session.client(
                "sesv2",
                region_name="eu-west-1",
                endpoint_url=url,
                verify=verify,
                config=Config(**config),
            )
            stack.callback(client.close)
            return client

        yield make


@pytest.fixture(scope="session")
def tls(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[ssl.SSLContext, Path]:
    """Return the server's side, and the authority that clients trust."""
    trustme = pytest.importorskip("trustme")
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    path = tmp_path_factory.mktemp("tls") / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    return context, path


@pytest.fixture
def serving(
    boto3_client: Callable[..., Any],
) -> Iterator[Callable[..., tuple[SimulatedSES, Client]]]:
    """Start an SES, and a client of ours that sends to it."""
    with ExitStack() as stack:

        def start(
            ses: SimulatedSES | None = None,
            *,
            server: dict[str, Any] | None = None,
            verify: str | None = None,
            config: dict[str, Any] | None = None,
            **settings: Any,
        ) -> tuple[SimulatedSES, Client]:
            ses = ses or SimulatedSES(max_send_rate=10_000)
            url = stack.enter_context(ses.serve(**server or {}))
            given = boto3_client(url, verify=verify, **config or {})
            client = Client(given, **{"limits": PLENTY, **settings})
            stack.enter_context(client)
            return ses, client

        yield start


@pytest.fixture
def hole() -> Iterator[int]:
    """A port that answers no SYN: a full queue that nobody empties."""
    with ExitStack() as stack:
        listener = stack.enter_context(
            socket.create_server(("127.0.0.1", 0), backlog=0)
        )
        address = listener.getsockname()
        for _ in range(4):
            sock = stack.enter_context(socket.socket())
            sock.settimeout(0)
            sock.connect_ex(address)
        yield address[1]
