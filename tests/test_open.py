"""From what a caller calls a state to the state."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.keyed import outcome_of
from tests.opening import VARIABLE, opened

from safeses import ConfigurationError
from safeses._state import ComposedState, memory_state
from safeses.suppression import MemorySuppressionStore
from safeses.testing import FakeClock


class TestMemory:
    """The memory of the process."""

    @pytest.mark.parametrize(
        "given, variable, implicit",
        [
            (None, None, True),
            (None, "", True),
            (None, "memory:", False),
            ("memory:", None, False),
            ("memory:", "sqlite:///mail.db", False),
        ],
    )
    def test_implicit(
        self,
        monkeypatch: pytest.MonkeyPatch,
        given: str | None,
        variable: str | None,
        *,
        implicit: bool,
    ) -> None:
        """It is known whether somebody named it, here or outside."""
        if variable is not None:
            monkeypatch.setenv(VARIABLE, variable)
        state, nobody_named_it = opened(given)

        assert ("memory", "nothing", implicit) == (
            state.engine,
            state.survives,
            nobody_named_it,
        )

    def test_is_its_own(self) -> None:
        """Each has facts of its own."""
        one, two = opened("memory:")[0], opened("memory:")[0]

        assert one.ledger is not two.ledger

    def test_suppressions(self) -> None:
        """It takes who must not be mailed from elsewhere."""
        store = MemorySuppressionStore()
        state, _ = opened("memory:", suppressions=store)

        assert store is state.suppressions

    def test_processes(self) -> None:
        """It is divided by the processes, and the factor."""
        state, _ = opened("memory:", processes=2, rate_factor=0.5)
        alone, _ = opened("memory:")

        assert alone.per_second("s") == 4 * state.per_second("s")


class TestNames:
    """Which engine a URL is about."""

    @pytest.mark.parametrize(
        "url, meant",
        [
            ("reddis://:secret@a/0", "redis://localhost"),
            ("postgres://u:secret@a/shop", "postgresql+psycopg://"),
            ("MySQL://u:secret@a/shop", "mysql+pymysql://"),
            ("sqlit:///mail.db", "sqlite:///mail.db"),
        ],
    )
    def test_misspelt(self, url: str, meant: str) -> None:
        """Who misspells one is told how it is written."""
        error = outcome_of(lambda: opened(url))

        assert (ConfigurationError, True, False) == (
            type(error),
            f"did you mean {meant}" in error.remedy,
            "secret" in str(error),
        )

    @pytest.mark.parametrize(
        "url, module, kind",
        [
            ("redis://a/0", "safeses.redis", "RedisState"),
            ("rediss://a/0", "safeses.redis", "RedisState"),
            ("unix:///a.sock", "safeses.redis", "RedisState"),
            ("postgresql+psycopg://a/b", "safeses.sql", "SqlState"),
            ("mysql+pymysql://a/b", "safeses.sql", "SqlState"),
            ("mariadb+pymysql://a/b", "safeses.sql", "SqlState"),
            ("sqlite+pysqlite:///a.db", "safeses.sql", "SqlState"),
            ("dynamodb://mail", "safeses.dynamodb", "DynamoDBState"),
            ("sqlite:///a.db", "safeses.sqlite", "SqliteState"),
        ],
    )
    def test_engine(
        self, monkeypatch: pytest.MonkeyPatch, url: str, module: str, kind: str
    ) -> None:
        """Each goes to the package of its engine, with all settings."""
        asked: list[Any] = []
        made = memory_state(FakeClock())

        def from_url(given: str, **settings: Any) -> ComposedState:
            asked.append((given, sorted(settings)))
            return made

        monkeypatch.setattr(
            importlib,
            "import_module",
            {
                module: SimpleNamespace(
                    **{kind: SimpleNamespace(from_url=from_url)}
                )
            }.__getitem__,
        )
        state = opened(url)[0]

        names = ["clock", "namespace", "rate_factor", "suppressions"]
        assert (made, [(url, names)]) == (state, asked)

    @pytest.mark.parametrize(
        "url, missing, needs, remedy",
        [
            (
                "redis://:secret@a/0",
                "redis.client",
                "the state redis:// needs the package redis",
                'pip install "safeses[redis]"',
            ),
            (
                "postgresql+psycopg://u:secret@a/b",
                "sqlalchemy",
                "the state postgresql+psycopg:// needs the package sqlalchemy",
                'pip install "safeses[sql]"',
            ),
            (
                "postgresql+psycopg://u:secret@a/b",
                "psycopg",
                "the state postgresql+psycopg:// needs the package psycopg",
                "pip install psycopg",
            ),
        ],
    )
    def test_missing_package(
        self,
        monkeypatch: pytest.MonkeyPatch,
        url: str,
        missing: str,
        needs: str,
        remedy: str,
    ) -> None:
        """A missing package is named, and what brings it."""

        def fail(_: str) -> Any:
            raise ModuleNotFoundError(name=missing)

        monkeypatch.setattr(importlib, "import_module", fail)
        error = outcome_of(lambda: opened(url))

        assert (ConfigurationError, needs, remedy) == (
            type(error),
            error.problem,
            error.remedy,
        )


class TestOther:
    """What somebody made, and what is no state."""

    def test_given(self) -> None:
        """A state is taken as it is."""
        made = memory_state(FakeClock())

        assert (made, False) == opened(made)

    def test_suppressions_twice(self) -> None:
        """A state that was made has its own suppressions."""
        made = memory_state(FakeClock())
        error = outcome_of(
            lambda: opened(made, suppressions=MemorySuppressionStore())
        )

        assert (ConfigurationError, True) == (
            type(error),
            "suppressions=" in error.problem,
        )

    @pytest.mark.parametrize(
        "given", ["sqlite:///mail.db", memory_state(FakeClock())]
    )
    def test_processes(self, given: str | ComposedState) -> None:
        """Only the memory of each process has to be divided."""
        error = outcome_of(lambda: opened(given, processes=2))

        assert (ConfigurationError, True) == (
            type(error),
            "processes=" in error.problem,
        )

    @pytest.mark.parametrize(
        "given", [7, b"memory:", Path("mail.db"), object(), ComposedState]
    )
    def test_no_state(self, given: object) -> None:
        """What is neither a URL nor a state is refused by its type."""
        error = outcome_of(lambda: opened(given))

        assert (ConfigurationError, True) == (
            type(error),
            type(given).__name__ in error.problem,
        )

    @pytest.mark.parametrize(
        "url",
        [
            *("memory", "MEMORY:", "mail.db", "hunter2-secret", " "),
            *("reddis://:secret@a/0", "u:secret@a/0", "secret/x:y"),
            *("Redis://:secret@a/0", "dynamodb+x://:secret@a"),
        ],
    )
    def test_other_urls(self, url: str) -> None:
        """An unknown state is named without what may be secret in it."""
        error = outcome_of(lambda: opened(url))

        assert (ConfigurationError, False, True) == (
            type(error),
            "secret" in str(error),
            "sqlite:///" in error.remedy,
        )
