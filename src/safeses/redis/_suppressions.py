"""
Suppressions in Redis, for all processes that ask it.

A namespace is a list of its own. It is made when the first entry comes, and
says from then on how its addresses are folded: who folds otherwise would
not find what others added. So every answer tells that as well.

A list that was there and is not any more is an outage: a Redis that has
lost its data must not read as "nobody is suppressed".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import attrs

from safeses._suppressed import Page, Suppression
from safeses.errors import ConfigurationError, StoreError
from safeses.redis._suppression_entries import (
    HASHES,
    PART,
    entry_of,
    number_of,
    packed,
    value_of,
)
from safeses.suppression._keys import AddressKeys
from safeses.suppression._paging import first_after

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from safeses.redis._connection import Server

FORMAT: Final = 1
# Others wait while a script runs: so none does more.
AT_ONCE: Final = 500
_PURGED_AT_ONCE: Final = 1_000
_PAGE_MAX: Final = 5_000
_CURSOR: Final = re.compile(r"([0-9]{1,6})-([0-9a-f]{40})")


def _check_namespace(
    _: object, field: attrs.Attribute[Any], value: object
) -> None:
    if not (isinstance(value, str) and value and value.isprintable()):
        raise ConfigurationError(
            f"{field.name}={value!r} is not a string, empty or not printable",
            'use one such as "safeses"',
        )


@attrs.define(eq=False)
class RedisSuppressionStore:
    """
    Suppressions in Redis, shared by all that ask it.

    It implements `safeses.typing.SuppressionStore`. What `add` says is
    there is seen by all of them at once. Kept are addresses, or only
    hashes of what they fold to if the keys have a secret, which itself is
    never kept.

    Attributes:
        server: Where Redis is asked.
        keys: How addresses are folded; with a secret nothing is listed.
        namespace: Which list it is; none sees another.
        engine: ``"redis"``.

    Raises:
        StoreError: Redis gives no answer, or has lost the list.
        ConfigurationError: The list was made with other keys.
    """

    server: Server
    keys: AddressKeys = attrs.field(factory=AddressKeys, kw_only=True)
    namespace: str = attrs.field(
        default="safeses", kw_only=True, validator=_check_namespace
    )
    engine: str = attrs.field(default="redis", init=False)
    # Made once, as a secret takes some time.
    _policy: bytes = attrs.field(init=False, repr=False)
    _list: str = attrs.field(init=False, repr=False)
    _hash: str = attrs.field(init=False, repr=False)
    # Whether the list has been there.
    _is_made: bool = attrs.field(default=False, init=False, repr=False)

    @_policy.default
    def _policy_of_keys(self) -> bytes:
        return f"{FORMAT} {self.keys.policy}".encode()

    @_list.default
    def _key_of_list(self) -> str:
        return self.server.key("suppressions", self.namespace)

    @_hash.default
    def _begin_of_hashes(self) -> str:
        return self.server.key("suppressed", self.namespace, "")

    def add(self, entries: Sequence[Suppression]) -> list[bool]:
        """
        Add all entries or none; say for each whether it changed anything.

        Raises:
            ConfigurationError: One of them has no address.
        """
        if not entries:
            return []
        keys = [*self._own_keys()]
        args: list[Any] = [self._policy, int(not self._is_made)]
        is_hashed = self.keys.is_hashed
        for entry in entries:
            key = self.keys.key(entry.address)
            number, kept = self._place(key)
            keys.append(f"{self._hash}{number}")
            value = value_of(key, entry, is_hashed=is_hashed)
            args += (number, kept, entry.stream, value)
        answer = self.server.run(PART, "suppressions_add", keys, args)
        self.check_policy(answer[0])
        return [bool(changed) for changed in answer[1:]]

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
        unique = [*dict.fromkeys(keys.values())]
        found: dict[str, Suppression] = {}
        for start in range(0, len(unique), AT_ONCE):
            chunk = unique[start : start + AT_ONCE]
            places, args = self._places(chunk)
            answer = self.server.run(
                PART,
                "suppressions_find",
                (self._list, *places),
                (stream, *args),
                again=True,
            )
            self.check_policy(answer[0])
            for n, is_stream, value in zip(
                *3 * [iter(answer[1:])], strict=True
            ):
                found[chunk[n]] = self._entry(
                    chunk[n], stream if is_stream else "", value
                )
        return {a: found[key] for a, key in keys.items() if key in found}

    def screening(
        self, addresses: Iterable[str], stream: str
    ) -> tuple[list[str], list[int | str | bytes]]:
        """
        Return what ``admission.lua`` takes to screen recipients.

        These are keys, and arguments from the number of recipients on.
        """
        unique = dict.fromkeys(self.keys.keys_of(addresses).values())
        places, args = self._places(unique)
        is_made = "1" if self._is_made else ""
        return [self._list, *places], [
            *(len(places), is_made, self._policy, stream),
            *args,
        ]

    def check_policy(self, policy: bytes | None) -> None:
        """
        Take note of how the list folds, None if there is none.

        Raises:
            StoreError: It was there, and has vanished.
            ConfigurationError: Others fold otherwise.
        """
        if policy == self._policy:
            self._is_made = True
        elif policy is not None:
            raise self._other(policy.decode("utf-8", "replace"))
        elif self._is_made:
            raise StoreError(
                PART,
                self.engine,
                "a list of suppressions that was there is gone; restore it,"
                " or start this process anew to go on without it",
            )

    def remove(
        self, addresses: Sequence[str], *, stream: str | None = None
    ) -> int:
        """Remove entries and return how many there were."""
        unique = [*dict.fromkeys(self.keys.keys_of(addresses).values())]
        removed = 0
        for start in range(0, len(unique), AT_ONCE):
            keys: list[str] = [*self._own_keys()]
            args: list[Any] = [
                self._policy,
                "" if stream is None else f"={stream}",
            ]
            for key in unique[start : start + AT_ONCE]:
                number, kept = self._place(key)
                keys.append(f"{self._hash}{number}")
                args += (number, kept)
            removed += self._changed("suppressions_remove", keys, args)
        return removed

    def page(self, after: str = "", limit: int = 1_000) -> Page:
        """
        Return some of the entries, in the order of hashes of them.

        Raises:
            ConfigurationError: The store keeps hashes, or *after* is not
                from a page, or *limit* is less than 1.
        """
        cursor = _CURSOR.fullmatch(after)
        first_after(self.keys, "" if cursor else after and "x", limit)
        number, name = cursor.groups() if cursor else ("0", "")
        policy, last, *found = self.server.run(
            PART,
            "suppressions_page",
            (self._list, self._used()),
            (self._hash, number, name, min(limit, _PAGE_MAX), HASHES),
            again=True,
        )
        self.check_policy(policy)
        entries = []
        for field, value in zip(*2 * [iter(found)], strict=True):
            key, _, stream = field.decode().partition("\n")
            entries.append(self._entry(key, stream, value))
        return Page(entries=tuple(entries), next=last.decode())

    def count(self) -> int:
        """Return how many entries there are, expired ones too."""
        policy, count = self.server.ask(
            PART, "HMGET", self._list, "policy", "count", again=True
        )
        self.check_policy(policy)
        return int(count or 0)

    def purge(self) -> int:
        """
        Remove what has expired and return how many that were.

        It takes many short scripts, between which others are answered.
        """
        purged = 0
        while True:
            gone = self._changed(
                "suppressions_purge",
                self._own_keys(),
                (self._policy, self._hash, _PURGED_AT_ONCE),
            )
            purged += gone
            if gone < _PURGED_AT_ONCE:
                return purged

    def after_fork(self) -> None:
        """Let go of what belongs to the parent; the entries stay."""
        self.server.after_fork()

    def close(self) -> None:
        """Nothing to let go of; who gave the server closes it."""

    def _own_keys(self) -> tuple[str, str, str]:
        """Return the list, its ends, and which of its hashes are in use."""
        ends = self.server.key("suppression-ends", self.namespace)
        return self._list, ends, self._used()

    def _used(self) -> str:
        return self.server.key("suppression-hashes", self.namespace)

    def _place(self, key: str) -> tuple[int, bytes]:
        kept = packed(key, is_hashed=self.keys.is_hashed)
        return number_of(kept), kept

    def _places(self, keys: Iterable[str]) -> tuple[list[str], list[bytes]]:
        places = [self._place(key) for key in keys]
        return [f"{self._hash}{n}" for n, _ in places], [k for _, k in places]

    def _changed(
        self, script: str, keys: Sequence[str], args: Sequence[Any]
    ) -> int:
        policy, number = self.server.run(PART, script, keys, args)
        self.check_policy(policy)
        return int(number)

    def _other(self, policy: str) -> Exception:
        number, _, theirs = policy.partition(" ")
        if number.isdecimal() and int(number) > FORMAT:
            return StoreError(
                PART,
                self.engine,
                f"the list has format {number}, this version knows {FORMAT};"
                " install the newest safeses",
            )
        return ConfigurationError(
            f"the suppressions {self.namespace!r} in Redis have keys of"
            f" {theirs!r}, not of {self.keys.policy!r}",
            "use the AddressKeys and the secret that they were made with;"
            " other ones are a migration: add all entries to another"
            " namespace",
        )

    def _entry(self, key: str, stream: str, value: bytes) -> Suppression:
        return entry_of(key, stream, value, is_hashed=self.keys.is_hashed)
