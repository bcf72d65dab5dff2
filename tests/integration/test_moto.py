from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import ANY, Stubber
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.ses.models import ses_backends

from safeses import (
    Client,
    Email,
    Limits,
    RawEmail,
    RejectedError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

REGION = "eu-west-1"
LIMITS = Limits(per_second=100)
MAIL = Email(
    from_email="shop@a.example",
    to="eva@b.example",
    subject="Hello",
    text="Hello!",
)
# What botocore is called with for this mail, without our tag.
PARAMS: dict[str, Any] = {
    "FromEmailAddress": "shop@a.example",
    "Destination": {"ToAddresses": ["eva@b.example"]},
    "Content": {
        "Simple": {
            "Subject": {"Data": "Hello", "Charset": "UTF-8"},
            "Body": {"Text": {"Data": "Hello!", "Charset": "UTF-8"}},
        }
    },
}


@pytest.fixture(params=["credentials", "no credentials"])
def moto(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Run moto, which brings credentials of its own where none are."""
    if request.param == "no credentials":
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
    with mock_aws():
        yield


def verify(domain: str) -> None:
    """Let moto take mail from this domain."""
    # By the v1 API: moto 5.0 knows no identities in v2.
    boto3.client("ses", region_name=REGION).verify_domain_identity(
        Domain=domain
    )


def sent() -> list[Any]:
    """Return the mails that moto took."""
    messages: list[Any] = ses_backends[DEFAULT_ACCOUNT_ID][
        REGION
    ].sent_messages
    return messages


@pytest.mark.usefixtures("moto")
@pytest.mark.parametrize("given", [True, False])
def test_moto_takes_a_mail(*, given: bool) -> None:
    """What moto receives is the mail, from our client or a given one."""
    verify("a.example")
    client = boto3.client("sesv2", region_name=REGION) if given else None
    ses = Client(client, region=REGION, limits=LIMITS)
    receipt = ses.send(MAIL)

    assert [(receipt.message_id, "Hello")] == [
        (mail.id, mail.subject) for mail in sent()
    ]


@pytest.mark.usefixtures("moto")
def test_moto_takes_a_raw_mail() -> None:
    """What moto receives of a raw mail has its envelope."""
    verify("a.example")
    ses = Client(region=REGION, limits=LIMITS)
    data = b"From: shop@a.example\r\nTo: eva@b.example\r\n\r\nHello!\r\n"
    receipt = ses.send(RawEmail(from_email="shop@a.example", message=data))

    # Moto adds the recipients in the headers to those of the envelope.
    assert [(receipt.message_id, {"eva@b.example"})] == [
        (mail.id, set(mail.destinations)) for mail in sent()
    ]


@pytest.mark.usefixtures("moto")
def test_moto_refuses_strangers() -> None:
    """What moto refuses is a refusal, and can be caught as in boto3."""
    ses = Client(region=REGION, limits=LIMITS)
    with pytest.raises(RejectedError) as caught:
        ses.send(MAIL)

    assert ("MessageRejected", []) == (caught.value.code, sent())


@pytest.mark.usefixtures("moto")
def test_moto_needs_no_limits() -> None:
    """A moto that cannot tell the limits does not keep mail back."""
    verify("a.example")
    ses = Client(region=REGION)
    receipt = ses.send(MAIL)

    assert [receipt.message_id] == [mail.id for mail in sent()]


def test_stubber_without_the_tag(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who tests with botocore's Stubber goes on, without credentials."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    client = boto3.client("sesv2", region_name=REGION)
    ses = Client(client, correlation_tag=False, limits=LIMITS)
    with Stubber(client) as stubber:
        stubber.add_response("send_email", {"MessageId": "1"}, PARAMS)
        stubber.add_client_error("send_email", "MessageRejected", "no")
        receipt = ses.send(MAIL)
        with pytest.raises(ses.exceptions.MessageRejected) as caught:
            ses.send_email(**PARAMS)
        stubber.assert_no_pending_responses()

    assert ("1", "MessageRejected") == (
        receipt.message_id,
        caught.value.response["Error"]["Code"],
    )


def test_stubber_with_the_tag() -> None:
    """With the tag on, a Stubber expects ANY where it goes."""
    client = boto3.client("sesv2", region_name=REGION)
    ses = Client(client, limits=LIMITS)
    expected = {**PARAMS, "Content": ANY, "EmailTags": ANY}
    with Stubber(client) as stubber:
        stubber.add_response("send_email", {"MessageId": "1"}, expected)
        answer = ses.send_email(**PARAMS)

    assert "1" == answer["MessageId"]


def test_stubber_throttles() -> None:
    """A throttle that a Stubber answers is tried again."""
    client = boto3.client("sesv2", region_name=REGION)
    ses = Client(client, limits=LIMITS)
    with Stubber(client) as stubber:
        stubber.add_client_error(
            "send_email", "TooManyRequestsException", "", 429
        )
        stubber.add_response("send_email", {"MessageId": "1"})
        receipt = ses.send(MAIL)

    assert 2 == receipt.attempts
