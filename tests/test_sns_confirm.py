"""How a subscription is confirmed, and that no URL of a message is used."""

from __future__ import annotations

import logging
import socket
import sys
from typing import Any

import pytest
from tests.fake_ses import client_error
from tests.sns_authority import (
    TOKEN,
    TOPIC,
    Loader,
    confirmation,
    notification,
    rsa_key,
    sign,
)
from tests.sns_verifiers import (
    OTHER_TOPIC,
    verifier,
)

from safeses.errors import (
    UnverifiedEventError,
)


class FakeSNS:
    """Has the one method of boto3's client that is needed."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.regions: list[str] = []
        self.calls: list[dict[str, Any]] = []

    def __call__(self, region: str) -> FakeSNS:
        """Be the client for *region*."""
        self.regions.append(region)
        return self

    def confirm_subscription(self, **params: Any) -> dict[str, str]:
        """Confirm, or raise."""
        self.calls.append(params)
        if self.error:
            raise self.error
        return {"SubscriptionArn": f"{TOPIC}:1"}


def test_confirm() -> None:
    """A genuine one is confirmed in its region; one client does for all."""
    sns = FakeSNS()
    willing = verifier(confirm=True, sns_client=sns)
    done = [willing.confirm(confirmation()) for _ in range(2)]
    call = {
        "TopicArn": TOPIC,
        "Token": TOKEN,
        "AuthenticateOnUnsubscribe": "true",
    }

    assert ([True, True], ["eu-west-1"], [call, call]) == (
        done,
        sns.regions,
        sns.calls,
    )


def test_confirm_is_off() -> None:
    """By default nothing is confirmed, nor fetched to see if it could be."""
    sns, loader = FakeSNS(), Loader()
    done = verifier(loader=loader, sns_client=sns).confirm(confirmation())

    assert (False, [], []) == (done, sns.regions, loader.asked)


@pytest.mark.parametrize(
    "envelope",
    [
        notification(),
        notification(Token=TOKEN),
        confirmation("UnsubscribeConfirmation"),
    ],
)
def test_confirm_nothing_else(envelope: dict[str, Any]) -> None:
    """Other messages confirm nothing, whatever they hold."""
    sns = FakeSNS()
    done = verifier(confirm=True, sns_client=sns).confirm(envelope)

    assert (False, []) == (done, sns.calls)


@pytest.mark.parametrize(
    "envelope",
    [
        {**confirmation(), "Token": TOKEN[:-1] + "0"},
        confirmation(TopicArn=OTHER_TOPIC),
        sign(confirmation(), key=rsa_key(number=1)),
        confirmation(Timestamp="2025-12-31T00:00:00.000Z"),
        confirmation(SigningCertURL="https://sns.amazonaws.com/a.pem"),
    ],
)
def test_confirm_no_forgery(envelope: dict[str, Any]) -> None:
    """What is not genuine is never confirmed."""
    sns = FakeSNS()
    with pytest.raises(UnverifiedEventError):
        verifier(confirm=True, sns_client=sns).confirm(envelope)

    assert [] == sns.calls


@pytest.mark.parametrize(
    "error, reason",
    [
        (client_error("AuthorizationError", TOKEN), "AuthorizationError"),
        (OSError(TOKEN), "OSError"),
    ],
)
def test_confirm_refused(
    error: Exception, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    """If the API refuses, a warning says why, without the token."""
    willing = verifier(confirm=True, sns_client=FakeSNS(error))
    with caplog.at_level(logging.DEBUG):
        done = willing.confirm(confirmation())
    (record,) = caplog.records

    assert (False, "WARNING", True, False) == (
        done,
        record.levelname,
        reason in record.getMessage(),
        TOKEN in record.getMessage(),
    )


HOSTILE_SUBSCRIBE_URLS = [
    "http://169.254.169.254/latest/meta-data/",
    "http://127.0.0.1:1/",
    "file:///etc/passwd",
    "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription",
]


@pytest.mark.parametrize("subscribe_url", HOSTILE_SUBSCRIBE_URLS)
@pytest.mark.parametrize("confirm", [True, False])
def test_no_url_is_fetched(subscribe_url: str, *, confirm: bool) -> None:
    """No socket is opened for a SubscribeURL, not even a signed one."""
    opened = []
    watching = True

    def watch(event: str, args: tuple[Any, ...]) -> None:
        if watching and event.startswith(("socket.", "urllib.")):
            opened.append((event, args))

    sys.addaudithook(watch)  # for good; it only looks while watching
    sns = FakeSNS()
    able = verifier(confirm=confirm, sns_client=sns)
    envelope = confirmation(SubscribeURL=subscribe_url)
    opened.clear()
    try:
        able.verify(envelope)
        done = able.confirm(envelope)
        seen = [*opened]
        with socket.socket():  # that the hook sees one
            pass
    finally:
        watching = False

    assert ([], confirm, confirm, True) == (
        seen,
        done,
        bool(sns.calls),
        bool(opened),
    )
