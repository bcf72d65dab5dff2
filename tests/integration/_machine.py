"""What a busy machine leaves of a rate: so much at least must be used."""

from __future__ import annotations

import threading
import time
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Self

TICK_S = 0.01
# So late anybody may wake up on an idle machine.
USUAL_S = 0.02


class Standstill:
    """
    Adds up for how long this process stood still; a context manager.

    Attributes:
        lost_s: The seconds.
    """

    def __init__(self) -> None:
        self.lost_s = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.is_set():
            began = time.monotonic()
            time.sleep(TICK_S)
            late_s = time.monotonic() - began - TICK_S
            self.lost_s += max(0.0, late_s - USUAL_S)


def reachable(
    busy_s: Sequence[float], threads: int, per_second: float
) -> float:
    """
    Return the part of a rate that a machine reaches with ease.

    Args:
        busy_s: How long each send took, without its waits for the rate.
        threads: How many send.
        per_second: The rate.
    """
    return min(1.0, threads / (2 * median(busy_s) * per_second))
