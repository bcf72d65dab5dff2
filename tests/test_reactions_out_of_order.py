"""Events come late, twice, at once and in any order, and stores go away."""

from __future__ import annotations

import random
import threading
from itertools import permutations
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from tests.keyed import LOST, told, world
from tests.reacting import (
    ANN,
    DAY_S,
    START,
    Desk,
    at,
    bounce,
    delivery,
    desk,
    mail_to,
    people,
    soft,
)

from safeses import StoreError
from safeses.events import Complaint, Send, Subscription, TopicPreferences
from safeses.feedback._policy import BouncePolicy
from safeses.feedback._reactions import (
    OptOuts,
    SettleLedger,
    SoftBounceLimit,
    SuppressBounces,
    SuppressComplaints,
    default_reactions,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from safeses.events import FeedbackEvent
    from safeses.feedback._reaction import Reaction

pytestmark = pytest.mark.race  # threads

THREE = SoftBounceLimit(BouncePolicy(soft_limit=3))


@pytest.fixture
def here(tmp_path: Path) -> Desk:
    """Return a desk in memory, ten days after the start."""
    return _later(desk("memory", tmp_path))


@pytest.fixture(params=["memory", "sqlite"])
def everywhere(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Desk]:
    """Return a desk in each engine, ten days after the start."""
    made = _later(desk(request.param, tmp_path))
    yield made
    made.state.close()


def _later(made: Desk) -> Desk:
    made.clock.sleep(10 * DAY_S)
    return made


def _wish(day: float, *, is_wanted: bool) -> Subscription:
    return Subscription(
        id=f"wish/{day}",
        at=at(day),
        mail=mail_to(ANN),
        contact_list="a list",
        new=TopicPreferences(topics={"weekly": is_wanted}),
    )


OUT_1 = _wish(1, is_wanted=False)
IN_2 = _wish(2, is_wanted=True)
OUT_3 = _wish(3, is_wanted=False)
IN_4 = _wish(4, is_wanted=True)


def _in_every_order(
    reaction: Reaction,
    events: Sequence[FeedbackEvent],
    tmp_path: Path,
    *,
    stream: str = "",
    last: FeedbackEvent | None = None,
) -> set[str]:
    """Return how it may end, of all orders of *events*."""
    ends = set()
    for order in permutations(events):
        made = _later(desk("memory", tmp_path))
        made.react(reaction, *order)
        if last is not None:
            made.react(reaction, last)
        ends |= {*made.stopped(ANN, stream=stream)}
    return ends


class TestSoftBounces:
    """Soft bounces, and deliveries among them."""

    def test_too_few_after(self, tmp_path: Path) -> None:
        """A delivery undoes what came before it, if it comes behind that."""
        before = [soft(0), soft(1), soft(2)]
        after = [soft(4), soft(5)]
        undone = delivery(3)
        ends = _in_every_order(THREE, [*before, *after], tmp_path, last=undone)
        between = set()
        for order in permutations([*before, undone, *after]):
            is_behind = max(map(order.index, before)) < order.index(undone)
            if is_behind:
                made = _later(desk("memory", tmp_path))
                made.react(THREE, *order)
                between |= {*made.stopped(ANN)}

        assert ({""}, {""}) == (ends, between)

    def test_enough_after(self, tmp_path: Path) -> None:
        """Enough bounces after the last delivery suppress in any order."""
        events = [soft(0), soft(1), delivery(2), soft(3), soft(4), soft(5)]

        assert {"soft-bounce"} == _in_every_order(THREE, events, tmp_path)

    def test_early_delivery(self, here: Desk) -> None:
        """A delivery from before all of them lifts nothing."""
        here.react(THREE, soft(2), soft(3), soft(4), delivery(1))

        assert ["soft-bounce"] == here.stopped(ANN)

    def test_older_bounces(self, here: Desk) -> None:
        """What led to it, and is now out of the window, still counts."""
        policy = BouncePolicy(
            soft_limit=3, soft_window_s=3 * DAY_S, soft_expires_s=30 * DAY_S
        )
        reaction = SoftBounceLimit(policy)
        here.react(reaction, soft(8), soft(9), soft(10))
        here.clock.sleep(5 * DAY_S)
        here.react(reaction, delivery(7))

        assert ["soft-bounce"] == here.stopped(ANN)

    def test_delivery_lifts_only_that(self, everywhere: Desk) -> None:
        """A delivery lifts nothing but what soft bounces led to."""
        everywhere.react(THREE, soft(0))
        everywhere.react(SuppressBounces(), bounce(ANN, at=at(1)))
        everywhere.react(THREE, delivery(2))

        assert ["bounce"] == everywhere.stopped(ANN)

    def test_at_once(self, everywhere: Desk) -> None:
        """Of bounces that come at once, one sees that they are enough."""
        events = [soft(day) for day in range(5)]
        _at_once(everywhere, SoftBounceLimit(), events)

        assert (["soft-bounce"], 1) == (
            everywhere.stopped(ANN),
            everywhere.parts.suppressions.count(),
        )

    def test_outage_at_the_limit(self, everywhere: Desk) -> None:
        """The last one suppresses when it comes again after an outage."""
        everywhere.react(THREE, soft(0), soft(1))
        with pytest.raises(StoreError):
            _react_without(everywhere, THREE, soft(2), "suppressions", "add")
        before = everywhere.stopped(ANN)
        everywhere.react(THREE, soft(2))

        assert ([""], ["soft-bounce"]) == (before, everywhere.stopped(ANN))

    @pytest.mark.parametrize(
        "part, act",
        [
            ("suppressions", "find"),
            ("suppressions", "remove"),
            ("soft_bounces", "clear"),
        ],
    )
    def test_outage_at_a_delivery(
        self, everywhere: Desk, part: str, act: str
    ) -> None:
        """A delivery that comes again after an outage does the rest."""
        everywhere.react(THREE, soft(0), soft(1), soft(2))
        with pytest.raises(StoreError):
            _react_without(everywhere, THREE, delivery(3), part, act)
        everywhere.react(THREE, delivery(3), soft(4), soft(5))

        assert [""] == everywhere.stopped(ANN)


class TestOptOuts:
    """Opting out and in, and out again."""

    def test_out_is_last(self, tmp_path: Path) -> None:
        """Who opted out last gets no mail, in whatever order it is told."""
        ends = _in_every_order(
            OptOuts(), [OUT_1, IN_2, OUT_3, OUT_3], tmp_path, stream="weekly"
        )

        assert {"unsubscribe"} == ends

    def test_in_is_last(self, tmp_path: Path) -> None:
        """Who opted in last gets mail, if that is told last."""
        ends = _in_every_order(
            OptOuts(),
            [OUT_1, IN_2, OUT_3],
            tmp_path,
            stream="weekly",
            last=IN_4,
        )

        assert {""} == ends

    def test_in_comes_first(self, here: Desk) -> None:
        """An older opting out that comes late is obeyed: the safer side."""
        here.react(OptOuts(), IN_2, OUT_1)
        before = here.stopped(ANN, stream="weekly")
        here.react(OptOuts(), IN_4)

        assert (["unsubscribe"], [""]) == (
            before,
            here.stopped(ANN, stream="weekly"),
        )

    def test_newest_is_on_record(self, everywhere: Desk) -> None:
        """Of several the entry tells the newest, in every engine."""
        everywhere.react(OptOuts(), OUT_1, OUT_3, OUT_1)
        (entry,) = everywhere.parts.suppressions.page().entries
        everywhere.react(OptOuts(), IN_2)

        assert (at(3), ["unsubscribe"]) == (
            entry.since,
            everywhere.stopped(ANN, stream="weekly"),
        )


class TestForGood:
    """Hard bounces and complaints."""

    @pytest.mark.parametrize("engine", ["memory", "sqlite"])
    def test_stays(self, engine: str, tmp_path: Path) -> None:
        """Nobody who bounced for good, or complained, is mailed again."""
        complaint = Complaint(
            id="c", at=at(2), mail=mail_to(ANN), recipients=people([ANN])
        )
        events = [bounce(ANN, at=at(1)), complaint, delivery(3), soft(4)]
        made = _later(desk(engine, tmp_path))
        ends = set()
        for order in permutations(events):
            for event in order:
                for reaction in default_reactions():
                    made.react(reaction, event)
            (reason,) = made.stopped(ANN)
            ends.add(reason)
            made.parts.suppressions.remove([ANN])
        made.state.close()

        assert {"bounce", "complaint"} == ends

    def test_at_once(self, everywhere: Desk) -> None:
        """The same bounce at once, often, is one entry."""
        _at_once(everywhere, SuppressBounces(), [bounce(ANN)] * 8)

        assert 1 == everywhere.parts.suppressions.count()

    def test_between_two(self, everywhere: Desk) -> None:
        """An outage between two reactions loses none of them."""
        complaint = Complaint(id="c", at=at(1), recipients=people([ANN]))
        with pytest.raises(StoreError):
            _react_without(
                everywhere,
                SuppressComplaints(),
                complaint,
                "suppressions",
                "add",
            )
        everywhere.react(SuppressComplaints(), complaint)

        assert ["complaint"] == everywhere.stopped(ANN)


class TestTwice:
    """Everything that may be done twice."""

    def test_same_as_once(self, tmp_path: Path) -> None:
        """Twice, in any order, is the same as once, but for the counts."""
        events = [bounce("bob@b.example"), *map(soft, range(4)), OUT_1]
        shuffled = random.Random(7)  # noqa: S311  # no secret
        wanted = _end_of(events, tmp_path)
        ends = []
        for _ in range(30):
            twice = [*events, *events]
            shuffled.shuffle(twice)
            ends.append(_end_of(twice, tmp_path))

        assert [wanted] * 30 == ends

    @pytest.mark.parametrize("engine", ["memory", "sqlite"])
    def test_settled(self, engine: str, tmp_path: Path) -> None:
        """A mail is settled by whichever event comes first, and once."""
        there = world(engine, tmp_path)
        there.answers(LOST)
        ses = there.client()
        error = told(ses)
        mail = mail_to(ANN, tag=error.tag, sent_at=START)
        events = [
            attrs.evolve(event, mail=mail)
            for event in (bounce(ANN), Send(id="s"), delivery(0), bounce(ANN))
        ]
        Desk(there.state, there.clock).react(SettleLedger(), *events)
        again = told(ses)
        left = [*ses.unknown()]
        there.close()

        assert ([], "m-1", START, 1) == (
            left,
            again.message_id,
            again.sent_at,
            there.calls,
        )


def _end_of(events: Sequence[FeedbackEvent], tmp_path: Path) -> Any:
    made = _later(desk("memory", tmp_path))
    for reaction in default_reactions():
        made.react(reaction, *events)
    people_of = (ANN, "bob@b.example")
    return (
        made.stopped(*people_of),
        made.stopped(*people_of, stream="weekly"),
        made.why(SoftBounceLimit(), soft(5)),
    )


def _at_once(
    made: Desk, reaction: Reaction, events: Sequence[FeedbackEvent]
) -> None:
    """React to each event on a thread of its own."""
    gate = threading.Barrier(len(events))

    def work(event: FeedbackEvent) -> None:
        acts = reaction.plan(event, made.parts)
        gate.wait(30)
        for act in acts:
            act.perform(made.parts)

    threads = [threading.Thread(target=work, args=(e,)) for e in events]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)


def _react_without(
    made: Desk, reaction: Reaction, event: FeedbackEvent, part: str, act: str
) -> None:
    """React while one act of one part gets no answer."""
    deaf: Any = _Deaf(getattr(made.parts, part), act)
    parts = attrs.evolve(made.parts, **{part: deaf})
    for planned in reaction.plan(event, parts):
        planned.perform(parts)


@attrs.frozen
class _Deaf:
    """A part one act of which gets no answer."""

    inner: Any
    act: str

    def __getattr__(self, name: str) -> Any:
        """Return an act of the part, or one that fails."""
        if name == self.act:
            raise StoreError("store", "fake", "no answer")
        return getattr(self.inner, name)
