"""What SES says of the account: asked seldom, believed with care."""

from __future__ import annotations

import os
import threading
import time
import warnings
from concurrent.futures import wait
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
    NotSentError,
    SendingPausedError,
    UnreachableError,
)
from safeses._lookups import _account
from safeses._lookups._account import AccountWatch, in_thread
from safeses._state import memory_state
from safeses.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from safeses._values import Account

    Act = Callable[[], None]

pytestmark = pytest.mark.race  # threads

HANGS_S = 60
MAIL = Email(from_email="s@a.example", to="ann@b.example", text="t")
DENIED = client_error("AccessDeniedException", "no", 403, "GetAccount")
DOWN = client_error("InternalFailure", "", 500, "GetAccount")
PAUSED = ACCOUNT | {"SendingEnabled": False}
SHUT_DOWN = ACCOUNT | {"EnforcementStatus": "SHUTDOWN"}


def figures(rate: object, day: object = 50_000.0) -> dict[str, Any]:
    """Return an account with other figures."""
    quota = {"MaxSendRate": rate, "Max24HourSend": day, "SentLast24Hours": 0.0}
    return ACCOUNT | {"SendQuota": quota}


def at_once(act: Act) -> None:
    """Run here and now what else runs in a thread."""
    act()


def never(_: Act) -> None:
    """Start a thread that does not get to run."""


def client(
    ses: object,
    clock: FakeClock | None = None,
    spawn: Callable[[Act], None] = at_once,
    **settings: Any,
) -> Client:
    """Return a client that asks for its limits, unless given some."""
    fake: Any = ses
    sender = Client(fake, clock=clock or FakeClock(), **settings)
    watch_of(sender).spawn = spawn
    return sender


def watch_of(sender: Client) -> AccountWatch:
    """Return what asks for the limits."""
    return sender._core.driver().account  # noqa: SLF001  # nor can they


def rate_of(sender: Client) -> float:
    """Return the rate that the budget keeps to."""
    core = sender._core  # noqa: SLF001  # what an application cannot see
    return core.state.per_second(core.driver().account.scope)


def test_asked_once() -> None:
    """Ten sends ask once; ten minutes later one of them asks again."""
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


def test_figures_before_the_first_mail() -> None:
    """The first send knows the rate before it asks for a permit."""
    ses = FakeSES(accounts=[figures(1.0)])
    rates: list[float] = []
    sender = client(ses)

    def look() -> dict[str, str]:
        rates.append(rate_of(sender))
        return {"MessageId": "m-1"}

    ses.answers.append(look)
    sender.send(MAIL)

    assert [1.0] == rates


@pytest.mark.parametrize("act", ["send", "account"])
def test_single_flight(act: str) -> None:
    """Threads that begin at once ask once, and wait for the answer."""
    asking = threading.Event()
    go_on = threading.Event()
    results: list[object] = []

    def slow() -> dict[str, Any]:
        asking.set()
        assert go_on.wait(HANGS_S)
        return figures(500.0)

    ses = FakeSES(accounts=[slow])
    sender = client(ses, spawn=in_thread)
    acts = {
        "send": lambda: results.append(sender.send(MAIL)),
        "account": lambda: results.append(sender.account()),
    }
    threads = [
        threading.Thread(target=acts[act], daemon=True) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    assert asking.wait(HANGS_S)
    early = len(results)
    go_on.set()
    for thread in threads:
        thread.join(HANGS_S)

    assert (0, 8, 1, 500.0) == (
        early,
        len(results),
        ses.asked,
        rate_of(sender),
    )


def test_the_thread_is_short() -> None:
    """The thread that asks does not hold up the exit, and soon ends."""
    seen: list[threading.Thread] = []

    def look() -> dict[str, Any]:
        seen.append(threading.current_thread())
        return ACCOUNT

    client(FakeSES(accounts=[look]), spawn=in_thread).send(MAIL)
    seen[0].join(HANGS_S)

    assert [("safeses-account", True, False)] == [
        (thread.name, thread.daemon, thread.is_alive()) for thread in seen
    ]


def test_nobody_waits_for_fresher_figures() -> None:
    """While known figures are renewed, mail goes, and nobody else asks."""
    ses, clock = FakeSES(accounts=[figures(5.0), figures(50.0)]), FakeClock()
    sender = client(ses, clock)
    sender.send(MAIL)
    clock.advance(601)
    questions: list[Act] = []
    watch_of(sender).spawn = questions.append
    receipts = [sender.send(MAIL) for _ in range(3)]
    before = len(receipts), rate_of(sender)
    for question in questions:
        question()
    sender.send(MAIL)

    assert ((3, 5.0), 1, 50.0, 2) == (
        before,
        len(questions),
        rate_of(sender),
        ses.asked,
    )


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ValueError])
def test_a_question_that_is_broken_off(error: type[BaseException]) -> None:
    """Whatever ends the question, mail goes, and it is put again."""
    ses, clock = (
        FakeSES(accounts=[ACCOUNT, error(), figures(50.0)]),
        FakeClock(),
    )
    sender = client(ses, clock)
    sender.send(MAIL)
    clock.advance(601)
    questions: list[Act] = []
    watch_of(sender).spawn = questions.append
    receipt = sender.send(MAIL)
    raised: list[type[BaseException]] = []
    try:
        questions[0]()
    except BaseException as ended:  # noqa: BLE001  # as a thread does
        raised.append(type(ended))
    watch_of(sender).spawn = at_once
    for seconds in (59, 2):
        clock.advance(seconds)
        sender.send(MAIL)

    assert ("m-2", [error] if error is not ValueError else [], 3, 50.0) == (
        receipt.message_id,
        raised,
        ses.asked,
        rate_of(sender),
    )


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ValueError])
def test_a_send_that_is_broken_off(error: type[BaseException]) -> None:
    """What is thrown in while a send has SES asked ends the send, unsent."""
    ses = FakeSES(accounts=[figures(50.0)])

    def interrupted(_: Act) -> None:
        raise error

    sender = client(ses, spawn=interrupted)
    with pytest.raises(error):
        sender.send(MAIL)
    unsent = len(ses.sent)
    watch_of(sender).spawn = at_once
    sender.send(MAIL)

    assert (0, 1, 50.0) == (unsent, len(ses.sent), rate_of(sender))


def test_no_more_threads() -> None:
    """Where no thread starts, as at the exit, mail goes as it does."""
    ses, clock = FakeSES(), FakeClock()
    tries: list[Act] = []

    def spawn(act: Act) -> None:
        tries.append(act)
        message = "can't start new thread"
        raise RuntimeError(message)

    sender = client(ses, clock, spawn)
    for _ in range(3):
        sender.send(MAIL)
    clock.advance(61)
    sender.send(MAIL)
    with pytest.raises(UnreachableError):
        sender.account()

    assert (4, 0, 3) == (len(ses.sent), ses.asked, len(tries))


def test_the_deadline_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that does not come costs a quarter of the deadline, once."""
    waits_s: list[float] = []

    def noted(asked: Any, timeout: float) -> Any:
        waits_s.append(timeout)
        return wait(asked, timeout)

    monkeypatch.setattr(_account, "wait", noted)
    ses = FakeSES()
    sender = client(ses, spawn=never)
    began = time.monotonic()
    sender.send(MAIL, deadline_s=0.8)
    first_s = time.monotonic() - began
    sender.send(MAIL)

    assert (2, [0.2], True) == (
        len(ses.sent),
        [round(wait_s, 9) for wait_s in waits_s],
        0.2 <= first_s,
    )


def test_an_answer_that_comes_late() -> None:
    """An answer that nobody waited for any more is used all the same."""
    ses, questions = FakeSES(accounts=[figures(50.0)]), list[Any]()
    sender = client(ses, spawn=questions.append)
    sender.send(MAIL, deadline_s=0.02)
    before = rate_of(sender)
    questions[0]()
    sender.send(MAIL)

    assert (14.0, 50.0, 1) == (before, rate_of(sender), len(questions))


def test_a_fork_while_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child does not wait for the thread that asks in the parent."""
    ses = FakeSES(accounts=[figures(50.0)])
    sender = client(ses, spawn=never, state="memory:")
    sender.send(MAIL, deadline_s=0.02)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    watch_of(sender).spawn = at_once
    sender.send(MAIL)

    assert (1, 50.0) == (ses.asked, rate_of(sender))


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


def test_the_warning_names_the_caller() -> None:
    """The warning points to the line that sends, not into safeses."""
    params: Any = {
        "FromEmailAddress": "s@a.example",
        "Destination": {"ToAddresses": ["ann@b.example"]},
        "Content": {
            "Simple": {
                "Subject": {"Data": "Hi"},
                "Body": {"Text": {"Data": "t"}},
            }
        },
    }
    with pytest.warns(ConfigurationWarning) as typed:
        client(FakeSES(accounts=[DENIED])).send(MAIL)
    with pytest.warns(ConfigurationWarning) as dropped_in:
        client(FakeSES(accounts=[DENIED])).send_email(**params)

    assert [__file__] * 2 == [
        warned.filename for warned in (*typed, *dropped_in)
    ]


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


def test_denied_only_later(caplog: pytest.LogCaptureFixture) -> None:
    """Who has figures is told by the log, once; no warning stops a mail."""
    ses, clock = FakeSES(accounts=[ACCOUNT, DENIED]), FakeClock()
    sender = client(ses, clock)
    sender.send(MAIL)
    for seconds in (601, 1, 3601, 1):
        clock.advance(seconds)
        sender.send(MAIL)  # warnings are errors in these tests
    told = [r for r in caplog.records if "ses:GetAccount" in r.message]

    assert (5, 3, ["WARNING"]) == (
        len(ses.sent),
        ses.asked,
        [record.levelname for record in told],
    )


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
    ses = MagicMock(single_attempt=True)
    ses.send_email.return_value = {"MessageId": "m-1"}
    sender = client(ses)

    assert ("m-1", 14.0) == (sender.send(MAIL).message_id, rate_of(sender))


def test_no_get_account() -> None:
    """A stub that cannot be asked is sent through all the same."""

    class Stub:
        single_attempt = True

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


@pytest.mark.parametrize(
    "seconds, second, asked",
    [(0, ACCOUNT, 1), (299, ACCOUNT, 1), (301, ACCOUNT, 2), (0, PAUSED, 2)],
)
def test_told_to_others(
    seconds: float, second: dict[str, Any], asked: int
) -> None:
    """What SES told one process another need not ask, but for a pause."""
    clock = FakeClock()
    ses = FakeSES(accounts=[second, ACCOUNT])
    state = memory_state(clock)
    first, other = (client(ses, clock, state=state) for _ in range(2))
    outcome(first)
    clock.advance(seconds)
    outcome(other)

    assert asked == ses.asked


def test_told_to_others_before_a_refusal() -> None:
    """What SES has contradicted since is asked anew, whoever was told."""
    clock = FakeClock()
    daily = client_error("LimitExceededException", "Daily message quota")
    ses = FakeSES(accounts=[ACCOUNT])
    state = memory_state(clock)
    first, other = (client(ses, clock, state=state) for _ in range(2))
    outcome(first)
    clock.advance(1)
    ses.answers = [daily, daily]
    outcome(other)
    asked_before = ses.asked
    clock.advance(1)
    outcome(other)

    assert (1, 2) == (asked_before, ses.asked)


def outcome(sender: Client) -> object:
    """Return the receipt, or the error."""
    try:
        return sender.send(MAIL)
    except NotSentError as error:
        return error


def test_paused_answer_asks_again() -> None:
    """When SES says paused, the next send asks anew."""
    answer = client_error("SendingPausedException")
    ses = FakeSES([answer], accounts=[ACCOUNT, PAUSED])
    sender = client(ses)
    for _ in range(2):
        with pytest.raises(SendingPausedError):
            sender.send(MAIL)

    assert (1, 2) == (len(ses.sent), ses.asked)


@pytest.mark.filterwarnings("ignore:IAM:safeses.ConfigurationWarning")
@pytest.mark.parametrize("later", [DENIED, DOWN, {}])
def test_a_pause_that_nobody_confirms(later: object) -> None:
    """Ten minutes after SES last said so, SES decides on each mail."""
    ses, clock = FakeSES(accounts=[PAUSED, later]), FakeClock()
    sender = client(ses, clock)
    for seconds in (0, 300, 299):
        clock.advance(seconds)
        with pytest.raises(SendingPausedError):
            sender.send(MAIL)
    clock.advance(1)

    assert "m-1" == sender.send(MAIL).message_id


def test_a_pause_that_ses_confirms() -> None:
    """While SES says so, a pause holds, whatever the wall clock does."""
    ses, clock = FakeSES(accounts=[PAUSED]), FakeClock()
    sender = client(ses, clock)
    for step in (0, 7200, -14400, 0):
        clock.step_wall(step)
        clock.advance(400)
        with pytest.raises(SendingPausedError):
            sender.send(MAIL)

    assert (0, 4) == (len(ses.sent), ses.asked)


def test_a_step_of_the_wall_clock_ends_no_pause() -> None:
    """The age of a pause is not told by the wall clock."""
    ses, clock = FakeSES(accounts=[PAUSED, DOWN]), FakeClock()
    sender = client(ses, clock)
    for step in (0, 7200, -14400):
        clock.step_wall(step)
        clock.advance(61)
        with pytest.raises(SendingPausedError):
            sender.send(MAIL)

    assert (0, 3) == (len(ses.sent), ses.asked)


def test_a_pause_does_not_ask_who_was_denied() -> None:
    """SES's answer of a pause does not repeat what IAM denies."""
    answer = client_error("SendingPausedException")
    ses = FakeSES([answer, answer], accounts=[DENIED])
    sender = client(ses)
    with pytest.warns(ConfigurationWarning), pytest.raises(SendingPausedError):
        sender.send(MAIL)
    with pytest.raises(SendingPausedError):
        sender.send(MAIL)

    assert (2, 1) == (len(ses.sent), ses.asked)


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


def test_account_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A question that never gets an answer does not hold account() up."""
    monkeypatch.setattr("safeses._lookups._account.SNAPSHOT_TIMEOUT_S", 0.01)
    sender = client(FakeSES(), spawn=never)
    with pytest.raises(UnreachableError) as caught:
        sender.account()

    assert "no answer to GetAccount in time" == caught.value.reason
