"""An engine that is down is asked seldom, and at once when it is back."""

from __future__ import annotations

import pickle

import pytest

from safeses._circuit import FIRST_PAUSE_S, LONGEST_PAUSE_S, Circuit
from safeses.errors import StoreError
from safeses.testing import FakeClock


def down(circuit: Circuit, times: int) -> None:
    """Let it fail so often."""
    for _ in range(times):
        circuit.check("budget")
        circuit.failed("no answer within 0.25 s")


def test_few_failures_stop_nobody() -> None:
    """Two in a row may be chance; an answer between begins anew."""
    circuit = Circuit("redis", FakeClock())
    for _ in range(5):
        down(circuit, 2)
        circuit.worked()

    circuit.check("budget")


def test_open() -> None:
    """After three, calls fail at once and say when to come back."""
    circuit = Circuit("redis", FakeClock())
    down(circuit, 3)

    with pytest.raises(StoreError) as caught:
        circuit.check("ledger")

    error = pickle.loads(pickle.dumps(caught.value))  # noqa: S301  # our own
    assert ("ledger", "redis", 0.5) == (
        error.part,
        error.engine,
        error.retry_after_s,
    )
    assert str(error) == (
        "the ledger in redis could not answer: no answer within 0.25 s;"
        " it is asked again in 0.5 s"
    )


def test_one_tries() -> None:
    """After the pause one call goes through, and the others wait on."""
    clock = FakeClock()
    circuit = Circuit("redis", clock)
    down(circuit, 3)
    clock.advance(0.6)
    circuit.check("budget")

    with pytest.raises(StoreError):
        circuit.check("budget")

    circuit.worked()
    circuit.check("budget")


def test_pauses_grow() -> None:
    """What stays down is asked ever more seldom, to a bound."""
    clock = FakeClock()
    circuit = Circuit("redis", clock)
    down(circuit, 3)
    for _ in range(8):
        clock.advance(LONGEST_PAUSE_S)
        down(circuit, 1)

    with pytest.raises(StoreError) as caught:
        circuit.check("budget")

    assert LONGEST_PAUSE_S == caught.value.retry_after_s


def test_those_under_way() -> None:
    """Sixteen that fail at once are one outage: the pause stays short."""
    circuit = Circuit("redis", FakeClock())
    for _ in range(16):
        circuit.failed("no answer within 0.25 s")

    with pytest.raises(StoreError) as caught:
        circuit.check("budget")

    assert FIRST_PAUSE_S == caught.value.retry_after_s


def test_a_child_begins_anew() -> None:
    """What a parent met need not hold for a child."""
    circuit = Circuit("redis", FakeClock())
    down(circuit, 3)
    circuit.after_fork()

    circuit.check("budget")
