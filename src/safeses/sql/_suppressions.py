"""
Suppressions in a database, for all processes that share it.

A namespace is a list of its own. It is made when the first entry comes, and
says from then on how its addresses are folded: who folds otherwise would
not find what others added. So every answer looks at that first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from safeses._facts import key_of
from safeses._suppressed import Page, Suppression
from safeses.errors import ConfigurationError
from safeses.sql._part import SqlPart
from safeses.sql._statements import statements
from safeses.sql._suppression_rows import (
    PART,
    entry_of,
    json_of,
    lasts_longer,
    place_of,
    rounds,
    suppression_of,
)
from safeses.suppression._keys import AddressKeys
from safeses.suppression._paging import first_after

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from safeses.sql._suppression_rows import Entry
    from safeses.sql._transaction import Transaction

SQL: Final = statements("suppressions.sql")
# A statement has to end in time, so that none takes or purges more.
_AT_ONCE: Final = 1_000
_COUNTED_AT_ONCE: Final = 100_000
_LIMIT_MAX: Final = 2**31 - 2


def _check_namespace(
    _: object, field: attrs.Attribute[Any], value: object
) -> None:
    if not (isinstance(value, str) and value and value.isprintable()):
        raise ConfigurationError(
            f"{field.name}={value!r} is not a string, empty or not printable",
            'use one such as "safeses"',
        )


@attrs.define(eq=False)
class SqlSuppressionStore(SqlPart):
    """
    Suppressions in a database, shared by all that use it.

    It implements `safeses.typing.SuppressionStore`. What `add` says is
    there is seen by all of them at once, and stays when they end. Kept
    are addresses and what they fold to, or only hashes of that if the keys
    have a secret, which itself is never kept.

    Attributes:
        database: Where it is, or its URL.
        keys: How addresses are folded; with a secret nothing is listed.
        namespace: Which list of the database it is; none sees another.
        engine: Which database it is, such as ``"postgresql"``.

    Raises:
        StoreError: The database gives no answer.
        ConfigurationError: The list was made with other keys.
    """

    keys: AddressKeys = attrs.field(factory=AddressKeys, kw_only=True)
    namespace: str = attrs.field(
        default="safeses", kw_only=True, validator=_check_namespace
    )
    # Both are made once, as a secret takes some time.
    _scope: str = attrs.field(init=False, repr=False)
    _policy: str = attrs.field(init=False, repr=False)

    @_scope.default
    def _scope_of_namespace(self) -> str:
        # What it is gets checked later.
        return key_of(str(self.namespace))

    @_policy.default
    def _policy_of_keys(self) -> str:
        return self.keys.policy

    def add(self, entries: Sequence[Suppression]) -> list[bool]:
        """
        Add all entries or none; say for each whether it changed anything.

        Raises:
            ConfigurationError: One of them has no address.
        """
        rows = [entry_of(self.keys, entry) for entry in entries]
        turns = rounds(rows)
        changed = [False] * len(rows)
        for numbers, places in zip(
            turns,
            self._added([[rows[n] for n in turn] for turn in turns]),
            strict=True,
        ):
            for number in numbers:
                changed[number] = place_of(rows[number]) in places
        return changed

    def find(
        self,
        addresses: Sequence[str],
        *,
        stream: str = "",
        configuration_set: str = "",  # noqa: ARG002  # for lists of SES
        tenant: str = "",  # noqa: ARG002  # the same
    ) -> dict[str, Suppression]:
        """Return who must not get mail of *stream*, and why."""
        keys = self.keys.keys_of(addresses)
        found: dict[str, Suppression] = {}
        for chunk in _chunks(keys):
            values = {
                "namespace": self._scope,
                # Of no entry, if it is none that an entry can have.
                "stream": key_of(stream),
                "keys": json_of(chunk),
            }
            rows = self.database.rows(PART, SQL.find, values, again=True)
            for policy, key, *fields in rows:
                self._check(policy)
                if key is not None and (key not in found or found[key].stream):
                    # One for all mail is the one returned.
                    found[key] = suppression_of(fields, self.engine)
        return {a: found[key] for a, key in keys.items() if key in found}

    def remove(
        self, addresses: Sequence[str], *, stream: str | None = None
    ) -> int:
        """Remove entries and return how many there were."""
        chunks = [*_chunks(self.keys.keys_of(addresses))]
        number = self._listed() if chunks else None
        if number is None:
            return 0

        def removed(transaction: Transaction) -> int:
            return sum(
                transaction.execute(
                    SQL.remove,
                    {
                        "number": number,
                        "keys": json_of(chunk),
                        "stream": stream,
                    },
                )
                for chunk in chunks
            )

        return self.database.in_transaction(PART, removed)

    def page(self, after: str = "", limit: int = 1_000) -> Page:
        """
        Return some of the entries, in the order in which they came.

        Raises:
            ConfigurationError: The store keeps hashes, or *after* is not
                from a page, or *limit* is less than 1.
        """
        start_after = first_after(self.keys, after, limit)
        limit = min(limit, _LIMIT_MAX)
        number = self._listed()
        if number is None:
            return Page(entries=())
        values = {"number": number, "after": start_after, "most": limit + 1}
        rows = self.database.rows(PART, SQL.page, values, again=True)
        is_last = len(rows) <= limit
        return Page(
            entries=tuple(
                suppression_of(row[1:], self.engine) for row in rows[:limit]
            ),
            next="" if is_last else str(rows[limit - 1][0]),
        )

    def count(self) -> int:
        """Return how many entries there are, expired ones too."""
        number = self._listed()
        if number is None:
            return 0
        total, counted, after = 0, _COUNTED_AT_ONCE, 0
        while counted == _COUNTED_AT_ONCE:
            values = {"number": number, "after": after, "most": counted}
            [[counted, after]] = self.database.rows(
                PART, SQL.count, values, again=True
            )
            total += counted
        return total

    def purge(self) -> int:
        """
        Remove what has expired and return how many that were.

        It takes many short transactions, between which others write.
        """
        number = self._listed()
        if number is None:
            return 0
        values = {
            "number": number,
            "now_us": round(self.database.wall() * 1_000_000),
            "most": _AT_ONCE,
        }
        purged, removed = 0, _AT_ONCE
        while removed == _AT_ONCE:
            removed = self.database.execute(
                PART, SQL.purge, values, is_durable=False
            )
            purged += removed
        return purged

    def _added(self, turns: list[list[Entry]]) -> list[set[tuple[str, str]]]:
        """Add rounds of entries; return of each which rows have changed."""
        if not turns:
            return []
        policy = {"namespace": self._scope, "policy": self._policy}
        if self.engine == "mysql":
            return self._added_to_locked(turns)
        if len(turns) == 1:
            values = {**policy, "entries": json_of(turns[0])}
            places = {*self.database.rows(PART, SQL.add, values)}
            if places:
                return [places]
            if self._listed() is not None:
                return [set()]
        self._make_list()
        return self.database.in_transaction(
            PART,
            lambda transaction: [
                {
                    *transaction.rows(
                        SQL.add, {**policy, "entries": json_of(turn)}
                    )
                }
                for turn in turns
            ],
        )

    def _added_to_locked(
        self, turns: list[list[Entry]]
    ) -> list[set[tuple[str, str]]]:
        """Do the same where an upsert does not tell what it has changed."""

        def added(transaction: Transaction) -> list[set[tuple[str, str]]]:
            scope = {"namespace": self._scope}
            [[number, policy, now_us]] = transaction.rows(SQL.lock_list, scope)
            self._check(policy)
            return [_put(transaction, turn, number, now_us) for turn in turns]

        if self._listed() is None:
            self._make_list()
        return self.database.in_transaction(PART, added)

    def _make_list(self) -> None:
        """Make the list, unless it is there; see that it is ours."""
        values = {"namespace": self._scope, "policy": self._policy}
        self.database.execute(PART, SQL.make_list, values, again=True)
        self._listed()

    def _listed(self) -> int | None:
        """Return the number of the list, None if nobody has made it."""
        values = {"namespace": self._scope}
        rows = self.database.rows(PART, SQL.list, values, again=True)
        if not rows:
            return None
        [(number, policy)] = rows
        self._check(policy)
        return int(number)

    def _check(self, policy: str) -> None:
        if policy != self._policy:
            raise ConfigurationError(
                f"the suppressions {self.namespace!r} in {self.engine} have"
                f" keys of {policy!r}, not of {self._policy!r}",
                "use the AddressKeys and the secret that they were made"
                " with; other ones are a migration: add all entries to"
                " another namespace",
            )


def _put(
    transaction: Transaction, turn: list[Entry], number: int, now_us: int
) -> set[tuple[str, str]]:
    """Put what lasts longer than what is there; nobody else adds now."""
    keys = {"number": number, "keys": json_of({e["folded"] for e in turn})}
    ends = {
        (folded, stream): end_us
        for folded, stream, end_us in transaction.rows(SQL.ends, keys)
    }
    wanted = [
        entry
        for entry in turn
        if lasts_longer(entry["expires_at_us"], now_us)
        and (
            place_of(entry) not in ends
            or lasts_longer(entry["expires_at_us"], ends[place_of(entry)])
        )
    ]
    if wanted:
        values = {
            "number": number,
            "now_us": now_us,
            "entries": json_of(wanted),
        }
        transaction.execute(SQL.put, values)
    return {place_of(entry) for entry in wanted}


def _chunks(keys: dict[str, str]) -> Iterator[list[str]]:
    """Yield the keys, each once, as many as a statement takes."""
    unique = [*dict.fromkeys(keys.values())]
    for start in range(0, len(unique), _AT_ONCE):
        yield unique[start : start + _AT_ONCE]
