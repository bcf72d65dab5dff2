"""
What became of one attempt, by the exception that ended it.

The order matters. Once a byte may have left, nothing but SES's own
answer decides: an exception of the caller's event handlers may look like
a refusal, and retrying on it would send the mail twice.
"""

from __future__ import annotations

import re
import ssl
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Final

from botocore import exceptions as boto
from urllib3.exceptions import HTTPError
from urllib3.util.ssl_match_hostname import CertificateError

from safeses._findings import Finding
from safeses._outcome import Answer, NoAnswer
from safeses.errors import (
    ConfigurationError,
    CredentialsError,
    InvalidMessageError,
    NotSentError,
    UnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from safeses._transport._deadline import Attempt

_CREDENTIALS: Final = (
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.CredentialRetrievalError,
    boto.TokenRetrievalError,
    boto.UnauthorizedSSOTokenError,
    boto.RefreshWithMFAUnsupportedError,
)
# OpenSSL, or urllib3 where it looks at the host's name itself.
_CERTIFICATE: Final = (ssl.SSLCertVerificationError, CertificateError)
# What goes wrong in a network; all else was thrown in from outside.
_NETWORK: Final = (OSError, HTTPError, HTTPException)
# Anchored: the lines of a report hold values, too.
_PARAMETER: Final = re.compile(
    r"^(?:Missing required|Unknown|Invalid [\w ]{1,20} for) parameter"
    r" (?:in )?(?:input|([\w.\[\]]+))(?:, value|: \"(\w+)\")",
    re.MULTILINE,
)
_FAILED_TO_CONNECT: Final = (boto.HTTPClientError, boto.ConnectionError)


class AnsweredError(Exception):
    """Carries a parsed refusal out of botocore's retry loop."""

    def __init__(self, status: int, parsed: Mapping[str, Any]) -> None:
        super().__init__(status)
        self.status, self.parsed = status, parsed


def ended_by(
    error: Exception, attempt: Attempt, timeout_s: float
) -> Answer | NoAnswer:
    """
    Say what became of *attempt*, which *error* ended.

    Raises:
        NotSentError: Nothing left, and trying again cannot help.
    """
    # An answer that was cut off at the deadline may be half of one.
    if isinstance(error, AnsweredError) and not attempt.expired:
        return answer_of(error.status, error.parsed)
    written = attempt.written
    if not written:
        if isinstance(error, NotSentError):
            raise error
        if isinstance(error, boto.ClientError) and not attempt.passes:
            # botocore's Stubber answers before anything is sent.
            metadata = error.response.get("ResponseMetadata", {})
            status = metadata.get("HTTPStatusCode", 400)
            return answer_of(status, error.response)
        raise_if_ours_to_mend(error)
        _raise_if_interrupted(error)
        if not attempt.passes:
            raise ConfigurationError(
                f"the call could not be made ({type(error).__name__})",
                "see the cause",
            ) from error
        # Past the point of sending only a failed connection proves that
        # nothing left; moto, for one, answers without a connection.
        written = not isinstance(error, _FAILED_TO_CONNECT)
    reason = _reason(attempt, error, timeout_s)
    return NoAnswer(written=written, reason=reason, error=error)


def raise_if_ours_to_mend(error: Exception) -> None:
    """Raise what certainly never left, and retrying cannot help."""
    if isinstance(error, boto.ParamValidationError):
        # Its text holds the values, so it is not chained.
        raise InvalidMessageError(_type_findings(str(error))) from None
    if isinstance(error, _CREDENTIALS):
        raise CredentialsError(type(error).__name__) from error
    if isinstance(error, boto.SSLError) and _root(error) is not None:
        raise ConfigurationError(
            "the certificate of the SES endpoint is not trusted",
            "check verify=, the CA bundle and the clock of this machine",
        ) from error


def _raise_if_interrupted(error: Exception) -> None:
    """Raise what somebody threw into this thread; botocore wraps it."""
    if type(error) is not boto.HTTPClientError:
        return
    inner: Any = error.kwargs.get("error")
    if isinstance(inner, Exception) and not isinstance(inner, _NETWORK):
        reason = f"interrupted by {type(inner).__name__}"
        raise UnreachableError(reason) from inner


def _root(error: boto.SSLError) -> BaseException | None:
    """Return what says that the certificate is wrong, if anything does."""
    inner: Any = error.kwargs.get("error")
    while inner is not None:
        if isinstance(inner, _CERTIFICATE):
            return inner
        reason = getattr(inner, "reason", None)
        follow = inner.args[0] if inner.args else None
        inner = next(
            (e for e in (reason, follow) if isinstance(e, BaseException)),
            None,
        )
    return None


def _type_findings(report: str) -> tuple[Finding, ...]:
    found = _PARAMETER.findall(report)
    names = [".".join(filter(None, pair)) for pair in found] or ["params"]
    return tuple(
        Finding(
            rule="type",
            field=name,
            limit="as in boto3's documentation of send_email",
            seen="another type, or a parameter that is missing",
            remedy="correct the parameter",
            source="botocore's model of SESv2",
        )
        for name in names
    )


def answer_of(status: int, parsed: Mapping[str, Any]) -> Answer:
    error = parsed.get("Error") or {}
    metadata = parsed.get("ResponseMetadata") or {}
    return Answer(
        status=status,
        code=str(error.get("Code", "")),
        text=str(error.get("Message") or parsed.get("message") or ""),
        body=parsed,
        request_id=str(metadata.get("RequestId", "")),
    )


def _reason(attempt: Attempt, error: Exception, timeout_s: float) -> str:
    if attempt.expired or isinstance(
        error, (boto.ReadTimeoutError, TimeoutError)
    ):
        lacking = "answer" if attempt.written else "connection"
        return f"no {lacking} within {timeout_s:.3g} s"
    if isinstance(error, boto.EndpointConnectionError):
        return "no connection"
    if isinstance(error, boto.ConnectTimeoutError):
        return "no connection in time"
    if isinstance(error, boto.SSLError):
        return "TLS failed"
    if isinstance(error, boto.ConnectionClosedError):
        return "the connection was closed"
    return type(error).__name__
