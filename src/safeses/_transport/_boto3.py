"""
One attempt through a boto3 client, whatever its own retry mode.

Two of botocore's events make it so, for our sends only. `before-send`
comes after signing: there the state is told. `needs-retry` comes after
the attempt: there we *raise* what came of it, so that no retry handler
is asked. (Returning False would not do: botocore 1.40 takes it for
"retry after 0 s", and sends thousands of copies.)
"""

from __future__ import annotations

import threading
import time
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import attrs
import botocore
from botocore.httpsession import URLLib3Session

from safeses import _ses
from safeses._transport._calls import body_of, method_of, told
from safeses._transport._deadline import POOLS, Attempt, Watchdog, current
from safeses._transport._ended import AnsweredError, answer_of, ended_by
from safeses._transport._savings import PoolManager, save_work
from safeses._transport._types import has_plain_types
from safeses.errors import ConfigurationError, NotSentError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from safeses._outcome import Answer, NoAnswer

_WRAPPED: Final = "_safeses_wrapped"
SENDS: Final = ("SendEmail", "SendBulkEmail")


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


def _before_call(**_: Any) -> None:
    # Of any operation; of a send, after `_before_send`.
    attempt = current.get()
    if attempt is not None:
        attempt.passes = attempt.passes or 1


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
        raise AnsweredError(response[0].status_code, response[1])


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
        shared: Whether another transport uses the same client.
    """

    client: Any
    _watchdog: Watchdog = attrs.field(factory=Watchdog, init=False)
    _known: frozenset[str] = attrs.field(init=False)
    shared: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        probe(self.client)
        model = self.client.meta.service_model.operation_model("SendEmail")
        self._known = frozenset(model.input_shape.members)
        self._take_over_connections()
        self.shared = getattr(self.client, _WRAPPED, False)
        setattr(self.client, _WRAPPED, True)
        save_work(self.client)
        events = self.client.meta.events
        # Those of the service are called after those of an operation.
        events.register_last(
            "before-send.sesv2",
            _before_call,
            unique_id="safeses-before-call",
        )
        events.register_first(
            "needs-retry.sesv2",
            _needs_retry,
            unique_id="safeses-needs-retry",
        )
        for operation in SENDS:
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
        if not params.keys() <= self._known:
            self._check_known("SendEmail", params)
        return self._attempt(
            self.client.send_email,
            params,
            timeout_s,
            before_send,
            checked=has_plain_types(params),
        )

    def get_account(self, timeout_s: float) -> Mapping[str, Any]:
        """Ask SES for the account; see `safeses.typing.Transport`."""
        return self.call("get_account", {}, timeout_s)

    def call(
        self, operation: str, params: Mapping[str, Any], timeout_s: float
    ) -> Mapping[str, Any]:
        """Make one call, once; see `safeses.typing.Transport`."""
        names = self.client.meta.method_to_api_mapping
        method = method_of(self.client, operation, names)
        self._check_known(names[operation], params)
        try:
            answer = self._attempt(
                method, params, timeout_s, lambda: None, whole=True
            )
        except NotSentError as error:
            failed = error
        else:
            return body_of(answer, operation, params)
        raise told(failed, operation, params)

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
        setattr(self.client, _WRAPPED, False)
        self.client._endpoint.http_session.close()  # probed

    def _check_known(self, name: str, params: Mapping[str, Any]) -> None:
        model = self.client.meta.service_model.operation_model(name)
        shape = model.input_shape
        unknown = params.keys() - (shape.members if shape else {})
        if unknown:
            raise ConfigurationError(
                f"botocore {botocore.__version__} does not know"
                f" {', '.join(sorted(unknown))} of {name}",
                "check the spelling, or upgrade boto3",
            )

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
        whole: bool = False,
    ) -> Answer | NoAnswer:
        attempt = Attempt(time.monotonic() + timeout_s, before_send, checked)
        body: Mapping[str, Any] = {}
        failed: Exception | None = None
        try:
            with self._watchdog.watch(attempt):
                body = call(**params)
                if not attempt.passes:  # botocore's Stubber answered
                    before_send()
        except Exception as error:  # noqa: BLE001  # each is looked at
            failed = error
        # Not in the except block: what is raised from here has no hidden
        # context, in which botocore's texts hold parts of the mail.
        if failed is None and whole and attempt.expired:
            # Cut off after the header: no body, which may look like one.
            failed = TimeoutError()
        if failed is not None:
            return ended_by(failed, attempt, timeout_s)
        return answer_of(200, body)
