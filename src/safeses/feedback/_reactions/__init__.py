"""
What is done about events unless you say otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from safeses.feedback._policy import BouncePolicy
from safeses.feedback._reactions._complaints import (
    ComplaintPolicy,
    SuppressComplaints,
)
from safeses.feedback._reactions._count import (
    COUNTED,
    CountEvents,
    counter,
    scope_of,
)
from safeses.feedback._reactions._opt_outs import OptOuts
from safeses.feedback._reactions._settle import SettleLedger
from safeses.feedback._reactions._soft import SoftBounceLimit
from safeses.feedback._reactions._suppress import SuppressBounces

if TYPE_CHECKING:
    from collections.abc import Mapping

    from safeses.feedback._reaction import Reaction

__all__ = [
    "COUNTED",
    "ComplaintPolicy",
    "CountEvents",
    "OptOuts",
    "SettleLedger",
    "SoftBounceLimit",
    "SuppressBounces",
    "SuppressComplaints",
    "counter",
    "default_reactions",
    "scope_of",
]


def default_reactions(
    policy: BouncePolicy | None = None,
    complaints: ComplaintPolicy | None = None,
    streams: Mapping[str, str | None] | None = None,
) -> tuple[Reaction, ...]:
    """
    Return what is done about events, in order; leave out or add as you like.

    Counting is the last: done twice it counts twice.

    Args:
        policy: What bounces mean.
        complaints: Which complaints suppress.
        streams: Which stream a topic or list of contacts stands for, see
            `OptOuts`.

    Raises:
        ConfigurationError: *streams* names what is no stream.
    """
    policy = policy or BouncePolicy()
    complaints = complaints or ComplaintPolicy()
    return (
        SettleLedger(),
        SuppressBounces(policy),
        SoftBounceLimit(policy),
        SuppressComplaints(complaints),
        OptOuts(streams or {}),
        CountEvents(policy, complaints),
    )
