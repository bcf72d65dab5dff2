"""
What a client asks SES beside sending: lists, identities, sets, templates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from safeses._lookups._api import PacedApi
from safeses._lookups._resources import Resources
from safeses.suppression import AccountSuppressionList
from safeses.suppression._screening import stopped_by

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    from safeses.suppression import Suppression
    from safeses.typing import Clock, State, SuppressionStore, Transport


@attrs.define(eq=False)
class Lookups:
    """
    What a client asks SES beside sending, at one pace.

    Attributes:
        api: Makes the calls.
        account_suppressions: The account's own list.
        resources: What the mails' names are checked against.
        suppressions: The list of the state.
        asked: The account's own list as sends ask it.
    """

    api: PacedApi
    account_suppressions: AccountSuppressionList
    resources: Resources
    suppressions: SuppressionStore
    asked: AccountSuppressionList

    @classmethod
    def through(
        cls,
        transport: Transport,
        state: State,
        scope: str,
        *,
        clock: Clock,
        closing: threading.Event,
        renew: Callable[[], object],
        strict: bool,
    ) -> Lookups:
        """
        Make them all.

        Args:
            transport: Makes the calls.
            state: Whose budget they are paced by.
            scope: The account and region.
            clock: Where the time comes from.
            closing: Set when waits must end.
            renew: What to call in a forked child before its first call.
            strict: Whether a send fails that cannot be screened in time.
        """
        api = PacedApi(
            transport, state, scope, clock, closing=closing, renew=renew
        )
        own = AccountSuppressionList(api, clock=clock)
        asked = own.made_strict(strict=strict)
        return cls(
            api,
            own,
            Resources(api, lambda: state.account(scope), clock),
            state.suppressions,
            asked,
        )

    def screen(
        self,
        recipients: Sequence[str],
        *,
        stream: str,
        configuration_set: str,
        tenant: str,
        max_wait_s: float,
    ) -> dict[str, Suppression]:
        """
        Return who of *recipients* must not get a mail, and why.

        The state's list is asked first, and SES's about the others.

        Args:
            recipients: Of one mail.
            stream: Its kind.
            configuration_set: What it is sent with.
            tenant: Who sends it.
            max_wait_s: How long SES may be waited for, if that is less
                than its list allows by itself.

        Raises:
            StoreError: No answer in time, and one is required.
            NotSentError: One of the lists could not be asked.
        """
        if not recipients:
            return {}
        found = stopped_by(
            self.suppressions,
            recipients,
            stream=stream,
            configuration_set=configuration_set,
            tenant=tenant,
        )
        unknown = [address for address in recipients if address not in found]
        return found | self.asked.find(
            unknown,
            stream=stream,
            configuration_set=configuration_set,
            tenant=tenant,
            max_wait_s=max(0.0, min(self.asked.max_wait_s, max_wait_s)),
        )

    def after_fork(self, closing: threading.Event) -> None:
        """Leave the parent's waiters and threads alone."""
        self.api.closing = closing
        self.api.after_fork()
        self.account_suppressions.after_fork()
        self.resources.after_fork()
