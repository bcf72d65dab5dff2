"""
Tables in what stands for DynamoDB, each for one test.

What is said over a wire, and by many processes, is tested on moto's server.
Logic is tested on moto in this process, which is some times as quick. A
client of boto3 takes longer to make than most tests take, so that all
tests of one process share one.
"""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from typing import TYPE_CHECKING, Any

import attrs
import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from tests.engines import HOST, PATIENT_S, REGION, fresh_name

from safeses.dynamodb._connection import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from safeses.typing import Clock


# --- In this process ---------------------------------------------------------


@contextlib.contextmanager
def table_here(clock: Clock) -> Iterator[Table]:
    """
    Make a table in this process, for one test.

    A forked child has a copy of its own.
    """
    pytest.importorskip("moto")
    from moto import mock_aws
    from moto.core.models import DEFAULT_ACCOUNT_ID
    from moto.dynamodb.models import dynamodb_backends
    from tests.dynamodb_moto import Backend

    with mock_aws():
        backends = dynamodb_backends[DEFAULT_ACCOUNT_ID]
        backends[REGION] = Backend(REGION, DEFAULT_ACCOUNT_ID)
        yield table_of(client_here, clock, made_by(client_here()))


@functools.cache
def client_here() -> Any:
    """
    Return the client for moto in this process.

    It has no connections, so that a forked child may use it as well.
    """
    # moto hears only clients that were made after it was imported.
    client = boto3.session.Session().client(
        "dynamodb",
        region_name=REGION,
        config=Config(
            signature_version=UNSIGNED,
            retries={"mode": "standard", "total_max_attempts": 1},
        ),
    )
    return OneAtATime(client)


@attrs.define
class OneAtATime:
    """A client whose requests wait for one another, as moto's must."""

    client: Any
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return one of its methods."""
        act = getattr(self.client, name)

        def ask(**request: Any) -> Any:
            with self._lock:
                return act(**request)

        return ask


# --- Over HTTP ---------------------------------------------------------------


def client_at(port: int) -> Any:
    """Return the client of this process for the server at a port."""
    return _client_of(os.getpid(), port)


@functools.cache
def _client_of(_pid: int, port: int) -> Any:
    # Its own session, as in the library.
    return boto3.session.Session().client(
        "dynamodb",
        region_name=REGION,
        endpoint_url=f"http://{HOST}:{port}",
        config=Config(
            read_timeout=PATIENT_S,
            retries={"mode": "standard", "total_max_attempts": 1},
            max_pool_connections=64,
        ),
    )


def made_at(port: int) -> str:
    """Make a table that nobody has used; return its name."""
    return made_by(client_at(port))


def made_by(client: Any) -> str:
    """Make a table that nobody has used, by a client; return its name."""
    name, keys = fresh_name(), {"pk": "HASH", "sk": "RANGE"}
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": key, "AttributeType": "S"} for key in keys
        ],
        KeySchema=[
            {"AttributeName": key, "KeyType": kind}
            for key, kind in keys.items()
        ],
    )
    return name


def table_at(port: int, clock: Clock, name: str = "") -> Table:
    """Return a table; without a name it is made, and nobody has used it."""
    return table_of(lambda: client_at(port), clock, name or made_at(port))


def table_of(client: Callable[[], Any], clock: Clock, name: str) -> Table:
    """Return a table by its name, whose client is shared."""
    return Table(
        name,
        client=lambda: Lent(client()),  # type: ignore[arg-type, return-value]  # it has the methods
        clock=clock,
        timeout_s=PATIENT_S,  # of a machine that is busy with other tests
    )


def dropped(port: int, table: Table) -> None:
    """
    Remove a table after its test.

    The server copies all tables for each transaction.
    """
    table.close()
    client_at(port).delete_table(TableName=table.name)


def swept(client: Any, table: Table) -> int:
    """Delete what DynamoDB may, by its TTL; return how many that were."""
    deleted, start = 0, dict[str, Any]()
    while True:
        page = client.scan(TableName=table.name, **start)
        for item in page["Items"]:
            if "ttl" in item and float(item["ttl"]["N"]) < table.wall():
                key = {name: item[name] for name in ("pk", "sk")}
                client.delete_item(TableName=table.name, Key=key)
                deleted += 1
        if "LastEvaluatedKey" not in page:
            return deleted
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


class Lent:
    """A client that whoever has it cannot close for all others."""

    def __init__(self, client: Any) -> None:
        """Take the client."""
        self._client = client

    def __getattr__(self, name: str) -> Any:
        """Return one of its methods."""
        return getattr(self._client, name)

    def close(self) -> None:
        """Leave the connections of others open."""
