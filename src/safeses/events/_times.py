"""
Times, in every form that AWS has been seen to write.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Final

MAX_CHARS: Final = 64
# 2026-05-04T09:08:07.123Z, 2018-10-08T14:05:45 +0000 and what is between.
_TIME: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]"
    r"([0-9]{2}):([0-9]{2}):([0-9]{2})(?:[.,]([0-9]+))?"
    r" ?(?:([+-])([0-9]{2})(?::?([0-9]{2}))?|[Zz]|UTC|GMT)?"
)


def read_time(text: object) -> dt.datetime | None:
    """
    Return the instant that *text* names, aware UTC; None if it is none.

    A time without a zone is one of UTC, as all of SES's are. What is finer
    than a microsecond is cut off.
    """
    if not isinstance(text, str) or len(text) > MAX_CHARS:
        return None
    # Releases of Python differ in what else fromisoformat() takes.
    if (
        text[4:20:3] == "--T::."
        and text[20:23].isdecimal()
        and text[11:13] != "24"  # midnight, from Python 3.14 on
        and text[23:] == "Z"
        and text.isascii()
    ):
        return _usual(text)
    found = _TIME.fullmatch(text.strip())
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, *offset = found.groups()
    try:
        at = dt.datetime(
            int(year),
            int(month),
            int(day),
            int(hour),
            int(minute),
            int(second),
            int(fraction[:6].ljust(6, "0")) if fraction else 0,
            dt.timezone.utc,
        )
        return at - _ahead(*offset) if offset[0] else at
    except (ValueError, OverflowError):
        return None


def _usual(text: str) -> dt.datetime | None:
    """Read 2026-05-04T09:08:07.123Z, which nearly all of them look like."""
    try:
        return dt.datetime.fromisoformat(f"{text[:23]}+00:00")
    except ValueError:
        return None


def _ahead(sign: str, hours: str, minutes: str | None) -> dt.timedelta:
    """Return by how much the clocks of a zone are ahead of UTC."""
    ahead = dt.timedelta(hours=int(hours), minutes=int(minutes or 0))
    if int(hours) > 23 or int(minutes or 0) > 59:  # noqa: PLR2004  # as in a time
        raise ValueError
    return -ahead if sign == "-" else ahead
