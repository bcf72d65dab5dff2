"""The simulated SES over HTTP, as boto3 sees it."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from datetime import datetime, timezone
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import pytest
import trustme
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    ReadTimeoutError,
    SSLError,
)
from tests.integration._workers import wait_for

from safeses.testing._simulator import SimulatedSES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.server

# What a busy machine has for an answer that comes, and little time.
PATIENT_S = 20
HASTY_S = 0.4
TRIES = 10
_POST = b"POST /v2/email/outbound-emails HTTP/1.1\r\n"


def _with_body(body: str) -> bytes:
    """Return a send whose body is *body*."""
    head = _POST + f"Content-Length: {len(body)}\r\n\r\n".encode()
    return head + body.encode()


_MALFORMED = "SerializationException"
REQUEST: dict[str, Any] = {
    "FromEmailAddress": "shop@example.com",
    "Destination": {"ToAddresses": ["ann+tag@example.net"]},
    "Content": {
        "Simple": {
            "Subject": {"Data": "Grüße", "Charset": "UTF-8"},
            "Body": {"Text": {"Data": "Hi"}},
        }
    },
    "EmailTags": [{"Name": "safeses-id", "Value": "x1"}],
}


@lru_cache(maxsize=1)
def _session() -> boto3.Session:
    """Return one session for all: each reads botocore's models anew."""
    return boto3.Session(
        aws_access_key_id="testing", aws_secret_access_key="testing"
    )


@contextmanager
def boto(url: str, service: str = "sesv2", **config: Any) -> Iterator[Any]:
    """Yield boto3's client with its retries off."""
    settings: dict[str, Any] = {
        "retries": {"total_max_attempts": 1},
        "connect_timeout": PATIENT_S,
        "read_timeout": PATIENT_S,
    }
    verify = config.pop("verify", None)
    client: Any = _session().client(
        service,  # type: ignore[call-overload]  # "ses" or "sesv2"
        region_name="eu-west-1",
        endpoint_url=url,
        verify=verify,
        config=Config(**(settings | config)),
    )
    with closing(client):
        yield client


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[SimulatedSES, Any]]:
    """One account and one client for tests that leave no trace."""
    ses = SimulatedSES(max_send_rate=10_000)
    with ses.serve() as url, boto(url) as client:
        yield ses, client


@pytest.fixture(scope="module")
def hasty(shared: tuple[SimulatedSES, Any]) -> Iterator[Any]:
    """Another client of that account, which waits for no answer."""
    url = shared[1].meta.endpoint_url
    with boto(url, read_timeout=HASTY_S) as client:
        yield client


def without_metadata(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the modelled members of an answer."""
    return {
        key: value
        for key, value in answer.items()
        if key != "ResponseMetadata"
    }


class TestAnswers:
    """Requests that go well, or are refused as SES refuses."""

    def test_send(self) -> None:
        """A send arrives whole and its id is the one that boto3 returns."""
        ses = SimulatedSES()
        with ses.serve() as url, boto(url) as client:
            answer = client.send_email(**REQUEST)
        (sent,) = ses.sent

        assert (
            answer["MessageId"],
            "Grüße",
            ("ann+tag@example.net",),
            1,
            REQUEST,
        ) == (
            sent.message_id,
            sent.subject,
            sent.to,
            ses.copies("x1"),
            sent.params,
        )

    def test_blobs(self) -> None:
        """Raw content and attachments arrive as the bytes they were."""
        ses = SimulatedSES()
        data = b"From: a@b.example\r\nTo: c@d.example\r\n\r\n\x00\xff\r\n"
        simple = REQUEST["Content"]["Simple"] | {
            "Attachments": [{"FileName": "a.bin", "RawContent": b"\x00\xff"}]
        }
        with ses.serve() as url, boto(url) as client:
            client.send_email(Content={"Raw": {"Data": data}})
            client.send_email(**REQUEST | {"Content": {"Simple": simple}})
        raw, attached = ses.sent

        assert (data, simple["Attachments"]) == (
            raw.raw,
            attached.params["Content"]["Simple"]["Attachments"],
        )

    def test_same_as_in_process(self) -> None:
        """Both clients give the same answers, parsed by botocore."""
        ses = SimulatedSES(
            verified=["example.com", "a@b.example"], configuration_sets=["c"]
        )
        ses.suppress("Odd+One@example.net")
        ses.add_template("t", Subject="{{a}}", Text="b")
        calls: list[tuple[str, dict[str, Any]]] = [
            ("get_account", {}),
            ("list_suppressed_destinations", {"Reasons": ["BOUNCE"]}),
            (
                "get_suppressed_destination",
                {"EmailAddress": "Odd+One@example.net"},
            ),
            (
                "list_suppressed_destinations",
                {"EndDate": datetime(2020, 1, 1, tzinfo=timezone.utc)},
            ),
            ("list_email_identities", {"PageSize": 1}),
            ("get_email_identity", {"EmailIdentity": "a@b.example"}),
            ("list_email_templates", {}),
            ("get_email_template", {"TemplateName": "t"}),
            ("get_configuration_set", {"ConfigurationSetName": "c"}),
            ("list_configuration_sets", {}),
        ]
        inside = ses.client()
        with ses.serve() as url, boto(url) as client:
            over_http = [
                without_metadata(getattr(client, name)(**params))
                for name, params in calls
            ]
        expected = [
            without_metadata(getattr(inside, name)(**params))
            for name, params in calls
        ]

        assert json.loads(json.dumps(expected, default=str)) == json.loads(
            json.dumps(over_http, default=_utc)
        )

    @pytest.mark.parametrize(
        "name, params",
        [
            ("get_suppressed_destination", {"EmailAddress": "no@b.example"}),
            ("get_email_template", {"TemplateName": "no"}),
            ("send_email", REQUEST | {"Content": {}}),
            ("list_tenants", {}),
        ],
    )
    def test_same_errors(
        self,
        shared: tuple[SimulatedSES, Any],
        name: str,
        params: dict[str, Any],
    ) -> None:
        """Both clients raise the same class with the same error."""
        ses, client = shared
        found = []
        for one in (client, ses.client()):
            with pytest.raises(ClientError) as caught:
                getattr(one, name)(**params)
            response = caught.value.response
            status = response["ResponseMetadata"]["HTTPStatusCode"]
            kind = type(caught.value).__name__
            found.append((kind, response["Error"]["Code"], status))

        assert found[0] == found[1]

    def test_changes(self) -> None:
        """What can be created can be changed and deleted."""
        ses = SimulatedSES(verified=[])
        with ses.serve() as url, boto(url) as client:
            client.put_suppressed_destination(
                EmailAddress="A+b@c.example", Reason="COMPLAINT"
            )
            client.delete_suppressed_destination(EmailAddress="A+b@c.example")
            client.put_account_suppression_attributes(SuppressedReasons=[])
            client.create_email_identity(EmailIdentity="c.example")
            client.delete_email_identity(EmailIdentity="c.example")
            client.create_email_template(
                TemplateName="t", TemplateContent={"Subject": "{{a}}"}
            )
            client.test_render_email_template(
                TemplateName="t", TemplateData='{"a": "b"}'
            )
            client.delete_email_template(TemplateName="t")
            client.create_configuration_set(ConfigurationSetName="s")
            client.put_configuration_set_sending_options(
                ConfigurationSetName="s", SendingEnabled=False
            )
            client.delete_configuration_set(ConfigurationSetName="s")

        assert ({}, 11) == (ses.refusals, ses.requests.total())

    def test_throttled(self) -> None:
        """A 429 is boto3's TooManyRequestsException."""
        ses = SimulatedSES(max_send_rate=1)
        with ses.serve() as url, boto(url) as client:
            client.send_email(**REQUEST)
            with pytest.raises(
                client.exceptions.TooManyRequestsException,
                match=r"Maximum sending rate exceeded\.",
            ):
                client.send_email(**REQUEST)

        assert (1, 1) == (ses.throttled, len(ses.sent))

    def test_version_1(self) -> None:
        """The old API sends on the same account under its own codes."""
        ses = SimulatedSES(max_send_rate=2, verified=["example.com"])
        message = {
            "Subject": {"Data": "s"},
            "Body": {"Text": {"Data": "t & u"}},
        }
        with ses.serve() as url, boto(url, "ses") as client:
            answer = client.send_email(
                Source="shop@example.com",
                Destination={"ToAddresses": ["ann@example.net"]},
                Message=message,
                Tags=[{"Name": "a", "Value": "b"}],
            )
            client.send_raw_email(
                RawMessage={
                    "Data": b"From: s@example.com\r\nTo: a@b.example\r\n\r\nx"
                }
            )
            with pytest.raises(ClientError) as caught:
                client.send_email(**ses_v1(message))
            quota = client.get_send_quota()
            identities = client.list_identities()["Identities"]
            points = client.get_send_statistics()["SendDataPoints"]

        assert (
            [("SendEmail", "t & u"), ("SendRawEmail", "x")],
            answer["MessageId"],
            {"a": "b"},
            ("Throttling", "Maximum sending rate exceeded.", 400),
            2.0,
            ["example.com"],
            2,
        ) == (
            [(one.operation, one.text) for one in ses.sent],
            ses.sent[0].message_id,
            ses.sent[0].tags,
            (
                caught.value.response["Error"]["Code"],
                caught.value.response["Error"]["Message"],
                caught.value.response["ResponseMetadata"]["HTTPStatusCode"],
            ),
            quota["SentLast24Hours"],
            identities,
            points[0]["DeliveryAttempts"],
        )


class TestFaults:
    """What boto3 makes of what goes wrong."""

    @pytest.mark.parametrize(
        "kind, error, copies",
        [
            ("stall", ReadTimeoutError, 1),
            ("stall_headers", ReadTimeoutError, 1),
            ("reset_before", ConnectionClosedError, 0),
            ("reset_after", ConnectionClosedError, 1),
            ("close", ConnectionClosedError, 1),
            ("latency:60", ReadTimeoutError, 1),
            ("status:500", ClientError, 1),
            ("status:504:GatewayTimeout", ClientError, 1),
            ("status:400:ThrottlingException", ClientError, 0),
            ("redirect", ClientError, 0),
        ],
    )
    def test_raised(
        self,
        shared: tuple[SimulatedSES, Any],
        hasty: Any,
        kind: str,
        error: type[Exception],
        copies: int,
    ) -> None:
        """A fault is what boto3 makes of it; SES has what it read."""
        ses, client = shared
        before = len(ses.sent)
        ses.faults.add(kind, first=1)
        with pytest.raises(error):
            (hasty if error is ReadTimeoutError else client).send_email(
                **REQUEST
            )
        wait_for(lambda: len(ses.sent) - before >= copies)
        ses.faults.clear()
        client.send_email(**REQUEST)

        assert copies + 1 == len(ses.sent) - before

    @pytest.mark.parametrize("kind", ["empty", "html"])
    def test_silent(self, shared: tuple[SimulatedSES, Any], kind: str) -> None:
        """A strange 200 looks like a success without a message id."""
        ses, client = shared
        before = len(ses.sent)
        ses.faults.add(kind, first=1)
        answer = client.send_email(**REQUEST)

        assert (False, 1) == ("MessageId" in answer, len(ses.sent) - before)

    def test_cut(self, shared: tuple[SimulatedSES, Any]) -> None:
        """A body that ends early gives no id, raised or not."""
        ses, client = shared
        before = len(ses.sent)
        ses.faults.add("cut", first=1)
        try:
            answer = client.send_email(**REQUEST)
        except BotoCoreError:  # before botocore 1.44
            answer = {}

        assert (False, 1) == ("MessageId" in answer, len(ses.sent) - before)

    @pytest.mark.parametrize("kind", ["continue", "huge"])
    def test_harmless(
        self, shared: tuple[SimulatedSES, Any], kind: str
    ) -> None:
        """boto3 bears an unasked 100 and ten megabytes of padding."""
        ses, client = shared
        ses.faults.add(kind, first=1)
        answer = client.send_email(**REQUEST)

        assert ses.sent[-1].message_id == answer["MessageId"]

    def test_drip(self, shared: tuple[SimulatedSES, Any], hasty: Any) -> None:
        """A dripping answer outlives a read time-out that each byte beats."""
        ses, _ = shared
        answer: dict[str, Any] = {}
        started = 0.0
        for _ in range(TRIES):  # until no byte is late
            ses.faults.add("drip", first=1, interval_s=0.002)
            started = time.monotonic()
            with suppress(ReadTimeoutError):
                answer = hasty.send_email(**REQUEST)
                break
        took_s = time.monotonic() - started

        assert (ses.sent[-1].message_id, True) == (
            answer["MessageId"],
            took_s > HASTY_S,
        )

    def test_retries_duplicate(self) -> None:
        """With its own retries on, boto3 hands SES a message twice."""
        ses = SimulatedSES()
        ses.faults.add("reset_after", first=1)
        retries = {"total_max_attempts": 2, "mode": "standard"}
        with ses.serve() as url, boto(url, retries=retries) as client:
            client.send_email(**REQUEST)

        assert 2 == ses.copies("x1")

    def test_refusing(self) -> None:
        """Refused connections come back on the same port."""
        ses = SimulatedSES()
        with ses.serve() as url, boto(url) as client:
            client.send_email(**REQUEST)
            with ses.refusing(), pytest.raises(EndpointConnectionError):
                client.send_email(**REQUEST)
            client.send_email(**REQUEST)

        assert 2 == len(ses.sent)


class TestTls:
    """The endpoint with a certificate."""

    def test_corrupt(self, tmp_path: Path) -> None:
        """Garbage after the request is an SSLError; SES has the mail."""
        authority = trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        trusted = tmp_path / "ca.pem"
        authority.cert_pem.write_to_path(str(trusted))
        ses = SimulatedSES()
        ses.faults.add("tls_corrupt", after=1, first=1)
        with (
            ses.serve(tls=True, ssl_context=context) as url,
            boto(url, verify=str(trusted)) as client,
        ):
            client.send_email(**REQUEST)
            with pytest.raises(SSLError):
                client.send_email(**REQUEST)
            client.send_email(**REQUEST)

        assert ("https", 3) == (urlsplit(url).scheme, len(ses.sent))

    def test_needs_a_certificate(self) -> None:
        """TLS without a context is the caller's mistake."""
        with pytest.raises(ValueError, match="ssl_context") as caught:
            SimulatedSES().serve(tls=True)

        assert "certificate" in str(caught.value)


class TestServer:
    """The server survives its clients and ends when told."""

    def test_stop_with_stalled(self) -> None:
        """A stop is quick and leaves no thread, whatever hangs."""
        ses = SimulatedSES()
        ses.faults.add("stall", first=2)
        ses.faults.add("drip", interval_s=100)
        before = set(threading.enumerate())
        with ThreadPoolExecutor(4) as pool:
            with ses.serve() as url, boto(url, read_timeout=100) as client:
                sends = [
                    pool.submit(client.send_email, **REQUEST) for _ in range(4)
                ]
                while len(ses.sent) < 4:
                    time.sleep(0.01)
                server_threads = len(set(threading.enumerate()) - before) - 4
                started = time.monotonic()
            took_s = time.monotonic() - started
            failed = [send.exception() is not None for send in sends]

        assert (5, True, [True] * 4, set()) == (
            server_threads,
            took_s < PATIENT_S,
            failed,
            set(threading.enumerate()) - before,
        )

    @pytest.mark.parametrize(
        "request_bytes, status, kind",
        [
            (_POST + b'Content-Length: 5\r\n\r\n{"a":', 400, _MALFORMED),
            (_POST + b"Content-Length: 2\r\n\r\n[]", 400, _MALFORMED),
            (
                _POST + b'Content-Length: 13\r\n\r\n{"Content":1}',
                400,
                _MALFORMED,
            ),
            (_POST + b"\r\n", 400, "BadRequestException"),
            (_with_body('{"Destination": {"ToAddresses": "a@b.c"}}'), 400, ""),
            (_with_body('{"Content": {"Simple": []}}'), 400, _MALFORMED),
            (
                _with_body('{"Content": {"Raw": {"Data": "%"}}}'),
                400,
                _MALFORMED,
            ),
            (
                _with_body('{"EmailTags": [1], "Content": {"Raw": {"a": 1}}}'),
                400,
                _MALFORMED,
            ),
            (_with_body("[" * 100_000), 400, _MALFORMED),
            (
                b"GET /v2/email/nothing HTTP/1.1\r\n\r\n",
                404,
                "UnknownOperationException",
            ),
            (b"nonsense\r\n\r\n", 400, ""),
            (b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400, ""),
            (b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 400, ""),
            (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", 400, ""),
            (b"POST / HTTP/1.1\r\nContent-Length: 8\r\n\r\nAction=a", 404, ""),
        ],
    )
    def test_broken_requests(
        self,
        shared: tuple[SimulatedSES, Any],
        request_bytes: bytes,
        status: int,
        kind: str,
    ) -> None:
        """What is not a request is refused, and the server lives on."""
        _, client = shared
        url = client.meta.endpoint_url
        found = _exchange(url, request_bytes)
        client.get_account()

        assert (str(status), True, True) == (
            found.split()[1],
            f"x-amzn-ErrorType: {kind}" in found or not kind,
            "x-amzn-RequestId: " in found,
        )

    def test_too_large(self, shared: tuple[SimulatedSES, Any]) -> None:
        """A body above 64 MiB is thrown away and answered with 413."""
        _, client = shared
        size = 64 * 2**20 + 1
        head = (
            f"POST /v2/email/outbound-emails HTTP/1.1\r\n"
            f"Content-Length: {size}\r\n\r\n"
        )
        found = _exchange(client.meta.endpoint_url, head.encode(), bytes(size))

        assert "413" == found.split()[1]

    def test_idle_close(self) -> None:
        """An idle connection is closed when asked for."""
        ses = SimulatedSES()
        with ses.serve(idle_close_s=0.05) as url:
            parts = urlsplit(url)
            with socket.create_connection(
                (parts.hostname or "", parts.port or 0), timeout=PATIENT_S
            ) as sock:
                found = sock.recv(1)

        assert b"" == found

    def test_parallel(self) -> None:
        """Many clients at once lose nothing, and latency is not added up."""
        ses = SimulatedSES(max_send_rate=100_000, latency_s=0.25)
        with (
            ses.serve() as url,
            boto(url, max_pool_connections=64) as client,
            ThreadPoolExecutor(64) as pool,
        ):
            started = time.monotonic()
            sends = [
                pool.submit(client.send_email, **REQUEST) for _ in range(64)
            ]
            ids = {send.result()["MessageId"] for send in sends}
            took_s = time.monotonic() - started

        assert ({mail.message_id for mail in ses.sent}, True) == (
            ids,
            0.25 <= took_s < 10,  # one after the other it would be 16 s
        )


def ses_v1(message: dict[str, Any]) -> dict[str, Any]:
    """Return parameters of SES v1's SendEmail."""
    return {
        "Source": "shop@example.com",
        "Destination": {"ToAddresses": ["ann@example.net"]},
        "Message": message,
    }


def _utc(value: Any) -> str:
    """Show an instant in UTC, where botocore gives the local zone."""
    return str(value.astimezone(timezone.utc))


def _exchange(url: str, *chunks: bytes) -> str:
    parts = urlsplit(url)
    with socket.create_connection(
        (parts.hostname or "", parts.port or 0), timeout=PATIENT_S
    ) as sock:
        for chunk in chunks:
            sock.sendall(chunk)
        if len(chunks) == 1:
            sock.shutdown(socket.SHUT_WR)
        return sock.recv(4096).decode()
