"""
Log lines that strangers could cause without end, written now and then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from safeses._log import log
from safeses.errors import InvalidEventError

if TYPE_CHECKING:
    from safeses.typing import Clock

EVERY_S: Final = 60.0
MAX_KINDS: Final = 200


@attrs.define(eq=False)
class Seldom:
    """
    Writes a line of a kind once a minute, and how many it left out.

    What errors of ours say first, their rule, makes a kind of its own: the
    noise of strangers must not hide a mistake in the set-up.
    """

    _since: dict[tuple[str, ...], tuple[float, int]] = attrs.field(
        factory=dict, init=False
    )

    def info(self, clock: Clock, text: str, *args: object) -> None:
        """Say what is worth knowing."""
        more = self._may(clock, text, args)
        if more is not None:
            log.info(text + more, *args)

    def warning(self, clock: Clock, text: str, *args: object) -> None:
        """Say what somebody should look at."""
        more = self._may(clock, text, args)
        if more is not None:
            log.warning(text + more, *args)

    def _may(
        self, clock: Clock, text: str, args: tuple[object, ...]
    ) -> str | None:
        rules = [a.rule for a in args if isinstance(a, InvalidEventError)]
        kind = (text, *rules)
        # Of threads that race one line may be written twice, or one be
        # counted too few: no lock is worth that.
        now = clock.monotonic()
        if len(self._since) >= MAX_KINDS:  # others may have rules of theirs
            self._since.clear()
        at, left_out = self._since.get(kind, (-EVERY_S, 0))
        if at <= now < at + EVERY_S:  # a test may turn the clock back
            self._since[kind] = (at, left_out + 1)
            return None
        self._since[kind] = (now, 0)
        return f" (and {left_out:,} more before)" if left_out else ""
