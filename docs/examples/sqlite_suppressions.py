"""
A suppression store of one's own, in a table of SQLite.

Any database with a unique key and an upsert will do in the same way.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from safeses import StoreError, Suppression
from safeses.suppression import AddressKeys, Page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

# One row for an address and a stream; times are seconds since 1970.
TABLE = """
create table if not exists suppressions (
    id integer primary key, key text not null, stream text not null,
    reason text not null, source text not null, note text not null,
    since real not null, expires_at real, unique (key, stream)
)
"""
# One statement, so that of racing adds exactly one changes a row: a row
# that is there gives way to a longer entry, or if it has ended.
ADD = """
insert into suppressions
    (key, stream, reason, source, note, since, expires_at)
values (:key, :stream, :reason, :source, :note, :since, :expires_at)
on conflict (key, stream) do update set
    reason = excluded.reason, source = excluded.source,
    note = excluded.note, since = excluded.since,
    expires_at = excluded.expires_at
where suppressions.expires_at <= :now
    or (excluded.expires_at is null and suppressions.expires_at is not null)
    or excluded.expires_at > suppressions.expires_at
"""


class SqliteSuppressionStore:
    """Who must not be mailed, for all processes that open the same file."""

    engine = "sqlite"

    def __init__(
        self, path: str, now: Callable[[], float] = time.time
    ) -> None:
        """Make the table in the file *path*, if it is not there."""
        self._path, self._now = path, now
        self._keys = AddressKeys()  # the same for all who share the table
        with self._open() as db:
            db.execute(TABLE)

    def add(self, entries: Sequence[Suppression]) -> list[bool]:
        """Add all of them or none; say for each if it changed anything."""
        now = self._now()
        rows: list[dict[str, Any]] = [
            {
                # Raises ConfigurationError for what is not an address.
                "key": self._keys.key(entry.address),
                "stream": entry.stream,
                "reason": entry.reason,
                "source": entry.source,
                "note": entry.note,
                "since": now if entry.since is None else _s(entry.since),
                "expires_at": _s(entry.expires_at),
                "now": now,
            }
            for entry in entries
        ]
        with self._open() as db:
            return [
                (row["expires_at"] is None or row["expires_at"] > now)
                and db.execute(ADD, row).rowcount == 1
                for row in rows
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
        keys = self._keys.keys_of(addresses)
        if not keys:
            return {}
        # The one for all mail, '', comes last and wins.
        sql = f"""
            select * from suppressions
            where key in ({_marks(keys)}) and stream in ('', ?)
                and (expires_at is null or expires_at > ?)
            order by stream desc
        """  # noqa: S608  # only question marks
        rows = self._rows(sql, *keys.values(), stream, self._now())
        found = {row["key"]: _entry(row) for row in rows}
        return {a: found[key] for a, key in keys.items() if key in found}

    def remove(
        self, addresses: Sequence[str], *, stream: str | None = None
    ) -> int:
        """Remove entries and return how many there were."""
        keys = self._keys.keys_of(addresses)
        sql = f"""
            delete from suppressions
            where key in ({_marks(keys)}) and stream = coalesce(?, stream)
        """  # noqa: S608  # only question marks
        with self._open() as db:
            return db.execute(sql, (*keys.values(), stream)).rowcount

    def page(self, after: str = "", limit: int = 1_000) -> Page:
        """Return some of the entries, in the order of their ids."""
        rows = self._rows(
            "select * from suppressions where id > ? order by id limit ?",
            int(after or 0),
            limit + 1,
        )
        return Page(
            entries=tuple(_entry(row) for row in rows[:limit]),
            next=str(rows[limit - 1]["id"]) if len(rows) > limit else "",
        )

    def count(self) -> int:
        """Return how many entries there are, expired ones too."""
        count: int = self._rows("select count(*) from suppressions")[0][0]
        return count

    def purge(self) -> int:
        """Remove what has expired and return how many that were."""
        sql = "delete from suppressions where expires_at <= ?"
        with self._open() as db:
            return db.execute(sql, (self._now(),)).rowcount

    def after_fork(self) -> None:
        """Nothing is open between two calls."""

    def close(self) -> None:
        """Nothing to let go of, for the same reason."""

    def _rows(self, sql: str, *values: object) -> list[Any]:
        with self._open() as db:
            return db.execute(sql, values).fetchall()

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Open it for one transaction; what fails is no answer."""
        try:
            with closing(sqlite3.connect(self._path)) as db, db:
                db.row_factory = sqlite3.Row
                yield db
        except sqlite3.Error as error:
            name = type(error).__name__
            raise StoreError("suppression", self.engine, name) from error


def _marks(keys: dict[str, str]) -> str:
    return ", ".join("?" * len(keys))


def _s(at: dt.datetime | None) -> float | None:
    return None if at is None else at.timestamp()


def _at(seconds: float | None) -> dt.datetime | None:
    if seconds is None:
        return None
    return dt.datetime.fromtimestamp(seconds, dt.timezone.utc)


def _entry(row: sqlite3.Row) -> Suppression:
    return Suppression(
        address=row["key"],  # folded, and so without the person's name
        reason=row["reason"],
        stream=row["stream"],
        source=row["source"],
        note=row["note"],
        since=_at(row["since"]),
        expires_at=_at(row["expires_at"]),
    )
