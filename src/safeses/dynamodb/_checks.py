"""
The table itself: made, looked at, and what is said of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from safeses._state_notes import Note
from safeses.dynamodb._reader import FORMAT, newer
from safeses.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from safeses.dynamodb._connection import Table

PART: Final = "state"
TTL: Final = "ttl"
_KEYS: Final = {"pk": "HASH", "sk": "RANGE"}
_TEMPLATE: Final = "docs/examples/dynamodb-table.yaml"
_POLL_S: Final = 0.5
_READY_WITHIN_S: Final = 120.0


def init(table: Table) -> None:
    """
    Make the table, on demand and with its TTL, if it is not there.

    Raises:
        StoreError: It cannot be made, or is not ready in two minutes.
    """
    if table.described() is None:
        table.call(
            PART,
            "CreateTable",
            TableName=table.name,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[
                {"AttributeName": name, "KeyType": kind}
                for name, kind in _KEYS.items()
            ],
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": "S"} for name in _KEYS
            ],
        )
    _wait_for(table)
    table.check_format(PART)
    if _ttl(table) is None:
        table.call(
            PART,
            "UpdateTimeToLive",
            TableName=table.name,
            TimeToLiveSpecification={"Enabled": True, "AttributeName": TTL},
        )


def check(table: Table) -> list[Note]:
    """Return what there is to say about the table; changes nothing."""
    try:
        described = table.described()
    except StoreError as error:
        return [Note(level="error", text=error.problem)]
    if described is None:
        return [
            Note(
                level="error",
                text=f"there is no table {table.name!r}",
                remedy=f"make it with `safeses state init` or {_TEMPLATE}",
            )
        ]
    return [*_notes(table, described)]


def size(table: Table) -> dict[str, int]:
    """Return how large the table is; DynamoDB counts every six hours."""
    described = table.described() or {}
    return {
        "items": int(described.get("ItemCount", 0)),
        "bytes": int(described.get("TableSizeBytes", 0)),
    }


def _notes(table: Table, described: dict[str, Any]) -> Iterator[Note]:
    keys = {
        key["AttributeName"]: key["KeyType"] for key in described["KeySchema"]
    }
    types = {
        one["AttributeName"]: one["AttributeType"]
        for one in described["AttributeDefinitions"]
    }
    if keys != _KEYS or any(types.get(name) != "S" for name in _KEYS):
        yield Note(
            level="error",
            text=f"the table {table.name!r} has other keys than the strings"
            " pk and sk",
            remedy=f"make another by `safeses state init` or {_TEMPLATE}",
        )
        return
    yield Note(
        level="ok",
        text=f"the table {table.name!r} is {described['TableStatus']}",
    )
    yield _billing(described)
    for found in (_format_note, _ttl_note, _recovery_note):
        try:
            yield found(table)
        except StoreError as error:
            yield Note(
                level="warning",
                text=f"not checked: {error.problem}",
                remedy="allow the action to whoever runs this check",
            )


def _billing(described: dict[str, Any]) -> Note:
    billing = described.get("BillingModeSummary", {}).get("BillingMode")
    if billing == "PAY_PER_REQUEST":
        return Note(level="ok", text="it is billed on demand")
    return Note(
        level="warning",
        text="its throughput is provisioned: mail waits when that is used up",
        remedy="bill it on demand, or scale it with the rate of the account",
    )


def _format_note(table: Table) -> Note:
    written = table.written_format(PART)
    if written > FORMAT:
        return Note(level="error", text=f"it {newer(written)}")
    if not written:
        return Note(level="ok", text="nothing has used it yet")
    return Note(level="ok", text=f"it has the format {written}")


def _ttl_note(table: Table) -> Note:
    name = _ttl(table)
    if name == TTL:
        return Note(level="ok", text="what may vanish does, by TTL")
    return Note(
        level="warning",
        text="no TTL on the attribute ttl: the table only grows",
        remedy="run `safeses state init`, or enable it on ttl"
        if name is None
        else f"it is on {name!r}: enable it on ttl",
    )


def _recovery_note(table: Table) -> Note:
    answer = table.call(
        PART, "DescribeContinuousBackups", again=True, TableName=table.name
    )
    told = answer["ContinuousBackupsDescription"]
    recovery = told.get("PointInTimeRecoveryDescription", {})
    if recovery.get("PointInTimeRecoveryStatus") == "ENABLED":
        return Note(level="ok", text="point-in-time recovery is on")
    return Note(
        level="warning",
        text="point-in-time recovery is off: a table deleted by mistake is"
        " gone, with all suppressions and open outcomes",
        remedy="turn it on",
    )


def _ttl(table: Table) -> str | None:
    """Return the attribute of the TTL, None if there is none."""
    answer = table.call(
        PART, "DescribeTimeToLive", again=True, TableName=table.name
    )
    told = answer["TimeToLiveDescription"]
    if told.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"}:
        return str(told["AttributeName"])
    return None


def _wait_for(table: Table) -> None:
    until = table.clock.monotonic() + _READY_WITHIN_S
    while table.clock.monotonic() < until:
        described = table.described()
        if described and described["TableStatus"] in {"ACTIVE", "UPDATING"}:
            return
        table.clock.sleep(_POLL_S)
    raise StoreError(
        PART,
        table.engine,
        f"the table {table.name!r} is not ready after {_READY_WITHIN_S:g} s",
    )
