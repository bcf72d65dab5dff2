from __future__ import annotations

import datetime as dt
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeses._budget import MemoryBudget
from safeses._budget._quota import DAY_S, MINUTE_S, Quota
from safeses._budget._rate import HORIZON_S, Rate
from safeses._outcome import Booked, Later
from safeses._ses import DAILY_PAUSE_S
from safeses._values import Account
from safeses.errors import QuotaExceededError
from safeses.testing._clock import FakeClock
from safeses.testing._contracts import Sender, most_in_one_second

pytestmark = pytest.mark.race  # threads

NOISE = 1e-6
NOON = 20_454 * DAY_S + DAY_S / 2

costs = st.sampled_from([1, 1, 1, 2, 7, 50])
pauses = st.sampled_from([0.0, 0.0, 0.01, 0.3, 1.0, 2.5])


def book(rate: Rate, now: float, cost: int = 1) -> float:
    """Return when the slot begins, after waiting as told."""
    while isinstance(
        slot := rate.book(now, cost, "transactional", 1e9), Later
    ):
        now += slot.ask_in_s
    return now + slot


# --- Rate -------------------------------------------------------------------


@given(st.lists(st.tuples(costs, pauses), max_size=60), costs)
def test_rate_of_any_burst(
    wishes: list[tuple[int, float]], burst: int
) -> None:
    """A second holds the rate, what the burst saved up, and one message."""
    rate, now = Rate(14, burst), 0.0
    grants = []
    for cost, pause_s in wishes:
        now = book(rate, now + pause_s, cost)
        grants.append((now, cost))

    assert most_in_one_second(grants) <= 14 + burst - 1 + NOISE


def test_burst() -> None:
    """After a pause as many go at once as the burst allows, not one more."""
    rate = Rate(14, burst=14)

    begins = [book(rate, 0) for _ in range(16)]

    assert pytest.approx([0] * 14 + [1 / 14, 2 / 14]) == begins


def test_rate_after_a_step_back() -> None:
    """A clock that lost a day costs half a second, not a day."""
    rate = Rate(14)
    book(rate, NOON)

    begins = book(rate, NOON - DAY_S) - (NOON - DAY_S)

    assert begins <= HORIZON_S + 2 / 14 + NOISE


def test_rate_after_a_step_forward() -> None:
    """A clock that gained a day saves nothing up."""
    rate = Rate(14)
    book(rate, NOON)

    begins = [book(rate, NOON + DAY_S) for _ in range(3)]
    gaps = [b - a for a, b in pairwise(begins)]

    assert pytest.approx([1 / 14] * 2, abs=1e-4) == gaps


def test_rate_recovers_by_a_tenth_a_second() -> None:
    """Once lowered, the rate climbs evenly, and no higher than before."""
    rate = Rate(10)
    rate.lower(100)

    rates = [rate.per_second(100 + s) for s in (0, 1, 4, 5, 6)]

    assert pytest.approx([5, 6, 9, 10, 10]) == rates


def test_a_debt_outlives_a_pause() -> None:
    """A refusal by SES adds to no debt and forgives none."""
    rate = Rate(1)
    book(rate, 0, 50)
    rate.lower(1)

    begins = book(rate, 2)

    assert pytest.approx(50) == begins


def test_asking_when_told_is_asking_once() -> None:
    """Whoever asks after the time told gets the slot, rounding or not."""
    rate = Rate(3)
    again = 0
    now = 1e6 / 7
    for _ in range(200):
        for ask in (1, 2):
            slot = rate.book(now, 1, "bulk", 1e9)
            if not isinstance(slot, Later):
                break
            now += slot.ask_in_s
            again += ask - 1

    assert 0 == again


# --- Quota ------------------------------------------------------------------


@given(
    st.lists(
        st.tuples(
            st.sampled_from([1, 9, 10, 40]),
            st.sampled_from([0.0, 1.0, 59.0, 61.0, 7000.0, 30_000.0]),
        ),
        max_size=80,
    )
)
def test_quota_against_an_exact_log(wishes: list[tuple[int, float]]) -> None:
    """No 24 h hold more than the quota; nothing is refused for long."""
    quota, now = Quota(per_day=50), NOON
    log: list[tuple[float, int]] = []
    faults = []
    for cost, pause_s in wishes:
        now += pause_s
        day = sum(c for at, c in log if at > now - DAY_S)
        longer = sum(c for at, c in log if at > now - DAY_S - MINUTE_S)
        if quota.lacks(now, cost):
            faults.append(longer + cost <= 50)
        else:
            faults.append(day + cost > 50)
            quota.charge(now, cost)
            log.append((now, cost))

    assert not any(faults)


@given(
    st.lists(st.floats(1, 40_000), min_size=1, max_size=20), st.integers(1, 20)
)
def test_resume_at(pauses_s: list[float], cost: int) -> None:
    """At the time told there is room, and a minute before there is none."""
    quota, now = Quota(per_day=20), NOON
    for pause_s in pauses_s:
        now += pause_s
        if not quota.lacks(now, 1):
            quota.charge(now, 1)
    quota.charge(now, 20 - int(quota.used(now)))
    resume_at = quota.resume_at(now, cost)

    before = quota.lacks(resume_at - 1, cost)
    after = quota.lacks(resume_at, cost)

    assert (True, False) == (before, after)


def test_quota_after_a_step_back() -> None:
    """What was charged in a minute to come still counts, and once."""
    quota = Quota(per_day=10)
    quota.charge(NOON, 5)
    quota.charge(NOON - 3600, 5)

    assert (10, True) == (
        quota.used(NOON - 3600),
        quota.lacks(NOON - 3600, 1),
    )


def test_a_young_ring_does_not_block_for_a_day() -> None:
    """When others used the quota up, we try again after ten minutes."""
    quota = Quota(per_day=50_000)
    quota.charge(NOON - 3600, 200)
    quota.block(NOON)

    assert NOON + DAILY_PAUSE_S == quota.resume_at(NOON, 1)


def test_a_full_ring_outlasts_the_block() -> None:
    """When we used the quota up ourselves, the ring knows until when."""
    quota = Quota(per_day=200)
    quota.charge(NOON - 3600, 200)
    quota.block(NOON)

    assert NOON - 3600 + DAY_S + MINUTE_S == quota.resume_at(NOON, 1)


def test_what_others_sent_may_expire_any_time() -> None:
    """Nobody here knows when it does, so nobody is told to wait a day."""
    quota = Quota(per_day=1000)
    quota.charge(NOON - 3600, 100)
    quota.reconcile(NOON, 1000)

    assert NOON + DAILY_PAUSE_S == quota.resume_at(NOON, 1)


def test_what_others_sent_expires_without_news() -> None:
    """A day after the last answer of SES nothing of it can still count."""
    quota = Quota(per_day=1000)
    quota.reconcile(NOON, 1000)

    used = [quota.used(NOON + s) for s in (0, DAY_S, DAY_S + 1)]

    assert [1000, 1000, 0] == used


def test_ring_is_bounded() -> None:
    """Three days of sending keep one counter for each minute of one."""
    quota = Quota()
    for minute in range(3 * 24 * 60):
        quota.charge(NOON + minute * MINUTE_S, 1)

    assert 24 * 60 + 1 == quota.used(NOON + 3 * DAY_S - MINUTE_S)


# --- MemoryBudget -----------------------------------------------------------


@pytest.mark.parametrize("step_s", [-2 * DAY_S, -30.0, 30.0, 2 * DAY_S])
def test_steps_of_the_wall_clock(step_s: float) -> None:
    """A step of the wall clock frees no quota, and holds none back."""
    clock = FakeClock()
    sender = Sender(MemoryBudget(clock), clock)
    sender.learn(1000, 10)
    sender.wait_for(10)
    clock.step_wall(step_s)
    error = sender.refusal()
    clock.sleep(DAY_S + MINUTE_S)
    later = sender.refusal()

    assert (QuotaExceededError, None) == (type(error), later)


def test_resume_at_is_wall_time() -> None:
    """The instant told is one that the caller's own clock will show."""
    clock = FakeClock()
    sender = Sender(MemoryBudget(clock), clock)
    sender.learn(1000, 10)
    sender.wait_for(10)
    clock.sleep(3600)
    clock.step_wall(7 * DAY_S)
    error = sender.refusal()

    assert error is not None
    assert (
        dt.datetime(2026, 1, 9, 0, 1, tzinfo=dt.timezone.utc)
        == error.resume_at
    )


def test_an_unknown_scope() -> None:
    """Before anything is known, 14 a second may go, and no day ends."""
    clock = FakeClock()
    budget = MemoryBudget(clock)
    answer = Sender(budget, clock).ask()

    assert isinstance(answer, Booked)
    assert 14 == answer.limit_per_s


def test_processes_and_factor() -> None:
    """Each of four processes takes a quarter of the part to use."""
    clock = FakeClock()
    budget = MemoryBudget(clock, rate_factor=0.8, processes=4)
    sender = Sender(budget, clock)
    sender.learn(50, 40)
    rate = budget.per_second(sender.scope)
    sender.wait_for(10)

    assert pytest.approx((10, QuotaExceededError)) == (
        rate,
        type(sender.refusal()),
    )


def test_a_rate_of_zero_is_no_rate() -> None:
    """An account that may not send keeps the rate that it had."""
    clock = FakeClock()
    budget = MemoryBudget(clock)
    as_of = dt.datetime.fromtimestamp(clock.time(), dt.timezone.utc)
    budget.learn("s", Account(max_send_rate=0, as_of=as_of))

    assert 14 == budget.per_second("s")


def test_the_rate_in_force_is_told() -> None:
    """Who is admitted after a refusal by SES hears of the lower rate."""
    clock = FakeClock()
    sender = Sender(MemoryBudget(clock), clock)
    sender.learn(10)
    sender.budget.throttled(sender.scope, "rate")
    answer = sender.ask()

    assert isinstance(answer, Booked)
    assert 5 == answer.limit_per_s
