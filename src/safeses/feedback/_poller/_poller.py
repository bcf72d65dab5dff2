"""
The poller: threads that empty a queue, until they are asked to end.
"""

from __future__ import annotations

import datetime as dt
import os
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from safeses._clock import SystemClock
from safeses.errors import ConfigurationError
from safeses.feedback._poller._connect import connect
from safeses.feedback._poller._crew import Crew, supervise
from safeses.feedback._poller._in_hand import InHand, Keeper
from safeses.feedback._poller._judging import Judge
from safeses.feedback._poller._liveness import Pulse, Systemd
from safeses.feedback._poller._outage import Outages, QueueError
from safeses.feedback._poller._preflight import preflight
from safeses.feedback._poller._settings import (
    BODY_BYTES,
    PoisonMessage,
    ReceiverLike,
    Settings,
)
from safeses.feedback._poller._stopping import Signals, Stopping
from safeses.feedback._poller._tally import PollCounts, Tally
from safeses.feedback._poller._working import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from safeses.feedback._poller._queue import Queue
    from safeses.typing import Clock

# Two polls and their answers, and a pause.
_ALIVE_S: Final = 150.0


class SQSPoller:
    """
    Empties an SQS queue into a receiver.

    A message is deleted once all of its events are done, and never before.
    One that is not done comes again, ever later; one that holds no event
    is left to the redrive policy of the queue, and reported once. So give
    the queue such a policy: what nobody can handle comes again until the
    queue forgets it.

    While hooks run, their messages stay hidden from other pollers, however
    long that takes, up to the 12 hours of SQS.

    Do not fork while it runs: make a poller in each process instead.

    Args:
        queue_url: The URL or the ARN of the queue.
        receiver: What handles the messages.
        sqs: A client made by ``boto3.client("sqs")``, which threads share;
            None makes one for the region of the queue.
        threads: How many receive and handle at the same time.
        wait_s: Whole seconds for which SQS holds back an empty answer, 20
            at most.
        visibility_s: Whole seconds for which a message stays hidden after
            its poller has died; more than the receiver's `lease_s`, or it
            comes again while its event is still held. It costs a call for
            each half of it that a message is in hand.
        batch: How many messages a thread receives at once, 10 at most.
        stop_s: Seconds for which an end waits for messages that were
            begun. Let your supervisor wait a little longer.
        retry_s: Seconds until a message comes again that was not done;
            they double with each receive, up to 15 minutes.
        heartbeat_file: A file that is touched while the poller gets on.
        max_body_bytes: The longest message that is looked at.
        on_poison: Is told of each message that holds no event, once.
        clock: Where the time comes from.

    Raises:
        ConfigurationError: An argument cannot work.
    """

    def __init__(
        self,
        queue_url: str,
        receiver: ReceiverLike,
        *,
        sqs: Any = None,
        threads: int = 1,
        wait_s: int = 20,
        visibility_s: int = 60,
        batch: int = 10,
        stop_s: float = 30.0,
        retry_s: float = 30.0,
        heartbeat_file: str | os.PathLike[str] | None = None,
        max_body_bytes: int = BODY_BYTES,
        on_poison: Callable[[PoisonMessage], object] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._settings = Settings(
            queue=queue_url,
            receiver=receiver,
            sqs=sqs,
            threads=threads,
            wait_s=wait_s,
            visibility_s=visibility_s,
            batch=batch,
            stop_s=stop_s,
            retry_s=retry_s,
            heartbeat_file=heartbeat_file,
            max_body_bytes=max_body_bytes,
            on_poison=on_poison,
        )
        self._clock: Clock = clock or SystemClock()
        self._outages = Outages()
        self._tally = Tally()
        self._judge = Judge(self._settings, self._tally)
        self._in_hand = InHand()
        self._pulse = Pulse(
            self._clock, Path(heartbeat_file) if heartbeat_file else None
        )
        self._wanted = False
        self._stopping = Stopping()
        self._running = threading.Lock()
        self._pid = os.getpid()
        self._known_queue: Queue | None = None
        self._is_fit = False

    def run(self) -> None:
        """
        Poll until `stop`, or until SIGTERM or SIGINT.

        The signals are heard in the main thread only, and the handlers
        that were there are put back. With the first one, messages that
        were begun are finished, within `stop_s`, and others given back; a
        poll that is under way ends by itself, within `wait_s`. With the
        second one it ends at once, and what is in hand comes again.

        SQS may be away for as long as it likes. The state must be there
        at the start, as nothing could be done without it.

        Raises:
            ConfigurationError: SQS refused from the start, the state of
                the receiver cannot be used, or the poller runs already.
        """
        self._run(drains=False)

    def drain(self) -> bool:
        """
        Poll until the queue is empty; for a job that runs now and then.

        What failed is not waited for: it comes again to the next one.

        Returns:
            Whether all is done that came; False also if SQS was away for
            some time, or the poller was asked to end.

        Raises:
            ConfigurationError: As in `run`.
        """
        return self._run(drains=True)

    def run_once(self) -> int:
        """
        Receive once, in this thread, and handle what came.

        Returns:
            How many messages came; 0 also if SQS did not answer, which is
            logged.

        Raises:
            ConfigurationError: As in `run`.
        """
        with self._alone():
            crew = self._crew(0)
            self._check()
            crew.begin()  # what keeps messages hidden
            worker = self._worker("safeses-poller-once")
            try:
                return worker.turn(self._settings.wait_s).received
            except QueueError as error:
                refusal = self._outages.began(error)
            finally:
                crew.end()
            if refusal is not None:
                raise refusal
            return 0

    def stop(self) -> None:
        """
        Ask `run` to end soon; from any thread, and any signal handler.

        It does not wait, and a poller that was asked stays so.
        """
        self._wanted = True
        self._stopping.asked = True

    @property
    def counts(self) -> PollCounts:
        """What it has met with since it was made."""
        return self._tally.counts

    @property
    def last_seen_at(self) -> dt.datetime | None:
        """When it last got on, aware UTC; None for never."""
        seen_at = self._pulse.seen_at
        if not seen_at:
            return None
        return dt.datetime.fromtimestamp(seen_at, dt.timezone.utc)

    def is_alive(self, max_age_s: float = _ALIVE_S) -> bool:
        """
        Whether every thread got on within so many seconds.

        To get on is to have an answer of SQS, or a message in hand that is
        kept hidden.
        """
        return self._pulse.is_alive(max_age_s)

    def _run(self, *, drains: bool) -> bool:
        with self._alone(), Signals() as signals:
            self._pulse.check_file()
            crew = self._crew(self._settings.threads, drains=drains)
            was_asked = False
            try:
                if not self._stopping.asked:
                    self._check()
                    supervise(
                        crew,
                        signals,
                        Systemd.of(os.environ),
                        self._clock,
                        self._settings.stop_s,
                    )
                was_asked = bool(signals.count)
            finally:
                # Reached in haste, too: then the threads end when they can.
                was_asked = self._let_go() or was_asked
                crew.end()
        refusal = crew.refused
        if refusal is not None:
            raise refusal
        return not was_asked and not crew.has_left

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._running.acquire(blocking=False):
            raise ConfigurationError(
                "the poller runs already, or did so when this process was"
                " forked",
                "use threads=, or make a poller in each process",
            )
        try:
            pid = os.getpid()
            if pid != self._pid:  # connections are the parent's
                self._pid, self._known_queue = pid, None
            yield
        finally:
            self._running.release()

    def _check(self) -> None:
        if not self._is_fit:
            preflight(self._settings)
            self._is_fit = True

    def _let_go(self) -> bool:
        """Make the threads of this run end; say whether `stop` asked."""
        stopping, self._stopping = self._stopping, Stopping()
        # After the change: a `stop` at this moment reaches one of the two.
        if self._wanted:
            self._stopping.asked = True
        stopping.asked = True
        stopping.wake.set()
        return self._wanted

    def _queue(self) -> Queue:
        if self._known_queue is None:
            self._known_queue = connect(self._settings, self._outages)
        return self._known_queue

    def _crew(self, size: int, *, drains: bool = False) -> Crew:
        queue = self._queue()
        return Crew(
            make=lambda name: self._worker(name, drains=drains),
            keeper=Keeper(
                queue,
                self._in_hand,
                self._pulse,
                self._clock,
                self._settings.visibility_s,
            ),
            stopping=self._stopping,
            size=size,
        )

    def _worker(self, name: str, *, drains: bool = False) -> Worker:
        return Worker(
            name=name,
            settings=self._settings,
            queue=self._queue(),
            judge=self._judge,
            in_hand=self._in_hand,
            pulse=self._pulse,
            tally=self._tally,
            stopping=self._stopping,
            clock=self._clock,
            drains=drains,
        )
