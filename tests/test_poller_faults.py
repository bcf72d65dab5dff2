"""What goes wrong with a poller: poison, and SQS or the state away."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from tests.fake_sqs import SQSAnswerError
from tests.polling import Bench, texts

from safeses.errors import InvalidEventError, UnverifiedEventError
from safeses.feedback._poller._outage import QueueError, pause_s
from safeses.feedback._poller._settings import PoisonMessage

BAD = InvalidEventError("an event is JSON", "text")


class TestPoison:
    """Messages that hold no event."""

    @pytest.mark.parametrize(
        "error, problem",
        [
            (BAD, "holds no event (an event is JSON)"),
            (
                UnverifiedEventError("a known topic", "another", "add it"),
                "is refused: a known topic, seen another; add it",
            ),
        ],
    )
    def test_left_to_the_redrive_policy(
        self,
        error: InvalidEventError,
        problem: str,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """Poison is never deleted by us; it ends where the queue says."""
        told: list[PoisonMessage] = []
        bench = Bench(on_poison=told.append)
        bench.sqs.max_receives = 3
        bench.raises("bad", error)
        bench.sqs.put("bad")
        for _ in range(4):
            bench.turn()
            bench.clock.advance(1_000)
        warning = (
            f"WARNING the message m-1 {problem}; it is left to the redrive"
            " policy of the queue"
        )

        assert (["bad"], 3, [], [warning], [("m-1", 1, error, "bad")]) == (
            bench.sqs.dead,
            bench.tally.counts.poison,
            bench.sqs.named("delete"),
            texts(caplog),
            [(p.message_id, p.receives, p.error, p.body) for p in told],
        )

    def test_blocks_nobody(self) -> None:
        """Poison neither stops a batch nor slows the next one."""
        bench = Bench()
        bench.raises("bad", BAD)
        bench.sqs.put(*["bad"] * 9, "good", *["bad"] * 9, "good")
        bench.work(bench.stop_after(5))
        pauses = [s for s in bench.clock.slept if 0.5 < s < 5 and s != 1]

        assert (2, []) == (bench.tally.counts.deleted, pauses)

    @pytest.mark.parametrize("body", ["x" * 1_001, "é" * 501, "\udce9" * 334])
    def test_too_large(self, body: str) -> None:
        """A body beyond the limit is poison, and never looked into."""
        bench = Bench()
        bench.sqs.put(body)
        bench.turn()

        assert ([], 1) == (bench.receiver.heard, bench.tally.counts.poison)

    def test_callback_fails(self, caplog: pytest.LogCaptureFixture) -> None:
        """An on_poison that raises is told of, and does no harm."""

        def fails(_: PoisonMessage) -> None:
            raise RuntimeError("eva@b.example")

        bench = Bench(on_poison=fails)
        bench.raises("bad", BAD)
        bench.sqs.put("bad", "good")
        bench.turn()

        assert ("WARNING on_poison failed (RuntimeError)", 1) == (
            texts(caplog)[-1],
            bench.tally.counts.deleted,
        )

    def test_repr_tells_nothing(self) -> None:
        """No repr of a message holds what is in it."""
        poison = PoisonMessage(
            message_id="m-1", receives=1, error=BAD, body="eva@b.example"
        )

        assert "eva" not in repr(poison)


class TestAway:
    """SQS does not answer, or refuses."""

    def test_one_warning_per_outage(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """An outage is one warning, and its end one line of information."""
        caplog.set_level(logging.INFO)
        bench = Bench()
        away = [TimeoutError(), ConnectionError(), SQSAnswerError("x")]
        bench.sqs.faults["receive"] = [None, *away, None, None, *away]
        bench.work(bench.stop_after(600))
        began = "; trying again, ever less often"

        assert [
            f"WARNING SQS does not do ReceiveMessage (TimeoutError){began}",
            "INFO SQS does ReceiveMessage again",
        ] * 2 == texts(caplog)

    def test_waits_ever_longer(self) -> None:
        """While SQS is away it is asked ever less often, each minute then."""
        bench = Bench()
        bench.sqs.faults["receive"] = [TimeoutError()] * 1_000
        bench.work(bench.stop_after(3_600))

        assert True is (60 <= len(bench.sqs.named("receive")) <= 130)

    @pytest.mark.parametrize(
        "code, remedy",
        [
            ("AccessDenied", "allow sqs:ReceiveMessage"),
            ("com.amazonaws.sqs#AccessDeniedException", "allow sqs:"),
            ("KMS.AccessDeniedException", "on its key"),
            ("AWS.SimpleQueueService.NonExistentQueue", "check the URL"),
            ("InvalidClientTokenId", "check the AWS credentials"),
        ],
    )
    def test_refused_at_the_start(self, code: str, remedy: str) -> None:
        """Who is refused from the start is told what to do, and ends."""
        bench = Bench()
        bench.sqs.faults["receive"] = [SQSAnswerError(code)]
        worker = bench.worker()
        worker.work()
        text = str(worker.refused)

        assert (True, True, False) == (
            remedy in text,
            code.replace("#", ".").rpartition(".")[2] in text,
            "eva" in text,
        )

    def test_nothing_of_the_answer_comes_along(self) -> None:
        """No error holds the one of botocore, whose text quotes requests."""
        bench = Bench()
        bench.sqs.faults["receive"] = [SQSAnswerError("AccessDenied")]
        with pytest.raises(QueueError) as caught:
            bench.turn()

        assert (None, None) == (
            caught.value.__context__,
            caught.value.__cause__,
        )

    def test_refused_later(self, caplog: pytest.LogCaptureFixture) -> None:
        """Who is refused later waits, and says what would help."""
        bench = Bench()
        denied = [SQSAnswerError("AccessDenied")] * 4
        bench.sqs.faults["receive"] = [None, *denied]
        bench.work(bench.stop_after(300))

        assert [
            (
                "WARNING SQS does not do ReceiveMessage (AccessDenied);"
                " trying again, ever less often: allow sqs:ReceiveMessage on"
                " the queue (and on its key) in IAM"
            )
        ] == texts(caplog)

    def test_may_not_delete(self, caplog: pytest.LogCaptureFixture) -> None:
        """Deletes that are refused are one warning, though polls succeed."""
        bench = Bench()
        bench.acts("a", "done", "duplicate")
        bench.sqs.faults["delete"] = [SQSAnswerError("AccessDenied")] * 30
        bench.sqs.put("a")
        bench.work(bench.stop_after(200))
        refused = [t for t in texts(caplog) if "sqs:DeleteMessage" in t]

        assert 1 == len(refused)

    def test_state_is_down(self) -> None:
        """If all fails, messages are taken slowly, not burnt."""
        bench = Bench(batch=1)
        bodies = [f"b-{n}" for n in range(1_000)]
        for body in bodies:
            bench.acts(body, "failed")
        bench.sqs.put(*bodies)
        bench.work(bench.stop_after(600))

        assert True is (20 <= bench.tally.counts.received <= 60)

    def test_worker_outlives_an_error(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """An answer that makes no sense does not end a worker."""
        bench = Bench()
        answers: list[Any] = [{"Messages": [{"Body": "no handle"}]}]
        real = bench.sqs.receive_message

        def odd(**asked: Any) -> Any:
            return answers.pop() if answers else real(**asked)

        bench.queue.polls = type(
            "Odd", (), {"receive_message": staticmethod(odd)}
        )()
        bench.sqs.put("a")
        bench.work(bench.stop_after(10))

        assert (["WARNING polling failed (KeyError); going on"], ["a"]) == (
            texts(caplog),
            bench.receiver.heard,
        )

    def test_drain_gives_up(self) -> None:
        """Who drains a queue does not wait for SQS for ever, and says so."""
        bench = Bench()
        bench.sqs.faults["receive"] = [TimeoutError()] * 100
        worker = bench.worker(drains=True)
        worker.work()

        assert (True, 5) == (worker.left, len(bench.sqs.named("receive")))


def test_pauses_are_bounded() -> None:
    """Pauses grow to a bound, whatever the number of failures."""
    failures = [1, 2, 3, 10, 10_000, 10**9]
    longest = [1, 2, 4, 60, 60, 60]

    assert [True] * 6 == [
        most / 2 <= pause_s(n) <= most
        for n, most in zip(failures, longest, strict=True)
    ]
