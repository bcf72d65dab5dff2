"""What a receiver is made of, and what it takes from trusted carriers."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import threading
from base64 import b64encode
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from tests.receiving import (
    OTHER_TOPIC,
    TOPIC,
    FakeVerifier,
    Idle,
    Noted,
    memory_parts,
    ses_event,
    sns_message,
)

from safeses import Client, Email
from safeses.errors import (
    ConfigurationError,
    InvalidEventError,
    NotHandledError,
    UnverifiedEventError,
)
from safeses.events import Bounce, Delivery, FeedbackEvent
from safeses.feedback._policy import BouncePolicy
from safeses.feedback._receiver import Receiver
from safeses.feedback._reply import Handled, Received
from safeses.testing import FakeClock, StubSES, stubbed

if TYPE_CHECKING:
    from collections.abc import Callable

    from safeses._parts import Parts

pytestmark = pytest.mark.race  # threads

LOST = ConnectionError("lost")
BOUNCE = ses_event("Bounce")
MAIL = Email(from_email="shop@a.example", to="eva@b.example", text="Hello!")


def eventbridge(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event as EventBridge hands it over."""
    return {
        "version": "0",
        "id": "b-1",
        "detail-type": "Email Bounced",
        "source": "aws.ses",
        "account": "123456789012",
        "time": "2026-01-01T00:00:07Z",
        "region": "eu-west-1",
        "detail": event,
    }


def queued(inside: object) -> dict[str, Any]:
    """Return a message of SQS."""
    body = inside if isinstance(inside, str) else json.dumps(inside)
    return {"MessageId": "q-1", "ReceiptHandle": "r-1", "Body": body}


def firehose(inside: object) -> dict[str, Any]:
    """Return a record of Firehose, as Lambda gets it."""
    return {"data": b64encode(json.dumps(inside).encode()).decode()}


CARRIERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "as it is": lambda e: e,
    "text": json.dumps,
    "bytes": lambda e: json.dumps(e).encode(),
    "SNS": sns_message,
    "SQS, raw": queued,
    "SNS over SQS": lambda e: queued(sns_message(e)),
    "an answer of SQS": lambda e: {"Messages": [queued(e)]},
    "EventBridge": eventbridge,
    "EventBridge over SQS": lambda e: queued(eventbridge(e)),
    "Firehose": lambda e: f"{json.dumps(e)}\n",
    "encoded twice": lambda e: json.dumps(json.dumps(e)),
}


class TestReceive:
    """Whatever carries it, an event is handled once."""

    def test_one_event_by_all_carriers(self) -> None:
        """The same event is the same by whatever it comes."""
        noted = Noted()
        receiver = Receiver(memory_parts(), reactions=[noted])
        statuses = [
            [h.status for h in receiver.receive(wrap(BOUNCE)).handled]
            for wrap in CARRIERS.values()
        ]

        assert (
            [["done"], *[["duplicate"]] * (len(CARRIERS) - 1)],
            1,
        ) == (statuses, noted.ran)

    def test_what_came_of_each(self) -> None:
        """Events and what came of them are in the order of the payload."""
        noted = Noted(fails=[LOST])
        receiver = Receiver(memory_parts(), reactions=[noted])
        payload = [ses_event("Bounce"), ses_event(), ses_event("Bounce")]
        received = receiver.receive(payload)

        assert (
            [Bounce, Delivery, Bounce],
            ["failed", "done", "done"],
            (False, ("noted",)),
        ) == (
            [type(event) for event in received.events],
            [handled.status for handled in received.handled],
            (received.is_done, received.failed),
        )

    @pytest.mark.parametrize(
        "payload", ["<html>", b"\xff", 17, None, "[" * 99]
    )
    def test_garbage(self, payload: Any) -> None:
        """What is no event raises: a queue has a redrive policy for it."""
        receiver = Receiver(memory_parts(), reactions=[])
        with pytest.raises(InvalidEventError) as caught:
            receiver.receive(payload)

        assert InvalidEventError is type(caught.value)

    @pytest.mark.parametrize(
        "wrap",
        [
            sns_message,
            lambda e, **more: queued(sns_message(e, **more)),
            lambda e, **more: json.dumps(sns_message(e, **more)),
            lambda e, **more: json.dumps(
                json.dumps(sns_message(e, **more))
            ).encode(),
            lambda e, **more: {"Messages": [queued(sns_message(e, **more))]},
            lambda e, **more: {"Records": [{"Sns": sns_message(e, **more)}]},
            lambda e, **more: [sns_message(e), sns_message(e, **more)],
            lambda e, **more: (queued(sns_message(e, **more)),),
            lambda e, **more: f"{json.dumps(sns_message(e, **more))}\n" * 2,
            lambda e, **more: {"records": [firehose(sns_message(e, **more))]},
            lambda e, **more: sns_message(sns_message(e), **more),
        ],
    )
    @pytest.mark.parametrize("topic", [TOPIC, OTHER_TOPIC])
    def test_a_foreign_topic(self, wrap: Any, topic: str) -> None:
        """A topic that is not named is refused; nothing of it is done."""
        noted = Noted()
        receiver = Receiver(memory_parts(), [TOPIC], reactions=[noted])
        refused = False
        try:
            receiver.receive(wrap(BOUNCE, topic=topic))
        except UnverifiedEventError:
            refused = True

        assert (topic != TOPIC, int(topic == TOPIC)) == (refused, noted.ran)

    @pytest.mark.parametrize("name", ["SQS, raw", "EventBridge", "Firehose"])
    def test_no_topic_at_all(self, name: str) -> None:
        """What does not come by SNS is not asked for a topic."""
        receiver = Receiver(memory_parts(), [TOPIC], reactions=[Noted()])

        assert receiver.receive(CARRIERS[name](BOUNCE)).is_done

    def test_a_text_that_names_a_topic(self) -> None:
        """What is no JSON has no envelope, and is left to the parser."""
        receiver = Receiver(memory_parts(), [TOPIC], reactions=[])
        received = receiver.receive(queued("TopicArn: {"))

        assert (True, 1) == (received.is_done, len(received.events))

    @pytest.mark.parametrize("levels", range(20))
    def test_no_level_hides_a_topic(self, levels: int) -> None:
        """What is too deep to be searched is too deep to be read."""
        payload: Any = sns_message(BOUNCE, topic=OTHER_TOPIC)
        for _ in range(levels):
            payload = {"Records": [payload]}
        parts = memory_parts()
        receiver = Receiver(parts, [TOPIC])
        with suppress(UnverifiedEventError):
            receiver.receive(payload)

        assert 0 == parts.suppressions.count()

    @pytest.mark.parametrize("topic", [None, [TOPIC], {TOPIC: 1}, 17, ...])
    def test_a_topic_that_is_no_text(self, topic: Any) -> None:
        """It is another topic, and so is none at all."""
        receiver = Receiver(memory_parts(), [TOPIC], reactions=[])
        message = sns_message(BOUNCE, topic=topic)
        if topic is ...:
            del message["TopicArn"]
        with pytest.raises(UnverifiedEventError) as caught:
            receiver.receive(message)

        assert "another topic" in str(caught.value)

    def test_a_confirmation_in_a_queue(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Nothing is confirmed there; the log says what to do."""
        receiver = Receiver(memory_parts(), [TOPIC], reactions=[])
        message = sns_message(
            "You", kind="SubscriptionConfirmation", Token="t0k"
        )
        with caplog.at_level("INFO", "safeses"):
            received = receiver.receive(queued(message))
        (line,) = (record.getMessage() for record in caplog.records)

        assert (True, True, False) == (
            received.is_done,
            "confirm_subscription" in line,
            "t0k" in line,
        )

    @pytest.mark.parametrize(
        "kind", ["SubscriptionConfirmation", "UnsubscribeConfirmation"]
    )
    def test_a_topic_that_is_none(
        self, kind: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        """What stands in its place forges no line and shows no address."""
        receiver = Receiver(memory_parts(), reactions=[])
        with caplog.at_level("INFO", "safeses"):
            for topic in (
                "a\nWARNING all is lost",
                "eva@b.example",
                "x" * 999,
            ):
                receiver = Receiver(memory_parts(), reactions=[])
                receiver.receive(
                    sns_message("x", kind=kind, topic=topic, Token="t0k")
                )
        lines = [record.getMessage() for record in caplog.records]
        shown = "".join(lines)

        assert (3, False, True) == (
            len(lines),
            any(word in shown for word in ("\n", "eva", "xxx", "t0k")),
            "999 characters" in shown,
        )

    def test_no_age(self) -> None:
        """A queue may keep a message for days."""
        clock = FakeClock()
        clock.advance(13 * 86_400)
        receiver = Receiver(memory_parts(clock), [TOPIC], reactions=[Noted()])

        assert receiver.receive(queued(sns_message(BOUNCE))).is_done

    def test_threads_and_carriers(self) -> None:
        """Of 16 deliveries at once, by all carriers, one is handled."""
        noted = Noted()
        receiver = Receiver(memory_parts(), reactions=[noted])
        payloads = [wrap(BOUNCE) for wrap in CARRIERS.values()] * 2
        gate = threading.Barrier(16)

        def deliver(number: int) -> str:
            gate.wait(30)
            (handled,) = receiver.receive(payloads[number]).handled
            return handled.status

        with ThreadPoolExecutor(16) as pool:
            statuses = Counter(pool.map(deliver, range(16)))
        statuses.update(failed=0)

        assert (1, 1, 0) == (
            noted.ran,
            statuses["done"],
            statuses["failed"],
        )


class TestWithAClient:
    """The facts of the client that sends, and its hooks."""

    def test_a_bounce_suppresses(self) -> None:
        """What bounced for good is not mailed again."""
        ses = Client(StubSES(), region="eu-west-1")
        receiver = Receiver(ses)
        told: list[FeedbackEvent] = []
        ses.on(Bounce, name="note")(told.append)
        statuses = [
            receiver.receive(BOUNCE).handled[0].status for _ in range(2)
        ]
        found = ses.suppressions.find("eva@b.example")

        assert (["done", "duplicate"], ["bounce"], 1) == (
            statuses,
            [entry.reason for entry in [found] if entry],
            len(told),
        )

    def test_a_hook_that_sends(self) -> None:
        """A hook may send with the same client."""
        stub = StubSES()
        ses = Client(stub, region="eu-west-1", state="memory:")
        receiver = Receiver(ses)

        @ses.on(Delivery, name="thank")
        def thank(event: Delivery) -> None:
            ses.send(MAIL, idempotency_key=f"thank/{event.id}")

        statuses = [
            receiver.receive(ses_event()).handled[0].status for _ in range(2)
        ]

        assert (["done", "duplicate"], 1) == (statuses, len(stub.outbox))

    def test_stubbed(self) -> None:
        """Within a test the events act on the facts of the test."""
        ses = Client(region="eu-west-1")
        receiver = Receiver(ses)
        told: list[FeedbackEvent] = []
        ses.on(Bounce, name="note")(told.append)
        with stubbed(ses):
            receiver.receive(BOUNCE)
            inside = ses.suppressions.find("eva@b.example")
        outside = ses.suppressions.find("eva@b.example")

        assert (True, None, 1) == (inside is not None, outside, len(told))

    def test_the_parts(self) -> None:
        """They are those of the state, under the client's names."""
        ses = Client(
            StubSES(), region="eu-west-1", namespace="shop", tag_key=b"k" * 16
        )
        named = Client(StubSES(), region="eu-west-1", account="123456789012")
        parts: Parts = ses.feedback_parts

        assert ("shop", "shop", b"k" * 16, "123456789012", False) == (
            parts.namespace,
            parts.account,
            parts.tag_key,
            named.feedback_parts.account,
            "kkk" in repr(parts),
        )


class Named:
    """What has no more of a reaction than its name."""

    name = "named"


class TestArguments:
    """What cannot work is refused when the receiver is made."""

    @pytest.mark.parametrize(
        "given, word",
        [
            ({"topic_arns": TOPIC}, "topic_arns"),
            ({"topic_arns": [b"x"]}, "topic_arns"),
            ({"accounts": "123456789012"}, "accounts"),
            ({"accounts": [123456789012]}, "accounts"),
            ({"identities": "a.example"}, "identities"),
            ({"identities": [""]}, "identities"),
            ({"max_body_bytes": 0}, "max_body_bytes"),
            ({"max_body_bytes": 0.5}, "max_body_bytes"),
            ({"max_body_bytes": True}, "max_body_bytes"),
            ({"max_body_bytes": "1"}, "max_body_bytes"),
            ({"verifier": object()}, "verifier="),
            ({"allow_unsigned": "false", "secret": "x" * 16}, "unsigned="),
            ({"confirm": "0"}, "confirm="),
            ({"require_known_message": 0}, "require_known_message="),
            ({"verifier": FakeVerifier}, "verifier="),
            ({"reactions": 17}, "reactions="),
            ({"reactions": [Noted]}, "name"),
            ({"reactions": [Named()]}, "'named' is no reaction"),
            ({"reactions": None, "policy": "soft"}, "policy="),
            ({"keep_s": 0}, "keep_s"),
            ({"lease_s": -1}, "lease_s"),
            ({"verifier": FakeVerifier(), "confirm": True}, "confirm"),
            ({"reactions": [Noted(), Noted()]}, "'noted'"),
            ({"reactions": [object()]}, "name"),
            ({"reactions": [Noted("")]}, "name"),
            ({"policy": BouncePolicy()}, "policy="),
            ({"allow_unsigned": True}, "secret"),
            ({"require_known_message": True}, "tag_key"),
            ({"accounts": ["abc"]}, "twelve digits"),
        ],
    )
    def test_one_that_is_wrong(self, given: dict[str, Any], word: str) -> None:
        """The text names it."""
        with pytest.raises(ConfigurationError) as caught:
            Receiver(memory_parts(), **{"reactions": [Idle()], **given})

        assert word in str(caught.value)

    @pytest.mark.parametrize("client", [None, "x", Client, 17])
    def test_no_client(self, client: Any) -> None:
        """Neither a client nor the parts of one."""
        with pytest.raises(ConfigurationError) as caught:
            Receiver(client)

        assert "Client" in str(caught.value)


class TestValues:
    """What comes of a payload."""

    @pytest.mark.parametrize(
        "statuses, is_done",
        [
            ([], True),
            (["done", "duplicate", "ignored"], True),
            (["done", "busy"], False),
            (["failed", "done"], False),
        ],
    )
    def test_is_done(self, statuses: list[Any], *, is_done: bool) -> None:
        """One event that is not done is enough to come again."""
        received = Received(
            handled=tuple(Handled(status=status) for status in statuses)
        )

        assert is_done is received.is_done

    @pytest.mark.parametrize("failed", [(), ("a", "b")])
    def test_the_error_pickles(self, failed: tuple[str, ...]) -> None:
        """It goes through a task queue as it is."""
        error = NotHandledError(failed)
        again = pickle.loads(pickle.dumps(error))  # noqa: S301  # our own

        assert (failed, str(error), True) == (
            again.failed,
            str(again),
            again.retryable,
        )


WITHOUT_CRYPTOGRAPHY = """
import logging, sys
sys.modules["cryptography"] = None
logging.basicConfig(stream=sys.stdout, format="%(message)s")
from tests.receiving import TOPIC, memory_parts, ses_event, sns_message
from safeses.feedback import Receiver
import json
ours = Receiver(memory_parts(), [TOPIC])
message = json.dumps(sns_message(ses_event()))
print(ours.receive(message).is_done)
print(ours.receive_http({}, message).status)
"""


def test_without_the_extra() -> None:
    """A queue needs no package; over HTTP the log says which is missing."""
    run = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-c", WITHOUT_CRYPTOGRAPHY],
        capture_output=True,
        check=False,
        text=True,
        timeout=300,
    )
    lines = run.stdout.splitlines()

    assert (["True", "503"], True) == (
        [line for line in lines if len(line) < 5],
        'pip install "safeses[sns]"' in run.stdout,
    ), run.stdout + run.stderr
