"""Suppressions as rows of a table, and as JSON on their way there."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any, Final

from safeses._suppressed import Suppression
from safeses.errors import ConfigurationError, StoreError
from safeses.suppression._keys import bare

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from safeses.suppression._keys import AddressKeys

    Entry = dict[str, Any]

PART: Final = "suppression"

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
_MICROSECOND: Final = dt.timedelta(microseconds=1)
_FIRST: Final = dt.datetime.min.replace(tzinfo=dt.timezone.utc)
_LAST: Final = dt.datetime.max.replace(tzinfo=dt.timezone.utc)


def entry_of(keys: AddressKeys, suppression: Suppression) -> Entry:
    """
    Return the columns of a suppression; since when may be left open.

    Raises:
        ConfigurationError: It has no address.
    """
    since, end = suppression.since, suppression.expires_at
    return {
        "folded": keys.key(suppression.address),
        "address": "" if keys.is_hashed else bare(suppression.address),
        "stream": suppression.stream,
        "reason": suppression.reason,
        "source": suppression.source,
        "note": suppression.note,
        "since_us": None if since is None else us(since),
        "expires_at_us": None if end is None else us(end),
    }


def suppression_of(row: Sequence[Any], engine: str) -> Suppression:
    """
    Return the suppression that is in a row.

    Raises:
        StoreError: It is none: somebody else has written there.
    """
    address, reason, stream, source, note, since_us, expires_at_us = row
    try:
        return Suppression(
            address=address,
            reason=reason,
            stream=stream,
            source=source,
            note=note,
            since=_at(since_us),
            expires_at=_at(expires_at_us),
        )
    except (ConfigurationError, OverflowError, TypeError) as error:
        raise StoreError(
            PART,
            engine,
            "a row of the suppressions is not one of safeses; repair the"
            " table, or restore it",
        ) from error


def place_of(entry: Entry) -> tuple[str, str]:
    """Return what no two rows of a list have in common."""
    return entry["folded"], entry["stream"]


def rounds(entries: Iterable[Entry]) -> list[list[int]]:
    """
    Return the entries by number, so that no round has two for one place.

    A statement puts each row once; of equal ones each has its turn.
    """
    turns: dict[tuple[str, str], int] = {}
    found: list[list[int]] = []
    for number, entry in enumerate(entries):
        place = place_of(entry)
        turn = turns[place] = turns.get(place, -1) + 1
        if turn == len(found):
            found.append([])
        found[turn].append(number)
    return found


def lasts_longer(end_us: int | None, than_us: int | None) -> bool:
    """Whether what ends then ends after what is there; None is never."""
    return than_us is not None and (end_us is None or end_us > than_us)


def json_of(values: Iterable[Any]) -> str:
    """Return what a statement takes for many."""
    # As they are: not every engine puts escaped halves together again.
    return json.dumps([*values], ensure_ascii=False, separators=(",", ":"))


def us(at: dt.datetime) -> int:
    """Return microseconds since 1970."""
    # In another time zone it may be a day before the first in UTC.
    return (min(max(at, _FIRST), _LAST) - _EPOCH) // _MICROSECOND


def _at(since_1970_us: int | None) -> dt.datetime | None:
    if since_1970_us is None:
        return None
    return _EPOCH + dt.timedelta(microseconds=since_1970_us)
