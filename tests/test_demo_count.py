"""The demo's verdicts follow from counts, and from nothing else."""

from __future__ import annotations

from collections import Counter
from typing import Any

import attrs
import pytest

from safeses._commands.demo._count import (
    Line,
    Reached,
    Record,
    Result,
    lines,
    verdicts,
)
from safeses._commands.demo._heard import Heard

GOOD = Record(
    title="good",
    results=(
        Result(mail="1", said="accepted"),
        Result(mail="2", said="unknown", why="OutcomeUnknownError"),
        Result(mail="3", said="not sent", why="RateLimitedError"),
    ),
    copies={"1": 1, "2": 1},
    requests=2,
    refusals=Counter(),
    recipients=2,
    quota=2,
)
BAD = Record(
    title="malformed",
    results=(Result(mail="1", said="not sent", why="InvalidMessageError"),),
    copies={},
    requests=0,
    refusals=Counter(),
    recipients=0,
    quota=2,
    malformed=True,
)
# Its first outcome was unknown, and was settled.
AGAIN = (
    Result(mail="1", said="unknown", why="OutcomeUnknownError"),
    Result(mail="1", said="accepted before", message_id="m1"),
)
ANN, BO = ("1", "ann@a.example"), ("1", "bo@b.example")
REACHED = Reached(
    stopped=frozenset({ANN}),
    allowed=frozenset({BO}),
    at_ses=frozenset({BO}),
    told=frozenset({ANN}),
)
GONE = ("Bounce", "ann@a.example")
HEARD = Heard(
    happened=frozenset({GONE}),
    told=Counter({GONE: 1}),
    listed=frozenset({"ann@a.example"}),
    doubtful=1,
    settled=1,
    forged=1,
    believed=0,
)
THROTTLED = Counter({"TooManyRequestsException": 1})
DAILY = Counter({"LimitExceededException": 1})
WRONG = Counter({"MessageRejected": 1})


def held(*records: Record) -> dict[int, bool | None]:
    """Return the verdict on each promise."""
    return {verdict.number: verdict.held for verdict in verdicts(records)}


@pytest.mark.parametrize(
    "changes,promise,expected",
    [
        ({}, 4, True),
        ({"copies": {"1": 2}}, 4, False),
        ({"copies": {}}, 4, False),
        ({"copies": {"1": 1, "2": 0}}, 4, True),
        ({"copies": {"1": 1, "2": 2}}, 4, False),
        ({"copies": {"1": 1, "3": 1}}, 4, False),
        ({"copies": {"1": 1, "": 1}}, 4, False),
        ({"results": (Result(mail="1", said="nothing"),)}, 4, False),
        ({"proved": False}, 4, None),
        ({"proved": False, "copies": {}}, 4, False),
        ({"refusals": THROTTLED}, 1, False),
        ({"refusals": DAILY}, 1, False),
        ({"refusals": THROTTLED, "knows_limits": False}, 1, None),
        ({"recipients": 3}, 1, False),
        ({"refusals": WRONG}, 3, False),
        ({"refusals": THROTTLED}, 3, True),
        ({"copies": {"1": 3}, "plain": True}, 4, True),
    ],
)
def test_verdict(
    changes: dict[str, Any],
    promise: int,
    expected: bool | None,  # noqa: FBT001  # a verdict
) -> None:
    """Each count that contradicts a promise breaks that promise."""
    assert expected == held(attrs.evolve(GOOD, **changes), BAD)[promise]


@pytest.mark.parametrize(
    "changes,expected",
    [
        ({}, True),
        ({"requests": 1}, False),
        (
            {
                "results": (
                    Result(mail="1", said="not sent", why="RejectedError"),
                )
            },
            False,
        ),
    ],
)
def test_malformed(
    changes: dict[str, Any],
    expected: bool,  # noqa: FBT001  # a verdict
) -> None:
    """Malformed mail must be named as such, and must not reach SES."""
    assert expected == held(GOOD, attrs.evolve(BAD, **changes))[3]


@pytest.mark.parametrize(
    "changes,expected",
    [
        ({}, True),
        ({"at_ses": {ANN, BO}}, False),
        ({"at_ses": {ANN, BO}, "told": set()}, False),
        ({"at_ses": set()}, False),
        ({"told": set()}, False),
        ({"told": {ANN, BO}}, False),
        ({"stopped": set(), "told": set()}, None),
        ({"allowed": set(), "at_ses": set()}, None),
    ],
)
def test_people(
    changes: dict[str, Any],
    expected: bool | None,  # noqa: FBT001  # a verdict
) -> None:
    """Who must not get it does not, the others do, and it is said."""
    changed = attrs.evolve(
        REACHED,
        **{name: frozenset(pairs) for name, pairs in changes.items()},
    )

    assert expected is held(attrs.evolve(GOOD, reached=changed))[2]


@pytest.mark.parametrize(
    "changes,expected",
    [
        ({}, True),
        ({"copies": {"1": 2}}, False),
        ({"copies": {}}, False),
        ({"message_ids": frozenset({("1", "m2")})}, False),
        ({"message_ids": frozenset({("2", "m1")})}, False),
    ],
)
def test_run_again(
    changes: dict[str, Any],
    expected: bool,  # noqa: FBT001  # a verdict
) -> None:
    """A job run again is one mail, and its receipt names that one."""
    record = attrs.evolve(
        GOOD,
        results=AGAIN,
        copies={"1": 1},
        message_ids=frozenset({("1", "m1")}),
    )

    assert expected is held(attrs.evolve(record, **changes))[4]


def test_runs_are_no_mails() -> None:
    """However often a mail is run, it counts once, under each outcome."""
    record = attrs.evolve(
        GOOD, results=(*AGAIN, *AGAIN), copies={"1": 1}, plain=False
    )

    assert [
        Line(said="accepted before", mails=1, copies=1, alarm=""),
        Line(said="unknown", mails=1, copies=1, alarm=""),
    ] == list(lines(record))
    assert verdicts([record])[3].figures.startswith("of 1 mails")


def test_people_of_boto3_alone() -> None:
    """What boto3 alone does breaks no promise of ours."""
    leaking = attrs.evolve(REACHED, at_ses=frozenset({ANN, BO}))
    plain = attrs.evolve(GOOD, reached=leaking, plain=True)

    assert (None, "1 must not get it") == (
        held(plain)[2],
        next(lines(plain)).alarm,
    )


@pytest.mark.parametrize(
    "changes,expected",
    [
        ({}, True),
        ({"told": Counter()}, False),
        ({"told": Counter({GONE: 2})}, False),
        ({"told": Counter({GONE: 1, ("Bounce", "b@b.example"): 1})}, False),
        ({"told": Counter({("Complaint", GONE[1]): 1})}, False),
        ({"listed": frozenset()}, False),
        ({"settled": 0}, False),
        ({"believed": 1}, False),
        ({"forged": 0}, True),
        ({"doubtful": 0, "settled": 0}, None),
        ({"happened": frozenset(), "told": Counter()}, None),
    ],
)
def test_heard(
    changes: dict[str, Any],
    expected: bool | None,  # noqa: FBT001  # a verdict
) -> None:
    """All that SES reports is told once and acted on, and nothing else."""
    record = attrs.evolve(GOOD, heard=attrs.evolve(HEARD, **changes))

    assert expected is held(record)[5]


def test_nothing_tested() -> None:
    """Without a scene no promise is said to be held."""
    assert dict.fromkeys(range(1, 6)) == held()


def test_lines() -> None:
    """Mails are grouped by what was said, with the copies at SES."""
    record = attrs.evolve(GOOD, copies={"1": 2, "3": 1})

    assert [
        Line(said="accepted", mails=1, copies=2, alarm="1 more than once"),
        Line(said="unknown", mails=1, copies=0, alarm=""),
        Line(
            said="not sent: RateLimitedError",
            mails=1,
            copies=1,
            alarm="1 sent all the same",
        ),
    ] == list(lines(record))
