"""
Fill a suppression list faster than safeses does, with the same rows.

Through safeses ten million take an hour on some engines. So what differs
from one row to the next is computed by the engine, and the rest is taken
from a row that safeses has written. Each million goes in in the order of
its keys, so that the index is as dense as one that grew.
"""

from __future__ import annotations

import contextlib
import socket
import sqlite3
from typing import Any, Final
from urllib.parse import urlsplit

from tests import engines
from tests.benchmarks import _people
from tests.benchmarks._engine_bytes import TABLE, path_of

CHUNK: Final = 1_000_000
_SENT_AT_ONCE: Final = 5_000
# The rest of a division by a power of two, in the words of every engine.
_NAME: Final = f"((n * {_people.FACTOR}) & {_people.NAMES - 1})"
_SAME: Final = "stream, reason, source, note, since_us, expires_at_us"
_ADDRESSES: Final = {
    "postgresql": "lpad(to_hex({n}), 8, '0') || '{rest}' as address"
    " from generate_series(cast({first} as bigint), {last}) as n",
    "mariadb": "concat(lower(lpad(hex({n}), 8, '0')), '{rest}') as address"
    " from (select seq as n from seq_{first}_to_{last}) as numbers",
    "sqlite": "printf('%08x', {n}) || '{rest}' as address"
    " from (with recursive numbers (n) as (select {first} union all"
    " select n + 1 from numbers where n < {last}) select n from numbers)",
}


def fill(name: str, url: str, state: Any, start: int, stop: int) -> None:
    """Put people from *start* to before *stop* into the list of a state."""
    if name == "redis":
        _fill_redis(state.suppressions, url, start, stop)
        return
    if name == "sqlite":
        own = "list, key, address"
    else:
        own = "list_number, folded, address"
    number = own.partition(",")[0]
    statements = []
    for first in range(start, stop, CHUNK):
        last = min(first + CHUNK, stop) - 1
        made = _ADDRESSES[name].format(
            n=_NAME, rest=_people.REST, first=first, last=last
        )
        statements.append(
            f"insert into {TABLE} ({own}, {_SAME})"  # noqa: S608  # all ours
            f" select {number}, made.address, made.address, {_SAME}"
            f" from (select {made}) as made cross join"
            f" (select {number}, {_SAME} from {TABLE} limit 1) as model"
            " order by made.address"
        )
    if name == "sqlite":
        _fill_sqlite(url, statements)
    else:
        engines.run_sql(url, *statements)


def _fill_sqlite(url: str, statements: list[str]) -> None:
    with contextlib.closing(sqlite3.connect(path_of(url))) as connection:
        # Nothing of it has to outlive a crash.
        connection.execute("pragma synchronous = off")
        connection.execute("pragma cache_size = -500000")
        for statement in statements:
            with connection:
                connection.execute(statement)


def _fill_redis(store: Any, url: str, start: int, stop: int) -> None:
    """Send what ``suppressions_add.lua`` does, without a reader of it."""
    place = urlsplit(url)
    assert place.port is not None
    with socket.create_connection((engines.HOST, place.port)) as connection:
        for first in range(start, stop, _SENT_AT_ONCE):
            last = min(first + _SENT_AT_ONCE, stop)
            sent, answers = _packed(store, first, last)
            connection.sendall(sent)
            _read(connection, answers)
        name = store.server.key("suppressions", store.namespace).encode()
        number = str(stop - start).encode()
        connection.sendall(_command(b"HINCRBY", name, b"count", number))
        _read(connection, 1)


def _read(connection: socket.socket, answers: int) -> None:
    """Read as many answers; each is a number on a line of its own."""
    while answers:
        data = connection.recv(65_536)
        assert data
        assert b"-" not in data, data[:200]
        answers -= data.count(b"\n")


def _packed(store: Any, first: int, last: int) -> tuple[bytes, int]:
    """Return the commands for some people, and how many they are."""
    from safeses.redis._suppression_entries import number_of, value_of

    begin = store.server.key("suppressed", store.namespace, "")
    used = store.server.key("suppression-hashes", store.namespace).encode()
    commands: list[bytes] = []
    numbers = set()
    value = b""
    for entry in _people.entries(first, last):
        value = value or value_of(entry.address, entry, is_hashed=False)
        key = entry.address.encode()
        number = number_of(key)
        numbers.add(number)
        name = f"{begin}{number}".encode()
        commands.append(_command(b"HSET", name, key, value))
    commands += [
        _command(b"SETBIT", used, str(number).encode(), b"1")
        for number in numbers
    ]
    return b"".join(commands), len(commands)


def _command(*words: bytes) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(
        b"$%d\r\n%b\r\n" % (len(word), word) for word in words
    )
