"""Asks a budget as the path of a send does, and waits as it is told."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Final

import attrs

from safeses._outcome import Admission, Booked, Claim, Later
from safeses._values import Limits
from safeses.errors import QuotaExceededError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from safeses._values import Priority
    from safeses.testing._clock import FakeClock
    from safeses.typing import Budget

DAY_S: Final = 86_400.0
MINUTE_S: Final = 60.0
HORIZON_S: Final = 0.5
DAILY_PAUSE_S: Final = 600.0
# A bound on float noise: histories of many days add up a great time.
NOISE: Final = 1e-4


def most_in_one_second(grants: Iterable[tuple[float, float]]) -> float:
    """
    Return the most recipients in one second, before its last message.

    The last one is left out, because a message is granted whole: with
    it, one second may hold the rate and one message more.

    Args:
        grants: When each slot began, in order, and its recipients.
    """
    most = inside = 0.0
    window: list[tuple[float, float]] = []
    for at, cost in grants:
        while window and window[0][0] <= at - 1 + NOISE:
            inside -= window.pop(0)[1]
        most = max(most, inside)
        window.append((at, cost))
        inside += cost
    return most


@attrs.define
class Sender:
    """
    Asks a budget, for one scope, as the path of a send does.

    Attributes:
        budget: Who is asked.
        clock: Where the time comes from.
        scope: Whose budget; new for each sender unless given.
    """

    budget: Budget
    clock: FakeClock
    scope: str = attrs.field(factory=lambda: uuid.uuid4().hex)

    def learn(self, per_second: float, per_day: float | None = None) -> None:
        """Let the budget know the limits."""
        limits = Limits(per_second=per_second, per_day=per_day)
        self.budget.learn(self.scope, limits)

    def ask(
        self,
        cost: int = 1,
        *,
        quota_cost: int | None = None,
        priority: Priority = "transactional",
        max_wait_s: float = 3600.0,
    ) -> Booked | Later:
        """Ask once."""
        admission = Admission(
            tag=uuid.uuid4().hex,
            scope=self.scope,
            recipients=(),
            cost=cost,
            quota_cost=cost if quota_cost is None else quota_cost,
            priority=priority,
            max_wait_s=max_wait_s,
        )
        return self.budget.reserve(admission)

    def book_all(self, priority: Priority = "transactional") -> list[float]:
        """Ask until there is none; return the waits of the booked slots."""
        waits = []
        while isinstance(answer := self.ask(priority=priority), Booked):
            waits.append(answer.wait_s)
        return waits

    def wait_for(
        self,
        cost: int = 1,
        *,
        quota_cost: int | None = None,
        priority: Priority = "transactional",
    ) -> float:
        """Wait for a slot as told; return after how many seconds it began."""
        began = self.clock.monotonic()
        while True:
            answer = self.ask(cost, quota_cost=quota_cost, priority=priority)
            if isinstance(answer, Booked):
                self.clock.sleep(answer.wait_s)
                return self.clock.monotonic() - began
            self.clock.sleep(answer.ask_in_s)

    def charge(self, cost: int) -> Claim:
        """Wait for a slot; return what gives its quota back."""
        while isinstance(answer := self.ask(cost), Later):
            self.clock.sleep(answer.ask_in_s)
        return Claim(
            tag=uuid.uuid4().hex,
            scope=self.scope,
            cost=cost,
            quota_cost=cost,
            minute=answer.minute,
        )

    def refusal(
        self, cost: int = 1, *, priority: Priority = "transactional"
    ) -> QuotaExceededError | None:
        """Ask once; return how the quota refused, None if it did not."""
        try:
            self.ask(cost, priority=priority)
        except QuotaExceededError as error:
            return error
        return None
