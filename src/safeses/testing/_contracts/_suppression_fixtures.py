"""What the parts of the contract of suppression stores share."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, ClassVar, Final

import pytest

from safeses.testing._clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable

ANN: Final = "ann@a.example"
BOB: Final = "bob@a.example"
HOUR_S: Final = 3_600.0
# As many as a store is ever given at once.
MOST: Final = 500


class StoreFixtures:
    """Time, and what a kind of store may do differently."""

    can_list: ClassVar[bool] = True
    keeps_expired: ClassVar[bool] = True
    forks_in_use: ClassVar[bool] = True

    @pytest.fixture
    def clock(self) -> FakeClock:
        """Return the time that the store under test goes by."""
        return FakeClock()

    @pytest.fixture
    def after(self, clock: FakeClock) -> Callable[[float], dt.datetime]:
        """Return what tells the instant so many seconds from now."""
        return lambda seconds: dt.datetime.fromtimestamp(
            clock.time() + seconds, dt.timezone.utc
        )
