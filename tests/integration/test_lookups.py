"""What a client asks SES before it sends: its list, and what it knows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.integration._clocks import Noting

from safeses import (
    AccessDeniedError,
    Client,
    Email,
    InvalidMessageError,
    Receipt,
    RejectedError,
    StoreError,
    SuppressedError,
    TemplateEmail,
)
from safeses._lookups._resources import MISSING_FRESH_S
from safeses.testing import FakeClock, SimulatedSES

if TYPE_CHECKING:
    from collections.abc import Callable

    from safeses._mail._message import Message

    Serving = Callable[..., tuple[SimulatedSES, Client]]

pytestmark = pytest.mark.server

EVA, BOB = "eva@b.example", "bob@c.example"
ASK = "GetSuppressedDestination"
HANGS_S = 60
TRIES = 5
# "At once" on a busy machine; who waits does so for HANGS_S.
SOON_S = 15
# What nobody verified, and what is there.
SENDER = {"verified": ["other.example"]}
SANDBOX = {"verified": ["a.example"], "sandbox": True, "max_send_rate": 99}
NO_SET = {"verified": ["a.example"], "configuration_sets": ["there"]}
NO_TEMPLATE = {"verified": ["a.example"]}


@pytest.fixture
def asking(serving: Serving) -> Serving:
    """A client that asks for SES's list; its clock is virtual."""

    def start(**settings: Any) -> tuple[SimulatedSES, Client]:
        settings.setdefault("clock", FakeClock())
        return serving(account_suppressions="require", **settings)

    return start


def test_real_pace(serving: Serving, mail: Callable[..., Email]) -> None:
    """SES's one call a second is kept to, and only the first send waits."""
    left = TRIES
    while True:
        left -= 1
        clock = Noting()
        ses, client = serving(
            SimulatedSES(api_rate=1, max_send_rate=10_000),
            account_suppressions="require",
            clock=clock,
        )
        ses.suppress(EVA, "COMPLAINT")
        began = time.monotonic()
        with pytest.raises((SuppressedError, StoreError)) as caught:
            client.send(mail(to=EVA))
        first_s = time.monotonic() - began
        # Unless a busy machine brought two calls together.
        if not (ses.throttled and left):
            break
    slept_s = sum(clock.slept_s)
    clock.slept_s.clear()
    with pytest.raises(SuppressedError):
        client.send(mail(to=EVA))
    assert isinstance(caught.value, SuppressedError)
    (gone,) = caught.value.dropped

    assert (
        (EVA, "complaint", "ses-account", True),
        {ASK: 1, "GetAccount": 1},
        (0, True, True, []),
    ) == (
        (gone.address, gone.reason, gone.source, gone.since is not None),
        dict(ses.requests),
        (ses.throttled, 0.9 < first_s, slept_s < 2.5, clock.slept_s),
    )


def test_the_others_get_it(
    asking: Serving, mail: Callable[..., Email]
) -> None:
    """Who is on SES's list is left out and named; SES bounces nothing."""
    ses, client = asking()
    ses.suppress(EVA)
    client.suppressions.add(BOB)  # of whom SES need not be asked
    with pytest.raises(SuppressedError):
        client.send(mail(to=EVA))
    receipt = client.send(mail(to=["ann@a.example", EVA, BOB]))

    assert (
        [("ann@a.example",)],
        {BOB: "", EVA: "ses-account"},
        (),
        {ASK: 2, "GetAccount": 1, "SendEmail": 1},
    ) == (
        [sent.recipients for sent in ses.sent],
        {gone.address: gone.source for gone in receipt.dropped},
        ses.suppressed,
        dict(ses.requests),
    )


def test_a_reason_that_is_not_enabled(
    asking: Serving, mail: Callable[..., Email]
) -> None:
    """An entry that SES itself does not act on stops nobody here."""
    ses, client = asking()
    ses.suppress(EVA, "BOUNCE")
    client.boto3_client.put_account_suppression_attributes(
        SuppressedReasons=["COMPLAINT"]
    )
    receipt = client.send(mail(to=EVA))

    assert ([(EVA,)], (), ()) == (
        [sent.recipients for sent in ses.sent],
        receipt.dropped,
        ses.suppressed,
    )


def test_refuse(asking: Serving, mail: Callable[..., Email]) -> None:
    """All or nobody holds for SES's list too."""
    clock = FakeClock()
    ses, client = asking(clock=clock)
    ses.suppress(EVA)
    client.send(mail(to=BOB))
    clock.advance(10)  # for turns to ask
    with pytest.raises(SuppressedError):
        client.send(mail(to=[BOB, EVA]), on_suppressed="refuse")

    assert [(BOB,)] == [sent.recipients for sent in ses.sent]


def test_more_than_can_be_asked(
    asking: Serving, mail: Callable[..., Email]
) -> None:
    """A mail to many strangers is not sent until SES was asked of all."""
    ses, client = asking()
    message = mail(to=[f"p{number}@b.example" for number in range(6)])
    problems: list[StoreError] = []
    while not ses.sent and len(problems) < 10:
        try:
            client.send(message)
        except StoreError as error:
            problems.append(error)

    assert (1, 6, {True}) == (
        len(ses.sent),
        ses.requests[ASK],
        {error.retryable for error in problems},
    )


@pytest.mark.parametrize("operation", [ASK, "GetAccount"])
@pytest.mark.parametrize(
    "fault", ["status:503", "reset_after", "close", "cut", "html", "empty"]
)
def test_no_answer(
    asking: Serving, mail: Callable[..., Email], fault: str, operation: str
) -> None:
    """What SES does not say never reads as "not suppressed"."""
    clock = FakeClock()
    ses, client = asking(clock=clock)
    ses.suppress(EVA)
    ses.faults.add(fault, first=1, operation=operation)
    problems = []
    for _ in range(2):
        with pytest.raises((StoreError, SuppressedError)) as caught:
            client.send(mail(to=EVA))
        problems.append(caught.type)
        clock.advance(10)  # for turns to ask

    assert ([StoreError, SuppressedError], 0) == (
        problems,
        ses.requests["SendEmail"],
    )


@pytest.mark.parametrize("fault", ["status:503", "reset_after", "html"])
def test_no_answer_that_is_needed(
    serving: Serving, mail: Callable[..., Email], fault: str
) -> None:
    """Who only asks goes on without an answer; SES stops the mail itself."""
    clock = FakeClock()
    ses, client = serving(account_suppressions="ask", clock=clock)
    ses.suppress(EVA)
    ses.faults.add(fault, first=1, operation=ASK)
    client.send(mail(to=EVA))
    clock.advance(10)  # for turns to ask
    with pytest.raises(SuppressedError):
        client.send(mail(to=EVA))

    assert (1, [EVA]) == (
        ses.requests["SendEmail"],
        [gone.address for gone in ses.suppressed],
    )


def test_many_strangers(serving: Serving, mail: Callable[..., Email]) -> None:
    """A mail to many waits 2 s at most for what SES says of some."""
    clock = FakeClock()
    ses, client = serving(account_suppressions="ask", clock=clock)
    client.send(mail(to=[f"p{number}@b.example" for number in range(50)]))

    assert (1, True, True) == (
        len(ses.sent),
        1 <= ses.requests[ASK] < 5,
        clock.monotonic() < 2.5,
    )


def test_no_permission(asking: Serving, mail: Callable[..., Email]) -> None:
    """Without the IAM action nothing is sent, and the error names it."""
    ses, client = asking()
    ses.deny("ses:GetSuppressedDestination")
    with pytest.raises(AccessDeniedError) as caught:
        client.send(mail())

    assert (0, "ses:GetSuppressedDestination") == (
        ses.requests["SendEmail"],
        caught.value.action,
    )


def settled(client: Client, message: Message) -> list[str]:
    """Send until it is refused here; return the rules that did it."""
    ends_at = time.monotonic() + HANGS_S
    while time.monotonic() < ends_at:
        try:
            client.send(message)
        except InvalidMessageError as error:
            return [finding.rule for finding in error.findings]
        except RejectedError:
            time.sleep(0.01)
    return []


def make(**fields: Any) -> Message:
    """Return a mail from somebody to somebody."""
    fields = {"from_email": "Shop <shop@a.example>", "to": EVA, **fields}
    if "name" in fields:
        return TemplateEmail(**fields)
    return Email(**{"subject": "s", "text": "t", **fields})


@pytest.mark.parametrize(
    "account,fields,rule,code",
    [
        (SENDER, {}, "sender.unverified", "MessageRejected"),
        (
            SENDER,
            {"from_email": "x@mail.a.example"},
            "sender.unverified",
            "MessageRejected",
        ),
        (SANDBOX, {}, "recipients.sandbox", "MessageRejected"),
        (
            NO_SET,
            {"configuration_set": "gone"},
            "configuration-set.missing",
            "NotFoundException",
        ),
        (
            NO_TEMPLATE,
            {"name": "gone"},
            "template.missing",
            "NotFoundException",
        ),
    ],
)
def test_what_ses_lacks(
    serving: Serving,
    account: dict[str, Any],
    fields: dict[str, Any],
    rule: str,
    code: str,
) -> None:
    """SES answers the first mail itself; later ones do not get there."""
    ses, client = serving(
        SimulatedSES(**{"max_send_rate": 10_000, **account}),
        verify_identities=True,
        clock=FakeClock(),
        limits=None,
    )
    message = make(**fields)
    with pytest.raises(RejectedError) as caught:
        client.send(message)
    rules = settled(client, message)
    before = ses.requests["SendEmail"]
    for _ in range(5):
        with pytest.raises(InvalidMessageError):
            client.send(message)

    assert (code, [rule], 0, 0) == (
        caught.value.code,
        rules,
        ses.requests["SendEmail"] - before,
        len(ses.sent),
    )


def test_verified_at_last(
    serving: Serving, mail: Callable[..., Email]
) -> None:
    """A minute after the identity was verified its mail passes again."""
    clock = FakeClock()
    ses, client = serving(
        SimulatedSES(verified=["other.example"], max_send_rate=10_000),
        verify_identities=True,
        clock=clock,
    )
    settled(client, mail())
    ses.verify("a.example")
    clock.advance(MISSING_FRESH_S + 1)
    receipts = [client.send(mail()) for _ in range(3)]

    assert ([Receipt] * 3, 3) == (list(map(type, receipts)), len(ses.sent))


def test_no_send_waits(serving: Serving, mail: Callable[..., Email]) -> None:
    """No send waits for a look-up, and none is refused by one that fails."""
    ses, client = serving(verify_identities=True)
    ses.faults.add("stall", operation="GetEmailIdentity")
    lookups = client._core.driver().lookups  # noqa: SLF001  # for longer than usual
    lookups.api.timeout_s = HANGS_S
    began = time.monotonic()
    for _ in range(10):
        client.send(mail())
    took_s = time.monotonic() - began

    assert (10, True) == (len(ses.sent), took_s < SOON_S)
