"""Asking SES about recipients takes no longer than a send has time."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from safeses import RejectedError, StoreError, Suppression, UnreachableError
from safeses._lookups import Lookups
from safeses._lookups._api import PacedApi
from safeses._state import memory_state
from safeses.suppression import AccountSuppressionList
from safeses.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.race  # threads

ANN, BEN = "ann@a.example", "ben@b.example"
MANY = [f"p{number}@a.example" for number in range(50)]


@attrs.define
class Slow:
    """An SES that has nobody on its list, and takes its time to say so."""

    clock: FakeClock
    takes_s: float
    asked: list[str] = attrs.field(factory=list)
    begun_at: list[float] = attrs.field(factory=list)

    def call(
        self, operation: str, params: Mapping[str, Any], timeout_s: float
    ) -> Mapping[str, Any]:
        """Answer, or be cut off."""
        del operation
        self.asked.append(params["EmailAddress"])
        self.begun_at.append(self.clock.monotonic())
        self.clock.sleep(min(self.takes_s, timeout_s))
        if timeout_s < self.takes_s:
            raise UnreachableError("no answer in time")
        raise RejectedError("NotFoundException", 404)


def listed(
    takes_s: float, **settings: Any
) -> tuple[AccountSuppressionList, Slow]:
    """Return the list of a slow SES."""
    clock = FakeClock()
    slow = Slow(clock, takes_s)
    transport: Any = slow
    api = PacedApi(transport, memory_state(clock), "a/r", clock)
    return AccountSuppressionList(api, clock=clock, **settings), slow


@pytest.mark.parametrize("takes_s", [0.0, 1.2, 1.9, 4.9])
@pytest.mark.parametrize("strict", [True, False])
def test_many(takes_s: float, *, strict: bool) -> None:
    """However slow SES is, and whoever is asked about, 2 s are 2 s."""
    store, slow = listed(takes_s, strict=strict)
    try:
        found: Any = store.find([name.upper() for name in MANY])
    except StoreError:
        found = None

    assert (None if strict else {}, True, True) == (
        found,
        max(slow.begun_at) < 2,
        slow.clock.monotonic() <= 2,
    )


@pytest.mark.parametrize("max_wait_s", [0, 0.5, 7])
def test_as_long_as_the_caller_has(max_wait_s: float) -> None:
    """Who has less time, or more, says so."""
    store, slow = listed(4.9, strict=False)
    store.find(MANY, max_wait_s=max_wait_s)

    assert (max_wait_s > 0, True) == (
        bool(slow.asked),
        slow.clock.monotonic() <= max_wait_s,
    )


def test_a_spelling_at_a_time() -> None:
    """Who had time for one spelling only goes on with the other."""
    store, slow = listed(1.5)
    for _ in range(4):
        try:
            store.find(["Ann@a.example"])
            break
        except StoreError:
            slow.clock.advance(10)

    assert ["Ann@a.example", ANN, ANN] == slow.asked


@pytest.mark.parametrize("max_wait_s, takes_s", [(25, 2), (1, 1), (-1, 0)])
def test_screen(max_wait_s: float, takes_s: float) -> None:
    """A send asks the state first, then SES: for 2 s, or what it has."""
    clock = FakeClock()
    slow: Any = Slow(clock, 4.9)
    state = memory_state(clock)
    state.suppressions.add([Suppression(address=ANN)])
    lookups = Lookups.through(
        slow,
        state,
        "a/r",
        clock=clock,
        closing=threading.Event(),
        renew=lambda: None,
        strict=False,
    )
    mail = {"stream": "", "configuration_set": "", "tenant": ""}
    found = [
        lookups.screen(who, **mail, max_wait_s=max_wait_s)
        for who in ([], [ANN], [ANN, BEN])
    ]

    assert ([set(), {ANN}, {ANN}], [BEN] * bool(takes_s), takes_s) == (
        [set(some) for some in found],
        slow.asked,
        clock.monotonic(),
    )
