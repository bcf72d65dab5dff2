"""
When SQS does not answer: wait ever longer, and say so once.
"""

from __future__ import annotations

import random
import threading
from typing import Final

import attrs

from safeses._log import log
from safeses.errors import ConfigurationError

FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 60.0
LATEST_RETRY_S: Final = 900.0
# Beyond, a power of two would not fit into a float.
_MOST_DOUBLINGS: Final = 30


class QueueError(Exception):
    """
    SQS did not do what was asked.

    Attributes:
        action: What was asked, such as ``"ReceiveMessage"``.
        problem: What came of it: a code or the kind of error.
        remedy: What to do, where waiting alone does not help; else ``""``.
    """

    def __init__(self, action: str, problem: str, remedy: str = "") -> None:
        super().__init__(action, problem, remedy)
        self.action = action
        self.problem = problem
        self.remedy = remedy


def pause_s(
    failures: int, first_s: float = FIRST_PAUSE_S, most_s: float | None = None
) -> float:
    """
    Return how long to wait after so many failures in a row.

    It doubles each time, up to a bound. Chance takes off up to half, so
    that those who failed together do not come back together.
    """
    most = LONGEST_PAUSE_S if most_s is None else most_s
    doublings = min(max(failures - 1, 0), _MOST_DOUBLINGS)
    longest = min(most, first_s * 2.0**doublings)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311  # no secret


def retry_after_s(receives: int, first_s: float) -> float:
    """Return how long a message waits that was not done so many times."""
    return pause_s(receives, first_s, LATEST_RETRY_S)


@attrs.define(eq=False)
class Outages:
    """
    Which kinds of calls fail at present; each kind is logged once.

    What is refused for good concerns one action, whatever the others do.
    Anything else is the way to SQS, and over with the next answer.

    Attributes:
        was_up: Whether any call ever succeeded.
    """

    was_up: bool = attrs.field(default=False, init=False)
    _down: set[str] = attrs.field(factory=set, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    @property
    def is_known(self) -> bool:
        """Whether any call was made, to its end."""
        return self.was_up or bool(self._down)

    def began(self, error: QueueError) -> ConfigurationError | None:
        """
        Take note of a call that failed.

        Returns:
            What to raise if nothing ever succeeded, and waiting alone does
            not help.
        """
        if error.remedy and not self.was_up:
            return ConfigurationError(
                f"SQS refuses {error.action} ({error.problem})", error.remedy
            )
        kind = error.action if error.remedy else ""
        with self._lock:
            if kind in self._down:
                return None
            self._down.add(kind)
        log.warning(
            "SQS does not do %s (%s); trying again, ever less often%s",
            error.action,
            error.problem,
            f": {error.remedy}" if error.remedy else "",
        )
        return None

    def ended(self, action: str) -> None:
        """Take note of a call that succeeded."""
        self.was_up = True
        if not self._down:
            return
        with self._lock:
            over = self._down & {"", action}
            self._down -= over
        if over:
            log.info("SQS does %s again", action)
