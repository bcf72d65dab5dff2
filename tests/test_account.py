"""What SES says of the account: asked seldom, believed with care."""

from __future__ import annotations

import threading
import warnings
from typing import TYPE_CHECKING, Any
from unittest.mock import MagicMock

import pytest
from tests.fake_ses import ACCOUNT, FakeSES, client_error

from safeses import (
    AccessDeniedError,
    Client,
    ConfigurationWarning,
    Email,
    Limits,
    SendingPausedError,
    UnreachableError,
)
from safeses.testing import FakeClock

if TYPE_CHECKING:
    from safeses._values import Account

MAIL = Email(from_email="s@a.example", to="ann@b.example", text="t")
DENIED = client_error("AccessDeniedException", "no", 403, "GetAccount")
DOWN = client_error("InternalFailure", "", 500, "GetAccount")
PAUSED = ACCOUNT | {"SendingEnabled": False}
SHUT_DOWN = ACCOUNT | {"EnforcementStatus": "SHUTDOWN"}


def figures(rate: object, day: object = 50_000.0) -> dict[str, Any]:
    """Return an account with other figures."""
    quota = {"MaxSendRate": rate, "Max24HourSend": day, "SentLast24Hours": 0.0}
    return ACCOUNT | {"SendQuota": quota}


def client(
    ses: object, clock: FakeClock | None = None, **settings: Any
) -> Client:
    """Return a client that asks for its limits, unless given some."""
    fake: Any = ses
    return Client(fake, clock=clock or FakeClock(), **settings)


def rate_of(sender: Client) -> float:
    """Return the rate that the budget keeps to."""
    core = sender._core  # noqa: SLF001  # what an application cannot see
    return core.state.per_second(core.driver().account.scope)


def test_asked_once() -> None:
    """Ten sends ask once; ten minutes later it is asked after a send."""
    ses, clock = FakeSES(accounts=[figures(5.0), figures(50.0)]), FakeClock()
    sender = client(ses, clock)
    for _ in range(10):
        sender.send(MAIL)
    first = ses.asked, rate_of(sender)
    clock.advance(601)
    sender.send(MAIL)

    assert ((1, 5.0), (2, 50.0)) == (first, (ses.asked, rate_of(sender)))


def test_never_asked_with_limits() -> None:
    """Who gives limits= is never asked for the permission to ask."""
    ses = FakeSES(accounts=[DENIED])
    sender = client(ses, limits=Limits(per_second=3, per_day=-1))
    sender.send(MAIL)

    assert (0, 3.0) == (ses.asked, rate_of(sender))


def test_account_by_hand_leaves_the_limits() -> None:
    """account() shows what SES says; the caller's limits still hold."""
    ses, clock = FakeSES(accounts=[PAUSED]), FakeClock()
    sender = client(ses, clock, limits=Limits(per_second=3))
    snapshots = [sender.account() for _ in range(3)]
    receipt = sender.send(MAIL)

    assert (1, 1, False, 3.0, "m-1") == (
        ses.asked,
        len(set(map(id, snapshots))),
        snapshots[0].may_send,
        rate_of(sender),
        receipt.message_id,
    )


def test_single_flight() -> None:
    """Threads that send first at once ask once, and wait for the answer."""
    asking = threading.Event()
    go_on = threading.Event()

    def slow() -> dict[str, Any]:
        asking.set()
        assert go_on.wait(10)
        return ACCOUNT

    ses = FakeSES(accounts=[slow])
    sender = client(ses)
    threads = [
        threading.Thread(target=sender.account, daemon=True) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    assert asking.wait(10)
    go_on.set()
    for thread in threads:
        thread.join(10)

    assert (1, 14.0) == (ses.asked, sender.account().max_send_rate)


def test_denied() -> None:
    """Who may not ask is warned once, by name, and learns as it goes."""
    ses = FakeSES(accounts=[DENIED])
    sender = client(ses)
    with pytest.warns(ConfigurationWarning) as caught:
        sender.send(MAIL)
    for _ in range(2):
        sender.send(MAIL)
    text = str(caught[0].message)

    assert (1, 1, 3, 14.0, True, True) == (
        len(caught),
        ses.asked,
        len(ses.sent),
        rate_of(sender),
        "ses:GetAccount" in text,
        "limits=" in text,
    )


def test_denied_account_call() -> None:
    """Who asks by hand is told that IAM does not allow it."""
    with pytest.raises(AccessDeniedError) as caught:
        client(FakeSES(accounts=[DENIED])).account()

    assert "ses:GetAccount" == caught.value.action


def test_warning_as_error_never_hides_a_receipt() -> None:
    """A filter that raises warnings does not do so after acceptance."""
    ses, clock = FakeSES(accounts=[DOWN, DENIED]), FakeClock()
    sender = client(ses, clock)
    sender.send(MAIL)
    clock.advance(61)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Known to nobody, so it is asked before; then it is unsent.
        with pytest.raises(ConfigurationWarning):
            sender.send(MAIL)
        unsent = len(ses.sent)

    assert (1, "m-2") == (unsent, sender.send(MAIL).message_id)


def test_warning_as_error_after_acceptance() -> None:
    """Denied only later: the receipt comes back, the warning does not."""
    ses, clock = FakeSES(accounts=[ACCOUNT, DENIED]), FakeClock()
    sender = client(ses, clock)
    sender.send(MAIL)
    clock.advance(601)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        receipt = sender.send(MAIL)

    assert ("m-2", 2) == (receipt.message_id, ses.asked)


@pytest.mark.parametrize(
    "account",
    [
        DOWN,
        {},
        {"SendQuota": None},
        figures("14"),
        figures(rate=True),
        figures(float("nan")),
        figures(5.0, MagicMock()),
        MagicMock(),
        NotImplementedError("a stub"),
    ],
    ids=lambda account: type(account).__name__,
)
def test_no_figures(account: object) -> None:
    """Whatever is no real figure leaves the modest rate, and no quota."""
    ses = FakeSES(accounts=[account])
    sender = client(ses)
    sender.send(MAIL)

    assert (1, 14.0) == (ses.asked, rate_of(sender))


def test_magic_mock() -> None:
    """A MagicMock that floats to 1.0 does not slow a shop to 1/s."""
    ses = MagicMock()
    ses.send_email.return_value = {"MessageId": "m-1"}
    sender = client(ses)

    assert ("m-1", 14.0) == (sender.send(MAIL).message_id, rate_of(sender))


def test_no_get_account() -> None:
    """A stub that cannot be asked is sent through all the same."""

    class Stub:
        def send_email(self, **_: Any) -> dict[str, str]:
            return {"MessageId": "m-1"}

    assert "m-1" == client(Stub()).send(MAIL).message_id


def test_failed_account_call() -> None:
    """account() says when SES could not be asked."""
    with pytest.raises(UnreachableError) as caught:
        client(FakeSES(accounts=[{}])).account()

    assert "GetAccount answered without figures" == caught.value.reason


@pytest.mark.parametrize(
    "account, reason",
    [
        (PAUSED, "SendingEnabled is false"),
        (SHUT_DOWN, "EnforcementStatus is SHUTDOWN"),
        (figures(0.0), "MaxSendRate is 0"),
    ],
)
def test_paused_and_back(account: dict[str, Any], reason: str) -> None:
    """A paused account is refused here, and again sent when it is back."""
    ses, clock = FakeSES(accounts=[account, ACCOUNT]), FakeClock()
    sender = client(ses, clock)
    reasons = []
    for _ in range(3):
        with pytest.raises(SendingPausedError) as caught:
            sender.send(MAIL)
        reasons.append(caught.value.reason)
    unsent = len(ses.sent), ses.asked
    clock.advance(61)

    assert ((0, 1), [reason] * 3, "m-1") == (
        unsent,
        reasons,
        sender.send(MAIL).message_id,
    )


def test_paused_answer_asks_again() -> None:
    """When SES says paused, the account is asked anew at once."""
    answer = client_error("SendingPausedException")
    ses = FakeSES([answer], accounts=[ACCOUNT, PAUSED])
    sender = client(ses)
    for _ in range(2):
        with pytest.raises(SendingPausedError):
            sender.send(MAIL)

    assert (1, 2) == (len(ses.sent), ses.asked)


@pytest.mark.parametrize(
    "response, expected",
    [
        (
            figures(14, -1),
            {"max_send_rate": 14.0, "max_24_hour_send": None},
        ),
        (figures(0.5), {"max_send_rate": 0.5, "max_24_hour_send": 50_000.0}),
        (PAUSED, {"sending_enabled": False, "may_send": False}),
        (SHUT_DOWN, {"enforcement_status": "SHUTDOWN", "may_send": False}),
        (
            ACCOUNT | {"EnforcementStatus": "PROBATION"},
            {"enforcement_status": "PROBATION", "may_send": True},
        ),
        (
            ACCOUNT | {"ProductionAccessEnabled": False},
            {"production_access": False, "may_send": True},
        ),
    ],
)
def test_from_response(
    response: dict[str, Any], expected: dict[str, object]
) -> None:
    """The snapshot says what the answer says, in our words."""
    sender = client(FakeSES(accounts=[response]))
    account: Account = sender.account()

    assert expected == {name: getattr(account, name) for name in expected}
