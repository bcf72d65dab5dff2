"""What users do with a ledger: settle, list, resolve, purge."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from tests.keyed import outcome_of

from safeses import ConfigurationError, InFlightError, StoreError, UnknownSend
from safeses._outcome import (
    Accepted,
    Claim,
    Deferred,
    Outcome,
    Rejected,
    Unknown,
)
from safeses._payload import job_id
from safeses.errors import OutcomeUnknownError, RejectedError
from safeses.ledger import Claimed, Job, MemoryLedger, Outcomes, RecordPage
from safeses.testing import FakeClock

if TYPE_CHECKING:
    from safeses.ledger import Record

KEY = "order-77/receipt"
LOST = Unknown(error=OutcomeUnknownError("", "no answer within 10 s"))
START = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)
DAY_S = 86_400.0


class _Unsure(dt.tzinfo):
    """A time zone that knows no offset."""

    def utcoffset(self, _: dt.datetime | None) -> None:
        """Say that nobody knows."""

    dst = utcoffset

    def tzname(self, _: dt.datetime | None) -> str:
        """Return what it is called."""
        return "unsure"


def _id(key: str) -> str:
    return job_id("safeses", key)


class Desk:
    """A ledger, its time, and what users do with it."""

    def __init__(self) -> None:
        """Begin with nothing on record."""
        self.clock = FakeClock()
        self.ledger = MemoryLedger(clock=self.clock)
        self.outcomes = Outcomes(self.ledger, _id, self.clock)

    def begin(self, key: str = KEY) -> Claim:
        """Begin to send what has a key."""
        job = Job(id=_id(key))
        claimed = self.ledger.claim(job, "me", 10.0)
        assert isinstance(claimed, Claimed)
        claim = _claim(job.id, job, claimed.attempt)
        self.ledger.submit(claim, 15.0)
        return claim

    def end(self, key: str = KEY, outcome: Outcome = LOST) -> str:
        """Send what has a key, and return its name."""
        claim = self.begin(key)
        self.ledger.settle(claim, outcome)
        return claim.id

    def lose(self, tag: str) -> None:
        """Send what has no key, and get no answer."""
        claim = _claim(tag, None, 1)
        self.ledger.submit(claim, 15.0)
        self.ledger.settle(claim, LOST)

    def record(self, name: str) -> Record | None:
        """Return what is on record."""
        found = self.ledger.look_up(name)
        return found.record if found else None


def _claim(tag: str, job: Job | None, attempt: int) -> Claim:
    return Claim(
        tag=tag,
        scope="s",
        cost=1,
        quota_cost=1,
        minute=0,
        owner="me",
        attempt=attempt,
        job=job,
    )


@pytest.fixture
def desk() -> Desk:
    """Return a desk on which there is nothing."""
    return Desk()


class TestUnknown:
    """The list of what was perhaps sent."""

    def test_empty(self, desk: Desk) -> None:
        """There is nothing where all is known."""
        desk.end("1", Deferred(by="released"))
        desk.end("2", Accepted(message_id="m-1"))

        assert [] == [*desk.outcomes.unknown()]

    def test_in_flight(self, desk: Desk) -> None:
        """What is being sent is unknown once its lease is over."""
        desk.begin()
        early = [*desk.outcomes.unknown()]
        desk.clock.advance(15)
        late = [send.reason for send in desk.outcomes.unknown()]

        assert ([], ["whoever sent it has ended, or stalled"]) == (early, late)

    def test_by_age(self, desk: Desk) -> None:
        """The oldest comes first, whatever their names are."""
        tags = ["f" * 32, "0" * 32, "7" * 32]
        for tag in tags:
            desk.lose(tag)
            desk.clock.advance(1)

        assert [
            UnknownSend(
                tag=tag,
                has_key=False,
                sent_at=START + dt.timedelta(seconds=n),
                attempts=1,
                reason="no answer within 10 s",
            )
            for n, tag in enumerate(tags)
        ] == [*desk.outcomes.unknown()]

    def test_signed(self, desk: Desk) -> None:
        """The tag is the one that the mail carries."""
        name = desk.end()
        outcomes = attrs.evolve(desk.outcomes, tag_of=lambda n: f"{n}-mac")

        assert [f"{name}-mac"] == [send.tag for send in outcomes.unknown()]

    def test_pages(self, desk: Desk) -> None:
        """All pages of the ledger are read."""
        for number in range(5):
            desk.lose(f"{number:032}")
        whole = desk.ledger.unsettled

        class Small:
            def unsettled(self, after: str = "") -> RecordPage:
                return whole(after, 2)

        ledger: Any = Small()
        outcomes = attrs.evolve(desk.outcomes, store=ledger)

        assert 5 == len([*outcomes.unknown()])


class TestSettle:
    """What an event says."""

    def test_settle(self, desk: Desk) -> None:
        """A job is settled by its tag, as often as is said so."""
        name = desk.end()
        done = [desk.outcomes.settle(name, "m-1") for _ in range(2)]
        record = desk.record(name)

        assert ([True, True], "m-1", ()) == (
            done,
            record and record.sent and record.sent.message_id,
            record and record.others,
        )

    def test_signed(self, desk: Desk) -> None:
        """The signature of a tag is no part of the name."""
        name = desk.end()

        assert desk.outcomes.settle(f"{name}-{'0' * 16}", "m-1")

    def test_nobody_knows(self, desk: Desk) -> None:
        """An event of another mail changes no record."""
        assert not desk.outcomes.settle("0" * 32, "m-1")

    def test_time(self, desk: Desk) -> None:
        """The time of the event is kept, whatever zone it is told in."""
        name = desk.end()
        east = dt.timezone(dt.timedelta(hours=5))
        desk.outcomes.settle(
            name, "m-1", sent_at=START.astimezone(east) + dt.timedelta(hours=1)
        )
        record = desk.record(name)

        assert (START.timestamp() + 3600) == (
            record and record.sent and record.sent.sent_at
        )

    @pytest.mark.parametrize(
        "tag, message_id, sent_at",
        [
            ("0" * 32, "", None),
            ("0" * 32, None, None),
            ("", "m-1", None),
            (b"0", "m-1", None),
            ("0" * 32, "m-1", dt.datetime(2026, 1, 1)),  # noqa: DTZ001  # naive
            ("0" * 32, "m-1", dt.datetime(2026, 1, 1, tzinfo=_Unsure())),
            ("0" * 32, "m-1", "2026-01-01T00:00:00Z"),
            ("0" * 32, "m-1", 1_767_225_600.0),
        ],
    )
    def test_wrong(
        self, desk: Desk, tag: Any, message_id: Any, sent_at: Any
    ) -> None:
        """What is no event is refused, with what to give instead."""
        error = outcome_of(
            lambda: desk.outcomes.settle(tag, message_id, sent_at=sent_at)
        )

        assert (ConfigurationError, True) == (
            type(error),
            error.remedy.startswith("use "),
        )


class TestResolve:
    """What a person says."""

    def test_by_key(self, desk: Desk) -> None:
        """A key names its job."""
        name = desk.end()
        done = desk.outcomes.resolve(KEY, "sent", message_id="m-1")
        record = desk.record(name)

        assert (True, "accepted") == (done, record and record.state)

    @pytest.mark.parametrize("mac", ["", f"-{'a' * 16}"])
    def test_by_tag(self, desk: Desk, mac: str) -> None:
        """A tag names it, too, signed or not."""
        name = desk.end()
        done = desk.outcomes.resolve(f"{name}{mac}", "not_sent")
        record = desk.record(name)

        assert (True, "deferred") == (done, record and record.state)

    def test_by_value(self, desk: Desk) -> None:
        """So does what was listed."""
        desk.lose("0" * 32)
        (send,) = desk.outcomes.unknown()
        done = desk.outcomes.resolve(send, "not_sent")

        assert (True, None) == (done, desk.record(send.tag))

    @pytest.mark.parametrize("end", ["-reminder", "-", "/2", f"-{'g' * 16}"])
    def test_key_of_a_tag(self, desk: Desk, end: str) -> None:
        """A key that begins with a tag is not taken for that tag."""
        name = desk.end()
        done = desk.outcomes.resolve(f"{name}{end}", "not_sent")
        record = desk.record(name)

        assert (False, "unknown") == (done, record and record.state)

    @pytest.mark.parametrize(
        "outcome", [Deferred(by="released"), Accepted(message_id="m-1")]
    )
    def test_not_open(self, desk: Desk, outcome: Outcome) -> None:
        """What is known stays as it is."""
        name = desk.end(outcome=outcome)
        before = desk.record(name)
        done = [
            desk.outcomes.resolve(KEY, "sent", message_id="m-2"),
            desk.outcomes.resolve(name, "not_sent"),
            desk.outcomes.resolve("another", "not_sent"),
        ]

        assert ([False] * 3, before) == (done, desk.record(name))

    def test_refused(self, desk: Desk) -> None:
        """The key of what SES has refused for good is free again."""
        error = RejectedError("MessageRejected", 400)
        name = desk.end(outcome=Rejected(error=error, final=True))
        done = desk.outcomes.resolve(KEY, "not_sent")
        record = desk.record(name)

        assert (True, "deferred") == (done, record and record.state)

    def test_in_flight(self, desk: Desk) -> None:
        """What is being sent cannot be settled by hand."""
        name = desk.begin().id
        errors = [
            outcome_of(lambda: desk.outcomes.resolve(KEY, "not_sent")),
            outcome_of(lambda: desk.outcomes.resolve(name, "sent")),
        ]

        assert [(InFlightError, 15.0)] * 2 == [
            (type(error), error.retry_after_s) for error in errors
        ]

    @pytest.mark.parametrize(
        "send, outcome, message_id",
        [
            (KEY, "unknown", ""),
            (KEY, True, ""),
            (KEY, "not_sent", "m-1"),
            ("", "sent", ""),
            (None, "sent", ""),
            (7, "sent", ""),
        ],
    )
    def test_wrong(
        self, desk: Desk, send: Any, outcome: Any, message_id: str
    ) -> None:
        """A wrong argument is refused before anything changes."""
        name = desk.end()
        error = outcome_of(
            lambda: desk.outcomes.resolve(send, outcome, message_id=message_id)
        )
        record = desk.record(name)

        assert (ConfigurationError, "unknown") == (
            type(error),
            record and record.state,
        )


class TestPurge:
    """What has expired."""

    def test_purge(self, desk: Desk) -> None:
        """Answers are kept for 14 days, what is unknown for ever."""
        desk.end("1", Accepted(message_id="m-1"))
        desk.end("2", Deferred(by="released"))
        desk.end("3")
        purged = []
        for day in (0.9, 0.2, 12.8, 0.2, 3650):
            desk.clock.advance(day * DAY_S)
            purged.append(desk.outcomes.purge())

        assert ([0, 1, 0, 1, 0], 1) == (
            purged,
            len([*desk.outcomes.unknown()]),
        )


def test_no_answer() -> None:
    """A ledger that cannot answer is told of, and not taken for empty."""

    class Down:
        def __getattr__(self, name: str) -> Any:
            raise StoreError("ledger", "fake", name)

    ledger: Any = Down()
    outcomes = Outcomes(ledger, _id, FakeClock())
    errors = [
        outcome_of(outcomes.unknown),
        outcome_of(outcomes.purge),
        outcome_of(lambda: outcomes.settle("0", "m-1")),
        outcome_of(lambda: outcomes.resolve(KEY, "sent")),
    ]

    assert [StoreError] * 4 == [type(error) for error in errors]
