"""
What botocore and urllib3 work out anew for each call, remembered.

None of this changes what is sent. Each part checks that the inside is as
known and leaves it alone otherwise: it is about speed, not safety.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import urllib3
from botocore.context import get_context
from botocore.validate import ParamValidationDecorator

from safeses._transport._deadline import current

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_AGENTS: Final = 64


def save_work(client: Any) -> None:
    """Let *client* do less for our attempts; its own calls stay as is."""
    serializer = getattr(client, "_serializer", None)
    if isinstance(serializer, ParamValidationDecorator):
        client._serializer = _Serializer(serializer)
    creator = getattr(client, "_user_agent_creator", None)
    build: Any = getattr(creator, "to_string", None)
    # Not around our own: many clients may be made around one of boto3.
    if callable(build) and not hasattr(build, "known"):
        creator.to_string = _remembered(build)  # type: ignore[union-attr]  # has it


class _Serializer:
    """Skips botocore's check of types for parameters that had ours."""

    def __init__(self, checking: Any) -> None:
        self._checking = checking
        self._plain = checking._serializer

    def serialize_to_request(
        self, parameters: Any, operation_model: Any
    ) -> Any:
        attempt = current.get()
        skip = attempt is not None and attempt.checked
        serializer = self._plain if skip else self._checking
        return serializer.serialize_to_request(parameters, operation_model)


def _remembered(build: Callable[[], str]) -> Callable[[], str]:
    """Build the User-Agent once for each set of features of the call."""
    known: dict[frozenset[str], str] = {}

    def to_string() -> str:
        if current.get() is None:
            return build()
        context = get_context()
        features = frozenset(context.features if context else ())
        agent = known.get(features)
        if agent is None:
            if len(known) >= MAX_AGENTS:
                known.clear()
            agent = known[features] = build()
        return agent

    to_string.known = known  # type: ignore[attr-defined]  # also a mark
    return to_string


class PoolManager(urllib3.PoolManager):
    """Finds the pool of a URL without taking the URL apart each time."""

    _last: tuple[str, Any] = ("", None)

    def connection_from_url(
        self, url: str, pool_kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Return the pool for *url*; see urllib3."""
        if pool_kwargs is not None:
            return super().connection_from_url(url, pool_kwargs)
        known, pool = self._last
        # A pool that was closed has lost its queue.
        if known != url or pool.pool is None:
            pool = super().connection_from_url(url)
            self._last = (url, pool)
        return pool
