"""
What others may replace, as small protocols, and what these exchange.

A `State` holds the facts that senders share. It is asked in three acts:
`admit` before a send, `submit` before its first byte, `settle` after it;
and a repeated job first looks up what became of it.
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
from safeses._outcome import (
    Accepted,
    Admission,
    Admitted,
    Answer,
    Booked,
    Claim,
    Deferred,
    Later,
    NoAnswer,
    Outcome,
    Rejected,
    Unknown,
)
from safeses._suppressed import Page
from safeses.typing._clock import Clock
from safeses.typing._facts import Counters, SeenEvents, SoftBounces
from safeses.typing._parts import Budget, Ledger, SuppressionStore
from safeses.typing._ses import (
    Destination,
    MessageTag,
    SendEmailRequest,
    SESApi,
    SESClient,
    Transport,
)
from safeses.typing._state import State, Survives

__all__ = [
    "Accepted",
    "Admission",
    "Admitted",
    "Answer",
    "Booked",
    "Budget",
    "Claim",
    "Claimed",
    "Clock",
    "Counters",
    "Deferred",
    "Destination",
    "Found",
    "Job",
    "Later",
    "Ledger",
    "LeftOut",
    "MessageTag",
    "NoAnswer",
    "Outcome",
    "Page",
    "Record",
    "RecordPage",
    "Refused",
    "Rejected",
    "SESApi",
    "SESClient",
    "SeenEvents",
    "SendEmailRequest",
    "Sent",
    "SoftBounces",
    "State",
    "SuppressionStore",
    "Survives",
    "Transport",
    "Unknown",
]
