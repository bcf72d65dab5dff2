"""
How many of what, in a Redis that processes share.

What is counted in one call is counted by one script. A day goes by itself
once nothing of it has to be kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from safeses._counters import BUCKET_S, KEEP_S, keyed_counts
from safeses._facts import LATEST, check_instant, key_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from safeses.redis._connection import Server

PART: Final = "counters"
DAY_S: Final = 86_400
PER_DAY: Final = DAY_S // BUCKET_S
# Others wait while a script runs, so none adds up more.
_NAMES_AT_ONCE: Final = 100


@attrs.define(eq=False)
class RedisCounters:
    """
    How many of what, in Redis, shared by all that ask it.

    It implements `safeses.typing.Counters`. A bucket is five minutes, and
    what is older than 31 days goes by itself. The names of one call are
    counted at once, or none of them.

    Attributes:
        server: Where Redis is asked.
        engine: ``"redis"``.

    Raises:
        StoreError: Redis gives no answer. What was to be counted may be
            counted all the same.
    """

    server: Server
    engine: str = attrs.field(default="redis", init=False)

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
        bucket = int(at // BUCKET_S)
        day = bucket // PER_DAY
        args: list[str | int] = [
            self._day(),
            day,
            (day + 1) * DAY_S,
            int(KEEP_S) + DAY_S,
            key_of(scope),
            bucket,
        ]
        for name, number in keyed:
            args += (name, number)
        self.server.run(PART, "counters_add", (self._days(),), args)

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
        unique = [*dict.fromkeys(keys.values())]
        span = int(since // BUCKET_S), -int(-until // BUCKET_S)
        found: dict[str, int] = {}
        for start in range(0, len(unique), _NAMES_AT_ONCE):
            chunk = unique[start : start + _NAMES_AT_ONCE]
            args: list[str | int] = [self._day(), PER_DAY, *span]
            args += [key_of(scope), *chunk]
            totals = self.server.run(
                PART, "counters_totals", (self._days(),), args, again=True
            )
            found.update(zip(chunk, map(int, totals), strict=True))
        return {name: found[key] for name, key in keys.items()}

    def forget(self, before: float) -> None:
        """
        Forget the buckets that were over before.

        Raises:
            ConfigurationError: *before* is no instant.
        """
        check_instant("before", before)
        args = (self._day(), PER_DAY, int(before // BUCKET_S))
        self.server.run(
            PART, "counters_forget", (self._days(),), args, again=True
        )

    def after_fork(self) -> None:
        """Let go of what belongs to the parent; the counts stay."""
        self.server.after_fork()

    def close(self) -> None:
        """Nothing to let go of; who gave the server closes it."""

    def _days(self) -> str:
        return self.server.key("days")

    def _day(self) -> str:
        return self.server.key("day", "")
