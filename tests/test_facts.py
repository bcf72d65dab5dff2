"""Numbers that stores are given: seconds, and instants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.receiving import memory_parts

from safeses import ConfigurationError
from safeses._facts import LATEST, check_instant, check_seconds
from safeses._seen import MemorySeenEvents
from safeses.feedback import Receiver
from safeses.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable

WRONG: tuple[Any, ...] = (
    *("x", "5", "", b"5", None, True, [], {}, object, 1j),
    *(float("nan"), float("inf"), -1),
)


@pytest.mark.parametrize("seconds", [*WRONG, 0, 0.0])
def test_no_seconds(seconds: Any) -> None:
    """What is no number of seconds is refused by its name."""
    with pytest.raises(ConfigurationError) as caught:
        check_seconds("keep_s", seconds)

    assert (f"keep_s={seconds!r} is not a number of seconds", True) == (
        caught.value.problem,
        bool(caught.value.remedy),
    )


@pytest.mark.parametrize("at", [*WRONG, LATEST + 1, 1_700_000_000_000])
def test_no_instant(at: Any) -> None:
    """What is no instant is refused by its name, whatever its type."""
    with pytest.raises(ConfigurationError) as caught:
        check_instant("at", at)

    assert f"at={at!r} is not an instant" == caught.value.problem


def test_taken() -> None:
    """Whole and broken numbers pass, and so does the first instant."""
    for seconds in (1, 0.001, 1e9):
        check_seconds("keep_s", seconds)
    for at in (0, 0.0, 1_700_000_000, LATEST):
        check_instant("at", at)


@pytest.mark.parametrize("name", ["keep_s", "lease_s"])
def test_who_asks(name: str) -> None:
    """A receiver, and a store, say the same of a text."""
    wrong: dict[str, Any] = {name: "x"}
    seen = MemorySeenEvents(clock=FakeClock())
    with pytest.raises(ConfigurationError, match=name):
        Receiver(memory_parts(), **wrong)
    acts: dict[str, Callable[[], object]] = {
        "keep_s": lambda: seen.mark("e", "hook", **wrong),
        "lease_s": lambda: seen.hold("e", owner="me", **wrong),
    }
    with pytest.raises(ConfigurationError) as caught:
        acts[name]()

    assert f"{name}='x' is not a number of seconds" == caught.value.problem
