"""
What every ledger keeps, as tests to inherit.

.. code-block:: python

    class TestMyLedger(LedgerContract):
        @pytest.fixture
        def ledger(self, clock: FakeClock) -> Ledger:
            return MyLedger(clock=clock)

Needs pytest and hypothesis.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from safeses.testing._contracts._ledger_claiming import ClaimingContract
from safeses.testing._contracts._ledger_history import LedgerHistorian
from safeses.testing._contracts._ledger_keeping import KeepingContract
from safeses.testing._contracts._ledger_knowing import KnowingContract
from safeses.testing._contracts._ledger_settling import SettlingContract
from safeses.testing._contracts._ledger_sharing import LedgerSharingContract
from safeses.testing._contracts._pace import AT_ANY_PACE
from safeses.typing import Ledger

if TYPE_CHECKING:
    from safeses.testing._clock import FakeClock

# Few long histories find more than many short ones.
AT_LENGTH: Final = settings(
    AT_ANY_PACE, max_examples=60, stateful_step_count=60
)


class LedgerContract(
    ClaimingContract,
    SettlingContract,
    KnowingContract,
    KeepingContract,
    LedgerSharingContract,
):
    """
    What anything that implements `safeses.typing.Ledger` keeps.

    Subclass it and define the fixture ``ledger``: one that nobody has used
    and that takes its time from ``clock``, which you may override.

    Attributes:
        forks_in_use: Set it to False for a ledger on a library that hangs
            in a child that was forked while a thread was inside of it: it
            is then forked between two calls only.
    """

    def test_is_a_ledger(self, ledger: Ledger) -> None:
        """It has every method, and says what holds it."""
        is_ledger = isinstance(ledger, Ledger)

        assert (True, True) == (is_ledger, bool(ledger.engine))

    def test_any_history(self, ledger: Ledger, clock: FakeClock) -> None:
        """Whatever happens, in any order, an exact log says the same."""
        histories = []

        class History(LedgerHistorian):
            def __init__(self) -> None:
                super().__init__(ledger, clock)
                histories.append(self)

        run_state_machine_as_test(History, settings=AT_LENGTH)

        assert len(histories) > 1
