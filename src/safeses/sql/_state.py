"""
The state of many machines: every part in one SQL database.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from safeses._facts import key_of
from safeses._outcome import Admitted, Claim
from safeses._protocols import keeps
from safeses._soft_bounces import KEEP_S as FACTS_KEEP_S
from safeses._state import ComposedState
from safeses.errors import ConfigurationError
from safeses.sql._accounts import SqlAccounts
from safeses.sql._budget import BOOK, CAN_BOOK, SqlBudget
from safeses.sql._checks import charged, check, stats, survives
from safeses.sql._connection import Database
from safeses.sql._counters import SqlCounters
from safeses.sql._ledger import SqlLedger
from safeses.sql._minutes import SQL as BUDGET
from safeses.sql._place import place_of
from safeses.sql._schema import create_schema
from safeses.sql._seen import SqlSeenEvents
from safeses.sql._soft_bounces import SqlSoftBounces
from safeses.sql._statements import statements
from safeses.sql._suppression_rows import json_of
from safeses.sql._suppressions import SqlSuppressionStore
from safeses.sql._url import options_of
from safeses.typing import SuppressionStore

if TYPE_CHECKING:
    import sqlalchemy
    from typing_extensions import Self

    from safeses._job import Found
    from safeses._outcome import Admission, Booked, Later
    from safeses._state_notes import Note
    from safeses.typing import Clock

_ADMIT: Final = statements("admit.sql")
ADMIT: Final = BUDGET.book.with_parts(
    can_book=CAN_BOOK.and_then(_ADMIT.nobody.with_parts(keys=_ADMIT.keys)),
    rate=BUDGET.rate,
)
# More recipients than one mail can have.
_RECIPIENTS_MAX: Final = 1_000


@attrs.define(kw_only=True)
class SqlState(ComposedState):
    """
    Every part of the state, in one database.

    All processes and hosts that use it share the facts; its clock decides.
    To admit a mail without a key is one statement, and so are the note
    that it is about to leave and its outcome. Make it with `open` or
    `from_url`.

    Attributes:
        database: Where the facts are.

    Raises:
        StoreError: The database could not answer; nothing is sent then.
    """

    database: Database
    # What the suppressions go by, if they are in the same database.
    _policy: str | None = None

    @classmethod
    def open(
        cls,
        given: Database | str | sqlalchemy.Engine,
        *,
        clock: Clock | None = None,
        rate_factor: float = 1.0,
        namespace: str = "safeses",
        suppressions: SuppressionStore | None = None,
        **options: Any,
    ) -> Self:
        """
        Return the state in a database; nothing is opened before use.

        Args:
            given: The database, its URL, or an engine of SQLAlchemy.
            clock: Where the time comes from; the database by default.
            rate_factor: The share of the account's rate to use.
            namespace: Keeps apart what shares the database.
            suppressions: Who must not be mailed, if that is kept
                elsewhere.
            **options: What `Database` takes: `timeout_s`, `prefix`,
                `pool_size`.

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
        name: object = namespace
        if not isinstance(name, str) or not name:
            raise ConfigurationError(
                f"namespace={namespace!r} is not a string, or empty",
                'use one such as "safeses"',
            )
        database = (
            given
            if isinstance(given, Database)
            else Database(given, clock=clock, **options)
        )
        policy = None
        if suppressions is None:
            suppressions = SqlSuppressionStore(database, namespace=namespace)
            policy = suppressions.keys.policy
        state = cls(
            budget=SqlBudget(database, rate_factor=rate_factor),
            ledger=SqlLedger(database, namespace=namespace),
            accounts=SqlAccounts(database),
            seen=SqlSeenEvents(database, namespace=namespace),
            counters=SqlCounters(database),
            soft_bounces=SqlSoftBounces(database, namespace=namespace),
            suppressions=suppressions,
            clock=database.clock,
            engine=database.engine,
            # What a server adds to that is seen at the first contact.
            survives="process",
            database=database,
            policy=policy,
        )
        database.on_contact = state._look_at_server
        return state

    @classmethod
    def from_url(cls, url: str, **settings: Any) -> Self:
        """
        Return the state that *url* names; other arguments as of `open`.

        Args:
            url: As SQLAlchemy takes it, such as
                ``postgresql+psycopg://user@host/database``, with
                ``?timeout_s=2``, ``prefix=shop`` and ``pool_size=4`` if
                wanted.
            **settings: What `open` takes.

        Raises:
            ConfigurationError: It names no database, or a package is
                missing.
        """
        place, _ = place_of(url)
        place, options = options_of(place)
        full = place.render_as_string(hide_password=False)
        return cls.open(full, **options, **settings)

    def init(self) -> None:
        """
        Make the tables that are missing.

        Raises:
            StoreError: The user may not, or a newer safeses made them.
        """
        create_schema(self.database)

    def check(self) -> list[Note]:
        """Look whether the database can be relied on."""
        return check(self.database)

    def stats(self) -> dict[str, int]:
        """
        Return how much there is of what, over all namespaces.

        Raises:
            StoreError: The database gives no answer.
        """
        return stats(self.database)

    def charged(self) -> dict[str, int]:
        """Return the recipients that each scope's quota holds."""
        return charged(self.database)

    def purge(self) -> dict[str, int]:
        """
        Remove what is over; unknown outcomes stay.

        Raises:
            StoreError: The database gives no answer.
        """
        before = self.database.wall() - FACTS_KEEP_S
        self.counters.forget(before)
        self.soft_bounces.forget(before)
        return {
            "suppressions": self.suppressions.purge(),
            "ledger": self.ledger.purge(),
            "seen": self.seen.purge(),
        }

    def after_fork(self) -> None:
        """Leave the parent's connections alone; connect when asked."""
        self.database.after_fork()
        super().after_fork()

    def close(self) -> None:
        """Close the connections; idempotent."""
        self.database.close()

    def _look_at_server(self) -> None:
        """Note what the data outlives; a warning says if it is little."""
        self.survives = survives(self.database) or self.survives

    def _admit(self, admission: Admission) -> Admitted | Later | Found:
        """Do it in one statement, if all is plain."""
        self._refuse_if_paused(admission.scope)
        booked = self._book_for_all(admission)
        if booked is None:
            return super()._admit(admission)
        claim = self._claim(admission, booked)
        if not isinstance(claim, Claim):
            return claim
        return Admitted(
            claim=claim, wait_s=booked.wait_s, limit_per_s=booked.limit_per_s
        )

    def _book_for_all(self, admission: Admission) -> Booked | None:
        """Book a slot, if nobody of the recipients is suppressed."""
        budget, store = self.budget, self.suppressions
        if not isinstance(budget, SqlBudget):
            return None
        if not admission.recipients:
            return budget.book(BOOK, admission)
        if self._policy is None or not isinstance(store, SqlSuppressionStore):
            return None
        keys = store.keys.keys_of(admission.recipients)
        if len(keys) > _RECIPIENTS_MAX:
            return None
        return budget.book(
            ADMIT,
            admission,
            namespace=key_of(store.namespace),
            policy=self._policy,
            stream=key_of(admission.stream),
            keys=json_of(dict.fromkeys(keys.values())),
        )
