"""
How many of what a poller has met with.
"""

from __future__ import annotations

import threading

import attrs


@attrs.frozen(kw_only=True)
class PollCounts:
    """
    What a poller has met with since it was made.

    Attributes:
        received: Messages that SQS handed over, each time counted.
        deleted: Messages that were done and are deleted.
        handled: Events that were acted on, to the end.
        duplicates: Events that had been handled before.
        ignored: Events that were none of ours.
        failed: Messages that were not done, and come again.
        poison: Messages that hold no event, each time counted.
        returned: Messages that were given back as the poller stopped.
    """

    received: int = 0
    deleted: int = 0
    handled: int = 0
    duplicates: int = 0
    ignored: int = 0
    failed: int = 0
    poison: int = 0
    returned: int = 0


@attrs.define(eq=False)
class Tally:
    """Counts of many threads."""

    _counts: PollCounts = attrs.field(factory=PollCounts, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    @property
    def counts(self) -> PollCounts:
        """All of them at one moment."""
        return self._counts

    def add(self, **counts: int) -> None:
        """Count what has happened."""
        with self._lock:
            known = self._counts
            self._counts = attrs.evolve(
                known,
                **{n: getattr(known, n) + more for n, more in counts.items()},
            )
