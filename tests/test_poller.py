"""A poller's messages: deleted once done, hidden meanwhile, never lost."""

from __future__ import annotations

from typing import Any

import pytest
from tests.polling import Bench, texts

from safeses.errors import InvalidEventError, StoreError
from safeses.feedback._poller._tally import PollCounts


class TestDeleting:
    """What is deleted, and when."""

    def test_done_is_deleted(self) -> None:
        """Messages that are done are deleted by one call."""
        bench = Bench()
        bench.sqs.put("a", "b", "c")
        bench.turn()

        assert ([], ["a", "b", "c"], 1) == (
            bench.sqs.stored,
            bench.receiver.heard,
            len(bench.sqs.named("delete")),
        )

    @pytest.mark.parametrize("status", ["duplicate", "ignored"])
    def test_nothing_left_to_do(self, status: str) -> None:
        """A message with nothing left to do is deleted as well."""
        bench = Bench()
        bench.acts("a", status)
        bench.sqs.put("a")
        bench.turn()

        assert [] == bench.sqs.stored

    @pytest.mark.parametrize("status", ["failed", "busy"])
    def test_not_done_stays(self, status: str) -> None:
        """A message that is not done stays, hidden for a while."""
        bench = Bench()
        bench.acts("b", status)
        bench.sqs.put("a", "b", "c")
        bench.turn()
        hidden = bench.sqs.hidden_s()

        assert (["b"], True) == (
            [one.body for one in bench.sqs.stored],
            15 <= hidden[0] <= 30,
        )

    @pytest.mark.parametrize(
        "error",
        [
            StoreError("seen", "sqlite", "locked"),
            RuntimeError("eva@b.example"),
            MemoryError(),
            RecursionError(),
        ],
    )
    def test_error_stays(
        self, error: Exception, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Whatever a receiver raises, the message stays, others go on."""
        bench = Bench()
        bench.raises("a", error)
        bench.sqs.put("a", "b")
        bench.turn()
        name = type(error).__name__

        assert (
            ["a"],
            [
                (
                    f"WARNING handling the message m-1 failed ({name}); it"
                    " comes again"
                )
            ],
        ) == ([one.body for one in bench.sqs.stored], texts(caplog))

    def test_exit_in_a_hook_deletes_nothing(self) -> None:
        """A hook that ends its thread leaves every message in the queue."""
        bench = Bench()
        bench.raises("b", SystemExit(1))
        bench.sqs.put("a", "b", "c")
        with pytest.raises(SystemExit):
            bench.turn()

        assert (["a", "b", "c"], 0) == (
            [one.body for one in bench.sqs.stored],
            len(bench.in_hand),
        )

    def test_waits_longer_each_time(self) -> None:
        """A message that fails on comes again ever later, 15 min at most."""
        bench = Bench()
        bench.acts("a", "failed")
        bench.sqs.put("a")
        longest = []
        for _ in range(8):
            bench.turn()
            (hidden,) = bench.sqs.hidden_s()
            longest.append(hidden)
            bench.clock.advance(hidden)
        bounds = [30, 60, 120, 240, 480, 900, 900, 900]

        assert [True] * 8 == [
            bound / 2 <= hidden <= bound
            for hidden, bound in zip(longest, bounds, strict=True)
        ]

    def test_some_not_deleted(self) -> None:
        """Of a batch that SQS deletes in part the rest is tried again."""
        bench = Bench()
        bench.sqs.partial["delete"] = [{0: False, 2: False}, {1: False}]
        bench.sqs.put("a", "b", "c")
        bench.turn()

        assert ([], [3, 2, 1], ["a", "b", "c"], 3) == (
            bench.sqs.stored,
            [len(c["Entries"]) for c in bench.sqs.named("delete")],
            bench.receiver.heard,
            bench.tally.counts.deleted,
        )

    def test_old_handle_is_not_tried_again(self) -> None:
        """What SQS will never delete by this handle is asked for once."""
        bench = Bench()
        bench.sqs.partial["delete"] = [{0: True}]
        bench.sqs.put("a")
        bench.turn()

        assert 1 == len(bench.sqs.named("delete"))

    def test_never_deleted(self, caplog: pytest.LogCaptureFixture) -> None:
        """What cannot be deleted is given up after some tries, and told."""
        bench = Bench()
        bench.sqs.faults["delete"] = [TimeoutError()] * 5
        bench.sqs.put("a")
        bench.turn()

        assert (
            [
                (
                    "WARNING SQS does not do DeleteMessage (TimeoutError);"
                    " trying again, ever less often"
                ),
                (
                    "WARNING of messages that are done 1 could not be deleted:"
                    " they come again, and their events are known then"
                ),
            ],
            5,
            0,
        ) == (
            texts(caplog),
            len(bench.sqs.named("delete")),
            bench.tally.counts.deleted,
        )

    def test_long_batch_deletes_early(self) -> None:
        """In a slow batch, what is done is not kept back to its end."""
        bench = Bench()
        seen: list[list[str]] = []

        def last() -> None:
            seen.append([one.body for one in bench.sqs.stored])

        bench.takes("a", 6)
        bench.receiver.acts["b"] = last
        bench.sqs.put("a", "b")
        bench.turn()

        assert [["b"]] == seen


class TestHiding:
    """Messages in hand stay hidden."""

    def test_slow_hook_is_not_delivered_twice(self) -> None:
        """A hook of ten visibilities runs once, beside another poller."""
        bench = Bench(visibility_s=30)
        bench.takes("slow", 300)
        bench.sqs.put("slow")
        bench.work(bench.stop_after(400), workers=2)

        assert (["slow"], []) == (bench.receiver.heard, bench.sqs.stored)

    def test_waiting_messages_stay_hidden(self) -> None:
        """What waits in the batch of a slow message is hidden as well."""
        bench = Bench(visibility_s=30)
        bench.takes("slow", 300)
        bench.sqs.put("slow", "b", "c")
        bench.work(bench.stop_after(400), workers=2)

        assert (["slow", "b", "c"], []) == (
            bench.receiver.heard,
            bench.sqs.stored,
        )

    def test_renewed_at_half_time(self) -> None:
        """A message is hidden anew before half of its time is over."""
        bench = Bench(visibility_s=40)
        least: list[float] = []

        def slow() -> None:
            for _ in range(200):
                bench.clock.sleep(1)
                least.extend(bench.sqs.hidden_s())

        bench.receiver.acts["slow"] = slow
        bench.sqs.put("slow")
        bench.work(bench.stop_after(10))

        assert (True, True) == (
            19 <= min(least),
            len(bench.sqs.named("hide")) <= 200 / (40 / 2 - 40 / 8) + 1,
        )

    def test_survives_an_outage(self) -> None:
        """One call that fails does not make a message visible."""
        bench = Bench(visibility_s=40)
        bench.takes("slow", 200)
        bench.sqs.faults["hide"] = [None, TimeoutError(), TimeoutError()]
        bench.sqs.put("slow")
        bench.work(bench.stop_after(250), workers=2)

        assert ["slow"] == bench.receiver.heard

    def test_lost_message_is_told(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """That somebody else may have a message is told, once."""
        bench = Bench(visibility_s=40)
        bench.takes("slow", 200)
        bench.sqs.partial["hide"] = [{0: True}] * 9
        bench.sqs.put("slow")
        bench.work(bench.stop_after(10))

        assert (
            [
                (
                    "WARNING the message m-1 is hidden no more while it is"
                    " handled: somebody else may get it too"
                )
            ],
            [],
        ) == (texts(caplog), bench.sqs.stored)

    def test_lost_message_is_not_begun(self) -> None:
        """What was lost while it waited is left to who has it now."""
        bench = Bench(visibility_s=40)
        bench.takes("slow", 200)
        heard_at: list[float] = []
        bench.receiver.acts["lost"] = lambda: heard_at.append(
            bench.clock.monotonic()
        )
        bench.sqs.partial["hide"] = [{1: True}]
        bench.sqs.put("slow", "lost")
        bench.work(bench.stop_after(300), workers=2)

        assert (1, True) == (len(heard_at), 40 <= heard_at[0] < 100)

    def test_keeper_outlives_an_error(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """An answer that makes no sense does not end the keeping."""
        bench = Bench(visibility_s=40)
        bench.takes("slow", 100)
        answers: list[Any] = [{"Successful": [{"Id": "x"}]}]
        real = bench.sqs.change_message_visibility_batch

        def odd(**asked: Any) -> Any:
            return answers.pop() if answers else real(**asked)

        bench.queue.acts = type(
            "Odd",
            (),
            {
                "change_message_visibility_batch": staticmethod(odd),
                "delete_message_batch": bench.sqs.delete_message_batch,
            },
        )()
        bench.sqs.put("slow")
        bench.work(bench.stop_after(10), workers=2)

        assert (
            ["WARNING keeping messages failed (ValueError)"],
            ["slow"],
        ) == (
            texts(caplog),
            bench.receiver.heard,
        )


class TestStopping:
    """What an end does to what is in hand."""

    def test_begun_is_finished(self) -> None:
        """A message that was begun is finished; others are given back."""
        bench = Bench()
        bench.takes("slow", 100)
        bench.sqs.put("slow", "b", "c")
        bench.work(bench.stop_after(50))

        assert (["slow"], ["b", "c"], 2) == (
            bench.receiver.heard,
            bench.sqs.visible(),
            bench.tally.counts.returned,
        )

    def test_late_messages_are_given_back(self) -> None:
        """What a poll brings after the end was asked for is given back."""
        bench = Bench()

        def put_late() -> None:
            bench.clock.sleep(15)
            bench.sqs.put("late")

        bench.work(bench.stop_after(10), put_late)

        assert ([], ["late"]) == (bench.receiver.heard, bench.sqs.visible())

    def test_pause_ends(self) -> None:
        """A worker that waits for SQS to come back does not delay an end."""
        bench = Bench()
        bench.sqs.faults["receive"] = [None] + [TimeoutError()] * 100
        bench.work(bench.stop_after(300))

        assert True is (bench.clock.monotonic() < 310)


class TestTally:
    """What is counted."""

    def test_counts(self) -> None:
        """Messages and events are counted by what came of them."""
        bench = Bench()
        bench.acts("twice", "duplicate")
        bench.acts("foreign", "ignored")
        bench.acts("fails", "failed")
        bench.raises("bad", InvalidEventError("an event is JSON", "text"))
        bench.sqs.put("new", "twice", "foreign", "fails", "bad")
        bench.turn()

        assert (
            PollCounts(
                received=5,
                deleted=3,
                handled=1,
                duplicates=1,
                ignored=1,
                failed=1,
                poison=1,
            )
        ) == bench.tally.counts
