"""
Which events were handled, in a database that processes share.

Each act is one statement that carries its condition, so that of those who
race exactly one changes something. MySQL, which does not tell what an
upsert has done, takes another one if the row is there already.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any, Final

import attrs

from safeses._facts import check_seconds, key_of
from safeses.sql._part import SqlPart
from safeses.sql._statements import statements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from safeses.sql._statements import Statement

SQL: Final = statements("seen.sql")
PART: Final = "seen events"
# At the first of so many marks some of what is over is forgotten. The first
# of a process counts as well, as it may live for a few of them only.
PURGE_EVERY: Final = 256
# A statement has to end in time, so that none purges more.
_PURGED_AT_ONCE: Final = 1_000


@attrs.define(eq=False)
class SqlSeenEvents(SqlPart):
    """
    Which events were handled, in a database shared by all that use it.

    It implements `safeses.typing.SeenEvents`.

    Attributes:
        database: Where it is, or its URL.
        namespace: Whose events they are; none sees another's.
        engine: Which database it is, such as ``"postgresql"``.

    Raises:
        StoreError: The database gives no answer.
    """

    namespace: str = attrs.field(default="safeses", kw_only=True)
    _scope: str = attrs.field(init=False, repr=False)
    _marks: Iterator[int] = attrs.field(factory=count, init=False, repr=False)

    @_scope.default
    def _scope_of_namespace(self) -> str:
        return key_of(self.namespace)

    def has(self, event: str, by: str) -> bool:
        """Whether *event* is marked as handled by *by*."""
        values = self._values(event, done_by=key_of(by))
        return bool(self.database.rows(PART, SQL.has, values, again=True))

    def mark(self, event: str, by: str, keep_s: float) -> bool:
        """
        Mark *event* as handled by *by*; of racing marks one is True.

        Raises:
            ConfigurationError: *keep_s* is not finite and above 0.
        """
        check_seconds("keep_s", keep_s)
        if not next(self._marks) % PURGE_EVERY:
            self._purge_some()
        values = self._values(event, done_by=key_of(by))
        anew = SQL.mark, SQL.mark_anew, SQL.is_marked
        return self._is_first(anew, values, {"keep_s": keep_s})

    def hold(self, event: str, lease_s: float, owner: str) -> bool:
        """
        Take *event* for a while; of racing owners exactly one gets it.

        Raises:
            ConfigurationError: *lease_s* is not finite and above 0.
        """
        check_seconds("lease_s", lease_s)
        anew = SQL.hold, SQL.hold_anew, SQL.is_held
        values = {"lease_s": lease_s, "owner": key_of(owner)}
        return self._is_first(anew, self._values(event), values)

    def release(self, event: str, owner: str) -> None:
        """Let go of *event*, unless somebody else holds it by now."""
        values = self._values(event, owner=key_of(owner))
        self.database.execute(
            PART, SQL.release, values, again=True, is_durable=False
        )

    def purge(self) -> int:
        """
        Forget marks and leases that are over; say how many there were.

        It takes many short transactions, between which others write. What
        is over goes in every namespace.
        """
        purged = 0
        while True:
            gone = self._purge_some()
            purged += sum(gone)
            if max(gone) < _PURGED_AT_ONCE:
                return purged

    def _values(self, event: str, **values: Any) -> dict[str, Any]:
        return {"namespace": self._scope, "event": key_of(event), **values}

    def _is_first(
        self,
        steps: tuple[Statement, Statement, Statement],
        row: dict[str, Any],
        values: dict[str, Any],
    ) -> bool:
        """
        Add a row, or take over one that is over; say if either was done.

        Args:
            steps: What adds it, what takes it over, what looks for it.
            row: What names it.
            values: What else is in it.
        """
        add, take_over, look = steps
        execute = self.database.execute
        while not execute(PART, add, {**row, **values}):
            if self.engine != "mysql":
                return False  # it has tried both
            if execute(PART, take_over, {**row, **values}):
                return True
            if self.database.rows(PART, look, row):
                return False
            # Somebody has deleted it meanwhile.
        return True

    def _purge_some(self) -> list[int]:
        values = {"over": self.database.now(), "most": _PURGED_AT_ONCE}
        return [
            self.database.execute(PART, statement, values, is_durable=False)
            for statement in (SQL.purge_marks, SQL.purge_holds)
        ]
