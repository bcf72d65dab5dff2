"""
The client of boto3 for a table: one for each process, made at first use.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import attrs

from safeses._process_lock import ProcessLock
from safeses.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

# As many threads as share a client in one process, or a few more.
_CONNECTIONS: Final = 64
_ANY_REGION: Final = "us-east-1"


@attrs.define(eq=False)
class Handle:
    """
    How to come by the client of this process.

    A child of a fork makes its own and leaves the parent's alone: two
    processes on one connection would read each other's answers.
    """

    region: str | None
    endpoint_url: str | None
    given: Any = attrs.field(repr=False)
    timeout_s: float
    _lock: ProcessLock = attrs.field(factory=ProcessLock, init=False)
    _client: Any = attrs.field(default=None, init=False, repr=False)
    # Of parents: kept, so that no collector closes what is theirs.
    _left: list[Any] = attrs.field(factory=list, init=False, repr=False)
    _pid: int = attrs.field(default=0, init=False)
    _given_in: int = attrs.field(factory=os.getpid, init=False)

    def client(self) -> Any:
        """
        Return the client of this process.

        Raises:
            ConfigurationError: There can be none.
        """
        pid = os.getpid()
        client = self._client
        if client is not None and self._pid == pid:
            return client
        with self._lock.mine:
            if self._client is None or self._pid != pid:
                if self._client is not None:
                    self._left.append(self._client)
                self._client, self._pid = self._made(pid), pid
            return self._client

    def after_fork(self) -> None:
        """Forget the client of the parent."""
        self._lock.after_fork()

    def close(self) -> None:
        """Close the connections of this process; idempotent."""
        client, self._client = self._client, None
        if self._pid != os.getpid() or client is None:
            return
        if client is not self.given and hasattr(client, "close"):
            client.close()

    def _made(self, pid: int) -> Any:
        if self.given is None:
            return self._own(self.region, self.endpoint_url)
        if hasattr(self.given, "meta"):
            if pid == self._given_in:
                return self.given
            raise ConfigurationError(
                "the boto3 client of the table was made before a fork",
                "give a function that makes one, or leave client= out",
            )
        make: Callable[[], Any] = self.given
        return make()

    def _own(self, region: str | None, endpoint_url: str | None) -> Any:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError

        config = Config(
            connect_timeout=self.timeout_s,
            read_timeout=self.timeout_s,
            retries={"mode": "standard", "total_max_attempts": 1},
            max_pool_connections=_CONNECTIONS,
            tcp_keepalive=True,
        )
        try:
            # A session of our own: boto3's default one is not thread-safe.
            session = boto3.session.Session()
            name: str | None = region or session.region_name
            name = name or os.environ.get("AWS_REGION")
            if endpoint_url is not None:
                # A local server needs one only to sign with.
                name = name or _ANY_REGION
            return session.client(
                "dynamodb",
                region_name=name,
                endpoint_url=endpoint_url,
                config=config,
            )
        except (BotoCoreError, ValueError) as error:
            raise ConfigurationError(
                f"boto3 makes no client for DynamoDB ({type(error).__name__})",
                "add ?region= to the URL, and check AWS_PROFILE",
            ) from error
