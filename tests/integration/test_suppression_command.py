"""``safeses suppression`` on the list that SES keeps, over HTTP."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest

from safeses._clock import SystemClock
from safeses._commands import suppression
from safeses._state import memory_state
from safeses.cli import main
from safeses.testing import SimulatedSES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.server

END_S = 120
AGAIN_S = 10
MODEL: Any = (
    botocore.session.get_session()
    .get_service_model("sesv2")
    .operation_model("ListSuppressedDestinations")
    .input_shape
)
KNOWS_TENANTS = "TenantName" in MODEL.members
MANY = 40


@pytest.fixture
def ses(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedSES]:
    """Have boto3 take a simulated SES for AWS."""
    simulated = SimulatedSES()
    with simulated.serve() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SESV2", url)
        yield simulated


def listed(ses: SimulatedSES) -> dict[str, str]:
    """Return the entries of SES with their reasons."""
    entries = ses._account.suppression.values()  # noqa: SLF001  # free of calls
    return {entry.address: entry.reason for entry in entries}


def test_entries(
    ses: SimulatedSES, capsys: pytest.CaptureFixture[str]
) -> None:
    """Entries are added, found, counted and removed at SES."""
    who = ["ann@example.com", "--account"]
    acts = [
        ["add", *who, "--reason", "bounce"],
        ["find", "cy@example.com", *who],
        ["list", *who[1:]],
        ["count", *who[1:]],
    ]
    statuses = [main(["suppression", *act]) for act in acts]
    there = listed(ses)
    statuses.append(main(["suppression", "remove", *who]))
    lines = [
        line.partition(", since")[0]
        for line in capsys.readouterr().out.splitlines()
    ]

    assert (
        [0] * 5,
        {"ann@example.com": "BOUNCE"},
        {},
        [
            "added 1 entry; 0 changed nothing",
            "cy@example.com  not suppressed",
            "ann@example.com  bounce",
            "ann@example.com  bounce",
            "1",
            "removed 1 entry",
        ],
    ) == (statuses, there, listed(ses), lines)


def test_import_and_export(
    ses: SimulatedSES, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file is compared with SES's list, then added, but for the rest."""
    file, copy = tmp_path / "list.csv", tmp_path / "copy.csv"
    file.write_text(
        "ann@example.com,BOUNCE\nbo@example.com,COMPLAINT\ncy@example.com\n"
    )
    into = ["suppression", "import", str(file), "--account"]
    statuses = [main(into)]
    before = listed(ses)
    statuses.append(main([*into, "--apply"]))
    out = ["suppression", "export", str(copy), "--account"]
    statuses.append(main([*out, "--format", "aws-csv"]))
    lines = capsys.readouterr()

    assert (
        [1, 1, 0],
        {},
        {"ann@example.com": "BOUNCE", "bo@example.com": "COMPLAINT"},
        [
            "3 lines read, 0 refused",
            "2 entries would be added to SES, 0 known",
            "3 lines read, 0 refused",
            "2 entries added to SES, 0 known",
            "wrote 2 entries",
        ],
        2,
        ["ann@example.com,BOUNCE", "bo@example.com,COMPLAINT"],
    ) == (
        statuses,
        before,
        listed(ses),
        lines.out.splitlines(),
        lines.err.count("1 entry left out: the reason manual"),
        sorted(copy.read_text().splitlines()),
    )


@pytest.mark.usefixtures("ses")
def test_sync(capsys: pytest.CaptureFixture[str]) -> None:
    """A state that lasts takes over SES's list, in two goes if need be."""
    bounce = ["a@example.com", "--reason", "bounce", "--account"]
    main(["suppression", "add", *bounce])
    state = memory_state(SystemClock())
    state.survives = "host"
    parser = argparse.ArgumentParser()
    suppression.configure(parser)

    def sync(*argv: str) -> int:
        arguments = parser.parse_args(["sync", *argv])
        arguments.state = state
        return suppression.run(arguments)

    statuses = [sync()]
    before = state.suppressions.count()
    both = ["--apply", "--direction", "both"]
    statuses.append(sync(*both, "--max-calls", "1"))
    out, err = capsys.readouterr()
    cursor = err.split()[-1]
    statuses.append(sync(*both, "--cursor", cursor))

    assert (
        [0, 1, 0],
        0,
        1,
        [
            "1 entry would be taken from SES, 0 known",
            "1 entry taken from SES, 0 entries added to SES, 0 known",
        ],
        f"safeses: go on with --cursor {cursor}",
    ) == (
        statuses,
        before,
        state.suppressions.count(),
        out.splitlines()[1:],
        err.splitlines()[-1],
    )


@pytest.mark.skipif(not KNOWS_TENANTS, reason="this botocore knows no tenants")
@pytest.mark.usefixtures("ses")
def test_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """What SES refuses is one line that speaks of no mail."""
    status = main(["suppression", "list", "--tenant", "none", "--account"])
    err = capsys.readouterr().err
    begin = "safeses: error: SES refused the call (NotFoundException): "

    assert (1, begin, 1) == (status, err[: len(begin)], err.count("\n"))


def test_not_reached(
    ses: SimulatedSES,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Where nobody listens, the error is a line, and soon."""
    with ses.serve() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SESV2", url)
    status = main(["suppression", "count", "--account"])
    err = capsys.readouterr().err

    assert (1, "safeses: error: SES cannot be reached", 1) == (
        status,
        err[:37],
        err.count("\n"),
    )


def interrupted(process: subprocess.Popen[str]) -> str:
    """Press Ctrl-C, again if need be; return what the process said."""
    while True:
        process.send_signal(signal.SIGINT)
        try:
            # Python drops an interrupt that comes while it frees an object.
            return process.communicate(timeout=AGAIN_S)[1]
        except subprocess.TimeoutExpired:
            assert process.poll() is None


@pytest.mark.skipif(
    sys.platform == "win32", reason="sends no such signal to a process"
)
def test_ctrl_c(ses: SimulatedSES, tmp_path: Path) -> None:
    """Ctrl-C ends a long import with 130, and says what was done."""
    # Who is told of a throttle has been told of the entries before it.
    put = "PutSuppressedDestination"
    fault = "status:429:TooManyRequestsException"
    ses.faults.add(fault, after=2, operation=put)
    file = tmp_path / "list.csv"
    file.write_text("".join(f"u{n}@example.com,BOUNCE\n" for n in range(MANY)))
    command = ["suppression", "import", str(file), "--account", "--apply"]
    with subprocess.Popen(  # noqa: S603  # ourselves
        [sys.executable, "-m", "safeses", *command],
        env=dict(os.environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            until = time.monotonic() + END_S
            while ses.requests[put] < 3 and time.monotonic() < until:
                time.sleep(0.05)
            err = interrupted(process)
        finally:
            process.kill()

    assert (
        130,
        [
            "safeses: interrupted",
            "safeses: done by then: 2 entries added to SES",
        ],
        2,
    ) == (process.returncode, err.splitlines()[-2:], len(listed(ses)))
