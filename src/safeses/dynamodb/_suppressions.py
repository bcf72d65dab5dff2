"""
Suppressions in a table of DynamoDB, for all machines that use it.

An address is an item, named by a hash of its key, and each of its entries
an attribute of it: one for each stream, and one for all mail. So whoever
looks for fifty recipients asks for fifty items, whatever the stream, and
gets them in one request. The items stand under 16 partition keys, in the
order of their hashes; that is the order of the pages.

A namespace is a list of its own, see `_suppression_list`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Final

import attrs

from safeses._suppressed import Page
from safeses.dynamodb._connection import Delete, Put
from safeses.dynamodb._items import (
    SHARDS,
    all_after,
    digest,
    names_in,
    partition,
    version,
)
from safeses.dynamodb._suppression_items import (
    PART,
    Entry,
    changed,
    entry_of,
    fields_of,
    is_over,
    no_such_page,
    streams_of,
    with_entry,
    without,
)
from safeses.dynamodb._suppression_list import SuppressionList
from safeses.errors import StoreError
from safeses.suppression._keys import AddressKeys
from safeses.suppression._paging import first_after

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from safeses._suppressed import Suppression
    from safeses.dynamodb._connection import Key, Table
    from safeses.dynamodb._items import Item

# API reference, TransactWriteItems: "up to 100 actions".
_AT_ONCE_MAX: Final = 100
# So often at most others come between a look and the write.
_ROUNDS: Final = 20
_HASH_CHARS: Final = 32
_AT_ONCE: Final = 500
_CURSOR: Final = re.compile(
    rf"([0-9a-f]{{{_HASH_CHARS}}})\.([A-Za-z0-9._-]{{0,64}})"
)
_NEW: Final = "attribute_not_exists(#pk)"
_SAME: Final = "#version = :before"


@attrs.define(eq=False)
class DynamoDBSuppressionStore:
    """
    Suppressions in a table, shared by all machines that use it.

    It implements `safeses.typing.SuppressionStore`. What `add` says is
    there is seen by all of them at once. Kept are addresses and what they
    fold to, or only hashes of that if the keys have a secret, which itself
    is never kept. What has expired stays until `purge`, and counts no
    longer.

    A look-up costs the same however many entries there are. To list,
    count or purge them reads all of them: half a read unit for each 4 kB,
    twice that as it reads what is there now.

    Attributes:
        table: The table; the parts of a state share one.
        keys: How addresses are folded; with a secret nothing is listed.
        namespace: Which list of the table it is; none sees another.
        engine: ``"dynamodb"``.

    Raises:
        StoreError: The table gives no answer.
        ConfigurationError: The list was made with other keys.
    """

    table: Table = attrs.field(repr=False)
    keys: AddressKeys = attrs.field(factory=AddressKeys, kw_only=True)
    namespace: str = attrs.field(default="safeses", kw_only=True)
    engine: str = attrs.field(default="dynamodb", init=False)
    _list: SuppressionList = attrs.field(init=False, repr=False)

    @_list.default
    def _list_of_namespace(self) -> SuppressionList:
        # Asked once, as a secret takes some time.
        return SuppressionList(self.table, self.namespace, self.keys.policy)

    def add(self, entries: Sequence[Suppression]) -> list[bool]:
        """
        Add all entries; say for each whether it changed anything.

        Those of up to 100 addresses are added all or none. Of more, some
        may have been added when the table gives no answer.

        Raises:
            ConfigurationError: One of them has no address; none was added.
        """
        keyed = [(self.keys.key(entry.address), entry) for entry in entries]
        if not keyed:
            return []
        self._list.make()
        by_key: dict[Key, list[Entry]] = defaultdict(list)
        for place, (key, entry) in enumerate(keyed):
            fields = fields_of(
                entry, self.table.wall(), is_hashed=self.keys.is_hashed
            )
            added = Entry(place, entry.stream, fields)
            by_key[self._key(key)].append(added)
        answers = [False] * len(keyed)
        keys = [*by_key]
        for start in range(0, len(keys), _AT_ONCE_MAX):
            chunk = keys[start : start + _AT_ONCE_MAX]
            for place in self._add({key: by_key[key] for key in chunk}):
                answers[place] = True
        return answers

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
        if not keys:
            return {}
        asked = {address: self._key(key) for address, key in keys.items()}
        wanted = [*asked.values()]
        if not self._list.is_seen:
            wanted.append(self._list.key)
        found = self.table.get_many(PART, wanted)
        if not self._list.is_seen:
            self._list.see(found.pop(self._list.key, None))
        entries = {
            key: self._in_force(item, stream) for key, item in found.items()
        }
        return {
            address: entry
            for address, key in asked.items()
            if (entry := entries.get(key)) is not None
        }

    def remove(
        self, addresses: Sequence[str], *, stream: str | None = None
    ) -> int:
        """Remove entries and return how many there were."""
        keys = self.keys.keys_of(addresses).values()
        if not keys or not self._list.is_made():
            return 0
        asked = [*dict.fromkeys(map(self._key, keys))]
        return sum(
            self._remove(asked[start : start + _AT_ONCE_MAX], stream)
            for start in range(0, len(asked), _AT_ONCE_MAX)
        )

    def page(self, after: str = "", limit: int = 1_000) -> Page:
        """
        Return some of the entries, in the order of hashes of their keys.

        Raises:
            ConfigurationError: The store keeps hashes, or *after* is not
                from a page, or *limit* is less than 1.
        """
        first_after(self.keys, "", limit)
        cursor = _CURSOR.fullmatch(after)
        if after and cursor is None:
            raise no_such_page()
        if not self._list.is_made():
            return Page(entries=())
        last = (cursor[1], cursor[2]) if cursor else ("", "")
        entries: list[Suppression] = []
        for item in self._items(last[0], min(limit + 1, _AT_ONCE)):
            for stream in streams_of(item):
                place = item["sk"], stream
                if cursor and place <= (cursor[1], cursor[2]):
                    continue
                if len(entries) == limit:
                    return Page(entries=tuple(entries), next=".".join(last))
                entries.append(entry_of(item, stream))
                last = place
        return Page(entries=tuple(entries))

    def count(self) -> int:
        """
        Return how many entries there are, expired ones too.

        It reads all of them.
        """
        if not self._list.is_made():
            return 0
        return sum(len(streams_of(item)) for item in self._items())

    def purge(self) -> int:
        """
        Remove what has expired and return how many that were.

        It reads all entries.
        """
        if not self._list.is_made():
            return 0
        purged = 0
        for item in self._items():
            now = self.table.wall()
            over = [s for s in streams_of(item) if is_over(item, s, now)]
            if over and self._have_written([_write_without(item, over)]):
                purged += len(over)
        return purged

    def after_fork(self) -> None:
        """Let go of what belongs to the parent; the table stays."""
        self.table.after_fork()

    def close(self) -> None:
        """Nothing to let go of: the table was given."""

    # --- Adding and removing ---

    def _add(self, by_key: Mapping[Key, Sequence[Entry]]) -> list[int]:
        """Add what is to change at once; return its places."""
        for _ in range(_ROUNDS):
            before = self.table.get_many(PART, [*by_key])
            writes: list[Put | Delete] = []
            places: list[int] = []
            for key, entries in by_key.items():
                item, changes = self._item_with(key, before.get(key), entries)
                if changes:
                    writes.append(item)
                    places += changes
            if not writes or self._have_written(writes):
                return places
        raise self._crowded()

    def _item_with(
        self, key: Key, before: Item | None, entries: Sequence[Entry]
    ) -> tuple[Put, list[int]]:
        """Return what writes an item with the entries that change it."""
        item = before or {"pk": key[0], "sk": key[1]}
        now = self.table.wall()
        places = []
        for entry in entries:
            if changed(item, entry, now):
                item = with_entry(item, entry)
                places.append(entry.place)
        return _put(item, before), places

    def _remove(self, keys: Sequence[Key], stream: str | None) -> int:
        """Remove at once what is there; say how much that was."""
        for _ in range(_ROUNDS):
            writes: list[Put | Delete] = []
            removed = 0
            for item in self.table.get_many(PART, keys).values():
                gone = [s for s in streams_of(item) if stream in {None, s}]
                if gone:
                    writes.append(_write_without(item, gone))
                    removed += len(gone)
            if not writes or self._have_written(writes):
                return removed
        raise self._crowded()

    def _have_written(self, writes: Sequence[Put | Delete]) -> bool:
        if len(writes) > 1:
            return self.table.transact(PART, writes)
        [write] = writes
        if isinstance(write, Delete):
            return self.table.delete(
                PART,
                write.key,
                condition=write.condition,
                names=write.names,
                values=write.values,
            )
        tried = self.table.try_put(
            PART,
            write.item,
            condition=write.condition,
            names=write.names,
            values=write.values,
            again=True,
        )
        # If the answer was lost, our own may be what is there.
        return tried.done or (
            tried.item.get("version") == write.item["version"]
        )

    def _crowded(self) -> StoreError:
        return StoreError(
            PART, self.engine, "others change the same entries all the time"
        )

    # --- Items ---

    def _key(self, key: str) -> Key:
        name = digest(key)[:_HASH_CHARS]
        return self._pk(name[0]), name

    def _pk(self, shard: str) -> str:
        return partition("suppressed", self.namespace, shard)

    def _items(
        self, first: str = "", at_once: int = _AT_ONCE
    ) -> Iterator[Item]:
        """Yield the items from a hash on, itself included."""
        if first:
            item = self.table.get(PART, (self._pk(first[0]), first))
            if item is not None:
                yield item
        for shard in SHARDS:
            if not first or shard >= first[0]:
                after = first if first and shard == first[0] else ""
                pk = self._pk(shard)
                yield from all_after(self.table, PART, pk, after, at_once)

    def _in_force(self, item: Item, stream: str) -> Suppression | None:
        now = self.table.wall()
        held = streams_of(item)
        # One for all mail is the one returned.
        for name in dict.fromkeys(("", stream)):
            if name in held and not is_over(item, name, now):
                return entry_of(item, name)
        return None


def _put(item: Item, before: Item | None) -> Put:
    """Return what replaces an item, unless it was changed meanwhile."""
    condition = _NEW if before is None else _SAME
    values = {} if before is None else {":before": before["version"]}
    return Put(
        item={**item, **version()},
        condition=condition,
        names=names_in(condition),
        values=values,
    )


def _write_without(item: Item, streams: Sequence[str]) -> Put | Delete:
    """Return what takes entries out of an item, unless it was changed."""
    left = without(item, streams)
    if streams_of(left):
        return _put(left, item)
    return Delete(
        key=(item["pk"], item["sk"]),
        condition=_SAME,
        names=names_in(_SAME),
        values={":before": item["version"]},
    )
