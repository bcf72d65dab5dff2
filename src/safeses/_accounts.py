"""What SES last said of each account, and how long ago."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import attrs

if TYPE_CHECKING:
    from safeses._values import Account
    from safeses.typing import Clock


class Accounts(Protocol):
    """
    The last word of SES on each scope, an account in a region.

    Raises:
        StoreError: No answer.
    """

    def get(self, scope: str) -> tuple[Account, float] | None:
        """Return the account and its age in seconds, None if unknown."""

    def put(self, scope: str, account: Account) -> None:
        """Note what SES says now."""


@attrs.define
class MemoryAccounts:
    """
    Accounts in this process.

    Attributes:
        clock: Tells how old they are; its monotonic time never steps.
    """

    clock: Clock
    _known: dict[str, tuple[Account, float]] = attrs.field(
        factory=dict, init=False
    )

    def get(self, scope: str) -> tuple[Account, float] | None:
        """Return the account and its age in seconds, None if unknown."""
        known = self._known.get(scope)
        if known is None:
            return None
        account, learnt_at = known
        return account, self.clock.monotonic() - learnt_at

    def put(self, scope: str, account: Account) -> None:
        """Note what SES says now."""
        self._known[scope] = account, self.clock.monotonic()
