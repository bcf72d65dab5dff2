"""Any history of a budget, judged by an exact log of its grants."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from safeses._outcome import Booked, Claim, Later
from safeses.errors import QuotaExceededError
from safeses.testing._contracts._sender import (
    DAILY_PAUSE_S,
    DAY_S,
    HORIZON_S,
    MINUTE_S,
    NOISE,
    Sender,
)

if TYPE_CHECKING:
    from safeses._values import Priority
    from safeses.testing._clock import FakeClock
    from safeses.typing import Budget


@attrs.define
class _Grant:
    """A line of the exact log."""

    asked_at: float
    begins_at: float
    cost: int
    quota_cost: int
    minute: int
    per_second: float


class Historian(RuleBasedStateMachine):
    """
    Makes histories, and judges them by a list of every grant.

    What comes next never depends on what a budget has answered, which may
    be a matter of the last digit: a rule that has nothing to do does nothing.
    """

    def __init__(self, budget: Budget, clock: FakeClock) -> None:
        super().__init__()
        # Each history begins at the same point of a minute.
        clock.sleep(MINUTE_S - clock.monotonic() % MINUTE_S)
        self.sender = Sender(budget, clock)
        self.budget, self.clock = budget, clock
        self.grants: list[_Grant] = []
        self.learnt: list[tuple[float, float]] = []
        self.paused_until = self.blocked_until = clock.monotonic()
        self.lowered_at, self.asked_in_s = float("-inf"), 0.0
        self.per_second, self.per_day = 14.0, -1.0
        self.sender.learn(14)

    @rule(
        cost=st.sampled_from([1, 1, 1, 2, 10, 50]),
        to_simulator=st.sampled_from([False, False, False, True]),
        priority=st.sampled_from(["transactional", "bulk"]),
        max_wait_s=st.sampled_from([60.0, 60.0, 0.2, 0.0]),
        times=st.sampled_from([1, 1, 3, 20]),
    )
    def ask(
        self,
        cost: int,
        priority: Priority,
        max_wait_s: float,
        times: int,
        *,
        to_simulator: bool,
    ) -> None:
        quota_cost = 0 if to_simulator else cost
        for _ in range(times):
            now = self.clock.monotonic()
            try:
                answer = self.sender.ask(
                    cost,
                    quota_cost=quota_cost,
                    priority=priority,
                    max_wait_s=max_wait_s,
                )
            except QuotaExceededError as error:
                self._judge_refusal(error, now, quota_cost, priority)
                self.asked_in_s = error.retry_after_s + 0.001
                continue
            if isinstance(answer, Later):
                self._judge_later(answer, now, priority, max_wait_s)
                self.asked_in_s = answer.ask_in_s
                continue
            grant = _Grant(
                now,
                now + answer.wait_s,
                cost,
                quota_cost,
                answer.minute,
                self.budget.per_second(self.sender.scope),
            )
            self._judge_grant(grant, answer, priority, max_wait_s)
            self.grants.append(grant)

    @rule(seconds=st.sampled_from([0.001, 0.07, 0.5, 1, 30, 61, 3600, 40_000]))
    def wait(self, seconds: float) -> None:
        self.clock.sleep(seconds)

    @rule()
    def wait_as_told(self) -> None:
        self.clock.sleep(self.asked_in_s)
        self.asked_in_s = 0.0

    @rule(number=st.integers(0, 1000))
    def give_back(self, number: int) -> None:
        if not self.grants:
            return
        grant = self.grants[-1 - number % len(self.grants)]
        self.budget.give_back(
            Claim(
                tag=uuid.uuid4().hex,
                scope=self.sender.scope,
                cost=grant.cost,
                quota_cost=grant.quota_cost,
                minute=grant.minute,
            )
        )
        grant.quota_cost = 0

    @rule(
        per_second=st.sampled_from([0.2, 1, 1.5, 14, 50, 500]),
        per_day=st.sampled_from([-1, -1, 1, 20, 60, 200]),
    )
    def learn(self, per_second: float, per_day: float) -> None:
        self.per_second, self.per_day = per_second, per_day
        self.learnt.append((self.clock.monotonic(), per_second))
        self.sender.learn(per_second, per_day)

    @rule()
    def refuse_by_rate(self) -> None:
        now = self.clock.monotonic()
        before = self.budget.per_second(self.sender.scope)
        self.budget.throttled(self.sender.scope, "rate")
        after = self.budget.per_second(self.sender.scope)
        lowest = 0.1 * self.per_second - NOISE
        assert lowest <= after <= before <= self.per_second + NOISE
        if now - self.lowered_at < 1:
            assert before == after
        else:
            assert after <= max(before / 2, lowest) + 2 * NOISE
            pause_s = max(0.5, 1 / before)
            self.paused_until = max(self.paused_until, now + pause_s)
            self.lowered_at = now

    @rule()
    def refuse_by_day(self) -> None:
        self.budget.throttled(self.sender.scope, "daily")
        self.blocked_until = self.clock.monotonic() + DAILY_PAUSE_S

    def _used(self, since: float) -> int:
        return sum(g.quota_cost for g in self.grants if g.asked_at > since)

    def _room(self, since: float, priority: Priority) -> float:
        if self.per_day < 0:
            return float("inf")
        share = 0.9 if priority == "bulk" else 1.0
        return self.per_day * share - self._used(since)

    def _judge_refusal(
        self,
        error: QuotaExceededError,
        now: float,
        cost: int,
        priority: Priority,
    ) -> None:
        """Not without need, and not for too short or too long."""
        assert cost > 0
        resume_at = now + error.retry_after_s
        wall_s = error.resume_at.timestamp() - self.clock.time()
        assert abs(wall_s - error.retry_after_s) < 0.01
        is_blocked = now < self.blocked_until
        # The oldest minute may count in full.
        room = self._room(now - DAY_S - MINUTE_S, priority)
        assert is_blocked or room < cost
        assert resume_at > self.blocked_until - NOISE
        kept = error.kept_for_transactional
        assert not (kept and (is_blocked or priority != "bulk"))
        if kept:
            assert self._room(now - DAY_S, "transactional") >= cost
        if cost <= self._room(now, priority):  # what an empty log would have
            room = self._room(resume_at - DAY_S, priority)
            assert room >= cost
            a_minute_ago = resume_at - DAY_S - MINUTE_S - 0.01
            assert (
                resume_at < self.blocked_until + 0.01
                or self._room(a_minute_ago, priority) < cost
            )

    def _judge_later(
        self,
        later: Later,
        now: float,
        priority: Priority,
        max_wait_s: float,
    ) -> None:
        """Not without need, and not for longer than what was granted."""
        assert 0 < later.ask_in_s <= later.ready_in_s + 0.01
        assert later.ready_in_s > min(self._horizon_s(priority), max_wait_s)
        owed_until = self.paused_until
        if self.grants:
            last = self.grants[-1]
            slowest = min(last.per_second, later.limit_per_s)
            debt_s = last.cost / slowest
            owed_until = max(owed_until, last.begins_at + debt_s)
        assert now + later.ready_in_s <= owed_until + NOISE

    def _judge_grant(
        self,
        grant: _Grant,
        booked: Booked,
        priority: Priority,
        max_wait_s: float,
    ) -> None:
        """Neither too early, nor too far ahead, nor over the quota."""
        now = grant.asked_at
        assert booked.wait_s <= self._horizon_s(priority)
        assert booked.wait_s <= max_wait_s
        window = [
            g for g in self.grants if g.begins_at > grant.begins_at - 1 + NOISE
        ]
        asked = (*window, grant)
        rates = [g.per_second for g in asked]
        rates += [r for at, r in self.learnt if at >= asked[0].asked_at]
        recipients = sum(g.cost for g in window)
        assert recipients <= max(rates) + NOISE
        if grant.quota_cost:
            assert now >= self.blocked_until
            room = self._room(now - DAY_S, priority)
            assert grant.quota_cost <= room + NOISE

    def _horizon_s(self, priority: Priority) -> float:
        if priority == "transactional":
            return HORIZON_S
        rate = self.budget.per_second(self.sender.scope)
        return min(HORIZON_S, max(0.05, 2 / rate))
