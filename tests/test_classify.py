"""The acceptance table: what one attempt came to."""

from __future__ import annotations

import pickle

import pytest
from tests.pace import within

from safeses import errors
from safeses._classify import classify, hide_local_parts, refusal
from safeses._outcome import (
    Accepted,
    Answer,
    Deferred,
    NoAnswer,
    Outcome,
    Rejected,
    Unknown,
)

RATE = "Maximum sending rate exceeded."
DAILY = "Daily message quota exceeded."
PAUSED = (
    "Sending paused for this account. For more information, please check the"
    " inbox of the email address associated with your AWS account."
)
UNVERIFIED = (
    "Email address is not verified. The following identities failed the"
    " check in region US-EAST-1: ann.secret@example.com,"
    " o'secret@b.example, first/secret@c.example, secret=d@e.example,"
    ' "secret \\" e"@f.example, Ann <secret.f@g.example>'
)
DENIED = (
    "User: arn:aws:sts::123456789012:assumed-role/web/secret@example.com is"
    " not authorized to perform: ses:SendEmail on resource:"
    " arn:aws:ses:eu-west-1:123456789012:identity/secret@example.com because"
    " no identity-based policy allows the ses:SendEmail action"
)
DENIED_OLD = (
    "User `arn:aws:iam::123456789012:user/web' is not authorized to perform"
    " `ses:SendRawEmail' on resource"
    " `arn:aws:ses:eu-west-1:123456789012:identity/secret@example.com'"
)
THROTTLES = (
    "TooManyRequestsException",
    "LimitExceededException",
    "ThrottlingException",
    "Throttling",
)


def verdict(status: int, code: str = "", text: str = "") -> Outcome:
    """Return what an error answer came to."""
    return classify(
        Answer(status=status, code=code, text=text, request_id="r-1"),
        "tag-1",
        14.0,
    )


@pytest.mark.parametrize("status", [200, 201, 202, 299])
def test_accepted(status: int) -> None:
    """A 2xx with a MessageId is accepted, and only that."""
    body = {"MessageId": "m-1"}
    answer = Answer(status=status, body=body, request_id="r-1")

    outcome = classify(answer, "tag-1", 14.0)
    assert isinstance(outcome, Accepted)

    assert ("m-1", "r-1", body) == (
        outcome.message_id,
        outcome.request_id,
        outcome.body,
    )


@pytest.mark.parametrize(
    "body", [{}, {"MessageId": ""}, {"MessageId": None}, {"MessageId": 5}]
)
def test_success_without_an_id(body: dict[str, object]) -> None:
    """A 2xx that names no message is unknown: it was probably taken."""
    outcome = classify(Answer(status=200, body=body), "tag-1", 14.0)
    assert isinstance(outcome, Unknown)

    assert (
        "perhaps sent (SES answered 200 without a MessageId); do not resend:"
        " look for the tag safeses-id=tag-1 in the events of SES"
    ) == str(outcome.error)


@pytest.mark.parametrize(
    "status, code",
    [
        (500, "InternalServiceErrorException"),
        (500, "ConcurrentModificationException"),
        (500, "InternalFailure"),
        (500, "500"),
        (502, "502"),
        (503, "503"),
        (503, "ServiceUnavailable"),
        (504, "504"),
        (503, "ThrottlingException"),
        (500, "AccessDeniedException"),
        (408, "408"),
        (400, "RequestTimeout"),
        (400, "RequestTimeoutException"),
        (100, ""),
        (301, "301"),
        (302, ""),
        (307, "PermanentRedirect"),
        (0, ""),
        (600, ""),
    ],
)
def test_unknown(status: int, code: str) -> None:
    """What is not certainly refused may have been sent."""
    outcome = verdict(status, code)
    assert isinstance(outcome, Unknown)

    assert ("tag-1", f"SES answered {status} {code}".strip(), "r-1") == (
        outcome.error.tag,
        outcome.error.reason,
        outcome.error.request_id,
    )


@pytest.mark.parametrize("code", THROTTLES)
@pytest.mark.parametrize(
    "text, by",
    [
        (RATE, "rate"),
        (RATE.rstrip("."), "rate"),
        ("454 Throttling failure: Maximum sending rate exceeded", "rate"),
        (RATE.upper(), "rate"),
        ("", "rate"),
        (DAILY, "daily"),
        (DAILY.rstrip("."), "daily"),
        ("Daily sending quota exceeded", "daily"),
        ("DAILY MESSAGE QUOTA EXCEEDED", "daily"),
        ("Rate exceeded", "api"),
        ("Too many requests", "api"),
    ],
)
@pytest.mark.parametrize("status", [400, 429])
def test_throttled(status: int, code: str, text: str, by: str) -> None:
    """The text, not the code, tells the rate from the quota."""
    outcome = verdict(status, code, text)
    assert isinstance(outcome, Deferred)

    assert (by, errors.RateLimitedError, True) == (
        outcome.by,
        type(outcome.error),
        outcome.error is not None and outcome.error.retryable,
    )


def test_429_of_any_code() -> None:
    """The status alone is enough."""
    outcome = verdict(429, "429")

    assert ("rate", True) == (
        getattr(outcome, "by", None),
        isinstance(outcome, Deferred),
    )


@pytest.mark.parametrize(
    "status, code, text, expected",
    [
        (400, "SendingPausedException", "", errors.SendingPausedError),
        (400, "AccountSuspendedException", "x", errors.SendingPausedError),
        (400, "AccountSendingPausedException", "", errors.SendingPausedError),
        (
            400,
            "ConfigurationSetSendingPausedException",
            "",
            errors.SendingPausedError,
        ),
        (400, "MessageRejected", PAUSED, errors.SendingPausedError),
        (
            400,
            "MessageRejected",
            "Account is PAUSED",
            errors.SendingPausedError,
        ),
        (400, "MessageRejected", UNVERIFIED, errors.RejectedError),
        (400, "BadRequestException", "paused", errors.RejectedError),
        (400, "BadRequestException", "Illegal address", errors.RejectedError),
        (
            400,
            "MailFromDomainNotVerifiedException",
            "",
            errors.RejectedError,
        ),
        (404, "NotFoundException", "", errors.RejectedError),
        (409, "ConflictException", "", errors.RejectedError),
        (413, "413", "", errors.RejectedError),
        (400, "AlreadyExistsException", "", errors.RejectedError),
        (400, "", "", errors.RejectedError),
        (403, "403", "", errors.RejectedError),
        (403, "AccessDeniedException", DENIED, errors.AccessDeniedError),
        (403, "AccessDenied", DENIED_OLD, errors.AccessDeniedError),
        (400, "AccessDeniedException", "", errors.AccessDeniedError),
        (403, "ExpiredTokenException", "", errors.CredentialsError),
        (403, "ExpiredToken", "", errors.CredentialsError),
        (403, "UnrecognizedClientException", "", errors.CredentialsError),
        (403, "InvalidClientTokenId", "", errors.CredentialsError),
        (403, "InvalidSignatureException", "", errors.CredentialsError),
        (403, "SignatureDoesNotMatch", "", errors.CredentialsError),
        (403, "MissingAuthenticationToken", "", errors.CredentialsError),
        (403, "RequestExpired", "", errors.CredentialsError),
    ],
)
def test_refused(
    status: int, code: str, text: str, expected: type[errors.NotSentError]
) -> None:
    """Every other 4xx is certainly not sent, and no use to repeat."""
    outcome = verdict(status, code, text)
    assert isinstance(outcome, Rejected)

    assert (expected, False) == (type(outcome.error), outcome.error.retryable)


@pytest.mark.parametrize(
    "written, outcome_type", [(True, Unknown), (False, Deferred)]
)
def test_no_answer(*, written: bool, outcome_type: type[Outcome]) -> None:
    """Without an answer it matters whether a byte may have left."""
    outcome = classify(NoAnswer(written=written, reason="reset"), "t", 1.0)

    assert (outcome_type, "reset") == (
        type(outcome),
        getattr(getattr(outcome, "error", None), "reason", None),
    )


@pytest.mark.parametrize(
    "text, action, resource",
    [
        (
            DENIED,
            "ses:SendEmail",
            "arn:aws:ses:eu-west-1:123456789012:identity/*",
        ),
        (
            DENIED_OLD,
            "ses:SendRawEmail",
            "arn:aws:ses:eu-west-1:123456789012:identity/*",
        ),
        (
            "is not authorized to perform: ses:ApplyTrackingOverrides",
            "ses:ApplyTrackingOverrides",
            "*",
        ),
        ("no", "ses:GetAccount", "*"),
        ("", "ses:GetAccount", "*"),
    ],
)
def test_access_denied(text: str, action: str, resource: str) -> None:
    """The error names the action and resource to put into the policy."""
    answer = Answer(status=403, code="AccessDeniedException", text=text)
    error = refusal(answer, "ses:GetAccount")
    assert isinstance(error, errors.AccessDeniedError)

    assert (action, resource) == (error.action, error.resource)


@pytest.mark.parametrize("text", [UNVERIFIED, DENIED, DENIED_OLD])
@pytest.mark.parametrize("padding", [0, 1, 90, 150, 210, 4000])
@pytest.mark.parametrize(
    "status, code",
    [
        (400, "MessageRejected"),
        (400, "SendingPausedException"),
        (403, "AccessDeniedException"),
        (403, "ExpiredTokenException"),
        (429, "TooManyRequestsException"),
        (500, "InternalFailure"),
    ],
)
def test_no_local_part_gets_out(
    status: int, code: str, text: str, padding: int
) -> None:
    """Wherever the text is cut, no error shows or pickles a local part."""
    outcome = verdict(status, code, "x " * padding + text)
    error = getattr(outcome, "error", None)
    shown = f"{error} {error!r} {outcome!r} {pickle.dumps(error)!r}"

    assert (True, False) == ("secret" in text, "secret" in shown)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("no address", "no address"),
        ("a@b.example", "***@b.example"),
        ("<a@b.example>", "<***@b.example>"),
        ("x:identity/a@b.example", "x:identity/***@b.example"),
        ("identity/a@b.example", "***@b.example"),
        ("x" * 400, "x" * 300),
    ],
)
def test_hide_local_parts(text: str, expected: str) -> None:
    """What stands before an @ is hidden, the rest is kept and cut."""
    assert expected == hide_local_parts(text)


@pytest.mark.parametrize(
    "text",
    [
        "a" * 10**5,
        '"' * 10**5,
        '"\\' * 10**5,
        "@" * 10**5,
        ":identity/" * 10**4,
    ],
    ids=lambda text: text[:3],
)
def test_hostile_text(text: str) -> None:
    """A long text of an endpoint that is not SES costs no time."""
    length = len(hide_local_parts(text))
    in_time = within(20, 10**5, lambda: hide_local_parts(text))

    assert (True, True) == (length <= 300, in_time)
