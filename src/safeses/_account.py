"""
What SES says the account may send, asked seldom and never for long.

The first send asks, because it has to know; later answers are fetched
after a send, when nobody waits for a permit. Where nobody may ask, the
budget starts from a modest rate and learns from refusals: a guess must
never refuse a mail that SES would take.
"""

from __future__ import annotations

import datetime as dt
import random
import threading
import warnings
from typing import TYPE_CHECKING, Final

import attrs
from cachetools import TLRUCache

from safeses._log import log
from safeses._values import Account
from safeses.errors import (
    AccessDeniedError,
    ConfigurationWarning,
    UnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from safeses._values import Limits
    from safeses.typing import Clock, State

ASK_TIMEOUT_S: Final = 1.0
# GetAccount is limited to one call a second for all processes (Guide,
# "Service quotas"); the jitter keeps them apart.
FRESH_S: Final = (300.0, 600.0)
PAUSED_FRESH_S: Final = 60.0
FAILED_FRESH_S: Final = 60.0
DENIED_FRESH_S: Final = 3600.0


@attrs.define
class AccountWatch:
    """
    Keeps what the state knows of one account fresh.

    Attributes:
        ask: Calls ``GetAccount`` within the seconds given.
        state: Who is told.
        scope: Which account and region.
        clock: Where the time comes from.
        limits: What the caller says instead; then SES is not asked.
    """

    ask: Callable[[float], Mapping[str, Any]]
    state: State
    scope: str
    clock: Clock
    limits: Limits | None = None
    _fresh: TLRUCache[str, float] = attrs.field(init=False)
    _asking: threading.Lock = attrs.field(factory=threading.Lock, init=False)
    _seen: Account | None = attrs.field(default=None, init=False)
    _warned: bool = attrs.field(default=False, init=False)
    _taught: bool = attrs.field(default=False, init=False)
    _doubted: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._fresh = TLRUCache(
            maxsize=1,
            ttu=lambda _key, ttl_s, now: now + ttl_s,
            timer=self.clock.monotonic,
        )

    def forget(self) -> None:
        """Ask at the next occasion: SES has just said something new."""
        self._doubted = True  # the cache is written under the lock only

    def is_stale(self) -> bool:
        """Whether it is time to ask SES."""
        if self.limits is not None:
            return not self._taught
        return self._doubted or self.scope not in self._fresh

    def before_send(self) -> None:
        """Learn what has to be known before a first send."""
        if self.limits is not None:
            self._teach()
            return
        known = self.state.account(self.scope)
        if known is None or not known.may_send:
            self._refresh(wait=known is None)

    def after_send(self) -> None:
        """Ask again if it is time; the send is over, nobody waits."""
        if self.limits is not None or not self.is_stale():
            return
        try:
            self._refresh(wait=False)
        except Exception as error:  # noqa: BLE001  # a warning made an error
            log.info("GetAccount failed: %s", type(error).__name__)

    def snapshot(self) -> Account:
        """
        Return the account, asked for if not fresh.

        Raises:
            AccessDeniedError: IAM does not allow ``ses:GetAccount``.
            NotSentError: SES could not be asked.
        """
        with self._asking:
            known = self.state.account(self.scope) or self._seen
            is_fresh = self.scope in self._fresh and not self._doubted
            if known is None or not is_fresh:
                self._doubted = False
                known = self._ask()
            return known

    def after_fork(self) -> None:
        """Take a new lock: the parent's may be held."""
        self._asking = threading.Lock()

    def _teach(self) -> None:
        if not self._taught and self.limits is not None:
            self.state.learn(self.scope, self.limits)
            self._taught = True

    def _refresh(self, *, wait: bool) -> None:
        # Single flight: who finds the lock taken goes on with what is
        # known, or waits for the one who asks.
        if not self._asking.acquire(timeout=ASK_TIMEOUT_S if wait else 0):
            return
        try:
            if self.is_stale():
                self._doubted = False
                self._ask()
        except AccessDeniedError as error:
            self._fresh[self.scope] = DENIED_FRESH_S
            self._warn(str(error))
        except ConfigurationWarning:  # made an error by a filter
            raise
        except Exception as error:  # noqa: BLE001  # never in a send's way
            self._fresh[self.scope] = FAILED_FRESH_S
            log.info("GetAccount failed: %s", type(error).__name__)
        finally:
            self._asking.release()

    def _ask(self) -> Account:
        now = dt.datetime.fromtimestamp(self.clock.time(), dt.timezone.utc)
        account = Account.from_response(
            dict(self.ask(ASK_TIMEOUT_S)), as_of=now
        )
        if account is None:
            reason = "GetAccount answered without figures"
            raise UnreachableError(reason)
        self._seen = account
        if self.limits is None:  # else asked by hand; the limits still hold
            self.state.learn(self.scope, account)
        self._fresh[self.scope] = (
            random.uniform(*FRESH_S)  # noqa: S311  # jitter, not a secret
            if account.may_send
            else PAUSED_FRESH_S
        )
        return account

    def _warn(self, denied: str) -> None:
        if not self._warned:
            self._warned = True
            warnings.warn(
                f"{denied}; or pass Client(limits=Limits(...)). Until then"
                " safeses starts at 14 recipients/s and learns from"
                " refusals.",
                ConfigurationWarning,
                stacklevel=2,
            )
