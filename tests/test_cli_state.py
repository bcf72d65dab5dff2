"""``safeses state`` on files, and what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from tests.keyed import KEY, LOST, told, world
from tests.state_command import run, used

from safeses.sqlite import SqliteState

if TYPE_CHECKING:
    from pathlib import Path

PYTHON_S = 60
DAY_S = 86_400.0


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Return a file in which somebody has sent, and lost an answer."""
    return used(tmp_path)


class TestOne:
    """What is done to one state."""

    def test_init(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        """It makes the file, and what it made passes the check."""
        there = f"sqlite:///{tmp_path}/new.db?synchronous=full"
        done = run(capsys, "init", there)[:2]
        again = run(capsys, "init", there)[:2]

        assert (
            (
                0,
                [
                    f"ok: {tmp_path.resolve()}/new.db is sound",
                    "ok: a power cut loses nothing",
                ],
            ),
            done,
        ) == (done, again)

    def test_check(self, capsys: pytest.CaptureFixture[str], url: str) -> None:
        """What should be known is a warning; the status stays 0."""
        status, lines, _ = run(capsys, "check", url)

        last = "warning: unknown outcomes: 1; see safeses unknown list"
        assert (0, last) == (status, lines[-1])

    def test_check_from_the_environment(
        self,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
        url: str,
    ) -> None:
        """Without a URL it is that of the environment."""
        monkeypatch.setenv("SAFESES_STATE", url)

        assert 0 == run(capsys, "check")[0]

    def test_check_makes_nothing(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        """A file that is not there is an error, and is not made."""
        status, lines, _ = run(capsys, "check", f"sqlite:///{tmp_path}/a.db")

        assert (1, "error: there is no file", []) == (
            status,
            lines[0][:23],
            [*tmp_path.iterdir()],
        )

    @pytest.mark.parametrize("content", [b"no file of ours" * 100])
    def test_check_finds_damage(
        self,
        capsys: pytest.CaptureFixture[str],
        tmp_path: Path,
        content: bytes,
    ) -> None:
        """What is no file of ours is an error."""
        (tmp_path / "a.db").write_bytes(content)
        status, lines, _ = run(capsys, "check", f"sqlite:///{tmp_path}/a.db")

        assert (1, True) == (status, "is not a SQLite file" in lines[0])

    def test_damage(
        self, capsys: pytest.CaptureFixture[str], url: str
    ) -> None:
        """A file that was written over in its midst is an error."""
        path = url.partition("///")[2]
        with closing(SqliteState.open(path)) as state:
            state.init()
        with open(path, "r+b") as file:  # noqa: PTH123  # in place
            file.seek(4096 * 3)
            file.write(b"\xff" * 4096 * 20)
        status, lines, _ = run(capsys, "check", url)

        assert (1, "error: ") == (status, lines[0][:7])

    def test_stats(self, capsys: pytest.CaptureFixture[str], url: str) -> None:
        """How much there is, for people and for programs."""
        text = run(capsys, "stats", url)[1]
        shown = json.loads(run(capsys, "stats", url, "--format", "json")[1][0])
        size = shown["stats"].pop("bytes")

        assert (
            ["suppressions", "1"],
            1,
            {
                "suppressions": 1,
                "jobs": 2,
                "unknown": 1,
                "expired jobs": 0,
                "handled events": 0,
                "counts": 0,
                "soft bounces": 0,
            },
            True,
        ) == (text[0].split(), shown["format"], shown["stats"], size > 0)

    def test_purge(self, tmp_path: Path) -> None:
        """What has expired goes, and what is unknown never."""
        made = world("sqlite", tmp_path)
        told(made.client(), key=KEY)
        made.answers(LOST)
        told(made.client(), key="other")
        made.client().suppressions.add(
            "eva@b.example", "soft", expires_in_s=DAY_S
        )
        made.clock.advance(40 * DAY_S)
        gone = made.state.purge()
        kept = made.state_of(KEY), made.state_of("other")
        made.close()

        assert (
            {"suppressions": 1, "ledger": 1, "seen": 0},
            ("", "unknown"),
        ) == (gone, kept)

    def test_purge_says_what(
        self, capsys: pytest.CaptureFixture[str], url: str
    ) -> None:
        """It says how much went."""
        status, lines, _ = run(capsys, "purge", url)

        assert (0, "ledger: 0 forgotten") == (status, lines[1])

    def test_memory(self) -> None:
        """The parts in memory are looked after in the same way."""
        made = world("memory", None)  # type: ignore[arg-type]  # no file
        told(made.client(), key=KEY)
        made.answers(LOST)
        told(made.client(), key="other")
        made.state.init()
        notes = [found.level for found in made.state.check()]
        stats = made.state.stats()
        made.clock.advance(40 * DAY_S)

        assert (
            ["warning"],
            {"suppressions": 0, "unknown": 1},
            {"suppressions": 0, "ledger": 1, "seen": 0},
            {"suppressions": 0, "unknown": 1},
        ) == (notes, stats, made.state.purge(), made.state.stats())


class TestRefused:
    """What cannot be begun."""

    @pytest.mark.parametrize(
        "argv, problem",
        [
            (["check"], "the memory of this command"),
            (["check", "memory:"], "the memory of this command"),
            (["check", "nowhere://u:secret@a"], "'nowhere' does not exist"),
            (["check", "sqlite:///a.db", "--namespace", ""], "has no name"),
            (["stats", "sqlite:///a.db"], "there is no file"),
            (["purge", "sqlite:///a.db"], "there is no file"),
            (["copy", "sqlite:///a.db", "sqlite:///b.db"], "is no file"),
            (["copy", "sqlite:///a.db", "sqlite:///a.db"], "the same state"),
            (
                ["copy", "sqlite:///a.db", "sqlite:///./a.db?timeout_s=1"],
                "the same state",
            ),
        ],
    )
    def test_refused(
        self,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
        argv: list[str],
        problem: str,
    ) -> None:
        """It says why, makes no file, and shows no password."""
        monkeypatch.delenv("SAFESES_STATE", raising=False)
        monkeypatch.chdir(tmp_path)
        status, lines, text = run(capsys, *argv)

        assert (2, [], True, False, []) == (
            status,
            lines,
            problem in text,
            "secret" in text,
            [*tmp_path.iterdir()],
        )

    def test_no_answer(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        """A state that gives no answer is named with its problem."""
        there = f"sqlite:///{tmp_path}/none/mail.db"
        status, _, text = run(capsys, "init", there)

        assert (1, True) == (status, "the state in sqlite failed: " in text)


def test_loads_no_engine(url: str) -> None:
    """Of the engines only the one that is named is loaded."""
    probe = (
        "import sys; from safeses.cli import main;"
        f"main(['state', 'check', {url!r}]);"
        "print(sorted({'boto3','redis','rich','sqlalchemy'} & {*sys.modules}))"
    )
    shown = subprocess.run(  # noqa: S603  # our own words
        [sys.executable, "-c", probe],
        capture_output=True,
        text=True,
        check=True,
        timeout=PYTHON_S,
    )

    assert "[]" == shown.stdout.splitlines()[-1]
