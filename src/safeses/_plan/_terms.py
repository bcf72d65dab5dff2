"""
What the caller grants one send.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from safeses._job import OnUnknown
    from safeses._outcome import OnSuppressed
    from safeses._values import Priority

# An attempt that has less time is not begun: cutting it short would
# only make its outcome unknown.
SHORTEST_ATTEMPT_S: Final = 2.0


@attrs.define(kw_only=True, eq=False)
class Terms:
    """
    What the caller grants one send.

    Attributes:
        priority: ``"transactional"`` or ``"bulk"``.
        stream: The kind of mail, for counting and suppressing apart.
        on_suppressed: What to do about suppressed recipients.
        on_unknown: What to do about an unknown outcome.
        screens: Whether to ask more than the state who is suppressed.
        max_wait_s: Seconds it may wait for permits, in all.
        deadline_s: Seconds the whole call may take.
        attempt_timeout_s: Seconds one attempt may take.
    """

    priority: Priority = "transactional"
    stream: str = ""
    on_suppressed: OnSuppressed = "drop"
    on_unknown: OnUnknown = "hold"
    screens: bool = False
    max_wait_s: float
    deadline_s: float
    attempt_timeout_s: float

    @property
    def shortest_attempt_s(self) -> float:
        """Return the least time that an attempt is begun with."""
        return min(
            SHORTEST_ATTEMPT_S, self.attempt_timeout_s, self.deadline_s / 2
        )
