"""
How many of what, in a table of DynamoDB that machines share.

A bucket is an item and each count an attribute of it, so that what one
event counts is one write, which nobody can come between. As an item takes
about a thousand writes a second, each bucket is some items, of which every
process writes to another one in turn.
"""

from __future__ import annotations

from itertools import count, islice
from random import randrange
from typing import TYPE_CHECKING, Final

import attrs

from safeses._counters import BUCKET_S, KEEP_S, keyed_counts, oldest_kept
from safeses._facts import LATEST, check_instant, key_of
from safeses.dynamodb._items import (
    all_after,
    digest,
    names_in,
    partition,
    ttl_after,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from safeses.dynamodb._connection import Table

PART: Final = "counters"
# Items of a bucket. A total reads all of them.
_ITEMS: Final = 4
# An expression has 4 kB.
_NAMES_AT_ONCE: Final = 100
_DIGITS: Final = 10
# Which scopes there are stands under one partition key.
_SCOPES: Final = "scopes"


@attrs.define(eq=False)
class DynamoDBCounters:
    """
    How many of what, in a table shared by all that use it.

    It implements `safeses.typing.Counters`. A bucket is five minutes, and
    what is older than 31 days goes by itself. Up to 100 names of one call
    are counted at once, or none of them. Where the answer of a call is
    lost it may have counted, and whoever repeats it counts again.

    Attributes:
        table: The table; the parts of a state share one.
        engine: ``"dynamodb"``.

    Raises:
        StoreError: The table gives no answer.
    """

    table: Table = attrs.field(repr=False)
    engine: str = attrs.field(default="dynamodb", init=False)
    # Those that are known to be listed.
    _scopes: set[str] = attrs.field(factory=set, init=False, repr=False)
    _turns: Iterator[int] = attrs.field(
        factory=lambda: count(randrange(_ITEMS)),  # noqa: S311  # no secret
        init=False,
        repr=False,
    )

    def add(self, scope: str, counts: Mapping[str, int], at: float) -> None:
        """
        Count what has happened.

        Raises:
            ConfigurationError: A count is negative, or *at* no instant.
        """
        keyed = iter(keyed_counts(counts))
        oldest_kept(at, at)
        scope_key, turn = key_of(scope), next(self._turns) % _ITEMS
        key = _pk(scope_key, turn), _sk(int(at // BUCKET_S) * BUCKET_S)
        # It is old only by both clocks, that of SES and our own.
        ahead_s = max(at - self.table.wall(), 0.0)
        ttl = ttl_after(self.table, ahead_s + KEEP_S)
        while chunk := [*islice(keyed, _NAMES_AT_ONCE)]:
            self._note(scope_key)
            adds = ", ".join(f"#n{n} :n{n}" for n in range(len(chunk)))
            self.table.update(
                PART,
                key,
                f"SET #ttl = :ttl ADD {adds}",
                names={
                    "#ttl": "ttl",
                    **{f"#n{n}": f"n:{c[0]}" for n, c in enumerate(chunk)},
                },
                values={
                    ":ttl": ttl,
                    **{f":n{n}": c[1] for n, c in enumerate(chunk)},
                },
            )

    def totals(
        self,
        scope: str,
        names: Sequence[str],
        since: float,
        until: float | None = None,
    ) -> dict[str, int]:
        """
        Return how many of each of *names* happened, 0 included.

        It reads the buckets of the whole span.

        Raises:
            ConfigurationError: *since* or *until* is no instant.
        """
        check_instant("since", since)
        until = LATEST if until is None else until
        check_instant("until", until)
        totals = dict.fromkeys(names, 0)
        if not totals:
            return totals
        attributes = {name: f"n:{key_of(name)}" for name in totals}
        first = int(since // BUCKET_S) * BUCKET_S
        # No bucket begins within a second of another one.
        after = _sk(first - 1) if first else ""
        end, scope_key = _sk(-int(-until // 1)), key_of(scope)
        for turn in range(_ITEMS):
            pk = _pk(scope_key, turn)
            for item in all_after(self.table, PART, pk, after):
                if item["sk"] >= end:
                    break
                for name, attribute in attributes.items():
                    totals[name] += int(item.get(attribute, 0))
        return totals

    def forget(self, before: float) -> None:
        """
        Forget the buckets that were over before.

        Raises:
            ConfigurationError: *before* is no instant.
        """
        check_instant("before", before)
        end = _sk(int(before // BUCKET_S) * BUCKET_S)
        pk = partition("counters", "", _SCOPES)
        for listed in all_after(self.table, PART, pk):
            for turn in range(_ITEMS):
                gone = all_after(self.table, PART, _pk(listed["sk"], turn))
                for item in gone:
                    if item["sk"] >= end:
                        break
                    self.table.delete(PART, (item["pk"], item["sk"]))

    def after_fork(self) -> None:
        """Let go of what belongs to the parent; the table stays."""
        self.table.after_fork()

    def close(self) -> None:
        """Nothing to let go of: the table was given."""

    def _note(self, scope_key: str) -> None:
        """List a scope, so that what is in it can be forgotten."""
        if scope_key in self._scopes:
            return
        pk = partition("counters", "", _SCOPES)
        condition = "attribute_not_exists(#pk)"
        self.table.put(
            PART,
            {"pk": pk, "sk": scope_key},
            condition=condition,
            names=names_in(condition),
        )
        self._scopes.add(scope_key)


def _pk(scope_key: str, turn: int) -> str:
    return partition("counted", scope_key, f"{digest(scope_key)[:4]}{turn}")


def _sk(began: int) -> str:
    return f"{began:0{_DIGITS}d}"
