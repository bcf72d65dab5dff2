"""
What every store of seen events keeps, as tests to inherit.

.. code-block:: python

    class TestMyEvents(SeenEventsContract):
        @pytest.fixture
        def seen(self, clock: FakeClock) -> SeenEvents:
            return MySeenEvents(clock=clock)

Needs pytest and hypothesis.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis.stateful import run_state_machine_as_test

from safeses.errors import ConfigurationError
from safeses.testing._contracts._facts_fixtures import (
    ALIKE,
    AT_LENGTH,
    DAY_S,
    HOUR_S,
    JOINED,
    NO_SECONDS,
)
from safeses.testing._contracts._seen_history import SeenHistorian
from safeses.testing._contracts._seen_sharing import SeenSharingContract
from safeses.typing import SeenEvents

if TYPE_CHECKING:
    from safeses.testing._clock import FakeClock


class SeenEventsContract(SeenSharingContract):
    """
    What anything that implements `safeses.typing.SeenEvents` keeps.

    Subclass it and define the fixture ``seen``: one that nobody has used
    and that takes its time from ``clock``, which you may override.

    Attributes:
        forks_in_use: Set it to False for a store on a library that hangs
            in a child that was forked while a thread was inside of it: it
            is then forked between two calls only.
    """

    def test_is_a_store(self, seen: SeenEvents) -> None:
        """It has every method, and says what holds it."""
        is_store = isinstance(seen, SeenEvents)

        assert (True, True) == (is_store, bool(seen.engine))

    # --- Marks ---

    def test_marked_once(self, seen: SeenEvents) -> None:
        """What is marked is there, and is not marked again."""
        before = seen.has("e", "log")
        marks = [seen.mark("e", "log", DAY_S) for _ in range(3)]

        assert (False, [True, False, False], True) == (
            before,
            marks,
            seen.has("e", "log"),
        )

    def test_each_reaction(self, seen: SeenEvents) -> None:
        """A mark is about one event and one reaction, and no other."""
        seen.mark("e", "log", DAY_S)
        others = [("e", "count"), ("f", "log"), ("log", "e")]
        known = [seen.has(*other) for other in others]
        marks = [seen.mark(*other, DAY_S) for other in others]

        assert (3 * [False], 3 * [True]) == (known, marks)

    @pytest.mark.parametrize("texts", ALIKE.values(), ids=ALIKE)
    def test_any_text(self, seen: SeenEvents, texts: tuple[str, str]) -> None:
        """Texts that differ are two, as events, reactions and owners."""
        one, other = texts
        seen.mark(one, "log", DAY_S)
        seen.mark("e", one, DAY_S)
        seen.hold(one, HOUR_S, "owner")
        seen.hold("e", HOUR_S, one)
        seen.release("e", other)

        assert (True, True, False, False, True, False) == (
            seen.has(one, "log"),
            seen.has("e", one),
            seen.has(other, "log"),
            seen.has("e", other),
            seen.hold(other, HOUR_S, "else"),
            seen.hold("e", HOUR_S, other),
        )

    @pytest.mark.parametrize("pairs", JOINED.values(), ids=map(repr, JOINED))
    def test_joined_texts(
        self, seen: SeenEvents, pairs: tuple[tuple[str, str], tuple[str, str]]
    ) -> None:
        """Where an event ends and a reaction begins is never in doubt."""
        one, other = pairs
        seen.mark(*one, DAY_S)

        assert (True, False) == (seen.has(*one), seen.has(*other))

    def test_kept(self, seen: SeenEvents, clock: FakeClock) -> None:
        """A mark counts until its end; then it is as if it never was."""
        seen.mark("e", "log", HOUR_S)
        clock.sleep(HOUR_S - 1)
        before = seen.has("e", "log"), seen.mark("e", "log", HOUR_S)
        clock.sleep(1)
        after = seen.has("e", "log"), seen.mark("e", "log", HOUR_S)

        assert ((True, False), (False, True), True) == (
            before,
            after,
            seen.has("e", "log"),
        )

    @pytest.mark.parametrize("again_s", [1.0, 9 * HOUR_S])
    def test_renews_nothing(
        self, seen: SeenEvents, clock: FakeClock, again_s: float
    ) -> None:
        """A mark that is there already keeps its own end."""
        seen.mark("e", "log", HOUR_S)
        clock.sleep(HOUR_S / 2)
        again = seen.mark("e", "log", again_s)
        clock.sleep(HOUR_S / 2 - 1)
        before = seen.has("e", "log")
        clock.sleep(1)

        assert (False, True, False) == (again, before, seen.has("e", "log"))

    # --- Holds ---

    def test_held(self, seen: SeenEvents) -> None:
        """Who holds an event keeps others away, and not himself."""
        answers = [
            seen.hold(event, HOUR_S, owner)
            for event, owner in (
                ("e", "ann"),
                ("e", "bob"),
                ("e", "ann"),
                ("f", "bob"),
            )
        ]

        assert [True, False, True, True] == answers

    def test_released(self, seen: SeenEvents) -> None:
        """What its owner lets go of is free; nobody else can."""
        seen.release("e", "nobody")
        seen.hold("e", HOUR_S, "ann")
        seen.release("e", "bob")
        before = seen.hold("e", HOUR_S, "bob")
        seen.release("e", "ann")
        seen.release("e", "ann")

        assert (False, True, False) == (
            before,
            seen.hold("e", HOUR_S, "bob"),
            seen.hold("e", HOUR_S, "ann"),
        )

    def test_abandoned(self, seen: SeenEvents, clock: FakeClock) -> None:
        """A lease that has ended keeps nobody away."""
        seen.hold("e", HOUR_S, "ann")
        clock.sleep(HOUR_S - 1)
        before = seen.hold("e", HOUR_S, "bob")
        clock.sleep(1)
        after = seen.hold("e", HOUR_S, "bob")
        seen.release("e", "ann")

        assert (False, True, False, False) == (
            before,
            after,
            seen.hold("e", HOUR_S, "ann"),
            seen.hold("e", HOUR_S, "eva"),
        )

    def test_renewed(self, seen: SeenEvents, clock: FakeClock) -> None:
        """Who takes it again has it for the whole of another lease."""
        seen.hold("e", HOUR_S, "ann")
        clock.sleep(HOUR_S / 2)
        seen.hold("e", HOUR_S, "ann")
        clock.sleep(HOUR_S - 1)
        before = seen.hold("e", HOUR_S, "bob")
        clock.sleep(1)

        assert (False, True) == (before, seen.hold("e", HOUR_S, "bob"))

    def test_shortened(self, seen: SeenEvents, clock: FakeClock) -> None:
        """A lease may begin anew as a shorter one."""
        seen.hold("e", HOUR_S, "ann")
        seen.hold("e", 60, "ann")
        clock.sleep(60)

        assert seen.hold("e", HOUR_S, "bob")

    def test_holds_and_marks(self, seen: SeenEvents) -> None:
        """To hold an event is not to have handled it, nor the reverse."""
        seen.hold("e", HOUR_S, "ann")
        seen.mark("f", "log", DAY_S)
        handled = seen.has("e", "log")
        marked = seen.mark("e", "log", DAY_S)
        held = seen.hold("f", HOUR_S, "ann")
        seen.release("f", "ann")
        seen.release("e", "ann")

        assert (False, True, True, [True, True]) == (
            handled,
            marked,
            held,
            [seen.has(event, "log") for event in "ef"],
        )

    @pytest.mark.parametrize("seconds", NO_SECONDS)
    def test_no_seconds(self, seen: SeenEvents, seconds: float) -> None:
        """What is no number of seconds is refused, and changes nothing."""
        with pytest.raises(ConfigurationError):
            seen.mark("e", "log", seconds)
        with pytest.raises(ConfigurationError):
            seen.hold("e", seconds, "ann")

        assert (False, True) == (
            seen.has("e", "log"),
            seen.hold("e", HOUR_S, "bob"),
        )

    # --- Keeping ---

    def test_purge(self, seen: SeenEvents, clock: FakeClock) -> None:
        """What is over goes, by itself or not; what is not stays."""
        for event, keep_s in (("e", HOUR_S), ("f", DAY_S), ("g", 60.0)):
            seen.mark(event, "log", keep_s)
            seen.hold(event, keep_s, "ann")
        clock.sleep(HOUR_S)
        purged = seen.purge()

        assert (True, 0, True, False, True) == (
            purged <= 4,
            seen.purge(),
            seen.has("f", "log"),
            seen.hold("f", DAY_S, "bob"),
            seen.hold("e", DAY_S, "bob"),
        )

    def test_many(self, seen: SeenEvents, clock: FakeClock) -> None:
        """However many others come and end, no mark goes before its time."""
        seen.mark("e", "log", DAY_S)
        for n in range(600):
            seen.mark(f"short {n}", "log", 1.0 + n % 7)
            seen.mark(f"long {n}", "log", 2 * DAY_S)
            clock.sleep(1)
        lost = [n for n in range(600) if not seen.has(f"long {n}", "log")]

        assert (True, []) == (seen.has("e", "log"), lost)

    def test_any_history(self, seen: SeenEvents, clock: FakeClock) -> None:
        """Whatever happens, in any order, a dict would have said the same."""
        histories = []

        class History(SeenHistorian):
            def __init__(self) -> None:
                super().__init__(seen, clock)
                histories.append(self)

        run_state_machine_as_test(History, settings=AT_LENGTH)

        assert len(histories) > 1
