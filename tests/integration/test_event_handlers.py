"""The caller's own handlers of botocore's events cannot change the outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from safeses import NotSentError, OutcomeUnknownError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from safeses import Client, Email
    from safeses.testing import SimulatedSES

    Serving = Callable[..., tuple[SimulatedSES, Client]]

pytestmark = pytest.mark.server


def refusal(code: str) -> ClientError:
    """Return what another call of boto3 might raise in a handler."""
    response: Any = {
        "Error": {"Code": code, "Message": "Rate exceeded"},
        "ResponseMetadata": {"HTTPStatusCode": 400},
    }
    return ClientError(response, "PutItem")


ERRORS = [
    refusal("ThrottlingException"),
    refusal("ConditionalCheckFailedException"),
    refusal("AccessDeniedException"),
    StoreError("ledger", "elsewhere", "another send of the same thread"),
    NoCredentialsError(),
    ValueError("a bug"),
]


def raising(error: Exception) -> Callable[..., None]:
    """Return a handler that fails."""

    def handler(**_: Any) -> None:
        raise error

    return handler


@pytest.mark.parametrize("error", ERRORS, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("event", ["response-received", "after-call"])
def test_after_the_answer(
    serving: Serving, mail: Callable[..., Email], event: str, error: Exception
) -> None:
    """What fails after SES has the mail is unknown, and is not sent again."""
    ses, client = serving()
    events = client.boto3_client.meta.events
    events.register(f"{event}.sesv2.SendEmail", raising(error))
    with pytest.raises(OutcomeUnknownError) as caught:
        client.send(mail())

    assert (error, 1) == (caught.value.__cause__, len(ses.sent))


@pytest.mark.parametrize("error", ERRORS, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("event", ["before-call", "before-sign"])
def test_before_the_call(
    serving: Serving, mail: Callable[..., Email], event: str, error: Exception
) -> None:
    """What fails before anything is sent ends the call, certainly unsent."""
    ses, client = serving()
    events = client.boto3_client.meta.events
    events.register(f"{event}.sesv2.SendEmail", raising(error))
    with pytest.raises(NotSentError):
        client.send(mail(), max_wait_s=0.2)

    assert 0 == len(ses.sent)


@pytest.mark.parametrize("error", ERRORS, ids=lambda e: type(e).__name__)
def test_at_the_point_of_sending(
    serving: Serving, mail: Callable[..., Email], error: Exception
) -> None:
    """A handler that fails beside ours never makes two mails of one."""
    ses, client = serving()
    events = client.boto3_client.meta.events
    events.register_last("before-send.sesv2.SendEmail", raising(error))
    with pytest.raises((NotSentError, OutcomeUnknownError)):
        client.send(mail(), max_wait_s=0.2)

    assert 0 == len(ses.sent)


def test_the_wrapped_client_s_own_exceptions(
    serving: Serving,
) -> None:
    """An except clause with the boto3 client's own classes goes on to work."""
    ses, client = serving()
    ses.pause()
    boto = client.boto3_client
    caught = []
    for exceptions in (boto.exceptions, client.exceptions):
        try:
            client.send_email(
                FromEmailAddress="shop@a.example",
                Destination={"ToAddresses": ["ann@b.example"]},
                Content={
                    "Simple": {
                        "Subject": {"Data": "x"},
                        "Body": {"Text": {"Data": "x"}},
                    }
                },
            )
        except exceptions.SendingPausedException as error:
            caught.append(type(error).__name__)

    assert ["SendingPausedError"] * 2 == caught
