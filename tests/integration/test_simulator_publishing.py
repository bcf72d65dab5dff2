"""Events of the simulated SES over real HTTP, and through a real queue."""

from __future__ import annotations

import base64
import contextlib
import json
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import attrs
import boto3
import pytest
from botocore.config import Config

from safeses.cli import main
from safeses.events import parse
from safeses.feedback._sns import SNSVerifier
from safeses.testing import SimulatedSES, SimulatedTopic, SQSDestination

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.server
ARN = "arn:aws:sns:eu-west-1:111122223333:ses-events"
PATIENCE_S = 60
MAIL: dict[str, Any] = {
    "FromEmailAddress": "shop@example.com",
    "Destination": {"ToAddresses": ["ann@example.net"]},
    "Content": {
        "Simple": {
            "Subject": {"Data": "Grüße"},
            "Body": {"Text": {"Data": "Hi"}},
        }
    },
}


@attrs.define
class Endpoint:
    """
    An HTTP server that keeps what is posted.

    Attributes:
        url: Where it is.
        posts: Target, headers and body of each request.
        statuses: What to answer first; 0 is no answer at all, then 200.
        gate: What each answer waits for.
    """

    url: str = ""
    posts: list[tuple[str, dict[str, str], bytes]] = attrs.field(factory=list)
    statuses: list[int] = attrs.field(factory=list)
    gate: threading.Event = attrs.field(factory=threading.Event)

    @property
    def envelopes(self) -> list[dict[str, Any]]:
        """The bodies, read."""
        return [json.loads(body) for _, _, body in self.posts]


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """Serve until the test ends."""
    kept = Endpoint()
    kept.gate.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            headers = {k.lower(): v for k, v in self.headers.items()}
            kept.posts.append((self.path, headers, body))
            kept.gate.wait(PATIENCE_S)
            status = kept.statuses.pop(0) if kept.statuses else 200
            if status:
                self.send_response(status)
                self.send_header("Location", "http://127.0.0.1:9/")
                self.send_header("Content-Length", "0")
                self.end_headers()
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.01}
        )
        thread.start()
        kept.url = f"http://127.0.0.1:{server.server_port}"
        yield kept
        kept.gate.set()
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def signer() -> SimulatedTopic:
    """Whose key the topics here use: to make one takes 0.1 s."""
    return SimulatedTopic(ARN, retry_delay_s=0.001)


@pytest.fixture
def topic(signer: SimulatedTopic) -> SimulatedTopic:
    """A topic without subscriptions."""
    return signer.sibling(ARN)


def send(ses: SimulatedSES) -> str:
    """Send, and return the message id."""
    return str(ses.client().send_email(**MAIL)["MessageId"])


def test_signed_post(endpoint: Endpoint, topic: SimulatedTopic) -> None:
    """A post is that of SNS, with a signature that holds."""
    ses = SimulatedSES()
    topic.subscribe(f"{endpoint.url}/sns?a=b")
    ses.publish_to(topic, types={"Send"})
    message_id = send(ses)
    ses.flush(PATIENCE_S)
    ((target, headers, _),) = endpoint.posts
    (envelope,) = endpoint.envelopes
    SNSVerifier([ARN], loader=topic.load).verify(envelope)
    (event,) = parse(envelope)

    assert (
        "/sns?a=b",
        {
            "content-type": "text/plain; charset=UTF-8",
            "user-agent": "Amazon Simple Notification Service Agent",
            "x-amz-sns-message-type": "Notification",
            "x-amz-sns-message-id": envelope["MessageId"],
            "x-amz-sns-topic-arn": ARN,
            "x-amz-sns-subscription-arn": f"{ARN}:"
            "00000000-0000-0000-0000-000000000001",
        },
        message_id,
        "Grüße",
    ) == (
        target,
        {
            name: value
            for name, value in headers.items()
            if name.startswith(("x-amz", "content-type", "user-agent"))
        },
        event.mail.message_id,
        event.mail.common_headers["subject"],
    )


def test_raw_post(endpoint: Endpoint, topic: SimulatedTopic) -> None:
    """Raw delivery is the event alone; a confirmation is never raw."""
    ses = SimulatedSES()
    topic.subscribe(endpoint.url, raw=True, confirm=True)
    ses.publish_to(topic, types={"Send"})
    send(ses)
    ses.flush(PATIENCE_S)
    names = ("x-amz-sns-rawdelivery", "x-amz-sns-subscription-arn")

    assert (
        ["SubscriptionConfirmation", None],
        [None, "Send"],
        [[False, False], [True, True]],
    ) == (
        [body.get("Type") for body in endpoint.envelopes],
        [body.get("eventType") for body in endpoint.envelopes],
        [
            [name in headers for name in names]
            for _, headers, _ in endpoint.posts
        ],
    )


def test_password(endpoint: Endpoint, topic: SimulatedTopic) -> None:
    """User and password of the URL are sent by HTTP Basic."""
    topic.subscribe(endpoint.url.replace("//", "//sns:p%40ss@"))
    topic.publish("x")
    (_, headers, _) = endpoint.posts[0]

    assert "Basic " + base64.b64encode(b"sns:p@ss").decode() == headers.get(
        "authorization"
    )


@pytest.mark.parametrize(
    "statuses,expected",
    [
        ([], [200]),
        ([204], [204]),
        ([500, 503, 429], [500, 503, 429, 200]),
        ([599] * 9, [599] * 4),
        ([0, 0], [0, 0, 200]),
        ([400], [400]),
        ([403, 500], [403]),
        ([302], [302]),
    ],
)
def test_retries(
    endpoint: Endpoint,
    topic: SimulatedTopic,
    statuses: list[int],
    expected: list[int],
) -> None:
    """The same message comes again after 429, 5xx and no answer only."""
    endpoint.statuses += statuses
    topic.subscribe(endpoint.url)
    topic.publish("x")

    assert (expected, 1, 1) == (
        [attempt.status for attempt in topic.attempts],
        len({attempt.message_id for attempt in topic.attempts}),
        len({body for _, _, body in endpoint.posts}),
    )


def test_nobody_listens(endpoint: Endpoint, topic: SimulatedTopic) -> None:
    """An endpoint that is down loses its message, and no other one."""
    topic.subscribe("http://127.0.0.1:9")
    topic.subscribe(endpoint.url)
    topic.publish("x")

    assert ([0, 0, 0, 0, 200], 1) == (
        [attempt.status for attempt in topic.attempts],
        len(endpoint.posts),
    )


def test_slow_endpoint(endpoint: Endpoint, topic: SimulatedTopic) -> None:
    """While an endpoint is silent, mail goes on and a flush says no."""
    ses = SimulatedSES(max_send_rate=1000)
    endpoint.gate.clear()
    topic.subscribe(endpoint.url)
    ses.publish_to(topic)
    ids = [send(ses) for _ in range(20)]
    not_yet = ses.flush(0.01)
    endpoint.gate.set()
    done = ses.flush(PATIENCE_S)
    told = [json.loads(one["Message"]) for one in endpoint.envelopes]

    assert (
        False,
        True,
        [(one, kind) for one in ids for kind in ("Send", "Delivery")],
    ) == (
        not_yet,
        done,
        [(one["mail"]["messageId"], one["eventType"]) for one in told],
    )


@pytest.fixture
def queue() -> Iterator[tuple[Any, str]]:
    """A queue of a real HTTP server that speaks SQS, and its client."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer(
        ip_address="127.0.0.1", port=0, verbose=False
    )
    server.start()
    with contextlib.closing(
        boto3.client(
            "sqs",
            region_name="eu-west-1",
            endpoint_url="http://{}:{}".format(*server.get_host_and_port()),
        )
    ) as sqs:
        yield sqs, sqs.create_queue(QueueName="ses-events")["QueueUrl"]
    server.stop()


@pytest.mark.parametrize("kind", ["sns", "signed", "raw", "eventbridge"])
def test_queue(
    queue: tuple[Any, str], topic: SimulatedTopic, kind: str
) -> None:
    """Each form that a queue may hold is read as the same event."""
    sqs, url = queue
    ses = SimulatedSES()
    ses.publish_to(
        SQSDestination(
            url,
            sqs,
            raw=kind == "raw",
            eventbridge=kind == "eventbridge",
            topic=topic if kind == "signed" else None,
        ),
        types={"Delivery"},
    )
    message_id = send(ses)
    done = ses.flush(PATIENCE_S)
    answer = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)
    (message,) = answer["Messages"]
    (event,) = parse(message["Body"])

    assert (True, "Delivery", message_id) == (
        done,
        type(event).__name__,
        event.mail.message_id,
    )


@pytest.mark.skipif(
    sys.platform == "win32", reason="sends no such signal to a process"
)
def test_command(endpoint: Endpoint, tmp_path: Path) -> None:
    """``safeses simulate`` posts events that its certificate verifies."""
    pem = tmp_path / "sns.pem"
    command = [sys.executable, "-m", "safeses", "simulate", "--port", "0"]
    more = ["--publish-to", endpoint.url, "--certificate", str(pem)]
    with subprocess.Popen(  # noqa: S603  # ourselves
        [*command, *more], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            with contextlib.closing(
                boto3.Session("testing", "testing").client(
                    "sesv2",
                    region_name="eu-west-1",
                    endpoint_url=process.stdout.readline().split()[-1],
                    config=Config(proxies={}),
                )
            ) as ses:
                ses.send_email(**MAIL)
            process.send_signal(signal.SIGTERM)
            out = process.stdout.read()
        finally:
            process.kill()
    verifier = SNSVerifier(
        [ARN], versions=["2"], loader=lambda _: pem.read_bytes()
    )
    for envelope in endpoint.envelopes:
        verifier.verify(envelope)

    assert (["Send", "Delivery"], True, "posted    2 200") == (
        [json.loads(e["Message"])["eventType"] for e in endpoint.envelopes],
        f"topic {ARN}" in out,
        out.splitlines()[-1],
    )


@pytest.mark.parametrize(
    "arguments,expected",
    [
        (["--certificate", "x.pem"], "--certificate needs --publish-to"),
        (["--publish-to", "ftp://x"], "an endpoint is an http"),
        (
            ["--publish-to", "http://x", "--certificate", "/nowhere/x.pem"],
            "--certificate: No such file",
        ),
    ],
)
def test_command_refuses(
    capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str
) -> None:
    """Arguments that cannot work are one line, before anything is served."""
    status = main(["simulate", "--port", "0", *arguments])
    error = capsys.readouterr().err

    assert (True, True, 1) == (
        status != 0,
        expected in error,
        len(error.splitlines()),
    )
