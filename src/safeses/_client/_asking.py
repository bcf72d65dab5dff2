"""
What a client can be asked: of the account, its messages, its lists.

Nothing here sends. Each answer is made of the parts that the sends of the
same client work with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from safeses._core import Core
    from safeses._parts import Parts
    from safeses._values import Account, UnknownSend
    from safeses.ledger import Outcomes
    from safeses.suppression import AccountSuppressionList, Suppressions


class Asking:
    """What `safeses.Client` answers; a view of a client answers the same."""

    # The last one acts: a test puts another on top for a while.
    _cores: list[Core]

    def account(self) -> Account:
        """
        Return what SES says of the account, at most ten minutes old.

        Raises:
            AccessDeniedError: IAM does not allow ``ses:GetAccount``.
            NotSentError: SES could not be asked.
        """
        return self._core.driver().account.snapshot()

    @property
    def ledger(self) -> Outcomes:
        """What became of messages, as the state of this client has it."""
        from safeses.ledger import Outcomes

        core = self._core
        return Outcomes(
            core.state.ledger,
            core.job_id,
            core.settings.clock,
            core.tag_of,
        )

    def unknown(self) -> Iterator[UnknownSend]:
        """
        Return the messages that were perhaps sent, oldest first.

        Raises:
            StoreError: The state cannot answer.
        """
        return self.ledger.unknown()

    def resolve(
        self,
        send: str | UnknownSend,
        outcome: Literal["sent", "not_sent"],
        *,
        message_id: str = "",
    ) -> bool:
        """
        Settle a message that was perhaps sent, as somebody found out.

        Args:
            send: Its idempotency key, its tag, or what `unknown` gave.
            outcome: What is known now. After ``"not_sent"`` its key is
                free again.
            message_id: SES's id of it, if that is known.

        Returns:
            False if its outcome is not open.

        Raises:
            InFlightError: It is being sent at this moment.
            StoreError: The state cannot answer.
        """
        return self.ledger.resolve(send, outcome, message_id=message_id)

    @property
    def suppressions(self) -> Suppressions:
        """Who must not be mailed, as the state of this client has it."""
        from safeses.suppression import Suppressions

        core = self._core
        return Suppressions(core.state.suppressions, core.settings.clock)

    @property
    def account_suppressions(self) -> AccountSuppressionList:
        """The list that SES keeps for the account; each call asks SES."""
        return self._core.account_suppressions()

    @property
    def feedback_parts(self) -> Parts:
        """What the events of SES act on: the facts of this client's state."""
        from safeses._parts import Parts

        core = self._core
        state, settings = core.state, core.settings
        return Parts(
            suppressions=state.suppressions,
            ledger=self.ledger,
            seen=state.seen,
            counters=state.counters,
            soft_bounces=state.soft_bounces,
            clock=settings.clock,
            hooks=core.hooks,
            namespace=settings.namespace,
            account=settings.account or settings.namespace,
            tag_key=settings.tag_key,
        )

    @property
    def _core(self) -> Core:
        return self._cores[-1]
