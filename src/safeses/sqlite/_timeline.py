"""
One time for all processes that share a file.

It runs as the monotonic clock does, so that no step of the wall clock
moves it, and it began where the wall clock stood when the first process
used the file after the machine started: that much it is ahead of the
monotonic clock, and the file says how much. While the machine sleeps it
may stand still.
"""

from __future__ import annotations

import os
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from safeses._clock import SystemClock

if TYPE_CHECKING:
    import sqlite3

    from safeses.typing import Clock

BOOT_ID: Final = "/proc/sys/kernel/random/boot_id"
# Containers may have a monotonic clock of their own.
NAMESPACE: Final = "/proc/self/ns/time"
# The file's time begins in 2026: a float that counts from 1970 has steps of
# a quarter of a microsecond by now, of which a budget would see the noise.
EPOCH_S: Final = 1_767_225_600.0
# So many starts of the machine, and containers, are remembered.
KEPT: Final = 100

_READ: Final = "select ahead_s from safeses_timeline where boot = ?"
_PUT: Final = (
    "insert into safeses_timeline (boot, ahead_s) values (?, ?)"
    " on conflict (boot) do nothing"
)
_FORGET: Final = (
    "delete from safeses_timeline"
    " where id <= (select max(id) from safeses_timeline) - ?"
)
# A clock that is not the machine's counts from where it likes. Two that
# are alike must not be taken for one, as their ids may be.
_others: Final[WeakKeyDictionary[Clock, str]] = WeakKeyDictionary()


def boot_of(clock: Clock) -> str:
    """Return what names the origin of a monotonic clock, "" if unknown."""
    if not isinstance(clock, SystemClock):
        try:
            return _others.setdefault(clock, uuid.uuid4().hex)
        except TypeError:  # it cannot be a key
            return uuid.uuid4().hex
    boot = namespace = ""
    with suppress(OSError):
        boot = Path(BOOT_ID).read_text("ascii").strip()
        namespace = os.readlink(NAMESPACE)  # noqa: PTH115  # not a path
    return boot and f"{boot} {namespace}".strip()


def agreed(connection: sqlite3.Connection, boot: str, mine: float) -> float:
    """
    Return how far the file's time is ahead of the monotonic clock.

    Whoever is the first since the machine started decides it.
    """
    while True:
        row = connection.execute(_READ, (boot,)).fetchone()
        if row is not None:
            ahead_s: float = row[0]
            return ahead_s
        if connection.execute(_PUT, (boot, mine)).rowcount == 1:
            connection.execute(_FORGET, (KEPT,))
