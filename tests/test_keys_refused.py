"""What a key has refused: another message, or the same once more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pytest
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
)
from tests.fake_ses import client_error
from tests.keyed import (
    DENIED,
    KEY,
    LOST,
    MAIL,
    OTHER,
    PARAMS,
    REJECTED,
    THROTTLED,
    World,
    outcome_of,
    replay_of,
    told,
    world,
)

from safeses import (
    IdempotencyConflictError,
    InvalidMessageError,
    RateLimitedError,
    RejectedError,
    SuppressedError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=["memory", "sqlite"])
def here(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """Return a world in which nothing has been sent."""
    made = world(request.param, tmp_path)
    yield made
    made.close()


class TestConflict:
    """A key names one message."""

    @pytest.mark.parametrize(
        "change, differs",
        [
            ({"subject": "x"}, ("subject",)),
            ({"text": "x", "html": "x"}, ("text", "html")),
            ({"to": "eve@b.example"}, ("to",)),
            ({"tags": {"a": "b"}}, ("tags",)),
        ],
    )
    def test_raise(
        self, here: World, change: dict[str, Any], differs: tuple[str, ...]
    ) -> None:
        """Another message is refused, and what differs is named."""
        ses = here.client()
        told(ses)
        error = told(ses, attrs.evolve(MAIL, **change))

        assert (IdempotencyConflictError, (KEY, differs), 1) == (
            type(error),
            error.args,
            here.calls,
        )

    def test_replay(self, here: World) -> None:
        """A mail that was written anew may get the first one's answer."""
        ses = here.client()
        first = told(ses)
        again = told(ses, OTHER, on_key_conflict="replay")

        assert (replay_of(first), 1) == (again, here.calls)

    def test_replay_to_others(self, here: World) -> None:
        """It does not claim that others got it whom the mail names now."""
        ses = here.client()
        first = told(ses)
        more = attrs.evolve(MAIL, to=(*MAIL.to, "eve@b.example"))
        again = told(ses, more, on_key_conflict="replay")

        assert attrs.evolve(replay_of(first), accepted=()) == again

    def test_drop_in(self, here: World) -> None:
        """A conflict is an error of boto3's, too."""
        ses = here.client().with_options(idempotency_key=KEY)
        ses.send_email(**PARAMS)
        other = {**PARAMS, "ReplyToAddresses": ["a@a.example"]}
        error = outcome_of(lambda: ses.send_email(**other))

        assert (
            True,
            True,
            "ConflictException",
            ("reply_to",),
        ) == (
            isinstance(error, IdempotencyConflictError),
            isinstance(error, ClientError),
            error.response["Error"]["Code"],
            error.differs,
        )

    def test_unknown(self, here: World) -> None:
        """The message of an unknown outcome cannot be exchanged."""
        here.answers(LOST)
        ses = here.client()
        told(ses)
        errors = [
            told(ses, OTHER, on_unknown=choice)
            for choice in ("hold", "resend")
        ]

        assert ([IdempotencyConflictError] * 2, 1) == (
            [type(error) for error in errors],
            here.calls,
        )


class TestRefusals:
    """Only a refusal of the message itself is final."""

    @pytest.mark.parametrize(
        "code", ["MessageRejected", "BadRequestException"]
    )
    def test_final(self, here: World, code: str) -> None:
        """The same refusal is given again, without a call."""
        answer = client_error(code, "Virus in the mail of ann@b.example")
        answer.response["ResponseMetadata"]["RequestId"] = "r-1"
        here.answers(answer)
        first = told(here.client())
        again = told(here.client())

        assert (
            RejectedError,
            (code, 400, "Virus in the mail of ***@b.example", "r-1"),
            first.args,
            1,
        ) == (type(again), again.args, again.args, here.calls)

    def test_final_conflict(self, here: World) -> None:
        """A corrected message is another job."""
        here.answers(REJECTED)
        ses = here.client()
        told(ses)
        errors = [told(ses, OTHER), told(ses, OTHER, "order-77/receipt-2")]

        assert (IdempotencyConflictError, "m-2") == (
            type(errors[0]),
            errors[1].message_id,
        )

    @pytest.mark.parametrize(
        "answer",
        [
            client_error(
                "MessageRejected", "Email address is not verified: a@a.a"
            ),
            client_error("NotFoundException", "", 404),
            client_error("MailFromDomainNotVerifiedException"),
            client_error("ExpiredTokenException", "", 403),
            NoCredentialsError(),
            client_error("AccountSuspendedException"),
            client_error("SendingPausedException"),
            DENIED,
            EndpointConnectionError(endpoint_url="https://a.example"),
        ],
        ids=lambda answer: type(answer).__name__,
    )
    def test_asked_again(self, here: World, answer: Exception) -> None:
        """What people put right at AWS, or waits, is tried again."""
        ses = here.client()
        here.answers(answer)
        first = told(ses, max_wait_s=0)
        state = here.state_of()
        again = told(ses)

        assert (True, "deferred", "m-2", False) == (
            isinstance(first, Exception),
            state,
            again.message_id,
            again.replayed,
        )

    def test_another_payload(self, here: World) -> None:
        """What was not sent may be sent otherwise, and then is the job."""
        here.answers(DENIED)
        ses = here.client()
        told(ses)
        second, third = told(ses, OTHER), told(ses)

        assert ("m-2", IdempotencyConflictError) == (
            second.message_id,
            type(third),
        )

    def test_throttled(self, here: World) -> None:
        """Who gives up waiting has sent nothing, and may come again."""
        here.answers(THROTTLED)
        ses = here.client()
        first = told(ses, max_wait_s=0)
        here.clock.advance(60)
        again = told(ses)

        assert (RateLimitedError, "m-2") == (type(first), again.message_id)

    @pytest.mark.parametrize("mail", [attrs.evolve(MAIL, text=None), MAIL])
    def test_refused_here(self, here: World, mail: object) -> None:
        """What is refused before a slot is booked leaves no trace."""
        ses = here.client()
        for address in MAIL.to:
            ses.suppressions.add(address, "bounce")
        error = told(ses, mail)

        assert (True, None, 0) == (
            isinstance(error, (InvalidMessageError, SuppressedError)),
            here.record(),
            here.calls,
        )
