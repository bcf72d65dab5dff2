"""
What one attempt came to: the acceptance table, as a pure function.

Refused means that SES provably did not take the mail. Whatever is not
certainly refused is unknown, a 200 without a MessageId and a 500 too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from safeses import _ses
from safeses._outcome import (
    Accepted,
    Answer,
    Deferred,
    NoAnswer,
    Outcome,
    Rejected,
    Unknown,
)
from safeses.errors import (
    AccessDeniedError,
    CredentialsError,
    NotSentError,
    OutcomeUnknownError,
    RateLimitedError,
    RejectedError,
    SendingPausedError,
    UnreachableError,
)

if TYPE_CHECKING:
    from safeses._outcome import DeferredBy

DETAIL_MAX_CHARS: Final = 300
TEXT_MAX_CHARS: Final = 4_000
# From the beginning of a word only, so that it is linear in the text. In
# an ARN the local part begins after the slash.
_LOCAL_PART = re.compile(
    r'"(?:[^"\\]|\\.){0,320}"@'
    r"|(?:(?<=:identity/)|(?<![^\s@,;:<>()\[\]\"]))"
    r"(?!(?<=:)identity/)[^\s@,;:<>()\[\]\"]+@"
)
_ADDRESS_IDENTITY = re.compile(r"identity/.*@.*")
_DENIED = re.compile(
    r"perform:? [`'\"]?(?P<action>[\w-]+:\w+)"
    r"(?:[`'\"]? on resource:? [`'\"]?(?P<resource>[^\s`'\"]+))?"
)


def classify(  # noqa: PLR0911  # a table
    answer: Answer | NoAnswer, tag: str, limit: float
) -> Outcome:
    """
    Decide what an attempt came to.

    Args:
        answer: What SES said, or that it said nothing.
        tag: The correlation tag, to name the mail in an error.
        limit: The rate in force, to name it in an error.
    """
    if isinstance(answer, NoAnswer):
        if answer.written:
            return Unknown(error=OutcomeUnknownError(tag, answer.reason))
        return Deferred(
            by="unreachable", error=UnreachableError(answer.reason)
        )
    if 200 <= answer.status < 300:
        message_id = answer.body.get("MessageId")
        if isinstance(message_id, str) and message_id:
            return Accepted(
                message_id=message_id,
                request_id=answer.request_id,
                body=answer.body,
            )
        return _unknown(answer, tag, "without a MessageId")
    if not 400 <= answer.status < 500:
        return _unknown(answer, tag, answer.code)
    if answer.status == 408 or answer.code in _ses.AMBIGUOUS_CODES:
        return _unknown(answer, tag, answer.code)
    if answer.status == 429 or answer.code in _ses.THROTTLE_CODES:
        by = _throttled_by(answer.text.lower())
        return Deferred(by=by, error=RateLimitedError(limit, 1.0, "ses"))
    error = refusal(answer, "ses:SendEmail")
    return Rejected(error=error, final=_is_final(error, answer.text))


def hide_local_parts(text: str) -> str:
    """Return *text*, shortened, with the local part of addresses hidden."""
    if len(text) > TEXT_MAX_CHARS:  # not in the middle of an address
        text = text[:TEXT_MAX_CHARS].rpartition(" ")[0]
    return _LOCAL_PART.sub("***@", text)[:DETAIL_MAX_CHARS]


def denied(text: str, action: str) -> AccessDeniedError:
    """Read which action on which resource IAM refused."""
    found = _DENIED.search(text)
    if found is None:
        return AccessDeniedError(action)
    # An identity that is an address is not named: any identity serves.
    resource = _ADDRESS_IDENTITY.sub("identity/*", found["resource"] or "*")
    return AccessDeniedError(found["action"], resource)


def refusal(answer: Answer, action: str) -> NotSentError:
    """Name the refusal in a 4xx answer to *action*."""
    text = answer.text.lower()
    if answer.code in _ses.ACCESS_CODES:
        return denied(answer.text, action)
    if answer.code in _ses.CREDENTIAL_CODES:
        return CredentialsError(answer.code)
    if answer.code in _ses.PAUSED_CODES or (
        answer.code == "MessageRejected" and "paused" in text
    ):
        reason = hide_local_parts(answer.text) or answer.code
        return SendingPausedError(reason)
    return RejectedError(
        answer.code,
        answer.status,
        hide_local_parts(answer.text),
        answer.request_id,
    )


def _is_final(error: NotSentError, text: str) -> bool:
    """
    Tell whether SES would refuse this message at any time.

    What people put right at AWS (a permission, an identity, the name of a
    configuration set) is not final. Asking again costs only a call.
    """
    return (
        isinstance(error, RejectedError)
        and error.code in _ses.FINAL_CODES
        and "not verified" not in text.lower()
    )


def _throttled_by(text: str) -> DeferredBy:
    if "daily" in text:
        return "daily"
    # A 429 without a text is taken for the rate: going slower is safe.
    return "rate" if "sending rate" in text or not text else "api"


def _unknown(answer: Answer, tag: str, detail: str) -> Unknown:
    reason = f"SES answered {answer.status} {detail}".rstrip()
    return Unknown(error=OutcomeUnknownError(tag, reason, answer.request_id))
