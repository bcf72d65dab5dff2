"""Who bounced for good: who that is, and what is put on the list."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest
from tests.reacting import (
    ANN,
    BOB,
    DAY_S,
    EVERYTHING,
    START,
    Desk,
    at,
    bounce,
    complaint,
    desk,
    listed,
    mail_to,
    soft,
    wishes,
)

from safeses.feedback._policy import BouncePolicy
from safeses.feedback._reactions import (
    SoftBounceLimit,
    SuppressBounces,
    default_reactions,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=["memory", "sqlite"])
def here(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    """Return a desk on which there is nothing."""
    made = desk(request.param, tmp_path)
    yield made
    made.state.close()


class TestSuppressBounces:
    """Who bounced for good."""

    def testentry(self, here: Desk) -> None:
        """The entry says why, since when and by whom, and has no address."""
        event = bounce(
            ANN, status="5.1.1", diagnostic=f"550 no {ANN}", at=at(-1)
        )
        here.react(SuppressBounces(), event)
        (entry,) = here.parts.suppressions.page().entries

        assert (ANN, "bounce", "", "ses-event", at(-1), None) == (
            entry.address,
            entry.reason,
            entry.stream,
            entry.source,
            entry.since,
            entry.expires_at,
        )
        assert "Permanent General 5.1.1" == entry.note

    @pytest.mark.parametrize(
        "mailed, named, stopped",
        [
            ((ANN,), ANN, ANN),
            ((ANN,), "ANN@B.EXAMPLE", ANN),
            ((ANN, BOB), f"<{ANN}>", ANN),
            # Behind an alias: what would be mailed again is the alias.
            (("all@b.example",), ANN, "all@b.example"),
            (("Ann <all@b.example>",), ANN, "all@b.example"),
            (("all@b.example",), "", "all@b.example"),
            # Nobody says whom it was sent to.
            ((), ANN, ANN),
            (("ann@bücher.example", BOB), "ann@xn--bcher-kva.example", None),
        ],
    )
    def test_who(
        self,
        here: Desk,
        mailed: tuple[str, ...],
        named: str,
        stopped: str | None,
    ) -> None:
        """It is who would be mailed again, if the event shows who that is."""
        event = bounce(named, mail=mail_to(*mailed))
        here.react(SuppressBounces(), event)

        assert ["bounce"] == here.stopped(stopped or named)
        assert 1 == here.parts.suppressions.count()

    @pytest.mark.parametrize(
        "named", ["", "mailer-daemon", "jürgen@b.example", "a" * 3_000]
    )
    def test_no_address(self, here: Desk, named: str) -> None:
        """What is no address suppresses nobody, and says so."""
        event = bounce(named, mail=mail_to(ANN, BOB))
        reaction = SuppressBounces()

        assert ([True], ["Act"], 0) == (
            ["no address" in why for why in here.why(reaction, event)],
            here.react(reaction, event),
            here.parts.suppressions.count(),
        )

    def test_others_go_on(self, here: Desk) -> None:
        """One who is no address does not save the others."""
        event = bounce(ANN, "jürgen@b.example", BOB)
        done = here.react(SuppressBounces(), event)

        assert (["Suppress", "Act"], ["bounce", "bounce"]) == (
            done,
            here.stopped(ANN, BOB),
        )

    def test_only_who_bounced(self, here: Desk) -> None:
        """Who got the same mail is still mailed."""
        event = bounce(ANN, mail=mail_to(ANN, BOB))
        here.react(SuppressBounces(), event)

        assert ["bounce", ""] == here.stopped(ANN, BOB)

    def test_soft(self, here: Desk) -> None:
        """A soft bounce is for another reaction: not a word of it here."""
        assert [] == here.react(SuppressBounces(), soft(0))

    def test_prevented(self, here: Desk) -> None:
        """Who is on a list of SES already is not put on another one."""
        event = bounce(ANN, sub_type="OnAccountSuppressionList")
        done = here.react(SuppressBounces(), event)

        assert (["Act"], [""]) == (done, here.stopped(ANN))

    def test_twice(self, here: Desk) -> None:
        """The same bounce again changes nothing."""
        event = bounce(ANN)
        here.react(SuppressBounces(), event)
        first = here.parts.suppressions.page()
        here.clock.sleep(DAY_S)
        here.react(SuppressBounces(), event)

        assert first == here.parts.suppressions.page()

    def test_outlives_soft(self, here: Desk) -> None:
        """A hard bounce takes the place of what soft ones led to."""
        policy = BouncePolicy(soft_limit=1)
        here.react(SoftBounceLimit(policy), soft(0))
        before = here.stopped(ANN)
        here.react(SuppressBounces(), bounce(ANN))

        assert (["soft-bounce"], ["bounce"]) == (before, here.stopped(ANN))

    def test_manual_stays(self, here: Desk) -> None:
        """What a person has said is not overwritten."""
        store = here.parts.suppressions
        store.add([listed(reason="manual", note="asked by phone")])
        here.react(SuppressBounces(), bounce(ANN))
        (entry,) = store.page().entries

        assert ("manual", "asked by phone") == (entry.reason, entry.note)

    def test_many(self, here: Desk) -> None:
        """More than a store takes at once are added in parts."""
        many = [f"u{n}@b.example" for n in range(1_201)]
        here.react(SuppressBounces(), bounce(*many, *many))

        assert 1_201 == here.parts.suppressions.count()

    @pytest.mark.parametrize(
        "sub_type",
        ["x" * 10_000, "a\x00b\nc", "ann@b.example", "\ud800", "é" * 500],
    )
    def test_odd_words(self, here: Desk, sub_type: str) -> None:
        """A word that SES never said is no reason not to suppress."""
        event = bounce(ANN, sub_type=sub_type, status="\ud800\x00")
        here.react(SuppressBounces(), event)
        (entry,) = here.parts.suppressions.page().entries

        assert (True, False, True) == (
            len(entry.note) <= 130,
            "@" in entry.note,
            entry.note.isprintable(),
        )

    @pytest.mark.parametrize(
        "when, since",
        [
            (None, START),
            (at(400), START),
            (dt.datetime.max.replace(tzinfo=dt.timezone.utc), START),
            (
                dt.datetime.min.replace(tzinfo=dt.timezone.utc),
                dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc),
            ),
        ],
    )
    def test_odd_times(
        self, here: Desk, when: dt.datetime | None, since: dt.datetime
    ) -> None:
        """It began in no time to come, nor before there were any."""
        here.react(SuppressBounces(), bounce(ANN, at=when))
        (entry,) = here.parts.suppressions.page().entries

        assert since == entry.since

    def test_slow_receiver(self, here: Desk) -> None:
        """No mail bounces before it was sent, whatever its server says."""
        mail = mail_to(ANN, sent_at=at(-2))
        here.react(SuppressBounces(), bounce(ANN, mail=mail, at=at(-900)))
        (entry,) = here.parts.suppressions.page().entries

        assert at(-2) == entry.since

    def test_no_words(self, here: Desk) -> None:
        """No act shows an address."""
        events = [
            bounce(ANN, "jürgen@b.example"),
            soft(0),
            complaint(ANN),
            wishes(new=EVERYTHING),
        ]
        acts = [
            act
            for event in events
            for reaction in default_reactions()
            for act in reaction.plan(event, here.parts)
        ]
        shown = repr(acts) + "".join(act.why for act in acts)

        assert (True, False) == (len(acts) > 6, "ann" in shown.lower())
