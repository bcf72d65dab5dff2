"""What was perhaps sent is not sent again until somebody chose so."""

from __future__ import annotations

import contextlib
import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.fake_ses import FakeSES
from tests.keyed import (
    CLAIM_LEASE_S,
    DENIED,
    KEY,
    LOST,
    MAIL,
    OTHER,
    PARAMS,
    REJECTED,
    SUBMIT_LEASE_S,
    THROTTLED,
    World,
    outcome_of,
    replay_of,
    told,
    world,
)

from safeses import (
    AccessDeniedError,
    AfterSend,
    BeforeSend,
    InFlightError,
    Limits,
    OutcomeUnknownError,
    QuotaExceededError,
    RateLimitedError,
    RejectedError,
    SuppressedError,
    UnknownSend,
)
from safeses.ledger import Job
from safeses.typing import Admission, Admitted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)


@pytest.fixture(params=["memory", "sqlite"])
def here(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """Return a world in which nothing has been sent."""
    made = world(request.param, tmp_path)
    yield made
    made.close()


class TestHold:
    """By itself nothing is sent again."""

    def test_hold(self, here: World) -> None:
        """A repetition is refused as unknown, without a call."""
        here.answers(LOST)
        errors = [told(here.client()) for _ in range(3)]
        here.clock.advance(365 * 86_400)
        errors.append(told(here.client()))

        assert (
            [OutcomeUnknownError] * 4,
            {("SES answered 500 InternalFailure", errors[0].tag)},
            1,
        ) == (
            [type(error) for error in errors],
            {(error.reason, error.tag) for error in errors},
            here.calls,
        )

    def test_listed(self, here: World) -> None:
        """It is listed, with a key or without, until it is settled."""
        here.answers(LOST, LOST)
        ses = here.client()
        one = told(ses)
        here.clock.advance(60)
        two = told(ses, key=None)
        sends = [*ses.unknown()]

        assert [
            UnknownSend(
                tag=error.tag,
                has_key=has_key,
                sent_at=START + dt.timedelta(seconds=after_s),
                attempts=1,
                reason="SES answered 500 InternalFailure",
            )
            for error, has_key, after_s in ((one, True, 0), (two, False, 60))
        ] == sends

    def test_hooks(self, here: World) -> None:
        """A refused repetition tells AfterSend which job it is about."""
        here.answers(LOST)
        first = told(here.client())
        ses, before, after = here.client(), list[Any](), list[Any]()
        ses.on(BeforeSend, name="b")(before.append)
        ses.on(AfterSend, name="a")(after.append)
        again = told(ses)

        assert ([], [(first.tag, again)]) == (
            before,
            [(event.tag, event.error) for event in after],
        )

    def test_event_is_faster(self, here: World) -> None:
        """What an event has settled before is not listed as unknown."""
        ses = here.client()

        def lost() -> Any:
            (tag,) = here.ses.sent[-1]["EmailTags"]
            ses.ledger.settle(tag["Value"], "m-1")
            raise LOST

        here.answers(lost, lost)
        keyed, keyless = told(ses), told(ses, key=None)

        assert ([OutcomeUnknownError] * 2, [], "m-1") == (
            [type(keyed), type(keyless)],
            [*ses.unknown()],
            told(ses).message_id,
        )

    @pytest.mark.parametrize("waits_s", [0, 3])
    @pytest.mark.parametrize("key", [None, KEY])
    def test_first_attempt_unrecorded(
        self, here: World, waits_s: float, key: str | None
    ) -> None:
        """A refusal after it does not hide that the first was perhaps sent."""
        away = contextlib.ExitStack()

        def lost() -> Any:
            away.enter_context(here.deaf("settle"))
            here.clock.advance(waits_s)
            raise LOST

        def refused() -> Any:
            away.close()
            raise REJECTED

        here.answers(lost, refused)
        ses = here.client(on_unknown="resend")
        error = told(ses, key=key)
        away.close()
        here.clock.advance(SUBMIT_LEASE_S + CLAIM_LEASE_S + 1)

        assert (OutcomeUnknownError, [error.tag]) == (
            type(error),
            [send.tag for send in ses.unknown()],
        )

    def test_no_tag(self, here: World) -> None:
        """Without a tag there is nothing to look for, and it says so."""
        here.answers(LOST)
        ses = here.client(correlation_tag=False)
        errors = [told(ses), told(ses)]

        assert ["", ""] == [error.tag for error in errors]

    def test_interrupted(self, here: World) -> None:
        """Who is interrupted in the midst of a call has perhaps sent."""
        here.answers(KeyboardInterrupt())
        ses = here.client()
        with pytest.raises(KeyboardInterrupt):
            told(ses)
        again = told(ses)

        assert (OutcomeUnknownError, "interrupted", 1) == (
            type(again),
            again.reason,
            here.calls,
        )

    def test_late_answer(self, here: World) -> None:
        """An answer that comes after the lease settles it all the same."""
        meanwhile = []

        def stalled() -> Any:
            here.clock.advance(SUBMIT_LEASE_S + 1)
            meanwhile.append(told(here.client()))
            return FakeSES().send_email()

        here.answers(stalled)
        ses = here.client(attempt_timeout_s=10)
        first = told(ses)
        again = told(ses)

        assert ([OutcomeUnknownError], replay_of(first), []) == (
            [type(error) for error in meanwhile],
            again,
            [*ses.unknown()],
        )

    def test_drop_in(self, here: World) -> None:
        """It is never an error of boto3's, which others retry."""
        here.answers(LOST)
        view = here.client().with_options(idempotency_key=KEY)
        errors = [
            outcome_of(lambda: view.send_email(**PARAMS)) for _ in range(2)
        ]

        assert [(True, False)] * 2 == [
            (
                isinstance(error, OutcomeUnknownError),
                isinstance(error, ClientError),
            )
            for error in errors
        ]


class TestResend:
    """Who would rather send twice than not at all."""

    def test_once_more(self, here: World) -> None:
        """The same call sends once more, with the same tag."""
        here.answers(LOST)
        ses = here.client(on_unknown="resend")
        first, again = told(ses), told(ses)
        tags = [sent["EmailTags"] for sent in here.ses.sent]

        assert (
            ("m-2", 2, False),
            replay_of(first),
            2,
            tags[:1] * 2,
            [],
        ) == (
            (first.message_id, first.attempts, first.replayed),
            again,
            here.calls,
            tags,
            [*ses.unknown()],
        )

    def test_without_key(self, here: World) -> None:
        """A send without a key is sent once more, too."""
        here.answers(LOST)
        ses = here.client()
        receipt = told(ses, key=None, on_unknown="resend")

        assert ("m-2", []) == (receipt.message_id, [*ses.unknown()])

    def test_event_is_faster(self, here: World) -> None:
        """Nothing is sent again if an event came before the answer."""
        ses = here.client(on_unknown="resend")

        def lost() -> Any:
            (tag,) = here.ses.sent[-1]["EmailTags"]
            ses.ledger.settle(tag["Value"], "m-1", sent_at=START)
            raise LOST

        here.answers(lost)
        receipt = told(ses)

        assert (("m-1", START, True), 1) == (
            (receipt.message_id, receipt.sent_at, receipt.replayed),
            here.calls,
        )

    def test_at_most_once(self, here: World) -> None:
        """A call sends twice at most, a later one once more."""
        here.answers(LOST, LOST, LOST)
        ses = here.client(on_unknown="resend")
        told_so_far = []
        for _ in range(3):
            error = told(ses)
            told_so_far.append((type(error).__name__, here.calls))

        assert [
            ("OutcomeUnknownError", 2),
            ("OutcomeUnknownError", 3),
            ("Receipt", 4),
        ] == told_so_far

    @pytest.mark.parametrize(
        "answer, why",
        [
            (REJECTED, RejectedError),
            (DENIED, AccessDeniedError),
            (THROTTLED, RateLimitedError),
        ],
    )
    def test_refused(
        self, here: World, answer: Exception, why: type[Exception]
    ) -> None:
        """A refusal of the second says nothing of the first."""
        here.answers(LOST, *[answer] * 9)
        error = told(here.client(), on_unknown="resend", max_wait_s=0.2)
        calls = here.calls
        again = told(here.client())
        record = here.record()

        assert (
            [OutcomeUnknownError] * 2,
            why,
            True,
            0,
            ("unknown", None),
        ) == (
            [type(error), type(again)],
            type(error.__cause__),
            calls > 1,
            here.calls - calls,
            record and (record.state, record.refused),
        )

    @pytest.mark.parametrize(
        "why, limits",
        [
            (SuppressedError, Limits(per_second=14)),
            (QuotaExceededError, Limits(per_second=14, per_day=2)),
            (RateLimitedError, Limits(per_second=0.01)),
        ],
    )
    def test_not_admitted(
        self, here: World, why: type[Exception], limits: Limits
    ) -> None:
        """Neither does what keeps the second from being sent."""
        ses = here.client(limits=limits)

        def lost() -> Any:
            if why is SuppressedError:
                for address in MAIL.to:
                    ses.suppressions.add(address, "bounce")
            raise LOST

        here.answers(lost)
        error = told(ses, on_unknown="resend", max_wait_s=0)
        again = told(ses)

        assert ([OutcomeUnknownError] * 2, why, "unknown", 1) == (
            [type(error), type(again)],
            type(error.__cause__),
            here.state_of(),
            here.calls,
        )

    def test_later_call_refused(self, here: World) -> None:
        """The same goes for a later call that sends once more."""
        here.answers(LOST, REJECTED)
        ses = here.client()
        told(ses)
        error = told(ses, on_unknown="resend")

        assert (OutcomeUnknownError, RejectedError, "unknown") == (
            type(error),
            type(error.__cause__),
            here.state_of(),
        )

    def test_written_anew(self, here: World) -> None:
        """A mail that was written anew may go in place of a lost one."""
        here.answers(LOST)
        ses = here.client()
        told(ses)
        anew = told(ses, OTHER, on_unknown="resend", on_key_conflict="replay")

        assert ("m-2", False) == (anew.message_id, anew.replayed)

    def test_overtaken(self, here: World) -> None:
        """Who finds another at work sends nothing, and may come again."""
        here.answers(LOST)
        ses = here.client(on_unknown="resend")
        told(here.client())

        @ses.on(BeforeSend)
        def overtake(_: BeforeSend) -> None:
            name = ses.ledger.job_id(KEY)
            job = Job(id=name, on_unknown="resend", same_payload=False)
            here.state.ledger.claim(job, "another", CLAIM_LEASE_S)

        error = told(ses, max_wait_s=0)

        assert (InFlightError, 1) == (type(error), here.calls)

    def test_copies(self, here: World) -> None:
        """The first id that is known is the answer, others are kept."""
        here.answers(LOST)
        ses = here.client()
        first = told(ses, on_unknown="resend")
        for message_id in ("m-1", "m-2", "m-1"):
            ses.ledger.settle(first.tag, message_id)
        record = here.record()

        assert (replay_of(first), ("m-1",)) == (
            told(ses),
            record.others if record else (),
        )


def test_died_while_it_waited(tmp_path: Path) -> None:
    """Who dies before his slot begins has certainly not sent."""
    here = world("sqlite", tmp_path)
    here.state.learn("a/eu", Limits(per_second=4))
    waits = []
    for tag in ("0" * 32, "1" * 32):
        wish = Admission(
            tag=tag,
            scope="a/eu",
            recipients=("ann@b.example",),
            cost=1,
            quota_cost=1,
        )
        admitted = here.state.admit(wish)
        assert isinstance(admitted, Admitted)
        waits.append(admitted.wait_s > 0)
    here.clock.advance(3_600)
    perhaps_sent = [send.tag for send in here.client().unknown()]
    here.close()

    assert ([False, True], ["0" * 32]) == (waits, perhaps_sent)
