"""``safeses unknown`` on a state that lasts."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.keyed import KEY, LOST, Deaf, World, told, world

from safeses._commands import CommandError, unknown
from safeses._state import memory_state
from safeses.cli import main
from safeses.errors import StoreError
from safeses.testing import FakeClock

if TYPE_CHECKING:
    from pathlib import Path

PYTHON_S = 300


class Run:
    """The command, beside the clients whose state it works on."""

    def __init__(self, here: World) -> None:
        """Take a state that lasts."""
        self.here = here
        self.here.state.survives = "host"

    def __call__(self, *argv: str) -> int:
        """Do what is typed and return the exit status."""
        parser = argparse.ArgumentParser()
        unknown.configure(parser)
        arguments = parser.parse_args(argv)
        arguments.state = self.here.state
        return unknown.run(arguments)

    def lose(self, key: str | None = KEY, **settings: Any) -> str:
        """Send a mail, lose the answer, and return its tag."""
        self.here.answers(LOST)
        tag: str = told(self.here.client(**settings), key=key).tag
        return tag


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return the command where nothing was sent."""
    return Run(world("memory", tmp_path))


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Return a file in which one outcome is unknown."""
    made = world("sqlite", tmp_path)
    Run(made).lose()
    made.close()
    return f"sqlite:///{tmp_path}/mail.db"


def out_of(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the lines that were put out."""
    return capsys.readouterr().out.splitlines()


class TestList:
    """``safeses unknown list``."""

    def test_text(self, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
        """A line says what is known of each, the oldest first."""
        older = run.lose()
        run.here.clock.advance(61)
        other = run.lose(None)
        run.here.clock.advance(61)
        run.here.answers(LOST)
        told(run.here.client(), on_unknown="resend")
        status = run("list")
        why = "SES answered 500 InternalFailure"
        first = f"2026-01-01 00:01:01 UTC, 1 attempt, no key, {why}"
        then = f"2026-01-01 00:02:02 UTC, 2 attempts, with a key, {why}"

        assert (0, [f"{other}  {first}", f"{older}  {then}"]) == (
            status,
            out_of(capsys),
        )

    def test_json(self, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
        """A program reads the same as one document."""
        tag = run.lose()
        status = run("list", "--format", "json")

        assert (
            0,
            {
                "format": 1,
                "unknown": [
                    {
                        "tag": tag,
                        "sent_at": "2026-01-01T00:00:00+00:00",
                        "attempts": 1,
                        "has_key": True,
                        "reason": "SES answered 500 InternalFailure",
                    }
                ],
            },
        ) == (status, json.loads(capsys.readouterr().out))

    @pytest.mark.parametrize(
        "form, line",
        [
            ("text", "no outcome is unknown"),
            ("json", '{"format": 1, "unknown": []}'),
        ],
    )
    def test_nothing(
        self,
        run: Run,
        form: str,
        line: str,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """An empty list says that it is one."""
        told(run.here.client())
        status = run("list", "--format", form)

        assert (0, [line]) == (status, out_of(capsys))

    def test_no_address(
        self, run: Run, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """No address is put out, not even out of a key."""
        run.lose("mail to ann@b.example")
        run("list")
        run("list", "--format", "json")

        assert "@" not in capsys.readouterr().out


class TestResolve:
    """``safeses unknown resolve``."""

    @pytest.mark.parametrize("settings", [{}, {"tag_key": b"k" * 16}])
    def test_tag(
        self,
        run: Run,
        settings: dict[str, Any],
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """A tag, signed or not, names the mail."""
        tag = run.lose(**settings)
        status = run("resolve", tag, "sent", "--message-id", "m-7")
        again = told(run.here.client())

        assert (0, ["recorded: sent"], "m-7", True) == (
            status,
            out_of(capsys),
            again.message_id,
            again.replayed,
        )

    @pytest.mark.parametrize(
        "argv",
        [
            ["resolve", "--key", KEY, "not_sent"],
            ["resolve", "not_sent", "--key", KEY],
            ["resolve", f"--key={KEY}", "--namespace", "safeses", "not_sent"],
        ],
    )
    def test_key(
        self, run: Run, argv: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        """So does its key, which is free again once it was not sent."""
        run.lose()
        status = run(*argv)
        again = told(run.here.client())

        assert (0, ["recorded: not sent"], "m-2", False) == (
            status,
            out_of(capsys),
            again.message_id,
            again.replayed,
        )

    def test_namespace(self, run: Run) -> None:
        """A key is looked for in the namespace that is named."""
        run.lose(namespace="news")
        with pytest.raises(CommandError) as error:
            run("resolve", "--key", KEY, "sent")
        status = run("resolve", "--key", KEY, "--namespace", "news", "sent")

        assert (1, "in the namespace safeses", 0) == (
            error.value.status,
            str(error.value).partition(";")[0][-24:],
            status,
        )

    @pytest.mark.parametrize("name", [["--key", KEY], ["0" * 32], [KEY]])
    def test_not_open(self, run: Run, name: list[str]) -> None:
        """What is settled, or was never there, is status 1."""
        told(run.here.client())
        with pytest.raises(CommandError, match="no outcome is open") as error:
            run("resolve", *name, "sent")

        assert 1 == error.value.status

    def test_twice(self, run: Run) -> None:
        """Who settles it first, settles it."""
        tag = run.lose()
        run("resolve", tag, "sent", "--message-id", "m-7")
        with pytest.raises(CommandError):
            run("resolve", tag, "not_sent")

        assert "m-7" == told(run.here.client()).message_id

    def test_in_flight(self, run: Run) -> None:
        """What is being sent is left alone; it says when to come back."""
        errors = []

        def meanwhile() -> Any:
            with pytest.raises(CommandError) as error:
                run("resolve", "--key", KEY, "not_sent")
            errors.append((error.value.status, str(error.value)))
            return {"MessageId": "m-1"}

        run.here.answers(meanwhile)
        told(run.here.client())

        assert [
            (1, "it is being sent at this moment: try again in 15 s")
        ] == errors

    @pytest.mark.parametrize(
        "argv",
        [
            ["resolve", "sent"],
            ["resolve", "", "sent"],
            ["resolve", "--key", "", "sent"],
            ["resolve", "0" * 32, "sent", "--key", KEY],
            ["resolve", "--key", KEY, "not_sent", "--message-id", "m-7"],
            ["resolve", "--key", KEY, "--namespace", "", "sent"],
        ],
    )
    def test_cannot_begin(self, run: Run, argv: list[str]) -> None:
        """What makes no sense is status 2, and changes nothing."""
        run.lose()
        with pytest.raises(CommandError) as error:
            run(*argv)

        assert (2, "unknown") == (error.value.status, run.here.state_of())


class TestState:
    """Which state it works on."""

    @pytest.mark.parametrize(
        "argv", [["list"], ["resolve", "--key", KEY, "sent"]]
    )
    def test_memory(
        self, argv: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        """The memory of a command knows nothing, and that is said."""
        statuses = [
            main(["unknown", *argv]),
            main(["unknown", *argv, "--state", "memory:"]),
        ]
        lines = capsys.readouterr().err.splitlines()

        assert ([2, 2], [True] * 2) == (
            statuses,
            [
                "memory of this command" in line and "--state" in line
                for line in lines
            ],
        )

    def test_no_file(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A name that was mistyped is no file in which all is well."""
        state = f"sqlite:///{tmp_path}/mial.db"
        status = main(["unknown", "list", "--state", state])
        out, err = capsys.readouterr()

        assert (2, "", True, []) == (
            status,
            out,
            f"there is no file {tmp_path / 'mial.db'}" in err,
            [*tmp_path.iterdir()],
        )

    def test_wrong_url(self, capsys: pytest.CaptureFixture[str]) -> None:
        """A state that does not exist cannot be begun with."""
        status = main(["unknown", "list", "--state", "nowhere://a"])

        assert (2, True) == (
            status,
            "sqlite:///mail.db" in capsys.readouterr().err,
        )

    def test_not_a_database(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A state that gives no answer is status 1, not an empty list."""
        path = tmp_path / "mail.db"
        path.write_text("no database, but long enough to be read\n" * 99)
        status = main(["unknown", "list", "--state", f"sqlite:///{path}"])
        out, err = capsys.readouterr()

        assert (1, "", True) == (status, out, "not a SQLite file" in err)

    def test_no_answer(self, run: Run) -> None:
        """The words of its error are not about a send."""
        run.here.state.ledger = Deaf(run.here.state.ledger, ("unsettled",))
        with pytest.raises(CommandError) as error:
            run("list")

        assert (1, "the ledger in fake failed: no answer", StoreError) == (
            error.value.status,
            str(error.value),
            type(error.value.__cause__),
        )

    def test_other_engine(self, capsys: pytest.CaptureFixture[str]) -> None:
        """A state of another engine is taken at its word."""
        state = memory_state(FakeClock())
        state.engine, state.survives = "sqlite", "host"
        arguments = argparse.Namespace(
            act="list", state=state, namespace="safeses", format="text"
        )

        assert (0, ["no outcome is unknown"]) == (
            unknown.run(arguments),
            out_of(capsys),
        )

    def test_environment(
        self,
        url: str,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """SAFESES_STATE names it where --state does not."""
        monkeypatch.setenv("SAFESES_STATE", url)
        monkeypatch.delenv("AWS_DEFAULT_REGION")
        statuses = [
            main(["unknown", "list"]),
            main(["unknown", "resolve", "--key", KEY, "sent"]),
            main(["unknown", "list"]),
        ]
        lines = out_of(capsys)

        assert ([0, 0, 0], ["recorded: sent", "no outcome is unknown"]) == (
            statuses,
            lines[1:],
        )


@pytest.mark.parametrize(
    "argv",
    [
        ["unknown"],
        ["unknown", "resolve"],
        ["unknown", "resolve", "0" * 32, "perhaps"],
        ["unknown", "list", "--format", "csv"],
    ],
)
def test_usage(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong arguments get the usage, and status 2."""
    with pytest.raises(SystemExit) as error:
        main(argv)

    assert (2, True) == (
        error.value.code,
        "usage:" in capsys.readouterr().err,
    )


def test_is_light(url: str) -> None:
    """It loads no boto3, as it asks SES nothing."""
    code = (
        "import sys\nfrom safeses.cli import main\n"
        f"main(['unknown', 'list', '--state', {url!r}])\n"
        "assert 'botocore' not in sys.modules"
    )
    done = subprocess.run(  # noqa: S603  # our own code
        [sys.executable, "-c", code],
        capture_output=True,
        check=False,
        text=True,
        timeout=PYTHON_S,
    )

    assert (0, "") == (done.returncode, done.stderr)
