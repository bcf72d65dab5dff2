"""States of which the parts are named one by one."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest
from tests.fake_ses import FakeSES
from tests.keyed import KEY, MAIL, outcome_of
from tests.opening import opened

from safeses import Client, ConfigurationError, Limits
from safeses._budget import MemoryBudget
from safeses._open import open_state
from safeses._state import memory_state
from safeses.ledger import MemoryLedger
from safeses.sqlite import SqliteLedger
from safeses.testing import FakeClock

if TYPE_CHECKING:
    from pathlib import Path


class TestParts:
    """Parts that are named one by one."""

    def test_urls(self, tmp_path: Path) -> None:
        """Each part is that of its URL, and only that is opened."""
        urls: dict[str, Any] = {
            name: f"sqlite:///{tmp_path}/{name}.db"
            for name in ("budget", "ledger", "suppressions")
        }
        state, implicit = open_state(None, FakeClock(), **urls)
        with contextlib.closing(state):
            state.learn("s", Limits(per_second=7))
            state.ledger.look_up("a" * 64)
            engines = (
                state.ledger.engine,
                state.suppressions.engine,
                state.seen.engine,
            )
            rate = state.per_second("s")

        files = {path.name for path in tmp_path.glob("*.db")}
        assert (
            ("sqlite", "sqlite", "memory"),
            7.0,
            {"budget.db", "ledger.db"},
            ("sqlite", "process", True),
        ) == (engines, rate, files, (state.engine, state.survives, implicit))

    def test_one_url(self, tmp_path: Path) -> None:
        """Two parts of one URL are of one state."""
        url = f"sqlite:///{tmp_path}/mail.db"
        state: Any = opened(None, budget=url, suppressions=url)[0]

        assert ["memory:", url] == [
            *("memory:" for one in state.opened if one.engine == "memory"),
            *(url for one in state.opened if one.engine == "sqlite"),
        ]

    def test_survives(self, tmp_path: Path) -> None:
        """What it outlives is what its ledger does."""
        url = f"sqlite:///{tmp_path}/mail.db"
        full = f"{url}?synchronous=full"
        elsewhere = opened(url, ledger=full)[0]
        made = opened("memory:", ledger=SqliteLedger(tmp_path / "a.db"))[0]
        lost = opened(url, ledger=MemoryLedger())[0]

        assert ["host", "process", "nothing"] == [
            state.survives for state in (elsewhere, made, lost)
        ]

    def test_sends(self, tmp_path: Path) -> None:
        """A client sends with them, and closes what it has opened."""
        url = f"sqlite:///{tmp_path}/mail.db"
        clock, fake = FakeClock(), FakeSES()
        ses: Any = fake
        with Client(
            ses,
            ledger=url,
            suppressions=f"sqlite:///{tmp_path}/list.db",
            limits=Limits(per_second=14),
            clock=clock,
        ) as client:
            client.suppressions.add("bob@b.example", "bounce")
            first = client.send(MAIL, idempotency_key=KEY)
            again = client.send(MAIL, idempotency_key=KEY)
            dropped = [gone.address for gone in first.dropped]
            in_use = len([*tmp_path.glob("*.db-wal")])

        assert (1, True, ["bob@b.example"], 2, []) == (
            len(fake.sent),
            again.replayed,
            dropped,
            in_use,
            [*tmp_path.glob("*.db-wal")],
        )

    @pytest.mark.parametrize(
        "given, settings, named",
        [
            ("memory:", {"budget": object()}, "budget=object is no Budget"),
            ("memory:", {"ledger": object}, "ledger=type is no Ledger"),
            ("memory:", {"suppressions": 7}, "is no SuppressionStore"),
            ("memory:", {"ledger": "memory:"}, 'ledger="memory:"'),
            ("memory:", {"ledger": "nowhere://"}, "'nowhere'"),
            (
                memory_state(FakeClock()),
                {"ledger": "sqlite:///mail.db"},
                "ledger= and a state that has its own",
            ),
            (
                memory_state(FakeClock()),
                {"on_store_error": "degrade"},
                "on_store_error= and a state that has its own",
            ),
            (
                "memory:",
                {"budget": MemoryBudget(FakeClock()), "rate_factor": 0.5},
                "rate_factor= and a budget that has its own",
            ),
            (
                "memory:",
                {"budget": "sqlite:///mail.db", "processes": 2},
                "processes= divides the limits",
            ),
            ("memory:", {"on_store_error": "wait"}, "'wait' does not exist"),
            (
                "memory:",
                {"on_store_error": "degrade", "processes": 2},
                "always answers",
            ),
            (
                "memory:",
                {"on_store_error": "degrade", "budget": "sqlite:///mail.db"},
                "without processes=",
            ),
            (
                "sqlite:///mail.db",
                {"on_store_error": "degrade", "processes": 2},
                "the ledger in the same state as the budget",
            ),
            (
                "sqlite:///mail.db",
                {
                    "on_store_error": "degrade",
                    "processes": 2,
                    "ledger": "sqlite:///other.db",
                },
                "the suppressions in the same state as the budget",
            ),
        ],
    )
    def test_wrong(
        self,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
        given: Any,
        settings: dict[str, Any],
        named: str,
    ) -> None:
        """What does not go together is refused, and makes no file."""
        monkeypatch.chdir(tmp_path)
        error = outcome_of(lambda: opened(given, **settings))

        assert (ConfigurationError, True, []) == (
            type(error),
            named in error.problem,
            [*tmp_path.iterdir()],
        )

    def test_processes_beside_a_ledger(self, tmp_path: Path) -> None:
        """A budget in memory is divided, wherever the ledger is."""
        url = f"sqlite:///{tmp_path}/mail.db"
        state = opened(None, ledger=url, processes=2)[0]

        assert 7.0 == state.per_second("s")
