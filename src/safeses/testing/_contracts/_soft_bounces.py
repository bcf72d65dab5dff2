"""
What all soft bounces keep, as tests to inherit.

.. code-block:: python

    class TestMySoftBounces(SoftBouncesContract):
        @pytest.fixture
        def bounces(self, clock: FakeClock) -> SoftBounces:
            return MySoftBounces(clock=clock)

Needs pytest and hypothesis.
"""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING, ClassVar

import pytest
from hypothesis.stateful import run_state_machine_as_test

from safeses.errors import ConfigurationError
from safeses.testing._contracts._facts_fixtures import (
    ALIKE,
    AT_LENGTH,
    DAY_S,
    HOUR_S,
    JOINED,
    NO_INSTANTS,
)
from safeses.testing._contracts._soft_bounces_history import (
    SoftBouncesHistorian,
)
from safeses.testing._contracts._soft_bounces_sharing import (
    SoftBouncesSharingContract,
)
from safeses.typing import SoftBounces

if TYPE_CHECKING:
    from safeses.testing._clock import FakeClock


class SoftBouncesContract(SoftBouncesSharingContract):
    """
    What anything that implements `safeses.typing.SoftBounces` keeps.

    Subclass it and define the fixture ``bounces``: some that nobody has
    used and that take their time from ``clock``, which you may override.

    Attributes:
        keep_s: How long bounces are kept at least, in seconds.
        most: How many of one address are kept at least.
        forks_in_use: Set it to False for those on a library that hangs in
            a child that was forked while a thread was inside of it: they
            are then forked between two calls only.
    """

    keep_s: ClassVar[float] = 31 * DAY_S
    most: ClassVar[int] = 1_000

    def test_are_soft_bounces(self, bounces: SoftBounces) -> None:
        """They have every method, and say what holds them."""
        are_bounces = isinstance(bounces, SoftBounces)

        assert (True, True) == (are_bounces, bool(bounces.engine))

    def test_adds_up(self, bounces: SoftBounces, clock: FakeClock) -> None:
        """Each bounce is told how many there are by then."""
        now = clock.time()
        told = [
            bounces.add(address, event, now, now - DAY_S)
            for address, event in ("ae", "af", "be", "ag", "bf")
        ]
        counts = [bounces.count(address, now - DAY_S) for address in "abc"]

        assert ([1, 2, 1, 3, 2], [3, 2, 0]) == (told, counts)

    def test_told_again(self, bounces: SoftBounces, clock: FakeClock) -> None:
        """An event that is told again counts once, at its first time."""
        now = clock.time()
        told = [
            bounces.add("a", event, at, now - HOUR_S)
            for event, at in (
                ("e", now),
                ("e", now),
                ("f", now),
                ("e", now - DAY_S),
                ("e", now + DAY_S),
            )
        ]

        assert ([1, 1, 2, 2, 2], 2, 0) == (
            told,
            bounces.count("a", now),
            bounces.count("a", now + 1),
        )

    @pytest.mark.parametrize("texts", ALIKE.values(), ids=ALIKE)
    def test_any_text(
        self, bounces: SoftBounces, clock: FakeClock, texts: tuple[str, str]
    ) -> None:
        """Texts that differ are two, as addresses and as events."""
        one, other = texts
        now = clock.time()
        told = [
            bounces.add(address, event, now, 0)
            for address, event in (
                ("some", one),
                ("some", other),
                (one, "e"),
                (one, "f"),
                (other, "e"),
            )
        ]
        bounces.clear([one], now)

        assert ([1, 2, 1, 2, 1], [2, 0, 1]) == (
            told,
            [bounces.count(address, 0) for address in ("some", one, other)],
        )

    @pytest.mark.parametrize("pairs", JOINED.values(), ids=map(repr, JOINED))
    def test_joined_texts(
        self,
        bounces: SoftBounces,
        clock: FakeClock,
        pairs: tuple[tuple[str, str], tuple[str, str]],
    ) -> None:
        """Where an address ends and an event begins is never in doubt."""
        now = clock.time()
        told = [bounces.add(*pair, now, 0) for pair in pairs]
        counts = [bounces.count(address, 0) for address, _ in pairs]

        assert ([1, 1], [1, 1]) == (told, counts)

    # --- Time ---

    def test_windows(self, bounces: SoftBounces, clock: FakeClock) -> None:
        """Exactly what happened since the beginning of a window counts."""
        now = clock.time()
        told = [
            bounces.add("a", f"e{ago}", now - ago, now - 100)
            for ago in (0, 99, 100, 101, 100.5, 5_000)
        ]
        counts = [bounces.count("a", now - s) for s in (0, 0.25, 101, 9_000)]
        later = bounces.count("a", now + 0.25)

        assert ([1, 2, 3, 3, 3, 3], [1, 1, 5, 6], 0) == (told, counts, later)

    def test_late(self, bounces: SoftBounces, clock: FakeClock) -> None:
        """In whatever order bounces are told, they count at their time."""
        now = clock.time()
        found = []
        for number, order in enumerate(permutations((0, 5, 30))):
            for ago in order:
                at = now - ago * HOUR_S
                bounces.add(f"a{number}", f"e{ago}", at, 0)
            found.append(
                [
                    bounces.count(f"a{number}", now - hours * HOUR_S)
                    for hours in (1, 6, 31)
                ]
            )

        assert 6 * [[1, 2, 3]] == found

    def test_ahead(self, bounces: SoftBounces, clock: FakeClock) -> None:
        """An event of a clock that is ahead counts, and harms no other."""
        now = clock.time()
        bounces.add("a", "e", now, 0)
        bounces.add("a", "ahead", now + 400 * DAY_S, 0)
        told = bounces.add("a", "f", now, 0)

        assert (3, 1) == (told, bounces.count("a", now + DAY_S))

    def test_kept(self, bounces: SoftBounces, clock: FakeClock) -> None:
        """Bounces are there for as long as they are to be kept."""
        began = clock.time()
        bounces.add("a", "e", began, 0)
        for day in range(10):
            clock.sleep((self.keep_s - 60) / 10)
            for n in range(100):
                at = clock.time() - n
                bounces.add(f"b{n}", f"e{day}", at, began)

        assert (1, 10) == (
            bounces.count("a", began),
            bounces.count("b7", began),
        )

    def test_many_of_one(self, bounces: SoftBounces, clock: FakeClock) -> None:
        """Of an address that bounces without an end the latest count."""
        now = clock.time()
        late = now - DAY_S
        told = [
            bounces.add("a", f"e{n}", now + n, now) for n in range(self.most)
        ]
        again = [bounces.add("a", f"late {n}", late, now) for n in range(3)]
        bounces.add("b", "e", late, now)

        assert ([*range(1, self.most + 1)], 3 * [self.most], 1) == (
            told,
            again,
            bounces.count("b", 0),
        )

    # --- Forgetting ---

    def test_clear(self, bounces: SoftBounces, clock: FakeClock) -> None:
        """What was up to an instant is forgotten, of these addresses."""
        now = clock.time()
        for address in "abc":
            for n in range(4):
                bounces.add(address, f"e{n}", now + n, 0)
        bounces.clear(["a", "nobody", "c", "a"], now + 1)
        bounces.clear([], now + 9)
        bounces.clear("b", now - 1)
        told = bounces.add("a", "e9", now + 9, 0)

        assert (3, [3, 4, 2]) == (told, [bounces.count(a, 0) for a in "abc"])

    def test_cleared(self, bounces: SoftBounces, clock: FakeClock) -> None:
        """An address that was cleared begins anew."""
        now = clock.time()
        for n in range(4):
            bounces.add("a", f"e{n}", now, 0)
        bounces.clear(["a"], now)
        before = bounces.count("a", 0)

        assert (0, 1, 2) == (
            before,
            bounces.add("a", "e7", now, 0),
            bounces.add("a", "e0", now, 0),
        )

    def test_clear_many(self, bounces: SoftBounces, clock: FakeClock) -> None:
        """As many addresses as one likes are cleared at once."""
        now = clock.time()
        addresses = [f"a{n}" for n in range(1_200)]
        bounced = addresses[::100]
        for address in bounced:
            bounces.add(address, "e", now, 0)
        bounces.clear(addresses, now)

        assert [0] * 12 == [bounces.count(a, 0) for a in bounced]

    def test_forget(self, bounces: SoftBounces, clock: FakeClock) -> None:
        """What was before is forgotten of everybody, what was since not."""
        now = clock.time()
        for address in "ab":
            for n in range(4):
                bounces.add(address, f"e{n}", now + n, 0)
        bounces.forget(now + 1)
        bounces.forget(0)

        assert [3, 3] == [bounces.count(address, 0) for address in "ab"]

    # --- What is refused ---

    @pytest.mark.parametrize("at", NO_INSTANTS)
    def test_no_instant(
        self, bounces: SoftBounces, clock: FakeClock, at: float
    ) -> None:
        """What is no instant in seconds is refused, and nothing is noted."""
        now = clock.time()
        bounces.add("a", "e", now, 0)
        with pytest.raises(ConfigurationError):
            bounces.add("a", "f", at, 0)
        with pytest.raises(ConfigurationError):
            bounces.add("a", "f", now, at)
        with pytest.raises(ConfigurationError):
            bounces.count("a", at)
        with pytest.raises(ConfigurationError):
            bounces.clear(["a"], at)
        with pytest.raises(ConfigurationError):
            bounces.forget(at)

        assert 1 == bounces.count("a", 0)

    def test_any_history(self, bounces: SoftBounces, clock: FakeClock) -> None:
        """Whatever happens, they count as a list of all bounces does."""
        histories = []

        class History(SoftBouncesHistorian):
            def __init__(self) -> None:
                super().__init__(bounces, clock)
                histories.append(self)

        run_state_machine_as_test(History, settings=AT_LENGTH)

        assert len(histories) > 1
