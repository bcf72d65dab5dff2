"""
What every suppression store keeps, as tests to inherit.

.. code-block:: python

    class TestMyStore(SuppressionStoreContract):
        @pytest.fixture
        def store(self, clock: FakeClock) -> SuppressionStore:
            return MyStore(clock=clock)

Needs pytest and hypothesis.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis.stateful import run_state_machine_as_test

from safeses._suppressed import Suppression
from safeses.testing._contracts._facts_fixtures import AT_LENGTH
from safeses.testing._contracts._suppression_finding import (
    FindingContract,
)
from safeses.testing._contracts._suppression_fixtures import (
    ANN,
    BOB,
    HOUR_S,
)
from safeses.testing._contracts._suppression_history import Historian
from safeses.testing._contracts._suppression_keeping import KeepingContract
from safeses.testing._contracts._suppression_listing import ListingContract
from safeses.testing._contracts._suppression_sharing import SharingContract
from safeses.typing import SuppressionStore

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable

    from safeses.testing._clock import FakeClock


class SuppressionStoreContract(
    FindingContract, KeepingContract, ListingContract, SharingContract
):
    """
    What anything that implements `safeses.typing.SuppressionStore` keeps.

    Subclass it and define the fixture ``store``: one that nobody has used
    and that takes its time from ``clock``, which you may override.

    Attributes:
        can_list: Set it to False for a store that cannot list, such as
            one that keeps hashes: `page` then has to refuse, and entries
            need not carry an address.
        keeps_expired: Set it to False for a store in which what expires
            vanishes by itself, as with the TTL of Redis or DynamoDB:
            expired entries then may be counted, listed and purged, or not.
        forks_in_use: Set it to False for a store on a library that hangs
            in a child that was forked while a thread was inside of it, as
            SQLite does: it is then forked between two calls only.
    """

    def test_is_a_store(self, store: SuppressionStore) -> None:
        """It has every method, and says what holds it."""
        is_store = isinstance(store, SuppressionStore)

        assert (True, True) == (is_store, bool(store.engine))

    def test_all_mail_again(
        self,
        store: SuppressionStore,
        clock: FakeClock,
        after: Callable[[float], dt.datetime],
    ) -> None:
        """When the entry for all mail ends, that for the stream holds."""
        store.add(
            [
                Suppression(address=ANN, reason="unsubscribe", stream="news"),
                Suppression(address=ANN, expires_at=after(HOUR_S)),
            ]
        )
        clock.sleep(HOUR_S)

        found = [store.find([ANN], stream=s) for s in ("news", "bills")]

        assert (["unsubscribe"], {}) == (
            [entry.reason for entry in found[0].values()],
            found[1],
        )

    def test_expiry(
        self,
        store: SuppressionStore,
        clock: FakeClock,
        after: Callable[[float], dt.datetime],
    ) -> None:
        """An entry stops mail until its end, and no longer."""
        store.add([Suppression(address=ANN, expires_at=after(HOUR_S))])
        clock.sleep(HOUR_S - 1)
        before = len(store.find([ANN]))
        clock.sleep(1)
        after_it = len(store.find([ANN]))

        assert (1, 0) == (before, after_it)

    @pytest.mark.parametrize(
        "first_s, then_s, changed",
        [
            (None, None, False),
            (None, HOUR_S, False),
            (HOUR_S, None, True),
            (HOUR_S, 2 * HOUR_S, True),
            (HOUR_S, HOUR_S, False),
            (2 * HOUR_S, HOUR_S, False),
        ],
    )
    def test_only_longer_replaces(
        self,
        store: SuppressionStore,
        after: Callable[[float], dt.datetime],
        first_s: float | None,
        then_s: float | None,
        *,
        changed: bool,
    ) -> None:
        """An entry gives way to one that lasts longer, and to no other."""
        answers = [
            store.add(
                [
                    Suppression(
                        address=address,
                        reason=reason,
                        expires_at=None if s is None else after(s),
                    )
                ]
            )
            for address, reason, s in (
                (ANN, "bounce", first_s),
                (ANN.upper(), "complaint", then_s),
            )
        ]
        reason = store.find([ANN])[ANN].reason

        assert ([True], [changed], "complaint" if changed else "bounce") == (
            *answers,
            reason,
        )

    def test_expired_is_replaced(
        self,
        store: SuppressionStore,
        clock: FakeClock,
        after: Callable[[float], dt.datetime],
    ) -> None:
        """What has ended gives way to anything."""
        store.add([Suppression(address=ANN, expires_at=after(2 * HOUR_S))])
        clock.sleep(3 * HOUR_S)
        again = Suppression(
            address=ANN, reason="bounce", expires_at=after(HOUR_S)
        )
        changed = store.add([again])

        reason = store.find([ANN])[ANN].reason

        assert ([True], "bounce") == (changed, reason)

    def test_over_before_it_began(
        self,
        store: SuppressionStore,
        after: Callable[[float], dt.datetime],
    ) -> None:
        """An entry that has ended when it is added changes nothing."""
        over = Suppression(address=ANN, expires_at=after(0))

        changed = [store.add([over]) for _ in range(2)]

        assert ([[False], [False]], 0) == (changed, store.count())

    # --- Removing, counting, purging ---

    @pytest.mark.parametrize(
        "stream, removed, found",
        [
            (None, 3, [None, None, None]),
            ("", 1, [None, "news", "bills"]),
            ("news", 1, ["", "", ""]),
        ],
    )
    def test_remove(
        self,
        store: SuppressionStore,
        stream: str | None,
        removed: int,
        found: list[str | None],
    ) -> None:
        """One stream's entry can be removed, or all of an address."""
        streams = ["", "news", "bills"]
        store.add([Suppression(address=ANN, stream=s) for s in streams])
        store.add([Suppression(address=BOB)])
        count = store.remove(["Ann <ANN@a.example>", ANN], stream=stream)

        entries = [store.find([ANN], stream=s).get(ANN) for s in streams]

        assert (removed, found, 4 - removed) == (
            count,
            [entry and entry.stream for entry in entries],
            store.count(),
        )

    def test_removed_is_new(self, store: SuppressionStore) -> None:
        """What was removed can be added again."""
        entry = Suppression(address=ANN)
        store.add([entry])

        answers = (
            store.remove([ANN]),
            store.remove([ANN]),
            store.add([entry]),
        )

        assert (1, 0, [True]) == answers

    def test_purge(
        self,
        store: SuppressionStore,
        clock: FakeClock,
        after: Callable[[float], dt.datetime],
    ) -> None:
        """What has expired goes, what has not stays."""
        ends = {
            ANN: after(HOUR_S),
            BOB: None,
            "eva@a.example": after(9 * HOUR_S),
        }
        store.add(
            [Suppression(address=a, expires_at=e) for a, e in ends.items()]
        )
        clock.sleep(2 * HOUR_S)
        counted, purged = store.count(), store.purge()
        expected = (3, 1) if self.keeps_expired else (counted, purged)

        assert (expected, 2, 0, [BOB, "eva@a.example"]) == (
            (counted, purged),
            store.count(),
            store.purge(),
            sorted(store.find([*ends])),
        )

    def test_any_history(
        self, store: SuppressionStore, clock: FakeClock
    ) -> None:
        """Whatever happens, in any order, a dict would have said the same."""
        histories = []
        can_list, keeps_expired = self.can_list, self.keeps_expired

        class History(Historian):
            def __init__(self) -> None:
                super().__init__(
                    store,
                    clock,
                    can_list=can_list,
                    keeps_expired=keeps_expired,
                )
                histories.append(self)

        run_state_machine_as_test(History, settings=AT_LENGTH)

        assert len(histories) > 1
