"""
Records of the ledger as items of a table.

A record with a key is an item of its own. One without lives only while it
is open, and so lives where the open ones are listed: 16 partition keys,
of which each holds a part of the names. For a record with a key that is
open, such that its outcome is unknown or may come to be, there stands a
mark. It is made and taken away in the same transaction that makes the
record open and settled, so that there is never one without the other,
wherever a process ends: what is open is always found there.

What is rare is a map with the names of the fields, of which a reader takes
those that it knows: a newer version of this library may have written more.
"""

from __future__ import annotations

from heapq import merge
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, TypeVar, get_args

import attrs

from safeses._job import JobState, LeftOut, Record, Refused, Sent
from safeses.dynamodb._connection import Delete, Put
from safeses.dynamodb._items import (
    SHARDS,
    all_after,
    digest,
    names_in,
    not_ours,
    partition,
    ttl_after,
    version,
)
from safeses.errors import StoreError
from safeses.ledger import _machine
from safeses.ledger._rows import MINUTE_S, PROOF_KEEP_MINUTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from typing_extensions import Self

    from safeses.dynamodb._connection import Key, Table, Write
    from safeses.dynamodb._items import Item

    T = TypeVar("T", LeftOut, Sent, Refused)

PART: Final = "ledger"
_IS_FREE: Final = "attribute_not_exists(#pk) OR #expires <= :now"
_IS_SAME: Final = "#version = :before"
_LATER: Final = "attribute_not_exists(#latest) OR #latest < :latest"
# Each process notes a proof so often at most: every event brings one, and
# an item takes about a thousand writes a second. What it leaves out makes
# nobody send, as the one before is earlier.
PROOF_EVERY_S: Final = 0.05
# Minutes of which a process remembers what it has noted.
_REMEMBERED: Final = 64
# A sort key has 1,024 bytes.
_NAME_MAX_BYTES: Final = 1_000
_AT_ONCE: Final = 100

_STATES: Final = frozenset(get_args(JobState))
_NAMES: Final = {
    kind: tuple(field.name for field in attrs.fields(kind))
    for kind in (LeftOut, Sent, Refused)
}


@attrs.define(eq=False)
class DynamoDBRows:
    """
    Records, as one act sees them; there is no transaction around it.

    A record is replaced only if its item still has the version that was
    read. Whoever replaces one gives it a version of his own, by which he
    knows it when the answer was lost and the write is repeated.

    Attributes:
        table: Where they are.
        namespace: Whose they are.
        proofs: What this process has noted of each minute.
    """

    table: Table
    namespace: str
    proofs: dict[int, float]
    _versions: dict[str, str] = attrs.field(factory=dict, init=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def job_key(self, name: str) -> Key:
        """Return where the record of a name with a key is."""
        return partition("job", self.namespace, digest(name)[0]), name

    def open_key(self, name: str) -> Key:
        """Return where a name is listed while it is open."""
        return self._open_pk(digest(name)[0]), name

    def get(self, name: str) -> Record | None:
        """Return the record of a job; what has expired is none."""
        if not is_name(name):
            return None
        job, opened = self.job_key(name), self.open_key(name)
        found = self.table.get_many(PART, (job, opened))
        item = found.get(job) or found.get(opened, {})
        if "state" not in item:  # nothing, or only its mark
            return None
        record = record_of(item)
        if record.expires is not None and record.expires <= self.table.now():
            return None
        self._versions[name] = item["version"]
        return record

    def add(self, record: Record) -> bool:
        """Note a record if nothing is known by its name."""
        return self.swap(record.id, None, record)

    def swap(
        self, name: str, before: Record | None, after: Record | None
    ) -> bool:
        """Replace the record, unless it is not *before* any more."""
        record = after or before
        if record is None:
            return True
        if not is_name(name):
            raise no_item_takes_it()
        key = self.job_key(name) if record.keyed else self.open_key(name)
        condition = _IS_FREE
        values: dict[str, Any] = {":now": self.table.now()}
        if before is not None:
            condition = _IS_SAME
            values = {":before": self._versions[name]}
        known: dict[str, Any] = {
            "condition": condition,
            "names": names_in(condition),
            "values": values,
        }
        marks = self._marks(name, before, after) if record.keyed else []
        if after is None:
            if marks:
                delete = Delete(key=key, **known)
                return self.table.transact(PART, [delete, *marks])
            return self.table.delete(PART, key, **known, again=True)
        item = self.item_of(after, key)
        if marks:
            put = Put(item=item, **known)
            return self.table.transact(PART, [put, *marks])
        tried = self.table.try_put(PART, item, **known, again=True)
        return tried.done or tried.item.get("version") == item["version"]

    def mark(self, name: str) -> Put:
        """Return what lists a name as open."""
        pk, sk = self.open_key(name)
        return Put(item={"pk": pk, "sk": sk})

    def unmark(self, name: str) -> Delete:
        """Return what lists a name no longer."""
        return Delete(key=self.open_key(name))

    def unsettled(self, after: str, limit: int, now: float) -> list[Record]:
        """Return records that are unknown, or that a lease has left so."""
        if after and not is_name(after):
            return []
        unknown = (
            record
            for record in self._opened(after)
            if _machine.as_of(record, now).state == "unknown"
        )
        return [*islice(unknown, limit)]

    def all(self, after: str, limit: int) -> list[Record]:
        """Return records of every state, in the order of their ids."""
        if after and not is_name(after):
            return []
        items = self._listed(("job", "open"), after)
        records = (record_of(item) for item in items if "state" in item)
        return [*islice(records, limit)]

    def note_proof(self, sent_at: float) -> None:
        """Note that an event of mail that was sent then has arrived."""
        minute = int(sent_at // MINUTE_S)
        noted = self.proofs.get(minute)
        if noted is not None and sent_at < noted + PROOF_EVERY_S:
            return
        ahead_s = max(sent_at - self.table.wall(), 0.0)
        keep_s = PROOF_KEEP_MINUTES * MINUTE_S
        update = "SET #latest = :latest, #ttl = :ttl"
        self.table.update(
            PART,
            self._proof_key(minute),
            update,
            condition=_LATER,
            names=names_in(update, _LATER),
            values={
                ":latest": sent_at,
                ":ttl": ttl_after(self.table, ahead_s + keep_s),
            },
            again=True,
        )
        self.proofs[minute] = sent_at
        for old in sorted(self.proofs.copy())[:-_REMEMBERED]:
            self.proofs.pop(old, None)

    def has_proof(self, since: float, until: float) -> bool:
        """Whether an event of mail that was sent meanwhile has arrived."""
        minutes = range(int(since // MINUTE_S), int(until // MINUTE_S) + 1)
        keys = [self._proof_key(minute) for minute in minutes]
        proofs = self.table.get_many(PART, keys).values()
        return any(float(proof["latest"]) >= since for proof in proofs)

    def purge(self, now: float, limit: int | None = None) -> int:  # noqa: ARG002  # of all rows
        """Forget nothing: DynamoDB deletes what has expired."""
        return 0

    def item_of(self, record: Record, key: Key) -> Item:
        """Return the item that holds *record*, with a version of its own."""
        item = {
            **dict(zip(("pk", "sk"), key, strict=True)),
            **version(),
            "state": record.state,
            "owner": record.owner,
            "attempt": record.attempt,
            "keyed": record.keyed,
            "payload": record.payload,
            "unsure": record.unsure,
            "reason": record.reason,
            "began": record.began_wall,
            "lease_s": record.lease_s,
            "lease_ends": record.lease_ends,
            "recipients": record.recipients,
            "tagged": record.tagged,
        }
        rare = {
            "submitted": record.submitted_wall,
            "left_out": maps_of(record.left_out),
            "sent": map_of(record.sent),
            "others": [*record.others] or None,
            "refused": map_of(record.refused),
            "expires": record.expires,
        }
        if record.expires is not None:
            left_s = record.expires - self.table.now()
            item["ttl"] = ttl_after(self.table, left_s)
        item.update((n, v) for n, v in rare.items() if v is not None)
        return item

    def _marks(
        self, name: str, before: Record | None, after: Record | None
    ) -> list[Write]:
        was_open, is_open = _is_open(before), _is_open(after)
        if is_open and not was_open:
            return [self.mark(name)]
        if was_open and not is_open:
            return [self.unmark(name)]
        return []

    def _opened(self, after: str) -> Iterator[Record]:
        """Yield the records that are open, in the order of their names."""
        listed = self._listed(("open",), after)
        while items := [*islice(listed, _AT_ONCE)]:
            marks = [i["sk"] for i in items if "state" not in i]
            jobs = self.table.get_many(PART, [*map(self.job_key, marks)])
            for item in items:
                job = jobs.get(self.job_key(item["sk"]), item)
                if "state" in job:  # else it was settled meanwhile
                    yield record_of(job)

    def _listed(self, kinds: Sequence[str], after: str) -> Iterator[Item]:
        """Yield items of some kinds, in the order of their names."""
        partitions = [
            partition(kind, self.namespace, shard)
            for kind in kinds
            for shard in SHARDS
        ]
        return merge(
            *(all_after(self.table, PART, pk, after) for pk in partitions),
            key=itemgetter("sk"),
        )

    def _open_pk(self, shard: str) -> str:
        return partition("open", self.namespace, shard)

    def _proof_key(self, minute: int) -> Key:
        sk = str(minute)
        return partition("proof", self.namespace, digest(sk)[:4]), sk


def record_of(item: Item) -> Record:
    """
    Return the record that *item* holds.

    Raises:
        StoreError: It is none: somebody else has written there.
    """
    try:
        return _record(item)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise not_ours(PART) from None


def map_of(value: Sent | Refused | None) -> Item | None:
    """Return the fields of *value*, None as it is."""
    if value is None:
        return None
    return {name: getattr(value, name) for name in _NAMES[type(value)]}


def maps_of(left_out: Sequence[LeftOut]) -> list[Item] | None:
    """Return the fields of who was left out, None if nobody was."""
    names = _NAMES[LeftOut]
    return [
        {name: getattr(one, name) for name in names} for one in left_out
    ] or None


def is_name(name: str) -> bool:
    """Whether DynamoDB can hold *name* as a key."""
    try:
        return 0 < len(name.encode()) <= _NAME_MAX_BYTES
    except UnicodeEncodeError:
        return False


def no_item_takes_it() -> StoreError:
    """Return what to raise for a name that DynamoDB cannot hold."""
    return StoreError(
        PART,
        "dynamodb",
        "the name of the record is none that DynamoDB takes: empty, longer"
        f" than {_NAME_MAX_BYTES} bytes, or with a lone surrogate",
    )


def _is_open(record: Record | None) -> bool:
    """Whether its outcome is unknown, or may come to be by itself."""
    if record is None:
        return False
    return record.state in {"submitting", "unknown"} or (
        record.state == "reserved" and record.unsure > 0
    )


def _record(item: Item) -> Record:
    state = item["state"]
    if state not in _STATES:
        raise ValueError(state)
    submitted, expires = item.get("submitted"), item.get("expires")
    sent, refused = item.get("sent"), item.get("refused")
    return Record(
        id=item["sk"],
        state=state,
        owner=item["owner"],
        attempt=int(item["attempt"]),
        keyed=bool(item["keyed"]),
        payload=item["payload"],
        unsure=int(item["unsure"]),
        reason=item["reason"],
        began_wall=float(item["began"]),
        submitted_wall=None if submitted is None else float(submitted),
        lease_s=float(item["lease_s"]),
        lease_ends=float(item["lease_ends"]),
        expires=None if expires is None else float(expires),
        recipients=int(item["recipients"]),
        tagged=bool(item["tagged"]),
        left_out=tuple(_value(LeftOut, v) for v in item.get("left_out", ())),
        sent=None if sent is None else _value(Sent, sent),
        others=tuple(item.get("others", ())),
        refused=None if refused is None else _value(Refused, refused),
    )


def _value(kind: type[T], given: dict[str, Any]) -> T:
    known = _NAMES[kind]
    return kind(**{n: value for n, value in given.items() if n in known})
