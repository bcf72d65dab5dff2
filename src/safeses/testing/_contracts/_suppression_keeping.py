"""What a suppression store keeps of an entry: all of it."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import attrs
import pytest

from safeses._suppressed import (
    NOTE_MAX_CHARS,
    SOURCE_MAX_CHARS,
    Suppression,
)
from safeses.testing._contracts._suppression_fixtures import (
    ANN,
    BOB,
    HOUR_S,
    StoreFixtures,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from safeses.testing._clock import FakeClock
    from safeses.typing import SuppressionStore


class KeepingContract(StoreFixtures):
    """That an entry comes back whole; see `SuppressionStoreContract`."""

    @pytest.fixture
    def entry(self, after: Callable[[float], dt.datetime]) -> Suppression:
        """Return an entry that says everything an entry can."""
        return Suppression(
            address=ANN,
            reason="complaint",
            stream="news",
            source="import",
            since=after(-HOUR_S),
            expires_at=after(HOUR_S),
            note="by telephone,\nin anger: Grüße",
        )

    def test_since(self, store: SuppressionStore, clock: FakeClock) -> None:
        """Who does not say since when gets the time of the store."""
        store.add([Suppression(address=ANN)])
        since = store.find([ANN])[ANN].since

        assert since is not None
        assert pytest.approx(clock.time(), abs=1) == since.timestamp()

    def test_find(self, store: SuppressionStore, entry: Suppression) -> None:
        """What was added is found as it was, and nobody else is."""
        store.add([entry])
        found = store.find([ANN, BOB], stream="news")
        if not self.can_list:
            entry = attrs.evolve(entry, address=found[ANN].address)

        assert {ANN: entry} == found

    @pytest.mark.parametrize(
        "note",
        [
            "😀" * NOTE_MAX_CHARS,
            " \t\r\n before and after \r\n\t ",
            "'; --\\\"%_?:x",
        ],
        ids=["long", "blanks", "marks"],
    )
    def test_the_longest(self, store: SuppressionStore, note: str) -> None:
        """Every field is kept at its full length, in every script."""
        entry = Suppression(
            address=ANN,
            reason="r" * 64,
            stream="S" * 64,
            source="ß" * SOURCE_MAX_CHARS,
            note=note,
        )
        store.add([entry])

        found = store.find([ANN], stream=entry.stream)[ANN]

        assert (entry.reason, entry.stream, entry.source, entry.note) == (
            found.reason,
            found.stream,
            found.source,
            found.note,
        )

    def test_any_reason(self, store: SuppressionStore) -> None:
        """A reason is any word, and is kept as it is."""
        reasons = ["mailbox-full", "0", "a.b_c-d", "unsubscribe", "none"]
        people = [f"p{n}@a.example" for n in range(len(reasons))]
        store.add(
            [
                Suppression(address=a, reason=reason)
                for a, reason in zip(people, reasons, strict=True)
            ]
        )

        found = store.find(people)

        assert reasons == [found[address].reason for address in people]

    @pytest.mark.parametrize("hours", [-12, -5, 5.75, 14])
    def test_time_zones(
        self,
        store: SuppressionStore,
        clock: FakeClock,
        after: Callable[[float], dt.datetime],
        hours: float,
    ) -> None:
        """An instant is the same in every time zone."""
        zone = dt.timezone(dt.timedelta(hours=hours))
        since, end = (after(s).astimezone(zone) for s in (-HOUR_S, HOUR_S))
        added = store.add(
            [Suppression(address=ANN, since=since, expires_at=end)]
        )
        clock.sleep(HOUR_S - 1)
        found = store.find([ANN])
        clock.sleep(1)

        assert ([True], [(since, end)], {}) == (
            added,
            [(entry.since, entry.expires_at) for entry in found.values()],
            store.find([ANN]),
        )

    def test_fractions_of_seconds(
        self,
        store: SuppressionStore,
        clock: FakeClock,
        after: Callable[[float], dt.datetime],
    ) -> None:
        """An end is kept to the millisecond: none comes early or late."""
        end = after(10.75)
        store.add([Suppression(address=ANN, expires_at=end)])
        found = []
        for seconds in (10.5, 0.25):
            clock.sleep(seconds)
            found.append([e.expires_at for e in store.find([ANN]).values()])

        assert [[end], []] == found

    @pytest.mark.parametrize("waits_s", [0, 2 * HOUR_S])
    def test_replaced_whole(
        self,
        store: SuppressionStore,
        clock: FakeClock,
        after: Callable[[float], dt.datetime],
        entry: Suppression,
        waits_s: float,
    ) -> None:
        """Of an entry that gives way, expired or not, nothing is left."""
        store.add([entry])
        clock.sleep(waits_s)
        longer = Suppression(
            address=ANN,
            stream="news",
            since=after(-1),
            expires_at=after(9 * HOUR_S),
        )
        store.add([longer])

        found = store.find([ANN], stream="news")[ANN]

        assert attrs.evolve(longer, address=found.address) == found
