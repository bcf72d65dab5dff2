"""
What a client was given, checked before anything is made of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from safeses._options import check_number
from safeses._policy import ACCOUNT_LISTS, Policy
from safeses._values import EventSource, Limits
from safeses.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from safeses._open import OnStoreError
    from safeses._policy import AccountList
    from safeses.typing import (
        Budget,
        Clock,
        Ledger,
        SESClient,
        State,
        SuppressionStore,
    )

# As many as nobody guesses; what it signs says whose mail an event is about.
TAG_KEY_MIN_BYTES: Final = 16


@attrs.frozen(kw_only=True)
class Settings:
    """What `safeses.Client` was given; see there."""

    boto3_client: SESClient | Callable[[], SESClient] | None = None
    region: str | None = None
    # What a URL holds may be a password.
    state: State | str | None = attrs.field(default=None, repr=False)
    budget: Budget | str | None = attrs.field(default=None, repr=False)
    ledger: Ledger | str | None = attrs.field(default=None, repr=False)
    suppressions: SuppressionStore | str | None = attrs.field(
        default=None, repr=False
    )
    on_store_error: OnStoreError = "refuse"
    limits: Limits | None = None
    namespace: str = "safeses"
    account: str | None = None
    processes: int | None = None
    rate_factor: float = 1.0
    attempt_timeout_s: float
    tag_key: bytes | None = attrs.field(default=None, repr=False)
    correlation_tag: bool = True
    policy: Policy = attrs.field(factory=Policy)
    verify_identities: bool = False
    account_suppressions: AccountList = "ignore"
    events: EventSource | None = None
    clock: Clock

    def __attrs_post_init__(self) -> None:
        if self.limits is not None and not isinstance(self.limits, Limits):
            raise ConfigurationError(
                f"limits={type(self.limits).__name__} is not Limits",
                "use Limits(per_second=14, per_day=50_000)",
            )
        if self.events is not None and not isinstance(
            self.events, EventSource
        ):
            raise ConfigurationError(
                f"events={type(self.events).__name__} is not an EventSource",
                'use EventSource(name="...")',
            )
        if isinstance(self.boto3_client, str):
            raise ConfigurationError(
                "str is not a boto3 client",
                'give it as region=, as in Client(region="eu-west-1")',
            )
        if isinstance(self.boto3_client, type) and hasattr(
            self.boto3_client, "send_email"
        ):
            raise ConfigurationError(
                f"boto3_client is the class {self.boto3_client.__name__}",
                "give an instance of it",
            )
        if self.processes is not None:
            check_number("processes", self.processes, least=1)
        if not isinstance(self.processes, (int, type(None))):
            raise ConfigurationError(
                f"processes={self.processes!r} is not a whole number",
                "say how many processes there are",
            )
        check_number("rate_factor", self.rate_factor, least=0)
        if not 0 < self.rate_factor <= 1:
            raise ConfigurationError(
                f"rate_factor={self.rate_factor!r} is not above 0 and at"
                " most 1",
                "use the share of the account's rate, such as 0.8",
            )
        check_number("attempt_timeout_s", self.attempt_timeout_s)
        if self.account_suppressions not in ACCOUNT_LISTS:
            raise ConfigurationError(
                f"account_suppressions={self.account_suppressions!r} does"
                " not exist",
                'use "ignore", "ask" or "require"',
            )
        _check_text("namespace", self.namespace)
        _check_text("account", self.account, optional=True)
        _check_text("region", self.region, optional=True)
        key: object = self.tag_key
        if key is not None and not (
            isinstance(key, bytes) and len(key) >= TAG_KEY_MIN_BYTES
        ):
            raise ConfigurationError(
                f"tag_key is not bytes, {TAG_KEY_MIN_BYTES} or more",
                "use secrets.token_bytes(32), once, and keep it; or leave it"
                " out",
            )


def _check_text(name: str, value: object, *, optional: bool = False) -> None:
    if optional and (value is None or value == ""):
        return
    if not (isinstance(value, str) and value):
        raise ConfigurationError(
            f"{name}={value!r} is not a string, or empty",
            "use a string, or leave it out",
        )
