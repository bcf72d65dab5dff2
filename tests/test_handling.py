"""One event: held, reacted to, told to the hooks, and marked as done."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, cast

import attrs
import pytest
from tests.receiving import (
    DELIVERED,
    Do,
    Idle,
    Noted,
    SpiedSeen,
    memory_parts,
)

from safeses.errors import ConfigurationError, StoreError
from safeses.events import Bounce, Delivery, FeedbackEvent, Mail, SetUp
from safeses.feedback._handling import LEASE_S, Handler
from safeses.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from safeses._parts import Parts
    from safeses.feedback._reaction import Act, Reaction
    from safeses.feedback._reply import Handled

pytestmark = pytest.mark.race  # threads

AWAY = (
    "an event (Delivery) is left to its next delivery: the state has no answer"
)
LOST = ConnectionError("lost")


@pytest.fixture
def clock() -> FakeClock:
    """Time that the test moves."""
    return FakeClock()


@pytest.fixture
def seen(clock: FakeClock) -> SpiedSeen:
    """Marks, whose store may be away."""
    spied = SpiedSeen()
    spied.store = memory_parts(clock).seen
    return spied


@pytest.fixture
def parts(clock: FakeClock, seen: SpiedSeen) -> Parts:
    """What events act on."""
    return memory_parts(clock, seen=seen)


@pytest.fixture
def handler(parts: Parts) -> Callable[..., Handler]:
    """Make a handler of some reactions."""

    def make(*reactions: Reaction, **more: Any) -> Handler:
        return Handler(lambda: parts, reactions, **more)

    return make


def on(parts: Parts, hook: Any, name: str) -> None:
    """Register a hook of deliveries."""
    parts.hooks.add(Delivery, hook, name)


class TestOnce:
    """What has succeeded is not done again."""

    def test_a_duplicate(self, handler: Callable[..., Handler]) -> None:
        """An event that comes again is not reacted to again."""
        noted = Noted()
        ours = handler(noted)
        statuses = [ours.handle(DELIVERED).status for _ in range(3)]

        assert (["done", "duplicate", "duplicate"], 1) == (
            statuses,
            noted.ran,
        )

    def test_two_events(self, handler: Callable[..., Handler]) -> None:
        """Two events of one mail are two."""
        noted = Noted()
        ours = handler(noted)
        other = attrs.evolve(DELIVERED, id="e-2")
        statuses = [ours.handle(e).status for e in (DELIVERED, other)]

        assert (["done", "done"], 2) == (statuses, noted.ran)

    def test_it_is_remembered_for_so_long(
        self, handler: Callable[..., Handler], clock: FakeClock
    ) -> None:
        """A queue keeps messages for 14 days: marks live for longer."""
        noted = Noted()
        ours = handler(noted)
        ours.handle(DELIVERED)
        clock.advance(14.5 * 86_400)
        before = ours.handle(DELIVERED).status
        clock.advance(86_400)
        after = ours.handle(DELIVERED).status

        assert ("duplicate", "done") == (before, after)

    def test_the_failed_reaction_alone_is_tried_again(
        self, handler: Callable[..., Handler]
    ) -> None:
        """One that succeeded before does not run again."""
        first, bad, last = Noted("a"), Noted("b", fails=[LOST]), Noted("c")
        ours = handler(first, bad, last)
        handled = [ours.handle(DELIVERED) for _ in range(3)]

        assert (
            [("failed", ("b",)), ("done", ()), ("duplicate", ())],
            (1, 2, 1),
        ) == (
            [(h.status, h.failed) for h in handled],
            (first.ran, bad.ran, last.ran),
        )

    def test_the_failed_hook_alone_is_tried_again(
        self, handler: Callable[..., Handler], parts: Parts
    ) -> None:
        """Reactions, and hooks before and after it, do not run again."""
        noted = Noted()
        first, bad, last = Noted(), Noted(fails=[LOST, LOST]), Noted()
        for name, hook in (("a", first), ("b", bad), ("c", last)):
            on(parts, hook.run, name)
        ours = handler(noted)
        handled = [ours.handle(DELIVERED) for _ in range(3)]

        assert (
            [("failed", ("b",)), ("failed", ("b",)), ("done", ())],
            (1, 1, 3, 1),
        ) == (
            [(h.status, h.failed) for h in handled],
            (noted.ran, first.ran, bad.ran, last.ran),
        )

    def test_a_failed_reaction_stops_no_hook(
        self, handler: Callable[..., Handler], parts: Parts
    ) -> None:
        """The hook runs at once, and not again with the reaction."""
        noted, hook = Noted(fails=[LOST]), Noted()
        on(parts, hook.run, "a")
        ours = handler(noted)
        statuses = [ours.handle(DELIVERED).status for _ in range(2)]

        assert (["failed", "done"], 2, 1) == (statuses, noted.ran, hook.ran)

    def test_a_hook_of_the_same_name_as_a_reaction(
        self, handler: Callable[..., Handler], parts: Parts
    ) -> None:
        """The mark of the one is not taken for that of the other."""
        reaction, hook, bad = Noted("same"), Noted(), Noted(fails=[LOST])
        on(parts, hook.run, "same")
        on(parts, hook.run, "*")
        on(parts, hook.run, "reactions")
        on(parts, bad.run, "bad")
        ours = handler(reaction)
        statuses = [ours.handle(DELIVERED).status for _ in range(2)]

        assert (["failed", "done"], 1, 3) == (statuses, reaction.ran, hook.ran)

    def test_hooks_of_the_kind_come_first(
        self, handler: Callable[..., Handler], parts: Parts
    ) -> None:
        """Then those of all events; reactions came before."""
        told: list[str] = []
        parts.hooks.add(FeedbackEvent, lambda _: told.append("all"), "all")
        on(parts, lambda _: told.append("kind"), "kind")
        parts.hooks.add(Bounce, lambda _: told.append("other"), "other")

        class Tells(Noted):
            def run(self, *_: object) -> None:
                told.append("reaction")

        handler(Tells()).handle(DELIVERED)

        assert ["reaction", "kind", "all"] == told


class TestWrites:
    """What an event costs the state."""

    @pytest.mark.parametrize(
        "hooks, writes, marks",
        [
            (0, 3, ["*"]),
            (1, 4, ["reactions", "*"]),
            (2, 5, ["reactions", "hook/h0", "*"]),
        ],
    )
    def test_of_an_event(
        self,
        handler: Callable[..., Handler],
        parts: Parts,
        hooks: int,
        writes: int,
        marks: list[str],
    ) -> None:
        """It is held, marked and let go; more for hooks, not for reactions."""
        seen = cast("SpiedSeen", parts.seen)
        for number in range(hooks):
            on(parts, Noted().run, f"h{number}")
        handler(Noted("a"), Idle(), Noted("b")).handle(DELIVERED)

        assert (writes, marks) == (seen.writes, seen.marks)

    def test_of_a_duplicate(
        self, handler: Callable[..., Handler], seen: SpiedSeen
    ) -> None:
        """One look and nothing written."""
        ours = handler(Noted())
        ours.handle(DELIVERED)
        seen.calls.clear()
        ours.handle(DELIVERED)

        assert {"has": 1} == seen.calls

    def test_of_what_nobody_wants(
        self, handler: Callable[..., Handler], seen: SpiedSeen
    ) -> None:
        """Nothing is written about an event that nothing is done about."""
        status = handler(Idle()).handle(SetUp(id="s")).status

        assert ("done", 0) == (status, seen.writes)


class TestHolding:
    """Nobody else handles an event meanwhile."""

    def test_busy(
        self, handler: Callable[..., Handler], seen: SpiedSeen
    ) -> None:
        """An event that somebody holds is left alone."""
        seen.hold("e-1", 10.0, "somebody")
        noted = Noted()
        before = handler(noted).handle(DELIVERED)
        seen.release("e-1", "somebody")
        after = handler(noted).handle(DELIVERED)

        assert (("busy", False), ("done", True), 1) == (
            (before.status, before.is_done),
            (after.status, after.is_done),
            noted.ran,
        )

    def test_done_while_it_was_asked_for(
        self, handler: Callable[..., Handler], seen: SpiedSeen
    ) -> None:
        """Who gets it after another has finished does nothing."""
        seen.first["hold"] = lambda: seen.store.mark("e-1", "*", 60.0)
        noted = Noted()
        status = handler(noted).handle(DELIVERED).status

        assert ("duplicate", 0, 1) == (
            status,
            noted.ran,
            seen.calls["release"],
        )

    def test_a_crash_frees_it_before_the_next_delivery(
        self,
        handler: Callable[..., Handler],
        seen: SpiedSeen,
        clock: FakeClock,
    ) -> None:
        """SNS delivers again after 20 s, and only three times."""

        class Dies(Noted):
            def run(self, *_: object) -> None:
                self.ran += 1
                if self.ran == 1:
                    raise SystemExit

        ours = handler(Dies())
        seen.fails = {"release"}  # as it would not be after kill -9
        with pytest.raises(SystemExit):
            ours.handle(DELIVERED)
        at_once = ours.handle(DELIVERED).status
        clock.advance(20.0)
        later = ours.handle(DELIVERED).status

        assert ("busy", "done") == (at_once, later)

    @pytest.mark.parametrize("how", [KeyboardInterrupt, SystemExit])
    def test_an_interrupt_lets_go(
        self,
        handler: Callable[..., Handler],
        parts: Parts,
        how: type[BaseException],
    ) -> None:
        """It goes on up, and the event is free at once."""
        hook = Noted(fails=[how()])
        on(parts, hook.run, "a")
        ours = handler()
        with pytest.raises(how):
            ours.handle(DELIVERED)

        assert "done" == ours.handle(DELIVERED).status

    def test_a_hook_that_delivers_the_same_event(
        self, handler: Callable[..., Handler], parts: Parts
    ) -> None:
        """It is told that the event is busy, and nothing hangs."""
        inner: list[str] = []
        ours = handler(Noted())
        on(parts, lambda e: inner.append(ours.handle(e).status), "a")
        outer = ours.handle(DELIVERED).status

        assert ("done", ["busy"]) == (outer, inner)

    def test_a_hook_that_delivers_another_event(
        self, handler: Callable[..., Handler], parts: Parts
    ) -> None:
        """Events may be handled within one another."""
        ours = handler(Noted())
        bounce = Bounce(id="b", type="Permanent", sub_type="General")  # type: ignore[arg-type]  # a word will do
        inner: list[str] = []
        on(parts, lambda _: inner.append(ours.handle(bounce).status), "a")
        ours.handle(DELIVERED)

        assert ["done"] == inner

    def test_slow_hooks_keep_their_hold(
        self,
        handler: Callable[..., Handler],
        parts: Parts,
        clock: FakeClock,
    ) -> None:
        """Hooks within the lease each may take longer than it together."""
        others: list[str] = []
        ours = handler()

        def slow(_: object) -> None:
            clock.advance(LEASE_S * 0.8)
            others.append(ours.handle(DELIVERED).status)

        for name in "abcd":
            on(parts, slow, name)
        status = ours.handle(DELIVERED).status

        assert ("done", ["busy"] * 4) == (status, others)

    def test_a_hold_that_was_lost(
        self,
        handler: Callable[..., Handler],
        parts: Parts,
        clock: FakeClock,
    ) -> None:
        """Who took too long leaves the rest to who has it by now."""
        ran: Counter[str] = Counter()
        inner: list[Handled] = []
        ours = handler(lease_s=10.0)

        def slow(_: object) -> None:
            ran["slow"] += 1
            if ran["slow"] == 1:
                clock.advance(11.0)
                parts.seen.hold("e-1", 60.0, "somebody")

        on(parts, slow, "slow")
        on(parts, lambda _: ran.update(["next"]), "next")
        inner.append(ours.handle(DELIVERED))
        parts.seen.release("e-1", "somebody")
        inner.append(ours.handle(DELIVERED))

        assert (["busy", "done"], {"slow": 1, "next": 1}) == (
            [h.status for h in inner],
            dict(ran),
        )

    def test_a_state_that_is_too_slow(
        self,
        handler: Callable[..., Handler],
        seen: SpiedSeen,
        clock: FakeClock,
    ) -> None:
        """Where each look takes half of the lease, it is left to later."""
        noted = Noted()
        ours = handler(noted)
        seen.first["has"] = lambda: clock.advance(LEASE_S / 2)
        slow = ours.handle(DELIVERED).status
        seen.first.clear()
        later = ours.handle(DELIVERED).status

        assert ("busy", "done", 1) == (slow, later, noted.ran)

    def test_threads(
        self, handler: Callable[..., Handler], parts: Parts
    ) -> None:
        """Of 16 that deliver it at once each reaction and hook runs once."""
        noted, hook = Noted(), Noted()
        on(parts, hook.run, "a")
        ours = handler(noted)
        gate = threading.Barrier(16)

        def deliver(_: int) -> str:
            gate.wait(30)
            return ours.handle(DELIVERED).status

        with ThreadPoolExecutor(16) as pool:
            statuses = Counter(pool.map(deliver, range(16)))

        assert (1, 1, 1, 16) == (
            noted.ran,
            hook.ran,
            statuses.pop("done"),
            1 + statuses["busy"] + statuses["duplicate"],
        )


class TestFaults:
    """A state that is away, and what raises."""

    @pytest.mark.parametrize(
        "call, ran",
        [
            ("has *", (0, 0, 0)),
            ("hold", (0, 0, 0)),
            ("has reactions", (0, 0, 0)),
            ("has reaction/a", (0, 0, 0)),
            ("mark reactions", (1, 0, 0)),
            ("has hook/x", (1, 0, 0)),
            ("mark hook/x", (1, 1, 0)),
            ("mark *", (1, 1, 1)),
        ],
    )
    def test_the_state_is_away(
        self,
        handler: Callable[..., Handler],
        parts: Parts,
        call: str,
        ran: tuple[int, int, int],
    ) -> None:
        """Nothing more is tried, and the event comes again."""
        seen = cast("SpiedSeen", parts.seen)
        noted, one, two = Noted("a"), Noted(), Noted()
        on(parts, one.run, "x")
        on(parts, two.run, "y")
        ours = handler(noted)
        seen.fails = {call}
        away = ours.handle(DELIVERED)
        did = (noted.ran, one.ran, two.ran)
        seen.fails = set()
        back = ours.handle(DELIVERED)

        assert ("failed", ("state",), ran, "done") == (
            away.status,
            away.failed,
            did,
            back.status,
        )

    def test_it_cannot_be_let_go(
        self, handler: Callable[..., Handler], seen: SpiedSeen
    ) -> None:
        """What is marked is done: the lease ends by itself."""
        seen.fails = {"release"}
        ours = handler(Noted())
        statuses = [ours.handle(DELIVERED).status for _ in range(2)]

        assert ["done", "duplicate"] == statuses

    def test_a_plan_that_raises(self, handler: Callable[..., Handler]) -> None:
        """It counts as a reaction that failed; others go on."""

        class Unplanned(Noted):
            def plan(self, event: object, parts: object) -> Sequence[Act]:
                del event, parts
                self.run()
                return []

        bad = Unplanned("bad", fails=[LOST, LOST])
        good = Noted("good")
        ours = handler(bad, good)
        first = ours.handle(DELIVERED)
        second = ours.handle(DELIVERED)

        assert (("failed", ("bad",)), "done", 1) == (
            (first.status, first.failed),
            second.status,
            good.ran,
        )

    def test_a_reaction_without_a_store(
        self, handler: Callable[..., Handler]
    ) -> None:
        """A store that is away fails that reaction, not the others."""
        bad = Noted("bad", fails=[StoreError("suppressions", "x", "away")])
        good = Noted("good")
        handled = handler(bad, good).handle(DELIVERED)

        assert (("bad",), 1) == (handled.failed, good.ran)

    def test_half_of_a_reaction(self, handler: Callable[..., Handler]) -> None:
        """Acts are done again if one after them failed."""
        first, second = Noted(), Noted(fails=[LOST])

        class Two(Noted):
            def plan(self, event: object, parts: object) -> Sequence[Act]:
                del event, parts
                return [
                    Do(why="", what=first.run),
                    Do(why="", what=second.run),
                ]

        ours = handler(Two())
        statuses = [ours.handle(DELIVERED).status for _ in range(2)]

        assert (["failed", "done"], 2, 2) == (statuses, first.ran, second.ran)

    def test_what_the_log_says(
        self,
        handler: Callable[..., Handler],
        parts: Parts,
        seen: SpiedSeen,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """The kinds, names and ids, at WARNING; nothing of the event."""
        secret = ValueError("eva@b.example")
        on(parts, Noted(fails=[secret]).run, "a")
        event = attrs.evolve(
            DELIVERED, mail=Mail(message_id="m", source="eva@b.example")
        )
        with caplog.at_level(logging.DEBUG):
            ours = handler(Noted("b", fails=[secret]))
            ours.handle(event)
            seen.fails = {"hold"}
            ours.handle(event)
        lines = [(r.levelno, r.getMessage()) for r in caplog.records]
        which = f"Delivery {DELIVERED.id[:12]}"

        assert [
            (30, f"the reaction 'b' failed on {which} (ValueError)"),
            (30, f"the hook 'a' failed on {which} (ValueError)"),
            (
                30,
                f"{AWAY} (seen events in memory: it is away)",
            ),
        ] == lines

    @pytest.mark.parametrize("call", ["has", "hold", "mark"])
    def test_the_log_names_the_part(
        self,
        handler: Callable[..., Handler],
        seen: SpiedSeen,
        caplog: pytest.LogCaptureFixture,
        call: str,
    ) -> None:
        """Whatever the driver of the store says, and at whichever call."""

        def locked() -> None:
            problem = "it is locked"
            raise StoreError("seen events", "sqlite", problem) from OSError()

        seen.first[call] = locked
        handler(Noted()).handle(DELIVERED)
        lines = [record.getMessage() for record in caplog.records]

        assert [f"{AWAY} (seen events in sqlite: it is locked)"] == lines

    @pytest.mark.parametrize("name", ["keep_s", "lease_s"])
    @pytest.mark.parametrize("seconds", [0, -1, float("inf"), float("nan")])
    def test_no_time(
        self, handler: Callable[..., Handler], name: str, seconds: float
    ) -> None:
        """Marks and leases have a finite time."""
        with pytest.raises(ConfigurationError, match=name) as caught:
            handler(**{name: seconds})

        assert repr(seconds) in str(caught.value)


class TestExplain:
    """What would be done, and why."""

    def test_nothing_is_done(
        self, handler: Callable[..., Handler], seen: SpiedSeen
    ) -> None:
        """All acts are told, also why something is not done."""
        noted = Noted()
        why = [a.why for a in handler(noted, Idle()).explain(DELIVERED)]

        assert (["to note it", "it is not wanted"], 0, {}) == (
            why,
            noted.ran,
            dict(seen.calls),
        )
