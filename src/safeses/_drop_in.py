"""
What `Client.send_email` answers and raises, so that it drops in for boto3.

Loaded with the first drop-in answer or error, as it needs botocore.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from safeses.errors import (
    AccessDeniedError,
    ConfigurationError,
    CredentialsError,
    IdempotencyConflictError,
    InFlightError,
    InvalidMessageError,
    NotSentError,
    QuotaExceededError,
    RateLimitedError,
    RejectedError,
    SendingPausedError,
    SuppressedError,
    VetoedError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore import exceptions as boto

    from safeses._values import Receipt

# Every error that SESv2 models, as each `client.exceptions` has them: a
# name that is missing would hide the error that somebody wants to catch.
MODELLED: Final = (
    "AccountSuspendedException",
    "AlreadyExistsException",
    "BadRequestException",
    "ConcurrentModificationException",
    "ConflictException",
    "InternalServiceErrorException",
    "InvalidNextTokenException",
    "LimitExceededException",
    "MailFromDomainNotVerifiedException",
    "MessageRejected",
    "NotFoundException",
    "SendingPausedException",
    "TooManyRequestsException",
)
_CODES: Final[Mapping[type[NotSentError], tuple[str, int]]] = {
    InvalidMessageError: ("BadRequestException", 400),
    ConfigurationError: ("BadRequestException", 400),
    SuppressedError: ("MessageRejected", 400),
    VetoedError: ("MessageRejected", 400),
    RateLimitedError: ("TooManyRequestsException", 429),
    QuotaExceededError: ("LimitExceededException", 400),
    SendingPausedError: ("SendingPausedException", 400),
    AccessDeniedError: ("AccessDeniedException", 403),
    IdempotencyConflictError: ("ConflictException", 409),
    InFlightError: ("ConcurrentModificationException", 500),
    CredentialsError: ("UnrecognizedClientException", 403),
}


class SendEmailAnswer(dict[str, Any]):
    """
    What boto3 answers, and the receipt.

    Attributes:
        receipt: What safeses knows of the mail.
    """

    receipt: Receipt

    @classmethod
    def of(cls, receipt: Receipt) -> SendEmailAnswer:
        """Answer as boto3 would have."""
        answer = cls(
            MessageId=receipt.message_id,
            ResponseMetadata={
                "RequestId": receipt.request_id,
                "HTTPStatusCode": 200,
                "HTTPHeaders": {},
                "RetryAttempts": receipt.attempts - 1,
            },
        )
        answer.receipt = receipt
        return answer


class Exceptions:
    """
    The error classes of SESv2, as ``boto3_client.exceptions`` names them.

    What `Client.send_email` raises as not sent is one of them.
    """

    ClientError = ClientError

    def __getattr__(self, name: str) -> type[boto.ClientError]:
        """Return the class of an error code."""
        if name in MODELLED:
            return _modelled(name)
        msg = f"SESv2 models no error {name!r}"
        raise AttributeError(msg)


def as_client_error(
    error: NotSentError, wrapped: object = None
) -> NotSentError:
    """
    Return *error* as one that is a ``ClientError`` as well.

    Args:
        error: What is to be raised.
        wrapped: The boto3 client that is wrapped; the error is then one
            of ``wrapped.exceptions``, too.
    """
    if isinstance(error, ClientError):  # a hook's own drop-in call
        return error
    code, status = _CODES.get(type(error), ("ServiceUnavailable", 503))
    request_id = ""
    if isinstance(error, RejectedError):
        code, status = error.code, error.status
        request_id = error.request_id
    kind: Any = type(error)
    # Codes come from outside: not a class, kept for ever, for each of them.
    known = code if code in MODELLED else ""
    theirs: Any = _theirs(wrapped, known)
    both = _both(kind, known, theirs)
    mixed: Any = both.__new__(both, *error.args)
    mixed.__dict__.update(error.__dict__)
    mixed.operation_name = "SendEmail"
    mixed.response = {
        "Error": {"Code": code, "Message": str(error)},
        "ResponseMetadata": {
            "RequestId": request_id,
            "HTTPStatusCode": status,
            "HTTPHeaders": {},
            "RetryAttempts": 0,
        },
    }
    mixed.__cause__ = error.__cause__
    result: NotSentError = mixed
    return result


def _rebuild(plain: type[NotSentError], args: tuple[Any, ...]) -> NotSentError:
    return as_client_error(plain(*args))


@cache
def _modelled(code: str) -> type[ClientError]:
    return type(code, (ClientError,), {"__module__": __name__})


def _theirs(wrapped: object, code: str) -> type[ClientError]:
    """Return the class that the wrapped client itself has for *code*."""
    exceptions = getattr(wrapped, "exceptions", None)
    from_code = getattr(exceptions, "from_code", None)
    theirs = from_code(code) if callable(from_code) else None
    if isinstance(theirs, type) and issubclass(theirs, ClientError):
        return theirs
    return ClientError


@lru_cache(maxsize=256)
def _both(plain: Any, code: str, theirs: Any) -> type[NotSentError]:
    ours = _modelled(code) if code in MODELLED else ClientError
    # ClientError itself would stand before the classes made of it.
    boto = tuple(c for c in (ours, theirs) if c is not ClientError)

    def reduce(self: NotSentError) -> tuple[Any, ...]:
        return _rebuild, (plain, self.args)

    return type(
        plain.__name__,
        (plain, *(boto or (ClientError,))),
        {
            "__module__": plain.__module__,
            "__reduce__": reduce,
            "__str__": plain.__str__,
            "__doc__": plain.__doc__,
        },
    )
