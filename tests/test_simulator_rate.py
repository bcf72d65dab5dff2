"""How the simulated SES counts, on a clock that only the test moves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeses.testing._simulator._rate import Bucket, QuotaLog, RollingWindow

_DAY_S = 24 * 60 * 60


class TestBucket:
    """A token bucket that may owe."""

    def test_debt(self) -> None:
        """A message of 50 at 1/s passes and blocks for 50 seconds."""
        bucket = Bucket(1.0, None, 0.0)
        taken = [bucket.take(50, 0.0), bucket.take(1, 49.9)]

        assert [True, False, True] == [*taken, bucket.take(1, 50.0)]

    def test_starts_full(self) -> None:
        """An idle account may send one second's worth at once."""
        bucket = Bucket(14.0, None, 0.0)
        taken = [bucket.take(1, 0.0) for _ in range(15)]

        assert [True] * 14 + [False] == taken

    def test_burst(self) -> None:
        """The bucket can be smaller than a second's worth."""
        bucket = Bucket(50.0, 5.0, 0.0)
        taken = sum(bucket.take(1, 0.0) for _ in range(50))

        assert 5 == taken

    def test_slow_rate(self) -> None:
        """At 0.2/s one message passes every five seconds."""
        bucket = Bucket(0.2, None, 0.0)
        times = [t for t in range(16) if bucket.take(1, float(t))]

        assert [0, 5, 10, 15] == times

    def test_rate_zero(self) -> None:
        """A rate of 0 lets nothing pass."""
        taken = Bucket(0.0, None, 0.0).take(1, 0.0)

        assert not taken

    def test_new_rate_keeps_the_debt(self) -> None:
        """A higher rate pays an old debt sooner, it does not forgive it."""
        bucket = Bucket(1.0, None, 0.0)
        bucket.take(50, 0.0)
        bucket.set_rate(10.0, 0.0)
        taken = [bucket.take(1, 4.9), bucket.take(1, 5.0)]

        assert [False, True] == taken


class TestRollingWindow:
    """A rolling second."""

    def test_one_second(self) -> None:
        """A second after the first message the window is free again."""
        window = RollingWindow(2.0, 0.0)
        taken = [window.take(1, at) for at in (0.0, 0.5, 0.9, 1.0, 1.4, 1.5)]

        assert [True, True, False, True, False, True] == taken

    def test_debt(self) -> None:
        """A message of 50 at 1/s passes and blocks for 50 seconds."""
        window = RollingWindow(1.0, 0.0)
        taken = [window.take(50, 0.0), window.take(1, 49.9)]

        assert [True, False, True] == [*taken, window.take(1, 50.0)]

    def test_slow_rate(self) -> None:
        """At 0.2/s one message passes every five seconds."""
        window = RollingWindow(0.2, 0.0)
        times = [t for t in range(16) if window.take(1, float(t))]

        assert [0, 5, 10, 15] == times


@pytest.mark.parametrize("kind", ["bucket", "rolling"])
@given(
    sends=st.lists(
        st.tuples(st.floats(0, 3), st.integers(1, 50)), max_size=60
    ),
    rate=st.integers(1, 60),
)
def test_never_faster(
    kind: str, sends: list[tuple[float, int]], rate: int
) -> None:
    """Whatever is asked, what passed costs a second per *rate* units."""
    limiter = (
        RollingWindow(rate, 0.0)
        if kind == "rolling"
        else Bucket(rate, None, 0.0)
    )
    now = 0.0
    passed = 0
    ahead = []
    for pause, units in sends:
        now += pause
        if limiter.take(units, now):
            # A second's worth at the start, the rest only as time goes by.
            ahead.append(passed - rate * (now + 1))
            passed += units

    assert all(excess < 1e-6 for excess in ahead)


class TestQuotaLog:
    """The last 24 hours."""

    def test_rolls(self) -> None:
        """A unit counts for 24 hours, to the instant."""
        log = QuotaLog()
        log.add(3, 10.0)
        used = [log.used(10.0 + _DAY_S - 0.1), log.used(10.0 + _DAY_S)]

        assert [3, 0] == used

    def test_lag(self) -> None:
        """A late counter shows what was sent before its lag."""
        log = QuotaLog()
        log.add(3, 10.0)
        log.add(4, 20.0)
        seen = [log.seen(20.0, lag) for lag in (0.0, 5.0, 10.0, 11.0)]

        assert [7, 3, 3, 0] == seen
