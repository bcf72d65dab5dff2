"""
One attempt through anything shaped like a boto3 client.

For in-process simulators and stubs, which say of themselves that one call
is one attempt. Without botocore inside there is no deadline to enforce
and no byte to watch: an exception counts as unknown
unless botocore's own class says that nothing left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs
from botocore import exceptions as boto

from safeses._outcome import Answer, NoAnswer
from safeses._transport._calls import body_of, method_of, told
from safeses._transport._ended import answer_of, raise_if_ours_to_mend
from safeses.errors import NotSentError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_NO_CONNECTION: Final = (
    boto.EndpointConnectionError,
    boto.ConnectTimeoutError,
    boto.ProxyConnectionError,
)


@attrs.define
class DirectTransport:
    """
    Attempts through an object with boto3's methods.

    Attributes:
        client: Has ``send_email`` and, if it likes, ``get_account`` and
            other methods of boto3's client.
    """

    client: Any

    @property
    def region(self) -> str:
        """The region that the object claims, if any."""
        meta = getattr(self.client, "meta", None)
        region = getattr(meta, "region_name", None)
        return region if isinstance(region, str) else "local"

    @property
    def account(self) -> str:
        """No account: there are no credentials."""
        return ""

    @property
    def shared(self) -> bool:
        """Whoever shares a stub does so on purpose."""
        return False

    def send(
        self,
        params: Mapping[str, Any],
        timeout_s: float,  # noqa: ARG002  # nothing here to bound
        before_send: Callable[[], None],
    ) -> Answer | NoAnswer:
        """Make exactly one attempt; see `safeses.typing.Transport`."""
        before_send()
        return self._call(self.client.send_email, params)

    def get_account(self, timeout_s: float) -> Mapping[str, Any]:
        """Ask for the account; see `safeses.typing.Transport`."""
        return self.call("get_account", {}, timeout_s)

    def call(
        self,
        operation: str,
        params: Mapping[str, Any],
        timeout_s: float,  # noqa: ARG002  # nothing here to bound
    ) -> Mapping[str, Any]:
        """Make one call, once; see `safeses.typing.Transport`."""
        method = method_of(self.client, operation)
        try:
            answer = self._call(method, params)
        except NotSentError as error:
            failed = error
        else:
            return body_of(answer, operation, params)
        raise told(failed, operation, params)

    def after_fork(self) -> None:
        """Nothing to renew."""

    def close(self) -> None:
        """Nothing to close."""

    def _call(
        self, call: Callable[..., Any], params: Mapping[str, Any]
    ) -> Answer | NoAnswer:
        try:
            body = call(**params)
        except boto.ClientError as error:
            metadata = error.response.get("ResponseMetadata", {})
            return answer_of(
                metadata.get("HTTPStatusCode", 400), error.response
            )
        except boto.BotoCoreError as error:
            failed = error
        else:
            return answer_of(200, body if isinstance(body, dict) else {})
        # Not in the except block, as in `Boto3Transport`.
        raise_if_ours_to_mend(failed)
        if isinstance(failed, _NO_CONNECTION):
            return NoAnswer(
                written=False, reason="no connection", error=failed
            )
        return NoAnswer(
            written=True, reason=type(failed).__name__, error=failed
        )
