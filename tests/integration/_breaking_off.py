"""Break off a call at a certain moment, however slow the machine is."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any

from tests.integration._workers import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable


def broken_off(
    error: type[BaseException],
    when: Callable[[], object],
    act: Callable[[], Any],
) -> BaseException | None:
    """Raise *error* amid *act* once *when* says so; return what came out."""
    over = threading.Event()

    def throw(*_: object) -> None:
        raise error

    def press() -> None:
        wait_for(lambda: over.is_set() or when())
        if not over.is_set():
            main = threading.main_thread().ident or 0
            signal.pthread_kill(main, signal.SIGALRM)

    old = signal.signal(signal.SIGALRM, throw)
    presses = threading.Thread(target=press)
    presses.start()
    try:
        act()
    except BaseException as came_out:  # noqa: BLE001  # looked at by the test
        return came_out
    finally:
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        over.set()
        presses.join()
        signal.signal(signal.SIGALRM, old)
    return None


def interrupted(when: Callable[[], object], act: Callable[[], Any]) -> bool:
    """Press Ctrl-C amid *act*; return whether it ended by that."""
    came_out = broken_off(KeyboardInterrupt, when, act)
    return isinstance(came_out, KeyboardInterrupt)
