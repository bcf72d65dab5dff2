"""
A state made of parts, and the one whose parts are all in memory.

`ComposedState` is the default way to make a state. An engine that can do
an act in one script, or in one transaction, says so in a subclass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from safeses._accounts import MemoryAccounts
from safeses._budget import MemoryBudget
from safeses._clock import SystemClock
from safeses._counters import MemoryCounters
from safeses._job import Claimed, Job
from safeses._outcome import (
    Admission,
    Admitted,
    Booked,
    Claim,
    Deferred,
    Later,
    Outcome,
    Rejected,
)
from safeses._request import quota_cost
from safeses._seen import MemorySeenEvents
from safeses._soft_bounces import KEEP_S as FACTS_KEEP_S
from safeses._soft_bounces import MemorySoftBounces
from safeses._state_notes import Note
from safeses._values import Account, Limits
from safeses.errors import (
    NotSentError,
    SendingPausedError,
    StoreError,
    SuppressedError,
)
from safeses.ledger import MemoryLedger
from safeses.suppression import MemorySuppressionStore
from safeses.suppression._screening import stopped_by

if TYPE_CHECKING:
    from collections.abc import Container

    from safeses._accounts import Accounts
    from safeses._findings import Dropped
    from safeses._job import Found
    from safeses.typing import (
        Budget,
        Clock,
        Counters,
        Ledger,
        SeenEvents,
        SoftBounces,
        SuppressionStore,
        Survives,
    )

# A pause that SES has not confirmed for so long may be over: SES decides.
PAUSE_BELIEVED_S: Final = 600.0
# From the beginning of its slot a send has so long to submit, before
# another call may take over its job.
RESERVED_LEASE_S: Final = 10.0
# An attempt that is held to its time limit has ended so long after it.
LEASE_MARGIN_S: Final = 5.0


@attrs.define
class ComposedState:
    """
    A state made of parts.

    Attributes:
        budget: Rate and quota.
        suppressions: Who must not be mailed.
        ledger: What became of every message.
        accounts: What SES said of the accounts.
        seen: Which events were handled, and by what.
        counters: How many of what happened when.
        soft_bounces: Who bounced lately, and not for good.
        engine: What holds the facts.
        survives: What they outlive.
        clock: Where the parts in memory get the time from.
    """

    budget: Budget
    engine: str = "memory"
    survives: Survives = "nothing"
    clock: Clock = attrs.field(factory=SystemClock, kw_only=True)
    suppressions: SuppressionStore = attrs.field(kw_only=True)
    ledger: Ledger = attrs.field(kw_only=True)
    accounts: Accounts = attrs.field(kw_only=True)
    seen: SeenEvents = attrs.field(kw_only=True)
    counters: Counters = attrs.field(kw_only=True)
    soft_bounces: SoftBounces = attrs.field(kw_only=True)

    @suppressions.default
    def _no_suppressions(self) -> SuppressionStore:
        return MemorySuppressionStore(clock=self.clock)

    @ledger.default
    def _no_ledger(self) -> Ledger:
        return MemoryLedger(clock=self.clock)

    @accounts.default
    def _no_accounts(self) -> Accounts:
        return MemoryAccounts(self.clock)

    @seen.default
    def _no_seen_events(self) -> SeenEvents:
        return MemorySeenEvents(clock=self.clock)

    @counters.default
    def _no_counters(self) -> Counters:
        return MemoryCounters(clock=self.clock)

    @soft_bounces.default
    def _no_soft_bounces(self) -> SoftBounces:
        return MemorySoftBounces(clock=self.clock)

    def look_up(self, name: str) -> Found | None:
        """Return what is known of a job, None if nothing."""
        return self.ledger.look_up(name)

    def admit(self, admission: Admission) -> Admitted | Later | Found:
        """
        Screen the recipients, book a slot, claim the job.

        What became of the job goes before whatever would keep it now.
        """
        try:
            answer = self._admit(admission)
        except NotSentError as error:
            if (
                isinstance(error, StoreError)
                and error.engine == self.ledger.engine
            ):
                raise  # it would keep the caller waiting once more
            found = self._known(admission.job)
            if found is None:
                raise
            return found
        if isinstance(answer, Later):
            return self._known(admission.job) or answer
        return answer

    def submit(self, claim: Claim, timeout_s: float) -> None:
        """Note, acknowledged, that the first byte is about to leave."""
        self.ledger.submit(claim, timeout_s + LEASE_MARGIN_S)

    def settle(self, claim: Claim, outcome: Outcome) -> None:
        """Record it; give back what was not sent; note a throttle."""
        try:
            self.ledger.settle(claim, outcome)
        finally:
            if isinstance(outcome, (Deferred, Rejected)):
                self.budget.give_back(claim)
            if isinstance(outcome, Deferred) and outcome.by in {
                "rate",
                "daily",
            }:
                self.budget.throttled(claim.scope, outcome.by)

    def account(self, scope: str) -> Account | None:
        """Return what was last learnt from SES about *scope*."""
        known = self.accounts.get(scope)
        return None if known is None else known[0]

    def learn(self, scope: str, known: Account | Limits) -> None:
        """Take over what SES, or the caller, says about *scope*."""
        if isinstance(known, Account):
            self.accounts.put(scope, known)
        self.budget.learn(scope, known)

    def per_second(self, scope: str) -> float:
        """Return the rate in force now, in recipients per second."""
        return self.budget.per_second(scope)

    def after_fork(self) -> None:
        """Drop the parent's locks; keep the facts."""
        self.budget.after_fork()
        self.suppressions.after_fork()
        self.ledger.after_fork()
        self.seen.after_fork()
        self.counters.after_fork()
        self.soft_bounces.after_fork()

    def close(self) -> None:
        """Nothing to let go of; who gave a store closes it."""

    def init(self) -> None:
        """Make what the state needs; it may be there already."""

    def check(self) -> list[Note]:
        """Look whether the state can be relied on; change nothing."""
        self.look_up("0" * 64)
        if self.survives != "nothing":
            return []
        return [
            Note(
                level="warning",
                text="it is the memory of one process, and ends with it",
                remedy="name one that lasts",
            )
        ]

    def stats(self) -> dict[str, int]:
        """Return how much there is of what."""
        return {
            "suppressions": self.suppressions.count(),
            "unknown": count_unknown(self.ledger),
        }

    def purge(self) -> dict[str, int]:
        """
        Forget what has expired, and return how much of what that was.

        What was perhaps sent stays.
        """
        before = self.clock.time() - FACTS_KEEP_S
        self.counters.forget(before)
        self.soft_bounces.forget(before)
        return {
            "suppressions": self.suppressions.purge(),
            "ledger": self.ledger.purge(),
            "seen": self.seen.purge(),
        }

    def charged(self) -> dict[str, int]:
        """
        Return the recipients that each scope's quota holds.

        Nothing where that is not known: SES tells it again.
        """
        return {}

    def _admit(self, admission: Admission) -> Admitted | Later | Found:
        self._refuse_if_paused(admission.scope)
        dropped = self._screen(admission)
        if dropped and admission.on_suppressed == "drop":
            admission = _without(admission, dropped)
        booked = self.budget.reserve(admission)
        if isinstance(booked, Later):
            return booked
        claim = self._claim(admission, booked)
        if not isinstance(claim, Claim):
            return claim
        return Admitted(
            claim=claim,
            wait_s=booked.wait_s,
            limit_per_s=booked.limit_per_s,
            dropped=dropped,
        )

    def _screen(self, admission: Admission) -> tuple[Dropped, ...]:
        """Return who is suppressed; refuse where nobody may be mailed."""
        recipients = admission.recipients
        if not recipients:  # no mail, but a call that sends nothing
            return ()
        stopped = stopped_by(
            self.suppressions,
            recipients,
            stream=admission.stream,
            configuration_set=admission.configuration_set,
            tenant=admission.tenant,
        )
        if not stopped:
            return ()
        dropped = tuple(
            stopped[address].dropped(address)
            for address in recipients
            if address in stopped
        )
        if admission.on_suppressed == "refuse" or (
            admission.on_suppressed == "drop"
            and not _may_go(admission, stopped)
        ):
            raise SuppressedError(dropped, len(recipients))
        return dropped

    def _refuse_if_paused(self, scope: str) -> None:
        known = self.accounts.get(scope)
        if known is None:
            return
        account, age_s = known
        if not account.may_send and age_s < PAUSE_BELIEVED_S:
            raise SendingPausedError(_why_not(account))

    def _known(self, job: Job | None) -> Found | None:
        """Return what keeps a job from being claimed, as far as known."""
        found = None if job is None else self.ledger.look_up(job.id)
        if found is None or job is None or found.record.state == "deferred":
            return None
        if found.record.state == "unknown" and job.on_unknown != "hold":
            return None  # the ledger decides
        return found

    def _claim(self, admission: Admission, booked: Booked) -> Claim | Found:
        """Claim the job, if there is one; else nothing stays booked."""
        claim = Claim(
            tag=admission.tag,
            scope=admission.scope,
            cost=admission.cost,
            quota_cost=admission.quota_cost,
            minute=booked.minute,
            owner=admission.owner,
            attempt=admission.attempt,
            job=admission.job,
        )
        if admission.job is None:
            return claim
        try:
            claimed = self.ledger.claim(
                admission.job,
                admission.owner,
                booked.wait_s + RESERVED_LEASE_S,
            )
        except BaseException:
            self.budget.give_back(claim)
            raise
        if not isinstance(claimed, Claimed):
            self.budget.give_back(claim)
            return claimed
        claim.attempt = claimed.attempt
        claim.is_unsure = claimed.is_unsure
        return claim


def memory_state(
    clock: Clock, *, processes: int = 1, rate_factor: float = 1.0
) -> ComposedState:
    """Return a fresh state that lives and dies with this process."""
    return ComposedState(
        MemoryBudget(clock, rate_factor=rate_factor, processes=processes),
        clock=clock,
    )


def count_unknown(ledger: Ledger) -> int:
    """Return how many messages were perhaps sent."""
    after, number = "", 0
    while True:
        page = ledger.unsettled(after)
        number += len(page.records)
        if not page.next:
            return number
        after = page.next


def _may_go(admission: Admission, stopped: Container[str]) -> bool:
    """Whether somebody is left, and in To, if that matters."""
    needed = admission.one_of or admission.recipients
    return any(address not in stopped for address in needed)


def _without(admission: Admission, dropped: tuple[Dropped, ...]) -> Admission:
    out = {gone.address for gone in dropped}
    kept = tuple(a for a in admission.recipients if a not in out)
    return attrs.evolve(
        admission,
        recipients=kept,
        cost=len(kept),
        quota_cost=quota_cost(kept),
    )


def _why_not(account: Account) -> str:
    if account.enforcement_status == "SHUTDOWN":
        return "EnforcementStatus is SHUTDOWN"
    if not account.sending_enabled:
        return "SendingEnabled is false"
    return "MaxSendRate is 0"
