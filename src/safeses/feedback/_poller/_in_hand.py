"""
The messages that a poller has received, and not yet let go of.

They are hidden anew before SQS would show them to others. One thread does
it for all: a hook that is slower than the visibility of its message does
not make that message come twice.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

import attrs

from safeses._log import log
from safeses.feedback._poller._outage import QueueError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from safeses.feedback._poller._liveness import Pulse
    from safeses.feedback._poller._queue import Message, Queue
    from safeses.typing import Clock

# Messages are renewed at half of their visibility. It takes a few looks
# to see that in time, and to try again if SQS does not answer.
_LOOKS: Final = 8


@attrs.define(eq=False)
class _Held:
    message: Message
    holder: str
    renew_at: float
    is_begun: bool = False


@attrs.define(eq=False)
class InHand:
    """
    Who holds which message, and until when SQS hides it from others.

    Times are monotonic seconds.
    """

    _held: dict[str, _Held] = attrs.field(factory=dict, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    def add(
        self, messages: Iterable[Message], holder: str, renew_at: float
    ) -> None:
        """Hold *messages*, which are to be hidden anew at *renew_at*."""
        with self._lock:
            for message in messages:
                self._held[message.handle] = _Held(message, holder, renew_at)

    def begin(self, message: Message) -> bool:
        """Begin with *message*; False if it was let go of meanwhile."""
        with self._lock:
            held = self._held.get(message.handle)
            if held is None:
                return False
            held.is_begun = True
            return True

    def remove(self, messages: Iterable[Message]) -> None:
        """Let go of *messages*."""
        with self._lock:
            for message in messages:
                self._held.pop(message.handle, None)

    def take_waiting(self, holder: str | None = None) -> list[Message]:
        """Let go of what nobody has begun with, and return it."""
        with self._lock:
            waiting = [
                held.message
                for held in self._held.values()
                if not held.is_begun and holder in (None, held.holder)
            ]
            for message in waiting:
                del self._held[message.handle]
            return waiting

    def due(self, until: float) -> list[Message]:
        """Return what is to be hidden anew by then."""
        with self._lock:
            return [
                held.message
                for held in self._held.values()
                if held.renew_at <= until
            ]

    def renew(self, messages: Iterable[Message], renew_at: float) -> None:
        """Take note that *messages* are hidden anew."""
        with self._lock:
            for message in messages:
                held = self._held.get(message.handle)
                if held is not None:
                    held.renew_at = renew_at

    def holders(self) -> set[str]:
        """Return who holds anything."""
        with self._lock:
            return {held.holder for held in self._held.values()}

    def __contains__(self, message: Message) -> bool:
        return message.handle in self._held

    def __len__(self) -> int:
        return len(self._held)


@attrs.define(eq=False)
class Keeper:
    """Keeps hidden what is in hand."""

    queue: Queue
    in_hand: InHand
    pulse: Pulse
    clock: Clock
    visibility_s: int

    @property
    def every_s(self) -> float:
        """Seconds between two looks."""
        return self.visibility_s / _LOOKS

    def keep(self, ended: threading.Event) -> None:
        """Look, again and again, until it is over."""
        while not ended.is_set():
            try:
                self.look()
            except Exception as error:  # noqa: BLE001  # must not end here
                log.warning("keeping messages failed (%s)", _name(error))
            self.clock.sleep(self.every_s, ended)

    def look(self) -> None:
        """Hide anew what is due before the next look."""
        began = self.clock.monotonic()
        due = self.in_hand.due(began + self.every_s)
        self.pulse.beat(self.in_hand.holders())
        if not due:
            return
        try:
            hidden, lost = self.queue.hide(
                [(message, self.visibility_s) for message in due]
            )
        except QueueError as error:
            self.queue.outages.began(error)
            return
        self.in_hand.renew(hidden, began + self.visibility_s / 2)
        for message in lost:
            # Else it was deleted, or given back, while SQS was asked.
            if message in self.in_hand:
                self.in_hand.remove([message])
                log.warning(
                    "the message %s is hidden no more while it is handled:"
                    " somebody else may get it too",
                    message.id,
                )


def _name(error: BaseException) -> str:
    return type(error).__name__
