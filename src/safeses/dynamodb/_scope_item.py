"""
The item that holds what is known and used of one scope.

Times on the timeline of the slots are whole nanoseconds, so that DynamoDB
adds to them exactly; times of the quota are seconds since 2025.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from safeses import _ses
from safeses._budget._quota import DAY_S, Quota
from safeses._budget._rate import Rate
from safeses._budget._ring import MemoryRing
from safeses._budget._scope import Scope
from safeses._facts import key_of
from safeses.dynamodb._timeline import NS_PER_S
from safeses.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from safeses._budget._ring import Ring
    from safeses._values import Account, Limits
    from safeses.dynamodb._writes import Key

PART: Final = "budget"
FORMAT: Final = 1
# Before any time that a clock may tell.
LONG_AGO: Final = -10 * NS_PER_S**2
_NOW: Final = "now"
_MINUTE: Final = "m#"


@attrs.define(kw_only=True)
class ScopeItem:
    """
    What an item said when it was last seen.

    Attributes:
        limits_rev: Changes whenever a limit does.
        per_s: What the account may send per second.
        rate_share: What the last 429 left of it.
        low_at: When that was, on the timeline.
        per_day: The 24 h quota; None when unlimited or unknown.
        elsewhere: What others had sent when SES last told.
        told_at: When that was.
        blocked_until: Until when SES is believed to refuse for the day.
        tat: When the budget is level again, on the timeline.
        seen_at: When the last slot was booked, on the timeline.
        last_cost: The recipients of the last booking.
        used_total: The recipients of all minutes.
        minute_no: The minute that is counted now.
        minute_used: The recipients of that minute.
        oldest_no: No minute before this one has an item that counts.
    """

    limits_rev: int = 0
    per_s: float = _ses.UNKNOWN_RATE_PER_S
    rate_share: float = 1.0
    low_at: int = LONG_AGO
    per_day: float | None = None
    elsewhere: float = 0.0
    told_at: float = 0.0
    blocked_until: float = 0.0
    tat: int = LONG_AGO
    seen_at: int = LONG_AGO
    last_cost: int = 0
    used_total: int = 0
    minute_no: int = 0
    minute_used: int = 0
    oldest_no: int = 0

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> ScopeItem:
        """
        Read an item.

        Raises:
            StoreError: A newer version has written it.
        """
        written = item.get("v", FORMAT)
        if written > FORMAT:
            raise StoreError(
                PART,
                "dynamodb",
                f"its item has the format {written}, and this version of"
                f" safeses knows {FORMAT}; update safeses",
            )
        return cls(**{name: item[name] for name in _FIELDS if name in item})

    def new_item(self, scope: str) -> dict[str, Any]:
        """Return the item to write where there is none."""
        pk, sk = key(scope)
        return {"pk": pk, "sk": sk, "v": FORMAT, **attrs.asdict(self)}

    def rate(self, now: int, *, burst: float, part: float) -> Rate:
        """Return the rules of the rate, in seconds from *now* on."""
        return Rate(
            self.per_s,
            burst,
            part=part,
            tat=(self.tat - now) / NS_PER_S,
            last_cost=self.last_cost,
            share=self.rate_share,
            lowered_at=(self.low_at - now) / NS_PER_S,
        )

    def quota(self, ring: Ring) -> Quota:
        """Return the rules of the quota, whose minutes are in *ring*."""
        return Quota(
            self.per_day,
            ring=ring,
            elsewhere=self.elsewhere,
            reconciled_at=self.told_at,
            blocked_until=self.blocked_until,
        )

    def learnt(self, now: float, known: Account | Limits) -> dict[str, Any]:
        """Return the fields that change with what SES, or a caller, says."""
        ring = MemoryRing()
        ring.charge(self.minute_no, self.used_total)
        rules = Scope(self.rate(0, burst=1.0, part=1.0), self.quota(ring))
        rules.learn(now, known)
        return {
            "per_s": rules.rate.account_per_s,
            "per_day": rules.quota.per_day,
            "elsewhere": rules.quota.elsewhere,
        }

    def room(self, now: float, share: float) -> float:
        """Return how many recipients a share of the quota still allows."""
        if self.per_day is None:
            return float("inf")
        elsewhere = self.elsewhere if now - self.told_at <= DAY_S else 0.0
        return int(self.per_day * share) - elsewhere - self.used_total


_FIELDS: Final = tuple(field.name for field in attrs.fields(ScopeItem))


def key(scope: str) -> Key:
    """Return the key of a scope's item."""
    return f"{PART}#{key_of(scope)}", _NOW


def minute_key(scope: str, minute: int) -> Key:
    """Return the key of a minute that has passed."""
    return f"{PART}#{key_of(scope)}", minute_name(minute)


def minute_name(minute: int) -> str:
    """Return the sort key of a minute; they sort as the minutes do."""
    return f"{_MINUTE}{minute:010d}"
