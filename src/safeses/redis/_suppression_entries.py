"""
Entries of a suppression list as Redis keeps them.

How a value is made up stands in ``suppressions.lua``.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Final

from safeses._suppressed import Suppression
from safeses.errors import ConfigurationError, StoreError
from safeses.suppression._keys import bare

PART: Final = "suppression"
# Ten million entries are about 80 in each, which Redis keeps without an
# object for each of them. To change it is another format.
HASHES: Final = 2**17

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
_MICROSECOND: Final = dt.timedelta(microseconds=1)
_FIRST: Final = dt.datetime.min.replace(tzinfo=dt.timezone.utc)
_LAST: Final = dt.datetime.max.replace(tzinfo=dt.timezone.utc)


def number_of(key: bytes) -> int:
    """Return the number of the hash in which a key is."""
    digest = hashlib.sha256(key).digest()
    return int.from_bytes(digest[:4], "big") % HASHES


def packed(key: str, *, is_hashed: bool) -> bytes:
    """Return the key of an address as Redis keeps it."""
    return bytes.fromhex(key) if is_hashed else key.encode("ascii")


def value_of(key: str, entry: Suppression, *, is_hashed: bool) -> bytes:
    """Return the lines of an entry."""
    address = "" if is_hashed else bare(entry.address)
    lines = (
        _text(entry.since),
        _text(entry.expires_at),
        entry.reason,
        entry.source,
        "" if address == key else address,
        entry.note,
    )
    return "\n".join(lines).encode()


def entry_of(
    key: str, stream: str, value: bytes, *, is_hashed: bool
) -> Suppression:
    """
    Return the entry that a value holds.

    Raises:
        StoreError: It is none: somebody else has written there.
    """
    try:
        since, end, reason, source, address, note = value.decode().split(
            "\n", 5
        )
        return Suppression(
            address="" if is_hashed else address or key,
            reason=reason,
            stream=stream,
            source=source,
            note=note,
            since=_at(since),
            expires_at=_at(end),
        )
    except (ConfigurationError, OverflowError, ValueError):
        raise StoreError(
            PART, "redis", "an entry of the list is none of safeses"
        ) from None


def _text(at: dt.datetime | None) -> str:
    """Return seconds since 1970, exact to the microsecond."""
    if at is None:
        return ""
    # In another time zone it may be a day before the first in UTC.
    at_us = (min(max(at, _FIRST), _LAST) - _EPOCH) // _MICROSECOND
    sign = "-" if at_us < 0 else ""
    whole, part = divmod(abs(at_us), 1_000_000)
    return f"{sign}{whole}.{part:06d}".rstrip("0").rstrip(".")


def _at(text: str) -> dt.datetime | None:
    if not text:
        return None
    whole, _, part = text.partition(".")
    return _EPOCH + int(whole + part.ljust(6, "0")) * _MICROSECOND
