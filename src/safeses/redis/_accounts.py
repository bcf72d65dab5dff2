"""
What SES last said of each account, in Redis.

One process asks SES, and all of them know.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any, Final

import attrs

from safeses._values import Account
from safeses.errors import StoreError

if TYPE_CHECKING:
    from safeses.redis._connection import Server

PART: Final = "account"
# A pause that another process has heard of costs so many seconds of sends,
# which SES refuses; reading it for each send would cost all of them.
READ_EVERY_S: Final = 1.0
_FIELDS: Final = frozenset(field.name for field in attrs.fields(Account))


class RedisAccounts:
    """
    Accounts in Redis: shared by all who ask the same server.

    Raises:
        StoreError: No answer.
    """

    def __init__(self, server: Server) -> None:
        """Take the server; nothing is opened before the first use."""
        self._server = server
        # What it said, how old that was, and when it was read.
        self._read: dict[str, tuple[Account | None, float, float]] = {}

    def get(self, scope: str) -> tuple[Account, float] | None:
        """
        Return the account and its age in seconds, None if unknown.

        The age is infinite when the server's time went back meanwhile.
        What other processes put is seen a second later at most.
        """
        now = self._server.clock.monotonic()
        read = self._read.get(scope)
        if read is None or not 0 <= now - read[2] < READ_EVERY_S:
            read = self._read[scope] = (*self._ask(scope), now)
        account, age_s, read_at = read
        return None if account is None else (account, age_s + now - read_at)

    def put(self, scope: str, account: Account) -> None:
        """Note what SES says now."""
        values = (_text(account), "" if account.may_send else "1")
        self._server.run(PART, "account_put", (self.key(scope),), values)
        self._read.pop(scope, None)

    def key(self, scope: str) -> str:
        """Return the key of an account."""
        return self._server.key("account", scope)

    def _ask(self, scope: str) -> tuple[Account | None, float]:
        found = self._server.run(
            PART, "account_get", (self.key(scope),), again=True
        )
        if not found:
            return None, 0.0
        age_s = float(found[1])
        return _account(found[0]), age_s if age_s >= 0 else float("inf")


def _text(account: Account) -> str:
    facts = attrs.asdict(account)
    facts["suppressed_reasons"] = sorted(account.suppressed_reasons)
    facts["as_of"] = account.as_of.isoformat()
    return json.dumps(facts)


def _account(text: bytes) -> Account:
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
            PART, "redis", "its key is not one of safeses; delete it"
        ) from error
