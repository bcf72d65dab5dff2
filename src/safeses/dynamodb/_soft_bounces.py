"""
Who bounced lately, and not for good, in a table that machines share.

An address is an item and each of its bounces an attribute of it. So a
bounce is noted and counted by one write, and of those who race to a limit
one sees it reached. Who has nothing to clear only reads.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

import attrs

from safeses._facts import check_instant, key_of
from safeses._soft_bounces import KEEP_S, MOST_OF_ONE, oldest_kept
from safeses.dynamodb._items import (
    SHARDS,
    all_after,
    digest,
    not_ours,
    partition,
    ttl_after,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from safeses.dynamodb._connection import Key, Table

PART: Final = "soft bounces"
# So many more of one address may be there, before the oldest of them go.
_SURPLUS: Final = 100
# An expression has 4 kB.
_DROPPED_AT_ONCE: Final = 100
_EVENT: Final = "e:"
_AT: Final = itemgetter(1)


@attrs.define(eq=False)
class DynamoDBSoftBounces:
    """
    Who bounced lately, in a table shared by all that use it.

    It implements `safeses.typing.SoftBounces`. An address that has not
    bounced for 31 days goes by itself.

    Attributes:
        table: The table; the parts of a state share one.
        namespace: Whose addresses they are; none sees another's.
        engine: ``"dynamodb"``.

    Raises:
        StoreError: The table gives no answer.
    """

    table: Table = attrs.field(repr=False)
    namespace: str = attrs.field(default="safeses", kw_only=True)
    engine: str = attrs.field(default="dynamodb", init=False)

    def add(self, address: str, event: str, at: float, since: float) -> int:
        """
        Note a bounce; return how many of *address* there are since *since*.

        Raises:
            ConfigurationError: *at* or *since* is no instant.
        """
        oldest = oldest_kept(at, self.table.wall())
        check_instant("since", since)
        key = self._key(address)
        # It is old only by both clocks, that of SES and our own.
        ahead_s = max(at - self.table.wall(), 0.0)
        item = self.table.update(
            PART,
            key,
            "SET #event = if_not_exists(#event, :at), #ttl = :ttl",
            names={"#event": _EVENT + key_of(event), "#ttl": "ttl"},
            values={
                ":at": at,
                ":ttl": ttl_after(self.table, ahead_s + KEEP_S),
            },
            give="new",
            again=True,
        )
        bounces = _bounces(item)
        self._drop_oldest(key, bounces, oldest)
        return sum(happened >= since for happened in bounces.values())

    def count(self, address: str, since: float) -> int:
        """
        Return how many bounces of *address* there are since *since*.

        Raises:
            ConfigurationError: *since* is no instant.
        """
        check_instant("since", since)
        bounces = _bounces(self.table.get(PART, self._key(address)))
        return sum(happened >= since for happened in bounces.values())

    def clear(self, addresses: Sequence[str], until: float) -> None:
        """
        Forget the bounces of *addresses* up to *until*, itself included.

        It writes only if there are any.

        Raises:
            ConfigurationError: *until* is no instant.
        """
        check_instant("until", until)
        keys = [*dict.fromkeys(map(self._key, addresses))]
        for key, item in self.table.get_many(PART, keys).items():
            self._drop(
                key, [e for e, at in _bounces(item).items() if at <= until]
            )

    def forget(self, before: float) -> None:
        """
        Forget all of this namespace that happened before.

        It reads every address that has bounced.

        Raises:
            ConfigurationError: *before* is no instant.
        """
        check_instant("before", before)
        for shard in SHARDS:
            pk = partition("soft", self.namespace, shard)
            for item in all_after(self.table, PART, pk):
                old = [e for e, at in _bounces(item).items() if at < before]
                self._drop((item["pk"], item["sk"]), old)

    def after_fork(self) -> None:
        """Let go of what belongs to the parent; the table stays."""
        self.table.after_fork()

    def close(self) -> None:
        """Nothing to let go of: the table was given."""

    def _key(self, address: str) -> Key:
        shard = digest(address)[0]
        return partition("soft", self.namespace, shard), key_of(address)

    def _drop_oldest(
        self, key: Key, bounces: dict[str, float], oldest: float
    ) -> None:
        """Drop what is too old, and the oldest of too many."""
        by_age = sorted(bounces.items(), key=_AT)
        old = [event for event, at in by_age if at < oldest]
        if len(bounces) >= MOST_OF_ONE + _SURPLUS:
            surplus = by_age[: len(bounces) - MOST_OF_ONE]
            old = [event for event, _ in surplus]
        self._drop(key, old[:_DROPPED_AT_ONCE])

    def _drop(self, key: Key, events: Sequence[str]) -> None:
        for start in range(0, len(events), _DROPPED_AT_ONCE):
            chunk = events[start : start + _DROPPED_AT_ONCE]
            names = {f"#e{n}": event for n, event in enumerate(chunk)}
            # What is gone meanwhile stays so, without an end of its own.
            self.table.update(
                PART,
                key,
                f"REMOVE {', '.join(names)}",
                condition="attribute_exists(#pk)",
                names={"#pk": "pk", **names},
            )


def _bounces(item: dict[str, Any] | None) -> dict[str, float]:
    """Return when what happened, by the names of the attributes."""
    try:
        return {
            name: float(at)
            for name, at in (item or {}).items()
            if name.startswith(_EVENT)
        }
    except (TypeError, ValueError):
        raise not_ours(PART) from None
