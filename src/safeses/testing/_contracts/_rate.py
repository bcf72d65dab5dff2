"""What a budget keeps of the send rate."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from safeses._outcome import Later
from safeses.testing._contracts._sender import (
    HORIZON_S,
    NOISE,
    most_in_one_second,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from safeses.testing._contracts._sender import Sender


class RateContract:
    """Recipients per second, with debt, horizon and refusals by SES."""

    def test_debt(self, sender: Sender) -> None:
        """More recipients than the rate go at once; the next one pays."""
        sender.learn(1)

        waits = [sender.wait_for(cost) for cost in (5, 1, 50, 1)]

        assert pytest.approx([0, 5, 1, 50]) == waits

    def test_recipients_weigh(self, sender: Sender) -> None:
        """A message moves the next slot by each of its recipients."""
        sender.learn(14)

        waits = [sender.wait_for(cost) for cost in (10, 4, 1, 1)]

        assert pytest.approx([0, 10 / 14, 4 / 14, 1 / 14]) == waits

    def test_idle_time_is_not_saved_up(self, sender: Sender) -> None:
        """After an hour without a send the next second is no fuller."""
        sender.learn(10)
        sender.clock.sleep(3600)

        waits = [sender.wait_for() for _ in range(3)]

        assert pytest.approx([0, 0.1, 0.1]) == waits

    @pytest.mark.parametrize("per_second", [0.2, 1, 14, 50, 500])
    @pytest.mark.parametrize("costs", [(1,), (1, 3, 1, 10), (50, 1, 1)])
    def test_any_second(
        self, sender: Sender, per_second: float, costs: Sequence[int]
    ) -> None:
        """No second holds more than the rate and one message; none idles."""
        sender.learn(per_second)
        began = sender.clock.monotonic()
        grants = []
        for cost in itertools.islice(itertools.cycle(costs), 600):
            sender.wait_for(cost)
            grants.append((sender.clock.monotonic() - began, cost))
        recipients = sum(cost for _, cost in grants[:-1])
        within = most_in_one_second(grants) <= per_second + NOISE
        used = recipients / (grants[-1][0] * per_second)

        assert pytest.approx((True, 1)) == (within, used)

    def test_horizon(self, sender: Sender) -> None:
        """Nobody books a slot that begins more than half a second ahead."""
        sender.learn(4)

        waits = sender.book_all()

        assert pytest.approx([0, 0.25, 0.5]) == waits

    @pytest.mark.parametrize(
        "per_second, waits", [(4, [0, 0.25, 0.5]), (100, [0, 0.01, 0.02])]
    )
    def test_bulk_horizon(
        self, sender: Sender, per_second: float, waits: list[float]
    ) -> None:
        """Bulk books at most two slots, or 50 ms, ahead."""
        sender.learn(per_second)

        booked = sender.book_all("bulk")

        assert pytest.approx([*waits, True]) == [
            *booked[:3],
            booked[-1] <= max(0.05, 2 / per_second) + NOISE,
        ]

    def test_bulk_yields(self, sender: Sender) -> None:
        """Amid saturating bulk other mail waits two slots, not half a s."""
        sender.learn(100)
        sender.book_all("bulk")

        waited_s = sender.wait_for()

        assert waited_s <= 0.05 + 1 / 100 + NOISE

    def test_later_tells_when(self, sender: Sender) -> None:
        """Who gets no slot learns when to ask and when it would begin."""
        sender.learn(1)
        sender.ask(50)

        answer = sender.ask()

        assert isinstance(answer, Later)
        assert pytest.approx((50 - HORIZON_S, 50, 1), abs=0.01) == (
            answer.ask_in_s,
            answer.ready_in_s,
            answer.limit_per_s,
        )

    def test_max_wait(self, sender: Sender) -> None:
        """A slot beyond the caller's patience is told, but not taken."""
        sender.learn(4)
        sender.ask()

        answer = sender.ask(max_wait_s=0.2)
        waited_s = sender.wait_for()

        assert pytest.approx((Later, 0.25)) == (type(answer), waited_s)

    @pytest.mark.parametrize("per_second", [0.5, 1, 14, 500])
    def test_a_lower_rate_holds_at_once(
        self, sender: Sender, per_second: float
    ) -> None:
        """After half a second of old slots the new rate spaces the rest."""
        sender.learn(1000)
        sender.book_all()
        sender.learn(per_second)
        sender.wait_for()

        waits = [sender.wait_for() for _ in range(2)]

        assert pytest.approx([1 / per_second] * 2) == waits

    def test_a_higher_rate_holds_at_once(self, sender: Sender) -> None:
        """A debt made at a low rate is paid at the new one."""
        sender.learn(1)
        sender.ask(50)
        sender.learn(50)

        waited_s = sender.wait_for()

        assert 1 <= waited_s <= 1 + HORIZON_S + 1 / 50 + NOISE

    def test_per_second(self, sender: Sender) -> None:
        """The rate in force is what was learnt last."""
        rates = []
        for per_second in (14, 0.5):
            sender.learn(per_second)
            rates.append(sender.budget.per_second(sender.scope))

        assert pytest.approx([14, 0.5]) == rates

    def test_throttled_lowers_once_a_second(self, sender: Sender) -> None:
        """Sixteen refusals in flight halve the rate once, not 16 times."""
        sender.learn(14)
        for _ in range(16):
            sender.budget.throttled(sender.scope, "rate")
        together = sender.budget.per_second(sender.scope)
        sender.clock.sleep(1)
        sender.budget.throttled(sender.scope, "rate")
        a_second_later = sender.budget.per_second(sender.scope)

        assert pytest.approx((7, True)) == (together, a_second_later < 7)

    def test_throttled_never_stops(self, sender: Sender) -> None:
        """A hundred seconds of refusals leave a tenth of the rate."""
        sender.learn(14)
        for _ in range(100):
            sender.budget.throttled(sender.scope, "rate")
            sender.clock.sleep(1)
            sender.budget.throttled(sender.scope, "rate")
        rate = sender.budget.per_second(sender.scope)

        assert rate >= 1.4 - NOISE

    def test_throttled_recovers(self, sender: Sender) -> None:
        """Ten seconds after a refusal the whole rate is back."""
        sender.learn(14)
        sender.budget.throttled(sender.scope, "rate")
        sender.clock.sleep(10)

        rate = sender.budget.per_second(sender.scope)

        assert pytest.approx(14) == rate

    def test_throttled_pauses_everybody(self, sender: Sender) -> None:
        """After a refusal the next slot begins half a second later."""
        sender.learn(14)
        sender.budget.throttled(sender.scope, "rate")

        waited_s = sender.wait_for()

        assert waited_s >= 0.5 - NOISE
