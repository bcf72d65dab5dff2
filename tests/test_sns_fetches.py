"""How seldom certificates are asked for, whatever is posted."""

from __future__ import annotations

import datetime as dt
import gc
import weakref
from typing import Any

import pytest
from tests.sns_authority import (
    NOW,
    REGION,
    TOPIC,
    certificate,
    notification,
    url,
)
from tests.sns_verifiers import (
    FORGED,
    GENUINE,
    Case,
    at,
)

from safeses.errors import CertificateError
from safeses.feedback._sns import SNSVerifier
from safeses.feedback._sns._certificates import (
    FAILED_S,
    MAX_FETCHES,
    MIN_KEPT,
    WINDOW_S,
)

pytestmark = pytest.mark.race  # threads

SECOND = dt.timedelta(seconds=1)


def test_kept() -> None:
    """One fetch does for all messages, for as long as it is valid."""
    case = Case()
    seen = set()
    for _ in range(200):
        seen.add(case.come_of(GENUINE))
        case.clock.advance(3_600)

    assert ({"genuine"}, 1) == (seen, len(case.loader.asked))


def test_forged_with_the_genuine_url() -> None:
    """5,000 forged messages with the genuine URL cost one fetch."""
    case = Case()
    seen = {case.come_of(FORGED) for _ in range(5_000)}

    assert ({"UnverifiedEventError"}, 1, "genuine") == (
        seen,
        len(case.loader.asked),
        case.come_of(GENUINE),
    )


def test_forged_with_urls_of_their_own() -> None:
    """5,000 with as many URLs cost a few, and nothing that is kept."""
    case = Case()
    before = case.come_of(GENUINE)
    seen = {case.come_of(at(number)) for number in range(2, 5_002)}
    after = case.come_of(GENUINE)

    assert ("genuine", {"CertificateError"}, MAX_FETCHES, "genuine") == (
        before,
        seen,
        len(case.loader.asked),
        after,
    )


def test_forged_with_other_topics() -> None:
    """Those of foreign topics, and of none, cost nothing."""
    case = Case()
    topics = [
        TOPIC.replace("1111", f"9{number:03}", 1) for number in range(1_000)
    ]
    topics += ["", "*", TOPIC.upper(), f"{TOPIC}:1", f"{TOPIC}\n"]
    seen = {case.come_of(at(n, TopicArn=t)) for n, t in enumerate(topics)}

    assert ({"UnverifiedEventError"}, []) == (seen, case.loader.asked)


def test_rotation_after_a_flood() -> None:
    """Once a flood is over, a new genuine certificate gets through."""
    case = Case()
    for number in range(2, 100):
        case.come_of(at(number))
    case.loader.answers[url(1000)] = certificate()
    new = {**GENUINE, "SigningCertURL": url(1000)}
    error = case.error_of(new)
    case.clock.advance(error.retry_after_s)

    assert (True, WINDOW_S, "genuine") == (
        error.retryable,
        error.retry_after_s,
        case.come_of(new),
    )


def test_one_url_that_fails() -> None:
    """
    One URL that fails, asked for without end, holds up no other for long.

    Else it would take all that is allowed, each time that it may be asked
    for again, and a new genuine certificate would never be fetched.
    """
    case = Case(answers={url(1000): certificate()})
    new = {**GENUINE, "SigningCertURL": url(1000)}
    failing = at(2)
    seen = []
    for second in range(600):
        case.come_of(failing)
        if second >= 300 and second % 20 == 0:  # as SNS delivers again
            seen.append(case.come_of(new))
        case.clock.advance(1)

    comes_through = "genuine" in seen[:3]

    assert comes_through


def test_flood_of_another_region() -> None:
    """A flood that names one host leaves those of other regions alone."""
    far = TOPIC.replace(REGION, "us-east-1")
    host = "sns.us-east-1.amazonaws.com"
    case = Case(topics=(TOPIC, far), answers={url(1, host): certificate()})
    for number in range(2, 100):
        case.come_of(at(number))
    genuine = notification(TopicArn=far, SigningCertURL=url(1, host))

    assert "genuine" == case.come_of(genuine)


def test_rate_in_any_minute() -> None:
    """In no minute are there more fetches than allowed."""
    case = Case()
    times = []
    for number in range(2, 600):
        asked = len(case.loader.asked)
        case.come_of(at(number))
        if len(case.loader.asked) > asked:
            times.append(case.clock.monotonic())
        case.clock.advance(1)
    most = max(
        sum(begin <= time < begin + WINDOW_S for time in times)
        for begin in times
    )

    assert (MAX_FETCHES, 40) == (most, len(times))


def test_least_used_makes_room() -> None:
    """Of more certificates than are kept, the least used one goes."""
    case = Case(answers={}, other=certificate())
    for number in range(1, MIN_KEPT + 1):
        case.come_of({**GENUINE, "SigningCertURL": url(number)})
        case.come_of(GENUINE)
        case.clock.advance(WINDOW_S)
    case.come_of({**GENUINE, "SigningCertURL": url(MIN_KEPT + 1)})
    asked = len(case.loader.asked)
    kept = [
        number
        for number in (1, 3, MIN_KEPT, MIN_KEPT + 1)
        if case.come_of({**GENUINE, "SigningCertURL": url(number)})
        and len(case.loader.asked) == asked
    ]
    case.come_of({**GENUINE, "SigningCertURL": url(2)})

    assert ([1, 3, MIN_KEPT, MIN_KEPT + 1], asked + 1) == (
        kept,
        len(case.loader.asked),
    )


def test_nothing_piles_up() -> None:
    """Whatever is made up, for hours, leaves little behind."""
    case = Case()
    for number in range(2, 2_000):
        case.come_of(at(number))
        case.clock.advance(7)
    shelf = case.verifier._certificates._shelf()  # noqa: SLF001  # its size
    sizes = [len(shelf.flights), len(shelf.found), len(shelf.began)]

    assert ([0, 0, 1], True) == (sizes, len(shelf.failed) <= MAX_FETCHES)


FAILURES: dict[str, Any] = {
    "network": OSError("down"),
    "its own": CertificateError("h", "down"),
    "anything": KeyError("x"),
    "wrong name": certificate("attacker.example"),
    "expired": certificate(ends=NOW - SECOND),
}


@pytest.mark.parametrize("answer", FAILURES.values(), ids=FAILURES)
def test_blip(answer: Any) -> None:
    """A failure is remembered for seconds: then the genuine one passes."""
    case = Case(answers={url(): answer})
    seen = {case.come_of(GENUINE) for _ in range(100)}
    case.clock.advance(FAILED_S - 1)
    seen.add(case.come_of(GENUINE))
    asked = len(case.loader.asked)
    case.loader.answers[url()] = certificate()
    case.clock.advance(1)

    assert (1, 1, "genuine") == (len(seen), asked, case.come_of(GENUINE))


def test_long_outage() -> None:
    """After an outage of a day the next message passes within seconds."""
    case = Case(answers={url(): OSError("down")})
    for _ in range(1_000):
        case.come_of(GENUINE)
        case.clock.advance(86.4)
    case.loader.answers[url()] = certificate()
    case.clock.advance(FAILED_S)

    assert "genuine" == case.come_of(GENUINE)


def test_failures_tell_when() -> None:
    """Each error says in how many seconds it is asked for again."""
    case = Case(answers={url(): OSError("secret of the network")})
    first = case.error_of()
    case.clock.advance(5)
    second, third = case.error_of(), case.error_of()

    assert (
        [FAILED_S, FAILED_S - 5],
        [False, False],
        f"sns.{REGION}.amazonaws.com",
        False,
    ) == (
        [first.retry_after_s, second.retry_after_s],
        ["secret" in str(error) for error in (first, second)],
        second.host,
        first is second or second is third,
    )


def test_nothing_is_held() -> None:
    """A failure that is remembered does not keep the message."""

    class Envelope(dict[str, Any]):
        """A mapping that can be watched."""

    def load(where: str) -> bytes:
        raise OSError(where)  # a new one, that the test does not hold

    case = Case()
    case.verifier = SNSVerifier([TOPIC], loader=load, clock=case.clock)
    envelope = Envelope(GENUINE)
    watched = weakref.ref(envelope)
    come_of = case.come_of(envelope)
    del envelope
    gc.collect()
    is_held = watched() is not None

    assert ("CertificateError", False) == (come_of, is_held)
