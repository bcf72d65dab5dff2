"""
Rate and quota in a SQLite file: shared by all processes of a machine.

Each act reads the scope, applies the rules and writes it back, within
one transaction that writes. So nobody decides on what another process
has changed meanwhile, and a process that dies halfway changes nothing.

The time is the file's own. Only a wrong wall clock after a boot can take
it back; who notices repairs what would hold for too long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from safeses import _ses
from safeses._budget._quota import BULK_SHARE, MINUTE_S, MINUTES, Quota
from safeses._budget._rate import Rate
from safeses._budget._scope import Scope
from safeses._outcome import Booked
from safeses.errors import ConfigurationError, QuotaExceededError
from safeses.sqlite._database import Database
from safeses.sqlite._minutes import SQL, TableRing

if TYPE_CHECKING:
    import os
    import sqlite3
    from collections.abc import Callable

    from safeses._outcome import Admission, Claim, Later
    from safeses._values import Account, Limits
    from safeses.sqlite._joined import Joined

T = TypeVar("T")

PART: Final = "budget"


class SqliteBudget:
    """
    Rate and quota in a file: shared by all who open it.

    Any number of processes and threads of one machine may ask at once.
    The limits that were learnt last hold for all of them; `burst` and
    `rate_factor` are each process's own.

    Raises:
        StoreError: The file gives no answer; nothing was booked.
        ConfigurationError: A figure is out of range.
    """

    def __init__(
        self,
        database: Database | Joined | str | os.PathLike[str],
        *,
        burst: float = 1.0,
        rate_factor: float = 1.0,
    ) -> None:
        """
        Take the file; nothing is opened before the first use.

        Args:
            database: The file, or its path.
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
        self._part = rate_factor
        # The rate in force when it was last read, to name it in errors.
        self._limits: dict[str, float] = {}

    def reserve(self, admission: Admission) -> Booked | Later:
        """
        Book a slot and charge the quota, both or neither.

        Raises:
            QuotaExceededError: The quota leaves no room.
            StoreError: The file gives no answer.
        """
        answer = self.ask(admission)
        if isinstance(answer, QuotaExceededError):
            raise answer
        return answer

    def ask(self, admission: Admission) -> Booked | Later | QuotaExceededError:
        """
        Do what `reserve` does, but return the refusal.

        A transaction that is rolled back for it would forget what was
        repaired after the time went back.
        """

        def book(
            scope: Scope, now: float
        ) -> Booked | Later | QuotaExceededError:
            booked = scope.reserve(now, admission)
            if booked is None:
                return scope.refusal(now, self._database.wall(), admission)
            self._limits[admission.scope] = booked.limit_per_s
            return booked

        with self._database.transaction(PART) as connection:
            return self._at_once(connection, admission) or self._changed(
                connection, admission.scope, book
            )

    def give_back(self, claim: Claim) -> None:
        """Return the quota of a message that was certainly not sent."""

        def give(scope: Scope, _: float) -> None:
            scope.quota.give_back(claim.minute, claim.quota_cost)

        self._change(claim.scope, give)

    def throttled(self, scope: str, by: Literal["rate", "daily"]) -> None:
        """Take note that SES refused: hold everybody back for a while."""
        self._change(scope, lambda known, now: known.throttled(now, by))

    def learn(self, scope: str, known: Account | Limits) -> None:
        """Take over what SES, or the caller, says the scope may send."""
        self._change(scope, lambda mine, now: mine.learn(now, known))

    def per_second(self, scope: str) -> float:
        """Return the rate in force now, in recipients per second."""
        found = self._database.rows(PART, SQL.read_scope, (scope,))
        now = self._database.now()
        rate = self._rate(found[0] if found else None)
        rate.heal(now)
        return rate.per_second(now)

    def after_fork(self) -> None:
        """Nothing to do: the file notices by itself that it is a child's."""

    def _change(self, name: str, act: Callable[[Scope, float], T]) -> T:
        """Let *act* change a scope, and keep what it did."""
        with self._database.transaction(PART) as connection:
            return self._changed(connection, name, act)

    def _changed(
        self,
        connection: sqlite3.Connection,
        name: str,
        act: Callable[[Scope, float], T],
    ) -> T:
        """Do so in a transaction that has begun."""
        now = self._database.now()
        row = connection.execute(SQL.read_scope, (name,)).fetchone()
        ring = TableRing(connection, name, *(row[9:13] if row else ()))
        scope = Scope(self._rate(row), _quota(ring, row))
        before = row and row[:13]
        if row and now < row[-1]:
            scope.heal(now)
        result = act(scope, now)
        facts = _facts(scope, ring)
        if facts != before:
            write = SQL.write_scope_again if row else SQL.write_scope
            connection.execute(write, (*facts, now, name))
        return result

    def _at_once(
        self, connection: sqlite3.Connection, admission: Admission
    ) -> Booked | None:
        """Book a slot that begins now in one step, if all is plain."""
        limit_per_s = self._limits.get(admission.scope)
        if limit_per_s is None or self._burst != 1:
            return None
        now = self._database.now()
        minute = int(now // MINUTE_S)
        booked = connection.execute(
            SQL.book_at_once,
            {
                "scope": admission.scope,
                "now": now,
                "part": self._part,
                "cost": float(admission.cost),
                "quota": admission.quota_cost,
                "share": BULK_SHARE if admission.priority == "bulk" else 1.0,
                "minute": minute,
                "oldest": minute - MINUTES,
            },
        )
        if booked.rowcount != 1:
            return None
        return Booked(wait_s=0.0, limit_per_s=limit_per_s, minute=minute)

    def _rate(self, row: tuple[Any, ...] | None) -> Rate:
        if row is None:
            per_second = _ses.UNKNOWN_RATE_PER_S
            return Rate(per_second, self._burst, part=self._part)
        return Rate(
            row[0],
            self._burst,
            part=self._part,
            tat=row[1],
            last_cost=row[2],
            share=row[3],
            lowered_at=row[4],
        )


def _quota(ring: TableRing, row: tuple[Any, ...] | None) -> Quota:
    if row is None:
        return Quota(ring=ring)
    return Quota(
        row[5],
        ring=ring,
        elsewhere=row[6],
        reconciled_at=row[7],
        blocked_until=row[8],
    )


def _facts(scope: Scope, ring: TableRing) -> tuple[float | None, ...]:
    """Return what a row holds, in the order of the statements."""
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
