"""What is logged: little, never above WARNING, and nobody's data."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from tests.fake_ses import FakeSES, client_error

from safeses import (
    AfterSend,
    Client,
    Email,
    Limits,
    NotSentError,
    OutcomeUnknownError,
    SafeSESError,
)
from safeses.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "secret"
MAIL = Email(
    from_email=f"{SECRET}@a.example",
    to=f"{SECRET}.one@b.example",
    bcc=f"{SECRET}.two@b.example",
    subject=SECRET,
    text=SECRET,
    html=SECRET,
    tags={"a": SECRET},
    headers={"X-A": SECRET},
)
THROTTLED = client_error(
    "TooManyRequestsException", "Maximum sending rate exceeded.", 429
)
BROKEN = client_error("InternalFailure", f"{SECRET}@b.example", 500)


class Records(logging.Handler):
    """Keeps every record; may react to one."""

    def __init__(self) -> None:
        """Listen to everything."""
        super().__init__(logging.DEBUG)
        self.records: list[logging.LogRecord] = []
        self.react: Any = None

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it, then react."""
        self.records.append(record)
        if self.react is not None:
            self.react()


@pytest.fixture(name="records")
def _records() -> Iterator[Records]:
    handler = Records()
    logger = logging.getLogger("safeses")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.setLevel(before)
    logger.removeHandler(handler)


def client(ses: Any, **settings: Any) -> Client:  # boto3-shaped
    """Return a client on a fake clock."""
    settings.setdefault("limits", Limits(per_second=14))
    return Client(ses, clock=FakeClock(), **settings)


def send(sender: Client, **options: Any) -> type[BaseException] | None:
    """Send, and return what was raised."""
    try:
        sender.send(MAIL, **options)
    except SafeSESError as error:
        return type(error)
    return None


@pytest.mark.parametrize(
    "answers",
    [
        [],
        [THROTTLED],
        [THROTTLED] * 99,
        [client_error("LimitExceededException", "Daily quota exceeded")],
        [client_error("MessageRejected", f"{SECRET}@b.example: no")],
        [client_error("SendingPausedException", SECRET)],
        [client_error("AccessDeniedException", f"identity/{SECRET}@b.c", 403)],
        [BROKEN],
        [RuntimeError(SECRET)],
        [NotSentError(SECRET)],
    ],
)
def test_nobodys_data(records: Records, answers: list[object]) -> None:
    """At DEBUG no record holds an address, a subject or a body."""
    sender = client(FakeSES(answers), limits=None)

    def fail(_: object) -> None:
        raise ValueError(SECRET)

    sender.on(AfterSend, name="failing")(fail)
    send(sender)
    formatter = logging.Formatter("%(message)s %(exc_text)s")
    text = "\n".join(
        f"{formatter.format(record)} {record.args}"
        for record in records.records
    )

    assert (False, True, True) == (
        SECRET in text,
        "failing" in text,
        all(r.levelno <= logging.WARNING for r in records.records),
    )


def test_success_is_silent(records: Records) -> None:
    """A mail that goes out at once is not worth a line."""
    send(client(FakeSES()))

    assert [] == records.records


@pytest.mark.parametrize(
    "answer, message",
    [
        (THROTTLED, "deferred (rate): "),
        (BROKEN, "outcome unknown: perhaps sent (SES answered 500"),
    ],
)
def test_what_is_worth_a_warning(
    records: Records, answer: object, message: str
) -> None:
    """Deferred and unknown outcomes are warnings."""
    send(client(FakeSES([answer])))
    record = records.records[0]

    assert (logging.WARNING, message) == (
        record.levelno,
        record.getMessage()[: len(message)],
    )


def test_long_waits(records: Records) -> None:
    """A wait of more than a second is INFO."""
    sender = client(FakeSES([THROTTLED] * 5))
    send(sender, max_wait_s=60, deadline_s=100)
    levels = {r.levelno for r in records.records if "waiting" in r.msg}

    assert levels <= {logging.INFO}


def test_no_mail_out_of_mail(records: Records) -> None:
    """A handler that mails every line does not breed sends without end."""
    ses = FakeSES([BROKEN] * 99)
    sender = client(ses)
    records.react = lambda: send(sender)
    ended = send(sender)

    assert (OutcomeUnknownError, 2, 1) == (
        ended,
        len(ses.sent),
        len(records.records),
    )


def test_failing_handler(records: Records) -> None:
    """A handler that raises does not change what became of the mail."""

    def fail() -> None:
        raise RuntimeError(SECRET)

    records.react = fail
    outcomes = [
        send(client(FakeSES([answer]))) for answer in (BROKEN, THROTTLED)
    ]

    assert [OutcomeUnknownError, None] == outcomes
