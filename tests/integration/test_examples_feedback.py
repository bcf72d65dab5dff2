"""The programs of the pages on feedback run, and do what they say."""

from __future__ import annotations

import contextlib
import json
import os
import runpy
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import boto3
import pytest

from safeses import Client, Email, Limits
from safeses.feedback import Receiver, SNSVerifier
from safeses.testing import SimulatedSES, SimulatedTopic, SQSDestination

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
WEBHOOK = EXAMPLES / "receive_webhook.py"
WORKER = EXAMPLES / "poll_queue.py"
REACTION = EXAMPLES / "react_to_bounces.py"
EXPLAIN = EXAMPLES / "explain_event.py"
HANGS_S = 60
SECRET = "sixteen letters and more"
STATE = "sqlite:///mail.db"
# Asks SQS to hold back an answer for one second only, to end soon.
WORK = (
    "import runpy, sys; _, path, url = sys.argv;"
    " sys.exit(runpy.run_path(path)['main'](url, 1))"
)

pytestmark = pytest.mark.server


def bounce(
    address: str, kind: str = "Permanent", sub_type: str = "General"
) -> str:
    """Return the event of a bounce."""
    event = {
        "eventType": "Bounce",
        "mail": {
            "timestamp": "2026-05-04T09:08:07.123Z",
            "messageId": f"m-{address}",
            "destination": [address],
            "tags": {"order": ["o-77"]},
        },
        "bounce": {
            "bounceType": kind,
            "bounceSubType": sub_type,
            "bouncedRecipients": [{"emailAddress": address}],
            "timestamp": "2026-05-04T09:08:10.000Z",
        },
    }
    return json.dumps(event)


def run_in(
    folder: Path, script: Path, given: str
) -> subprocess.CompletedProcess[str]:
    """Start an example in a directory, with something to read."""
    return subprocess.run(  # noqa: S603  # this interpreter, our own file
        [sys.executable, script, STATE],
        cwd=folder,
        input=given,
        capture_output=True,
        check=False,
        text=True,
        timeout=HANGS_S,
    )


def post(url: str, body: bytes = b"{}") -> int:
    """Return the status of a post, 0 if nobody answers."""
    request = urllib.request.Request(url, body, method="POST")  # noqa: S310  # loopback
    try:
        with urllib.request.urlopen(request, timeout=HANGS_S) as answer:  # noqa: S310  # the same
            status: int = answer.status
            return status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except OSError:
        return 0


class Quiet(WSGIRequestHandler):
    """Writes no line for each request."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base's own name
        """Do nothing."""


@pytest.fixture
def webhook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[dict[str, Any], SimulatedTopic, str]]:
    """Serve the example, its receiver trusting a simulated topic."""
    topic = SimulatedTopic(version="2")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MAIL_EVENTS_TOPIC", topic.arn)
    monkeypatch.setenv("MAIL_EVENTS_SECRET", SECRET)
    names = runpy.run_path(str(WEBHOOK))
    verifier = SNSVerifier([topic.arn], loader=topic.load)
    application = names["application"]
    # Only the certificate is not that of SNS.
    application.__globals__["receiver"] = Receiver(
        names["ses"], verifier=verifier, secret=SECRET
    )
    with make_server(
        "127.0.0.1", 0, application, handler_class=Quiet
    ) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            password = SECRET.replace(" ", "%20")
            host = f"127.0.0.1:{server.server_port}"
            yield names, topic, f"http://ses:{password}@{host}/mail-events"
        finally:
            server.shutdown()
            thread.join()
            names["ses"].close()


def test_webhook_takes_signed_posts(
    webhook: tuple[dict[str, Any], SimulatedTopic, str],
) -> None:
    """A bounce travels back over HTTP, and its address is suppressed."""
    names, topic, url = webhook
    account = SimulatedSES()
    topic.subscribe(url)
    account.publish_to(topic)
    to = "bounce@simulator.amazonses.com"
    with Client(account.client(), limits=Limits(per_second=9)) as ses:
        ses.send(Email(from_email="shop@s.example", to=to, text="Hello!"))
    account.flush(HANGS_S)
    entry = names["ses"].suppressions.find(to)

    assert ("bounce", "ses-event") == (entry.reason, entry.source)


def test_webhook_refuses_others(tmp_path: Path) -> None:
    """Started from a shell, it takes nothing without secret or signature."""
    environ = {
        **os.environ,
        "MAIL_EVENTS_TOPIC": "arn:aws:sns:eu-west-1:111122223333:mail-events",
        "PORT": "0",
    }
    statuses = []
    for secret in ({}, {"MAIL_EVENTS_SECRET": SECRET}):
        with subprocess.Popen(  # noqa: S603  # this interpreter, our own file
            [sys.executable, WEBHOOK],
            cwd=tmp_path,
            env={**environ, **secret},
            stderr=subprocess.PIPE,
            text=True,
        ) as server:
            try:
                assert server.stderr is not None
                url = server.stderr.readline().strip()
                statuses += [
                    post(url),
                    post(url, b"x" * 600_000),
                    post(f"{url}/elsewhere"),
                ]
            finally:
                server.kill()

    assert [403, 413, 404, 401, 401, 404] == statuses


@pytest.fixture
def queue_url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve SQS over HTTP, with one queue."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer(
        "127.0.0.1", port=0, verbose=False
    )
    server.start()
    try:
        host, port = server.get_host_and_port()
        monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", f"http://{host}:{port}")
        sqs = boto3.client("sqs", region_name="eu-west-1")
        url: str = sqs.create_queue(QueueName="mail-events")["QueueUrl"]
        yield url
    finally:
        server.stop()


def test_worker_empties_the_queue(queue_url: str, tmp_path: Path) -> None:
    """It handles what is there, tells the hooks, and ends when told to."""
    sqs = boto3.client("sqs", region_name="eu-west-1")
    account = SimulatedSES()
    account.publish_to(SQSDestination(queue_url, sqs))
    to = "bounce@simulator.amazonses.com"
    mail = Email(
        from_email="shop@s.example", to=to, text="Hello!", tags={"order": "7"}
    )
    with Client(account.client(), limits=Limits(per_second=9)) as ses:
        ses.send(mail)
    account.flush(HANGS_S)
    with subprocess.Popen(  # noqa: S603  # this interpreter, our own file
        [sys.executable, "-c", WORK, str(WORKER), queue_url],
        cwd=tmp_path,
        env={
            **os.environ,
            "AWS_REGION": "eu-west-1",
            "HEARTBEAT": str(tmp_path / "alive"),
        },
        stderr=subprocess.PIPE,
        text=True,
    ) as worker:
        try:
            with Client(state=f"sqlite:///{tmp_path}/mail.db") as ses:
                for _ in range(10 * HANGS_S):
                    if ses.suppressions.find(to):
                        break
                    time.sleep(0.1)
                entry = ses.suppressions.find(to)
            worker.send_signal(signal.SIGTERM)
            _, said = worker.communicate(timeout=HANGS_S)
        finally:
            with contextlib.suppress(OSError):
                worker.kill()
    left = sqs.get_queue_attributes(
        QueueUrl=queue_url, AttributeNames=["All"]
    )["Attributes"]

    assert (0, True, "0", "0", True, True) == (
        worker.returncode,
        entry is not None,
        left["ApproximateNumberOfMessages"],
        left["ApproximateNumberOfMessagesNotVisible"],
        "order 7: mail bounced (Permanent)" in said,
        (tmp_path / "alive").exists(),
    ), said


def test_reaction_beside_the_others(tmp_path: Path) -> None:
    """A soft bounce stops the newsletter only, a hard one all mail."""
    given = [bounce("ann@a.example", "Transient", "MailboxFull")]
    given += [bounce("bob@b.example")] * 2
    run = run_in(tmp_path, REACTION, "\n".join(given))
    with Client(state=f"sqlite:///{tmp_path}/mail.db") as ses:
        found = [
            ses.suppressions.find(address, stream=stream)
            for address in ("ann@a.example", "bob@b.example")
            for stream in ("receipts", "newsletter")
        ]

    assert (
        0,
        ["Bounce: done", "Bounce: done", "Bounce: duplicate"],
        ["", "soft-bounce", "bounce", "bounce"],
    ) == (
        run.returncode,
        run.stdout.splitlines()[1:],  # the first names the file
        [entry.reason if entry else "" for entry in found],
    ), run.stderr


def test_explain_does_nothing(tmp_path: Path) -> None:
    """It says what would be done about each line, without addresses."""
    given = f"{bounce('bob@b.example')}\nno event\n"
    run = run_in(tmp_path, EXPLAIN, given)
    with Client(state=f"sqlite:///{tmp_path}/mail.db") as ses:
        entry = ses.suppressions.find("bob@b.example")
    lines = run.stdout.splitlines()

    assert (0, None, True, True, False) == (
        run.returncode,
        entry,
        "Bounce: Suppress, as hard: the server refuses the address for good"
        in lines,
        lines[-1].startswith("no event: "),
        "b.example" in run.stdout,
    ), run.stdout + run.stderr
