"""
What a ledger remembers of one message: a job of the caller's.

With an idempotency key the job has the key's name, so that whoever
repeats it finds what became of it. Without one it is named by the
correlation tag, and forgotten as soon as its outcome is known.
"""

from __future__ import annotations

import math
from typing import Literal

import attrs

JobState = Literal[
    "reserved", "submitting", "accepted", "rejected", "deferred", "unknown"
]
OnUnknown = Literal["hold", "reconcile", "resend"]


@attrs.frozen(kw_only=True)
class Job:
    """
    What a caller wants done once.

    Attributes:
        id: Its name in the ledger: 64 hex digits made of the key.
        payload: The fingerprint of what is to be sent.
        on_unknown: What to do if an earlier outcome is unknown.
        grace_s: How long after an attempt's lease its events may still
            come, for ``on_unknown="reconcile"``.
        same_payload: Whether only this payload may be sent by this name.
        tagged: Whether the mail carries the tag that events repeat.
    """

    id: str
    payload: str = ""
    on_unknown: OnUnknown = "hold"
    grace_s: float = math.inf
    same_payload: bool = True
    tagged: bool = True


@attrs.frozen(kw_only=True)
class LeftOut:
    """
    A recipient who was left out, without the address.

    Attributes:
        position: Its place among the recipients in the order of their
            bare addresses, from 0.
        reason: Why, such as ``"bounce"``.
        since: Seconds since 1970, None if unknown.
        source: Who says so.
    """

    position: int
    reason: str
    since: float | None = None
    source: str = ""


@attrs.frozen(kw_only=True)
class Sent:
    """
    What is kept of a message that SES has accepted.

    Attributes:
        message_id: SES's id of it; ``""`` if a person only knows that it
            was sent.
        request_id: The id of the call, ``""`` if its answer was lost.
        sent_at: When, in seconds since 1970; 0 is when the attempt began.
        attempts: How many calls it took.
        waited_s: Seconds spent waiting.
    """

    message_id: str
    request_id: str = ""
    sent_at: float = 0.0
    attempts: int = 1
    waited_s: float = 0.0


@attrs.frozen(kw_only=True)
class Refused:
    """
    How SES refused a message for good; see `safeses.RejectedError`.

    Attributes:
        code: SES's error code.
        status: The HTTP status.
        detail: SES's text with local parts of addresses hidden.
        request_id: The id of the call.
    """

    code: str
    status: int
    detail: str = ""
    request_id: str = ""


# As in `_outcome`: made for every send, hence not frozen. Nobody changes
# one all the same: a ledger keeps what was, until it keeps what is.
@attrs.define(kw_only=True, eq=True)
class Record:
    """
    One job as the ledger has it. It holds neither addresses nor texts.

    Times are seconds of the ledger's own scale, unless they say wall.

    Attributes:
        id: The name of the job; of one without a key, of its tag.
        state: How far it is.
        owner: The call that holds it, or held it last.
        attempt: Which attempt of the job it is, from 1.
        keyed: Whether a caller gave it a key.
        payload: The fingerprint of what was sent, ``""`` without a key.
        unsure: How many attempts ended with an unknown outcome.
        reason: Why the outcome is unknown.
        began_wall: When it was first claimed, seconds since 1970.
        submitted_wall: When the first byte of the last attempt was about
            to leave; None before.
        lease_s: How long the lease was when it was given.
        lease_ends: When whoever holds the job must have ended.
        expires: When it may be forgotten; None is never.
        recipients: How many recipients the message had.
        tagged: Whether every attempt carried the tag that events repeat.
        left_out: Those of them who were left out.
        sent: How it was accepted.
        others: Further ids of SES: each is one more copy that it took.
        refused: How it was refused for good.
    """

    id: str
    state: JobState
    owner: str
    attempt: int = 1
    keyed: bool = True
    payload: str = ""
    unsure: int = 0
    reason: str = ""
    began_wall: float = 0.0
    submitted_wall: float | None = None
    lease_s: float = 0.0
    lease_ends: float = 0.0
    expires: float | None = None
    recipients: int = 0
    tagged: bool = True
    left_out: tuple[LeftOut, ...] = ()
    sent: Sent | None = None
    others: tuple[str, ...] = ()
    refused: Refused | None = None


@attrs.define(kw_only=True, eq=False)
class Claimed:
    """
    The job is the caller's until its lease ends.

    Attributes:
        attempt: Which attempt of the job this is, from 1.
        is_unsure: Whether an earlier attempt ended unknown.
    """

    attempt: int
    is_unsure: bool = False


@attrs.define(kw_only=True, eq=False)
class Found:
    """
    What the ledger knows of a job, which keeps it from being claimed.

    Attributes:
        record: How far it is; a lease that has ended counts.
        retry_after_s: Seconds until its lease ends, if somebody holds it.
    """

    record: Record
    retry_after_s: float = 0.0

    @property
    def is_in_flight(self) -> bool:
        """Whether another call holds the job at this moment."""
        return self.record.state in {"reserved", "submitting"}


@attrs.frozen(kw_only=True)
class RecordPage:
    """
    Some of the records of a list.

    Attributes:
        records: In the order of their ids.
        next: Where the following page begins; ``""`` after the last one.
    """

    records: tuple[Record, ...]
    next: str = ""
