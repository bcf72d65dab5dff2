"""What tests of a local budget share: a shared one that may give no answer."""

from __future__ import annotations

from typing import Any

import attrs
from tests.keyed import LIMITS, SCOPE

from safeses import Limits, StoreError
from safeses._budget import MemoryBudget
from safeses._degraded import DegradingBudget
from safeses._outcome import Admission, Booked, Claim, Later
from safeses.testing import FakeClock

PROCESSES = 4


@attrs.define
class Mortal:
    """
    A part that may give no answer.

    Attributes:
        part: What answers otherwise.
        is_out: Whether it gives none.
        asked: How often it was asked.
    """

    part: Any
    is_out: bool = False
    asked: int = 0

    def __getattr__(self, name: str) -> Any:
        act = getattr(self.part, name)

        def asked(*args: Any) -> Any:
            self.asked += 1
            if self.is_out and name != "after_fork":
                raise StoreError("budget", "redis", "connection refused")
            return act(*args)

        return asked


class Counting(MemoryBudget):
    """A budget that says what its quota holds."""

    def used(self, scope: str) -> float:
        """Return the recipients of the last day."""
        return self._scope(scope).quota.used(self.clock.monotonic())


class World:
    """A shared budget, and a process that degrades."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        """Begin with both knowing the limits."""
        self.clock = FakeClock()
        self.shared = Counting(self.clock)
        self.mortal = Mortal(self.shared)
        self.budget = self.another()
        self.budget.learn(SCOPE, limits)

    def another(self) -> DegradingBudget:
        """Return the budget of one more process."""
        mortal: Any = self.mortal
        return DegradingBudget(mortal, clock=self.clock, processes=PROCESSES)

    def book(self, count: int = 1, **settings: Any) -> Booked | Later:
        """Book for *count* recipients."""
        return self.budget.reserve(admission(count, **settings))

    def book_all(self, count: int) -> None:
        """Book for one recipient after the other, each when it is time."""
        for _ in range(count):
            while isinstance(booked := self.book(), Later):
                self.clock.advance(booked.ask_in_s)

    def used(self) -> float:
        """Return what the shared quota holds."""
        return self.shared.used(SCOPE)


def admission(count: int = 1, **settings: Any) -> Admission:
    """Return a wish to send to *count* recipients."""
    return Admission(
        tag="t",
        scope=SCOPE,
        recipients=("a@a.example",) * count,
        cost=count,
        quota_cost=count,
        **settings,
    )


def claim_of(booked: Booked | Later, count: int = 1) -> Claim:
    """Return what a slot was claimed for."""
    assert isinstance(booked, Booked)
    return Claim(
        tag="t",
        scope=SCOPE,
        cost=count,
        quota_cost=count,
        minute=booked.minute,
    )
