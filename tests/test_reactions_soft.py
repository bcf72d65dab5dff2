"""Who bounces again and again, and not for good."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import attrs
import pytest
from tests.reacting import (
    ANN,
    BOB,
    DAY_S,
    Desk,
    at,
    bounce,
    delivery,
    desk,
    mail_to,
    soft,
)

from safeses.feedback._policy import BouncePolicy
from safeses.feedback._reactions import (
    SoftBounceLimit,
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


class TestSoftBounces:
    """Who bounced, and not for good."""

    def test_limit(self, here: Desk) -> None:
        """The fifth within two weeks suppresses, for two weeks."""
        found = []
        for day in range(5):
            here.react(SoftBounceLimit(), soft(day))
            found += here.stopped(ANN)
            here.clock.sleep(DAY_S)
        (entry,) = here.parts.suppressions.page().entries
        here.clock.sleep(12.9 * DAY_S)
        late = here.stopped(ANN)
        here.clock.sleep(0.2 * DAY_S)

        assert (["", "", "", "", "soft-bounce"], at(4), at(18)) == (
            found,
            entry.since,
            entry.expires_at,
        )
        assert (["soft-bounce"], [""]) == (late, here.stopped(ANN))

    def test_window(self, here: Desk) -> None:
        """Those before the window do not count."""
        here.react(SoftBounceLimit(), *[soft(0, id=str(n)) for n in range(4)])
        here.clock.sleep(15 * DAY_S)
        here.react(SoftBounceLimit(), *map(soft, (11, 12, 13, 14)))
        before = here.stopped(ANN)
        here.react(SoftBounceLimit(), soft(15))

        assert ([""], ["soft-bounce"]) == (before, here.stopped(ANN))

    def test_same_event(self, here: Desk) -> None:
        """The same event counts once, however often it comes."""
        here.react(SoftBounceLimit(), *[soft(0)] * 20)

        assert [""] == here.stopped(ANN)

    def test_delivery_resets(self, here: Desk) -> None:
        """A delivery begins anew."""
        here.clock.sleep(9 * DAY_S)
        events = [soft(0), soft(1), soft(2), soft(3), delivery(3.5)]
        here.react(SoftBounceLimit(), *events, *map(soft, (4, 5, 6, 7)))
        before = here.stopped(ANN)
        here.react(SoftBounceLimit(), soft(8))

        assert ([""], ["soft-bounce"]) == (before, here.stopped(ANN))

    def test_other_people(self, here: Desk) -> None:
        """A delivery to Bob says nothing of Ann."""
        here.clock.sleep(9 * DAY_S)
        events = [soft(day) for day in range(4)]
        here.react(SoftBounceLimit(), *events, delivery(4, BOB), soft(5))

        assert ["soft-bounce"] == here.stopped(ANN)

    def test_one_person(self, here: Desk) -> None:
        """Every spelling of an address is the same person."""
        policy = BouncePolicy(soft_limit=2)
        events = [
            soft(0, "Ann@B.example"),
            soft(0, "x@c.example", id="2", mail=mail_to(f"A <{ANN}>")),
        ]
        here.react(SoftBounceLimit(policy), *events)

        assert ["soft-bounce"] == here.stopped(ANN)

    def test_out_of_office(self, here: Desk) -> None:
        """A reply is no bounce: nothing is noted of it."""
        reply = bounce(ANN, is_a="Transient")
        done = here.react(SoftBounceLimit(BouncePolicy(soft_limit=1)), reply)

        assert ([], [""]) == (done, here.stopped(ANN))

    def test_usual_delivery(self, here: Desk) -> None:
        """Of who never bounced, nothing is to be done at a delivery."""
        assert [] == here.react(SoftBounceLimit(), delivery(0, ANN, BOB))

    def test_no_address_kept(self, here: Desk) -> None:
        """The store of soft bounces gets no address."""
        acts = SoftBounceLimit().plan(soft(0), here.parts)
        names = [getattr(act, "person", "") for act in acts]

        assert ([64], False) == ([*map(len, names)], "ann" in repr(acts))

    def test_other_namespace(self, here: Desk) -> None:
        """Whoever shares a store is counted for each namespace."""
        policy = BouncePolicy(soft_limit=2)
        here.react(SoftBounceLimit(policy), soft(0, id="1"))
        here.parts = attrs.evolve(here.parts, namespace="other")
        here.react(SoftBounceLimit(policy), soft(0, id="2"))

        assert [""] == here.stopped(ANN)

    def test_no_address(self, here: Desk) -> None:
        """Nobody is noted where there is no address."""
        event = soft(0, "", mail=mail_to(ANN, BOB))

        assert ["Act"] == here.react(SoftBounceLimit(), event)

    def test_too_old(self, here: Desk) -> None:
        """One before the window is not even noted."""
        here.clock.sleep(15 * DAY_S)

        assert ["Act"] == here.react(SoftBounceLimit(), soft(0))

    def test_explained(self, here: Desk) -> None:
        """The plan says how many there are, and changes nothing."""
        here.react(SoftBounceLimit(), soft(0), soft(0, id="2"))
        (why,) = here.why(SoftBounceLimit(), soft(0, id="3"))
        again = here.why(SoftBounceLimit(), soft(0, id="3"))

        assert (True, True, [why]) == (
            "2 on record" in why,
            "5 within 14 days" in why,
            again,
        )

    def test_for_ever(self, here: Desk) -> None:
        """The end may be never."""
        policy = BouncePolicy(soft_limit=1, soft_expires_s=None)
        here.react(SoftBounceLimit(policy), soft(0))
        (entry,) = here.parts.suppressions.page().entries

        assert entry.expires_at is None

    @pytest.mark.parametrize(
        "when",
        [None, at(10_000), dt.datetime.min.replace(tzinfo=dt.timezone.utc)],
    )
    def test_odd_times(self, here: Desk, when: dt.datetime | None) -> None:
        """No time of an event makes a store fail."""
        event = attrs.evolve(soft(0), at=when)
        other = attrs.evolve(delivery(0), at=when)
        done = here.react(SoftBounceLimit(), event, other)

        assert bool(done)
