"""
Calls of SES that send nothing, through either transport.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from safeses._classify import refusal
from safeses._outcome import NoAnswer
from safeses.errors import (
    ConfigurationError,
    InvalidMessageError,
    NotSentError,
    UnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping

    from safeses._outcome import Answer


def method_of(
    client: Any, operation: str, among: Container[str] | None = None
) -> Callable[..., Any]:
    """
    Return the method of *client* that makes the call *operation*.

    Args:
        client: boto3's, or one in its shape.
        operation: Its method.
        among: The methods that make calls, if that is known.

    Raises:
        ConfigurationError: It has none, or that would send mail.
    """
    if operation.startswith("send_"):
        raise ConfigurationError(
            f"{operation} sends mail, which is not what this is for",
            "use Client.send",
        )
    method = getattr(client, operation, None)
    if not callable(method) or (among and operation not in among):
        raise ConfigurationError(
            f"{type(client).__name__} cannot make the call {operation}",
            "upgrade boto3; in tests, use safeses.testing.SimulatedSES",
        )
    return method  # type: ignore[no-any-return]  # of anything


def name_of(operation: str) -> str:
    """Return SES's name of boto3's *operation*: ``GetAccount``."""
    return operation.title().replace("_", "")


def body_of(
    answer: Answer | NoAnswer, operation: str, params: Mapping[str, Any]
) -> Mapping[str, Any]:
    """
    Return what SES answered to *operation*.

    Raises:
        NotSentError: It refused, or there is no answer of its own.
    """
    if isinstance(answer, NoAnswer):
        cause = _cause(answer.error, params)
        raise UnreachableError(answer.reason) from cause
    if answer.status >= 500:
        raise UnreachableError(f"it answered {answer.status}")
    if answer.status >= 300:
        raise refusal(answer, f"ses:{name_of(operation)}")
    return answer.body


def told(
    error: NotSentError, operation: str, params: Mapping[str, Any]
) -> NotSentError:
    """Return what to raise where *error* broke off the call."""
    if isinstance(error, InvalidMessageError):  # of a call, not of a mail
        names = ", ".join(finding.field for finding in error.findings)
        return ConfigurationError(
            f"boto3 does not take these parameters of {operation}: {names}",
            f"give them as boto3's documentation of {operation} says",
        )
    error.__cause__ = _cause(error.__cause__, params)
    return error


def _cause(
    error: BaseException | None, params: Mapping[str, Any]
) -> BaseException | None:
    # botocore's texts hold the URL, and that holds the address, if any.
    return None if params else error
