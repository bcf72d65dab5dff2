"""
One thread of a poller: receive, handle, delete, again and again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from safeses._log import log
from safeses.feedback._poller._outage import (
    QueueError,
    pause_s,
    retry_after_s,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from safeses.errors import ConfigurationError
    from safeses.feedback._poller._in_hand import InHand
    from safeses.feedback._poller._judging import Judge
    from safeses.feedback._poller._liveness import Pulse
    from safeses.feedback._poller._queue import Message, Queue
    from safeses.feedback._poller._settings import Settings
    from safeses.feedback._poller._stopping import Stopping
    from safeses.feedback._poller._tally import Tally
    from safeses.typing import Clock

# Deleted at the end of a batch, or earlier if that is far away.
_DELETE_EVERY_S: Final = 5.0
_DELETE_TRIES: Final = 5
# At first, so that a queue that is not there is soon known.
_FIRST_WAIT_S: Final = 1
# Enough for SQS to look everywhere; what is asked to drain is not idle.
_DRAIN_WAIT_S: Final = 2
_DRAIN_TRIES: Final = 5
_LONGEST_REST_S: Final = 30.0


@attrs.frozen(kw_only=True)
class Turn:
    """
    What came of one receive.

    Attributes:
        received: How many messages came.
        done: How many of them are done.
        failed: How many of them failed, and may do better later.
        poison: How many of them are none.
    """

    received: int = 0
    done: int = 0
    failed: int = 0
    poison: int = 0


@attrs.define(eq=False, kw_only=True)
class Worker:
    """
    One thread of a poller.

    Attributes:
        name: What it is called.
        drains: Whether it ends once the queue is empty.
        refused: Why it cannot work at all, once that is known.
        left: Whether it has left anything that it met with.
    """

    name: str
    settings: Settings
    queue: Queue
    judge: Judge
    in_hand: InHand
    pulse: Pulse
    tally: Tally
    stopping: Stopping
    clock: Clock
    drains: bool = False
    refused: ConfigurationError | None = attrs.field(default=None, init=False)
    left: bool = attrs.field(default=False, init=False)
    _failures: int = attrs.field(default=0, init=False)

    def work(self) -> None:
        """Go on until the poller is to end, or the queue is empty."""
        wait_s = min(_FIRST_WAIT_S, self.settings.wait_s)
        after_s = self.settings.wait_s
        if self.drains:
            wait_s = after_s = min(_DRAIN_WAIT_S, after_s)
        self.pulse.begin(self.name)
        try:
            while not self.stopping.asked and self._goes_on(wait_s):
                wait_s = after_s
        finally:
            self.pulse.end(self.name)

    def _goes_on(self, wait_s: int) -> bool:
        """Take a turn; say whether there is to be another one."""
        pause = 0.0
        try:
            turn = self.turn(wait_s)
        except QueueError as error:
            self.refused = self.queue.outages.began(error)
            if self.refused is not None:
                return False
            self._failures += 1
            if self.drains and self._failures == _DRAIN_TRIES:
                self.left = True
                return False
            pause = pause_s(self._failures)
        except Exception as error:  # noqa: BLE001  # a thread must not end
            log.warning("polling failed (%s); going on", _name(error))
            self._failures += 1
            self.left = True
            pause = pause_s(self._failures)
        else:
            self.left = self.left or turn.done < turn.received
            if self.drains and not turn.received:
                return False
            # A state that is down fails all. Each receive brings messages
            # nearer to the redrive queue, so take them slowly.
            is_useless = turn.failed and not turn.done
            self._failures = self._failures + 1 if is_useless else 0
            if is_useless:
                pause = pause_s(self._failures, most_s=_LONGEST_REST_S)
        if pause:
            self.clock.sleep(pause, self.stopping.wake)
        return True

    def turn(self, wait_s: int) -> Turn:
        """
        Receive some messages, handle them, delete those that are done.

        Raises:
            QueueError: None could be received.
        """
        settings = self.settings
        messages = self.queue.receive(
            settings.batch, wait_s, settings.visibility_s
        )
        self.pulse.beat([self.name])
        if not messages:
            return Turn()
        self.tally.add(received=len(messages))
        renew_at = self.clock.monotonic() + settings.visibility_s / 2
        self.in_hand.add(messages, self.name, renew_at)
        try:
            return self._handle(messages)
        finally:
            self.in_hand.remove(messages)

    def _handle(self, messages: Sequence[Message]) -> Turn:
        done: list[Message] = []
        late: list[tuple[Message, float]] = []
        deleted = failed = poison = 0
        began = self.clock.monotonic()
        for message in messages:
            if self.stopping.asked or not self.in_hand.begin(message):
                continue
            verdict = self.judge.judge(message)
            self.pulse.beat([self.name])
            if verdict == "done":
                done.append(message)
            else:
                failed += verdict == "failed"
                poison += verdict == "poison"
                after_s = retry_after_s(
                    message.receives, self.settings.retry_s
                )
                late.append((message, after_s))
            if done and self.clock.monotonic() - began > _DELETE_EVERY_S:
                deleted += len(done)
                self._delete(done)
                done = []
                began = self.clock.monotonic()
        deleted += len(done)
        self._delete(done)
        self._put_off(late)
        self.give_back(self.in_hand.take_waiting(self.name))
        return Turn(
            received=len(messages), done=deleted, failed=failed, poison=poison
        )

    def _delete(self, messages: Sequence[Message]) -> None:
        """Delete what is done, if need be with patience."""
        again = [*messages]
        for tries in range(1, _DELETE_TRIES + 1):
            if not again:
                break
            if tries > 1:
                self.clock.sleep(pause_s(tries - 1), self.stopping.wake)
            try:
                again = self.queue.delete(again)
            except QueueError as error:
                self.queue.outages.began(error)
        self.in_hand.remove(messages)
        self.tally.add(deleted=len(messages) - len(again))
        if again:
            log.warning(
                "of messages that are done %d could not be deleted: they come"
                " again, and their events are known then",
                len(again),
            )

    def _put_off(self, messages: Sequence[tuple[Message, float]]) -> None:
        """Let messages come again later than by themselves, or sooner."""
        self.in_hand.remove([message for message, _ in messages])
        if not messages:
            return
        try:
            self.queue.hide(messages)
        except QueueError as error:  # then they come again by themselves
            self.queue.outages.began(error)

    def give_back(self, messages: Sequence[Message]) -> None:
        """Let others have what nobody has begun with."""
        self._put_off([(message, 0.0) for message in messages])
        self.tally.add(returned=len(messages))


def _name(error: BaseException) -> str:
    return type(error).__name__
