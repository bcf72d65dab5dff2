"""
What all counters keep, as tests to inherit.

.. code-block:: python

    class TestMyCounters(CountersContract):
        @pytest.fixture
        def counters(self, clock: FakeClock) -> Counters:
            return MyCounters(clock=clock)

Needs pytest and hypothesis.
"""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING, ClassVar

import pytest
from hypothesis.stateful import run_state_machine_as_test

from safeses.errors import ConfigurationError
from safeses.testing._contracts._counters_history import CountersHistorian
from safeses.testing._contracts._counters_sharing import (
    CountersSharingContract,
)
from safeses.testing._contracts._facts_fixtures import (
    ALIKE,
    AT_LENGTH,
    DAY_S,
    HOUR_S,
    JOINED,
    NO_INSTANTS,
)
from safeses.typing import Counters

if TYPE_CHECKING:
    from safeses.testing._clock import FakeClock


class CountersContract(CountersSharingContract):
    """
    What anything that implements `safeses.typing.Counters` keeps.

    Subclass it and define the fixture ``counters``: some that nobody has
    used and that take their time from ``clock``, which you may override.

    Attributes:
        bucket_s: The length of a bucket at most, in seconds.
        keep_s: How long counts are kept at least, in seconds.
        forks_in_use: Set it to False for counters on a library that hangs
            in a child that was forked while a thread was inside of it:
            they are then forked between two calls only.
    """

    bucket_s: ClassVar[float] = 300.0
    keep_s: ClassVar[float] = 31 * DAY_S

    def test_are_counters(self, counters: Counters) -> None:
        """They have every method, and say what holds them."""
        are_counters = isinstance(counters, Counters)

        assert (True, True) == (are_counters, bool(counters.engine))

    def test_sums(self, counters: Counters, clock: FakeClock) -> None:
        """What was counted adds up; what was not is 0."""
        now = clock.time()
        for counts in ({"a": 1, "b": 2}, {"a": 10}, {}, {"c": 0}):
            counters.add("s", counts, now)

        assert {"a": 11, "b": 2, "c": 0, "d": 0} == counters.totals(
            "s", ["a", "b", "c", "d", "a"], now - HOUR_S
        )

    def test_nothing_asked(self, counters: Counters, clock: FakeClock) -> None:
        """Of no names there are no totals."""
        counters.add("s", {"a": 1}, clock.time())

        assert {} == counters.totals("s", (), 0)

    @pytest.mark.parametrize("texts", ALIKE.values(), ids=ALIKE)
    def test_any_text(
        self, counters: Counters, clock: FakeClock, texts: tuple[str, str]
    ) -> None:
        """Texts that differ are two, as scopes and as names."""
        one, other = texts
        now = clock.time()
        counters.add("s", {one: 1, other: 2}, now)
        counters.add(one, {"a": 3}, now)
        counters.add(other, {"a": 4}, now)
        counters.add("s", {one: 10}, now)

        assert ({one: 11, other: 2}, {"a": 3}, {"a": 4}) == (
            counters.totals("s", [one, other], 0),
            counters.totals(one, ["a"], 0),
            counters.totals(other, ["a"], 0),
        )

    @pytest.mark.parametrize("pairs", JOINED.values(), ids=map(repr, JOINED))
    def test_joined_texts(
        self,
        counters: Counters,
        clock: FakeClock,
        pairs: tuple[tuple[str, str], tuple[str, str]],
    ) -> None:
        """Where a scope ends and a name begins is never in doubt."""
        (scope, name), (other_scope, other_name) = pairs
        counters.add(scope, {name: 1}, clock.time())

        assert ({name: 1}, {other_name: 0}) == (
            counters.totals(scope, [name], 0),
            counters.totals(other_scope, [other_name], 0),
        )

    # --- Time ---

    def test_spans(self, counters: Counters, clock: FakeClock) -> None:
        """Only what happened within a span counts."""
        now = clock.time()
        for hours in range(10):
            counters.add("s", {"a": 10**hours}, now - hours * HOUR_S)
        spans = [(3.5, None), (6.5, 3.5), (20, 8.5), (0.5, None), (6.5, 6.4)]

        totals = [
            counters.totals(
                "s",
                ["a"],
                now - since * HOUR_S,
                None if until is None else now - until * HOUR_S,
            )["a"]
            for since, until in spans
        ]

        assert [1_111, 1_110_000, 10**9, 1, 0] == totals

    @pytest.mark.parametrize("offset_s", [0.0, 0.001, 59.999, 60.0, 299.0])
    def test_never_too_few(
        self, counters: Counters, clock: FakeClock, offset_s: float
    ) -> None:
        """Wherever a span begins and ends, what is in it counts."""
        at = clock.time() - HOUR_S + offset_s
        counters.add("s", {"a": 1}, at)
        width_s = self.bucket_s
        spans = [
            (at, None),
            (at, at + 0.001),
            (at - 1, at + 1),
            (at - width_s, at + 0.001),
        ]
        apart = [(at + width_s, None), (at - 9 * width_s, at - width_s)]

        assert (4 * [{"a": 1}], 2 * [{"a": 0}]) == (
            [counters.totals("s", ["a"], *span) for span in spans],
            [counters.totals("s", ["a"], *span) for span in apart],
        )

    def test_late(self, counters: Counters, clock: FakeClock) -> None:
        """In whatever order events come, they count at their own time."""
        now = clock.time()
        hours = (0, 5, 30)
        found = []
        for number, order in enumerate(permutations(hours)):
            for ago in order:
                counters.add(f"s{number}", {"a": 1}, now - ago * HOUR_S)
            found.append(
                [
                    counters.totals(f"s{number}", ["a"], now - s * HOUR_S)["a"]
                    for s in (1, 6, 31)
                ]
            )

        assert 6 * [[1, 2, 3]] == found

    def test_ahead(self, counters: Counters, clock: FakeClock) -> None:
        """An event of a clock that is ahead counts, and harms no other."""
        now = clock.time()
        counters.add("s", {"a": 1}, now)
        counters.add("s", {"a": 10}, now + 400 * DAY_S)
        counters.add("s", {"a": 100}, now)

        assert (111, 101) == (
            counters.totals("s", ["a"], now)["a"],
            counters.totals("s", ["a"], now, now + HOUR_S)["a"],
        )

    def test_kept(self, counters: Counters, clock: FakeClock) -> None:
        """Counts are there for as long as they are to be kept."""
        began = clock.time()
        counters.add("s", {"a": 1}, began)
        for _ in range(10):
            clock.sleep((self.keep_s - 60) / 10)
            for n in range(100):
                counters.add("s", {"b": 1}, clock.time() - n)

        assert {"a": 1, "b": 1_000} == counters.totals("s", ["a", "b"], began)

    def test_forget(self, counters: Counters, clock: FakeClock) -> None:
        """What was before is forgotten in every scope, what was since not."""
        now = clock.time()
        for scope in ("s", "t"):
            counters.add(scope, {"a": 1}, now - 2 * DAY_S)
            counters.add(scope, {"a": 10}, now - DAY_S)
            counters.add(scope, {"a": 100}, now)
        counters.forget(now - DAY_S)
        counters.forget(0)

        assert 2 * [{"a": 110}] == [
            counters.totals(scope, ["a"], 0) for scope in ("s", "t")
        ]

    def test_forgotten(self, counters: Counters, clock: FakeClock) -> None:
        """What is counted anew after it was forgotten begins with 0."""
        now = clock.time()
        counters.add("s", {"a": 5}, now)
        counters.forget(now + HOUR_S)
        before = counters.totals("s", ["a"], 0)
        counters.add("s", {"a": 1}, now)

        assert ({"a": 0}, {"a": 1}) == (
            before,
            counters.totals("s", ["a"], 0),
        )

    # --- Numbers ---

    @pytest.mark.parametrize("count", [-1, 1.5, "1", None, 10**13])
    def test_no_count(
        self, counters: Counters, clock: FakeClock, count: int
    ) -> None:
        """With what is no count nothing of the call is counted."""
        with pytest.raises(ConfigurationError):
            counters.add("s", {"a": 1, "b": count, "c": 1}, clock.time())

        assert {"a": 0, "b": 0, "c": 0} == counters.totals("s", "abc", 0)

    @pytest.mark.parametrize("at", NO_INSTANTS)
    def test_no_instant(
        self, counters: Counters, clock: FakeClock, at: float
    ) -> None:
        """What is no instant in seconds is refused everywhere."""
        now = clock.time()
        counters.add("s", {"a": 1}, now)
        with pytest.raises(ConfigurationError):
            counters.add("s", {"a": 1}, at)
        with pytest.raises(ConfigurationError):
            counters.totals("s", ["a"], at)
        with pytest.raises(ConfigurationError):
            counters.totals("s", ["a"], 0, at)
        with pytest.raises(ConfigurationError):
            counters.forget(at)

        assert {"a": 1} == counters.totals("s", ["a"], 0)

    def test_large(self, counters: Counters, clock: FakeClock) -> None:
        """Large counts are exact."""
        counters.add("s", {"a": 10**12}, clock.time())
        counters.add("s", {"a": 10**12 - 1}, clock.time())

        assert {"a": 2 * 10**12 - 1} == counters.totals("s", ["a"], 0)

    def test_many(self, counters: Counters, clock: FakeClock) -> None:
        """Of many names each has its own total."""
        counts = {f"stream-{n}/bounce": n for n in range(1_200)}
        counters.add("s", counts, clock.time())

        assert counts == counters.totals("s", [*counts], 0)

    def test_any_history(self, counters: Counters, clock: FakeClock) -> None:
        """Whatever happens, totals are between two sums of a list."""
        histories = []
        bucket_s = self.bucket_s

        class History(CountersHistorian):
            def __init__(self) -> None:
                super().__init__(counters, clock, bucket_s)
                histories.append(self)

        run_state_machine_as_test(History, settings=AT_LENGTH)

        assert len(histories) > 1
