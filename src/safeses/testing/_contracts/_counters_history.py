"""Any history of counters, beside a list of all that was counted."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Final

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

if TYPE_CHECKING:
    from safeses.testing._clock import FakeClock
    from safeses.typing import Counters

_SCOPES: Final = ("shop", "blog")
_NAMES: Final = ("bounce", "Bounce", "news/\u00e9")

_scope = st.sampled_from(_SCOPES)
_counts = st.dictionaries(st.sampled_from(_NAMES), st.integers(0, 9))
# Many at the edges of minutes, some at any time of the last two days.
_ago_s = st.one_of(
    st.integers(-10, 600).map(lambda n: n * 60.0),
    st.floats(-600, 172_800),
)


class CountersHistorian(RuleBasedStateMachine):
    """Makes histories, and judges them by two sums."""

    def __init__(
        self, counters: Counters, clock: FakeClock, bucket_s: float
    ) -> None:
        super().__init__()
        self.counters, self.clock = counters, clock
        self.bucket_s = bucket_s
        # Each history has scopes of its own.
        self.prefix = uuid.uuid4().hex
        self.counted: list[tuple[str, str, int, float]] = []
        self.forgotten = 0.0

    @rule(scope=_scope, counts=_counts, ago_s=_ago_s)
    def add(self, scope: str, counts: dict[str, int], ago_s: float) -> None:
        """Count something that happened some time ago."""
        at = self.clock.time() - ago_s
        self.counters.add(self.prefix + scope, counts, at)
        self.counted += [(scope, name, n, at) for name, n in counts.items()]

    @rule(scope=_scope, ago_s=_ago_s, width_s=st.none() | _ago_s.map(abs))
    def totals(self, scope: str, ago_s: float, width_s: float | None) -> None:
        """Ask for a span."""
        since = self.clock.time() - ago_s
        until = None if width_s is None else since + width_s
        found = self.counters.totals(self.prefix + scope, _NAMES, since, until)
        end = float("inf") if until is None else until
        edge_s = self.bucket_s
        least = self._sums(scope, max(since, self.forgotten), end)
        most = self._sums(scope, since - edge_s, end + edge_s)
        assert list(_NAMES) == list(found)
        for name, total in found.items():
            assert least[name] <= total <= most[name]

    @rule(seconds=st.sampled_from([1.0, 60.0, 4_000.0, 86_400.0]))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.sleep(seconds)

    @rule(ago_s=_ago_s)
    def forget(self, ago_s: float) -> None:
        """Forget what is old."""
        before = self.clock.time() - ago_s
        self.counters.forget(before)
        self.counted = [
            one for one in self.counted if one[3] >= before - self.bucket_s
        ]
        # What was shortly before may be there or not.
        self.forgotten = max(self.forgotten, before)

    def _sums(self, scope: str, since: float, until: float) -> dict[str, int]:
        sums = dict.fromkeys(_NAMES, 0)
        for counted_scope, name, count, at in self.counted:
            if counted_scope == scope and since <= at < until:
                sums[name] += count
        return sums
