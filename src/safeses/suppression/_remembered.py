"""
Answers that are costly to get, remembered for a while.

Of threads that want the same one, one asks and the others wait for it.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Generic, TypeVar

import attrs

from safeses.errors import RateLimitedError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from cachetools import TLRUCache

    from safeses.typing import Clock

T = TypeVar("T")


@attrs.define(eq=False)
class _Question:
    """
    What one thread asks, while others wait for it.

    Attributes:
        ends_at: When whoever asks will have given up.
        is_done: Whether it is answered, given up, or of no use any more.
        done: Wakes those who wait for that.
    """

    ends_at: float
    is_done: bool = attrs.field(default=False, init=False)
    done: threading.Event = attrs.field(factory=threading.Event, init=False)

    def is_over(self, now: float) -> bool:
        return self.is_done or now >= self.ends_at


@attrs.define(eq=False)
class _Memory(Generic[T]):
    """
    What one process remembers.

    Attributes:
        answers: The answers by key.
        asked: The questions by key that are open.
        lock: Held for moments, never while somebody is asked.
    """

    answers: TLRUCache[Hashable, T]
    asked: dict[Hashable, _Question] = attrs.field(factory=dict)
    lock: threading.RLock = attrs.field(factory=threading.RLock)

    def forget(self, key: Hashable) -> None:
        with self.lock:
            self.answers.pop(key, None)
            question = self.asked.pop(key, None)
            if question is not None:
                question.is_done = True
                question.done.set()


@attrs.define(eq=False)
class Remembered(Generic[T]):
    """
    Answers by key; many threads may ask at once.

    A forked child begins anew: who asks, or holds the lock, in the
    parent is not there.

    Attributes:
        clock: Where the time comes from.
        fresh_s: How many seconds an answer is good for.
        max_items: How many are kept; the least recently used go first.
    """

    clock: Clock
    fresh_s: Callable[[T], float]
    max_items: int
    _memories: dict[int, _Memory[T]] = attrs.field(
        factory=dict, init=False, repr=False
    )

    def peek(self, key: Hashable) -> T | None:
        """Return what is remembered, None if nothing is."""
        memory = self._memory()
        with memory.lock:
            return memory.answers.get(key)

    def get(
        self,
        key: Hashable,
        ask: Callable[[T | None], T],
        ends_at: float,
        will_do: Callable[[T], bool] = lambda _: True,
    ) -> T:
        """
        Return what is remembered, or what *ask* answers now.

        Args:
            key: What is asked for.
            ask: Asks, given what is remembered already; only one thread
                at a time does for a key. What it answers is kept, unless
                it was forgotten meanwhile.
            ends_at: The monotonic time until which *ask* takes, or to
                wait for another thread that asks; then nobody is asked.
            will_do: Whether what is remembered is enough.

        Raises:
            RateLimitedError: There was no answer in time.
        """
        memory, mine = self._memory(), _Question(ends_at)
        try:
            while True:
                now = self.clock.monotonic()
                with memory.lock:
                    known = memory.answers.get(key)
                    if known is not None and will_do(known):
                        return known
                    if now >= ends_at:
                        raise RateLimitedError(1.0, 1.0, "budget", "calls")
                    other = memory.asked.get(key)
                    if other is None or other.is_over(now):
                        memory.asked[key] = mine
                        break
                self.clock.sleep(min(ends_at, other.ends_at) - now, other.done)
            answer = ask(known)
            with memory.lock:
                if memory.asked.get(key) is mine:
                    memory.answers[key] = answer
            return answer
        finally:
            # Whatever ends the question, nobody waits for it any longer.
            # An assignment, as Ctrl-C may end any call at its beginning.
            mine.is_done = True
            mine.done.set()
            with memory.lock:
                if memory.asked.get(key) is mine:
                    del memory.asked[key]

    def forget(self, key: Hashable) -> None:
        """Have the next one ask; what is being asked is not kept."""
        self._memory().forget(key)

    def _memory(self) -> _Memory[T]:
        pid = os.getpid()
        memory = self._memories.get(pid)
        if memory is None:
            for other in set(self._memories) - {pid}:  # of the parent
                self._memories.pop(other, None)
            # Of threads that come here at once all get the same one.
            memory = self._memories.setdefault(pid, self._new_memory())
        return memory

    def _new_memory(self) -> _Memory[T]:
        from cachetools import TLRUCache

        return _Memory(
            TLRUCache(
                self.max_items,
                lambda _, answer, now: now + self.fresh_s(answer),
                self.clock.monotonic,
            )
        )
