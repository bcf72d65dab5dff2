"""What `send_email` raises and answers is boto3's, and ours."""

from __future__ import annotations

import datetime as dt
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError
from botocore.parsers import create_parser

from safeses import errors
from safeses._drop_in import Exceptions, SendEmailAnswer, as_client_error
from safeses._values import Receipt

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)
SERVICE: Any = botocore.session.get_session().get_service_model("sesv2")
MODELLED = sorted(shape.name for shape in SERVICE.error_shapes)


@pytest.mark.parametrize(
    "error, code, status, is_modelled",
    [
        (errors.InvalidMessageError(()), "BadRequestException", 400, True),
        (
            errors.ConfigurationError("a", "b"),
            "BadRequestException",
            400,
            True,
        ),
        (errors.SuppressedError(()), "MessageRejected", 400, True),
        (errors.VetoedError("hook"), "MessageRejected", 400, True),
        (
            errors.RateLimitedError(1.0, 1.0),
            "TooManyRequestsException",
            429,
            True,
        ),
        (
            errors.QuotaExceededError(
                NOW, kept_for_transactional=False, retry_after_s=1.0
            ),
            "LimitExceededException",
            400,
            True,
        ),
        (errors.SendingPausedError("x"), "SendingPausedException", 400, True),
        (errors.AccessDeniedError("a"), "AccessDeniedException", 403, False),
        (
            errors.CredentialsError("x"),
            "UnrecognizedClientException",
            403,
            False,
        ),
        (
            errors.RejectedError("NotFoundException", 404, "x"),
            "NotFoundException",
            404,
            True,
        ),
        (errors.UnreachableError("x"), "ServiceUnavailable", 503, False),
        (errors.StoreError("a", "b", "c"), "ServiceUnavailable", 503, False),
        (errors.DeadlineExceededError(1.0), "ServiceUnavailable", 503, False),
    ],
)
def test_is_both(
    error: errors.NotSentError, code: str, status: int, *, is_modelled: bool
) -> None:
    """Each is our class, a ClientError and the class of its code."""
    both = as_client_error(error)
    assert isinstance(both, ClientError)
    kind = getattr(Exceptions(), code) if is_modelled else ClientError

    assert (True, True, code, status, str(error)) == (
        isinstance(both, type(error)),
        isinstance(both, kind),
        both.response["Error"]["Code"],
        both.response["ResponseMetadata"]["HTTPStatusCode"],
        both.response["Error"]["Message"],
    )


def test_response_has_the_shape_of_botocore() -> None:
    """The response has the keys and types of one that botocore parsed."""
    parsed = create_parser("rest-json").parse(
        {
            "status_code": 429,
            "headers": {
                "x-amzn-errortype": "TooManyRequestsException",
                "x-amzn-requestid": "r-1",
            },
            "body": b'{"message":"Maximum sending rate exceeded."}',
        },
        SERVICE.operation_model("SendEmail").output_shape,
    )
    parsed.pop("message", None)  # only newer versions repeat it
    parsed["ResponseMetadata"]["RetryAttempts"] = 0  # added by the endpoint
    both = as_client_error(errors.RateLimitedError(14.0, 1.0, "ses"))
    assert isinstance(both, ClientError)
    both_response: dict[str, Any] = dict(both.response)
    types = [
        {
            part: {key: type(value) for key, value in fields.items()}
            for part, fields in response.items()
        }
        for response in (parsed, both_response)
    ]

    assert types[0] == types[1]


def test_request_id_is_kept() -> None:
    """What AWS support asks for is where boto3 has it."""
    both = as_client_error(errors.RejectedError("X", 400, "no", "r-9"))
    assert isinstance(both, ClientError)

    assert ("r-9", "SendEmail") == (
        both.response["ResponseMetadata"]["RequestId"],
        both.operation_name,
    )


@pytest.mark.parametrize("name", [*MODELLED, "ClientError"])
def test_exceptions_has_every_name(name: str) -> None:
    """Whatever boto3's namespace has, an except clause finds here."""
    assert issubclass(getattr(Exceptions(), name), ClientError)


def test_exceptions_refuses_other_names() -> None:
    """A name that SESv2 does not model is an AttributeError, as in boto3."""
    with pytest.raises(AttributeError, match="Nonsense") as caught:
        Exceptions().Nonsense  # noqa: B018  # the access is the test

    assert "SESv2 models no error 'Nonsense'" == str(caught.value)


def test_except_by_modelled_name() -> None:
    """`except ses.exceptions.X` catches our error of that code."""
    caught: list[str] = []
    exceptions = Exceptions()
    try:
        raise as_client_error(errors.RateLimitedError(14.0, 1.0))
    except exceptions.MessageRejected:
        caught.append("wrong")
    except exceptions.TooManyRequestsException as error:
        caught.append(error.response["Error"]["Code"])

    assert ["TooManyRequestsException"] == caught


def test_outcome_unknown_is_never_a_client_error() -> None:
    """A retry decorator on ClientError does not duplicate the mail."""
    assert not issubclass(errors.OutcomeUnknownError, ClientError)


def test_twice_is_once() -> None:
    """What is a ClientError already is not wrapped again."""
    once = as_client_error(errors.VetoedError("hook"))

    assert once is as_client_error(once)


def test_cause_is_kept() -> None:
    """The foreign error stays reachable."""
    error = errors.UnreachableError("x")
    error.__cause__ = OSError("refused")

    assert error.__cause__ is as_client_error(error).__cause__


def test_answer() -> None:
    """The answer is boto3's dictionary, and has the receipt."""
    receipt = Receipt(message_id="m-1", request_id="r-1", sent_at=NOW)
    answer = SendEmailAnswer.of(receipt)

    assert (
        {
            "MessageId": "m-1",
            "ResponseMetadata": {
                "RequestId": "r-1",
                "HTTPStatusCode": 200,
                "HTTPHeaders": {},
                "RetryAttempts": 0,
            },
        },
        receipt,
    ) == (answer, answer.receipt)
