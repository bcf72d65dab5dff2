"""``safeses simulate`` as a process of its own."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from safeses.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.server
END_S = 120
MAIL: dict[str, Any] = {
    "FromEmailAddress": "shop@example.com",
    "Destination": {"ToAddresses": ["ann@example.net", "bo@example.net"]},
    "Content": {
        "Simple": {
            "Subject": {"Data": "Your order"},
            "Body": {"Text": {"Data": "It ships."}},
        }
    },
}


@contextlib.contextmanager
def simulate(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run the command on a free port."""
    command = [sys.executable, "-m", "safeses", "simulate", "--port", "0"]
    with subprocess.Popen(  # noqa: S603  # ourselves
        [*command, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def client(process: subprocess.Popen[str]) -> Any:
    """Connect boto3 to the URL in the first line."""
    assert process.stdout is not None

    return boto3.Session("testing", "testing").client(
        "sesv2",
        region_name="eu-west-1",
        endpoint_url=process.stdout.readline().split()[-1],
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.skipif(
    sys.platform == "win32", reason="sends no such signals to a process"
)
def test_until_signal(number: signal.Signals) -> None:
    """It serves boto3 until a signal, then says what it has received."""
    with simulate("--rate", "1") as process:
        ses = client(process)
        ses.send_email(**MAIL)
        with pytest.raises(ClientError):
            ses.send_email(**MAIL)
        ses.get_account()
        ses.close()
        process.send_signal(number)
        out, err = process.communicate(timeout=END_S)
    report = out[out.index("received") :].splitlines()

    assert (
        0,
        "",
        [
            "received  2 SendEmail, 1 GetAccount",
            "accepted  1 mails to 2 recipients",
            "refused   1 TooManyRequestsException",
        ],
        ["a***@e***", "and", "1", "more", "Your", "order"],
    ) == (process.returncode, err, report[:3], report[3].split()[1:])


def test_snippet_runs() -> None:
    """The printed snippet sends a mail as it stands."""
    with simulate("--fault", "status:400:MessageRejected:after=1") as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(5)]
        snippet = "".join(line.strip() + "\n" for line in lines[2:])
        done = subprocess.run(  # noqa: S603  # what we print
            [sys.executable, "-c", snippet],
            capture_output=True,
            check=False,
            text=True,
            timeout=END_S,
        )

    assert (0, "") == (done.returncode, done.stderr)


@pytest.mark.parametrize(
    "arguments,expected",
    [
        (["--sandbox", "--verified", "example.com"], "MessageRejected"),
        (["--verified", "example.net"], "MessageRejected"),
        (["--fault", "status:400:MessageRejected:first=1"], "MessageRejected"),
        (["--quota", "-1", "--fault", "latency:0.01:every=1"], ""),
    ],
)
def test_account(arguments: list[str], expected: str) -> None:
    """The arguments make the account, and what goes wrong with it."""
    seen = ""
    with simulate(*arguments) as process:
        ses = client(process)
        try:
            ses.send_email(**MAIL)
        except ClientError as error:
            seen = error.response["Error"]["Code"]
        ses.close()

    assert expected == seen


@pytest.mark.skipif(sys.platform == "win32", reason="has no such pipes")
def test_closed_pipe() -> None:
    """Who reads no more, as ``head`` does, gets no traceback."""
    with simulate() as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        process.terminate()
        assert process.stderr is not None
        error = process.stderr.read()
        status = process.wait(timeout=END_S)

    assert (1, "") == (status, error)


def test_port_in_use(capsys: pytest.CaptureFixture[str]) -> None:
    """A port that is taken is a line, not a traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status = main(["simulate", "--port", str(port)])
    error = capsys.readouterr().err
    text = f"safeses: error: cannot listen on 127.0.0.1:{port}: "

    assert (1, text, 1) == (status, error[: len(text)], error.count("\n"))
