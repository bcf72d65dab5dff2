"""
How long something takes, told so that no other program can change it.

Not in seconds: in plain passes of Python over a text of the same length,
made a moment before, in CPU time of this thread, the quickest of a few.
A machine that is slow, busy or traced is as slow for both.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_TRIES = 4


def cpu_s(work: Callable[[], object]) -> float:
    """Seconds of this thread's CPU time that *work* takes once."""
    began = time.thread_time()
    work()
    return time.thread_time() - began


def within(passes: float, chars: int, work: Callable[[], object]) -> bool:
    """
    Tell whether *work* costs at most *passes* passes over *chars* characters.

    A try that is too slow is repeated: what costs too much once may have met
    the collector of garbage; what does so each time costs too much.
    """
    text = "a" * chars

    def plain_pass() -> int:
        count = 0
        for character in text:
            if character == "@":
                count += 1
        return count

    return any(
        cpu_s(work) <= passes * cpu_s(plain_pass) for _ in range(_TRIES)
    )
