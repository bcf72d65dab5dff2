"""``safeses unknown`` as people type it, while others use the file."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from safeses import OutcomeUnknownError
from safeses.cli import main
from safeses.testing import SimulatedSES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from safeses import Client, Email

pytestmark = pytest.mark.server

END_S = 60
KEY = "order-77/receipt"
SENDER = """
import sys
import boto3
from safeses import Client, Email, Limits

url, state, key = sys.argv[1:]
boto = boto3.client("sesv2", region_name="eu-west-1", endpoint_url=url)
mail = Email(
    from_email="Shop <shop@a.example>", to="eva@b.example",
    subject="Your order", text="Thank you.",
)
limits = Limits(per_second=10_000)
client = Client(boto, state=state, limits=limits, attempt_timeout_s=3)
client.send(mail, idempotency_key=key)
"""


class Typed:
    """The command in processes of its own."""

    def __init__(self, directory: Path) -> None:
        """Name a file that does not exist yet."""
        self.state = f"sqlite:///{directory}/mail.db"

    def begin(self, *argv: str) -> subprocess.Popen[str]:
        """Begin what is typed."""
        return subprocess.Popen(  # noqa: S603  # our own command
            [
                *(sys.executable, "-m", "safeses", "unknown"),
                *(*argv, "--state", self.state),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *argv: str) -> tuple[int, str]:
        """Do what is typed; return the status and what was put out."""
        return ended(self.begin(*argv))

    def listed(self) -> list[dict[str, Any]]:
        """Return what is unknown."""
        document = json.loads(self("list", "--format", "json")[1])
        unknown: list[dict[str, Any]] = document["unknown"]
        return unknown


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Return the status of a process, and what it has put out."""
    with process:
        out, err = process.communicate(timeout=END_S)
    return process.returncode, out + err


@pytest.fixture
def typed(tmp_path: Path) -> Typed:
    """Return the command on a file of its own."""
    return Typed(tmp_path)


def _until(is_so: Callable[[], object]) -> None:
    end = time.monotonic() + END_S
    while not is_so():
        if time.monotonic() > end:
            pytest.fail("it did not come about in time")
        time.sleep(0.05)


def test_killed(
    typed: Typed,
    mail: Callable[..., Email],
    serving: Callable[..., tuple[SimulatedSES, Client]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What a killed process has sent is settled by hand, and stays one."""
    with ExitStack() as stack:
        ses = SimulatedSES(max_send_rate=10_000)
        url = stack.enter_context(ses.serve())
        ses.faults.add("stall", first=1)
        sender = subprocess.Popen(  # noqa: S603  # our own code
            [sys.executable, "-c", SENDER, url, typed.state, KEY]
        )
        _until(lambda: ses.sent or sender.poll() is not None)
        sender.kill()
        sender.wait(END_S)
        # At once, and hence in this process.
        argv = ["resolve", "--key", KEY, "not_sent", "--state", typed.state]
        early = main(["unknown", *argv]), capsys.readouterr().err
        # Until its lease is over: the 3 s of the attempt, and 5 s.
        _until(typed.listed)
        (unknown,) = typed.listed()
        (sent,) = ses.sent
        late = typed(
            *("resolve", unknown["tag"], "sent"),
            *("--message-id", sent.message_id),
        )
        after = typed("list")
    _, client = serving(ses, state=typed.state)
    again = client.send(mail(), idempotency_key=KEY)

    assert (
        (1, True),
        (sent.tags["safeses-id"], True, 1),
        (0, "recorded: sent\n"),
        (0, "no outcome is unknown\n"),
        (sent.message_id, True),
        1,
    ) == (
        (early[0], "it is being sent at this moment" in early[1]),
        (unknown["tag"], unknown["has_key"], unknown["attempts"]),
        late,
        after,
        (again.message_id, again.replayed),
        len(ses.sent),
    )


def test_one_wins(
    typed: Typed,
    mail: Callable[..., Email],
    serving: Callable[..., tuple[SimulatedSES, Client]],
) -> None:
    """Of two people who settle it at once, one does, and both see who."""
    ses, client = serving(state=typed.state)
    ses.faults.add("status:500", first=1)
    with pytest.raises(OutcomeUnknownError) as error:
        client.send(mail(), idempotency_key=KEY)
    resolve = "resolve", error.value.tag, "sent", "--message-id"
    both = [typed.begin(*resolve, name) for name in ("m-1", "m-2")]
    statuses = [ended(process)[0] for process in both]
    again = client.send(mail(), idempotency_key=KEY)

    assert ([0, 1], f"m-{statuses.index(0) + 1}", True) == (
        sorted(statuses),
        again.message_id,
        again.replayed,
    )


def test_freed(
    typed: Typed,
    mail: Callable[..., Email],
    serving: Callable[..., tuple[SimulatedSES, Client]],
) -> None:
    """What was not sent is sent by the next one who repeats the job."""
    ses, client = serving(state=typed.state)
    ses.faults.add("status:500", first=1, accepted=False)
    with pytest.raises(OutcomeUnknownError):
        client.send(mail(), idempotency_key=KEY)
    status, _ = typed("resolve", "--key", KEY, "not_sent")
    receipt = client.send(mail(), idempotency_key=KEY)

    assert (0, [receipt.message_id], False) == (
        status,
        [sent.message_id for sent in ses.sent],
        receipt.replayed,
    )
