"""
People of a long suppression list, of whom each number names one.

Their names come in no order, as those of a real list do: look-ups of
several touch places all over it.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

# Odd, so that no two numbers below the second give the same name.
FACTOR: Final = 2_654_435_761
NAMES: Final = 2**32
# From this number on nobody is on the list.
ABSENT: Final = 2**31
REST: Final = ".customer@example.net"
SINCE: Final = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)


def address_of(number: int) -> str:
    """Return the address of somebody."""
    return f"{number * FACTOR % NAMES:08x}{REST}"


def entries(start: int, stop: int) -> Iterator[Any]:
    """Yield the entries of some people, one by one."""
    from safeses import Suppression

    for number in range(start, stop):
        yield Suppression(
            address=address_of(number),
            reason="bounce",
            source="event",
            since=SINCE,
        )
