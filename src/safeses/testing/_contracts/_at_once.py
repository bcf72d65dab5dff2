"""
Threads that race, threads that go on meanwhile, and forked children.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

RACERS: Final = 8


def race(act: Callable[[int], T]) -> list[T]:
    """Let each racer act at once, and return what each says."""
    start = threading.Barrier(RACERS)

    def run(n: int) -> T:
        start.wait()
        return act(n)

    with ThreadPoolExecutor(RACERS) as pool:
        return [*pool.map(run, range(RACERS))]


@contextlib.contextmanager
def meanwhile(
    act: Callable[[], object], pause_s: float = 0.0
) -> Iterator[None]:
    """
    Let a thread act again and again.

    Without a pause it is the one that is interrupted, with one the other.
    """
    ended = threading.Event()

    def repeat() -> None:
        while not ended.is_set():
            act()
            if pause_s:
                ended.wait(pause_s)

    with ThreadPoolExecutor(1) as pool:
        repeated = pool.submit(repeat)
        try:
            yield
        finally:
            ended.set()
        repeated.result()


def in_a_child(act: Callable[[], str], max_s: float) -> str:
    """Return what *act* says in a forked process, ``""`` if it hangs."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:  # no cover: measured in the parent only
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, max_s)
        try:
            said = act()
        except BaseException as error:  # noqa: BLE001  # said by the parent
            said = repr(error)
        os.write(writing, said.encode())
        # Not os._exit: others may have made it wait for their locks.
        os.kill(os.getpid(), signal.SIGKILL)
    os.close(writing)
    with open(reading, encoding="utf-8") as pipe:  # noqa: PTH123  # a number
        said = pipe.read()
    os.waitpid(pid, 0)
    return said
