"""The reactions together: order, outages, hostile mail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pytest
from tests.reacting import (
    ABOUT_MAIL,
    ANN,
    BOB,
    DAY_S,
    EVERYTHING,
    Desk,
    at,
    bounce,
    complaint,
    delivery,
    desk,
    mail_to,
    soft,
    topics,
    wishes,
)

from safeses import StoreError
from safeses.events import (
    Complaint,
    ComplaintType,
    FeedbackEvent,
    Mail,
    Recipient,
    TopicPreferences,
)
from safeses.feedback._bounce_rules import BounceRule
from safeses.feedback._policy import BouncePolicy
from safeses.feedback._reaction import Act, Reaction
from safeses.feedback._reactions import (
    COUNTED,
    ComplaintPolicy,
    OptOuts,
    SoftBounceLimit,
    counter,
    default_reactions,
)
from safeses.suppression import MemorySuppressionStore, SuppressionLayers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from safeses._parts import Parts


@pytest.fixture(params=["memory", "sqlite"])
def here(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    """Return a desk on which there is nothing."""
    made = desk(request.param, tmp_path)
    yield made
    made.state.close()


@attrs.frozen(kw_only=True)
class _Tell(Act):
    """Tell somebody."""

    told: list[str]

    def perform(self, parts: Parts) -> None:  # noqa: ARG002
        """Tell him."""
        self.told.append(self.why)


@attrs.frozen
class _TellOfComplaints:
    """A reaction of one's own."""

    told: list[str]
    name: str = "tell"

    def plan(
        self,
        event: FeedbackEvent,
        parts: Parts,  # noqa: ARG002
    ) -> Sequence[Act]:
        """Tell of complaints."""
        if isinstance(event, Complaint):
            return [_Tell(why="somebody complained", told=self.told)]
        return []


class TestAll:
    """The reactions together."""

    def test_order(self) -> None:
        """They have stable names, and the one that counts is the last."""
        names = [reaction.name for reaction in default_reactions()]

        assert [
            "settle",
            "suppress-bounces",
            "soft-bounces",
            "suppress-complaints",
            "opt-outs",
            "count",
        ] == names

    def test_own(self, here: Desk) -> None:
        """One of one's own is a name and a plan."""
        told: list[str] = []
        own = _TellOfComplaints(told)
        reactions: list[Reaction] = [*default_reactions(), own]
        for reaction in reactions:
            here.react(reaction, complaint(ANN), bounce(BOB))

        assert (True, ["somebody complained"], ["complaint", "bounce"]) == (
            isinstance(own, Reaction),
            told,
            here.stopped(ANN, BOB),
        )

    def test_policy_is_for_all(self, here: Desk) -> None:
        """One policy decides who is suppressed, noted and counted."""
        policy = BouncePolicy(soft_limit=1).with_rules(
            BounceRule(type="Permanent", action="count", hard=False)
        )
        complaints = ComplaintPolicy(ignored=("abuse",))
        abuse = complaint(BOB, feedback_type=ComplaintType("abuse"))
        for reaction in default_reactions(policy, complaints):
            here.react(reaction, bounce(ANN), abuse)
        names = ("/bounce", "/soft_bounce", "/prevented", "/complaint")

        assert (["soft-bounce", ""], [0, 1, 0, 0]) == (
            here.stopped(ANN, BOB),
            here.counted(*names),
        )

    def test_plans_change_nothing(self, here: Desk) -> None:
        """To ask what would be done does nothing."""
        events = [
            *ABOUT_MAIL,
            soft(0),
            complaint(BOB),
            wishes(new=EVERYTHING),
        ]
        policy = BouncePolicy(soft_limit=1)
        for event in events:
            for reaction in default_reactions(policy):
                reaction.plan(event, here.parts)
        names = [counter(what) for what in COUNTED]

        assert (0, [0] * len(names)) == (
            here.parts.suppressions.count(),
            here.counted(*names),
        )

    @pytest.mark.parametrize("mailed", [(ANN, BOB), (ANN, "jürgen@b.example")])
    @pytest.mark.parametrize(
        "tell", [bounce, complaint, lambda *to, mail: soft(0, *to, mail=mail)]
    )
    def test_strangers(
        self, here: Desk, tell: Any, mailed: tuple[str, ...]
    ) -> None:
        """
        A report may name anybody: it stops no mail but to who got this one.

        One of the recipients writes it, and could else have the mail of
        any other customer stopped.
        """
        event = tell("victim@c.example", mail=mail_to(*mailed))
        policy = BouncePolicy(soft_limit=1)
        whys = []
        for reaction in default_reactions(policy):
            whys += here.why(reaction, event)
            here.react(reaction, event)

        assert (0, True) == (
            here.parts.suppressions.count(),
            any("no address that the mail was sent to" in why for why in whys),
        )

    def test_outage(self, here: Desk) -> None:
        """A store without an answer is no success."""
        here.parts = attrs.evolve(
            here.parts,
            suppressions=_Down(),
            soft_bounces=_Down(),
            counters=_Down(),
        )
        failed = []
        for reaction in default_reactions():
            for event in (bounce(ANN), soft(0), complaint(ANN), delivery(0)):
                try:
                    here.react(reaction, event)
                except StoreError:
                    failed.append((reaction.name, type(event).__name__))

        assert [
            ("suppress-bounces", "Bounce"),
            ("soft-bounces", "Bounce"),
            ("soft-bounces", "Delivery"),
            ("suppress-complaints", "Complaint"),
            ("count", "Bounce"),
            ("count", "Bounce"),
            ("count", "Complaint"),
            ("count", "Delivery"),
        ] == failed

    def test_layers(self, here: Desk) -> None:
        """Lists of others are neither asked nor changed."""
        behind: Any = _Down()
        ours = MemorySuppressionStore(clock=here.clock)
        layers = SuppressionLayers(ours, behind)
        here.parts = attrs.evolve(here.parts, suppressions=layers)
        here.clock.sleep(5 * DAY_S)
        policy = BouncePolicy(soft_limit=1)
        here.react(OptOuts(), wishes(new=topics(weekly=False)))
        here.react(OptOuts(), wishes(at=at(1), new=topics(weekly=True)))
        here.react(SoftBounceLimit(policy), soft(0))
        stopped = ours.count()
        here.react(SoftBounceLimit(policy), delivery(1))

        assert (1, 0) == (stopped, ours.count())

    def test_hostile_mail(self, here: Desk) -> None:
        """Nothing that an event says of its mail makes a reaction fail."""
        odd = ("", "\ud800", "a" * 5_000, "é@é.example", "<>", "@", "a@b\n")
        mail = Mail(
            destination=odd, tag="\ud800", stream="\x00", region="\ud800"
        )
        events = [
            attrs.evolve(event, mail=mail)
            for event in (
                *ABOUT_MAIL,
                bounce(*odd),
                soft(0, *odd),
                delivery(0, *odd),
                complaint(*odd),
                wishes(
                    contact_list="\ud800",
                    new=TopicPreferences(topics={"\ud800": False, "": True}),
                ),
            )
        ]
        done = [
            name
            for reaction in default_reactions()
            for name in here.react(reaction, *events)
        ]

        assert len(done) > len(events)

    def test_many_recipients(self, here: Desk) -> None:
        """The work grows with the recipients, and not with their square."""
        many = [f"u{n}@b.example" for n in range(3_000)]
        asked = Recipient(address=ANN, bare=ANN)
        event = bounce(*many, sub_type="NoEmail")
        event = attrs.evolve(event, recipients=(*event.recipients, asked))
        for reaction in default_reactions():
            here.react(reaction, event)

        assert (3_000, [3_001]) == (
            here.parts.suppressions.count(),
            here.counted("/bounce"),
        )


class _Down:
    """A store that never answers."""

    engine = "down"

    def __getattr__(self, name: str) -> Any:
        """Return an act that fails."""
        if name.startswith("_"):
            raise AttributeError(name)
        return self._fail

    def _fail(self, *_: object, **__: object) -> Any:
        raise StoreError("store", "down", "no answer")

    # What SuppressionLayers looks for, as it checks what it is given.
    add = find = remove = page = count = purge = after_fork = close = _fail
