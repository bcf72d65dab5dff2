"""What a state made of parts does when one of them gives no answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import attrs
import pytest

from safeses._budget import MemoryBudget
from safeses._job import Job
from safeses._outcome import Admission
from safeses._state import ComposedState
from safeses.errors import StoreError
from safeses.ledger import MemoryLedger
from safeses.testing import FakeClock

if TYPE_CHECKING:
    from safeses._job import Found

WISH = Admission(
    tag="t",
    scope="s",
    recipients=("ann@a.example",),
    cost=1,
    quota_cost=1,
    job=Job(id="j"),
)


@attrs.define(eq=False)
class Watched(MemoryLedger):
    """Counts how often it is asked for a job."""

    asked: int = attrs.field(default=0, init=False)

    def look_up(self, name: str) -> Found | None:
        """Count, and answer."""
        self.asked += 1
        return super().look_up(name)


class Down(MemoryBudget):
    """Is in an engine that gives no answer."""

    engine = ""

    def reserve(self, admission: Admission) -> NoReturn:
        """Fail."""
        del admission
        raise StoreError("budget", self.engine, "no answer within 0.25 s")


def state_whose_budget_fails(engine: str) -> tuple[ComposedState, Watched]:
    """Return a state, and its ledger, whose budget is in *engine*."""
    clock = FakeClock()
    budget, ledger = Down(clock), Watched(clock=clock)
    budget.engine = engine
    return ComposedState(budget, clock=clock, ledger=ledger), ledger


@pytest.mark.parametrize("engine, asked", [("memory", 0), ("redis", 1)])
def test_a_dead_engine_is_asked_once(engine: str, asked: int) -> None:
    """What shares it is not asked as well; what lives elsewhere is."""
    state, ledger = state_whose_budget_fails(engine)

    with pytest.raises(StoreError, match="the budget in"):
        state.admit(WISH)

    assert asked == ledger.asked
