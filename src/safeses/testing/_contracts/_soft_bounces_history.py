"""Any history of soft bounces, beside a list of all of them."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Final

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

if TYPE_CHECKING:
    from safeses.testing._clock import FakeClock
    from safeses.typing import SoftBounces

_ADDRESSES: Final = ("ann", "Ann", "b\u00f6b")

_address = st.sampled_from(_ADDRESSES)
_event = st.sampled_from(("e", "f", "g", "h"))
# Few, so that events and windows often meet, some of them ahead.
_ago_s = st.integers(-2, 8).map(lambda n: n * 3_600.0)


class SoftBouncesHistorian(RuleBasedStateMachine):
    """Makes histories, and judges them by a list."""

    def __init__(self, bounces: SoftBounces, clock: FakeClock) -> None:
        super().__init__()
        self.bounces, self.clock = bounces, clock
        # Each history has addresses of its own.
        self.prefix = uuid.uuid4().hex
        self.noted: dict[tuple[str, str], float] = {}

    @rule(address=_address, event=_event, ago_s=_ago_s, window_s=_ago_s)
    def add(
        self, address: str, event: str, ago_s: float, window_s: float
    ) -> None:
        """Note a bounce that happened some time ago."""
        now = self.clock.time()
        self.noted.setdefault((address, event), now - ago_s)
        told = self.bounces.add(
            self.prefix + address, event, now - ago_s, now - window_s
        )
        assert self._expected(address, now - window_s) == told

    @rule(address=_address, window_s=_ago_s)
    def count(self, address: str, window_s: float) -> None:
        """Ask for a window."""
        since = self.clock.time() - window_s
        told = self.bounces.count(self.prefix + address, since)
        assert self._expected(address, since) == told

    @rule(addresses=st.lists(_address, max_size=3), ago_s=_ago_s)
    def clear(self, addresses: list[str], ago_s: float) -> None:
        """Clear some addresses."""
        until = self.clock.time() - ago_s
        self.bounces.clear([self.prefix + a for a in addresses], until)
        self.noted = {
            pair: at
            for pair, at in self.noted.items()
            if pair[0] not in addresses or at > until
        }

    @rule(ago_s=_ago_s)
    def forget(self, ago_s: float) -> None:
        """Forget what is old."""
        before = self.clock.time() - ago_s
        self.bounces.forget(before)
        self.noted = {
            pair: at for pair, at in self.noted.items() if at >= before
        }

    @rule(seconds=st.sampled_from([1.0, 3_600.0, 86_400.0]))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.sleep(seconds)

    def _expected(self, address: str, since: float) -> int:
        return sum(
            whose == address and at >= since
            for (whose, _), at in self.noted.items()
        )
