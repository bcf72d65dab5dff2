"""
The state of many machines: every part in one table of DynamoDB.

For those who run no Redis, such as functions of Lambda. A mail without a
key takes three requests before it is sent and one afterwards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from safeses._protocols import keeps
from safeses._state import ComposedState
from safeses.dynamodb import _checks
from safeses.dynamodb._accounts import DynamoDBAccounts
from safeses.dynamodb._budget import DRIFT_S, DynamoDBBudget
from safeses.dynamodb._connection import Table
from safeses.dynamodb._counters import DynamoDBCounters
from safeses.dynamodb._ledger import DynamoDBLedger
from safeses.dynamodb._seen import DynamoDBSeenEvents
from safeses.dynamodb._soft_bounces import DynamoDBSoftBounces
from safeses.dynamodb._suppressions import DynamoDBSuppressionStore
from safeses.dynamodb._url import options_of
from safeses.errors import ConfigurationError
from safeses.typing import SuppressionStore

if TYPE_CHECKING:
    from typing_extensions import Self

    from safeses._state_notes import Note
    from safeses.typing import Clock


@attrs.define(kw_only=True)
class DynamoDBState(ComposedState):
    """
    Budget, suppressions and ledger of many machines, in one table.

    All who use the table share the facts. DynamoDB answers a write when it
    is on disk in more than one zone, so the facts outlive a host and a
    zone. Make it with `open` or `from_url`.

    Attributes:
        table: Where the facts are.

    Raises:
        StoreError: DynamoDB could not answer; nothing is sent then.
    """

    table: Table

    @classmethod
    def open(
        cls,
        table: Table,
        *,
        rate_factor: float = 1.0,
        namespace: str = "safeses",
        suppressions: SuppressionStore | None = None,
        drift_s: float = DRIFT_S,
    ) -> Self:
        """
        Return the state in *table*, which is not asked yet.

        Args:
            table: Where the facts are.
            rate_factor: The share of the account's rate to use.
            namespace: Keeps apart what shares the table.
            suppressions: Who must not be mailed, if that is kept
                elsewhere.
            drift_s: By how many seconds the clocks of two hosts may
                differ.

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
            suppressions = DynamoDBSuppressionStore(table, namespace=namespace)
        return cls(
            budget=DynamoDBBudget(
                table, rate_factor=rate_factor, drift_s=drift_s
            ),
            ledger=DynamoDBLedger(table, namespace=namespace),
            accounts=DynamoDBAccounts(table),
            seen=DynamoDBSeenEvents(table, namespace=namespace),
            counters=DynamoDBCounters(table),
            soft_bounces=DynamoDBSoftBounces(table, namespace=namespace),
            suppressions=suppressions,
            clock=table.clock,
            engine=table.engine,
            survives="failover",
            table=table,
        )

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
            url: ``dynamodb://table?region=eu-west-1``, with
                ``endpoint_url``, ``timeout_s=1`` and ``drift_s=60`` if
                wanted.
            clock: Where the time comes from.
            rate_factor: The share of the account's rate to use.
            namespace: Keeps apart what shares the table.
            suppressions: Who must not be mailed, if that is kept
                elsewhere.
            **options: What `Table` takes, which goes before the URL.

        Raises:
            ConfigurationError: It names no table, or an unknown option.
        """
        settings = {**options_of(url), **options}
        drift_s = settings.pop("drift_s", DRIFT_S)
        return cls.open(
            Table(**settings, clock=clock),
            rate_factor=rate_factor,
            namespace=namespace,
            suppressions=suppressions,
            drift_s=drift_s,
        )

    def init(self) -> None:
        """
        Make the table, billed on demand and with its TTL; idempotent.

        Raises:
            StoreError: It cannot be made.
        """
        _checks.init(self.table)

    def check(self) -> list[Note]:
        """Return what there is to say about the table; changes nothing."""
        return _checks.check(self.table)

    def stats(self) -> dict[str, int]:
        """
        Return how much there is of what; reads all of it.

        Raises:
            StoreError: No answer.
        """
        unsettled, after = 0, ""
        while True:
            page = self.ledger.unsettled(after)
            unsettled += len(page.records)
            after = page.next
            if not after:
                break
        stats = {"unsettled": unsettled}
        if isinstance(self.suppressions, DynamoDBSuppressionStore):
            stats["suppressions"] = self.suppressions.count()
        return stats | _checks.size(self.table)

    def charged(self) -> dict[str, int]:
        """
        Return the recipients that each scope's quota holds, never fewer.

        Raises:
            StoreError: No answer.
        """
        if isinstance(self.budget, DynamoDBBudget):
            return self.budget.charged()
        return super().charged()

    def purge(self) -> dict[str, int]:
        """
        Forget what has expired; what is not settled stays.

        Most of it is for DynamoDB to delete, by its TTL.

        Raises:
            StoreError: No answer.
        """
        purged = {"ledger": self.ledger.purge(), "seen": self.seen.purge()}
        if isinstance(self.suppressions, DynamoDBSuppressionStore):
            purged["suppressions"] = self.suppressions.purge()
        return purged

    def after_fork(self) -> None:
        """Leave the parent's connections alone; open some when asked."""
        self.table.after_fork()
        super().after_fork()

    def close(self) -> None:
        """Close the connections; idempotent."""
        self.table.close()
