"""
Records of the ledger as texts, of which each is a key of Redis.

A record is lines, so that scripts read the few that they need without a
reader of JSON, which would round numbers. What is text stands in JSON. A
reader takes the lines and names that it knows: a newer version of this
library may have written more of them.
"""

from __future__ import annotations

import heapq
import json
from typing import TYPE_CHECKING, Any, Final

import attrs

from safeses._job import Record
from safeses.errors import StoreError
from safeses.ledger import _machine
from safeses.ledger._json import (
    json_of,
    json_of_each,
    json_of_others,
    json_of_text,
    left_out_of,
    others_of,
    refused_of,
    sent_of,
    state_of,
)
from safeses.ledger._rows import MINUTE_S, PROOF_KEEP_MINUTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from safeses.redis._connection import Server

PART: Final = "ledger"
# What no page needs, and what Redis takes as a number.
LIMIT_MAX: Final = 2**31
_READ_AT_ONCE: Final = 1_000
_LINES: Final = 18


@attrs.define(eq=False)
class RedisRows:
    """
    Records, each read and replaced by itself.

    Nobody is kept away in between: a swap says whether the record is still
    as it was read.

    Attributes:
        server: Where they are.
        namespace: Whose events prove that events arrive.
        checks: Whether a server that has lost its data is refused.
        now: The time of the server when a record was read last.
    """

    server: Server
    namespace: str
    checks: bool = True
    now: float = 0.0
    # As they were read, by name.
    _texts: dict[str, bytes] = attrs.field(factory=dict, init=False)

    def get(self, name: str) -> Record | None:
        """Return the record of a job."""
        answer = self.server.run(
            PART,
            "ledger_get" if self.checks else "ledger_read",
            (self.job(name),),
            again=True,
        )
        return self.take(name, answer)

    def take(self, name: str, answer: Any) -> Record | None:
        """Return the record that a script has answered."""
        text, now = answer
        self.now = float(now)
        self._texts[name] = text or b""
        return None if text is None else record_of(name, text)

    def swap(
        self, name: str, before: Record | None, after: Record | None
    ) -> bool:
        """Replace the record, unless it is not *before* any more."""
        known = b"" if before is None else self._texts[name]
        text = b"" if after is None else text_of(after)
        done = self.server.run(
            PART,
            "ledger_swap",
            (self.job(name), self.open_jobs()),
            (id_of(name), known, text),
            again=True,
        )
        return bool(done)

    def unsettled(self, after: str, limit: int, now: float) -> list[Record]:
        """Return records that are unknown, or that a lease has left so."""
        found: list[Record] = []
        limit = min(limit, LIMIT_MAX)
        begin = b"(" + id_of(after) if after else b"-"
        # Many may be in flight, and be none of them.
        size = max(limit, _READ_AT_ONCE)
        while len(found) < limit:
            ids = self.server.run(
                PART,
                "ledger_open",
                (self.open_jobs(),),
                (begin, size),
                again=True,
            )
            found += [
                record
                for record in self._all(map(name_of, ids))
                if _machine.as_of(record, now).state == "unknown"
            ]
            if len(ids) < size:
                break
            begin = b"(" + ids[-1]
        return found[:limit]

    def all(self, after: str, limit: int) -> list[Record]:
        """
        Return records of every state, in the order of their ids.

        No list of them is kept, so each call goes through all keys; `each`
        does so once for all records.
        """
        names: set[str] = set()
        for keys in self.server.scan(PART, "job", ""):
            names.update(keys.values())
        behind = (name for name in names if name > after)
        return self._all(heapq.nsmallest(min(limit, len(names)), behind))

    def each(self) -> Iterator[list[Record]]:
        """
        Yield records of every state, some at a time, in one pass.

        They are in no order, and one may come twice. Who is there all the
        while comes.
        """
        for keys in self.server.scan(PART, "job", ""):
            yield self._all(keys.values())

    def note_proof(self, sent_at: float) -> None:
        """Note that an event of mail that was sent then has arrived."""
        self.server.run(
            PART,
            "ledger_note_proof",
            (self.proofs(),),
            proof_of(sent_at),
            again=True,
        )

    def has_proof(self, since: float, until: float) -> bool:
        """Whether an event of mail that was sent meanwhile has arrived."""
        end = (until // MINUTE_S + 1) * MINUTE_S
        number = self.server.ask(
            PART, "ZCOUNT", self.proofs(), repr(since), f"({end!r}", again=True
        )
        return int(number) > 0

    def purge(self, now: float, limit: int | None = None) -> int:  # noqa: ARG002  # as of a protocol
        """Nothing: what has expired goes by itself."""
        return 0

    def job(self, name: str) -> str:
        """Return the key of a record."""
        return self.server.key("job", name)

    def open_jobs(self) -> str:
        """Return the key of what is open, in the order of the ids."""
        return self.server.key("open")

    def proofs(self) -> str:
        """Return the key of what proves that events arrive."""
        return self.server.key("proofs", self.namespace)

    def _all(self, names: Iterable[str]) -> list[Record]:
        names = list(names)
        if not names:
            return []
        keys = [self.job(name) for name in names]
        texts = self.server.ask(PART, "MGET", *keys, again=True)
        return [
            record_of(name, text)
            for name, text in zip(names, texts, strict=True)
            if text is not None
        ]


def id_of(name: str) -> bytes:
    """Return the id of a job as bytes; their order is that of texts."""
    return name.encode("utf-8", "surrogatepass")


def name_of(data: bytes) -> str:
    """Return what `id_of` was given."""
    return data.decode("utf-8", "surrogatepass")


def proof_of(sent_at: float) -> tuple[int, str, int]:
    """Return the arguments with which scripts note a proof."""
    return int(sent_at // MINUTE_S), repr(sent_at), PROOF_KEEP_MINUTES


def text_of(record: Record) -> bytes:
    """Return the lines of *record*, in the order of ``ledger.lua``."""
    lines = (
        record.state,
        json_of_text(record.owner),
        str(record.attempt),
        str(record.unsure),
        str(int(record.keyed)),
        repr(record.lease_s),
        repr(record.lease_ends),
        _number(record.expires),
        repr(record.began_wall),
        _number(record.submitted_wall),
        str(record.recipients),
        json_of_each(record.left_out),
        json_of(record.sent),
        json_of_text(record.payload),
        json_of_text(record.reason),
        str(int(record.tagged)),
        json_of_others(record.others),
        json_of(record.refused),
    )
    return "\n".join(lines).encode("ascii")


def record_of(name: str, text: bytes) -> Record:
    """
    Return the record that *text* holds.

    Raises:
        StoreError: It is none: somebody else has written there.
    """
    try:
        return _record(name, text.decode("ascii").split("\n"))
    except (AttributeError, TypeError, ValueError):
        raise StoreError(
            PART,
            "redis",
            "a record of the ledger is none of this version; install the"
            " newest safeses",
        ) from None


def owner_of(owner: str) -> str:
    """Return the line of an owner, for scripts to compare."""
    return json_of_text(owner)


def _number(value: float | None) -> str:
    return "" if value is None else repr(value)


def _record(name: str, lines: list[str]) -> Record:
    if len(lines) < _LINES:
        raise ValueError(len(lines))
    return Record(
        id=name,
        state=state_of(lines[0]),
        owner=json.loads(lines[1]),
        attempt=int(lines[2]),
        unsure=int(lines[3]),
        keyed=lines[4] == "1",
        lease_s=float(lines[5]),
        lease_ends=float(lines[6]),
        expires=float(lines[7]) if lines[7] else None,
        began_wall=float(lines[8]),
        submitted_wall=float(lines[9]) if lines[9] else None,
        recipients=int(lines[10]),
        left_out=left_out_of(lines[11]),
        sent=sent_of(lines[12]),
        payload=json.loads(lines[13]),
        reason=json.loads(lines[14]),
        tagged=lines[15] == "1",
        others=others_of(lines[16]),
        refused=refused_of(lines[17]),
    )
