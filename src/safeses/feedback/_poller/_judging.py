"""
What is to become of one message: delete it, or let it come again.
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Final, Literal

import attrs
from cachetools import LRUCache

from safeses._log import log
from safeses.errors import InvalidEventError, UnverifiedEventError
from safeses.feedback._poller._settings import PoisonMessage

if TYPE_CHECKING:
    from safeses.feedback._poller._queue import Message
    from safeses.feedback._poller._settings import ReceivedLike, Settings
    from safeses.feedback._poller._tally import Tally

Verdict = Literal["done", "failed", "busy", "poison"]

# So many messages that hold no event are reported once each.
_REPORTED: Final = 1_000


@attrs.define(eq=False)
class Judge:
    """Hands messages to the receiver; threads share it."""

    settings: Settings
    tally: Tally
    _reported: LRUCache[str, bool] = attrs.field(
        factory=lambda: LRUCache(_REPORTED), init=False
    )
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    def judge(self, message: Message) -> Verdict:
        """Handle *message* and say what is to become of it."""
        verdict: Verdict
        try:
            self._check_size(message)
            verdict = self._verdict(
                self.settings.receiver.receive(message.body)
            )
        except InvalidEventError as error:
            self.tally.add(poison=1)
            self._report(message, error)
            return "poison"
        except Exception as error:  # noqa: BLE001  # others come after it
            log.warning(
                "handling the message %s failed (%s); it comes again",
                message.id,
                type(error).__name__,
            )
            verdict = "failed"
        if verdict != "done":
            self.tally.add(failed=1)
        return verdict

    def _check_size(self, message: Message) -> None:
        most = self.settings.max_body_bytes
        size = len(message.body)
        if size <= most:  # else it need not be encoded to be too large
            size = len(message.body.encode("utf-8", "surrogatepass"))
        if size > most:
            raise InvalidEventError(
                f"a message has at most {most} bytes", f"{size}"
            )

    def _verdict(self, received: ReceivedLike) -> Verdict:
        statuses = Counter(handled.status for handled in received.handled)
        self.tally.add(
            handled=statuses["done"],
            duplicates=statuses["duplicate"],
            ignored=statuses["ignored"],
        )
        if received.is_done:
            return "done"
        # Held by another delivery of the same event: nothing went wrong.
        return "failed" if statuses["failed"] else "busy"

    def _report(self, message: Message, error: InvalidEventError) -> None:
        with self._lock:
            if message.id in self._reported:
                return
            self._reported[message.id] = True
        if isinstance(error, UnverifiedEventError):
            # A slip in the set-up, perhaps: the remedy says of which kind.
            told = f"is refused: {error}"
        else:
            told = f"holds no event ({error.rule})"
        log.warning(
            "the message %s %s; it is left to the redrive policy of the queue",
            message.id,
            told,
        )
        if self.settings.on_poison is None:
            return
        poison = PoisonMessage(
            message_id=message.id,
            receives=message.receives,
            error=error,
            body=message.body,
        )
        try:
            self.settings.on_poison(poison)
        except Exception as failed:  # noqa: BLE001  # a caller's
            log.warning("on_poison failed (%s)", type(failed).__name__)
