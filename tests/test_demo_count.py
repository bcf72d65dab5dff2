"""The demo's verdicts follow from counts, and from nothing else."""

from __future__ import annotations

from collections import Counter
from typing import Any

import attrs
import pytest

from safeses._commands.demo._count import (
    Line,
    Record,
    Result,
    lines,
    verdicts,
)

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


def test_nothing_tested() -> None:
    """Without a scene no promise is said to be held."""
    assert {1: None, 3: None, 4: None} == held()


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
