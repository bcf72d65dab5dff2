"""
Which list of SES stops a mail, and for which reasons.

To be on a list is not to be stopped: SES stops what has one of the
reasons that are enabled. The account says which; a tenant with a list of
its own says it for its mail, and a configuration set for what is sent
with it (Guide, "Using the account-level suppression list" and
"configuration set-level suppression").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from safeses.errors import RejectedError, StoreError
from safeses.suppression._remembered import Remembered

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from safeses.typing import Clock, SESApi

FRESH_S: Final = 300.0
MAX_SETTINGS: Final = 10_000
NOT_FOUND: Final = 404
ENGINE: Final = "ses"


@attrs.define(eq=False)
class AccountSettings:
    """
    The settings of one account, remembered for minutes.

    Attributes:
        api: Asks SES.
        clock: Where the time comes from.
    """

    api: SESApi
    clock: Clock
    _known: Remembered[Mapping[str, Any]] = attrs.field(init=False)

    @_known.default
    def _none_known(self) -> Remembered[Mapping[str, Any]]:
        return Remembered(self.clock, lambda _: FRESH_S, MAX_SETTINGS)

    def whose(
        self, configuration_set: str, tenant: str, ends_at: float
    ) -> str:
        """
        Return whose list SES looks at: *tenant*, or ``""``, the account's.

        Nobody is asked without a tenant, nor at *ends_at* or later.
        """
        if not tenant:
            return ""
        chosen = self._of_set(configuration_set, ends_at)
        scope = chosen.get("SuppressionScope")
        if scope is None:
            of_tenant = self._of_tenant(tenant, ends_at)
            scope = of_tenant.get("SuppressionScope")
        return tenant if scope == "TENANT" else ""

    def reasons(
        self, configuration_set: str, whose: str, ends_at: float
    ) -> frozenset[str]:
        """
        Return SES's names of the reasons that count.

        A configuration set without reasons leaves that to the tenant
        with a list of its own, and he to the account; one with an empty
        list of reasons stops nothing.
        """
        given = _reasons(self._of_set(configuration_set, ends_at))
        if given is None and whose:
            given = _reasons(self._of_tenant(whose, ends_at))
        if given is None:
            given = _reasons(self._of_account(ends_at))
        return given or frozenset()

    def _of_account(self, ends_at: float) -> Mapping[str, Any]:
        def ask(left_s: float) -> Mapping[str, Any]:
            body = self.api.call("get_account", within_s=left_s)
            return _part(body, "SendQuota", "SuppressionAttributes")

        return self._remembered("account", "", ask, ends_at)

    def _of_set(self, name: str, ends_at: float) -> Mapping[str, Any]:
        def ask(left_s: float) -> Mapping[str, Any]:
            body = self.api.call(
                "get_configuration_set",
                ConfigurationSetName=name,
                within_s=left_s,
            )
            return _part(body, "ConfigurationSetName", "SuppressionOptions")

        return self._remembered("set", name, ask, ends_at) if name else {}

    def _of_tenant(self, name: str, ends_at: float) -> Mapping[str, Any]:
        def ask(left_s: float) -> Mapping[str, Any]:
            body = self.api.call(
                "get_tenant", TenantName=name, within_s=left_s
            )
            tenant = body.get("Tenant") or {}
            return _part(tenant, "TenantName", "SuppressionAttributes")

        return self._remembered("tenant", name, ask, ends_at)

    def _remembered(
        self,
        kind: str,
        name: str,
        ask: Callable[[float], Mapping[str, Any]],
        ends_at: float,
    ) -> Mapping[str, Any]:
        def asked(_: object) -> Mapping[str, Any]:
            try:
                return ask(ends_at - self.clock.monotonic())
            except RejectedError as error:
                if error.status != NOT_FOUND:
                    raise
                return {}  # what is not there SES itself refuses to use

        return self._known.get((kind, name), asked, ends_at)


def _part(body: Mapping[str, Any], proof: str, name: str) -> Mapping[str, Any]:
    """Return the member *name*, of an answer that *proof* shows is SES's."""
    if proof not in body:
        raise StoreError("suppression", ENGINE, "an answer without content")
    return body.get(name) or {}


def _reasons(options: Mapping[str, Any]) -> frozenset[str] | None:
    """Return the reasons, None where they are left to somebody else."""
    given = options.get("SuppressedReasons")
    return None if given is None else frozenset(given)
