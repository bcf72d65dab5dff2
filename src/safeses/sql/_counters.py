"""
How many of what, in a database that processes share.

All that a call counts is added by one statement, so that nobody adds to
what another has changed meanwhile, and nothing is counted in part.
"""

from __future__ import annotations

import json
from itertools import count
from typing import TYPE_CHECKING, Final

import attrs

from safeses._counters import BUCKET_S, keyed_counts, oldest_kept
from safeses._facts import LATEST, check_instant, key_of
from safeses.sql._part import SqlPart
from safeses.sql._statements import statements

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SQL: Final = statements("counters.sql")
PART: Final = "counters"
# At the first of so many calls some of what is too old is forgotten. The
# first of a process counts as well, as it may live for a few of them only.
FORGET_EVERY: Final = 256
# A statement has to end in time, so that none forgets more.
_FORGOTTEN_AT_ONCE: Final = 1_000


@attrs.define(eq=False)
class SqlCounters(SqlPart):
    """
    How many of what, in a database shared by all that use it.

    It implements `safeses.typing.Counters`. A bucket is five minutes, and
    what is older than 31 days goes by itself. The names of one call are
    counted at once, or none of them.

    Attributes:
        database: Where it is, or its URL.
        engine: Which database it is, such as ``"postgresql"``.

    Raises:
        StoreError: The database gives no answer.
    """

    _calls: Iterator[int] = attrs.field(factory=count, init=False, repr=False)

    def add(self, scope: str, counts: Mapping[str, int], at: float) -> None:
        """
        Count what has happened.

        Raises:
            ConfigurationError: A count is negative, or *at* no instant.
        """
        keyed = keyed_counts(counts)
        check_instant("at", at)
        if not keyed:
            return
        if not next(self._calls) % FORGET_EVERY:
            self._forget_some(oldest_kept(at, self.database.wall()))
        values = {
            "scope": key_of(scope),
            "began": int(at // BUCKET_S) * BUCKET_S,
            "counts": json.dumps(
                [{"name": name, "number": number} for name, number in keyed]
            ),
        }
        self.database.execute(PART, SQL.add, values)

    def totals(
        self,
        scope: str,
        names: Sequence[str],
        since: float,
        until: float | None = None,
    ) -> dict[str, int]:
        """
        Return how many of each of *names* happened, 0 included.

        Raises:
            ConfigurationError: *since* or *until* is no instant.
        """
        check_instant("since", since)
        until = LATEST if until is None else until
        check_instant("until", until)
        keys = {name: key_of(name) for name in names}
        if not keys:
            return {}
        values = {
            "scope": key_of(scope),
            "names": json.dumps([*dict.fromkeys(keys.values())]),
            "first": int(since // BUCKET_S) * BUCKET_S,
            "until": until,
        }
        rows = self.database.rows(PART, SQL.totals, values, again=True)
        found = {key: int(number) for key, number in rows}
        return {name: found.get(key, 0) for name, key in keys.items()}

    def forget(self, before: float) -> None:
        """
        Forget the buckets that were over before.

        It takes many short transactions, between which others write.

        Raises:
            ConfigurationError: *before* is no instant.
        """
        check_instant("before", before)
        first = int(before // BUCKET_S)
        while self._forget_some(first) == _FORGOTTEN_AT_ONCE:
            pass

    def _forget_some(self, first: int) -> int:
        """Forget what was before the first bucket to keep."""
        values = {"first": first * BUCKET_S, "most": _FORGOTTEN_AT_ONCE}
        return self.database.execute(
            PART, SQL.forget, values, is_durable=False
        )
