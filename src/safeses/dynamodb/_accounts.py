"""
What SES last said of each account, in DynamoDB.

One process asks SES, and all hosts know.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any, Final

import attrs

from safeses._facts import key_of
from safeses._values import Account
from safeses.errors import StoreError

if TYPE_CHECKING:
    from safeses.dynamodb._connection import Table
    from safeses.dynamodb._writes import Key

PART: Final = "account"
FORMAT: Final = 1
# A pause that another process has heard of costs so many seconds of sends,
# which SES refuses; reading it for each send would cost all of them.
READ_EVERY_S: Final = 1.0
_FIELDS: Final = frozenset(field.name for field in attrs.fields(Account))


class DynamoDBAccounts:
    """
    Accounts in a table: shared by all who use it.

    Raises:
        StoreError: DynamoDB gives no answer.
    """

    def __init__(self, table: Table) -> None:
        """Take the table; nothing is asked before use."""
        self._table = table
        # What the table said, when the account was learnt, and when it
        # was read, by the clock that never steps.
        self._read: dict[str, tuple[Account | None, float, float]] = {}

    def get(self, scope: str) -> tuple[Account, float] | None:
        """
        Return the account and its age in seconds, None if unknown.

        The age is by the clock of this host. Where that says that it was
        learnt in times to come, it is new. What other processes put is
        seen a second later at most.
        """
        now = self._table.clock.monotonic()
        read = self._read.get(scope)
        if read is None or now - read[2] >= READ_EVERY_S:
            read = self._read[scope] = (*self._item(scope), now)
        account, learnt_at, _ = read
        if account is None:
            return None
        return account, max(0.0, self._table.now() - learnt_at)

    def put(self, scope: str, account: Account) -> None:
        """Note what SES says now."""
        pk, sk = _key(scope)
        item = {
            "pk": pk,
            "sk": sk,
            "v": FORMAT,
            "told": _text(account),
            "learnt_at": self._table.now(),
        }
        self._table.put(PART, item, again=True)
        self._read.pop(scope, None)

    def _item(self, scope: str) -> tuple[Account | None, float]:
        item = self._table.get(PART, _key(scope))
        if item is None:
            return None, 0.0
        if item.get("v", FORMAT) > FORMAT:
            # As good as none: SES is asked, and says it again.
            return None, 0.0
        return _account(item), float(item["learnt_at"])


def _key(scope: str) -> Key:
    return f"{PART}#{key_of(scope)}", "now"


def _text(account: Account) -> str:
    facts = attrs.asdict(account)
    facts["suppressed_reasons"] = sorted(account.suppressed_reasons)
    facts["as_of"] = account.as_of.isoformat()
    return json.dumps(facts)


def _account(item: dict[str, Any]) -> Account:
    try:
        facts: dict[str, Any] = json.loads(item["told"])
        # A newer version may know more.
        known = {k: v for k, v in facts.items() if k in _FIELDS}
        known["as_of"] = dt.datetime.fromisoformat(known["as_of"])
        reasons = known.get("suppressed_reasons", ())
        known["suppressed_reasons"] = frozenset(reasons)
        return Account(**known)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise StoreError(
            PART, "dynamodb", "its item is not one of safeses; delete it"
        ) from error
