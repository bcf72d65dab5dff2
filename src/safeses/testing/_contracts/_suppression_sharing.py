"""
What a suppression store is to many threads and processes.

Time here is real: what is wrong shows only while threads overlap.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import TYPE_CHECKING, ClassVar, Final

import pytest

from safeses._suppressed import Suppression
from safeses.errors import ConfigurationError, StoreError
from safeses.testing._contracts._at_once import in_a_child, meanwhile
from safeses.testing._contracts._suppression_fixtures import (
    ANN,
    BOB,
    HOUR_S,
    MOST,
    StoreFixtures,
)

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable

    from safeses.typing import SuppressionStore

FORKS: Final = 10
# Threads change places every 5 ms or so.
LOOKS_S: Final = 0.5
PAUSE_S: Final = 0.001


class SharingContract(StoreFixtures):
    """Threads, forks and the end; see `SuppressionStoreContract`."""

    # A child that takes longer hangs.
    child_max_s: ClassVar[float] = 30.0

    def test_racing_adds(self, store: SuppressionStore) -> None:
        """Of eight equal adds at once exactly one changes something."""
        entries = [Suppression(address=f"p{n}@a.example") for n in range(20)]
        start = threading.Barrier(8)
        changed: list[bool] = []

        def add() -> None:
            start.wait()
            for entry in entries:
                changed.extend(store.add([entry]))

        threads = [threading.Thread(target=add) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert (20, 140, 20) == (
            changed.count(True),
            changed.count(False),
            store.count(),
        )

    def test_after_fork(self, store: SuppressionStore) -> None:
        """A forked child knows what was known, and can add to it."""
        store.add([Suppression(address=ANN)])
        store.after_fork()
        store.add([Suppression(address=BOB)])

        found = store.find([ANN, BOB])

        assert [ANN, BOB] == sorted(found)

    def test_never_a_gap(
        self,
        store: SuppressionStore,
        after: Callable[[float], dt.datetime],
    ) -> None:
        """While an entry gives way to another, one of them stops mail."""
        hours = iter(range(1, 1_000_000))

        def lengthen() -> None:
            end = after(next(hours) * HOUR_S)
            store.add([Suppression(address=ANN, expires_at=end)])

        lengthen()
        with meanwhile(lengthen):
            is_there = _is_always_there(store, ANN)

        assert is_there

    def test_amid_newcomers(self, store: SuppressionStore) -> None:
        """While others are added and go, who is there is found."""
        # Many: who reads them all without a lock takes long enough to fail.
        people = [f"p{n}@a.example" for n in range(10 * MOST)]
        for n in range(0, len(people), MOST):
            store.add([Suppression(address=a) for a in people[n : n + MOST]])
        numbers = iter(range(1_000_000))

        def come_and_go() -> None:
            newcomers = [f"n{next(numbers)}@a.example" for _ in range(20)]
            store.add([Suppression(address=a) for a in newcomers])
            store.remove(newcomers)

        with meanwhile(come_and_go, PAUSE_S):
            is_there = _is_always_there(store, people[0])

        assert is_there

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="has no fork")
    # Python 3.12 warns of what this test is about.
    @pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork")
    def test_fork(self, store: SuppressionStore) -> None:
        """A child that is forked while a thread adds finds and adds, too."""
        store.add([Suppression(address=ANN)])
        many = [Suppression(address=f"p{n}@a.example") for n in range(MOST)]

        def use() -> str:
            store.after_fork()
            store.add([Suppression(address=BOB)])
            return " ".join(sorted(store.find([ANN, BOB])))

        with (
            meanwhile(lambda: store.add(many))
            if self.forks_in_use
            else contextlib.nullcontext()
        ):
            said = f"{ANN} {BOB}"
            for _ in range(FORKS):
                said = in_a_child(use, self.child_max_s)
                if said != f"{ANN} {BOB}":
                    break

        assert f"{ANN} {BOB}" == said

    def test_close(self, store: SuppressionStore) -> None:
        """Closing twice is closing once, and what is closed forgets nobody."""
        store.add([Suppression(address=ANN)])
        store.close()
        store.close()
        found = [ANN]
        with contextlib.suppress(StoreError, ConfigurationError):
            found = list(store.find([ANN]))

        assert [ANN] == found


def _is_always_there(store: SuppressionStore, address: str) -> bool:
    """Look again and again, for a while of real time."""
    ends_at = time.monotonic() + LOOKS_S
    while time.monotonic() < ends_at:
        if address not in store.find([address]):
            return False
    return True
