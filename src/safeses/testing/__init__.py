"""
For tests of applications that send, and of parts that others write.

Importing this loads neither pytest, hypothesis nor boto3; each name is
loaded when it is first used. The contracts need pytest and hypothesis.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from safeses.testing._clock import FakeClock
    from safeses.testing._contracts import BudgetContract
    from safeses.testing._contracts._counters import CountersContract
    from safeses.testing._contracts._ledger import LedgerContract
    from safeses.testing._contracts._seen import SeenEventsContract
    from safeses.testing._contracts._soft_bounces import SoftBouncesContract
    from safeses.testing._contracts._suppression import (
        SuppressionStoreContract,
    )
    from safeses.testing._outbox import Outbox, SentMail
    from safeses.testing._sendable import assert_sendable
    from safeses.testing._simulator import (
        Faults,
        SimulatedSES,
        SimulatedTopic,
        SQSDestination,
    )
    from safeses.testing._stub_ses import StubSES
    from safeses.testing._stubbed import stubbed

__all__ = [
    "BudgetContract",
    "CountersContract",
    "FakeClock",
    "Faults",
    "LedgerContract",
    "Outbox",
    "SQSDestination",
    "SeenEventsContract",
    "SentMail",
    "SimulatedSES",
    "SimulatedTopic",
    "SoftBouncesContract",
    "StubSES",
    "SuppressionStoreContract",
    "assert_sendable",
    "stubbed",
]

_HOMES = {
    "BudgetContract": "_contracts",
    "CountersContract": "_contracts._counters",
    "FakeClock": "_clock",
    "Faults": "_simulator",
    "LedgerContract": "_contracts._ledger",
    "Outbox": "_outbox",
    "SQSDestination": "_simulator",
    "SeenEventsContract": "_contracts._seen",
    "SentMail": "_outbox",
    "SimulatedSES": "_simulator",
    "SimulatedTopic": "_simulator",
    "SoftBouncesContract": "_contracts._soft_bounces",
    "StubSES": "_stub_ses",
    "SuppressionStoreContract": "_contracts._suppression",
    "assert_sendable": "_sendable",
    "stubbed": "_stubbed",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
