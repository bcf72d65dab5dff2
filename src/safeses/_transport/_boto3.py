"""
One attempt through a boto3 client, whatever its own retry mode.

Two of botocore's events make it so, for our sends only. `before-send`
comes after signing: there the state is told. `needs-retry` comes after
the attempt: there we *raise* what came of it, so that no retry handler
is asked. (Returning False would not do: botocore 1.40 takes it for
"retry after 0 s", and sends thousands of copies.)
"""

from __future__ import annotations

import re
import ssl
import threading
import time
from http.client import HTTPException
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import attrs
import botocore
from botocore import exceptions as boto
from botocore.httpsession import URLLib3Session
from urllib3.exceptions import HTTPError
from urllib3.util.ssl_match_hostname import CertificateError

from safeses import _ses
from safeses._classify import refusal
from safeses._outcome import Answer, NoAnswer
from safeses._transport._deadline import POOLS, Attempt, Watchdog, current
from safeses._transport._savings import PoolManager, save_work
from safeses._transport._types import has_plain_types
from safeses._values import Finding
from safeses.errors import (
    ConfigurationError,
    CredentialsError,
    InvalidMessageError,
    NotSentError,
    UnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

OPERATIONS: Final = ("SendEmail", "SendBulkEmail", "GetAccount")
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


class _AnsweredError(Exception):
    """Carries a parsed refusal out of botocore's retry loop."""

    def __init__(self, status: int, parsed: Mapping[str, Any]) -> None:
        super().__init__(status)
        self.status, self.parsed = status, parsed


class _SecondPassError(Exception):
    """Something tried to send the same attempt again."""


def _before_send(**_: Any) -> None:
    attempt = current.get()
    if attempt is None:
        return
    if attempt.passes:
        raise _SecondPassError
    attempt.passes = 1
    attempt.before_send()


def _needs_retry(
    response: tuple[Any, Mapping[str, Any]] | None = None,
    caught_exception: Exception | None = None,
    **_: Any,
) -> None:
    if current.get() is None:
        return
    if caught_exception is not None:
        raise caught_exception
    if response is not None and not 200 <= response[0].status_code < 300:
        raise _AnsweredError(response[0].status_code, response[1])


def probe(client: Any) -> None:
    """
    Make sure that *client* is one whose attempts we can bound.

    Raises:
        ConfigurationError: It is not, with what to do about it.
    """
    service = client.meta.service_model.service_name
    if service != _ses.SERVICE:
        raise ConfigurationError(
            f"a boto3 client for {service!r} was given",
            f'give one made by boto3.client("{_ses.SERVICE}")',
        )
    retries = client.meta.config.retries or {}
    if retries.get("mode") == "adaptive":
        raise ConfigurationError(
            "the boto3 client uses the retry mode 'adaptive', which sleeps"
            " without bound after our slot",
            "give a client with the mode 'standard' or 'legacy'",
        )
    endpoint = getattr(client, "_endpoint", None)
    session = getattr(endpoint, "http_session", None)
    if not (
        isinstance(session, URLLib3Session)
        and hasattr(session, "_get_pool_manager_kwargs")
        and hasattr(session, "_proxy_managers")
        and hasattr(
            getattr(session, "_manager", None), "pool_classes_by_scheme"
        )
    ):
        raise ConfigurationError(
            "the inside of the boto3 client is not as known here (botocore"
            f" {botocore.__version__}, urllib3 {version('urllib3')})",
            "update safeses, or report these versions",
        )


@attrs.define
class Boto3Transport:
    """
    Attempts through one boto3 client.

    Attributes:
        client: A client made by ``boto3.client("sesv2")``.
    """

    client: Any
    _watchdog: Watchdog = attrs.field(factory=Watchdog, init=False)
    _known: frozenset[str] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        probe(self.client)
        model = self.client.meta.service_model.operation_model("SendEmail")
        self._known = frozenset(model.input_shape.members)
        self._take_over_connections()
        save_work(self.client)
        events = self.client.meta.events
        for operation in OPERATIONS:
            events.register_last(
                f"before-send.sesv2.{operation}",
                _before_send,
                unique_id=f"safeses-before-send-{operation}",
            )
            events.register_first(
                f"needs-retry.sesv2.{operation}",
                _needs_retry,
                unique_id=f"safeses-needs-retry-{operation}",
            )

    @property
    def region(self) -> str:
        """The region that the client talks to."""
        return str(self.client.meta.region_name)

    @property
    def account(self) -> str:
        """The account id, where the credentials name it by themselves."""
        signer = getattr(self.client, "_request_signer", None)
        credentials: Any = getattr(signer, "_credentials", None)
        # Not the property: it may refresh them, over the network.
        names = vars(credentials) if credentials is not None else {}
        account = names.get("_account_id") or names.get("account_id")
        return account if isinstance(account, str) else ""

    def send(
        self,
        params: Mapping[str, Any],
        timeout_s: float,
        before_send: Callable[[], None],
    ) -> Answer | NoAnswer:
        """Make exactly one attempt; see `safeses.typing.Transport`."""
        unknown = params.keys() - self._known
        if unknown:
            raise ConfigurationError(
                f"botocore {botocore.__version__} does not know"
                f" {', '.join(sorted(unknown))} of SendEmail",
                "check the spelling, or upgrade boto3",
            )
        return self._attempt(
            self.client.send_email,
            params,
            timeout_s,
            before_send,
            checked=has_plain_types(params),
        )

    def get_account(self, timeout_s: float) -> Mapping[str, Any]:
        """Ask SES for the account; see `safeses.typing.Transport`."""
        answer = self._attempt(
            self.client.get_account, {}, timeout_s, lambda: None
        )
        if isinstance(answer, NoAnswer):
            raise UnreachableError(answer.reason) from answer.error
        if answer.status >= 300:
            raise refusal(answer, "ses:GetAccount")
        return answer.body

    def after_fork(self) -> None:
        """Leave the parent's connections alone and open our own."""
        self._watchdog = Watchdog()
        self._take_over_connections()
        # A thread of the parent may be renewing them, which never ends here.
        signer = getattr(self.client, "_request_signer", None)
        credentials: Any = getattr(signer, "_credentials", None)
        if hasattr(credentials, "_refresh_lock"):
            credentials._refresh_lock = threading.Lock()  # probed

    def close(self) -> None:
        """Close the connections; a later send would open new ones."""
        self.client._endpoint.http_session.close()  # probed

    def _take_over_connections(self) -> None:
        # Fresh managers rather than cleared ones: calls that are under
        # way, and a parent's TLS, keep theirs.
        session = self.client._endpoint.http_session  # probed
        session._pool_classes_by_scheme = POOLS  # probed
        session._proxy_managers = {}  # probed
        settings = session._get_pool_manager_kwargs()  # probed
        manager = PoolManager(**settings)
        manager.pool_classes_by_scheme = POOLS
        session._manager = manager  # probed

    def _attempt(
        self,
        call: Callable[..., Mapping[str, Any]],
        params: Mapping[str, Any],
        timeout_s: float,
        before_send: Callable[[], None],
        *,
        checked: bool = False,
    ) -> Answer | NoAnswer:
        attempt = Attempt(time.monotonic() + timeout_s, before_send, checked)
        try:
            with self._watchdog.watch(attempt):
                body = call(**params)
                if not attempt.passes:  # botocore's Stubber answered
                    before_send()
        except _AnsweredError as answered:
            if attempt.expired:  # the answer may be half of one
                return NoAnswer(
                    written=True,
                    reason=_reason(attempt, answered, timeout_s),
                    error=answered,
                )
            return answer_of(answered.status, answered.parsed)
        except boto.ClientError as error:
            # Only a stub of botocore gets here with an answer.
            status = error.response.get("ResponseMetadata", {})
            return answer_of(status.get("HTTPStatusCode", 400), error.response)
        except NotSentError:
            raise
        except Exception as error:
            if not attempt.written:
                raise_if_ours_to_mend(error)
                _raise_if_interrupted(error)
            if not attempt.passes:
                raise ConfigurationError(
                    f"the call could not be made ({type(error).__name__})",
                    "see the cause",
                ) from error
            return NoAnswer(
                written=attempt.written,
                reason=_reason(attempt, error, timeout_s),
                error=error,
            )
        return answer_of(200, body)


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
