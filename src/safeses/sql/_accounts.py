"""
What SES last said of each account, in a database.

One process asks SES, and all of them know.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any, Final

import attrs

from safeses._facts import key_of
from safeses._values import Account
from safeses.errors import StoreError
from safeses.sql._connection import Database
from safeses.sql._statements import statements

if TYPE_CHECKING:
    import sqlalchemy

SQL: Final = statements("accounts.sql")
PART: Final = "account"
# A pause that another process has heard of costs so many seconds of sends,
# which SES refuses; reading it for each send would cost all of them.
READ_EVERY_S: Final = 1.0
_FIELDS: Final = frozenset(field.name for field in attrs.fields(Account))


class SqlAccounts:
    """
    Accounts in a database: shared by all who use it.

    Raises:
        StoreError: The database gives no answer.
    """

    def __init__(self, database: Database | str | sqlalchemy.Engine) -> None:
        """Take the database, or its URL; nothing is opened before use."""
        self._database = Database.of(database)
        self._clock = self._database.clock
        # What the row said, how old it was, and when that was read.
        self._read: dict[str, tuple[Account | None, float, float]] = {}

    def get(self, scope: str) -> tuple[Account, float] | None:
        """
        Return the account and its age in seconds, None if unknown.

        The age is infinite when the time went back meanwhile: nobody
        knows it then, and too old is the one that is asked anew. What
        other processes put is seen a second later at most.
        """
        now = self._clock.monotonic()
        read = self._read.get(scope)
        if read is None or not 0 <= now - read[2] < READ_EVERY_S:
            read = self._read[scope] = (*self._row(scope), now)
        account, age_s, read_at = read
        return None if account is None else (account, age_s + now - read_at)

    def put(self, scope: str, account: Account) -> None:
        """Note what SES says now."""
        values = {"scope": key_of(scope), "account": _text(account)}
        self._database.execute(PART, SQL.write_account, values, again=True)
        self._read.pop(scope, None)

    def _row(self, scope: str) -> tuple[Account | None, float]:
        values = {"scope": key_of(scope)}
        found = self._database.rows(PART, SQL.read_account, values, again=True)
        if not found:
            return None, 0.0
        text, learnt_at, now = found[0]
        age_s = now - learnt_at
        return self._account(text), age_s if age_s >= 0 else float("inf")

    def _account(self, text: str) -> Account:
        try:
            return _account(text)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise StoreError(
                PART,
                self._database.engine,
                "its row is not one of safeses; delete it",
            ) from error


def _text(account: Account) -> str:
    facts = attrs.asdict(account)
    facts["suppressed_reasons"] = sorted(account.suppressed_reasons)
    facts["as_of"] = account.as_of.isoformat()
    return json.dumps(facts)


def _account(text: str) -> Account:
    facts: dict[str, Any] = json.loads(text)
    # A newer version may know more.
    known = {k: v for k, v in facts.items() if k in _FIELDS}
    known["as_of"] = dt.datetime.fromisoformat(known["as_of"])
    reasons = known.get("suppressed_reasons", ())
    known["suppressed_reasons"] = frozenset(reasons)
    return Account(**known)
