"""
What became of every message: never twice, never lost in silence.

A ledger notes each message before its first byte leaves, and how its
attempt ended. What has an idempotency key is remembered, so that whoever
repeats the job gets the first answer; what has none is forgotten as soon
as its outcome is known.
"""

from safeses._job import (
    Claimed,
    Found,
    Job,
    LeftOut,
    Record,
    RecordPage,
    Refused,
    Sent,
)
from safeses.ledger._memory import MemoryLedger
from safeses.ledger._outcomes import Outcomes

__all__ = [
    "Claimed",
    "Found",
    "Job",
    "LeftOut",
    "MemoryLedger",
    "Outcomes",
    "Record",
    "RecordPage",
    "Refused",
    "Sent",
]
