"""Errors and values: they travel, they say sent or not, they tell nothing."""

from __future__ import annotations

import copy
import datetime as dt
import inspect
import pickle
import re
from typing import TYPE_CHECKING, Any

import attrs
import pytest

import safeses
from safeses import errors, events
from safeses.errors import NotSentError, SafeSESError

if TYPE_CHECKING:
    from collections.abc import Callable

ADDRESS = "ann.secret@example.com"
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)
DROPPED = safeses.Dropped(
    address=ADDRESS, reason="bounce", since=NOW, source="memory"
)
FINDINGS = (
    safeses.Finding(
        rule="recipients.count",
        field="to",
        limit="at most 50 recipients",
        seen="51",
        remedy="send several messages",
    ),
    safeses.Finding(
        rule="headers.list",
        field="headers",
        limit="bulk only",
        seen="List-Unsubscribe",
        remedy='use priority="bulk"',
        severity="warning",
    ),
)
ERRORS: list[SafeSESError] = [
    SafeSESError("root"),
    NotSentError("not sent"),
    errors.InvalidMessageError(FINDINGS[:1], FINDINGS[1:]),
    errors.SuppressedError((DROPPED,)),
    errors.SuppressedError((DROPPED,), 3),
    errors.RateLimitedError(14.0, 0.5, "ses"),
    errors.RateLimitedError(1.0, 0.5, "budget", "calls"),
    errors.QuotaExceededError(
        NOW,
        kept_for_transactional=True,
        retry_after_s=600.0,
        limit_per_day=200.0,
    ),
    errors.SendingPausedError("SendingEnabled is false"),
    errors.VetoedError("opt-out"),
    errors.RejectedError("MessageRejected", 400, "no ***@a.example", "r-1"),
    errors.AccessDeniedError("ses:SendEmail", "arn:aws:ses:*"),
    errors.CredentialsError("ExpiredToken"),
    errors.UnreachableError("connection refused", 2.0),
    errors.DeadlineExceededError(25.0),
    errors.IdempotencyError("not sent"),
    errors.InFlightError(2.5),
    errors.IdempotencyConflictError("order-77/receipt", ("html",)),
    errors.IdempotencyConflictError(ADDRESS),
    errors.StoreError("budget", "memory", "it is locked"),
    errors.ConfigurationError("no region is known", "pass region="),
    errors.InvalidEventError("JSON of at most 1 MiB", "2 MiB", "send less"),
    errors.UnverifiedEventError("a topic that is allowed", "another"),
    errors.CertificateError("sns.eu-west-1.amazonaws.com", "no answer", 30.0),
    errors.NotHandledError(("audit",)),
    errors.OutcomeUnknownError("tag-1", "no answer in 10 s", "r-2"),
]
# What comes in, not what goes out: it says nothing about a send.
RECEIVED = {
    "CertificateError",
    "InvalidEventError",
    "NotHandledError",
    "UnverifiedEventError",
}
NOT_SENT = [e for e in ERRORS if isinstance(e, NotSentError)]
RECEIPT = safeses.Receipt(
    message_id="m-1", accepted=(ADDRESS,), dropped=(DROPPED,), sent_at=NOW
)
VALUES: list[Any] = [
    *FINDINGS,
    DROPPED,
    RECEIPT,
    safeses.Limits(per_second=14, per_day=-1),
    safeses.EventSource(name="the queue mail-events"),
    safeses.UnknownSend(
        tag="t", has_key=True, sent_at=NOW, attempts=1, reason="reset"
    ),
    safeses.Account(max_send_rate=14.0, as_of=NOW),
    safeses.Attachment(content=b"\0", file_name="a.bin", content_id="a"),
    safeses.ListManagement(contact_list="news", topic="weekly"),
    safeses.Email(
        from_email=ADDRESS,
        to=ADDRESS,
        subject="s",
        text="t",
        tags={"order": "77"},
        headers={"X-A": "1"},
    ),
    safeses.RawEmail(message=b"To: a@b.example\r\n\r\n"),
    safeses.TemplateEmail(
        from_email=ADDRESS, to=[ADDRESS], name="welcome", data={"n": 1}
    ),
    events.BeforeSend(
        tag="t",
        kind="simple",
        recipients=1,
        priority="bulk",
        stream="",
        params={"FromEmailAddress": ADDRESS},
    ),
    events.Throttled(tag="t", by="rate", attempt=1),
    events.RetryScheduled(tag="t", attempt=1, wait_s=0.5, error=ERRORS[4]),
    events.OutcomeDecided(
        tag="t", attempt=1, outcome="unknown", recorded=True
    ),
    events.AfterSend(tag="t", elapsed_s=1.0, receipt=RECEIPT),
    events.AfterSend(tag="t", elapsed_s=1.0, error=ERRORS[-1]),
]


def _pickled(protocol: int) -> Callable[[Any], Any]:
    return lambda value: pickle.loads(  # noqa: S301  # our own bytes
        pickle.dumps(value, protocol)
    )


TRIPS = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{f"pickle {number}": _pickled(number) for number in range(6)},
}


def facts(value: Any) -> Any:  # whatever a field holds
    """Return what makes *value* what it is; errors compare by identity."""
    if not isinstance(value, BaseException) and not attrs.has(type(value)):
        return value
    fields = attrs.fields(type(value)) if attrs.has(type(value)) else ()
    return (
        type(value),
        str(value),
        repr(value),
        getattr(value, "args", None),
        getattr(value, "response", None),
        {f.name: facts(getattr(value, f.name)) for f in fields},
    )


def _name(value: object) -> str:
    return type(value).__name__


@pytest.mark.parametrize("trip", TRIPS.values(), ids=TRIPS.keys())
@pytest.mark.parametrize("value", [*ERRORS, *VALUES], ids=_name)
def test_round_trip(value: Any, trip: Callable[[Any], Any]) -> None:
    """Whatever a task queue may carry comes back as it was."""
    assert facts(value) == facts(trip(value))


@pytest.mark.parametrize("trip", TRIPS.values(), ids=TRIPS.keys())
@pytest.mark.parametrize("error", NOT_SENT, ids=_name)
def test_drop_in_round_trip(
    error: NotSentError, trip: Callable[[Any], Any]
) -> None:
    """An error that is also a ClientError comes back as both."""
    from safeses._drop_in import as_client_error

    both = as_client_error(error)

    assert facts(both) == facts(trip(both))


def test_every_error_is_here() -> None:
    """The samples above cover every public error, the tree and __init__."""
    classes = {
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, SafeSESError)
    }
    drawn = set(re.findall(r"\w+Error\b", errors.__doc__ or ""))
    exported = {n for n in safeses.__all__ if n.endswith("Error")}

    assert (classes, classes, classes) == (
        {_name(e) for e in ERRORS},
        drawn,
        exported,
    )


def test_sent_or_not() -> None:
    """One class alone says "perhaps sent"; all others are certain."""
    others = {_name(e) for e in ERRORS if not isinstance(e, NotSentError)}

    assert {"SafeSESError", "OutcomeUnknownError"} == others - RECEIVED


def test_retryable() -> None:
    """Only what may pass by itself is retryable, and says when."""
    later = {_name(e): e.retry_after_s for e in ERRORS if e.retryable}

    assert {
        "RateLimitedError": 0.5,
        "QuotaExceededError": 600.0,
        "UnreachableError": 2.0,
        "DeadlineExceededError": None,
        "InFlightError": 2.5,
        "StoreError": None,
        "CertificateError": 30.0,
        "NotHandledError": None,
    } == later


@pytest.mark.parametrize("value", [*ERRORS, *VALUES], ids=_name)
def test_texts_hold_no_address(value: object) -> None:
    """Neither str nor repr holds the local part or the domain."""
    text = f"{value} {value!r}"

    assert (False, False) == ("secret" in text, "example.com" in text)


@pytest.mark.parametrize(
    "error, text",
    [
        (
            errors.RateLimitedError(14.0, 0.25),
            (
                "the rate is used up at 14 recipients/s; try again in 0.25 s,"
                " or allow a larger max_wait_s"
            ),
        ),
        (
            errors.QuotaExceededError(
                NOW, kept_for_transactional=False, retry_after_s=1.0
            ),
            (
                "the 24 h quota is used up; try again at"
                " 2026-01-01T00:00:00+00:00"
            ),
        ),
        (
            errors.QuotaExceededError(
                NOW,
                kept_for_transactional=True,
                retry_after_s=1.0,
                limit_per_day=200.0,
            ),
            (
                "the quota of 200 recipients in 24 h is kept for transactional"
                " mail; try again at 2026-01-01T00:00:00+00:00"
            ),
        ),
        (
            errors.AccessDeniedError("ses:SendEmail"),
            (
                "IAM does not allow ses:SendEmail; add to the policy of this"
                ' role: {"Effect": "Allow", "Action": "ses:SendEmail",'
                ' "Resource": "*"}'
            ),
        ),
        (
            errors.InvalidMessageError(FINDINGS[:1], FINDINGS[1:]),
            (
                "to: at most 50 recipients, seen 51 [recipients.count]; send"
                " several messages"
            ),
        ),
        (errors.InvalidMessageError(()), "the message is malformed"),
        (
            errors.InvalidMessageError(FINDINGS[:1] * 23),
            "\n".join([str(FINDINGS[0])] * 20 + ["and 3 more"]),
        ),
    ],
)
def test_text_says_what_to_do(error: SafeSESError, text: str) -> None:
    """The text gives the rule, the limit, what was seen and the remedy."""
    assert text == str(error)
