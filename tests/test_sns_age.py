"""How old a message may be, and how it says so."""

from __future__ import annotations

from typing import Any

import pytest
from tests.sns_authority import (
    Loader,
    notification,
)
from tests.sns_verifiers import (
    SHARED,
    is_genuine,
    verifier,
)

from safeses.errors import (
    ConfigurationError,
    UnverifiedEventError,
)
from safeses.testing import FakeClock


@pytest.mark.parametrize(
    "age_s, passes",
    [
        (0, True),
        (59 * 60, True),
        (3_600 + 300, True),
        (3_600 + 301, False),
        (24 * 3_600, False),
        (-300, True),
        (-301, False),
        (-24 * 3_600, False),
    ],
)
def test_age(age_s: float, passes: bool) -> None:  # noqa: FBT001  # a case
    """An hour and five minutes old passes, or five minutes ahead."""
    clock = FakeClock()
    clock.step_wall(age_s)

    assert passes == is_genuine(notification(), verifier(clock))


def test_age_of_what_was_kept() -> None:
    """What a queue kept may be of any age, if the caller says so."""
    clock = FakeClock()
    clock.step_wall(30 * 24 * 3_600)
    verifier(clock).verify(notification(), check_age=False)
    without = is_genuine(notification(), verifier(clock, max_age_s=None))
    clock.step_wall(-31 * 24 * 3_600)
    ahead = is_genuine(notification(), verifier(clock, max_age_s=None))

    assert (True, False) == (without, ahead)


def test_age_costs_no_fetch() -> None:
    """What is too old is refused before anything is fetched."""
    clock, loader = FakeClock(), Loader()
    clock.step_wall(24 * 3_600)
    refused = not is_genuine(notification(), verifier(clock, loader))

    assert (True, []) == (refused, loader.asked)


@pytest.mark.parametrize(
    "stamp",
    [
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00.0Z",
        "2025-12-31T23:59:59.999999999Z",
    ],
)
def test_instants(stamp: str) -> None:
    """Fractions of a second may have up to nine digits, or be missing."""
    envelope = notification(Timestamp=stamp)

    assert is_genuine(envelope)


@pytest.mark.parametrize(
    "stamp",
    [
        "",
        "now",
        "1767225600",
        "2026-01-01",
        "2026-01-01T00:00:00",
        "2026-01-01T00:00:00+00:00",
        "2026-01-01 00:00:00Z",
        "2026-1-1T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:00:60Z",
        "0000-01-01T00:00:00Z",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00.0000000000Z",
        "\uff12\uff10\uff12\uff16-01-01T00:00:00Z",
        "2026-01-01T00:00:00Z\n",
        "2026-01-01T00:00:00ZZ",
        "0" * 100_000,
    ],
)
@pytest.mark.parametrize("check_age", [True, False])
def test_no_instants(stamp: str, check_age: bool) -> None:  # noqa: FBT001  # a case
    """A Timestamp of another form is refused, even where age is no matter."""
    envelope = notification(Timestamp=stamp)
    with pytest.raises(UnverifiedEventError) as caught:
        SHARED.verify(envelope, check_age=check_age)

    assert "Timestamp" in caught.value.rule


@pytest.mark.parametrize(
    "settings",
    [
        {"max_age_s": 0},
        {"max_age_s": -1},
        {"max_age_s": float("inf")},
        {"max_age_s": float("nan")},
        {"skew_s": -1},
        {"skew_s": float("nan")},
        {"skew_s": float("inf")},
        {"certificate_names": "sns.amazonaws.com"},
        {"certificate_names": [b"sns"]},
    ],
)
def test_settings(settings: dict[str, Any]) -> None:
    """Settings that could verify nothing, or anything, are refused."""
    with pytest.raises(ConfigurationError) as caught:
        verifier(**settings)

    assert next(iter(settings)) in caught.value.problem
