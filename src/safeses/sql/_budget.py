"""
Rate and quota in a database: shared by all who use it.

A slot is booked by one statement, also one that lies ahead. Where that
matches nothing, a look at the row says why, by the rules of
`safeses._budget`; only what then has to be written, such as the first
slot of a minute, takes a transaction. Nobody holds a row while sleeping.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import attrs

from safeses import _ses
from safeses._budget._quota import BULK_SHARE, Quota
from safeses._budget._rate import (
    BULK_HORIZON_S,
    BULK_HORIZON_SLOTS,
    HORIZON_S,
    Rate,
)
from safeses._budget._scope import Scope
from safeses._facts import key_of
from safeses._outcome import Booked
from safeses.errors import ConfigurationError, QuotaExceededError
from safeses.sql._connection import Database
from safeses.sql._dialects import EPOCH_S, NEVER
from safeses.sql._minutes import SQL, Look, TableRing

if TYPE_CHECKING:
    from collections.abc import Callable

    import sqlalchemy

    from safeses._outcome import Admission, Claim, Later
    from safeses._values import Account, Limits
    from safeses.sql._minutes import Table
    from safeses.sql._statements import Statement
    from safeses.sql._transaction import Transaction

T = TypeVar("T")

PART: Final = "budget"
CAN_BOOK: Final = SQL.can_book.with_parts(rate=SQL.rate)
BOOK: Final = SQL.book.with_parts(can_book=CAN_BOOK, rate=SQL.rate)
# A wait is bounded by the horizon long before.
_LONGEST_S: Final = 1e6
# How `book` packs its answer in MySQL.
_MINUTE_ZERO: Final = 2**25
_WAITS: Final = 2**30
_SHARES: Final = 2**7
_COLUMNS: Final = (
    "account_per_s",
    "tat",
    "last_cost",
    "share",
    "lowered_at",
    "per_day",
    "elsewhere",
    "reconciled_at",
    "blocked_until",
    "total",
    "oldest",
    "newest",
    "newest_count",
)


class SqlBudget:
    """
    Rate and quota in a database: shared by all who use it.

    Any number of hosts may ask at once; the time is that of the database.
    The limits that were learnt last hold for all of them; `burst` and
    `rate_factor` are each process's own.

    Raises:
        StoreError: The database gives no answer.
        ConfigurationError: A figure is out of range.
    """

    def __init__(
        self,
        database: Database | str | sqlalchemy.Engine,
        *,
        burst: float = 1.0,
        rate_factor: float = 1.0,
    ) -> None:
        """
        Take the database; nothing is opened before the first use.

        Args:
            database: Where it is kept, or its URL.
            burst: Recipients that may go at once after a pause, from 1.
            rate_factor: The share of the account's rate to use, above 0
                to 1.
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
        self._database = Database.of(database)
        self._burst = burst
        self._part = float(rate_factor)
        # What each scope might send when it was last read.
        self._known: dict[str, float] = {}

    def reserve(self, admission: Admission) -> Booked | Later:
        """
        Book a slot and charge the quota, both or neither.

        Raises:
            QuotaExceededError: The quota leaves no room.
            StoreError: The database gives no answer; a slot may have been
                taken, which nobody uses.
        """
        return self.book(BOOK, admission) or self._by_rules(admission)

    def book(
        self, statement: Statement, admission: Admission, **more: Any
    ) -> Booked | None:
        """
        Book by one statement, if all is plain.

        Args:
            statement: One with `CAN_BOOK` in it.
            admission: What is asked for.
            **more: Further values of the statement.

        Returns:
            None if it is not; then nothing was written.
        """
        if self._burst != 1 or admission.cost < 1:
            return None
        is_bulk = admission.priority == "bulk"
        values = {
            "scope": key_of(admission.scope),
            "part": self._part,
            "cost": float(admission.cost),
            "quota": admission.quota_cost,
            "quota_share": BULK_SHARE if is_bulk else 1.0,
            "max_wait": float(min(admission.max_wait_s, _LONGEST_S)),
            "near": BULK_HORIZON_S if is_bulk else HORIZON_S,
            "slots": float(BULK_HORIZON_SLOTS) if is_bulk else 0.0,
            **more,
        }
        # Twice, after a connection was lost: a slot is left unused then.
        if self._database.engine != "mysql":
            rows = self._database.rows(PART, statement, values, again=True)
            if not rows:
                return None
            wait_s, limit_per_s, minute = rows[0][:3]
            farthest = max(values["near"], values["slots"] / limit_per_s)
            # It is no longer, but for the last digits of a sum.
            wait_s = min(wait_s, values["max_wait"], HORIZON_S, farthest)
            return Booked(
                wait_s=wait_s, limit_per_s=limit_per_s, minute=minute
            )
        known = self._known.get(admission.scope)
        if known is None:
            return None
        values["known"] = known
        packed = self._database.answered(PART, statement, values, again=True)
        return None if packed is None else _unpacked(packed, known)

    def give_back(self, claim: Claim) -> None:
        """Return the quota of a message that was certainly not sent."""
        if not claim.quota_cost:
            return
        values = {
            "scope": key_of(claim.scope),
            "minute": claim.minute,
            "count": claim.quota_cost,
        }
        if not self._database.execute(
            PART, SQL.give_back, values, is_durable=False
        ):
            self._change(
                claim.scope,
                lambda known, _: known.quota.give_back(
                    claim.minute, claim.quota_cost
                ),
                again=False,
            )

    def throttled(self, scope: str, by: Literal["rate", "daily"]) -> None:
        """Take note that SES refused: hold everybody back for a while."""
        self._change(scope, lambda known, now: known.throttled(now, by))

    def learn(self, scope: str, known: Account | Limits) -> None:
        """Take over what SES, or the caller, says the scope may send."""
        self._change(scope, lambda mine, now: mine.learn(now, known))

    def per_second(self, scope: str) -> float:
        """Return the rate in force now, in recipients per second."""
        found = self._database.rows(
            PART, SQL.read_scope, {"scope": key_of(scope)}, again=True
        )
        if not found:
            return _ses.UNKNOWN_RATE_PER_S * self._part
        row = _Row.of(found[0])
        rate = self._rate(row)
        rate.heal(row.now)
        return rate.per_second(row.now)

    def after_fork(self) -> None:
        """Nothing to do: the database notices by itself."""
        self._database.after_fork()

    def _by_rules(self, admission: Admission) -> Booked | Later:
        """Say why nothing was booked, or book after all."""

        def book(
            scope: Scope, now: float
        ) -> Booked | Later | QuotaExceededError:
            booked = scope.reserve(now, admission)
            if booked is None:
                return scope.refusal(now, now + EPOCH_S, admission)
            return booked

        name = admission.scope
        answer: Booked | Later | QuotaExceededError | None
        answer = self._looked(name, book)
        if answer is None:
            answer = self._change(name, book)
        if isinstance(answer, QuotaExceededError):
            raise answer
        return answer

    def _looked(self, name: str, act: Callable[[Scope, float], T]) -> T | None:
        """Return what *act* says of a scope, None if it changes it."""
        values = {"scope": key_of(name)}
        found = self._database.rows(PART, SQL.read_scope, values, again=True)
        if not found:
            return None
        row = _Row.of(found[0])
        result, facts = self._acted(row, name, Look(self._database, PART), act)
        return result if facts == row.facts else None

    def _change(
        self,
        name: str,
        act: Callable[[Scope, float], T],
        *,
        again: bool = True,
    ) -> T:
        """Let *act* change a scope, and keep what it did."""
        values = {"scope": key_of(name)}

        def change(transaction: Transaction) -> T:
            found = transaction.rows(SQL.lock_scope, values)
            if not found:
                transaction.execute(SQL.make_scope, {**values, **_FRESH})
                found = transaction.rows(SQL.lock_scope, values)
            row = _Row.of(found[0])
            result, facts = self._acted(row, name, transaction, act)
            if facts != row.facts:
                written = dict(zip(_COLUMNS, map(_kept, facts), strict=True))
                transaction.execute(
                    SQL.write_scope,
                    {**written, **values, "written_at": row.now},
                )
            return result

        return self._database.in_transaction(
            PART, change, again=again, is_durable=False
        )

    def _acted(
        self,
        row: _Row,
        name: str,
        table: Table,
        act: Callable[[Scope, float], T],
    ) -> tuple[T, tuple[Any, ...]]:
        """Return what *act* says, and the facts after it."""
        ring = TableRing(table, key_of(name), *row.facts[9:])
        scope = Scope(self._rate(row), _quota(ring, row))
        if row.now < row.written_at:
            scope.heal(row.now)
        result = act(scope, row.now)
        self._known[name] = scope.rate.account_per_s * self._part
        return result, _facts(scope, ring)

    def _rate(self, row: _Row) -> Rate:
        account_per_s, tat, last_cost, share, lowered_at = row.facts[:5]
        return Rate(
            account_per_s,
            self._burst,
            part=self._part,
            tat=tat,
            last_cost=last_cost,
            share=share,
            lowered_at=lowered_at,
        )


_FRESH: Final = {"account_per_s": _ses.UNKNOWN_RATE_PER_S, "never": NEVER}


@attrs.frozen
class _Row:
    """
    The row of a scope.

    Attributes:
        facts: What stands in it, in the order of `_COLUMNS`.
        written_at: When it was written.
        now: The time of the database.
    """

    facts: tuple[Any, ...]
    written_at: float
    now: float

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> _Row:
        *facts, written_at, now = row
        return cls(tuple(map(_read, facts)), written_at, now)


def _read(fact: float | None) -> float | None:
    return float("-inf") if fact is not None and fact <= NEVER else fact


def _kept(fact: float | None) -> float | None:
    return NEVER if fact is not None and fact < NEVER else fact


def _unpacked(packed: int, known: float) -> Booked:
    rest, share = divmod(packed, _SHARES)
    minute, wait = divmod(rest, _WAITS)
    return Booked(
        wait_s=wait / _WAITS,
        limit_per_s=known * share / 100,
        minute=minute - _MINUTE_ZERO,
    )


def _quota(ring: TableRing, row: _Row) -> Quota:
    per_day, elsewhere, reconciled_at, blocked_until = row.facts[5:9]
    return Quota(
        per_day,
        ring=ring,
        elsewhere=elsewhere,
        reconciled_at=reconciled_at,
        blocked_until=blocked_until,
    )


def _facts(scope: Scope, ring: TableRing) -> tuple[float | None, ...]:
    """Return what a row holds, in the order of `_COLUMNS`."""
    rate, quota = scope.rate, scope.quota
    return (
        rate.account_per_s,
        rate.tat,
        rate.last_cost,
        rate.share,
        rate.lowered_at,
        quota.per_day,
        quota.elsewhere,
        quota.reconciled_at,
        quota.blocked_until,
        ring.total,
        ring.oldest,
        ring.newest,
        ring.newest_count,
    )
