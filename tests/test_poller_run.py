"""A poller as a whole: begun, looked at, asked to end."""

from __future__ import annotations

import os
import pickle
import signal
import threading
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from tests.fake_sqs import SQSAnswerError
from tests.polling import Run, StillClock, texts

from safeses import Client
from safeses._seen import MemorySeenEvents
from safeses.errors import ConfigurationError, StoreError
from safeses.feedback import Receiver
from safeses.feedback._poller._stopping import Signals

if TYPE_CHECKING:
    from safeses.typing import SeenEvents

pytestmark = pytest.mark.race  # threads

# How often a test looks for what must come soon.
LOOKS = 30_000


class TestRun:
    """From the begin to the end of a poller."""

    def test_stop_from_a_hook(self) -> None:
        """A hook may end the poller: its message is finished first."""
        run = Run()
        run.receiver.acts["a"] = run.poller.stop
        run.sqs.put("a", "b")
        run.poller.run()

        assert (["a"], ["b"]) == (run.receiver.heard, run.sqs.visible())

    def test_stopped_before(self) -> None:
        """A poller that was asked to end before it began asks nothing."""
        run = Run()
        run.poller.stop()
        run.poller.run()

        assert [] == run.sqs.calls

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_signals(self, number: signal.Signals) -> None:
        """A signal ends it gracefully; handlers are put back after it."""
        before = signal.getsignal(number)
        run = Run()
        run.receiver.acts["a"] = lambda: os.kill(os.getpid(), number)
        run.sqs.put("a")
        run.poller.run()

        assert ([], before) == (run.sqs.stored, signal.getsignal(number))

    def test_second_signal(self, caplog: pytest.LogCaptureFixture) -> None:
        """The second signal ends it although a hook goes on."""
        free = threading.Event()

        def stuck() -> None:
            # Two of one kind may come as one.
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGINT)
            free.wait()

        run = Run()
        run.receiver.acts["a"] = stuck
        run.sqs.put("a")
        run.poller.run()
        free.set()

        assert [
            "the poller ends with 1 message in hand, which comes again"
        ] == [record.getMessage() for record in caplog.records]

    def test_stop_s(self) -> None:
        """A hook that never ends does not keep a poller from its end."""
        free = threading.Event()

        def stuck() -> None:
            run.poller.stop()
            free.wait()

        def time_goes_by() -> None:
            for _ in range(LOOKS):
                if run.sqs.visible() == ["b"]:
                    break
                run.clock.sleep(1)
            run.clock.advance(30)

        run = Run()
        run.receiver.acts["a"] = stuck
        run.sqs.put("a", "b")
        thread = threading.Thread(target=time_goes_by)
        thread.start()
        run.poller.run()
        free.set()
        thread.join()

        assert (["a"], ["b"], 1) == (
            run.receiver.heard,
            run.sqs.visible(),
            run.poller.counts.returned,
        )

    def test_outside_of_the_main_thread(self) -> None:
        """In another thread it leaves all signals to others."""
        run = Run()
        seen: list[Any] = []

        def look() -> None:
            seen.append(signal.getsignal(signal.SIGTERM))
            run.poller.stop()

        run.receiver.acts["a"] = look
        run.sqs.put("a")
        thread = threading.Thread(target=run.poller.run)
        thread.start()
        thread.join()

        assert [signal.getsignal(signal.SIGTERM)] == seen

    def test_dead_thread_is_replaced(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """If a hook ends its thread another takes its place."""
        run = Run()

        def leave() -> None:
            run.clock.advance(1)
            raise SystemExit

        run.receiver.acts["a"] = leave
        run.receiver.acts["b"] = run.poller.stop
        run.sqs.put("a")
        run.sqs.put("b")
        run.sqs.stored[1].visible_at = 1.0
        run.poller.run()

        assert (
            "a polling thread ended (SystemExit); another takes its place"
        ) in [record.getMessage() for record in caplog.records]

    def test_refused(self) -> None:
        """A queue that is not there is an error that says so."""
        run = Run(threads=3)
        gone = SQSAnswerError("AWS.SimpleQueueService.NonExistentQueue")
        run.sqs.faults["receive"] = [gone] * 3
        with pytest.raises(
            ConfigurationError, match="check the URL"
        ) as caught:
            run.poller.run()
        again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301  # ours

        assert str(caught.value) == str(again)

    def test_refused_may_run_again(self) -> None:
        """Once the queue is there the same poller can be run."""
        run = Run()
        run.sqs.faults["receive"] = [SQSAnswerError("AccessDenied")]
        with pytest.raises(ConfigurationError):
            run.poller.run()
        run.receiver.acts["a"] = run.poller.stop
        run.sqs.put("a")
        run.poller.run()

        assert [] == run.sqs.stored

    def test_runs_once_at_a_time(self) -> None:
        """A poller that runs refuses to run."""
        run = Run()
        errors: list[str] = []

        def again() -> None:
            with pytest.raises(ConfigurationError) as caught:
                run.poller.run()
            errors.append(caught.value.problem)
            run.poller.stop()

        run.receiver.acts["a"] = again
        run.sqs.put("a")
        run.poller.run()

        assert [
            "the poller runs already, or did so when this process was forked"
        ] == errors


class TestDrain:
    """What is there, and no more."""

    def test_empties_the_queue(self) -> None:
        """It returns once the queue is empty."""
        run = Run(threads=2)
        bodies = [f"b-{n}" for n in range(35)]
        run.sqs.put(*bodies)
        is_done = run.poller.drain()

        assert (True, [], sorted(bodies)) == (
            is_done,
            run.sqs.stored,
            sorted(run.receiver.heard),
        )

    @pytest.mark.parametrize("status", ["failed", "busy"])
    def test_says_what_is_left(self, status: str) -> None:
        """What failed is not waited for, and makes the answer False."""
        run = Run()
        run.receiver.acts["b"] = lambda: status
        run.sqs.put("a", "b")
        is_done = run.poller.drain()

        assert (False, ["b"]) == (
            is_done,
            [one.body for one in run.sqs.stored],
        )

    def test_asked_to_end(self) -> None:
        """A drain that was asked to end has not emptied the queue."""
        run = Run(batch=1)
        run.receiver.acts["a"] = run.poller.stop
        run.sqs.put("a", "b")

        assert False is run.poller.drain()


class TestRunOnce:
    """One receive in the caller's thread."""

    def test_one_batch(self) -> None:
        """It receives once and says how many messages came."""
        run = Run(batch=2)
        run.sqs.put("a", "b", "c")

        assert (2, ["c"], 1, 0) == (
            run.poller.run_once(),
            run.sqs.visible(),
            run.poller.run_once(),
            run.poller.run_once(),
        )

    def test_away(self) -> None:
        """If SQS does not answer nothing came."""
        run = Run()
        run.sqs.faults["receive"] = [TimeoutError()]

        assert 0 == run.poller.run_once()

    def test_refused(self) -> None:
        """If SQS refuses from the start that is an error."""
        run = Run()
        run.sqs.faults["receive"] = [SQSAnswerError("AccessDenied")]
        with pytest.raises(ConfigurationError) as caught:
            run.poller.run_once()

        assert "SQS refuses ReceiveMessage (AccessDenied)" == (
            caught.value.problem
        )


class Held(MemorySeenEvents):
    """Seen events whose first calls of *method* fail."""

    def __init__(self, method: str, *errors: Exception) -> None:
        """Remember what fails."""
        super().__init__(clock=StillClock())
        self.asked: list[str] = []
        self._method, self._errors = method, [*errors]

    def has(self, event: str, by: str) -> bool:
        """Look, or fail."""
        self._ask("has")
        return super().has(event, by)

    def hold(self, event: str, lease_s: float, owner: str) -> bool:
        """Hold, or fail."""
        self._ask("hold")
        return super().hold(event, lease_s, owner)

    def release(self, event: str, owner: str) -> None:
        """Let go, or fail."""
        self._ask("release")
        super().release(event, owner)

    def _ask(self, method: str) -> None:
        self.asked.append(method)
        if method == self._method and self._errors:
            raise self._errors.pop(0)


def with_state(seen: SeenEvents, **settings: Any) -> Run:
    """Return a poller whose receiver has *seen*."""
    lease_s = settings.pop("lease_s", 15)
    parts = attrs.evolve(
        Client(state="memory:", clock=StillClock()).feedback_parts, seen=seen
    )
    return Run(Receiver(parts, lease_s=lease_s), **settings)


class TestPreflight:
    """What is looked at before the first message is taken."""

    @pytest.mark.parametrize("method", ["has", "hold", "release"])
    @pytest.mark.parametrize("act", ["run", "drain", "run_once"])
    def test_no_state(self, method: str, act: str) -> None:
        """With a state that cannot be used no message is taken."""
        error = StoreError("seen events", "sqlite", "it is read-only")
        run = with_state(Held(method, error))
        # So that it would end all the same.
        run.sqs.faults["receive"] = [SQSAnswerError("AccessDenied")]
        with pytest.raises(ConfigurationError) as caught:
            getattr(run.poller, act)()

        problem = "seen events in sqlite: it is read-only"

        assert (f"the state cannot be used ({problem})", []) == (
            caught.value.problem,
            run.sqs.calls,
        )

    def test_any_error(self) -> None:
        """Whatever a store raises is an error that tells nothing of it."""
        run = with_state(Held("hold", OSError("eva@b.example")))
        run.sqs.faults["receive"] = [SQSAnswerError("AccessDenied")]
        with pytest.raises(ConfigurationError) as caught:
            run.poller.run()

        assert "the state cannot be used (OSError)" == caught.value.problem

    def test_leaves_nothing(self) -> None:
        """What was held to try it is let go of, and the state as it was."""
        seen = Held("none")
        run = with_state(seen)
        run.poller.drain()

        assert (0, ["has", "hold", "release"]) == (seen.purge(), seen.asked)

    def test_may_run_once_mended(self) -> None:
        """A state that is mended is looked at again; a good one is not."""
        seen = Held("hold", StoreError("seen events", "sqlite", "locked"))
        run = with_state(seen)
        with pytest.raises(ConfigurationError):
            run.poller.run_once()
        came = [run.poller.run_once() for _ in range(3)]

        assert ([0, 0, 0], 2) == (came, seen.asked.count("hold"))

    @pytest.mark.parametrize(
        "visibility_s, lease_s, count", [(15, 15, 1), (16, 15, 0), (2, 1, 0)]
    )
    def test_short_visibility(
        self,
        visibility_s: int,
        lease_s: float,
        count: int,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """Messages that come again before their lease ends are told of."""
        run = with_state(
            Held("none"), visibility_s=visibility_s, lease_s=lease_s
        )
        for _ in range(2):
            run.poller.drain()
        begin = f"WARNING visibility_s={visibility_s} is not above"

        assert [begin] * count == [
            text.partition(" the ")[0] for text in texts(caplog)
        ]


class TestSignals:
    """Counting signals."""

    def test_counts(self) -> None:
        """Signals are counted, and nothing else is done."""
        with Signals() as signals:
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGINT)

        assert 2 == signals.count

    def test_ignored_ones_come_back(self) -> None:
        """What ignored a signal before does so again."""
        before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
        try:
            with Signals():
                pass
            after = signal.getsignal(signal.SIGTERM)
        finally:
            signal.signal(signal.SIGTERM, before)

        assert signal.SIG_IGN == after
