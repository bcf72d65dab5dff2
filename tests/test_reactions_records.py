"""What events leave on record: outcomes, and how many of what."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import attrs
import pytest
from tests.keyed import LOST, World, told, world
from tests.reacting import (
    ABOUT_MAIL,
    ANN,
    BOB,
    EVERYTHING,
    NOT_ABOUT_MAIL,
    SCOPE,
    SIMULATED,
    START,
    Desk,
    at,
    bounce,
    complaint,
    delivery,
    desk,
    mail_to,
    soft,
    wishes,
)

from safeses._mail import _tag
from safeses.events import (
    Click,
    ComplaintType,
    DelayType,
    Delivery,
    DeliveryDelay,
    FeedbackEvent,
    Open,
    Reject,
    RenderingFailure,
    Send,
)
from safeses.feedback._reactions import (
    COUNTED,
    ComplaintPolicy,
    CountEvents,
    SettleLedger,
    counter,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


TAG = "0123456789abcdef" * 2
KEY = b"k" * 32


@pytest.fixture(params=["memory", "sqlite"])
def here(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    """Return a desk on which there is nothing."""
    made = desk(request.param, tmp_path)
    yield made
    made.state.close()


class TestSettle:
    """What was perhaps sent."""

    @pytest.mark.parametrize("event", ABOUT_MAIL)
    @pytest.mark.parametrize("engine", ["memory", "sqlite"])
    def test_unknown(
        self, engine: str, tmp_path: Path, event: FeedbackEvent
    ) -> None:
        """Any event about the mail settles what a client did not know."""
        there = world(engine, tmp_path)
        there.answers(LOST)
        ses = there.client()
        error = told(ses)
        before = len([*ses.unknown()])
        mail = mail_to(ANN, tag=error.tag, sent_at=START)
        _settle(there, attrs.evolve(event, mail=mail))
        again = told(ses)
        left = [*ses.unknown()]
        there.close()

        assert (1, [], "m-1", True, 1) == (
            before,
            left,
            again.message_id,
            again.replayed,
            there.calls,
        )

    @pytest.mark.parametrize(
        "event",
        [
            attrs.evolve(event, mail=mail_to(ANN, tag=TAG))
            for event in NOT_ABOUT_MAIL
        ],
    )
    def test_other_events(self, here: Desk, event: FeedbackEvent) -> None:
        """An event of no mail that we sent shows nothing."""
        assert [] == here.react(SettleLedger(), event)

    @pytest.mark.parametrize(
        "tag, acts",
        [
            (_tag.of(TAG, KEY), ["Settle"]),
            (_tag.of(TAG, b"x" * 32), ["Act"]),
            (TAG, ["Act"]),
            (f"{TAG}-", ["Act"]),
            (f"{TAG}-é", ["Act"]),
            ("", []),
        ],
    )
    def test_signed(self, here: Desk, tag: str, acts: list[str]) -> None:
        """Where tags are signed, one that is not ours settles nothing."""
        here.parts = attrs.evolve(here.parts, tag_key=KEY)
        event = Send(id="1", mail=mail_to(ANN, tag=tag))

        assert acts == here.react(SettleLedger(), event)

    @pytest.mark.parametrize(
        "tag, message_id",
        [
            (TAG, ""),
            (TAG, "m-\ud800"),
            (TAG, "m" * 257),
            ("\ud800", "m-1"),
            ("a\x00", "m-1"),
            ("a" * 10**6, "m-1"),
        ],
    )
    def test_odd(self, here: Desk, tag: str, message_id: str) -> None:
        """What SES never wrote reaches no ledger."""
        mail = mail_to(ANN, tag=tag, message_id=message_id)

        assert ["Act"] == here.react(SettleLedger(), Send(id="1", mail=mail))

    @pytest.mark.parametrize(
        "sent_at, expected",
        [(None, None), (at(-1), at(-1)), (at(900), START)],
    )
    def test_time(
        self,
        here: Desk,
        sent_at: dt.datetime | None,
        expected: dt.datetime | None,
    ) -> None:
        """Nothing was sent in times to come."""
        mail = mail_to(ANN, tag=TAG, sent_at=sent_at)
        (act,) = SettleLedger().plan(Send(id="1", mail=mail), here.parts)

        assert expected == getattr(act, "sent_at", START)

    def test_nothing_on_record(self, here: Desk) -> None:
        """Of what the ledger does not know nothing comes."""
        event = Send(id="1", mail=mail_to(ANN, tag=TAG))

        assert ["Settle"] * 2 == here.react(SettleLedger(), event, event)


def _settle(there: World, event: FeedbackEvent) -> None:
    state = there.state
    made = Desk(state, there.clock)
    made.react(SettleLedger(), event)


class TestCount:
    """How many of what."""

    @pytest.mark.parametrize(
        "event, counted",
        [
            (Send(id="1", mail=mail_to(ANN, BOB)), {"send": 2}),
            (Send(id="1", mail=mail_to()), {"send": 1}),
            (delivery(0, ANN, BOB), {"delivery": 2}),
            (delivery(0, SIMULATED, BOB), {"delivery": 1}),
            (Delivery(id="1", mail=mail_to(ANN)), {"delivery": 1}),
            (bounce(ANN, BOB), {"bounce": 2}),
            (bounce(ANN, mail=mail_to("all@c.example")), {"bounce": 1}),
            (bounce("", mail=mail_to(ANN, BOB)), {"bounce": 1}),
            (bounce(mail=mail_to(ANN)), {"bounce": 1}),
            (bounce(mail=mail_to(ANN, BOB)), {"bounce": 1}),
            (bounce(ANN, SIMULATED), {"bounce": 1}),
            (bounce(ANN, sub_type="NoEmail", mail=mail_to()), {"bounce": 1}),
            (bounce(ANN, sub_type="Suppressed"), {"bounce": 1}),
            (
                bounce(ANN, sub_type="OnAccountSuppressionList"),
                {"prevented": 1},
            ),
            (
                bounce(ANN, sub_type="EmailValidationSuppressed"),
                {"prevented": 1},
            ),
            (bounce(ANN, sub_type="UnsubscribedRecipient"), {"prevented": 1}),
            (soft(0), {"soft_bounce": 1}),
            (
                bounce(ANN, is_a="Transient", sub_type="ContentRejected"),
                {"soft_bounce": 1},
            ),
            (bounce(ANN, is_a="Transient"), {}),
            (bounce(ANN, is_a="Undetermined"), {}),
            (complaint(ANN, BOB), {"complaint": 1}),
            (
                complaint(ANN, sub_type="OnAccountSuppressionList"),
                {"prevented": 1},
            ),
            (complaint(ANN, feedback_type=ComplaintType("not-spam")), {}),
            (Reject(id="1", mail=mail_to(ANN, BOB)), {"reject": 1}),
            (Open(id="1", mail=mail_to(ANN, BOB)), {"open": 1}),
            (Click(id="1", mail=mail_to(ANN, BOB)), {"click": 1}),
            (
                RenderingFailure(id="1", mail=mail_to(ANN)),
                {"rendering_failure": 1},
            ),
            (
                DeliveryDelay(
                    id="1", type=DelayType("General"), mail=mail_to(ANN)
                ),
                {"delivery_delay": 1},
            ),
            (wishes(new=EVERYTHING), {"subscription": 1}),
            # The mailbox simulator is in no rate.
            (Send(id="1", mail=mail_to(SIMULATED)), {}),
            (delivery(0, SIMULATED), {}),
            (bounce(SIMULATED), {}),
            (bounce(SIMULATED.upper()), {}),
            (bounce("", mail=mail_to(SIMULATED)), {}),
            (bounce("", mail=mail_to(SIMULATED, SIMULATED[6:])), {}),
            (complaint(SIMULATED), {}),
            (Open(id="1", mail=mail_to(SIMULATED)), {}),
            *((event, {}) for event in NOT_ABOUT_MAIL),
        ],
    )
    def test_counts(
        self, here: Desk, event: FeedbackEvent, counted: dict[str, int]
    ) -> None:
        """Each event counts what SES counts of it, and nothing else."""
        mail = attrs.evolve(
            event.mail, stream="news.weekly", region="eu-west-1"
        )
        here.react(CountEvents(), attrs.evolve(event, mail=mail))
        names = [counter(what) for what in COUNTED]
        of_stream = [counter(what, "news.weekly") for what in COUNTED]
        expected = [counted.get(what, 0) for what in COUNTED]

        assert (expected, expected) == (
            here.counted(*names),
            here.counted(*of_stream),
        )

    def test_all_are_named(self) -> None:
        """The table of names has a line for all that is counted."""
        assert (12, True) == (len(COUNTED), all(COUNTED.values()))

    @pytest.mark.parametrize("stream", ["", "a/b", "\ud800", "x" * 65])
    def test_no_stream(self, here: Desk, stream: str) -> None:
        """What is no stream is counted in all, and once."""
        event = Send(id="1", mail=mail_to(ANN, stream=stream))
        (act,) = CountEvents().plan(event, here.parts)
        act.perform(here.parts)

        assert ({"/send": 1}, [1]) == (
            getattr(act, "counts", None),
            here.counted("/send"),
        )

    @pytest.mark.parametrize(
        "region, scope", [("eu-west-1", SCOPE), ("", "shop/unknown")]
    )
    def test_scope(self, here: Desk, region: str, scope: str) -> None:
        """It is counted for the account in the region of the mail."""
        event = Send(id="1", mail=mail_to(ANN, region=region))
        here.react(CountEvents(), event)

        assert [1] == here.counted("/send", scope=scope)

    @pytest.mark.parametrize(
        "when",
        [
            None,
            at(10_000),
            dt.datetime.min.replace(tzinfo=dt.timezone.utc),
            dt.datetime.max.replace(tzinfo=dt.timezone.utc),
        ],
    )
    def test_odd_times(self, here: Desk, when: dt.datetime | None) -> None:
        """No time of an event makes the counters fail."""
        event = Send(id="1", at=when, mail=mail_to(ANN))

        assert ["Count"] == here.react(CountEvents(), event)

    def test_own_policy(self, here: Desk) -> None:
        """What is no complaint by the policy is not counted as one."""
        reaction = CountEvents(complaints=ComplaintPolicy(ignored=("abuse",)))
        kind = ComplaintType("abuse")
        here.react(reaction, complaint(ANN, feedback_type=kind))

        assert [0] == here.counted("/complaint")
