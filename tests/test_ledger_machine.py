"""The states of a ledger, as pure functions."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from safeses._outcome import Accepted, Claim, Deferred, Rejected, Unknown
from safeses.errors import (
    AccessDeniedError,
    OutcomeUnknownError,
    RejectedError,
)
from safeses.ledger import Job, Record, Refused, Sent
from safeses.ledger import _machine as machine

DAY_S = 86_400.0
JOB = Job(id="a", payload="p")
CLAIM = Claim(
    tag="a-signature",
    scope="s",
    cost=1,
    quota_cost=1,
    owner="one",
    job=JOB,
    recipients=2,
)
HELD = Record(
    id="a",
    state="reserved",
    owner="one",
    payload="p",
    lease_s=30,
    lease_ends=30,
    expires=30 + DAY_S,
)
SENDING = attrs.evolve(HELD, state="submitting", expires=None)
UNSURE = attrs.evolve(SENDING, unsure=1, reason="stalled")
KNOWN = attrs.evolve(SENDING, state="accepted", sent=Sent(message_id="m-1"))
UNKNOWN = Unknown(error=OutcomeUnknownError("", "no answer"))
FINAL = Rejected(error=RejectedError("TooBig", 400, "d", "r"), final=True)
DEFERRED = Deferred(by="rate")


@pytest.mark.parametrize(
    "record, now, state, unsure",
    [
        (HELD, 29, "reserved", 0),
        (HELD, 30, "deferred", 0),
        (attrs.evolve(HELD, unsure=1), 30, "unknown", 1),
        (SENDING, 29, "submitting", 0),
        (SENDING, 30, "unknown", 1),
        (KNOWN, 1e9, "accepted", 0),
    ],
)
def test_as_of(record: Record, now: float, state: str, unsure: int) -> None:
    """A lease that has ended frees what nobody began, and no more."""
    seen = machine.as_of(record, now)

    assert (state, unsure) == (seen.state, seen.unsure)


def test_as_of_an_earlier_time() -> None:
    """If time was set back, no lease is longer than it was given."""
    seen = machine.as_of(SENDING, -1_000.0)

    assert ("submitting", -970.0) == (seen.state, seen.lease_ends)


def test_abandoned_expires() -> None:
    """An abandoned claim is forgotten a day after its lease, seen or not."""
    claimed = machine.claim(None, JOB, "one", 30, 0, 0)
    seen = [machine.as_of(claimed, now).expires for now in (30, 60)]

    assert [30 + DAY_S] * 3 == [claimed.expires, *seen]


@pytest.mark.parametrize(
    "before, expires, submitted_wall",
    [
        (attrs.evolve(HELD, state="deferred"), 130 + DAY_S, None),
        (attrs.evolve(UNSURE, state="unknown"), None, 7.0),
    ],
)
def test_claim_again(
    before: Record, expires: float | None, submitted_wall: float | None
) -> None:
    """What is perhaps sent keeps its doubt, its payload and its time."""
    other = attrs.evolve(JOB, payload="q")
    record = attrs.evolve(before, submitted_wall=7.0)
    after = machine.claim(record, other, "two", 30, 100, 0)

    assert (
        2,
        "two",
        "p" if before.unsure else "q",
        130,
        expires,
        submitted_wall,
    ) == (
        after.attempt,
        after.owner,
        after.payload,
        after.lease_ends,
        after.expires,
        after.submitted_wall,
    )


@pytest.mark.parametrize("outcome", [UNKNOWN, FINAL, DEFERRED])
def test_unknown_never_expires(
    outcome: Unknown | Rejected | Deferred,
) -> None:
    """However a job became unknown, it has no end."""
    records = [HELD, SENDING] if outcome is UNKNOWN else [UNSURE]
    after = [machine.settle(r, CLAIM, outcome, 10) for r in records]

    assert {("unknown", None)} == {
        (r and r.state, r and r.expires) for r in after
    }


@pytest.mark.parametrize("now, ends", [(10, 10), (50, 30)])
def test_refused_after_unknown(now: float, ends: float) -> None:
    """A refusal ends its own lease, but prolongs no wait for events."""
    after = machine.settle(UNSURE, CLAIM, DEFERRED, now)

    assert after is not None
    assert ("unknown", 1, "stalled", ends) == (
        after.state,
        after.unsure,
        after.reason,
        after.lease_ends,
    )


@pytest.mark.parametrize(
    "outcome, state, refused",
    [
        (
            FINAL,
            "rejected",
            Refused(code="TooBig", status=400, detail="d", request_id="r"),
        ),
        (attrs.evolve(FINAL, final=False), "deferred", None),
        (
            Rejected(error=AccessDeniedError("ses:SendEmail"), final=True),
            "deferred",
            None,
        ),
    ],
)
def test_refused(
    outcome: Rejected, state: str, refused: Refused | None
) -> None:
    """Only what SES says of this very message is said again."""
    after = machine.settle(SENDING, CLAIM, outcome, 10)

    assert after is not None
    assert (state, refused) == (after.state, after.refused)


@pytest.mark.parametrize(
    "first, then, ids",
    [
        ("m-1", "m-1", ["m-1"]),
        ("m-1", "m-2", ["m-1", "m-2"]),
        ("", "m-2", ["m-2"]),
        ("m-1", "", ["m-1"]),
        ("", "", [""]),
    ],
)
def test_accept_twice(first: str, then: str, ids: list[str]) -> None:
    """Another id is another copy; no id at all is not."""
    record: Record | None = SENDING
    for message_id in (first, then):
        assert record is not None
        record = machine.accept(record, Sent(message_id=message_id), 10)

    assert record is not None
    assert record.sent is not None
    assert ids == [record.sent.message_id, *record.others]


@pytest.mark.parametrize("record", [HELD, SENDING, UNSURE, KNOWN])
@pytest.mark.parametrize("outcome", [UNKNOWN, FINAL, DEFERRED])
@pytest.mark.parametrize("change", [{"owner": "two"}, {"attempt": 2}])
def test_fenced(
    record: Record,
    outcome: Unknown | Rejected | Deferred,
    change: dict[str, Any],
) -> None:
    """What comes from anybody else changes nothing."""
    claim = attrs.evolve(CLAIM, **change)

    assert record is machine.settle(record, claim, outcome, 10)


@pytest.mark.parametrize(
    "outcome, state",
    [
        (Accepted(message_id="m-1"), "accepted"),
        (UNKNOWN, "unknown"),
        (DEFERRED, None),
        (FINAL, None),
    ],
)
def test_forgotten(
    outcome: Accepted | Unknown | Rejected | Deferred, state: str | None
) -> None:
    """What a ledger has lost is put back if it may have been sent."""
    keyed = machine.settle(None, CLAIM, outcome, 10)
    keyless = machine.settle(None, attrs.evolve(CLAIM, job=None), outcome, 10)

    assert (state, None) == (keyed and keyed.state, keyless)


@pytest.mark.parametrize("record", [None, SENDING, UNSURE, KNOWN])
def test_no_submit(record: Record | None) -> None:
    """Only what is reserved is submitted."""
    assert None is machine.submit(record, CLAIM, 30, 10, 0)
