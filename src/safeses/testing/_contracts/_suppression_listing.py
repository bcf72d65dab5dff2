"""What a suppression store lists, and that it forgets nobody."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

import pytest

from safeses._suppressed import Suppression
from safeses.errors import ConfigurationError
from safeses.testing._contracts._suppression_fixtures import (
    HOUR_S,
    MOST,
    StoreFixtures,
)
from safeses.testing._contracts._suppression_history import listed

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable

    from safeses.typing import SuppressionStore

CROWD: Final = 2_500


class ListingContract(StoreFixtures):
    """What `page` and `count` answer; see `SuppressionStoreContract`."""

    def test_pages(self, store: SuppressionStore) -> None:
        """Page by page every entry comes once, whole, and then none."""
        if not self.can_list:
            with pytest.raises(ConfigurationError):
                store.page()
            return
        entries = [
            Suppression(address=f"p{n}@a.example", stream=stream)
            for n in range(40)
            for stream in ("", "news")
        ]
        store.add(entries)
        names = sorted((e.address, e.stream) for e in entries)

        lists = [listed(store, limit) for limit in (1, 7, 80, 1000)]

        assert [names] * 4 == [
            sorted((e.address, e.stream) for e in seen) for seen in lists
        ]

    def test_pages_amid_changes(self, store: SuppressionStore) -> None:
        """Who is there all the while is listed once, whoever goes."""
        if not self.can_list:
            pytest.skip("it cannot list")
        people = [f"p{n}@a.example" for n in range(40)]
        store.add([Suppression(address=a) for a in people])
        leavers = iter(people[::2])
        newcomers = (f"n{n}@a.example" for n in range(20))

        def change() -> None:
            store.remove([next(leavers)])
            store.add([Suppression(address=a) for a in islice(newcomers, 1)])

        seen = [entry.address for entry in listed(store, 5, change)]

        assert people[1::2] == [a for a in people[1::2] if seen.count(a) == 1]

    def test_page_limit(self, store: SuppressionStore) -> None:
        """A page holds no more than it was asked for."""
        if not self.can_list:
            pytest.skip("it cannot list")
        store.add([Suppression(address=f"p{n}@a.example") for n in range(9)])

        lengths = [len(store.page(limit=limit).entries) for limit in (1, 4)]

        assert [1, 4] == lengths

    def test_pages_amid_replacements(
        self,
        store: SuppressionStore,
        after: Callable[[float], dt.datetime],
    ) -> None:
        """An entry that gives way to a longer one is listed once, too."""
        if not self.can_list:
            pytest.skip("it cannot list")
        people = [f"p{n}@a.example" for n in range(40)]
        store.add(
            [Suppression(address=a, expires_at=after(HOUR_S)) for a in people]
        )
        lasting = iter(people)

        def change() -> None:
            store.add([Suppression(address=a) for a in islice(lasting, 5)])

        seen = [entry.address for entry in listed(store, 7, change)]

        assert people == sorted(seen, key=people.index)

    def test_a_crowd(self, store: SuppressionStore) -> None:
        """However many there are, nobody is evicted or left out."""
        everybody = [f"p{n}@a.example" for n in range(CROWD)]
        chunks = [everybody[n : n + MOST] for n in range(0, CROWD, MOST)]
        for chunk in chunks:
            store.add([Suppression(address=a) for a in chunk])
        found = [a for chunk in chunks for a in store.find(chunk)]
        seen = (
            [entry.address for entry in listed(store)]
            if self.can_list
            else everybody
        )

        assert (CROWD, sorted(everybody), sorted(everybody)) == (
            store.count(),
            sorted(found),
            sorted(seen),
        )
