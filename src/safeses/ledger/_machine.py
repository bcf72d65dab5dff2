"""
What may become of a job: the states of a ledger, as pure functions.

.. code-block:: text

    nothing --claim--> reserved --submit--> submitting --settle--+
       without a key: ---------submit-----> submitting --settle--+
                                                                 |
         accepted   SES has it: the answer to every repetition <-+
         rejected   SES never takes it: the same refusal       <-+
         deferred   certainly not sent: free to be claimed     <-+
         unknown    perhaps sent: kept until somebody knows    <-+

A lease that ends in ``reserved`` frees the job, as no byte has left; in
``submitting`` it leaves the outcome unknown. Every write after a claim is
fenced: it counts only for the owner and the attempt that made the claim.
One thing is never refused, from whomever it comes: that SES has accepted
the message. The first such word is the answer; the ids of further copies
are kept beside it.

Once an attempt has ended unknown, no later refusal can say that nothing
was sent: the outcome of the job stays unknown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from safeses import _payload
from safeses._job import Found, Job, Record, Refused, Sent
from safeses._outcome import Accepted, Deferred, Rejected, Unknown
from safeses.errors import RejectedError

if TYPE_CHECKING:
    from safeses._outcome import Claim, Outcome

DAY_S: Final = 86_400.0
# SQS keeps messages for 14 days and hands a job over again as late.
KEEP_S: Final = 14 * DAY_S
DEFERRED_KEEP_S: Final = DAY_S
ENDED_REASON: Final = "whoever sent it has ended, or stalled"
UNRECORDED_REASON: Final = "how an attempt ended could not be recorded"
IN_FLIGHT: Final = frozenset({"reserved", "submitting"})


def as_of(record: Record, now: float) -> Record:
    """Return *record* as it stands at *now*: a lease may have ended."""
    if record.state not in IN_FLIGHT:
        return record
    # No further ahead than it was given: time was set back meanwhile.
    ends = min(record.lease_ends, now + record.lease_s)
    if now < ends:
        if ends == record.lease_ends:
            return record
        return attrs.evolve(record, lease_ends=ends)
    if record.state == "reserved":
        return _free(record, ends)
    return _unknown(record, ENDED_REASON)


def found(record: Record, now: float) -> Found:
    """Return what *record*, as of now, tells a caller."""
    in_flight = record.state in IN_FLIGHT
    left_s = record.lease_ends - now if in_flight else 0.0
    return Found(record=record, retry_after_s=max(0.0, left_s))


def may_claim(
    record: Record | None, job: Job, now: float, *, is_proven: bool
) -> bool:
    """
    Tell whether *job* may be claimed.

    Args:
        record: What is known of it, as of now.
        job: Who asks, and what for.
        now: The time.
        is_proven: Whether events of mail that was sent shortly after its
            last attempt have arrived.
    """
    if record is None or record.state == "deferred":
        return True
    if record.state != "unknown" or differs(record, job):
        return False
    if job.on_unknown == "reconcile":
        # No event could have told of a mail without a tag.
        return (
            record.tagged
            and is_proven
            and now >= record.lease_ends + job.grace_s
        )
    return job.on_unknown == "resend"


def differs(record: Record, job: Job) -> tuple[str, ...]:
    """Return what is not the same in *job* as when it was claimed."""
    if not job.same_payload:
        return ()
    return _payload.differs(record.payload, job.payload)


def claim(  # noqa: PLR0917  # the facts of one moment
    record: Record | None,
    job: Job,
    owner: str,
    lease_s: float,
    now: float,
    wall: float,
) -> Record:
    """Return the job as *owner* holds it; it may be claimed."""
    lease_ends = now + lease_s
    # Whoever claims may end before the first byte, and never be seen again.
    expires = lease_ends + DEFERRED_KEEP_S
    if record is None:
        return Record(
            id=job.id,
            state="reserved",
            owner=owner,
            payload=job.payload,
            began_wall=wall,
            lease_s=lease_s,
            lease_ends=lease_ends,
            expires=expires,
            tagged=job.tagged,
        )
    return attrs.evolve(
        record,
        state="reserved",
        owner=owner,
        attempt=record.attempt + 1,
        # What was not sent may be sent otherwise.
        payload=job.payload if not record.unsure else record.payload,
        submitted_wall=record.submitted_wall if record.unsure else None,
        lease_s=lease_s,
        lease_ends=lease_ends,
        expires=None if record.unsure else expires,
        tagged=job.tagged and (record.tagged or not record.unsure),
    )


def is_fenced(record: Record | None, claim: Claim) -> bool:
    """Whether somebody else holds the job, or nobody does."""
    return record is None or not (
        record.owner == claim.owner and record.attempt == claim.attempt
    )


def submit(  # as above
    record: Record | None,
    claim: Claim,
    lease_s: float,
    now: float,
    wall: float,
) -> Record | None:
    """
    Return the job as its first byte is about to leave.

    The claim's lease may have ended: that only lets others claim the job,
    and whoever did is the owner now.

    Returns:
        None if the job is no longer the caller's.
    """
    if claim.job is None:
        return _journalled(record, claim, lease_s, now, wall)
    if record is None or is_fenced(record, claim):
        return None
    if record.state != "reserved":
        return None
    return attrs.evolve(
        record,
        state="submitting",
        submitted_wall=wall,
        lease_s=lease_s,
        lease_ends=now + lease_s,
        recipients=claim.recipients,
        left_out=claim.left_out,
        expires=None,
    )


def settle(
    record: Record | None, claim: Claim, outcome: Outcome, now: float
) -> Record | None:
    """
    Return the job after its attempt came to *outcome*.

    Returns:
        None if nothing is to be kept.
    """
    if isinstance(outcome, Accepted):
        return _settle_accepted(record, claim, outcome, now)
    if record is None:
        return _settle_forgotten(claim, outcome, now)
    if is_fenced(record, claim) or record.state not in IN_FLIGHT:
        return record
    if isinstance(outcome, Unknown):
        return _unknown(record, outcome.error.reason)
    return _settle_not_sent(record, outcome, now)


def accept(record: Record, sent: Sent, now: float) -> Record | None:
    """Return the job after somebody knows that SES has accepted it."""
    if not record.keyed:
        return None
    if not sent.sent_at:  # whoever says so does not know when
        began = record.submitted_wall or record.began_wall
        sent = attrs.evolve(sent, sent_at=began)
    if record.state != "accepted" or record.sent is None:
        return attrs.evolve(
            record, state="accepted", sent=sent, expires=now + KEEP_S
        )
    known = {"", record.sent.message_id, *record.others}
    if sent.message_id in known:
        return record
    if not record.sent.message_id:  # until now, only that it was sent
        return attrs.evolve(record, sent=sent)
    return attrs.evolve(record, others=(*record.others, sent.message_id))


def free(record: Record, now: float) -> Record | None:
    """Return the job after somebody knows that nothing was sent."""
    if not record.keyed:
        return None
    return _free(attrs.evolve(record, unsure=0, refused=None), now)


def _settle_accepted(
    record: Record | None, claim: Claim, accepted: Accepted, now: float
) -> Record | None:
    if claim.job is None:
        return None
    sent = accepted.sent or Sent(
        message_id=accepted.message_id, request_id=accepted.request_id
    )
    if record is None:
        record = _forgotten(claim, claim.job, now)
        record.began_wall = record.submitted_wall = sent.sent_at
    return accept(record, sent, now)


def _settle_forgotten(
    claim: Claim, outcome: Outcome, now: float
) -> Record | None:
    """Note what is unknown; without a key, an event has told meanwhile."""
    if claim.job is None or not isinstance(outcome, Unknown):
        return None
    record = _forgotten(claim, claim.job, now)
    return _unknown(record, outcome.error.reason)


def _settle_not_sent(
    record: Record, outcome: Deferred | Rejected, now: float
) -> Record | None:
    if record.unsure:
        ends = min(record.lease_ends, now)  # of what may have been sent
        return attrs.evolve(record, state="unknown", lease_ends=ends)
    if not record.keyed:
        return None
    refused = _refused(outcome)
    if refused is not None:
        return attrs.evolve(
            record, state="rejected", refused=refused, expires=now + KEEP_S
        )
    return _free(record, now)


def _forgotten(claim: Claim, job: Job, now: float) -> Record:
    """Return what the ledger has forgotten, but not the caller."""
    return Record(
        id=claim.id,
        state="submitting",
        owner=claim.owner,
        attempt=claim.attempt,
        payload=job.payload,
        lease_ends=now,
        recipients=claim.recipients,
        left_out=claim.left_out,
    )


def _journalled(  # as above
    record: Record | None,
    claim: Claim,
    lease_s: float,
    now: float,
    wall: float,
) -> Record:
    """Note a message without a key; nobody else has its name."""
    unsure = record.unsure if record else 0
    reason = record.reason if record else ""
    if claim.is_unsure and not unsure:
        unsure, reason = 1, UNRECORDED_REASON
    return Record(
        id=claim.id,
        state="submitting",
        owner=claim.owner,
        attempt=claim.attempt,
        keyed=False,
        unsure=unsure,
        reason=reason,
        began_wall=record.began_wall if record else wall,
        submitted_wall=wall,
        lease_s=lease_s,
        lease_ends=now + lease_s,
        recipients=claim.recipients,
        left_out=claim.left_out,
    )


def _unknown(record: Record, reason: str) -> Record:
    return attrs.evolve(
        record,
        state="unknown",
        unsure=record.unsure + 1,
        reason=reason,
        expires=None,
    )


def _free(record: Record, now: float) -> Record:
    """Nothing has left: the job is nobody's, unless it is still unsure."""
    if record.unsure:
        return attrs.evolve(record, state="unknown", expires=None)
    return attrs.evolve(
        record, state="deferred", expires=now + DEFERRED_KEEP_S
    )


def _refused(outcome: Deferred | Rejected) -> Refused | None:
    """Return what to tell every repetition, if SES will never take it."""
    if not (isinstance(outcome, Rejected) and outcome.final):
        return None
    error = outcome.error
    if not isinstance(error, RejectedError):
        return None
    return Refused(
        code=error.code,
        status=error.status,
        detail=error.detail,
        request_id=error.request_id,
    )
