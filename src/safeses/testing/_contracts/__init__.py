"""
What every budget keeps, as tests to inherit.

.. code-block:: python

    class TestMyBudget(BudgetContract):
        @pytest.fixture
        def budget(self, clock: FakeClock) -> Budget:
            return MyBudget(clock)

Needs pytest and hypothesis. Figures hold for a burst of one recipient.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis.stateful import run_state_machine_as_test

from safeses._outcome import Later
from safeses.errors import QuotaExceededError
from safeses.testing._clock import FakeClock
from safeses.testing._contracts._history import Historian
from safeses.testing._contracts._pace import AT_ANY_PACE
from safeses.testing._contracts._quota import QuotaContract
from safeses.testing._contracts._rate import RateContract
from safeses.testing._contracts._sender import Sender, most_in_one_second

if TYPE_CHECKING:
    from safeses.typing import Budget

__all__ = ["BudgetContract", "Sender", "most_in_one_second"]


class BudgetContract(RateContract, QuotaContract):
    """
    What anything that implements `safeses.typing.Budget` keeps.

    Subclass it and define the fixture ``budget``; override ``clock`` if
    the budget takes its time from somewhere else.
    """

    @pytest.fixture
    def clock(self) -> FakeClock:
        """Return the time that the budget under test goes by."""
        return FakeClock()

    @pytest.fixture
    def sender(self, budget: Budget, clock: FakeClock) -> Sender:
        """Return a sender whose scope nobody has used."""
        return Sender(budget, clock)

    def test_a_refusal_takes_no_slot(self, sender: Sender) -> None:
        """Who is refused by the quota delays nobody."""
        sender.learn(1, 1)
        sender.wait_for()
        refusals = [type(sender.refusal()) for _ in range(3)]
        sender.learn(1)
        waited_s = sender.wait_for()

        assert pytest.approx((*3 * [QuotaExceededError], 1)) == (
            *refusals,
            waited_s,
        )

    def test_later_charges_no_quota(self, sender: Sender) -> None:
        """Who gets no slot uses up no quota."""
        sender.learn(1, 2)
        sender.wait_for()
        answers = {type(sender.ask()) for _ in range(3)}
        sender.wait_for()
        refusal = sender.refusal()

        assert ({Later}, QuotaExceededError) == (answers, type(refusal))

    def test_scopes(self, sender: Sender) -> None:
        """What one scope uses, is refused or learns, is not another's."""
        other = Sender(sender.budget, sender.clock)
        other.learn(2, 2)
        sender.learn(1, 1)
        sender.ask(1)
        sender.budget.throttled(sender.scope, "rate")
        sender.budget.throttled(sender.scope, "daily")

        waits = [other.wait_for(), other.wait_for()]

        assert pytest.approx([0, 0.5]) == waits

    def test_threads(self, sender: Sender) -> None:
        """Of eight threads at once, none uses the same quota twice."""
        sender.learn(1_000_000, 100)
        start = threading.Barrier(8)
        granted: list[bool] = []

        def ask() -> None:
            start.wait()
            granted.extend(sender.refusal() is None for _ in range(50))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert 100 == granted.count(True)

    def test_after_fork(self, sender: Sender) -> None:
        """A forked child goes on with what was known and used."""
        sender.learn(1000, 10)
        sender.wait_for(10)
        sender.budget.after_fork()

        refusal = sender.refusal()

        assert isinstance(refusal, QuotaExceededError)

    def test_any_history(self, budget: Budget, clock: FakeClock) -> None:
        """Whatever happens, in any order, an exact log finds no fault."""
        histories = []

        class History(Historian):
            def __init__(self) -> None:
                super().__init__(budget, clock)
                histories.append(self)

        run_state_machine_as_test(History, settings=AT_ANY_PACE)

        assert len(histories) > 1
