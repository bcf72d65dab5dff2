"""
Entries of a suppression list as attributes of an item.

An entry is a map. Times are microseconds since 1970, UTC: whole numbers
hold every date exactly. What is empty is left out; an entry without an end
has none.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from safeses._suppressed import Suppression
from safeses.dynamodb._items import not_ours
from safeses.errors import ConfigurationError
from safeses.suppression._keys import bare

if TYPE_CHECKING:
    from collections.abc import Iterable

    from safeses.dynamodb._items import Item

PART: Final = "suppression"
_STREAM: Final = "s:"
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
_MICROSECOND: Final = dt.timedelta(microseconds=1)
_FIRST: Final = dt.datetime.min.replace(tzinfo=dt.timezone.utc)
_LAST: Final = dt.datetime.max.replace(tzinfo=dt.timezone.utc)


class Entry(NamedTuple):
    """An entry to be added, and its place among those of the call."""

    place: int
    stream: str
    fields: dict[str, Any]


def fields_of(
    entry: Suppression, wall: float, *, is_hashed: bool
) -> dict[str, Any]:
    """Return the map of an entry that is added at this time."""
    since, end = entry.since, entry.expires_at
    fields = {
        "reason": entry.reason,
        "since": _wall_us(wall) if since is None else _us(since),
        "ends": None if end is None else _us(end),
        "address": "" if is_hashed else bare(entry.address),
        "source": entry.source,
        "note": entry.note,
    }
    return {n: v for n, v in fields.items() if v is not None and v != ""}


def streams_of(item: Item) -> list[str]:
    """Return the streams of which an item has an entry, in order."""
    start = len(_STREAM)
    return sorted(name[start:] for name in item if name.startswith(_STREAM))


def is_over(item: Item, stream: str, wall: float) -> bool:
    """Whether the entry of a stream has expired."""
    end = _ends(item[_STREAM + stream])
    return end is not None and end <= _wall_us(wall)


def changed(item: Item, entry: Entry, wall: float) -> bool:
    """Whether an entry takes its place: of nothing, or of a shorter one."""
    end = _ends(entry.fields)
    if end is not None and end <= _wall_us(wall):
        return False
    held = item.get(_STREAM + entry.stream)
    if held is None or is_over(item, entry.stream, wall):
        return True
    held_end = _ends(held)
    return held_end is not None and (end is None or end > held_end)


def with_entry(item: Item, entry: Entry) -> Item:
    """Return the item with an entry in its place."""
    return {**item, _STREAM + entry.stream: entry.fields}


def without(item: Item, streams: Iterable[str]) -> Item:
    """Return the item without the entries of some streams."""
    gone = {_STREAM + stream for stream in streams}
    return {name: value for name, value in item.items() if name not in gone}


def entry_of(item: Item, stream: str) -> Suppression:
    """
    Return the entry of a stream.

    Raises:
        StoreError: It is none: somebody else has written there.
    """
    fields = item[_STREAM + stream]
    try:
        return Suppression(
            address=fields.get("address", ""),
            reason=fields["reason"],
            stream=stream,
            source=fields.get("source", ""),
            note=fields.get("note", ""),
            since=_at(fields["since"]),
            expires_at=_at(_ends(fields)),
        )
    except (
        AttributeError,
        ConfigurationError,
        KeyError,
        OverflowError,
        TypeError,
    ):
        raise not_ours(PART) from None


def no_such_page() -> ConfigurationError:
    """Return what to raise for a cursor that is not from a page."""
    return ConfigurationError(
        "there is no such page of a suppression list",
        "give after as the page before says, and a limit of 1 or more",
    )


def _ends(fields: Any) -> int | None:
    try:
        end = fields.get("ends")
        return None if end is None else int(end)
    except (AttributeError, TypeError, ValueError):
        raise not_ours(PART) from None


def _wall_us(wall: float) -> int:
    return _us(dt.datetime.fromtimestamp(wall, dt.timezone.utc))


def _us(at: dt.datetime) -> int:
    # In another time zone it may be a day before the first in UTC.
    return (min(max(at, _FIRST), _LAST) - _EPOCH) // _MICROSECOND


def _at(since_1970_us: int | None) -> dt.datetime | None:
    if since_1970_us is None:
        return None
    return _EPOCH + dt.timedelta(microseconds=since_1970_us)
