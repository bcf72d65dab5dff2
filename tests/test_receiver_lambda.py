"""What Lambda hands over, and what it is told to deliver again."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from tests.receiving import (
    OTHER_TOPIC,
    TOPIC,
    FakeVerifier,
    Noted,
    SpiedSeen,
    memory_parts,
    ses_event,
    sns_message,
)

from safeses.errors import (
    CertificateError,
    InvalidEventError,
    NotHandledError,
    UnverifiedEventError,
)
from safeses.feedback._receiver import Receiver

LOST = ConnectionError("lost")


def record(number: int, inside: object) -> dict[str, Any]:
    """Return a record of a queue."""
    return {
        "messageId": f"q-{number}",
        "receiptHandle": "r",
        "body": inside if isinstance(inside, str) else json.dumps(inside),
        "attributes": {"ApproximateReceiveCount": "1"},
        "eventSource": "aws:sqs",
        "awsRegion": "eu-west-1",
    }


def sns_record(inside: object, **more: Any) -> dict[str, Any]:
    """Return a record of SNS, in Lambda's spelling."""
    message = sns_message(inside, **more)
    message["SigningCertUrl"] = message.pop("SigningCertURL")
    return {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": f"{TOPIC}:1",
        "Sns": {**message, "Subject": None, "MessageAttributes": {}},
    }


def mail(number: int) -> dict[str, Any]:
    """Return an event about one of many mails."""
    return ses_event(message_id=f"m-{number}")


def failures(answer: dict[str, Any]) -> list[str]:
    """Return which messages come again."""
    return [item["itemIdentifier"] for item in answer["batchItemFailures"]]


class TestQueue:
    """A batch of a queue: each message is done, or comes again."""

    def test_all_is_done(self) -> None:
        """Nothing comes again."""
        noted = Noted()
        receiver = Receiver(memory_parts(), reactions=[noted])
        batch = [record(n, mail(n)) for n in range(10)]
        answer = receiver.receive_lambda({"Records": batch})

        assert ({"batchItemFailures": []}, 10) == (answer, noted.ran)

    def test_one_of_many_fails(self) -> None:
        """That one alone comes again, and is done then."""
        noted = Noted()
        receiver = Receiver(memory_parts(), reactions=[noted])
        receiver.receive_lambda({"Records": [record(0, mail(0))]})
        noted.fails = [LOST]
        batch = [record(n, mail(n)) for n in range(4)]
        first = receiver.receive_lambda({"Records": batch})
        second = receiver.receive_lambda({"Records": [batch[1]]})

        assert (["q-1"], [], 5) == (
            failures(first),
            failures(second),
            noted.ran,
        )

    def test_the_order_of_failures_and_garbage(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Garbage is left to the redrive policy; it stops no other."""
        noted = Noted()
        receiver = Receiver(memory_parts(), [TOPIC], reactions=[noted])
        batch = [
            record(0, "<html>eva@b.example"),
            record(1, mail(1)),
            record(2, sns_message(mail(2), topic=OTHER_TOPIC)),
            record(3, sns_message(mail(3))),
            record(4, '{"a": NaN}'),
        ]
        with caplog.at_level(logging.DEBUG):
            answer = receiver.receive_lambda({"Records": batch})
        levels = {entry.levelno for entry in caplog.records}

        assert (["q-0", "q-2", "q-4"], 2, {logging.WARNING}, False) == (
            failures(answer),
            noted.ran,
            levels,
            "eva" in caplog.text,
        )

    @pytest.mark.parametrize(
        "body", ['{"eventType":"Bounce","mail":{"mess', "hello", "", None]
    )
    def test_damaged(self, body: str | None) -> None:
        """What was cut off on the way is not deleted in silence."""
        receiver = Receiver(memory_parts())
        batch = [{**record(0, ""), "body": body}]

        assert ["q-0"] == failures(receiver.receive_lambda({"Records": batch}))

    @pytest.mark.parametrize("call", ["has", "hold", "mark"])
    def test_the_state_is_away(self, call: str) -> None:
        """All of the batch comes again."""
        seen = SpiedSeen(fails={call})
        receiver = Receiver(memory_parts(seen=seen), reactions=[Noted()])
        batch = [record(n, mail(n)) for n in range(3)]
        answer = receiver.receive_lambda({"Records": batch})

        assert ["q-0", "q-1", "q-2"] == failures(answer)

    def test_parts_that_break(self, caplog: pytest.LogCaptureFixture) -> None:
        """Whatever else is raised fails that message, and is logged."""
        parts = memory_parts()
        given = iter([parts, parts])

        class Broken:
            @property
            def feedback_parts(self) -> object:
                return next(given)

        receiver = Receiver(Broken(), reactions=[])  # type: ignore[arg-type]  # broken
        answer = receiver.receive_lambda({"Records": [record(0, mail(0))]})
        lines = [entry.getMessage() for entry in caplog.records]

        assert (
            ["q-0"],
            ["a message of the queue failed (StopIteration)"],
        ) == (failures(answer), lines)

    def test_no_signature_is_checked(self) -> None:
        """What a queue brings is trusted after the queue's policy."""
        verifier = FakeVerifier(UnverifiedEventError("a"))
        receiver = Receiver(
            memory_parts(), verifier=verifier, reactions=[Noted()]
        )
        answer = receiver.receive_lambda(
            {"Records": [record(0, sns_message(mail(0)))]}
        )

        assert ([], []) == (failures(answer), verifier.seen)

    def test_a_message_without_a_name(self) -> None:
        """It cannot be named as failed, so all of the batch is."""
        receiver = Receiver(memory_parts(), reactions=[Noted(fails=[LOST])])
        nameless = record(0, mail(0))
        del nameless["messageId"]
        with pytest.raises(NotHandledError) as caught:
            receiver.receive_lambda(
                {"Records": [nameless, record(1, mail(1))]}
            )

        assert ("noted",) == caught.value.failed


class TestOthers:
    """SNS and EventBridge deliver again what raised."""

    @pytest.mark.parametrize(
        "event",
        [
            {"Records": [sns_record(mail(1))]},
            {
                "id": "b",
                "detail-type": "Email Delivered",
                "source": "aws.ses",
                "detail": mail(1),
            },
        ],
        ids=["SNS", "EventBridge"],
    )
    def test_it_fails_and_comes_again(self, event: dict[str, Any]) -> None:
        """It raises until all is done."""
        noted = Noted(fails=[LOST])
        receiver = Receiver(memory_parts(), reactions=[noted])
        with pytest.raises(NotHandledError) as caught:
            receiver.receive_lambda(event)
        answers = [receiver.receive_lambda(event) for _ in range(2)]

        assert (("noted",), [{"batchItemFailures": []}] * 2, 2) == (
            caught.value.failed,
            answers,
            noted.ran,
        )

    def test_one_of_many_fails(self) -> None:
        """The others are done before it raises, and not again."""
        noted = Noted(fails=[LOST])
        receiver = Receiver(memory_parts(), reactions=[noted])
        event = {"Records": [sns_record(mail(n)) for n in range(3)]}
        with pytest.raises(NotHandledError):
            receiver.receive_lambda(event)
        receiver.receive_lambda(event)

        assert 4 == noted.ran

    def test_topics(self) -> None:
        """A message by another topic is refused."""
        receiver = Receiver(memory_parts(), [TOPIC], reactions=[Noted()])
        event = {"Records": [sns_record(mail(1), topic=OTHER_TOPIC)]}
        with pytest.raises(UnverifiedEventError) as caught:
            receiver.receive_lambda(event)

        assert "another topic" in str(caught.value)

    @pytest.mark.parametrize(
        "error", [UnverifiedEventError("a"), CertificateError("h", "away")]
    )
    def test_a_verifier_of_your_own(self, error: Exception) -> None:
        """With one signatures are checked here too, but no age."""
        verifier = FakeVerifier(error)
        noted = Noted()
        receiver = Receiver(
            memory_parts(), verifier=verifier, reactions=[noted]
        )
        event = {"Records": [sns_record(mail(1))]}
        with pytest.raises(type(error)):
            receiver.receive_lambda(event)
        verifier.fails = None
        receiver.receive_lambda(event)
        ages = [check_age for _, check_age in verifier.seen]

        assert (1, [False, False]) == (noted.ran, ages)

    @pytest.mark.parametrize(
        "event", [None, 17, "<html>", {"Records": [None]}, {"Records": [17]}]
    )
    def test_garbage(self, event: Any) -> None:
        """What is no event of AWS is said to be none."""
        receiver = Receiver(memory_parts(), reactions=[])
        with pytest.raises(InvalidEventError) as caught:
            receiver.receive_lambda(event)

        assert "event" in str(caught.value) or "JSON" in str(caught.value)

    @pytest.mark.parametrize(
        "context", [{"http": {}}, {"elb": {}}, {"stage": "prod"}]
    )
    @pytest.mark.parametrize("more", [{}, {"Records": [record(1, mail(1))]}])
    def test_a_request_of_http(
        self, context: dict[str, Any], more: dict[str, Any]
    ) -> None:
        """Anybody may have sent it: nothing is done, and it is not lost."""
        noted = Noted()
        receiver = Receiver(memory_parts(), [TOPIC], reactions=[noted])
        request = {
            "requestContext": context,
            "headers": {"x-amz-sns-message-type": "Notification"},
            "body": json.dumps(sns_message(mail(1))),
            **more,
        }
        with pytest.raises(InvalidEventError, match="receive_http"):
            receiver.receive_lambda(request)

        assert 0 == noted.ran

    def test_nothing(self) -> None:
        """An empty batch is done."""
        receiver = Receiver(memory_parts(), reactions=[])

        assert [] == failures(receiver.receive_lambda({"Records": []}))

    def test_an_interrupt_goes_up(self) -> None:
        """A function that is stopped does not go on with the batch."""
        noted = Noted(fails=[SystemExit()])
        receiver = Receiver(memory_parts(), reactions=[noted])
        batch = [record(n, mail(n)) for n in range(3)]
        with pytest.raises(SystemExit):
            receiver.receive_lambda({"Records": batch})

        assert 1 == noted.ran
