"""
The state of many machines: every part in one Redis.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from safeses._outcome import Deferred, Rejected
from safeses._protocols import keeps
from safeses._state import ComposedState
from safeses.errors import ConfigurationError, StoreError
from safeses.redis import _checks
from safeses.redis._accounts import RedisAccounts
from safeses.redis._admission import Admissions
from safeses.redis._budget import RedisBudget
from safeses.redis._connection import Server
from safeses.redis._counters import RedisCounters
from safeses.redis._ledger import RedisLedger, held_by, rows_of
from safeses.redis._ledger_rows import RedisRows
from safeses.redis._seen import RedisSeenEvents
from safeses.redis._soft_bounces import RedisSoftBounces
from safeses.redis._suppressions import RedisSuppressionStore
from safeses.typing import SuppressionStore

if TYPE_CHECKING:
    from typing_extensions import Self

    from safeses._job import Found
    from safeses._outcome import Admission, Admitted, Claim, Later, Outcome
    from safeses._state_notes import Note
    from safeses.typing import Clock

PART: Final = "state"


@attrs.define(kw_only=True)
class RedisState(ComposedState):
    """
    Budget, suppressions and ledger of many machines, in one Redis.

    All processes that ask the same server, with the same prefix, share the
    facts. To admit a message is one round trip. Make it with `open` or
    `from_url`.

    Attributes:
        server: Where Redis is asked.
        namespace: Keeps apart what shares the server.

    Raises:
        StoreError: Redis could not answer; nothing is sent then.
    """

    budget: RedisBudget
    accounts: RedisAccounts
    server: Server
    namespace: str = "safeses"
    _admissions: Admissions
    _warner: _checks.Warner

    @classmethod
    def open(
        cls,
        server: Server,
        *,
        rate_factor: float = 1.0,
        namespace: str = "safeses",
        suppressions: SuppressionStore | None = None,
    ) -> Self:
        """
        Return the state in *server*, which is not asked yet.

        Args:
            server: Where the facts are.
            rate_factor: The share of the account's rate to use.
            namespace: Keeps apart what shares the server.
            suppressions: Who must not be mailed, if that is kept
                elsewhere.

        Raises:
            ConfigurationError: One of them cannot be used.
        """
        if suppressions is not None and not keeps(
            suppressions, SuppressionStore
        ):
            raise ConfigurationError(
                f"suppressions={type(suppressions).__name__} is not a"
                " suppression store",
                "give one of safeses.suppression, or leave it out",
            )
        given: object = namespace
        if not isinstance(given, str) or not given:
            raise ConfigurationError(
                f"namespace={namespace!r} is not a string, or empty",
                'use one such as "safeses"',
            )
        if suppressions is None:
            suppressions = RedisSuppressionStore(server, namespace=namespace)
        budget = RedisBudget(server, rate_factor=rate_factor)
        accounts = RedisAccounts(server)
        state = cls(
            budget=budget,
            ledger=RedisLedger(server, namespace=namespace),
            accounts=accounts,
            seen=RedisSeenEvents(server, namespace=namespace),
            counters=RedisCounters(server),
            soft_bounces=RedisSoftBounces(server, namespace=namespace),
            suppressions=suppressions,
            clock=server.clock,
            engine=server.engine,
            survives="process",
            server=server,
            namespace=namespace,
            admissions=Admissions(
                server, budget, accounts, RedisRows(server, namespace)
            ),
            warner=_checks.Warner(
                server,
                has_list=isinstance(suppressions, RedisSuppressionStore)
                and suppressions.server is server,
            ),
        )
        server.on_contact = state._look_at_server
        return state

    @classmethod
    def from_url(
        cls,
        url: str,
        *,
        clock: Clock | None = None,
        rate_factor: float = 1.0,
        namespace: str = "safeses",
        suppressions: SuppressionStore | None = None,
        **options: Any,
    ) -> Self:
        """
        Return the state that *url* names.

        Args:
            url: ``redis://``, ``rediss://`` or ``unix://``, with
                ``?timeout_s=0.25``, ``prefix=…`` and ``cluster=true`` if
                wanted.
            clock: Where the time comes from; the server's own by default.
            rate_factor: The share of the account's rate to use.
            namespace: Keeps apart what shares the server.
            suppressions: Who must not be mailed, if that is kept
                elsewhere.
            **options: What `Server` takes: `prefix`, `timeout_s`,
                `is_cluster`.

        Raises:
            ConfigurationError: It names no Redis, or an unknown option.
        """
        return cls.open(
            Server(url, clock=clock, **options),
            rate_factor=rate_factor,
            namespace=namespace,
            suppressions=suppressions,
        )

    def admit(self, admission: Admission) -> Admitted | Later | Found:
        """Look the job up, screen the recipients, book a slot, claim."""
        store = self.suppressions
        if (
            isinstance(store, RedisSuppressionStore)
            and store.server is self.server
        ):
            admitted = self._admissions.admit(admission, store)
            if admitted is not None:
                return admitted
        return super().admit(admission)

    def submit(self, claim: Claim, timeout_s: float) -> None:
        """Note, acknowledged, that the first byte is about to leave."""
        if not claim.is_submitted:
            super().submit(claim, timeout_s)

    def settle(self, claim: Claim, outcome: Outcome) -> None:
        """Record it; give back what was not sent; note a throttle."""
        if not isinstance(outcome, (Deferred, Rejected)):
            self.ledger.settle(claim, outcome)
            return
        by = outcome.by if isinstance(outcome, Deferred) else ""
        throttled = by if by in {"rate", "daily"} else ""
        if claim.job is None and self._refused_at_once(claim, throttled):
            return
        try:
            self.ledger.settle(claim, outcome)
        finally:
            self.budget.refused(claim, throttled)

    def init(self) -> None:
        """
        Make the state ready, and acknowledge the data as it is.

        Raises:
            StoreError: No answer.
        """
        self.server.acknowledge(PART)

    def check(self) -> list[Note]:
        """
        Return what the server's settings mean for what is kept.

        Raises:
            StoreError: No answer.
        """
        return _checks.notes(self.server)

    def stats(self) -> dict[str, int]:
        """
        Return how much there is of what.

        Raises:
            StoreError: No answer.
        """
        return {**super().stats(), "bytes": _checks.used_bytes(self.server)}

    def charged(self) -> dict[str, int]:
        """
        Return the recipients that each scope's quota holds.

        Raises:
            StoreError: No answer.
        """
        return self.budget.charged()

    def after_fork(self) -> None:
        """Leave the parent's connections alone; open some when asked."""
        self.server.after_fork()
        super().after_fork()

    def close(self) -> None:
        """Close the connections; idempotent."""
        self.server.close()

    def _refused_at_once(self, claim: Claim, throttled: str) -> bool:
        """Settle what SES, or nobody, was given, in one script."""
        keys = rows_of(self._admissions.rows, claim.id)
        try:
            done = self.server.run(
                PART,
                "settle_refused",
                (*self.budget.keys(claim.scope), *keys),
                (
                    *self.budget.own(claim.scope),
                    *(claim.minute, claim.quota_cost, throttled),
                    *held_by(claim),
                ),
            )
        except StoreError:
            # Perhaps it was done. To forget the mail twice does no harm; to
            # give its quota back twice would.
            self.server.run(
                PART,
                "ledger_settle_unkeyed",
                keys,
                held_by(claim),
                again=True,
            )
            return True
        return bool(done)

    def _look_at_server(self, part: str) -> None:
        """Warn of what would lose data; note what the data outlives."""
        found = self._warner.warn(part)
        if found is not None:
            self.survives = found.survives
