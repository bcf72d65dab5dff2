"""
What the parts share about items: their keys, their names, their ends.

A partition key begins with what its items are and ends with a hash of one
length, so that no namespace can be taken for a part of another one.
"""

from __future__ import annotations

import hashlib
import math
import re
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Final

from safeses._facts import key_of
from safeses.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from safeses.dynamodb._connection import Table

    Item = dict[str, Any]

# What has to be listed is spread over so many partition keys.
SHARDS: Final = "0123456789abcdef"
# DynamoDB deletes by its own clock. That of a host may be behind it.
TTL_MARGIN_S: Final = 86_400
# The last second of the year 9999; no end lies behind it.
LAST_S: Final = 253_402_300_799
# Items that are read at once from one partition key.
_AT_ONCE: Final = 500
_NAME: Final = re.compile(r"#([a-z_]\w*)")


def digest(text: str) -> str:
    """Return hex digits that spread texts evenly."""
    data = text.encode("utf-8", "surrogatepass")
    return hashlib.sha256(data).hexdigest()


def partition(kind: str, namespace: str, spread: str) -> str:
    """Return a partition key; *spread* has one length for each kind."""
    return f"{kind}#{key_of(namespace)}#{spread}"


def names_in(*expressions: str) -> dict[str, str]:
    """Return the attributes that expressions name, such as ``#owner``."""
    return {
        f"#{name}": name
        for expression in expressions
        for name in _NAME.findall(expression)
    }


def version() -> Item:
    """Return a version that no other item has, as an attribute."""
    return {"version": token_hex(8)}


def ttl_after(table: Table, seconds: float) -> int:
    """Return when DynamoDB may delete what counts for so many seconds."""
    return math.ceil(min(table.wall() + seconds, LAST_S)) + TTL_MARGIN_S


def all_after(
    table: Table,
    part: str,
    pk: str,
    after: str = "",
    at_once: int = _AT_ONCE,
) -> Iterator[Item]:
    """Yield the items of a partition key behind a sort key, in order."""
    while True:
        items = table.query(part, pk, after=after, limit=at_once)
        yield from items
        if len(items) < at_once:
            return
        after = items[-1]["sk"]


def not_ours(part: str) -> StoreError:
    """Return what to raise for an item that nobody here has written."""
    return StoreError(
        part,
        "dynamodb",
        "an item is none of this version; install the newest safeses, or"
        " restore the table",
    )
