"""
Limits that change: by what SES says, and by what it refuses.

Each change gives the limits of a scope another number. A booking names the
number that it goes by, so that none goes by limits that have changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from safeses._budget._ring import MemoryRing
from safeses.dynamodb._scope_item import PART, key
from safeses.dynamodb._timeline import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Mapping

    from safeses._budget._rate import Rate
    from safeses.dynamodb._connection import Table
    from safeses.dynamodb._scope_item import ScopeItem


@attrs.frozen
class LimitChanges:
    """
    What changes the limits of the scopes of one table.

    Attributes:
        table: Where they are.

    Raises:
        StoreError: DynamoDB gives no answer.
    """

    table: Table

    def learn(
        self,
        scope: str,
        seen: ScopeItem,
        now: float,
        learnt: Mapping[str, Any],
    ) -> bool:
        """
        Take over what SES says, if it says anything new.

        Args:
            scope: Whose limits they are.
            seen: What is known of it.
            now: The time, in seconds since 2025.
            learnt: The fields that SES tells.

        Returns:
            Whether anything was written.
        """
        known = {name: getattr(seen, name) for name in learnt}
        if learnt == known and not learnt["elsewhere"]:
            return False
        self._set(
            scope,
            "per_s = :per_s, per_day = :per_day,"
            " elsewhere = :elsewhere, told_at = :now",
            {f":{n}": v for n, v in learnt.items()} | {":now": now},
        )
        return True

    def block(self, scope: str, seen: ScopeItem) -> None:
        """Take note that SES refused for the day: hold mail back."""
        quota = seen.quota(MemoryRing())
        quota.block(self.table.now())
        self._set(
            scope,
            "blocked_until = :until",
            {":until": quota.blocked_until},
        )

    def lower(
        self, scope: str, seen: ScopeItem, now: int, rules: Rate
    ) -> None:
        """
        Lower the rate after a 429, unless somebody just has.

        Args:
            scope: Whose rate it is.
            seen: What is known of it.
            now: The time on the timeline.
            rules: The rate as it was seen, in seconds from *now* on.
        """
        before = rules.lowered_at
        rules.lower(0.0)
        if rules.lowered_at == before:
            return
        lowered = self._set(
            scope,
            "rate_share = :share, low_at = :now",
            {":share": rules.share, ":now": now, ":low": seen.low_at},
            condition="low_at = :low",
        )
        if lowered:
            self.table.update(
                PART,
                key(scope),
                "SET tat = :tat, seen_at = :now",
                condition="tat < :tat",
                values={
                    ":tat": now + int(rules.tat * NS_PER_S),
                    ":now": now,
                },
            )

    def _set(
        self,
        scope: str,
        change: str,
        values: dict[str, Any],
        *,
        condition: str = "attribute_exists(pk)",
    ) -> bool:
        """Change a limit, so that all see that it has changed."""
        changed = self.table.update(
            PART,
            key(scope),
            f"SET {change}, limits_rev = limits_rev + :one",
            condition=condition,
            values={**values, ":one": 1},
        )
        return changed is not None
