"""A client that sends on while its budget cannot be asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.degrading import PROCESSES, Mortal
from tests.fake_ses import FakeSES
from tests.keyed import LIMITS, MAIL, THROTTLED, outcome_of

from safeses import Client, StoreError
from safeses._budget import MemoryBudget
from safeses.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class TestClient:
    """A client that degrades."""

    @pytest.fixture
    def sends(self, tmp_path: Path) -> Callable[..., tuple[Client, Mortal]]:
        """Return what makes a client whose budget may die."""

        def make(ses: FakeSES, **settings: Any) -> tuple[Client, Mortal]:
            clock, given = FakeClock(), settings
            budget: Any = Mortal(MemoryBudget(clock))
            fake: Any = ses
            return Client(
                fake,
                state=f"sqlite:///{tmp_path}/mail.db",
                budget=budget,
                limits=LIMITS,
                clock=clock,
                **given,
            ), budget

        return make

    def test_refuses(self, sends: Any) -> None:
        """By default nothing is sent."""
        ses = FakeSES()
        client, budget = sends(ses)
        with client:
            budget.is_out = True
            error = outcome_of(lambda: client.send(MAIL))

        assert (StoreError, "budget", 0) == (
            type(error),
            error.part,
            len(ses.sent),
        )

    def test_degrades(self, sends: Any) -> None:
        """Told to, it goes on, slower; keys and suppressions hold."""
        ses = FakeSES()
        client, budget = sends(
            ses, on_store_error="degrade", processes=PROCESSES
        )
        with client:
            client.suppressions.add("bob@b.example", "bounce")
            budget.is_out = True
            first = client.send(MAIL, idempotency_key="k")
            again = client.send(MAIL, idempotency_key="k")
            ses.answers = [THROTTLED]
            throttled = client.send(MAIL, max_wait_s=20)

        assert (3, True, "bob@b.example", 2) == (
            len(ses.sent),
            again.replayed,
            first.dropped[0].address,
            throttled.attempts,
        )

    @pytest.mark.parametrize("part", ["ledger", "suppressions"])
    def test_refuses_without_the_others(
        self, tmp_path: Path, part: str
    ) -> None:
        """Who must not be mailed, and the ledger, have to answer."""
        ses, clock = FakeSES(), FakeClock()
        fake: Any = ses
        missing = f"sqlite:///{tmp_path}/none/{part}.db"
        given: dict[str, Any] = {part: missing}
        with Client(
            fake,
            state=f"sqlite:///{tmp_path}/mail.db",
            budget=MemoryBudget(clock),
            limits=LIMITS,
            clock=clock,
            on_store_error="degrade",
            processes=2,
            **given,
        ) as client:
            error = outcome_of(lambda: client.send(MAIL))

        assert (StoreError, 0) == (type(error), len(ses.sent))
