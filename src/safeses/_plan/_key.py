"""
What a repeated job is told.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import attrs

from safeses import _payload
from safeses._findings import Dropped
from safeses._job import LeftOut
from safeses._mail import _address
from safeses._values import Receipt
from safeses.errors import (
    IdempotencyConflictError,
    OutcomeUnknownError,
    RejectedError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from safeses._job import Job, Record, Sent


@attrs.define(kw_only=True, eq=False)
class Key:
    """
    The job that a caller named by an idempotency key.

    Attributes:
        key: The key itself.
        job: What the ledger knows it by.
        owner: Names this call of all that have the key.
        tag: The correlation tag of the job.
        is_tagged: Whether the mail carries it.
        everybody: Reads the recipients out of the message.
    """

    key: str = attrs.field(repr=False)  # it may be made of an address
    job: Job
    owner: str
    tag: str
    is_tagged: bool = True
    everybody: Callable[[], tuple[str, ...]]

    @property
    def carried_tag(self) -> str:
        """The tag that can be found again, ``""`` if the mail has none."""
        return self.tag if self.is_tagged else ""

    def check(self, record: Record) -> None:
        """
        Make sure that the job is about this message.

        Raises:
            IdempotencyConflictError: It is about another one.
        """
        if record.state == "deferred" or not self.job.same_payload:
            return
        if record.state == "reserved" and not record.unsure:
            return  # nothing has left: whoever holds it may yet let it go
        differs = _payload.differs(record.payload, self.job.payload)
        if differs:
            raise IdempotencyConflictError(self.key, differs)

    def receipt(self, record: Record, sent: Sent) -> Receipt:
        """Return the receipt of who was first."""
        everybody = self.everybody()
        left_out = {gone.position: gone for gone in record.left_out}
        if len(everybody) != record.recipients or not _payload.same_people(
            record.payload, self.job.payload
        ):  # of a mail written anew
            everybody = ()
        ranks = _ranks(everybody) if left_out else {}
        return Receipt(
            message_id=sent.message_id,
            request_id=sent.request_id,
            tag=self.carried_tag,
            accepted=tuple(
                address
                for address in everybody
                if ranks.get(address) not in left_out
            ),
            dropped=tuple(
                _dropped(address, left_out[ranks[address]])
                for address in everybody
                if ranks.get(address) in left_out
            ),
            attempts=sent.attempts,
            waited_s=sent.waited_s,
            sent_at=_at(sent.sent_at),
            replayed=True,
        )

    def people(self, record: Record) -> tuple[int, frozenset[int]] | None:
        """Return how many recipients a job had, and who was left out."""
        if not _payload.same_people(record.payload, self.job.payload):
            return None
        gone = frozenset(gone.position for gone in record.left_out)
        return record.recipients, gone

    def refusal(self, record: Record) -> RejectedError:
        """Return the error of who was first."""
        refused = record.refused
        if refused is None:
            return RejectedError("MessageRejected", 400)
        return RejectedError(
            refused.code, refused.status, refused.detail, refused.request_id
        )

    def unknown(self, reason: str) -> OutcomeUnknownError:
        """Return that nobody knows."""
        return OutcomeUnknownError(
            self.carried_tag, reason or "an earlier attempt got no answer"
        )


def positions(
    everybody: tuple[str, ...], dropped: Iterable[Dropped]
) -> tuple[LeftOut, ...]:
    """Return who was left out, without the addresses."""
    gone = {one.address: one for one in dropped}
    if not gone:
        return ()
    return tuple(
        LeftOut(
            position=position,
            reason=gone[address].reason,
            since=_s(gone[address].since),
            source=gone[address].source,
        )
        for address, position in _ranks(everybody).items()
        if address in gone
    )


def _ranks(everybody: tuple[str, ...]) -> dict[str, int]:
    """
    Number the recipients by their addresses.

    Not by their place: in whatever order they are named, it is the same
    mail.
    """
    bare = {a: _address.split(a)[1].strip().lower() for a in everybody}
    order = sorted(bare, key=lambda address: (bare[address], address))
    return {address: number for number, address in enumerate(order)}


def _dropped(address: str, gone: LeftOut) -> Dropped:
    return Dropped(
        address=address,
        reason=gone.reason,
        since=None if gone.since is None else _at(gone.since),
        source=gone.source,
    )


def _at(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.timezone.utc)


def _s(at: dt.datetime | None) -> float | None:
    return None if at is None else at.timestamp()
