"""One request, whichever way it came: counted, authorised, carried out."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Final

from . import _operations, _resources
from ._addresses import only
from ._faults import Faults
from ._fields import Params, text
from ._limits import MAX_MESSAGE_BYTES
from ._rate import Bucket
from ._refused import RATE_TEXT, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ._account import Account

_SENDS: Final = frozenset({"SendEmail", "SendBulkEmail", "SendRawEmail"})

_HANDLERS: Final[Mapping[str, Callable[[Account, Params], Params]]] = {
    "".join(part.title() for part in handler.__name__.split("_")): handler
    for handler in (
        _operations.get_account,
        _operations.put_account_sending_attributes,
        _operations.put_account_suppression_attributes,
        _operations.put_suppressed_destination,
        _operations.get_suppressed_destination,
        _operations.get_tenant,
        _operations.delete_suppressed_destination,
        _operations.list_suppressed_destinations,
        _resources.create_email_identity,
        _resources.get_email_identity,
        _resources.delete_email_identity,
        _resources.list_email_identities,
        _resources.create_email_template,
        _resources.get_email_template,
        _resources.update_email_template,
        _resources.delete_email_template,
        _resources.list_email_templates,
        _resources.test_render_email_template,
        _resources.create_configuration_set,
        _resources.get_configuration_set,
        _resources.delete_configuration_set,
        _resources.list_configuration_sets,
        _resources.put_configuration_set_sending_options,
        _resources.put_configuration_set_suppression_options,
    )
}


class Service:
    """
    The operations of SES v2 on one account, with counters.

    Attributes:
        account: Whose operations these are.
        faults: What goes wrong on the way back.
        requests: Requests that were fully received, by operation.
        refusals: Error codes answered.
        throttled: Answers that said "too fast": status 429, v1 `Throttling`.
    """

    def __init__(self, account: Account, api_rate: float | None) -> None:
        """Limit everything but sending to *api_rate* per second."""
        self.account = account
        self.faults = Faults()
        self.requests: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()
        self.throttled = 0
        self.denied: set[str] = set()
        self._lock = threading.Lock()
        self._api = (
            None
            if api_rate is None
            else Bucket(api_rate, None, account.clock.monotonic())
        )

    def counts(self) -> tuple[Counter[str], Counter[str], int]:
        """Return requests, refusals and throttled of one moment."""
        with self._lock:
            return +self.requests, +self.refusals, self.throttled

    def received(self, operation: str) -> None:
        """Count a request."""
        with self._lock:
            self.requests[operation] += 1

    def answered(self, code: str, status: int, message: str) -> None:
        """Count a refusal as its caller sees it."""
        slow = status == 429 or (code == "Throttling" and message == RATE_TEXT)  # noqa: PLR2004
        with self._lock:
            self.refusals[code] += 1
            self.throttled += slow

    def call(
        self,
        operation: str,
        params: Params,
        *,
        name: str | None = None,
        max_bytes: int = MAX_MESSAGE_BYTES,
    ) -> Params:
        """
        Carry out an operation of SES v2.

        Args:
            operation: Name of the operation.
            params: Members of the request.
            name: What the caller called it, if not so (SES v1).
            max_bytes: Size limit of a message.

        Raises:
            RefusedError: SES would have refused.
        """
        asked = name or operation
        self._authorize(asked, params)
        if self._api is not None and operation not in _SENDS:
            with self._lock:
                free = self._api.take(1, self.account.clock.monotonic())
            if not free:
                # "1 per second for everything but sending": Developer
                # Guide, "Service quotas". The text is unverified.
                raise RefusedError("TooManyRequestsException", "Rate exceeded")
        if operation == "SendEmail":
            return _operations.send_email(
                self.account, params, asked, max_bytes
            )
        if operation == "SendBulkEmail":
            return _operations.send_bulk_email(
                self.account, params, self.faults.next_entry
            )
        handler = _HANDLERS.get(operation)
        if handler is None:
            raise RefusedError(
                "UnknownOperationException", f"{operation} is not simulated."
            )
        with self.account.lock:
            return handler(self.account, params)

    def _authorize(self, operation: str, params: Params) -> None:
        """
        Refuse what was denied, in the two wordings that AWS's logs show.

        Raw content needs ``ses:SendRawEmail`` through v2 too
        (github.com/aws/aws-actionmailer-ses-ruby/issues/10).
        """
        content = params.get("Content")
        if isinstance(content, dict) and content.get("Raw"):
            operation = "SendRawEmail"
        action = f"ses:{operation}"
        if action not in self.denied:
            return
        user = f"arn:aws:iam::{self.account.account_id}:user/simulated"
        if operation in _SENDS:
            name = text(params, "FromEmailAddress") or ""
            name = only(name) if name else "*"
            message = (
                f"User `{user}' is not authorized to perform `{action}' on "
                f"resource `arn:aws:ses:{self.account.region}:"
                f"{self.account.account_id}:identity/{name}'"
            )
        else:
            message = (
                f"User: {user} is not authorized to perform: {action} on "
                "resource: * because no identity-based policy allows the "
                f"{action} action"
            )
        raise RefusedError("AccessDeniedException", message)
