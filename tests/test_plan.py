"""The path of one send, driven by hand."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from tests.scripted_driver import (
    API,
    BROKEN,
    DAILY,
    LOST,
    RATE,
    REFUSED,
    REJECTED,
    REQUEST,
    WALL,
    Driver,
    admitted,
    drive,
    later,
    terms,
)

from safeses import errors, events
from safeses._outcome import (
    Accepted,
    Answer,
    Deferred,
    NoAnswer,
    Outcome,
    Rejected,
    Unknown,
)
from safeses._plan import Admit, Effect, Notify, Settle, Sleep, Submit, send
from safeses._values import Receipt

QUOTA = errors.QuotaExceededError(
    dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc),
    kept_for_transactional=False,
    retry_after_s=600.0,
)


def test_accepted() -> None:
    """One attempt, one settled outcome, and a full receipt."""
    ended, driver = drive({Admit: [admitted(wait_s=0.5)]})

    assert (
        Receipt(
            message_id="m-1",
            request_id="r-1",
            tag="tag-1",
            accepted=("a@b.example", "c@d.example"),
            attempts=1,
            waited_s=0.5,
            sent_at=dt.datetime.fromtimestamp(WALL + 0.75, dt.timezone.utc),
        ),
        ["admit", "sleep", "submit", "settle"],
        ["BeforeSend", "OutcomeDecided", "AfterSend"],
    ) == (ended, driver.names(), driver.told())


def test_later_then_admitted() -> None:
    """Who is told to ask later asks again, with less patience."""
    _, driver = drive({Admit: [later(1.5), later(0.5), admitted()]})
    patience = [
        effect.admission.max_wait_s
        for effect in driver.effects
        if isinstance(effect, Admit)
    ]

    assert ([5.0, 4.0, 3.5], 3, ["submit", "settle"]) == (
        patience,
        driver.names().count("admit"),
        driver.names()[-2:],
    )


@pytest.mark.parametrize(
    "granted, ready_in_s",
    [
        ({}, 5.01),
        ({"max_wait_s": 0.0}, 0.01),
        ({"max_wait_s": 60.0}, 23.1),
        ({"max_wait_s": 60.0, "deadline_s": 1.0}, 0.6),
    ],
)
def test_long_wait_is_refused_at_once(
    granted: dict[str, float], ready_in_s: float
) -> None:
    """A wait that cannot fit raises before it has slept at all."""
    ended, driver = drive({Admit: [later(ready_in_s)]}, **granted)
    assert isinstance(ended, errors.RateLimitedError)

    assert (["admit", "leave"], 14.0, ready_in_s, "budget") == (
        driver.names(),
        ended.limit_per_s,
        ended.retry_after_s,
        ended.by,
    )


@pytest.mark.parametrize("wait_s", [5.01, 30.0])
def test_long_slot_is_given_back(wait_s: float) -> None:
    """A slot that begins too late is released unslept."""
    ended, driver = drive({Admit: [admitted(wait_s=wait_s)]})

    assert (errors.RateLimitedError, ["admit", "settle"], "released") == (
        type(ended),
        driver.names(),
        getattr(driver.settled()[0], "by", None),
    )


def test_waits_add_up() -> None:
    """Several short waits are refused when together they are too long."""
    ended, driver = drive({Admit: [later(1.0)] * 9})

    assert (errors.RateLimitedError, 5) == (
        type(ended),
        driver.names().count("sleep"),
    )


@pytest.mark.parametrize("answer", [RATE, API, REFUSED])
def test_refused_for_now(answer: Answer | NoAnswer) -> None:
    """After a pause it is admitted anew and sent, with a new claim."""
    ended, driver = drive({Submit: [answer]})
    assert isinstance(ended, Receipt)
    claims = [
        effect.claim for effect in driver.effects if isinstance(effect, Submit)
    ]

    assert (
        2,
        2,
        [Deferred, Accepted],
        ["admit", "submit", "settle", "sleep", "admit", "submit", "settle"],
    ) == (
        ended.attempts,
        len(set(map(id, claims))),
        list(map(type, driver.settled())),
        driver.names(),
    )


def test_throttle_is_told() -> None:
    """Hooks hear of the throttle and of the retry, in order."""
    _, driver = drive({Submit: [RATE]})

    assert [
        "BeforeSend",
        "OutcomeDecided",
        "Throttled",
        "RetryScheduled",
        "OutcomeDecided",
        "AfterSend",
    ] == driver.told()


def test_daily_quota_asks_the_budget() -> None:
    """On the daily text the budget is asked at once, and decides."""
    ended, driver = drive({Submit: [DAILY], Admit: [admitted(), QUOTA]})

    assert (
        QUOTA,
        ["admit", "submit", "settle", "admit", "leave"],
        ["daily"],
    ) == (
        ended,
        driver.names(),
        [getattr(outcome, "by", None) for outcome in driver.settled()],
    )


def test_daily_quota_does_not_spin() -> None:
    """A budget that lets it through again is not believed for ever."""
    ended, driver = drive({Submit: [DAILY] * 99})

    assert (errors.QuotaExceededError, 2) == (
        type(ended),
        driver.names().count("submit"),
    )


@pytest.mark.parametrize(
    "answer, error_type",
    [
        (RATE, errors.RateLimitedError),
        (API, errors.RateLimitedError),
        (REFUSED, errors.UnreachableError),
    ],
)
@pytest.mark.parametrize("max_wait_s", [0.0, 1.0, 5.0, 60.0])
def test_patience_ends(
    answer: Answer | NoAnswer,
    error_type: type[Exception],
    max_wait_s: float,
) -> None:
    """It is tried until patience or the deadline ends, never beyond."""
    ended, driver = drive(
        {Submit: [answer] * 999}, max_wait_s=max_wait_s, deadline_s=25.0
    )
    slept_s = sum(e.seconds for e in driver.effects if isinstance(e, Sleep))

    assert (error_type, True, True, True) == (
        type(ended),
        slept_s <= max_wait_s,
        driver.now <= 100.0 + 25.0,
        driver.names().count("submit") == len(driver.settled()),
    )


@pytest.mark.parametrize("answer", [BROKEN, LOST, Answer(status=200)])
def test_unknown_is_never_retried(answer: Answer | NoAnswer) -> None:
    """What may have been sent is settled as unknown and raised."""
    ended, driver = drive({Submit: [answer]})
    cause = ended.__cause__ if isinstance(ended, BaseException) else ended

    assert (
        errors.OutcomeUnknownError,
        ["admit", "submit", "settle"],
        [Unknown],
        getattr(answer, "error", None),
    ) == (
        type(ended),
        driver.names(),
        list(map(type, driver.settled())),
        cause,
    )


def test_rejected() -> None:
    """What SES refuses is settled as rejected and raised."""
    ended, driver = drive({Submit: [REJECTED]})

    assert (errors.RejectedError, [Rejected]) == (
        type(ended),
        list(map(type, driver.settled())),
    )


def test_store_error_on_submit() -> None:
    """A state that cannot note the first byte: released, raised, unsent."""
    error = errors.StoreError("ledger", "sqlite", "locked")
    ended, driver = drive({Submit: [error]})
    (outcome,) = driver.settled()
    assert isinstance(outcome, Deferred)

    assert (error, "released", error) == (ended, outcome.by, outcome.error)


def test_store_error_on_admit() -> None:
    """A state that cannot answer is raised; there is nothing to settle."""
    error = errors.StoreError("budget", "sqlite", "locked")
    ended, driver = drive({Admit: [error]})

    assert (error, ["admit", "leave"]) == (ended, driver.names())


def test_foreign_error_on_submit() -> None:
    """An exception that nobody foresaw may have sent the mail: unknown."""
    error = ReadTimeoutError(endpoint_url="x")
    ended, driver = drive({Submit: [error]})

    assert (errors.OutcomeUnknownError, error, [Unknown]) == (
        type(ended),
        getattr(ended, "__cause__", None),
        list(map(type, driver.settled())),
    )


@pytest.mark.parametrize(
    "script, names, outcome_type",
    [
        (
            {Admit: [admitted(0.5)], Sleep: [KeyboardInterrupt()]},
            ["admit", "sleep", "settle"],
            Deferred,
        ),
        (
            {Submit: [KeyboardInterrupt()]},
            ["admit", "submit", "settle"],
            Unknown,
        ),
        (
            {Submit: [RATE], Sleep: [KeyboardInterrupt()]},
            ["admit", "submit", "settle", "sleep"],
            Deferred,
        ),
        (
            {Settle: [KeyboardInterrupt()]},
            ["admit", "submit", "settle"],
            Accepted,
        ),
    ],
    ids=["waiting", "submitting", "pausing", "settling"],
)
def test_interrupted(
    script: dict[type[Effect], list[Any]],
    names: list[str],
    outcome_type: type[Outcome],
) -> None:
    """Ctrl-C goes through; a claim is settled once, as what is known."""
    ended, driver = drive(script)

    assert (KeyboardInterrupt, names, [outcome_type]) == (
        type(ended),
        driver.names(),
        list(map(type, driver.settled())),
    )


def test_interrupted_in_the_queue() -> None:
    """Who is interrupted while queueing gives up the place."""
    ended, driver = drive({Admit: [later(1.0)], Sleep: [KeyboardInterrupt()]})

    assert (KeyboardInterrupt, ["admit", "sleep", "leave"]) == (
        type(ended),
        driver.names(),
    )


def test_not_recorded() -> None:
    """A state that fails after acceptance does not hide the acceptance."""
    ended, _ = drive({Settle: [False]})
    assert isinstance(ended, Receipt)

    assert ("m-1", False) == (ended.message_id, ended.recorded)


def test_veto() -> None:
    """A hook's refusal costs nothing: no permit, no claim."""
    error = errors.VetoedError("opt-out")
    ended, driver = drive({Notify: [error]})

    assert (error, [], ["BeforeSend", "AfterSend"]) == (
        ended,
        driver.names(),
        driver.told(),
    )


def test_no_time_for_an_attempt() -> None:
    """An attempt that would be cut short is not begun."""
    driver = Driver({Sleep: [None]}, now=124.5)
    ended = driver.run(send(lambda: REQUEST, terms(), began=100.0, wall=WALL))

    assert (errors.DeadlineExceededError, ["admit", "settle"]) == (
        type(ended),
        driver.names(),
    )


@pytest.mark.parametrize(
    "granted, now, timeout_s",
    [
        ({}, 100.0, 10.0),
        ({}, 120.0, 5.0),
        ({"attempt_timeout_s": 1.0}, 123.9, 1.0),
        ({"deadline_s": 3.0}, 100.0, 3.0),
    ],
)
def test_timeout_fits_the_deadline(
    granted: dict[str, float], now: float, timeout_s: float
) -> None:
    """An attempt gets its own bound or what is left of the call's."""
    driver = Driver(now=now)
    driver.run(send(lambda: REQUEST, terms(**granted), began=100.0, wall=WALL))
    given_s = [e.timeout_s for e in driver.effects if isinstance(e, Submit)]

    assert [pytest.approx(timeout_s)] == given_s


def test_unheard_events_are_not_made() -> None:
    """Events that nobody listens to cost nothing."""
    driver = Driver()
    driver.run(
        send(
            lambda: REQUEST,
            terms(),
            began=100.0,
            wall=WALL,
            heard={events.AfterSend},
        )
    )

    assert ["AfterSend"] == driver.told()
