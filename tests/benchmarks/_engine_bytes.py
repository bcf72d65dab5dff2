"""How many bytes an engine takes for what it keeps."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from tests import engines
from tests.benchmarks import _kit

TABLE: Final = "safeses_suppressions"
# Developer Guide of DynamoDB, "Item sizes and formats".
_MAP_BYTES: Final = 3
_MEMBER_BYTES: Final = 1


def taken(name: str, url: str) -> int:
    """Return what the engine of a URL takes for suppressions now."""
    if name == "redis":
        return _redis(url)
    if name == "postgresql":
        query = f"select pg_total_relation_size('{TABLE}')"
        return int(engines.run_sql(url, query)[0][0])
    if name == "mariadb":
        rows = engines.run_sql(
            url,
            f"analyze table {TABLE}",
            "select data_length + index_length"  # noqa: S608  # all ours
            " from information_schema.tables"
            f" where table_schema = database() and table_name = '{TABLE}'",
        )
        return int(rows[0][0])
    if name == "sqlite":
        return _sqlite(path_of(url))
    return _dynamodb(url)


def path_of(url: str) -> Path:
    """Return the file that a URL of SQLite names."""
    return Path(url.removeprefix("sqlite:///").partition("?")[0])


def _redis(url: str) -> int:
    import redis

    with redis.Redis.from_url(url.partition("?")[0]) as client:
        info: Any = client.info("memory")
    return int(info["used_memory"])


def _sqlite(path: Path) -> int:
    with contextlib.closing(sqlite3.connect(path, timeout=60)) as connection:
        # What is still in the log counts as well.
        connection.execute("pragma wal_checkpoint(truncate)")
    return path.stat().st_size


def _dynamodb(url: str) -> int:
    """Return the size of all items, by the rule that DynamoDB counts by."""
    import boto3

    place = urlsplit(url)
    options = parse_qs(place.query)
    client = boto3.session.Session().client(
        "dynamodb",
        region_name=_kit.REGION,
        endpoint_url=options["endpoint_url"][0],
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )
    with contextlib.closing(client):
        pages = client.get_paginator("scan").paginate(TableName=place.netloc)
        return sum(
            _named_bytes(item) for page in pages for item in page["Items"]
        )


def _named_bytes(values: dict[str, Any]) -> int:
    return sum(len(n.encode()) + _bytes(v) for n, v in values.items())


def _bytes(value: dict[str, Any]) -> int:
    [(kind, held)] = value.items()
    if kind == "M":
        return _MAP_BYTES + _MEMBER_BYTES * len(held) + _named_bytes(held)
    if kind == "L":
        return _MAP_BYTES + sum(_MEMBER_BYTES + _bytes(one) for one in held)
    if kind in {"SS", "NS", "BS"}:
        return sum(_bytes({kind[0]: one}) for one in held)
    return _plain_bytes(kind, held)


def _plain_bytes(kind: str, held: Any) -> int:
    if kind in {"BOOL", "NULL"}:
        return 1
    if kind == "N":
        digits = len(held.lstrip("-").replace(".", "").strip("0"))
        # A byte for two digits, one more, and one for what is below 0.
        return (digits + 1) // 2 + 1 + int(held.startswith("-"))
    return len(held if kind == "B" else held.encode())
