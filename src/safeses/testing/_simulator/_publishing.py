"""
Events on their way: a queue and a thread for each destination.

No sender waits for a destination, and none waits for another. The threads
are daemons and end by themselves when there is nothing to do.
"""

from __future__ import annotations

import heapq
import itertools
import random
import threading
import time
from typing import TYPE_CHECKING, Final

import attrs
from typing_extensions import Self

from ._events import NOTIFIED, Spelling, spelled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ._account import Account
    from ._events import Happening
    from ._fields import Params

# How soon a clock that a test moves is looked at again.
_LOOK_EVERY_S: Final = 0.02
_JOIN_S: Final = 5.0


@attrs.frozen(kw_only=True)
class Terms:
    """
    What a destination gets, and how.

    Attributes:
        spelling: As event publishing writes it, or as a notification.
        types: Which types of events, None for all that there are.
        headers: Whether with the mail's headers.
        delay_s: Seconds from what happens to its event.
        configuration_set: Of which mails, None for all.
        duplicate: Each event comes twice.
        seed: Hold all back until `Publication.flush`, then deliver in the
            random order that follows from this; None is SES's own order.
    """

    spelling: Spelling = "event"
    types: frozenset[str] | None = None
    headers: bool = True
    delay_s: float = 0.0
    configuration_set: str | None = None
    duplicate: bool = False
    seed: int | None = None

    def wants(self, happening: Happening) -> bool:
        """Tell whether the destination is told of it."""
        kind, wanted = happening.kind, self.configuration_set
        if self.spelling == "notification" and kind not in NOTIFIED:
            return False
        if self.types is not None and kind not in self.types:
            return False
        return wanted is None or happening.mail.configuration_set == wanted


class Publication:
    """
    What brings events to one destination, until it is stopped.

    Made by ``ses.publish_to``; as a context manager it stops at the end.

    Attributes:
        linger_s: How long its thread waits for more before it ends.
    """

    linger_s: float = 1.0

    def __init__(
        self,
        deliver: Callable[[Params], object],
        terms: Terms,
        account: Account,
    ) -> None:
        """Bring events of *account* to *deliver*, in a thread of its own."""
        self._deliver = deliver
        self._terms = terms
        self._account = account
        self._order = itertools.count()
        self._random = (
            None if terms.seed is None else random.Random(terms.seed)  # noqa: S311  # an order, no secret
        )
        self._changed = threading.Condition()
        self._waiting: list[tuple[float, int, Happening]] = []
        self._held: list[tuple[float, Happening]] = []
        self._thread: threading.Thread | None = None
        self._is_busy = False
        self._is_stopped = False
        self._published = 0
        self._failures: list[BaseException] = []

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Stop."""
        self.stop()

    @property
    def published(self) -> int:
        """How many events were handed over, those that failed included."""
        with self._changed:
            return self._published

    @property
    def is_idle(self) -> bool:
        """Whether nothing is on its way."""
        with self._changed:
            return not (self._waiting or self._held or self._is_busy)

    def offer(self, happenings: Iterable[Happening]) -> None:
        """Publish what the destination wants of *happenings*, later on."""
        wanted = [one for one in happenings if self._terms.wants(one)]
        if self._terms.duplicate:
            wanted = [one for one in wanted for _ in range(2)]
        due = self._account.clock.monotonic() + self._terms.delay_s
        with self._changed:
            if self._is_stopped or not wanted:
                return
            if self._random is not None:
                self._held += [(due, one) for one in wanted]
                return
            self._push((due, one) for one in wanted)

    def flush(self, timeout_s: float = 5.0) -> bool:
        """
        Wait until everything is delivered; return whether it is.

        An event with a delay comes when the account's clock says so: move a
        fake one first.

        Args:
            timeout_s: How long to wait, in real seconds.

        Raises:
            BaseException: The first that a destination has raised since.
        """
        if threading.current_thread() is self._thread:
            raise RuntimeError("a destination cannot wait for its own events")
        with self._changed:
            if self._random is not None and self._held:
                held, self._held = self._held, []
                self._random.shuffle(held)
                self._push(held)
            self._changed.wait_for(
                lambda: (
                    self._is_stopped or not (self._waiting or self._is_busy)
                ),
                timeout_s,
            )
            if self._failures:
                raise self._failures.pop(0)
            return not (self._waiting or self._is_busy)

    def stop(self) -> None:
        """Publish no more; what is on its way is dropped."""
        with self._changed:
            self._is_stopped = True
            self._waiting.clear()
            self._held.clear()
            self._changed.notify_all()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(_JOIN_S)

    def _push(self, events: Iterable[tuple[float, Happening]]) -> None:
        """Queue *events*; the caller holds the lock."""
        for due, happening in events:
            entry = (due, next(self._order), happening)
            heapq.heappush(self._waiting, entry)
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._work, name="ses-simulator-events", daemon=True
            )
            self._thread.start()
        self._changed.notify_all()

    def _work(self) -> None:
        while (happening := self._next()) is not None:
            try:
                event = spelled(
                    happening,
                    self._account,
                    spelling=self._terms.spelling,
                    headers=self._terms.headers,
                )
                self._deliver(event)
            except BaseException as error:  # noqa: BLE001  # told by flush
                with self._changed:
                    self._failures.append(error)

    def _next(self) -> Happening | None:
        """Return the next event that is due, None to end."""
        idle_since = time.monotonic()
        with self._changed:
            self._is_busy = False
            self._changed.notify_all()
            while not self._is_stopped:
                wait_s = self.linger_s - (time.monotonic() - idle_since)
                if self._waiting:
                    now = self._account.clock.monotonic()
                    due = self._waiting[0][0]
                    if due <= now:
                        self._is_busy = True
                        self._published += 1
                        return heapq.heappop(self._waiting)[2]
                    wait_s = min(due - now, _LOOK_EVERY_S)
                elif wait_s <= 0:
                    # Nobody can push before it is noted: we hold the lock.
                    self._thread = None
                    return None
                self._changed.wait(wait_s)
            return None
