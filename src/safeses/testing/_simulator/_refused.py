"""
What SES answers when it does not do as asked.

Codes and HTTP statuses are those of the SESv2 API reference; an answer that
is not modelled there (`AccessDeniedException`, `ThrottlingException`) has
the form that AWS's JSON services share.
"""

from __future__ import annotations

RATE_TEXT = "Maximum sending rate exceeded."  # seen in v1 and v2 logs
QUOTA_TEXT = "Daily message quota exceeded."  # text sure, v2 code unverified

_STATUS = {
    "AccessDeniedException": 403,
    "ConcurrentModificationException": 500,
    "ConflictException": 409,
    "InternalServiceErrorException": 500,
    "NotFoundException": 404,
    "TooManyRequestsException": 429,
    "UnknownOperationException": 404,
}


class RefusedError(Exception):
    """
    SES refused a request; nothing was accepted.

    Attributes:
        code: The error code, such as ``"MessageRejected"``.
        message: AWS's text.
        status: The HTTP status of SES v2.
    """

    def __init__(
        self, code: str, message: str, status: int | None = None
    ) -> None:
        """Take the status from the code if none is given."""
        super().__init__(code, message, status)
        self.code = code
        self.message = message
        self.status = _STATUS.get(code, 400) if status is None else status

    def __str__(self) -> str:
        """Name the code before the text."""
        return f"{self.code}: {self.message}"


def bad(message: str) -> RefusedError:
    """Return the refusal of an invalid input."""
    return RefusedError("BadRequestException", message)


def missing(message: str) -> RefusedError:
    """Return the refusal of a name that nothing carries."""
    return RefusedError("NotFoundException", message)


def malformed(message: str) -> RefusedError:
    """Return the refusal of a body that is not of the modelled shape."""
    return RefusedError("SerializationException", message)
