"""
Suppressions in a file of SQLite, for all processes that open it.

A namespace is a list of its own. It is made when the first entry comes, and
says from then on how its addresses are folded: who folds otherwise would
not find what others added. So every answer looks at that first.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final

import attrs

from safeses._suppressed import Page, Suppression
from safeses.errors import ConfigurationError, StoreError
from safeses.sqlite._database import Database
from safeses.sqlite._statements import statements
from safeses.suppression._keys import AddressKeys, bare
from safeses.suppression._paging import first_after

if TYPE_CHECKING:
    import os
    import sqlite3
    from collections.abc import Iterator, Sequence

    from safeses.sqlite._joined import Joined

PART: Final = "suppression"
SQL: Final = statements("suppressions.sql")
# A statement is prepared once for each of these: for one recipient, a few,
# all of a mail and all of a call. Old SQLites take 999 values.
_SIZES: Final = (1, 8, 50, 500)
# Others wait while a transaction writes, so that none purges more.
_PURGED_AT_ONCE: Final = 1_000
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
_MICROSECOND: Final = dt.timedelta(microseconds=1)
_FIRST: Final = dt.datetime.min.replace(tzinfo=dt.timezone.utc)
_LAST: Final = dt.datetime.max.replace(tzinfo=dt.timezone.utc)
_LIMIT_MAX: Final = 2**31


def _sized(sql: str) -> dict[int, str]:
    """Return a statement for each number of keys that it is made for."""
    return {
        size: sql.replace(":keys", ", ".join(["(?)"] * size))
        for size in _SIZES
    }


FIND: Final = _sized(SQL.find)
REMOVE: Final = _sized(SQL.remove)


def _check_namespace(
    _: object, field: attrs.Attribute[Any], value: object
) -> None:
    # No database takes lone surrogates, which are not printable either.
    if not (isinstance(value, str) and value and value.isprintable()):
        raise ConfigurationError(
            f"{field.name}={value!r} is not a string, empty or not printable",
            'use one such as "safeses"',
        )


@attrs.define(eq=False)
class SqliteSuppressionStore:
    """
    Suppressions in a file, shared by all processes that open it.

    It implements `safeses.typing.SuppressionStore`. What `add` says is
    there is seen by all of them at once, and stays when they end. Kept
    are addresses and what they fold to, or only hashes of that if the keys
    have a secret, which itself is never kept.

    Attributes:
        database: The file, or its path; what shares a file shares one
            `Database` in a process.
        keys: How addresses are folded; with a secret nothing is listed.
        namespace: Which list of the file it is; none sees another.
        engine: ``"sqlite"``.

    Raises:
        StoreError: The file gives no answer: it is locked, full, gone.
        ConfigurationError: The list was made with other keys.
    """

    _given: Database | Joined | str | os.PathLike[str] = attrs.field(
        alias="database", repr=False
    )
    keys: AddressKeys = attrs.field(factory=AddressKeys, kw_only=True)
    namespace: str = attrs.field(
        default="safeses", kw_only=True, validator=_check_namespace
    )
    database: Database | Joined = attrs.field(init=False)
    engine: str = attrs.field(default="sqlite", init=False)
    # Made once, as a secret takes some time.
    _policy: str = attrs.field(init=False, repr=False)

    @database.default
    def _opened(self) -> Database | Joined:
        return Database.of(self._given)

    @_policy.default
    def _policy_of_keys(self) -> str:
        return self.keys.policy

    def add(self, entries: Sequence[Suppression]) -> list[bool]:
        """
        Add all entries or none; say for each whether it changed anything.

        Raises:
            ConfigurationError: One of them has no address.
        """
        keyed = [(self.keys.key(entry.address), entry) for entry in entries]
        if not keyed:
            return []
        with self.database.transaction(PART) as connection:
            rows = connection.execute(SQL.list, (self.namespace,))
            number = self._number(rows.fetchall())
            if number is None:
                made = connection.execute(
                    SQL.make_list, (self.namespace, self._policy)
                )
                number = made.lastrowid
            now_us = self._now_us()
            return [
                _add(connection, self._row(number, key, entry), now_us)
                for key, entry in keyed
            ]

    def find(
        self,
        addresses: Sequence[str],
        *,
        stream: str = "",
        configuration_set: str = "",  # noqa: ARG002  # for lists of SES
        tenant: str = "",  # noqa: ARG002  # the same
    ) -> dict[str, Suppression]:
        """Return who must not get mail of *stream*, and why."""
        keys = self.keys.keys_of(addresses)
        now_us = self._now_us()
        found: dict[str, Suppression] = {}
        for sql, values in self._questions(keys, stream, now_us):
            for row in self.database.rows(PART, sql, values):
                policy, key, *fields = row
                if policy is not None:
                    self._check(policy)
                if key is not None and (key not in found or found[key].stream):
                    # One for all mail is the one returned.
                    found[key] = self._entry(*fields)
        return {a: found[key] for a, key in keys.items() if key in found}

    def _questions(
        self, keys: dict[str, str], stream: str, now_us: int
    ) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """Yield the statements that look for the keys."""
        if len(keys) == 1:
            [key] = keys.values()
            yield SQL.find_one, (key, stream, now_us, self.namespace)
            return
        for size, chunk in _chunks(keys):
            yield (
                FIND[size],
                (self.namespace, *chunk, self.namespace, stream, now_us),
            )

    def remove(
        self, addresses: Sequence[str], *, stream: str | None = None
    ) -> int:
        """Remove entries and return how many there were."""
        chunks = list(_chunks(self.keys.keys_of(addresses)))
        if not chunks:
            return 0
        with self.database.transaction(PART) as connection:
            rows = connection.execute(SQL.list, (self.namespace,))
            number = self._number(rows.fetchall())
            return sum(
                connection.execute(
                    REMOVE[size], (number, *chunk, stream)
                ).rowcount
                for size, chunk in chunks
            )

    def page(self, after: str = "", limit: int = 1_000) -> Page:
        """
        Return some of the entries, in the order in which they came.

        Raises:
            ConfigurationError: The store keeps hashes, or *after* is not
                from a page, or *limit* is less than 1.
        """
        start_after = first_after(self.keys, after, limit)
        limit = min(limit, _LIMIT_MAX)
        rows = self.database.rows(
            PART, SQL.page, (self._listed(), start_after, limit + 1)
        )
        is_last = len(rows) <= limit
        return Page(
            entries=tuple(self._entry(*row[1:]) for row in rows[:limit]),
            next="" if is_last else str(rows[limit - 1][0]),
        )

    def count(self) -> int:
        """Return how many entries there are, expired ones too."""
        rows = self.database.rows(PART, SQL.count, (self._listed(),))
        count: int = rows[0][0]
        return count

    def purge(self) -> int:
        """
        Remove what has expired and return how many that were.

        It takes many short transactions, between which others write.
        """
        values = (self._listed(), self._now_us(), _PURGED_AT_ONCE)
        purged = 0
        while True:
            removed = self.database.execute(PART, SQL.purge, values)
            purged += removed
            if removed < _PURGED_AT_ONCE:
                return purged

    def after_fork(self) -> None:
        """Let go of what belongs to the parent; the file stays."""
        self.database.after_fork()

    def close(self) -> None:
        """Close the file if it was given as a path; others may share it."""
        if self.database is not self._given:
            self.database.close()

    def _now_us(self) -> int:
        at_s = self.database.wall()
        return _us(dt.datetime.fromtimestamp(at_s, dt.timezone.utc))

    def _listed(self) -> int | None:
        """Return the number of the list, None if nobody has made it."""
        return self._number(
            self.database.rows(PART, SQL.list, (self.namespace,))
        )

    def _number(self, rows: Sequence[tuple[int, str]]) -> int | None:
        if not rows:
            return None
        [(number, policy)] = rows
        self._check(policy)
        return number

    def _check(self, policy: str) -> None:
        if policy != self._policy:
            raise ConfigurationError(
                f"the suppressions {self.namespace!r} in"
                f" {self.database.path} have keys of {policy!r}, not of"
                f" {self._policy!r}",
                "use the AddressKeys and the secret that they were made"
                " with; other ones are a migration: add all entries to"
                " another namespace",
            )

    def _row(
        self, number: int | None, key: str, entry: Suppression
    ) -> dict[str, Any]:
        since, end = entry.since, entry.expires_at
        return {
            "list": number,
            "key": key,
            "address": "" if self.keys.is_hashed else bare(entry.address),
            "stream": entry.stream,
            "reason": entry.reason,
            "source": entry.source,
            "note": entry.note,
            "since_us": self._now_us() if since is None else _us(since),
            "expires_at_us": None if end is None else _us(end),
        }

    def _entry(self, *fields: Any) -> Suppression:
        address, reason, stream, source, note, since_us, expires_at_us = fields
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
                self.engine,
                f"a row in {self.database.path} is not one of safeses;"
                " repair the file, or restore it",
            ) from error


def _add(
    connection: sqlite3.Connection, row: dict[str, Any], now_us: int
) -> bool:
    end_us = row["expires_at_us"]
    if end_us is not None and end_us <= now_us:
        return False
    return connection.execute(SQL.add, row).rowcount == 1


def _chunks(keys: dict[str, str]) -> Iterator[tuple[int, list[str | None]]]:
    """Yield the keys in the sizes of the statements, filled with nulls."""
    unique: list[str | None] = [*dict.fromkeys(keys.values())]
    for start in range(0, len(unique), _SIZES[-1]):
        chunk = unique[start : start + _SIZES[-1]]
        size = next(size for size in _SIZES if size >= len(chunk))
        # No key equals null.
        yield size, chunk + [None] * (size - len(chunk))


def _us(at: dt.datetime) -> int:
    # In another time zone it may be a day before the first in UTC.
    return (min(max(at, _FIRST), _LAST) - _EPOCH) // _MICROSECOND


def _at(since_1970_us: int | None) -> dt.datetime | None:
    if since_1970_us is None:
        return None
    return _EPOCH + dt.timedelta(microseconds=since_1970_us)
