"""What a client does with a ledger, in few words."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, ClassVar, Final

import pytest

from safeses._job import Claimed, Found, Job, LeftOut, Record, Sent
from safeses._outcome import Accepted, Claim, Deferred, Rejected, Unknown
from safeses.errors import OutcomeUnknownError, RejectedError
from safeses.testing._clock import FakeClock

if TYPE_CHECKING:
    from safeses._job import OnUnknown
    from safeses._outcome import Outcome
    from safeses.typing import Ledger

LEASE_S: Final = 30.0
GRACE_S: Final = 900.0
MINUTE_S: Final = 60.0
DAY_S: Final = 86_400.0
# Shorter than what is told apart here, longer than a rounding error. A
# power of two: what it is added to stays exact, however late it is.
MOMENT_S: Final = 1 / 128

PAYLOAD: Final = f"1 {'0123456789abcdef' * 4} html=0a1b2c3d"
OTHER_PAYLOAD: Final = f"1 {'fedcba9876543210' * 4} html=d3c2b1a0"

DEFERRED: Final = Deferred(by="rate")
REJECTED: Final = Rejected(error=RejectedError("TooBig", 400))
FINAL: Final = Rejected(
    error=RejectedError("MessageRejected", 400, "it is spam", "r-9"),
    final=True,
)
UNKNOWN: Final = Unknown(error=OutcomeUnknownError("", "no answer in 10 s"))
REFUSALS: Final = (DEFERRED, REJECTED, FINAL)

# Claims for one job that race.


def sent(message_id: str, sent_at: float = 0.0) -> Sent:
    """Return what an event says of a message that was accepted."""
    return Sent(message_id=message_id, sent_at=sent_at)


def accepted(message_id: str) -> Accepted:
    """Return the outcome of an attempt that SES has accepted."""
    return Accepted(message_id=message_id, sent=sent(message_id))


def ids(record: Record | None) -> list[str]:
    """Return every message id on record, the answer first."""
    if record is None or record.sent is None:
        return []
    return [record.sent.message_id, *record.others]


class Desk:
    """
    Calls about one job that nobody else knows, or without a key.

    Attributes:
        ledger: The one under test.
        name: The id of the job.
    """

    def __init__(self, ledger: Ledger, name: str = "") -> None:
        self.ledger = ledger
        self.name = name or 2 * uuid.uuid4().hex

    def other(self) -> Desk:
        """Return the same for another job."""
        return Desk(self.ledger)

    def job(
        self,
        on_unknown: OnUnknown = "hold",
        payload: str = PAYLOAD,
        *,
        same_payload: bool = True,
    ) -> Job:
        """Return what is to be done."""
        return Job(
            id=self.name,
            payload=payload,
            on_unknown=on_unknown,
            grace_s=GRACE_S,
            same_payload=same_payload,
        )

    def ask(
        self,
        owner: str = "one",
        job: Job | None = None,
        lease_s: float = LEASE_S,
    ) -> Claim | Found:
        """Ask for the job; return the claim, or what keeps it."""
        job = job or self.job()
        answer = self.ledger.claim(job, owner, lease_s)
        if isinstance(answer, Claimed):
            return self.claim(owner, answer.attempt, job)
        return answer

    def take(self, owner: str = "one", job: Job | None = None) -> Claim:
        """Return the claim for a job that is free."""
        claim = self.ask(owner, job)
        assert isinstance(claim, Claim)
        return claim

    def is_free(self, job: Job | None = None) -> bool:
        """Try to claim the job."""
        return isinstance(self.ask("whoever asks", job), Claim)

    def submit(self, claim: Claim, lease_s: float = LEASE_S) -> Claim:
        """Submit the claim, and return it."""
        self.ledger.submit(claim, lease_s)
        return claim

    def send(self, owner: str = "one", job: Job | None = None) -> Claim:
        """Return a claim that is being sent."""
        return self.submit(self.take(owner, job))

    def end(self, outcome: Outcome, owner: str = "one") -> Claim:
        """Return a claim that came to *outcome*."""
        claim = self.send(owner)
        self.ledger.settle(claim, outcome)
        return claim

    def claim(self, owner: str, attempt: int, job: Job | None) -> Claim:
        """Return a claim, whether or not it was ever given."""
        return Claim(
            tag=f"{self.name}-0123456789abcdef",
            scope="123456789012/eu-west-1",
            cost=1,
            quota_cost=1,
            owner=owner,
            attempt=attempt,
            job=job,
            recipients=3,
            left_out=(LeftOut(position=1, reason="bounce"),),
        )

    def keyless(self, attempt: int = 1) -> Claim:
        """Return the claim of a message without a key."""
        return self.claim("one", attempt, None)

    def found(self) -> Found | None:
        """Return what is known of the job."""
        return self.ledger.look_up(self.name)

    def record(self) -> Record | None:
        """Return how far the job is."""
        found = self.found()
        return None if found is None else found.record

    def state(self) -> str:
        """Return the state of the job, ``""`` if nothing is known."""
        record = self.record()
        return "" if record is None else record.state

    def ids(self) -> list[str]:
        """Return every message id of the job, the answer first."""
        return ids(self.record())

    def is_unsettled(self) -> bool:
        """Tell whether the job is listed as unknown."""
        return self.name in unsettled(self.ledger)


def unsettled(ledger: Ledger, limit: int = 1_000) -> list[str]:
    """Return the ids of all that is unknown."""
    names: list[str] = []
    after = ""
    for _ in range(10_000):
        page = ledger.unsettled(after, limit)
        assert len(page.records) <= limit
        names.extend(record.id for record in page.records)
        after = page.next
        if not after:
            return names
    msg = "the pages have no end"
    raise AssertionError(msg)


class LedgerFixtures:
    """Time, a job, and what a kind of ledger may do differently."""

    forks_in_use: ClassVar[bool] = True

    @pytest.fixture
    def clock(self) -> FakeClock:
        """Return the time that the ledger under test goes by."""
        return FakeClock()

    @pytest.fixture
    def desk(self, ledger: Ledger) -> Desk:
        """Return a job that nobody has claimed."""
        return Desk(ledger)
