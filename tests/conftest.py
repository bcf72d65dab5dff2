"""
What every test stands on: no network, no account, no leftover settings.

The guard is an audit hook, not a patch: it also sees sockets that were made
in C or before the first test, and no test can undo it.
"""

from __future__ import annotations

import ipaddress
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

# Servers, and states on them.
pytest_plugins = ["tests.engines"]

# A machine that is busy with other things is no failure of ours.
settings.register_profile(
    "safeses",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("safeses")

# Audit events of the socket module, and where each keeps the peer.
_PEER_AT = {
    "socket.connect": 1,
    "socket.getaddrinfo": 0,
    "socket.gethostbyaddr": 0,
    "socket.gethostbyname": 0,
    "socket.sendmsg": 1,
    "socket.sendto": 1,
}

_FOREIGN_SETTINGS = ("AWS_", "SAFESES_")
_PROXIES = ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY")


def _is_here(peer: object) -> bool:
    """Tell whether *peer*, an address or a host, is on this machine."""
    host = peer[0] if isinstance(peer, tuple) and len(peer) > 1 else peer
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if not isinstance(host, str) or not host or host == "localhost":
        return True
    if isinstance(peer, str) and host.startswith("/"):  # a Unix socket
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _refuse_network(event: str, args: tuple[Any, ...]) -> None:
    position = _PEER_AT.get(event)
    if position is not None and not _is_here(args[position]):
        # Not an Exception, so that no handler under test swallows it.
        pytest.fail(f"{event}: a test tried to reach {args[position]!r}")


sys.addaudithook(_refuse_network)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """
    Give what depends on the machine's scheduler three tries.

    Real servers, processes and racing threads, and nothing else; whatever
    fails each time fails, and what needed another try is in the summary.
    """
    for item in items:
        if {"server", "race"} & {mark.name for mark in item.iter_markers()}:
            item.add_marker(pytest.mark.flaky(reruns=2))


@pytest.fixture(scope="session", autouse=True)
def _dummy_environment() -> Iterator[None]:
    """Credentials that are nobody's, and nothing from the machine."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(_FOREIGN_SETTINGS) or name.upper() in _PROXIES:
                patch.delenv(name)
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        patch.setenv("AWS_CONFIG_FILE", os.devnull)
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield
