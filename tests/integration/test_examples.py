from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from safeses import (
    Client,
    Email,
    Limits,
    OutcomeUnknownError,
    StoreError,
)
from safeses.testing import SimulatedSES, StubSES, SuppressionStoreContract

if TYPE_CHECKING:
    from collections.abc import Iterator

    from safeses.testing import FakeClock
    from safeses.testing._simulator._mail import SentMail
    from safeses.typing import SuppressionStore

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
EXAMPLE = EXAMPLES / "send_receipts.py"
NEWSLETTER = EXAMPLES / "import_suppressions.py"
STORE = EXAMPLES / "sqlite_suppressions.py"
JOB = EXAMPLES / "idempotent_job.py"
SETTLE = EXAMPLES / "settle_unknown.py"
# Hundreds of transactions, each of which would wait for a disk.
NO_DISK = Path("/dev/shm")  # noqa: S108  # only as a place to look
ALL = list(range(1, 21))

pytestmark = pytest.mark.server


@pytest.fixture
def example() -> dict[str, Any]:
    """Return the names that the example defines."""
    return runpy.run_path(str(EXAMPLE))


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedSES]:
    """Serve an account over HTTP, where the example finds it."""
    ses = SimulatedSES(max_send_rate=200)
    with ses.serve() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SESV2", url)
        yield ses


def orders(example: dict[str, Any]) -> list[Any]:
    """Return twenty orders."""
    return [
        example["Order"](number, f"customer-{number}@example.net", "9.90 EUR")
        for number in ALL
    ]


def test_script_sends_each_receipt_once(simulated: SimulatedSES) -> None:
    """Started from a shell, the example sends twenty receipts."""
    run = subprocess.run(  # noqa: S603  # this interpreter, our own file
        [sys.executable, str(EXAMPLE)],
        env={**os.environ, "AWS_REGION": "eu-west-1"},
        capture_output=True,
        check=False,
        text=True,
        timeout=300,
    )
    counts = simulated.tag_counts("order")

    assert (0, {str(n): 1 for n in ALL}) == (run.returncode, counts), (
        run.stdout + run.stderr
    )


def test_each_fault_has_its_verdict(
    simulated: SimulatedSES, example: dict[str, Any]
) -> None:
    """A lost answer is looked into, a bad address parked, a 429 retried."""
    simulated.faults.add("status:429:TooManyRequestsException", first=1)
    simulated.faults.add("reset_after", after=3, first=1)
    given = orders(example)
    given[6] = example["Order"](7, "not an address", "9.90 EUR")
    with Client(region="eu-west-1") as ses:
        verdicts = example["send_receipts"](ses, given)
    unknown = verdicts["look into"]
    copies = simulated.tag_counts("order")

    assert (
        [7],
        1,
        1,
        {"sent", "park", "look into"},
        {str(n): 1 for n in ALL if n != 7},
    ) == (
        verdicts["park"],
        len(unknown),
        simulated.throttled,
        verdicts.keys(),
        copies,
    )


def test_a_paused_account_stops_the_run(
    simulated: SimulatedSES, example: dict[str, Any]
) -> None:
    """When no receipt can be sent, all are kept and SES is left alone."""
    simulated.pause()
    with Client(region="eu-west-1", limits=Limits(per_second=200)) as ses:
        verdicts = example["send_receipts"](ses, orders(example))
    asked = simulated.requests["SendEmail"]

    assert ({"retry": ALL}, True) == (verdicts, asked <= example["THREADS"])


def newsletter(
    folder: Path, unsubscribed: str
) -> subprocess.CompletedProcess[str]:
    """Start the example with files like these, and three subscribers."""
    (folder / "unsubscribed.csv").write_text(unsubscribed)
    (folder / "subscribers.txt").write_text(
        "ann@a.example\nbob@b.example\neve@e.example\n"
    )
    return subprocess.run(  # noqa: S603  # this interpreter, our own file
        [sys.executable, NEWSLETTER, "unsubscribed.csv", "subscribers.txt"],
        cwd=folder,
        env={**os.environ, "AWS_REGION": "eu-west-1"},
        capture_output=True,
        check=False,
        text=True,
        timeout=300,
    )


def test_newsletter_leaves_out_the_suppressed(
    simulated: SimulatedSES, tmp_path: Path
) -> None:
    """Who is in the file gets nothing, whatever the case and the reason."""
    run = newsletter(
        tmp_path, "Reason,EmailAddress\n,ANN@a.example\nBOUNCE,bob@b.example\n"
    )
    people = [person for mail in simulated.sent for person in mail.recipients]

    assert (0, ["eve@e.example"], True) == (
        run.returncode,
        people,
        "2 left out, 1 sent" in run.stderr,
    ), run.stderr


def test_newsletter_stops_at_a_line_it_cannot_read(
    simulated: SimulatedSES, tmp_path: Path
) -> None:
    """Nothing is sent while a line may be somebody who wants no mail."""
    run = newsletter(tmp_path, "ann@a.example\nbob(at)b.example\n")

    assert (1, (), True, False) == (
        run.returncode,
        simulated.sent,
        "unsubscribed.csv:2: " in run.stderr,
        "b.example" in run.stderr,
    ), run.stderr


def test_newsletter_counts_each_end(
    simulated: SimulatedSES, tmp_path: Path
) -> None:
    """A lost answer is unknown, a paused account refuses the rest."""
    simulated.faults.add("reset_after", first=1)
    names = runpy.run_path(str(NEWSLETTER))
    (tmp_path / "old.csv").write_text("bob@b.example\n")
    with Client(region="eu-west-1", limits=Limits(per_second=200)) as ses:
        names["load"](ses, str(tmp_path / "old.csv"))
        ends = [names["send_newsletter"](ses, ["a@a.example"])]
        simulated.pause()
        ends.append(names["send_newsletter"](ses, ["b@b.example"]))
        stream = ses.suppressions.find("bob@b.example", stream="newsletter")

    assert ([{"unknown": 1}, {"refused": 1}], True) == (
        ends,
        stream is not None,
    )


def run_in(
    folder: Path, script: Path, *arguments: str, given: str = ""
) -> subprocess.CompletedProcess[str]:
    """Start an example in a directory, with something to read."""
    return subprocess.run(  # noqa: S603  # this interpreter, our own file
        [sys.executable, script, *arguments],
        cwd=folder,
        env={**os.environ, "AWS_REGION": "eu-west-1"},
        input=given,
        capture_output=True,
        check=False,
        text=True,
        timeout=300,
    )


def test_a_job_that_runs_twice_sends_once(
    simulated: SimulatedSES, tmp_path: Path
) -> None:
    """Within a run and after a restart, each order is one mail."""
    runs = [run_in(tmp_path, JOB) for _ in range(2)]
    told = [run.stdout.count("done: before") for run in runs]

    assert ([0, 0], [5, 10], {str(n): 1 for n in range(1, 6)}) == (
        [run.returncode for run in runs],
        told,
        simulated.tag_counts("order"),
    ), "".join(run.stdout + run.stderr for run in runs)


def event_of(mail: SentMail, wrapper: str) -> str:
    """Return a line as an event of SES comes, alone or wrapped."""
    tag = mail.tags["safeses-id"]
    about: dict[str, Any] = {
        "timestamp": f"{mail.at:%Y-%m-%dT%H:%M:%S.123Z}",
        "messageId": mail.message_id,
    }
    event = {"eventType": "Send", "mail": about}
    if wrapper == "headers":
        about["headers"] = [{"name": "X-Safeses-Id", "value": tag}]
    else:
        about["tags"] = {"safeses-id": [tag]}
    if wrapper == "sns":
        event = {"Type": "Notification", "Message": json.dumps(event)}
    if wrapper == "eventbridge":
        event = {
            "source": "aws.ses",
            "detail-type": "Email Sent",
            "detail": event,
        }
    return json.dumps(event)


def test_events_settle_what_was_perhaps_sent(
    simulated: SimulatedSES, tmp_path: Path
) -> None:
    """Mail that an event tells of is sent, and other mail is listed."""
    simulated.faults.add("reset_after", first=2)
    lost = run_in(tmp_path, JOB)
    state = "sqlite:///mail.db"
    known = [event_of(mail, "bare") for mail in simulated.sent[1:]]
    settled = run_in(tmp_path, SETTLE, state, given="\n".join(known))
    again = run_in(tmp_path, JOB)

    assert ([1, 1, 1], 5, 1, 8, 2) == (
        [run.returncode for run in (lost, settled, again)],
        len(simulated.sent),
        settled.stderr.count("the connection was closed"),
        again.stdout.count("done: before"),
        again.stdout.count("look into"),
    ), lost.stdout + settled.stderr + again.stdout


@pytest.mark.parametrize("wrapper", ["bare", "sns", "eventbridge", "headers"])
def test_events_come_in_many_wrappers(wrapper: str) -> None:
    """An event is found in what SNS and EventBridge make of it."""
    settle_all = runpy.run_path(str(SETTLE))["settle_all"]
    account = SimulatedSES()
    account.faults.add("reset_after", first=1)
    mail = Email(
        from_email="shop@s.example", to="ann@a.example", text="Hello!"
    )
    stranger = json.dumps({"eventType": "Send", "mail": {"tags": {}}})
    with Client(account.client(), limits=Limits(per_second=9)) as ses:
        with pytest.raises(OutcomeUnknownError):
            ses.send(mail)
        left = [settle_all(ses, [stranger])]
        left.append(settle_all(ses, [event_of(account.sent[0], wrapper)]))

    assert [1, 0] == left


class TestSqliteStore(SuppressionStoreContract):
    """The store of the documentation keeps the contract."""

    forks_in_use: ClassVar[bool] = False

    @pytest.fixture
    def store(self, clock: FakeClock) -> Iterator[SuppressionStore]:
        """Return a store on a database of its own."""
        make: Any = runpy.run_path(str(STORE))["SqliteSuppressionStore"]
        with tempfile.TemporaryDirectory(
            dir=NO_DISK if NO_DISK.is_dir() else None
        ) as folder:
            yield make(str(Path(folder) / "s.db"), clock.time)


def test_sqlite_store_fails_as_a_store(tmp_path: Path) -> None:
    """A database that is none is no answer, so nothing is sent."""
    make: Any = runpy.run_path(str(STORE))["SqliteSuppressionStore"]
    path = tmp_path / "s.db"
    store: SuppressionStore = make(str(path))
    path.write_text("not a database" * 100)
    ses = Client(StubSES(), suppressions=store, limits=Limits(per_second=9))
    with pytest.raises(StoreError) as caught:
        ses.send(
            Email(
                from_email="shop@s.example", to="ann@a.example", text="Hello!"
            )
        )

    assert ("sqlite", True) == (caught.value.engine, caught.value.retryable)
