"""
The scopes of a table: the item of each, and a list of all.

An item and its place in the list are made in one transaction, so that no
scope is used that is not listed. Where the table knows nothing of a scope,
because it is new or was restored, this process tells the limits that it
was told last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from safeses._facts import key_of
from safeses.dynamodb._connection import Put
from safeses.dynamodb._scope_item import PART, ScopeItem, key
from safeses.dynamodb._timeline import NS_PER_S
from safeses.errors import StoreError

if TYPE_CHECKING:
    from safeses.dynamodb._connection import Table

_LIST: Final = "scopes"
_AT_ONCE: Final = 500
# How often a scope that others make at the same time is looked at again.
_TRIES: Final = 3


class Scopes:
    """What one process knows how to come by; threads may share it."""

    def __init__(self, table: Table) -> None:
        """Take the table; nothing is asked before use."""
        self._table = table
        # The rate and the quota that were told here, by scope.
        self._told: dict[str, tuple[float, float | None]] = {}

    def tell(self, scope: str, per_s: float, per_day: float | None) -> None:
        """Remember the limits of a scope, for a table that has lost them."""
        self._told[scope] = per_s, per_day

    def read(self, scope: str, minute: int) -> ScopeItem:
        """
        Return what is known of a scope; make its item if need be.

        Args:
            scope: Which one.
            minute: The number of the minute now, for a new item.

        Raises:
            StoreError: No answer, or others remove it all the time.
        """
        for _ in range(_TRIES):
            item = self._table.get(PART, key(scope))
            if item is not None:
                return ScopeItem.of(item)
            fresh = self._fresh(scope, minute)
            writes = [
                Put(
                    item=fresh.new_item(scope),
                    condition="attribute_not_exists(pk)",
                ),
                Put(item=_listed(scope)),
            ]
            if self._table.transact(PART, writes):
                return fresh
        raise StoreError(
            PART, self._table.engine, "others remove its items all the time"
        )

    def charged(self, oldest: int) -> dict[str, int]:
        """
        Return the recipients that each scope's quota holds, never fewer.

        Args:
            oldest: The oldest minute that counts.
        """
        charged: dict[str, int] = {}
        after = ""
        while True:
            listed = self._table.query(
                PART, _LIST, after=after, limit=_AT_ONCE
            )
            for scope in map(_name, listed):
                item = self._table.get(PART, key(scope))
                seen = ScopeItem() if item is None else ScopeItem.of(item)
                if seen.used_total > 0 and seen.minute_no >= oldest:
                    charged[scope] = seen.used_total
            if len(listed) < _AT_ONCE:
                return dict(sorted(charged.items()))
            after = listed[-1]["sk"]

    def _fresh(self, scope: str, minute: int) -> ScopeItem:
        fresh = ScopeItem(
            minute_no=minute,
            oldest_no=minute,
            # For all who come after: this is the time to go by.
            seen_at=round(self._table.now() * NS_PER_S),
        )
        fresh.per_s, fresh.per_day = self._told.get(
            scope, (fresh.per_s, fresh.per_day)
        )
        return fresh


def _listed(scope: str) -> dict[str, Any]:
    """Return the item that lists a scope."""
    item: dict[str, Any] = {"pk": _LIST, "sk": key_of(scope)}
    if item["sk"] != scope:
        # Bytes, as a text may hold what no string of DynamoDB does.
        item["name"] = scope.encode("utf-8", "surrogatepass")
    return item


def _name(item: dict[str, Any]) -> str:
    name: bytes | None = item.get("name")
    if name is None:
        return str(item["sk"])
    return name.decode("utf-8", "surrogatepass")
