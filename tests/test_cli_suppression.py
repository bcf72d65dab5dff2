"""``safeses suppression`` on a state that lasts; none of these asks SES."""

from __future__ import annotations

import argparse
import errno
import io
import sys
from typing import TYPE_CHECKING

import attrs
import pytest

from safeses._commands import CommandError, suppression
from safeses._commands.suppression._watched import TELL_EVERY_S, Progress
from safeses._state import ComposedState, memory_state
from safeses.cli import main
from safeses.errors import (
    CredentialsError,
    NotSentError,
    RejectedError,
    StoreError,
    UnreachableError,
)
from safeses.suppression import MemorySuppressionStore, Suppression
from safeses.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from safeses.typing import SuppressionStore

CSV = "ann@example.com,BOUNCE\nbo@example.com,COMPLAINT\nnonsense\n"


class Run:
    """The command on a state that lasts, as one on a server would."""

    def __init__(self, store: SuppressionStore | None = None) -> None:
        self.state: ComposedState = memory_state(FakeClock())
        self.state.survives = "host"
        self.state.suppressions = store or MemorySuppressionStore()

    def __call__(self, *argv: str) -> int:
        """Do what is typed and return the exit status."""
        parser = argparse.ArgumentParser()
        suppression.configure(parser)
        arguments = parser.parse_args(argv)
        arguments.state = self.state
        return suppression.run(arguments)


@pytest.fixture
def run() -> Run:
    """Return the command on an empty list."""
    return Run()


@pytest.fixture
def csv(tmp_path: Path) -> str:
    """Return a file of two entries and a line that is none."""
    path = tmp_path / "list.csv"
    path.write_text(CSV)
    return str(path)


def out_of(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the lines that were put out."""
    return capsys.readouterr().out.splitlines()


def test_add_find_remove(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """Who was added is found with why, until removed."""
    who = ["Ann <ANN@example.com>", "bo@example.com"]
    statuses = [
        run("add", *who, "--reason", "complaint", "--note", "by phone"),
        run("add", who[0]),
        run("find", "ann@example.com", "cy@example.com"),
        run("count"),
        run("remove", *who),
        run("count"),
    ]
    lines = out_of(capsys)
    lines[2] = lines[2].partition(", since")[0]

    assert (
        [0] * 6,
        [
            "added 2 entries; 0 changed nothing",
            "added 0 entries; 1 changed nothing",
            "ann@example.com  complaint",
            "cy@example.com  not suppressed",
            "2",
            "removed 2 entries",
            "0",
        ],
    ) == (statuses, lines)


def test_list(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """Entries are listed with all that is known, one a line."""
    run("add", "ann@example.com", "--stream", "news", "--source", "form")
    run("add", "bo@example.com", "--expires-in-s", "60", "--note", "a\nb")
    out_of(capsys)
    run("list", "--stream", "news")
    run("list", "--reason", "bounce")
    run("list", "--stream", "")
    news, other = out_of(capsys)

    assert (
        "ann@example.com  manual, in the stream news, since",
        ", from form",
        True,
        ", a\\nb",
    ) == (news[:50], news[-11:], ", until " in other, other[-6:])


def test_purge(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """Purging says how many had expired."""
    run("purge")

    assert ["removed 0 entries"] == out_of(capsys)


def test_import_is_dry(
    run: Run, csv: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without --apply nothing changes, and what would is said."""
    status = run("import", csv)
    out, err = capsys.readouterr()

    assert (
        1,
        ["3 lines read, 1 refused", "2 entries would be added, 0 known"],
        [
            f"safeses: {csv}:3: refused: not an address that SES can mail",
            "safeses: nothing was changed; --apply does it",
        ],
        0,
    ) == (
        status,
        out.splitlines(),
        err.splitlines(),
        run.state.suppressions.count(),
    )


def test_import_applies(
    run: Run, csv: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --apply entries are added, and a second time they are known."""
    statuses = [run("import", csv, "--apply") for _ in range(2)]
    lines = out_of(capsys)
    found = run.state.suppressions.find(["ann@example.com"])

    assert (
        [1, 1],
        ["2 entries added, 0 known", "0 entries added, 2 known"],
        ("bounce", "import"),
    ) == (
        statuses,
        lines[1::2],
        (found["ann@example.com"].reason, found["ann@example.com"].source),
    )


def test_import_says_the_first_refusals(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A hundred refused lines are named, of the others there is a count."""
    path = tmp_path / "list.txt"
    path.write_text("ann\n" * 150)
    run("import", str(path), "--apply")
    err = capsys.readouterr().err.splitlines()

    assert (101, f"safeses: {path}: 50 more lines refused", False) == (
        len(err),
        err[-1],
        "ann" in "".join(err).replace(str(path), ""),
    )


def test_import_from_stdin(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A list may come through a pipe; what it does not say is an option."""
    stdin = io.TextIOWrapper(io.BytesIO(b"ann@example.com\n"))
    monkeypatch.setattr(sys, "stdin", stdin)
    options = ["--reason", "bounce", "--stream", "news", "--source", "old"]
    status = run("import", "-", "--apply", *options)
    (entry,) = run.state.suppressions.page().entries
    out_of(capsys)

    assert (0, "bounce", "news", "old") == (
        status,
        entry.reason,
        entry.stream,
        entry.source,
    )


def test_export(
    run: Run,
    csv: str,
    tmp_path: Path,
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    """What is exported to a file or stdout is what was imported."""
    run("import", csv, "--apply")
    capsysbinary.readouterr()
    path = tmp_path / "out.csv"
    run("export", str(path), "--format", "aws-csv")
    said = capsysbinary.readouterr().out
    run("export", "-", "--format", "aws-csv")
    out, err = capsysbinary.readouterr()

    assert (
        b"wrote 2 entries",
        out,
        b"safeses: wrote 2 entries",
        CSV[: -len("nonsense\n")],
    ) == (
        said.rstrip(),
        path.read_bytes(),
        err.rstrip(),
        out.decode(),
    )


@pytest.mark.parametrize("act,status", [("import", 2), ("export", 1)])
def test_bad_path(run: Run, act: str, status: int, tmp_path: Path) -> None:
    """A file that cannot be used ends it with its name and why."""
    path = tmp_path / "none" / "list.csv"
    with pytest.raises(CommandError) as caught:
        run(act, str(path))

    assert (status, True) == (
        caught.value.status,
        str(caught.value).endswith(f"{path}: No such file or directory"),
    )


@pytest.mark.skipif(sys.platform == "win32", reason="has no such links")
@pytest.mark.parametrize("act", ["import", "export"])
def test_link_to_itself(run: Run, act: str, tmp_path: Path) -> None:
    """A link that leads nowhere ends it with its name, before it begins."""
    path = tmp_path / "loop"
    path.symlink_to("loop")
    with pytest.raises(CommandError, match="/loop: ") as caught:
        run(act, str(path))

    assert 2 == caught.value.status


@pytest.mark.parametrize(
    "name, argv",
    [
        ("stdin", ["import", "-"]),
        ("stdout", ["export", "-"]),
        ("stdout", ["purge"]),
    ],
)
def test_closed(
    run: Run, name: str, argv: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the shell has closed is said before anything is done."""
    monkeypatch.setattr(sys, name, None)
    with pytest.raises(CommandError, match=f"{name} is closed") as caught:
        run(*argv)

    assert 2 == caught.value.status


class Full(io.RawIOBase):
    """A disk with no space left."""

    def writable(self) -> bool:
        """It could be written to once."""
        return True

    def write(self, data: object) -> int:
        """Fail."""
        raise OSError(errno.ENOSPC, "No space left on device", data)


@pytest.mark.parametrize(
    "argv, text",
    [
        (["export", "-"], "cannot write -: No space left on device"),
        (["list"], "cannot write: No space left on device"),
    ],
)
def test_full_disk(
    run: Run, argv: list[str], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full is one line, not a traceback."""
    run.state.suppressions.add([Suppression(address="ann@example.com")])
    full = io.TextIOWrapper(Full(), write_through=True)  # type: ignore[type-var]  # raw is enough
    monkeypatch.setattr(sys, "stdout", full)
    with pytest.raises(CommandError) as caught:
        run(*argv)

    assert (1, text) == (caught.value.status, str(caught.value))


@pytest.mark.parametrize(
    "argv",
    [
        ["add", "ann@example.com"],
        ["remove", "ann@example.com"],
        ["find", "ann@example.com"],
        ["list"],
        ["count"],
        ["purge"],
        ["import", "list.csv", "--apply"],
        ["export", "-"],
        ["sync"],
        ["sync", "--account", "--apply"],
        ["list", "--state", "memory:"],
    ],
)
def test_memory_is_refused(
    argv: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A list that ends with the command is refused in a line."""
    status = main(["suppression", *argv])
    out, err = capsys.readouterr()
    begin = "safeses: error: the list is in the memory of this command"

    assert (2, "", begin, 1) == (
        status,
        out,
        err[: len(begin)],
        err.count("\n"),
    )


def test_import_checks_a_file(
    csv: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without any state a file can still be checked."""
    status = main(["suppression", "import", csv])

    assert (
        1,
        [
            "3 lines read, 1 refused",
            "compared with no list: no state that lasts is named",
        ],
    ) == (status, out_of(capsys))


@pytest.mark.parametrize(
    "argv,problem",
    [
        (["list", "--state", "nowhere://x"], "'nowhere' does not exist"),
        (["add", "ann@example.com", "--account"], "the reason manual"),
        (["import", "-", "--tenant", "t"], "add --account"),
        (["add", "ann@", "--reason", "bounce", "--account"], "not an address"),
    ],
)
def test_cannot_begin(
    argv: Sequence[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot work is said in a line, before SES is asked."""
    status = main(["suppression", *argv])
    err = capsys.readouterr().err

    assert (2, True, 1) == (status, problem in err, err.count("\n"))


@pytest.mark.parametrize(
    "argv,problem",
    [
        ([], "are required: action"),
        (["find"], "are required: ADDRESS"),
        (["count", "--region", "no where"], "'no where' is not such as"),
        (["purge", "--account"], "unrecognized arguments: --account"),
        (["add", "a@example.com", "--expires-in-s", "0"], "is not above 0"),
        (["export", "-", "--format", "xml"], "invalid choice: 'xml'"),
        (["sync", "--direction", "out"], "invalid choice: 'out'"),
        (["sync", "--max-calls", "0"], "'0' is not a whole number above 0"),
        (["sync", "--max-calls", "x"], "'x' is not a whole number above 0"),
        (["import", "a\0b"], "a path holds no NUL"),
        (["export", "a\0b"], "a path holds no NUL"),
    ],
)
def test_wrong_arguments(
    argv: Sequence[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wrong arguments end with status 2 and say what is wrong."""
    with pytest.raises(SystemExit) as exit_:
        main(["suppression", *argv])
    text = capsys.readouterr().err

    assert (2, True) == (exit_.value.code, problem in text.splitlines()[-1])


@attrs.define(eq=False)
class Failing(MemorySuppressionStore):
    """A store that takes 500 entries, and then no more."""

    error: BaseException = attrs.field(factory=KeyboardInterrupt)

    def add(self, entries: Sequence[Suppression]) -> list[bool]:
        """Add them, or fail."""
        if self.count():
            raise self.error
        return super().add(entries)


@pytest.mark.parametrize(
    "error,raised",
    [
        (KeyboardInterrupt(), KeyboardInterrupt),
        (StoreError("suppressions", "redis", "no answer"), CommandError),
    ],
)
def test_says_how_far_it_came(
    error: BaseException,
    raised: type[BaseException],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What ends an import early leaves a line on what was done."""
    path = tmp_path / "list.txt"
    path.write_text("".join(f"u{n}@example.com\n" for n in range(800)))
    with pytest.raises(raised):
        Run(Failing(error=error))("import", str(path), "--apply")
    err = capsys.readouterr().err.splitlines()

    assert "safeses: done by then: 500 entries added" == err[-1]


def test_progress_is_told_now_and_then(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Short runs are quiet; long ones say every few seconds how far."""
    clock = FakeClock()
    progress = Progress(clock)
    for number in range(4):
        progress.tell(f"{number} done")
        clock.advance(TELL_EVERY_S / 2)

    assert (["safeses: 2 done"], "3 done") == (
        capsys.readouterr().err.splitlines(),
        progress.done,
    )


@pytest.mark.parametrize(
    "error,status,text",
    [
        (CredentialsError("expired"), 2, "no usable AWS credentials: expired"),
        (UnreachableError("refused"), 1, "SES cannot be reached: refused"),
        (
            RejectedError("NotFoundException", 404, "no tenant"),
            1,
            "SES refused the call (NotFoundException): no tenant",
        ),
        (
            StoreError("suppression", "ses", "no answer"),
            1,
            "the list in ses failed: no answer",
        ),
    ],
)
def test_errors_are_not_about_mail(
    error: NotSentError, status: int, text: str
) -> None:
    """No error of a list says that nothing was sent."""
    with pytest.raises(CommandError) as caught:
        Run(_Broken(error=error))("find", "ann@example.com")
    said = str(caught.value)

    assert (status, text, False) == (
        caught.value.status,
        said[: len(text)],
        "sent" in said,
    )


@attrs.define(eq=False)
class _Broken(MemorySuppressionStore):
    """A store that never answers."""

    error: NotSentError = attrs.field(kw_only=True)

    def find(
        self,
        addresses: Sequence[str],  # noqa: ARG002  # fails for all
        **_: str,
    ) -> dict[str, Suppression]:
        """Fail."""
        raise self.error
