"""Requests of SNS: who is believed, and what strangers get to see."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

import pytest
from tests import sns_authority as authority
from tests.receiving import (
    RAW,
    SECRET,
    TOPIC,
    FakeVerifier,
    Noted,
    basic,
    memory_parts,
    ses_event,
    site,
    sns_message,
)

from safeses.errors import (
    ConfigurationError,
    UnverifiedEventError,
)
from safeses.events import Bounce, TopicConfirmation
from safeses.feedback._http import knows
from safeses.feedback._receiver import Receiver
from safeses.feedback._sns import SNSVerifier
from safeses.testing import FakeClock

REFUSED = "a message of SNS is refused: a, seen b"
LOST = ConnectionError("lost")
CONFIRMATION = "SubscriptionConfirmation"


class TestTrust:
    """Nothing that is not signed is acted on."""

    def test_the_whole_message_is_verified(self) -> None:
        """It is verified as it arrived, with its age."""
        ours = site()
        message = sns_message(ses_event(), UnsubscribeURL="https://x")
        ours.post(message)

        assert [(message, True)] == ours.verifier.seen

    @pytest.mark.parametrize(
        "added",
        [
            ses_event("Bounce"),
            {"Records": [{"Sns": sns_message(ses_event("Bounce"))}]},
            {"records": [ses_event("Bounce")]},
            {"Body": json.dumps(ses_event("Bounce")), "ReceiptHandle": "x"},
            {"detail-type": "x", "source": "aws.ses", "detail": ses_event()},
            {"Sns": sns_message(ses_event("Bounce"))},
        ],
    )
    def test_what_is_added_to_a_genuine_message(
        self, added: dict[str, Any]
    ) -> None:
        """Only what the signature speaks for is read."""
        ours = site()
        told: list[str] = []
        ours.parts.hooks.add(Bounce, told.append, "bounced")
        message = sns_message("Successfully validated SNS topic for Amazon")
        reply = ours.post({**message, **added})

        assert (200, 0, []) == (reply.status, ours.noted.ran - 1, told)

    @pytest.mark.parametrize(
        "headers", [RAW, {"X-Amz-Sns-Rawdelivery": "TRUE"}, {}]
    )
    def test_raw_delivery(self, headers: dict[str, str]) -> None:
        """It has no signature, so it is refused."""
        ours = site()
        reply = ours.post(ses_event(), headers)

        assert (403, 0) == (reply.status, ours.noted.ran)

    def test_a_message_that_says_that_it_is_raw(self) -> None:
        """The header saves nobody the signature."""
        ours = site(verifier=FakeVerifier(UnverifiedEventError("a")))
        reply = ours.post(sns_message(ses_event()), RAW)

        assert (403, 0) == (reply.status, ours.noted.ran)

    def test_raw_delivery_with_a_secret(self) -> None:
        """Who knows the secret may, if that was asked for."""
        ours = site(secret=SECRET, allow_unsigned=True)
        without = ours.post(ses_event(), RAW)
        reply = ours.post(ses_event(), {**RAW, **basic(SECRET)})

        assert (401, 200, 1) == (
            without.status,
            reply.status,
            ours.noted.ran,
        )

    def test_raw_set_up(self) -> None:
        """SES's first message is no JSON; delivered raw it is known."""
        ours = site(secret=SECRET, allow_unsigned=True)
        text = (
            "Successfully validated SNS topic for Amazon SES event publishing."
        )
        statuses = [
            ours.post(text, headers).status
            for headers in (basic(SECRET) | RAW, basic(SECRET))
        ]

        assert [200, 400] == statuses

    def test_a_secret_saves_no_signature(self) -> None:
        """A message of SNS is verified all the same."""
        ours = site(
            verifier=FakeVerifier(UnverifiedEventError("a")),
            secret=SECRET,
            allow_unsigned=True,
        )
        reply = ours.post(sns_message(ses_event()), basic(SECRET))

        assert (403, 0) == (reply.status, ours.noted.ran)

    def test_no_topics(self) -> None:
        """A receiver of queues believes no request; but it may be mended."""
        reply = site(verifier=None).post(sns_message(ses_event()))

        assert 503 == reply.status

    def test_unsigned_needs_a_secret(self) -> None:
        """Else everybody could report bounces."""
        with pytest.raises(ConfigurationError) as caught:
            site(allow_unsigned=True)

        assert "give a secret" in str(caught.value)


class TestSecret:
    """A password, in addition to signatures."""

    @pytest.mark.parametrize(
        "headers, status",
        [
            (basic(SECRET), 200),
            (basic(SECRET, user=""), 200),
            ({"AUTHORIZATION": basic(SECRET)["Authorization"]}, 200),
            ({"authorization": basic(SECRET)["Authorization"]}, 200),
            ([("Authorization", basic(SECRET)["Authorization"])], 200),
            (
                [(b"authorization", basic(SECRET)["Authorization"].encode())],
                200,
            ),
            ({"Authorization": [basic(SECRET)["Authorization"]]}, 200),
            ({}, 401),
            (None, 401),
            (17, 401),
            ([("x",), 3], 401),
            (basic(SECRET + "x"), 401),
            (basic(SECRET[:-1]), 401),
            (basic(""), 401),
            (basic("ö" * 20), 401),
            ({"Authorization": SECRET}, 401),
            ({"Authorization": f"Bearer {SECRET}"}, 401),
            ({"Authorization": "Basic"}, 401),
            ({"Authorization": "Basic !!!"}, 401),
            (
                {
                    "Authorization": basic(SECRET)["Authorization"].replace(
                        " ", " !"
                    )
                },
                401,
            ),
            ({"Authorization": "Basic \udc80"}, 401),
            ({"Authorization": "Basic " + "A" * 100_000}, 401),
        ],
    )
    def test_who_knows_it(self, headers: Any, status: int) -> None:
        """Nobody else is even read."""
        ours = site(secret=SECRET)
        body = json.dumps(sns_message(ses_event()))
        reply = ours.receiver.receive_http(headers, body)

        assert (status, int(status == 200), status == 401) == (
            reply.status,
            len(ours.verifier.seen),
            "WWW-Authenticate" in reply.headers,
        )

    @pytest.mark.parametrize("secret", ["", "short", "ö" * 20, b"x" * 20, 17])
    def test_a_secret_that_is_none(self, secret: Any) -> None:
        """One that can be guessed, or not be sent, is refused."""
        with pytest.raises(ConfigurationError) as caught:
            site(secret=secret)

        assert repr(secret) not in str(caught.value)

    def test_it_is_compared_in_constant_time(self) -> None:
        """The comparison is the one that does not stop early."""
        assert "compare_digest" in knows.__code__.co_names

    def test_nothing_shows_it(self) -> None:
        """Neither the receiver nor its parts have it in their text."""
        ours = site(secret=SECRET)
        shown = repr(ours.receiver) + repr(vars(ours.receiver))

        assert SECRET not in shown


class TestConfirmation:
    """A topic that asks whether it should deliver."""

    def test_it_is_not_confirmed_by_itself(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The log says what to do, and does not hold the token."""
        ours = site()
        with caplog.at_level(logging.INFO, "safeses"):
            reply = ours.post(
                sns_message("You have chosen", kind=CONFIRMATION, Token="t0k")
            )
        (line,) = (record.getMessage() for record in caplog.records)

        assert (200, True, True, False) == (
            reply.status,
            TOPIC in line,
            "confirm=True" in line,
            "t0k" in line,
        )

    @pytest.mark.parametrize("answer, status", [(True, 200), (False, 503)])
    def test_it_is_confirmed(self, *, answer: bool, status: int) -> None:
        """Where that is wanted; if SNS has no answer it comes again."""
        verifier = FakeVerifier(confirms=True, answer=answer)
        ours = site(verifier=verifier)
        message = sns_message("You", kind=CONFIRMATION, Token="t0k")
        replies = [ours.post(message).status for _ in range(2)]

        assert ([status] * 2, [message] * 2) == (replies, verifier.confirmed)

    def test_the_end_is_not_confirmed(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """An endpoint that was unsubscribed does not subscribe again."""
        verifier = FakeVerifier(confirms=True)
        with caplog.at_level(logging.INFO, "safeses"):
            site(verifier=verifier).post(
                sns_message("x", kind="UnsubscribeConfirmation", Token="t")
            )
        lines = [(r.levelno, TOPIC in r.getMessage()) for r in caplog.records]

        assert ([], [(logging.WARNING, True)]) == (verifier.confirmed, lines)

    def test_a_hook_hears_of_it(self) -> None:
        """It is an event as any other."""
        ours = site()
        told: list[str] = []
        ours.parts.hooks.add(
            TopicConfirmation, lambda e: told.append(e.topic_arn), "told"
        )
        ours.post(sns_message("You", kind=CONFIRMATION, Token="t0k"))

        assert [TOPIC] == told


class TestLog:
    """What strangers do fills no log, and shows nobody's address."""

    def test_a_flood(self, caplog: pytest.LogCaptureFixture) -> None:
        """A thousand forged messages a minute are one line."""
        ours = site(verifier=FakeVerifier(UnverifiedEventError("a", "b")))
        with caplog.at_level(logging.DEBUG, "safeses"):
            for _ in range(1_000):
                ours.post(sns_message(ses_event()))
            ours.clock.advance(61)
            ours.post(sns_message(ses_event()))
        lines = [(r.levelno, r.getMessage()) for r in caplog.records]

        assert [
            (30, REFUSED),
            (30, f"{REFUSED} (and 999 more before)"),
        ] == lines

    def test_noise(self, caplog: pytest.LogCaptureFixture) -> None:
        """A stranger's posts do not hide a mistake in the set-up."""
        ours = site()
        with caplog.at_level(logging.DEBUG, "safeses"):
            ours.post({"a": 1})
            ours.verifier.fails = UnverifiedEventError("version 2", "1")
            ours.post(sns_message(ses_event()))
        texts = [record.getMessage() for record in caplog.records]

        assert (2, True) == (len(texts), "version 2, seen 1" in texts[-1])

    def test_no_address(self, caplog: pytest.LogCaptureFixture) -> None:
        """Neither the log nor an answer holds anything of a request."""
        ours = site(secret=SECRET, allow_unsigned=True)
        ours.noted.fails = [LOST]
        bodies: list[Any] = [
            sns_message(ses_event("Bounce")),
            sns_message("eva@b.example {"),
            "eva@b.example",
            {"eva@b.example": 1},
            '{"eva@b.example": 1, "eva@b.example": 2}',
            sns_message(ses_event("Bounce") | {"bounce": "eva@b.example"}),
        ]
        with caplog.at_level(logging.DEBUG):
            replies = [
                repr(ours.post(body, headers))
                for body in bodies
                for headers in (basic(SECRET), {**RAW, **basic(SECRET)}, {})
            ]
        text = caplog.text + "".join(replies)

        assert [] == re.findall(r"eva|b\.example|correct", text)


class TestSigned:
    """With the real verifier, and a throw-away authority."""

    def test_from_the_signature_to_the_hook(self) -> None:
        """A message that is signed is acted on; a byte more, and it is not."""
        clock = FakeClock()
        noted = Noted()
        pem = authority.certificate()
        verifier = SNSVerifier(
            [authority.TOPIC], loader=lambda _: pem, clock=clock
        )
        receiver = Receiver(
            memory_parts(clock), verifier=verifier, reactions=[noted]
        )
        message = authority.notification(message=json.dumps(ses_event()))
        forged = {**message, "Message": message["Message"] + " "}
        statuses = [
            receiver.receive_http({}, json.dumps(body)).status
            for body in (forged, message, message)
        ]

        assert ([403, 200, 200], 1) == (statuses, noted.ran)

    def test_it_is_made_of_the_topics(self) -> None:
        """Topics that are none are refused at once."""
        with pytest.raises(ConfigurationError) as caught:
            Receiver(memory_parts(), ["arn:aws:sqs:x"], reactions=[])

        assert "ARN" in str(caught.value)
