"""
What SES last said of each account, in a SQLite file.

One process asks SES, and all of them know.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any, Final

import attrs

from safeses._values import Account
from safeses.errors import StoreError
from safeses.sqlite._database import Database
from safeses.sqlite._statements import statements

if TYPE_CHECKING:
    import os

    from safeses.sqlite._joined import Joined

SQL: Final = statements("accounts.sql")
PART: Final = "account"
# A pause that another process has heard of costs so many seconds of sends,
# which SES refuses; reading it for each send would cost all of them.
READ_EVERY_S: Final = 1.0
_FIELDS: Final = frozenset(field.name for field in attrs.fields(Account))


class SqliteAccounts:
    """
    Accounts in a file: shared by all who open it.

    Raises:
        StoreError: The file gives no answer.
    """

    def __init__(
        self, database: Database | Joined | str | os.PathLike[str]
    ) -> None:
        """Take the file, or its path; nothing is opened before use."""
        self._database = Database.of(database)
        # What the file said, when the account was learnt, and until when
        # that need not be read again.
        self._read: dict[str, tuple[Account | None, float, float]] = {}

    def at(self, database: Database | Joined) -> SqliteAccounts:
        """Return the same accounts, as a part of a transaction has them."""
        accounts = SqliteAccounts(database)
        accounts._read = self._read
        return accounts

    def get(self, scope: str) -> tuple[Account, float] | None:
        """
        Return the account and its age in seconds, None if unknown.

        The age is infinite when the time went back meanwhile: nobody
        knows it then, and too old is the one that is asked anew. What
        other processes put is seen a second later at most.
        """
        now = self._database.now()
        read = self._read.get(scope)
        if read is None or not now < read[2] <= now + READ_EVERY_S:
            read = self._read[scope] = (*self._row(scope), now + READ_EVERY_S)
        account, learnt_at, _ = read
        if account is None:
            return None
        age_s = now - learnt_at
        return account, age_s if age_s >= 0 else float("inf")

    def put(self, scope: str, account: Account) -> None:
        """Note what SES says now."""
        values = (scope, _text(account), self._database.now())
        self._database.execute(PART, SQL.write_account, values)
        self._read.pop(scope, None)

    def _row(self, scope: str) -> tuple[Account | None, float]:
        found = self._database.rows(PART, SQL.read_account, (scope,))
        if not found:
            return None, 0.0
        text, learnt_at = found[0]
        return _account(text), learnt_at


def _text(account: Account) -> str:
    facts = attrs.asdict(account)
    facts["suppressed_reasons"] = sorted(account.suppressed_reasons)
    facts["as_of"] = account.as_of.isoformat()
    return json.dumps(facts)


def _account(text: str) -> Account:
    try:
        facts: dict[str, Any] = json.loads(text)
        # A newer version may know more.
        known = {k: v for k, v in facts.items() if k in _FIELDS}
        known["as_of"] = dt.datetime.fromisoformat(known["as_of"])
        reasons = known.get("suppressed_reasons", ())
        known["suppressed_reasons"] = frozenset(reasons)
        return Account(**known)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise StoreError(
            PART, "sqlite", "its row is not one of safeses; delete it"
        ) from error
