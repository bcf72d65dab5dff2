"""The command line: what it takes, what it refuses, what it loads."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from typing import TYPE_CHECKING

import pytest

from safeses.cli import main

if TYPE_CHECKING:
    from collections.abc import Sequence

PYTHON_S = 300


def run_code(code: str) -> subprocess.CompletedProcess[str]:
    """Run *code* in a Python of its own, without rich."""
    return subprocess.run(  # noqa: S603  # our own code
        [
            sys.executable,
            "-c",
            f"import sys; sys.modules['rich'] = None\n{code}",
        ],
        capture_output=True,
        check=False,
        text=True,
        timeout=PYTHON_S,
    )


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """The version is that of the installed package."""
    try:
        version = metadata.version("safeses")
    except metadata.PackageNotFoundError:
        version = "(not installed)"
    with pytest.raises(SystemExit) as exit_:
        main(["--version"])

    assert (0, f"safeses {version}\n") == (
        exit_.value.code,
        capsys.readouterr().out,
    )


def test_help_names_commands(capsys: pytest.CaptureFixture[str]) -> None:
    """Help lists every command with what it does."""
    with pytest.raises(SystemExit):
        main(["--help"])
    words = capsys.readouterr().out.split()

    assert {"demo", "simulate", "--version"} <= set(words)


def test_help_is_cheap() -> None:
    """Help needs no rich, and loads neither boto3 nor the simulator."""
    done = run_code(
        "from safeses.cli import main\n"
        "try:\n"
        "    main(['--help'])\n"
        "except SystemExit as end:\n"
        "    heavy = {'boto3', 'botocore', 'email_validator', 'tenacity',\n"
        "             'safeses.testing._simulator'} & sys.modules.keys()\n"
        "    sys.exit(f'{end.code} {sorted(heavy)}')\n"
    )

    assert "0 []" == done.stderr.strip()


def test_missing_extra() -> None:
    """Without rich one line names the extra, and the way out of it."""
    done = run_code(
        "from safeses.cli import main\n"
        "sys.exit(main(['demo', '--no-plain']))\n"
    )

    error = (
        'safeses: error: rich is not installed: pip install "safeses[demo]",'
        " or add --plain\n"
    )

    assert (2, error, "") == (done.returncode, done.stderr, done.stdout)


@pytest.mark.parametrize(
    "argv,problem",
    [
        ([], "are required: command"),
        (["send"], "invalid choice: 'send'"),
        (["demo", "--plain", "--no-plain"], "not allowed with"),
        (["demo", "--seed", "one"], "invalid int value: 'one'"),
        (["simulate", "--port", "65536"], "'65536' is not from 0 to 65535"),
        (["simulate", "--port", "-1"], "'-1' is not from 0 to 65535"),
        (["simulate", "--rate", "0"], "0 is not above 0"),
        (["simulate", "--rate", "nan"], "nan is not above 0"),
        (["simulate", "--rate", "fast"], "'fast' is no number"),
        (["simulate", "--quota", "-2"], "-2 is not above 0"),
        (["simulate", "--latency-s", "-1"], "-1 is not 0 or more"),
        (["simulate", "--fault", "flood"], "no fault is called 'flood'"),
        (["simulate", "--fault", "stall:last=1"], "'last' is not an option"),
        (["simulate", "--fault", "stall:accepted=1"], "takes yes or no"),
        (["simulate", "--fault", "stall:every=0"], "at least 1, not 0"),
        (["simulate", "--fault", "stall:first=x"], "literal for int()"),
        (["simulate", "--verified"], "expected at least one argument"),
    ],
)
def test_refused_arguments(
    argv: Sequence[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wrong arguments end with status 2 and say what is wrong."""
    with pytest.raises(SystemExit) as exit_:
        main(argv)
    text = capsys.readouterr().err

    assert (2, True) == (exit_.value.code, problem in text.splitlines()[-1])
