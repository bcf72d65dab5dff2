"""
A local budget while the shared one cannot be asked.

Each process then keeps to its share: the rate and the quota, divided by
how many processes there are. It covers the budget alone. Who must not be
mailed, and what was sent, cannot be guessed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import attrs

from safeses._accounts import MemoryAccounts
from safeses._budget import MemoryBudget
from safeses._budget._rate import HORIZON_S
from safeses._log import log
from safeses._outcome import Admission, Later
from safeses._process_lock import ProcessLock
from safeses._values import Limits
from safeses.errors import QuotaExceededError, StoreError

if TYPE_CHECKING:
    from safeses._accounts import Accounts
    from safeses._outcome import Booked, Claim
    from safeses._values import Account
    from safeses.typing import Budget, Clock

# An outage that begins so soon after another was told is the same one.
TELL_EVERY_S: Final = 60.0
# What cannot be charged yet is tried again so much later.
CHARGE_AGAIN_S: Final = 10.0


class _LocalMinute(int):
    """A minute of the local quota: says which budget to give back to."""


class _Debt(NamedTuple):
    """Recipients that the shared quota does not know of yet."""

    recipients: int
    next_try_at: float = float("-inf")


@attrs.define
class _LocalBudget(MemoryBudget):
    """The budget of this process, which also counts what others booked."""

    def count(self, scope: str, recipients: int) -> None:
        """Charge what the shared budget has let this process send."""
        with self._lock:
            quota = self._scope(scope).quota
            quota.charge(self.clock.monotonic(), recipients)

    def hold(self) -> None:
        """Begin behind the slots that were booked elsewhere until now."""
        with self._lock:
            free_at = self.clock.monotonic() + HORIZON_S
            for scope in self._scopes.values():
                scope.rate.tat = max(scope.rate.tat, free_at)


@attrs.define(eq=False)
class DegradingBudget:
    """
    A shared budget, and a local one for when that gives no answer.

    It implements `safeses.typing.Budget` and never raises `StoreError`.

    Attributes:
        shared: The budget of all processes.
        clock: Where the time comes from.
        processes: How many processes share it evenly.
        rate_factor: The share of the account's rate to use.
    """

    shared: Budget
    clock: Clock = attrs.field(kw_only=True, repr=False)
    processes: int = attrs.field(kw_only=True)
    rate_factor: float = attrs.field(default=1.0, kw_only=True)
    _local: _LocalBudget = attrs.field(init=False, repr=False)
    _is_out: bool = attrs.field(default=False, init=False)
    _told_at: float = attrs.field(default=float("-inf"), init=False)
    # What the shared budget has to be told when it is back.
    _debts: dict[str, _Debt] = attrs.field(factory=dict, init=False)
    _learnt: dict[str, Account | Limits] = attrs.field(
        factory=dict, init=False
    )
    # What the caller said once: an engine that lost all is told again.
    _limits: dict[str, Limits] = attrs.field(factory=dict, init=False)
    _lock: ProcessLock = attrs.field(
        factory=ProcessLock, init=False, repr=False
    )

    @_local.default
    def _own(self) -> _LocalBudget:
        return _LocalBudget(
            self.clock, rate_factor=self.rate_factor, processes=self.processes
        )

    def reserve(self, admission: Admission) -> Booked | Later:
        """
        Book a slot and charge the quota, both or neither.

        Raises:
            QuotaExceededError: The quota leaves no room.
        """
        try:
            if self._is_out or self._debts or self._learnt:
                self._catch_up(admission)
            booked = self.shared.reserve(admission)
        except StoreError as error:
            self._begin_outage(error)
            return self._reserve_here(admission)
        self._end_outage()
        if not isinstance(booked, Later):
            self._local.count(admission.scope, admission.quota_cost)
        return booked

    def give_back(self, claim: Claim) -> None:
        """
        Return the quota of a message that was certainly not sent.

        Where that cannot be told it stays charged.
        """
        if isinstance(claim.minute, _LocalMinute):
            self._local.give_back(claim)
            self._owe(claim.scope, -claim.quota_cost)
            return
        try:
            self.shared.give_back(claim)
        except StoreError as error:
            self._begin_outage(error)

    def throttled(self, scope: str, by: Literal["rate", "daily"]) -> None:
        """Take note that SES refused: hold everybody back for a while."""
        try:
            self.shared.throttled(scope, by)
        except StoreError as error:
            self._begin_outage(error)
            self._local.throttled(scope, by)

    def learn(self, scope: str, known: Account | Limits) -> None:
        """Take over what SES, or the caller, says the scope may send."""
        self._local.learn(scope, known)
        if isinstance(known, Limits):
            self._limits[scope] = known
        try:
            self.shared.learn(scope, known)
        except StoreError as error:
            self._begin_outage(error)
            self._learnt[scope] = known

    def per_second(self, scope: str) -> float:
        """Return the rate in force now, in recipients per second."""
        try:
            return self.shared.per_second(scope)
        except StoreError as error:
            self._begin_outage(error)
            return self._local.per_second(scope)

    def after_fork(self) -> None:
        """Make both usable in a child, which owes nothing yet."""
        self._lock.after_fork()
        self._debts.clear()
        self._local.after_fork()
        self.shared.after_fork()

    def _reserve_here(self, admission: Admission) -> Booked | Later:
        booked = self._local.reserve(admission)
        if isinstance(booked, Later):
            return booked
        self._owe(admission.scope, admission.quota_cost)
        return attrs.evolve(booked, minute=_LocalMinute(booked.minute))

    def _begin_outage(self, error: StoreError) -> None:
        with self._lock.mine:
            if self._is_out:
                return
            self._is_out = True
            self._learnt.update(self._limits)
            self._local.hold()
            now = self.clock.monotonic()
            is_news = now - self._told_at >= TELL_EVERY_S
            if is_news:
                self._told_at = now
        if is_news:  # with no lock held: a handler may send
            log.warning(
                "the budget in %s cannot answer (%s): until it does, this"
                " process sends at 1/%d of the rate and of the quota",
                error.engine,
                error.problem,
                self.processes,
            )

    def _end_outage(self) -> None:
        if not self._is_out:
            return
        with self._lock.mine:
            was_out, self._is_out = self._is_out, False
        if was_out:
            log.info("the shared budget answers again")

    def _catch_up(self, admission: Admission) -> None:
        """
        Tell the shared budget what it has missed.

        Raises:
            StoreError: It still cannot be asked.
        """
        for scope, known in [*self._learnt.items()]:
            self.shared.learn(scope, known)
            self._learnt.pop(scope, None)
        scope, now = admission.scope, self.clock.monotonic()
        with self._lock.mine:
            debt = self._debts.get(scope)
            if debt is None or now < debt.next_try_at:
                return
            # Others who ask meanwhile leave it to this thread.
            del self._debts[scope]
        piece = left = debt.recipients
        try:
            while piece and left:
                piece = min(piece, left)
                try:
                    booked = self.shared.reserve(_charge(scope, piece))
                except QuotaExceededError:
                    piece //= 2
                    continue
                if isinstance(booked, Later):
                    break
                left -= piece
        finally:
            self._owe(scope, left, now + CHARGE_AGAIN_S)

    def _owe(
        self, scope: str, recipients: int, next_try_at: float = float("-inf")
    ) -> None:
        with self._lock.mine:
            before = self._debts.pop(scope, _Debt(0))
            owed = before.recipients + recipients
            if owed > 0:
                self._debts[scope] = _Debt(owed, next_try_at)


def _charge(scope: str, recipients: int) -> Admission:
    """Return what charges the quota; its one slot paces the return."""
    return Admission(
        tag="",
        scope=scope,
        recipients=(),
        cost=1,
        quota_cost=recipients,
        max_wait_s=HORIZON_S,
    )


@attrs.define(eq=False)
class DegradingAccounts:
    """
    What SES said of the accounts, also while a store cannot be asked.

    Each process then knows what it has heard itself.

    Attributes:
        shared: Those of all processes.
        clock: Tells how old they are.
    """

    shared: Accounts
    clock: Clock = attrs.field(kw_only=True, repr=False)
    _local: MemoryAccounts = attrs.field(init=False, repr=False)

    @_local.default
    def _own(self) -> MemoryAccounts:
        return MemoryAccounts(self.clock)

    def get(self, scope: str) -> tuple[Account, float] | None:
        """Return the account and its age in seconds, None if unknown."""
        try:
            return self.shared.get(scope)
        except StoreError:
            return self._local.get(scope)

    def put(self, scope: str, account: Account) -> None:
        """Note what SES says now."""
        self._local.put(scope, account)
        try:
            self.shared.put(scope, account)
        except StoreError:
            return
