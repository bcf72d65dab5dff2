"""From a URL of SQLite to the state in its file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.keyed import outcome_of
from tests.opening import VARIABLE, opened

from safeses import ConfigurationError
from safeses.sqlite import SqliteState
from safeses.suppression import MemorySuppressionStore


def path_of(url: str) -> str:
    """Return the file that a URL names."""
    state, _ = opened(url)
    assert isinstance(state, SqliteState)
    return state.database.path


class TestFile:
    """A file of SQLite."""

    def test_open(self, tmp_path: Path) -> None:
        """A URL names a file, which need not exist."""
        state, implicit = opened(f"sqlite:///{tmp_path}/mail.db")

        assert (True, "sqlite", "process", False, False) == (
            isinstance(state, SqliteState),
            state.engine,
            state.survives,
            implicit,
            (tmp_path / "mail.db").exists(),
        )

    def test_environment(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """The environment names it as well, and then somebody did."""
        monkeypatch.setenv(VARIABLE, f"sqlite:///{tmp_path}/mail.db")
        state, implicit = opened(None)

        assert ("sqlite", False) == (state.engine, implicit)

    def test_paths(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """Three slashes are relative, four are not; %20 is a blank."""
        monkeypatch.chdir(tmp_path)
        here = Path.cwd().resolve()

        assert [
            str(here / "mail.db"),
            str(here / "mail.db"),
            str(here / "my mail.db"),
            str(here / "a#b.db"),
        ] == [
            path_of("sqlite:///mail.db"),
            path_of(f"sqlite:////{str(here).lstrip('/')}/mail.db"),
            path_of("sqlite:///my%20mail.db"),
            path_of("sqlite:///a#b.db?timeout_s=1"),
        ]

    @pytest.mark.parametrize(
        "query, survives",
        [
            ("", "process"),
            ("?synchronous=normal", "process"),
            ("?synchronous=full&timeout_s=2.5", "host"),
        ],
    )
    def test_options(self, tmp_path: Path, query: str, survives: str) -> None:
        """How much it survives is an option of the URL."""
        state, _ = opened(f"sqlite:///{tmp_path}/mail.db{query}")

        assert survives == state.survives

    def test_settings(self, tmp_path: Path) -> None:
        """Namespace, factor and suppressions reach the file."""
        store = MemorySuppressionStore()
        state, _ = opened(
            f"sqlite:///{tmp_path}/mail.db",
            namespace="news",
            suppressions=store,
        )
        ledger: Any = state.ledger

        assert ("news", True) == (
            ledger.namespace,
            state.suppressions is store,
        )

    @pytest.mark.parametrize(
        "url, named",
        [
            ("sqlite:mail.db", "names no SQLite file"),
            ("sqlite://mail.db", "names no SQLite file"),
            ("sqlite:///", "names no SQLite file"),
            ("sqlite:///?timeout_s=5", "names no SQLite file"),
            ("sqlite:///:memory:", ":memory:"),
            ("sqlite:///mail.db?mode=ro", "no option mode"),
            ("sqlite:///mail.db?synchronous=off", "'off'"),
            ("sqlite:///mail.db?synchronous=", "''"),
            ("sqlite:///mail.db?timeout_s=soon", "'soon'"),
            ("sqlite:///mail.db?timeout_s=", "''"),
            ("sqlite:///mail.db?timeout_s=-1", "timeout_s"),
            ("sqlite:///mail.db?timeout_s=nan", "timeout_s"),
            ("sqlite:///mail.db?timeout_s=inf", "timeout_s"),
            ("sqlite:///mail%00.db", ""),
        ],
    )
    def test_wrong(
        self,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
        url: str,
        named: str,
    ) -> None:
        """A URL that names no file, or no option, makes none."""
        monkeypatch.chdir(tmp_path)
        error = outcome_of(lambda: opened(url))

        assert (ConfigurationError, True, []) == (
            type(error),
            named in error.problem,
            [*tmp_path.iterdir()],
        )
