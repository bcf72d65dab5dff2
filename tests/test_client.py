"""The client, on a fake clock and a fake SES."""

from __future__ import annotations

import copy
import datetime as dt
import pickle
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from botocore.exceptions import ClientError
from tests.fake_ses import FakeSES, client_error

from safeses import (
    BeforeSend,
    Client,
    ConfigurationError,
    CredentialsError,
    Email,
    InvalidMessageError,
    Limits,
    OutcomeUnknownError,
    RateLimitedError,
    RejectedError,
    StoreError,
    Throttled,
)
from safeses._state import ComposedState, memory_state
from safeses.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from safeses._outcome import Claim, Outcome

MAIL = Email(
    from_email="shop@a.example",
    to="ann@b.example",
    subject="Your order",
    text="t",
)
PARAMS: dict[str, Any] = {
    "FromEmailAddress": "shop@a.example",
    "Destination": {"ToAddresses": ["ann@b.example"]},
    "Content": {
        "Simple": {
            "Subject": {"Data": "Your order"},
            "Body": {"Text": {"Data": "t"}},
        }
    },
}
LIMITS = Limits(per_second=14)
THROTTLED = client_error(
    "TooManyRequestsException", "Maximum sending rate exceeded.", 429
)


def client(
    ses: object = None, clock: FakeClock | None = None, **settings: Any
) -> Client:
    """Return a client on fakes that knows its limits."""
    settings.setdefault("limits", LIMITS)
    fake: Any = FakeSES() if ses is None else ses
    return Client(fake, clock=clock or FakeClock(), **settings)


class TestSending:
    """Sending, typed and as a drop-in."""

    def test_send(self) -> None:
        """A receipt says what SES said, and whom it went to."""
        receipt = client().send(MAIL)

        assert (
            ("m-1", "r-1", ("ann@b.example",), 1, True),
            dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc),
            32,
        ) == (
            (
                receipt.message_id,
                receipt.request_id,
                receipt.accepted,
                receipt.attempts,
                receipt.recorded,
            ),
            receipt.sent_at,
            len(receipt.tag),
        )

    def test_send_email(self) -> None:
        """The drop-in answers what boto3 answers, and has the receipt."""
        answer = client().send_email(**PARAMS)

        assert (FakeSES().send_email(), "m-1") == (
            answer,
            answer.receipt.message_id,
        )

    def test_both_send_the_same(self) -> None:
        """A typed mail and boto3's parameters become one request."""
        ses = FakeSES()
        sender = client(ses, correlation_tag=False)
        sender.send(MAIL)
        sender.send_email(**PARAMS)
        named = ses.sent[0]["Content"]["Simple"]
        charsets = [
            part.pop("Charset")
            for part in (named["Subject"], named["Body"]["Text"])
        ]

        assert ([PARAMS, PARAMS], ["UTF-8"] * 2) == (ses.sent, charsets)

    def test_tags_differ(self) -> None:
        """Every call has a tag of its own; a key adds its signature."""
        from safeses._mail._tag import is_ours

        sender = client(tag_key=b"k" * 16)
        tags = [sender.send(MAIL).tag for _ in range(2)]

        assert (2, [True, True], [False, False]) == (
            len(set(tags)),
            [is_ours(tag, b"k" * 16) for tag in tags],
            [is_ours(tag, b"other") for tag in tags],
        )

    def test_no_tag(self) -> None:
        """Without the correlation tag nothing is added."""
        ses = FakeSES()
        client(ses, correlation_tag=False).send_email(**PARAMS)

        assert [PARAMS] == ses.sent

    def test_retry(self) -> None:
        """A throttled mail is sent a little later, and once."""
        ses, clock = FakeSES([THROTTLED]), FakeClock()
        receipt = client(ses, clock).send(MAIL)

        assert (2, 2, True, "m-2") == (
            len(ses.sent),
            receipt.attempts,
            0 < receipt.waited_s == clock.monotonic(),
            receipt.message_id,
        )

    @pytest.mark.parametrize(
        "answer, expected",
        [
            (client_error("MessageRejected", "no"), RejectedError),
            (client_error("ExpiredTokenException", "", 403), CredentialsError),
            (client_error("InternalFailure", "", 500), OutcomeUnknownError),
            (RuntimeError("what is this"), OutcomeUnknownError),
            ({"ResponseMetadata": {}}, OutcomeUnknownError),
            (None, OutcomeUnknownError),
        ],
    )
    def test_errors(self, answer: object, expected: type[Exception]) -> None:
        """What SES says becomes the error that says what to do."""
        answers = [lambda: answer] if answer is None else [answer]
        ses = FakeSES(answers)
        with pytest.raises(expected):
            client(ses).send(MAIL)

        assert 1 == len(ses.sent)

    def test_drop_in_raises_client_errors(self) -> None:
        """send_email raises what an except clause for boto3 catches."""
        sender = client(FakeSES([client_error("MessageRejected", "no")]))
        with pytest.raises(sender.exceptions.MessageRejected) as caught:
            sender.send_email(**PARAMS)

        assert (True, "MessageRejected") == (
            isinstance(caught.value, RejectedError),
            caught.value.response["Error"]["Code"],
        )

    def test_drop_in_never_hides_an_unknown(self) -> None:
        """A lost answer is no ClientError, whatever boto3 raised."""
        sender = client(FakeSES([client_error("InternalFailure", "", 500)]))
        with pytest.raises(OutcomeUnknownError) as caught:
            sender.send_email(**PARAMS)

        assert not isinstance(caught.value, ClientError)

    def test_invalid_costs_nothing(self) -> None:
        """A malformed mail asks neither SES nor the account."""
        ses = FakeSES()
        with pytest.raises(InvalidMessageError):
            client(ses, limits=None).send(attrs.evolve(MAIL, to="x"))

        assert ([], 0) == (ses.sent, ses.asked)

    def test_bulk_is_refused(self) -> None:
        """send_bulk_email sends nothing rather than unsafely."""
        with pytest.raises(ConfigurationError) as caught:
            client().send_bulk_email(BulkEmailEntries=[])

        assert isinstance(caught.value, ClientError)


class TestStore:
    """A state that fails, before SES accepted and after."""

    def test_settling_fails(self) -> None:
        """After acceptance it is a receipt that says: not recorded."""

        class Forgetful(ComposedState):
            def settle(self, claim: Claim, outcome: Outcome) -> None:
                raise StoreError("ledger", "forgetful", f"no {claim}{outcome}")

        clock = FakeClock()
        state = Forgetful(memory_state(clock).budget)
        receipt = client(None, clock, state=state).send(MAIL)

        assert ("m-1", False) == (receipt.message_id, receipt.recorded)

    def test_submitting_fails(self) -> None:
        """Before the first byte it is raised, and nothing was sent."""

        class Locked(ComposedState):
            def submit(self, claim: Claim, _: float) -> None:
                raise StoreError("ledger", "locked", claim.scope)

        clock, ses = FakeClock(), FakeSES()
        state = Locked(memory_state(clock).budget)
        with pytest.raises(StoreError):
            client(ses, clock, state=state).send(MAIL)

        assert [] == ses.sent


class TestOptions:
    """Choices for one send and for all."""

    def test_view(self) -> None:
        """A view has its own defaults and shares all else."""
        ses, clock = FakeSES(), FakeClock()
        sender = client(ses, clock, limits=Limits(per_second=0.01))
        hurried = sender.with_options(max_wait_s=0)
        sender.send(MAIL)
        with pytest.raises(RateLimitedError):
            hurried.send(MAIL)
        hurried.send(MAIL, max_wait_s=200)

        assert (2, sender.boto3_client) == (
            len(ses.sent),
            hurried.boto3_client,
        )

    def test_options_reach_the_hooks(self) -> None:
        """Priority and stream of the view, or of the call, are told."""
        sender = client()
        told: list[tuple[str, str]] = []
        sender.on(BeforeSend)(lambda e: told.append((e.priority, e.stream)))
        view = sender.with_options(priority="bulk", stream="news")
        sender.send(MAIL)
        view.send_email(**PARAMS)
        view.send(MAIL, priority="transactional")

        assert [
            ("transactional", ""),
            ("bulk", "news"),
            ("transactional", "news"),
        ] == told

    @pytest.mark.parametrize(
        "options",
        [
            {"priority": "urgent"},
            {"max_wait_s": -1},
            {"max_wait_s": "5"},
            {"max_wait_s": True},
            {"max_wait_s": float("nan")},
            {"max_wait_s": float("inf")},
            {"deadline_s": 0},
            {"idempotency_key": "k"},  # with a state that nobody named
            {"idempotency_key": ""},
            {"idempotency_key": 7},
            {"idempotency_key": "k" * 256},
            {"idempotency_key": "\ud800"},
            {"on_key_conflict": "ignore"},
            {"on_suppressed": "ignore"},
            {"on_unknown": "reconcile"},  # without a source of events
            {"on_unknown": "retry"},
        ],
    )
    def test_wrong_options(self, options: dict[str, Any]) -> None:
        """A choice that does not exist is a ConfigurationError."""
        sender = client()
        with pytest.raises(ConfigurationError):
            sender.send(MAIL, **options)
        with pytest.raises(ConfigurationError):
            sender.with_options(**options)

        assert [] == sender.boto3_client.sent

    @pytest.mark.parametrize(
        "settings",
        [
            {"processes": 0},
            {"rate_factor": 0},
            {"rate_factor": float("nan")},
            {"attempt_timeout_s": 0},
            {"attempt_timeout_s": "10"},
            {"state": "sqlite://mail.db"},
            {"state": "sqlite:///mail.db?synchronous=off"},
            {"state": "oracle://mail"},
            {"on_unknown": "reconcile"},
            {"events": "sqs"},
        ],
    )
    def test_wrong_settings(self, settings: dict[str, Any]) -> None:
        """A client that cannot work is refused when it is made."""
        with pytest.raises(ConfigurationError) as caught:
            client(**settings)

        assert not caught.value.retryable

    @pytest.mark.parametrize(
        "limits",
        [
            {"per_second": 0},
            {"per_second": -1},
            {"per_second": "14"},
            {"per_second": True},
            {"per_second": float("inf")},
            {"per_second": float("nan")},
            {"per_second": 1, "per_day": 0},
            {"per_second": 1, "per_day": float("inf")},
        ],
    )
    def test_wrong_limits(self, limits: dict[str, Any]) -> None:
        """Limits are finite numbers above 0, a quota may be -1."""
        with pytest.raises(ConfigurationError, match="per_") as caught:
            Limits(**limits)

        assert "is not a finite number above 0" in caught.value.problem


class TestClosing:
    """The end."""

    def test_close_ends_a_wait(self) -> None:
        """A send that waits when the client closes ends unsent."""
        ses = FakeSES([THROTTLED])
        sender = client(ses)
        sender.on(Throttled)(lambda _: sender.close())
        with pytest.raises(ConfigurationError) as caught:
            sender.send(MAIL)

        assert ("the client was closed while a send waited", 1) == (
            caught.value.problem,
            len(ses.sent),
        )

    def test_close_is_idempotent(self) -> None:
        """Closing twice is fine; a closed client says that it is closed."""
        sender = client()
        sender.close()
        sender.close()
        with pytest.raises(ConfigurationError) as caught:
            sender.send(MAIL)

        assert "the client is closed" == caught.value.problem


class TestCopies:
    """A client belongs to its process."""

    @pytest.mark.parametrize(
        "trip", [pickle.dumps, copy.copy, copy.deepcopy], ids=str
    )
    def test_there_are_none(self, trip: Callable[[object], object]) -> None:
        """Neither pickle nor copy makes a second one."""
        sender = client()
        with pytest.raises(TypeError) as caught:
            trip(sender)

        assert (
            "a Client cannot be pickled or copied: make one in each process"
        ) == str(caught.value)


def test_no_tag_to_look_for() -> None:
    """Without the correlation tag nobody is told to look for one."""
    sender = client(FakeSES([{}]), correlation_tag=False)
    with pytest.raises(OutcomeUnknownError) as caught:
        sender.send(MAIL)
    receipt = sender.send(MAIL)

    assert ("", True, "") == (
        caught.value.tag,
        str(caught.value).endswith("no correlation tag to look for"),
        receipt.tag,
    )
