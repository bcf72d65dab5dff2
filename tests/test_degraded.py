"""A local budget while the shared one cannot be asked."""

from __future__ import annotations

import datetime as dt
import logging
from typing import TYPE_CHECKING, Any

import pytest
from tests.degrading import PROCESSES, Mortal, World, admission
from tests.keyed import LIMITS, SCOPE, outcome_of

from safeses import Limits, QuotaExceededError
from safeses._accounts import MemoryAccounts
from safeses._budget import MemoryBudget
from safeses._degraded import (
    CHARGE_AGAIN_S,
    TELL_EVERY_S,
    DegradingAccounts,
    DegradingBudget,
)
from safeses._outcome import Booked
from safeses._values import Account
from safeses.testing import BudgetContract, FakeClock

if TYPE_CHECKING:
    from safeses.typing import Budget


class TestInService(BudgetContract):
    """While the shared budget answers, it decides."""

    @pytest.fixture
    def budget(self, clock: FakeClock) -> Budget:
        """Return a budget that nobody has used."""
        return DegradingBudget(
            MemoryBudget(clock), clock=clock, processes=PROCESSES
        )


class TestOut:
    """While it does not, each process keeps to its share."""

    def test_rate(self) -> None:
        """The rate is divided by the processes."""
        here = World(Limits(per_second=40))
        here.mortal.is_out = True
        here.book_all(1)
        began = here.clock.monotonic()
        here.book_all(50)
        took_s = here.clock.monotonic() - began
        rate = here.budget.per_second(SCOPE)

        assert (True, 10.0) == (4.5 < took_s < 5.6, rate)

    def test_begins_behind_what_is_booked(self) -> None:
        """What others have booked ahead in the shared one goes first."""
        here = World()
        here.book()
        here.mortal.is_out = True
        booked = here.book()

        assert 0.4 < (
            booked.wait_s if isinstance(booked, Booked) else booked.ready_in_s
        )

    def test_quota(self) -> None:
        """Of the quota it takes a share, less what it has used itself."""
        here = World(Limits(per_second=1_000, per_day=40))
        here.book_all(6)
        here.mortal.is_out = True
        here.book_all(4)
        error = outcome_of(lambda: here.book_all(1))

        assert (QuotaExceededError, 10.0) == (type(error), error.limit_per_day)

    def test_told_once(self, caplog: pytest.LogCaptureFixture) -> None:
        """An outage is one warning, and what it means is said."""
        here = World()
        here.mortal.is_out = True
        with caplog.at_level(logging.WARNING, "safeses"):
            here.book_all(5)
            here.budget.per_second(SCOPE)
            here.budget.throttled(SCOPE, "rate")

        told = (
            "the budget in redis cannot answer (connection refused): until"
            " it does, this process sends at 1/4 of the rate and of the quota"
        )
        assert [told] == [record.getMessage() for record in caplog.records]

    def test_flapping(self, caplog: pytest.LogCaptureFixture) -> None:
        """One that comes and goes is told of once a minute."""
        here = World()
        with caplog.at_level(logging.WARNING, "safeses"):
            for _ in range(4):
                here.mortal.is_out = True
                here.book_all(1)
                here.mortal.is_out = False
                here.clock.advance(TELL_EVERY_S / 2 + 1)
                here.book_all(1)

        assert 2 == len(caplog.records)

    def test_asked_once(self) -> None:
        """With debts too, a send asks an engine that is out only once."""
        here = World()
        here.mortal.is_out = True
        here.book_all(1)
        here.clock.advance(2 * CHARGE_AGAIN_S)
        here.mortal.asked = 0
        here.book()

        assert 1 == here.mortal.asked

    def test_throttled(self) -> None:
        """A refusal of SES holds this process back."""
        here = World()
        here.mortal.is_out = True
        here.book_all(1)
        here.budget.throttled(SCOPE, "rate")

        assert LIMITS.per_second / PROCESSES / 2 == pytest.approx(
            here.budget.per_second(SCOPE)
        )

    def test_from_the_start(self) -> None:
        """A process that begins meanwhile knows what it was told."""
        here = World(Limits(per_second=40))
        here.mortal.is_out = True
        young = here.another()
        young.learn(SCOPE, Limits(per_second=80))
        rate = young.per_second(SCOPE)
        here.mortal.is_out = False
        young.reserve(admission())

        assert (20.0, 80.0) == (rate, here.shared.per_second(SCOPE))


class TestAccounts:
    """What SES said of the account."""

    def test_out(self) -> None:
        """While it cannot be asked, a process knows what it has heard."""
        clock = FakeClock()
        shared: Any = Mortal(MemoryAccounts(clock))
        accounts = DegradingAccounts(shared, clock=clock)
        account = Account(
            as_of=clock_time(clock),
            max_24_hour_send=200.0,
            max_send_rate=1.0,
            sent_last_24_hours=0.0,
        )
        shared.is_out = True
        before = accounts.get(SCOPE)
        accounts.put(SCOPE, account)
        clock.advance(2)

        assert (None, (account, 2.0)) == (before, accounts.get(SCOPE))


def clock_time(clock: FakeClock) -> Any:
    """Return the time of *clock* as SES's answer has it."""
    return dt.datetime.fromtimestamp(clock.time(), dt.timezone.utc)
