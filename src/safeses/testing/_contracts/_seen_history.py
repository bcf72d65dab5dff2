"""Any history of seen events, beside a dict of what was marked and held."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Final

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

if TYPE_CHECKING:
    from safeses.testing._clock import FakeClock
    from safeses.typing import SeenEvents

_EVENTS: Final = ("e", "E", "e ", "\u00e9", "x" * 300)
_REACTIONS: Final = ("log", "suppress", "my own")
_OWNERS: Final = ("ann", "bob", "eva")

_event = st.sampled_from(_EVENTS)
_by = st.sampled_from(_REACTIONS)
_owner = st.sampled_from(_OWNERS)
_for_s = st.sampled_from([1.0, 60.0, 60.0, 3_600.0, 86_400.0])


class SeenHistorian(RuleBasedStateMachine):
    """Makes histories, and judges them by two dicts."""

    def __init__(self, seen: SeenEvents, clock: FakeClock) -> None:
        super().__init__()
        self.seen, self.clock = seen, clock
        # Each history is about events of its own.
        self.prefix = uuid.uuid4().hex
        self.marks: dict[tuple[str, str], float] = {}
        self.holds: dict[str, tuple[str, float]] = {}

    def teardown(self) -> None:
        """Compare all there is, and leave nothing to other histories."""
        for event in _EVENTS:
            for by in _REACTIONS:
                self.has(event, by)
            for owner in _OWNERS:
                self.seen.release(self._name(event), owner)

    @rule(event=_event, by=_by)
    def has(self, event: str, by: str) -> None:
        """Ask for a mark."""
        expected = self.marks.get((event, by), 0.0) > self._now()
        assert expected == self.seen.has(self._name(event), by)

    @rule(event=_event, by=_by, keep_s=_for_s)
    def mark(self, event: str, by: str, keep_s: float) -> None:
        """Mark."""
        is_new = self.marks.get((event, by), 0.0) <= self._now()
        if is_new:
            self.marks[event, by] = self._now() + keep_s
        assert is_new == self.seen.mark(self._name(event), by, keep_s)

    @rule(event=_event, owner=_owner, lease_s=_for_s)
    def hold(self, event: str, owner: str, lease_s: float) -> None:
        """Take an event."""
        holder, ends_at = self.holds.get(event, (owner, 0.0))
        is_free = holder == owner or ends_at <= self._now()
        if is_free:
            self.holds[event] = owner, self._now() + lease_s
        assert is_free == self.seen.hold(self._name(event), lease_s, owner)

    @rule(event=_event, owner=_owner)
    def release(self, event: str, owner: str) -> None:
        """Let go of one."""
        if self.holds.get(event, ("", 0.0))[0] == owner:
            del self.holds[event]
        self.seen.release(self._name(event), owner)

    @rule(seconds=st.sampled_from([1.0, 59.0, 60.0, 4_000.0, 86_400.0]))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.sleep(seconds)

    @rule()
    def purge(self) -> None:
        """Forget what is over."""
        self.seen.purge()
        assert self.seen.purge() == 0

    def _now(self) -> float:
        return self.clock.time()

    def _name(self, event: str) -> str:
        return self.prefix + event
