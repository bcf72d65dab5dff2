"""
What errors of boto3 mean for a table, in words that say what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ReadTimeoutError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)
from botocore.exceptions import ConnectionError as ConnectionLostError

if TYPE_CHECKING:
    from collections.abc import Mapping

CONDITION_FAILED: Final = "ConditionalCheckFailedException"
CANCELED: Final = "TransactionCanceledException"
MISSING: Final = "ResourceNotFoundException"
IN_PROGRESS: Final = "TransactionInProgressException"
# Why a transaction was cancelled. The condition of one write did not hold:
UNMET: Final = "ConditionalCheckFailed"
# It may be tried again, in a moment.
THROTTLE_REASONS: Final = frozenset(
    {"ProvisionedThroughputExceeded", "ThrottlingError"}
)
PASSING_REASONS: Final = THROTTLE_REASONS | {"None", "TransactionConflict"}
THROTTLES: Final = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ThrottlingException",
        # Two transactions, or one and a plain write, at the same time.
        "TransactionConflictException",
    }
)
# What DynamoDB answers when it is at fault, or busy for a moment.
_AT_FAULT: Final = frozenset(
    {"InternalServerError", "ServiceUnavailable", "InternalFailure"}
)
_NOT_ACCEPTED: Final = frozenset(
    {
        "ExpiredTokenException",
        "IncompleteSignatureException",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "UnrecognizedClientException",
    }
)
_NO_CREDENTIALS: Final = (
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)
_HTTP_ERROR: Final = 500


@attrs.frozen
class Problem:
    """
    What went wrong with one request.

    Attributes:
        text: It in words, without a full stop.
        code: What DynamoDB calls it, ``""`` if it did not answer.
        is_silence: There was no answer: the engine may be down.
        not_done: The request was certainly not carried out.
        passes: It may work a moment later.
    """

    text: str
    code: str = ""
    is_silence: bool = False
    not_done: bool = True
    passes: bool = False

    def allows_another(self, *, again: bool) -> bool:
        """Whether to ask a second time what may, or may not, be repeated."""
        return self.passes and (self.not_done or again)


def code_of(error: Exception) -> str:
    """Return what DynamoDB calls an error, ``""`` if it said nothing."""
    if not isinstance(error, ClientError):
        return ""
    return str(error.response.get("Error", {}).get("Code", ""))


def reasons_of(answer: Mapping[str, Any]) -> frozenset[str]:
    """Return why a transaction was cancelled: a reason for each write."""
    given = answer.get("CancellationReasons", ())
    return frozenset(reason.get("Code", "None") for reason in given)


def problem_of(
    error: Exception, operation: str, table: str, timeout_s: float
) -> Problem:
    """
    Say what *error* means.

    Args:
        error: What boto3 raised.
        operation: The action, such as ``"UpdateItem"``.
        table: The name of the table.
        timeout_s: How long an answer was waited for.
    """
    if isinstance(error, ClientError):
        return _answered(error, operation, table)
    if isinstance(error, (ConnectTimeoutError, EndpointConnectionError)):
        return Problem("it cannot be reached", is_silence=True, passes=True)
    if isinstance(error, ReadTimeoutError):
        return Problem(
            f"no answer within {timeout_s:g} s",
            is_silence=True,
            not_done=False,
        )
    if isinstance(error, (HTTPClientError, ConnectionLostError)):
        return Problem(
            f"the connection was lost ({type(error).__name__})",
            is_silence=True,
            not_done=False,
            passes=True,
        )
    text = f"boto3 did not ask it ({type(error).__name__})"
    if isinstance(error, _NO_CREDENTIALS):
        text = "there are no AWS credentials; see the role or the profile"
    return Problem(text, not_done=False)


def _answered(error: ClientError, operation: str, table: str) -> Problem:
    answer: Any = error.response
    code = str(answer.get("Error", {}).get("Code", ""))
    told = str(answer.get("Error", {}).get("Message", ""))
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in THROTTLES:
        return Problem(f"the table {table!r} is throttled", code, passes=True)
    if code in _AT_FAULT or status >= _HTTP_ERROR:
        return Problem(
            f"an error of DynamoDB itself ({code or status})",
            code,
            is_silence=True,
            not_done=False,
            passes=True,
        )
    text = f"it refused {operation} ({code})"
    if code == MISSING:
        text = (
            f"there is no table {table!r}; make it with `safeses state init`,"
            " or from the CloudFormation template in the documentation"
        )
    elif code == "AccessDeniedException":
        text = f"IAM does not allow dynamodb:{operation} on {table!r}"
    elif code in _NOT_ACCEPTED:
        text = f"AWS did not accept the credentials ({code})"
    elif code == "ValidationException" and "schema" in told:
        text = f"the table {table!r} has other keys than pk and sk"
    elif code == "ValidationException" and "tem size" in told:
        text = f"an item of the table {table!r} would be larger than 400 kB"
    return Problem(text, code)
