"""
Rate and quota in DynamoDB: shared by all hosts that use one table.

To book is one conditional update: it moves the time at which the budget
is level again, and charges the quota. If the condition did not hold, the
answer says what is there, and a second update goes by that. Whoever
finds that changed again asks later; nobody loops.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from safeses._budget._quota import BULK_SHARE
from safeses._budget._rate import HORIZON_S
from safeses._budget._scope import Scope
from safeses._outcome import Booked, Later
from safeses.dynamodb._booking import Wish
from safeses.dynamodb._lease import ahead
from safeses.dynamodb._limits import LimitChanges
from safeses.dynamodb._local import Locals
from safeses.dynamodb._minutes import Minutes
from safeses.dynamodb._scope_item import PART, ScopeItem, key
from safeses.dynamodb._scopes import Scopes
from safeses.dynamodb._timeline import NS_PER_S
from safeses.errors import ConfigurationError

if TYPE_CHECKING:
    from safeses._outcome import Admission, Claim
    from safeses._values import Account, Limits
    from safeses.dynamodb._connection import Table
    from safeses.dynamodb._lease import Lease
    from safeses.dynamodb._local import Local

# AWS answers nobody whose clock is more than five minutes wrong; hosts
# that keep the time at all are far below this.
DRIFT_S: Final = 60.0
# The rate of an account may be as old as this when it is asked for.
_RATE_READ_EVERY_S: Final = 1.0
# Both others and this process want the same slot; it will be decided soon.
_ASK_AGAIN_S: Final = 0.01


class DynamoDBBudget:
    """
    Rate and quota in a table: shared by all who use it.

    The limits that were learnt last hold for all; `burst` and
    `rate_factor` are each process's own. There is no clock but those of
    the hosts, which may differ by `drift_s`: then no second has more than
    the rate and one message, and what the rate is worth on the way to
    DynamoDB and back, and no day more than the quota.

    A process that ends loses the slots that it had taken ahead, 50 ms of
    them at most, and their quota.

    Raises:
        StoreError: DynamoDB gives no answer; nothing was booked.
        ConfigurationError: A figure is out of range.
    """

    def __init__(
        self,
        table: Table,
        *,
        burst: float = 1.0,
        rate_factor: float = 1.0,
        drift_s: float = DRIFT_S,
    ) -> None:
        """
        Take the table; nothing is asked before the first use.

        Args:
            table: Where the facts are.
            burst: Recipients that may go at once after a pause, from 1.
            rate_factor: The share of the account's rate to use, above 0
                to 1.
            drift_s: By how many seconds the clocks of two hosts may
                differ. So much longer a minute counts for the quota.
        """
        if not burst >= 1:
            raise ConfigurationError(
                f"burst={burst!r} is not at least 1", "leave it out"
            )
        given: object = rate_factor
        if not isinstance(given, (int, float)) or not 0 < given <= 1:
            raise ConfigurationError(
                f"rate_factor={rate_factor!r} is not above 0 and at most 1",
                "leave it out to use the whole rate",
            )
        if not 0 <= drift_s < float("inf"):
            raise ConfigurationError(
                f"drift_s={drift_s!r} is not a number of seconds",
                "leave it out, or use one from 0",
            )
        self._table = table
        self._burst = burst
        self._part = rate_factor
        self._drift_s = drift_s
        self._scopes = Scopes(table)
        self._minutes = Minutes(table, drift_s, self._scopes)
        self._limits = LimitChanges(table)
        self._locals = Locals(table, drift_s)

    def reserve(self, admission: Admission) -> Booked | Later:
        """
        Book a slot and charge the quota, both or neither.

        Raises:
            QuotaExceededError: The quota leaves no room.
            StoreError: DynamoDB gives no answer.
        """
        with self._locals.of(admission.scope) as local:
            if local.lease is not None and local.seen is not None:
                wish = self._wish(local, admission, local.seen)
                minute = self._minutes.number(wish.wall)
                booked = local.from_lease(wish, minute)
                if booked is not None:
                    return booked
            seen = local.seen or self._read(local, admission.scope)
            answer = self._try(local, admission, seen, is_fresh=False)
            if isinstance(answer, ScopeItem):
                answer = self._try(local, admission, answer, is_fresh=True)
            if isinstance(answer, ScopeItem):
                wish = self._wish(local, admission, answer)
                soon = round(_ASK_AGAIN_S * NS_PER_S)
                return wish.later(max(soon, answer.tat - wish.now))
            return answer

    def give_back(self, claim: Claim) -> None:
        """Return the quota of a message that was certainly not sent."""
        if claim.quota_cost:
            self._minutes.give_back(
                claim.scope, claim.minute, claim.quota_cost
            )

    def throttled(self, scope: str, by: Literal["rate", "daily"]) -> None:
        """Take note that SES refused: hold everybody back for a while."""
        with self._locals.of(scope) as local:
            self._return_lease(local, scope)
            seen = self._read(local, scope)
            if by == "rate":
                now = local.timeline.now()
                rules = seen.rate(now, burst=self._burst, part=self._part)
                self._limits.lower(scope, seen, now, rules)
            else:
                self._limits.block(scope, seen)
            self._read(local, scope)

    def learn(self, scope: str, known: Account | Limits) -> None:
        """Take over what SES, or the caller, says the scope may send."""
        with self._locals.of(scope) as local:
            self._return_lease(local, scope)
            seen = self._read(local, scope)
            now = self._table.now()
            seen = self._minutes.move_on(scope, seen, now)
            learnt = seen.learnt(now, known)
            self._scopes.tell(scope, learnt["per_s"], learnt["per_day"])
            if self._limits.learn(scope, seen, now, learnt):
                self._read(local, scope)

    def per_second(self, scope: str) -> float:
        """Return the rate in force now, in recipients per second."""
        with self._locals.of(scope) as local:
            now = self._table.clock.monotonic()
            seen = local.seen
            if seen is None or not (
                0 <= now - local.read_at < _RATE_READ_EVERY_S
            ):
                seen = self._read(local, scope)
            return self._rate(local.timeline.now(), seen)

    def charged(self) -> dict[str, int]:
        """
        Return the recipients that each scope's quota holds, never fewer.

        Raises:
            StoreError: DynamoDB gives no answer.
        """
        oldest = self._minutes.oldest(self._table.now())
        return self._scopes.charged(oldest)

    def after_fork(self) -> None:
        """Leave what the parent had taken ahead to the parent."""
        self._locals.after_fork()

    def _try(
        self,
        local: Local,
        admission: Admission,
        seen: ScopeItem,
        *,
        is_fresh: bool,
    ) -> Booked | Later | ScopeItem:
        """
        Book by what was seen.

        Returns:
            What is there instead, if that has changed.
        """
        wish = self._wish(local, admission, seen)
        if wish.quota_cost:
            moved = self._minutes.move_on(admission.scope, seen, wish.wall)
            if moved is not seen:
                seen, is_fresh = moved, True
                local.note(seen)
                wish = self._wish(local, admission, seen)
            if wish.is_short_of_quota(seen):
                if not is_fresh:
                    return self._read(local, admission.scope)
                seen = self._with_room(local, admission, seen, wish)
        level = seen.tat
        lease = local.lease
        if lease is not None and seen.tat == lease.end:
            level = lease.next  # nobody else has booked after it
        wait = max(0, level - wish.credit - wish.now)
        if wish.is_too_far(wait):
            if not is_fresh:
                return self._read(local, admission.scope)
            return wish.later(self._owed(local, seen, wish, wait))
        return self._book(local, seen, wish)

    def _book(
        self, local: Local, seen: ScopeItem, wish: Wish
    ) -> Booked | ScopeItem:
        """Book by one conditional update."""
        lease, scope = local.lease, wish.admission.scope
        more = self._ahead(lease, seen, wish)
        follows = lease is not None and seen.tat == lease.end
        update = wish.booking(seen, more, follows=follows)
        tried = self._table.try_update(
            PART,
            key(scope),
            update.expression,
            condition=update.condition,
            values=update.values,
            give="old",
        )
        if not tried.item:  # somebody has removed it
            return self._read(local, scope)
        found = ScopeItem.of(tried.item)
        # The time at which another process has booked before.
        local.note(found)
        if not tried.done:
            return found
        local.seen = found = wish.booked(found, more)
        began = found.tat - wish.length(more)
        if self._burst != 1:
            wait = max(0, began - wish.credit - wish.now)
        else:
            begin, left = local.lease_out(found, wish, began, more)
            if left is not None and left.spare:
                self._minutes.give_back(scope, left.minute, left.spare)
            wait = begin - wish.now
        return Booked(
            wait_s=wait / NS_PER_S,
            limit_per_s=wish.rate,
            minute=found.minute_no,
        )

    def _ahead(self, lease: Lease | None, seen: ScopeItem, wish: Wish) -> int:
        if self._burst != 1 or not wish.quota_cost:
            return 0
        room = seen.room(wish.wall, BULK_SHARE) - wish.quota_cost
        return ahead(lease, wish.now, wish.rate, wish.cost, room)

    def _owed(
        self, local: Local, seen: ScopeItem, wish: Wish, wait: int
    ) -> int:
        """
        Return the wait, without what nobody can owe.

        Nothing that is still owed lies further ahead: what does was
        booked at a slower rate, or by a clock that was wrong.
        """
        debt = int((self._burst + seen.last_cost) * wish.slot)
        farthest = int(HORIZON_S * NS_PER_S) + debt
        if seen.tat <= wish.now + farthest:
            return wait
        self._table.update(
            PART,
            key(wish.admission.scope),
            "SET tat = :farthest, seen_at = :now",
            condition="tat = :tat AND limits_rev = :rev",
            values={
                ":farthest": wish.now + farthest,
                ":now": wish.now,
                ":tat": seen.tat,
                ":rev": seen.limits_rev,
            },
        )
        local.lease = None
        return min(wait, farthest - wish.credit)

    def _with_room(
        self,
        local: Local,
        admission: Admission,
        seen: ScopeItem,
        wish: Wish,
    ) -> ScopeItem:
        """
        Return what is known once what is a day old counts no longer.

        Raises:
            QuotaExceededError: There is no room all the same.
        """
        if local.lease is not None:
            self._return_lease(local, admission.scope)
            seen = self._read(local, admission.scope)
        if seen.oldest_no < self._minutes.oldest(wish.wall):
            seen = self._minutes.expire(admission.scope, seen, wish.wall)
            local.note(seen)
        if not wish.is_short_of_quota(seen):
            return seen
        rules = Scope(
            seen.rate(wish.now, burst=self._burst, part=self._part),
            seen.quota(self._minutes.ring(admission.scope, seen)),
        )
        raise rules.refusal(wish.wall, self._table.wall(), admission)

    def _wish(
        self, local: Local, admission: Admission, seen: ScopeItem
    ) -> Wish:
        now = local.timeline.now()
        rate = self._rate(now, seen)
        return Wish.of(admission, now, self._table.now(), rate, self._burst)

    def _rate(self, now: int, seen: ScopeItem) -> float:
        rules = seen.rate(now, burst=self._burst, part=self._part)
        return rules.per_second(0.0)

    def _read(self, local: Local, scope: str) -> ScopeItem:
        seen = self._minutes.read(scope)
        local.note(seen)
        return seen

    def _return_lease(self, local: Local, scope: str) -> None:
        """Return slots that were taken ahead, if nobody came after."""
        lease, local.lease = local.lease, None
        if lease is None:
            return
        if lease.next < lease.end:
            self._table.update(
                PART,
                key(scope),
                "SET tat = :next",
                condition="tat = :end",
                values={":next": lease.next, ":end": lease.end},
            )
        if lease.spare:
            self._minutes.give_back(scope, lease.minute, lease.spare)
