"""What a budget keeps of the 24 h quota."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from safeses._outcome import Booked
from safeses._values import Account
from safeses.errors import QuotaExceededError
from safeses.testing._contracts._sender import (
    DAILY_PAUSE_S,
    DAY_S,
    MINUTE_S,
    NOISE,
)

if TYPE_CHECKING:
    from safeses.testing._clock import FakeClock
    from safeses.testing._contracts._sender import Sender


class QuotaContract:
    """Recipients in any 24 h, with give-backs and refusals by SES."""

    def test_quota(self, sender: Sender) -> None:
        """The quota is used to the last recipient and not exceeded."""
        sender.learn(1000, 60)
        sender.wait_for(50)

        answers = [type(sender.refusal(cost)) for cost in (11, 10, 1)]

        assert [QuotaExceededError, type(None), QuotaExceededError] == answers

    def test_bulk_keeps_a_tenth(self, sender: Sender) -> None:
        """Bulk leaves a tenth of the quota, and the refusal says so."""
        sender.learn(1000, 20)
        sender.wait_for(18, priority="bulk")
        kept = sender.refusal(priority="bulk")
        sender.wait_for(2)
        used = sender.refusal(priority="bulk")

        assert kept is not None
        assert used is not None
        assert (True, False, 20) == (
            kept.kept_for_transactional,
            used.kept_for_transactional,
            used.limit_per_day,
        )

    def test_quota_rolls(self, sender: Sender) -> None:
        """24 h after a send, a minute later at most, its room is free."""
        sender.learn(1000, 10)
        sender.clock.sleep(17.5)
        sender.wait_for(10)
        error = sender.refusal()
        assert error is not None
        sender.clock.sleep(DAY_S - NOISE)
        early = sender.refusal()
        sender.clock.sleep(error.retry_after_s - DAY_S + 0.001)
        late = sender.refusal()

        assert (True, QuotaExceededError, None) == (
            DAY_S - NOISE <= error.retry_after_s <= DAY_S + MINUTE_S,
            type(early),
            late,
        )

    def test_resume_at_counts_what_is_needed(self, sender: Sender) -> None:
        """A larger message has to wait for more of the past to expire."""
        sender.learn(1000, 30)
        for _ in range(3):
            sender.wait_for(10)
            sender.clock.sleep(3600)

        errors = [sender.refusal(cost) for cost in (1, 10, 11, 30)]
        hours = [error and error.retry_after_s // 3600 for error in errors]

        assert [21, 21, 22, 23] == hours

    @pytest.mark.parametrize("per_day", [None, -1])
    def test_unlimited(self, sender: Sender, per_day: float | None) -> None:
        """None and -1 mean that there is no quota."""
        sender.learn(1_000_000, per_day)

        refusals = {sender.refusal(50) for _ in range(100)}

        assert {None} == refusals

    def test_simulator(self, sender: Sender) -> None:
        """What costs no quota passes a full one, and still costs rate."""
        sender.learn(1, 1)
        sender.wait_for()

        waits = [sender.wait_for(quota_cost=0) for _ in range(2)]

        assert pytest.approx([1, 1]) == waits

    def test_give_back(self, sender: Sender) -> None:
        """What was certainly not sent is free for others at once."""
        sender.learn(1000, 10)
        claim = sender.charge(10)
        before = sender.refusal()
        sender.budget.give_back(claim)
        sender.wait_for(10)
        after = sender.refusal()

        assert 2 * [QuotaExceededError] == [type(before), type(after)]

    def test_give_back_to_its_own_minute(self, sender: Sender) -> None:
        """What is given back does not make older sends count longer."""
        sender.learn(1000, 20)
        early = sender.charge(10)
        sender.clock.sleep(3600)
        sender.wait_for(10)
        sender.budget.give_back(early)
        sender.wait_for(10)
        sender.clock.sleep(DAY_S - 3600 + 2 * MINUTE_S)

        refusal = sender.refusal()

        assert isinstance(refusal, QuotaExceededError)

    def test_give_back_too_late(self, sender: Sender) -> None:
        """What no longer counts cannot be given back."""
        sender.learn(1000, 10)
        claim = sender.charge(10)
        sender.clock.sleep(DAY_S + 2 * MINUTE_S)
        sender.wait_for(10)
        sender.budget.give_back(claim)

        refusal = sender.refusal()

        assert isinstance(refusal, QuotaExceededError)

    def test_sent_elsewhere(self, sender: Sender) -> None:
        """What SES counts beyond ours was sent by others, and counts."""
        sender.learn(1000, 100)
        sender.wait_for(50)
        sender.budget.learn(sender.scope, self._account(sender.clock, 95))

        answers = [type(sender.refusal(cost)) for cost in (6, 5, 1)]

        assert [QuotaExceededError, type(None), QuotaExceededError] == answers

    def test_a_count_that_lags(self, sender: Sender) -> None:
        """SES's count lags, so it never lowers ours."""
        sender.learn(1000, 100)
        sender.wait_for(50)
        sender.wait_for(50)
        sender.budget.learn(sender.scope, self._account(sender.clock, 0))

        refusal = sender.refusal()

        assert isinstance(refusal, QuotaExceededError)

    def test_daily_blocks(self, sender: Sender) -> None:
        """When SES says "daily", nobody asks it for ten minutes."""
        sender.learn(14)
        sender.budget.throttled(sender.scope, "daily")
        sender.clock.sleep(DAILY_PAUSE_S - 1)
        early = sender.refusal()
        sender.clock.sleep(1 + NOISE)
        late = sender.refusal()

        assert (QuotaExceededError, None) == (type(early), late)

    def test_daily_tells_when(self, sender: Sender) -> None:
        """The refusal carries the instant, and the seconds until then."""
        sender.learn(14)
        sender.budget.throttled(sender.scope, "daily")
        error = sender.refusal()
        now = dt.datetime.fromtimestamp(sender.clock.time(), dt.timezone.utc)

        assert error is not None
        assert pytest.approx((DAILY_PAUSE_S, DAILY_PAUSE_S, False)) == (
            error.retry_after_s,
            (error.resume_at - now).total_seconds(),
            error.kept_for_transactional,
        )

    def test_daily_spares_the_simulator(self, sender: Sender) -> None:
        """What costs no quota goes even then."""
        sender.learn(14)
        sender.budget.throttled(sender.scope, "daily")

        answer = sender.ask(quota_cost=0)

        assert isinstance(answer, Booked)

    @staticmethod
    def _account(clock: FakeClock, sent: float) -> Account:
        as_of = dt.datetime.fromtimestamp(clock.time(), dt.timezone.utc)
        return Account(
            max_send_rate=1000,
            max_24_hour_send=100,
            sent_last_24_hours=sent,
            as_of=as_of,
        )
