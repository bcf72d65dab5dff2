"""
What a plan asks of its driver, and what it is sent back.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from safeses._values import Receipt

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from safeses._outcome import Admission, Claim, Outcome
    from safeses._request import Request
    from safeses.events import SendEvent


@attrs.define(eq=False)
class LookUp:
    """Ask what is known of a job; answered with `Found` or None."""

    name: str


@attrs.define(eq=False)
class Prepare:
    """Check the message and make it safe; answered with a `Request`."""

    make: Callable[[], Request]


@attrs.define(eq=False)
class Screen:
    """Ask who else is suppressed; answered with a tuple of `Dropped`."""

    request: Request
    stream: str
    max_wait_s: float


@attrs.define(eq=False)
class Admit:
    """Ask the state; answered with `Admitted`, `Later` or `Found`."""

    admission: Admission


@attrs.define(eq=False)
class Leave:
    """Give up the place in the queue of this process."""

    admission: Admission


@attrs.define(eq=False)
class Sleep:
    """Sleep, or until *wake* is set."""

    seconds: float
    wake: threading.Event | None = None


@attrs.define(eq=False)
class Submit:
    """Make one attempt; answered with `Answer` or `NoAnswer`."""

    claim: Claim
    params: dict[str, Any] = attrs.field(repr=False)
    timeout_s: float


@attrs.define(eq=False)
class Settle:
    """Record an outcome; answered with whether the state noted it."""

    claim: Claim
    outcome: Outcome


@attrs.define(eq=False)
class Notify:
    """Tell the hooks; only those of `BeforeSend` may raise."""

    event: SendEvent


# As in `_outcome`: made for every send, hence not frozen.
Effect = (
    LookUp
    | Prepare
    | Screen
    | Admit
    | Leave
    | Sleep
    | Submit
    | Settle
    | Notify
)
T = TypeVar("T")
# Sent: the monotonic time after the effect, and its answer.
Step = Generator[Effect, tuple[float, Any], T]
Plan = Generator[Effect, tuple[float, Any], Receipt]
