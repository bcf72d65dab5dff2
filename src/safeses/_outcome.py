"""
What a send asks of the state, and what one attempt came to.

The path of a send moves between these values: an `Admission` asks, a
`Claim` may go ahead, and exactly one `Outcome` settles each attempt.
Several are made for every send, so they are not frozen (setting fields
through `object.__setattr__` costs more than the rest); nobody changes
them all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import attrs

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping

    from safeses._findings import Dropped
    from safeses._values import Priority
    from safeses.errors import NotSentError, OutcomeUnknownError


@attrs.define(kw_only=True, eq=False)
class Claim:
    """
    Leave to submit one message, held by one call.

    Attributes:
        tag: The message's correlation id, unique to the call.
        scope: Whose budget it draws on: account and region.
        cost: Recipients that count against the send rate.
        quota_cost: Recipients that count against the 24 h quota.
        minute: The quota's minute that was charged, for giving back.
    """

    tag: str
    scope: str
    cost: int
    quota_cost: int
    minute: int = 0


@attrs.define(kw_only=True, eq=False)
class Admission:
    """
    One call's wish to send; asked again until it is admitted.

    Attributes:
        tag: The correlation id, unique to the call.
        scope: Whose budget: account and region.
        recipients: Every recipient, as written.
        cost: How many of them count against the send rate.
        quota_cost: How many of them count against the 24 h quota.
        priority: ``"transactional"`` or ``"bulk"``.
        stream: The kind of mail, for counting and suppressing apart.
        max_wait_s: How long the caller would still wait.
    """

    tag: str
    scope: str
    recipients: tuple[str, ...] = attrs.field(repr=False)
    cost: int
    quota_cost: int
    priority: Priority = "transactional"
    stream: str = ""
    max_wait_s: float = 5.0


@attrs.define(kw_only=True, eq=False)
class Admitted:
    """
    The state lets the message go, after a wait.

    Attributes:
        claim: What to submit and settle with.
        wait_s: Seconds until the slot begins; sleep before submitting.
        limit_per_s: The rate in force.
        dropped: Recipients that must be left out.
    """

    claim: Claim
    wait_s: float
    limit_per_s: float
    dropped: tuple[Dropped, ...] = ()


@attrs.define(kw_only=True, eq=False)
class Later:
    """
    No slot can be booked yet; nothing was taken.

    Attributes:
        ask_in_s: Seconds until asking again may help.
        ready_in_s: Seconds until a slot would begin, as far as known.
        limit_per_s: The rate in force.
        wake: Set when it is this caller's turn to ask, if known.
    """

    ask_in_s: float
    ready_in_s: float
    limit_per_s: float
    wake: threading.Event | None = None


@attrs.define(kw_only=True, eq=False)
class Booked:
    """
    A slot of the budget.

    Attributes:
        wait_s: Seconds until it begins.
        limit_per_s: The rate in force.
        minute: The quota's minute that was charged.
    """

    wait_s: float
    limit_per_s: float
    minute: int = 0


@attrs.define(kw_only=True, eq=False)
class Answer:
    """
    SES, or something on the way, answered one attempt.

    Attributes:
        status: The HTTP status.
        code: The error code; ``""`` on success.
        text: The error's text; may hold addresses, so never show it.
        body: The parsed answer.
        request_id: The id of the call.
    """

    status: int
    code: str = ""
    text: str = attrs.field(default="", repr=False)
    body: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    request_id: str = ""


@attrs.define(kw_only=True, eq=False)
class NoAnswer:
    """
    One attempt ended without an answer.

    Attributes:
        written: Whether a byte of the request may have left.
        reason: How it ended, in a few words.
        error: The exception that said so.
    """

    written: bool
    reason: str
    error: BaseException | None = attrs.field(default=None, repr=False)


DeferredBy = Literal["rate", "daily", "api", "unreachable", "released"]


@attrs.define(kw_only=True, eq=False)
class Accepted:
    """SES has the message: `message_id` is its id, `request_id` the call's."""

    message_id: str
    request_id: str = ""
    body: Mapping[str, Any] = attrs.field(factory=dict, repr=False)


@attrs.define(kw_only=True, eq=False)
class Deferred:
    """
    Certainly not sent, and may be tried again.

    Attributes:
        by: Why: the send rate, the 24 h quota, another throttle of the
            API, no connection, or released by the caller unsent.
        error: What to raise when no time is left to try again.
    """

    by: DeferredBy
    error: NotSentError | None = None


@attrs.define(kw_only=True, eq=False)
class Rejected:
    """Certainly not sent, and no use to try again: raise `error`."""

    error: NotSentError


@attrs.define(kw_only=True, eq=False)
class Unknown:
    """Perhaps sent: raise `error`, never try again."""

    error: OutcomeUnknownError


Outcome = Accepted | Deferred | Rejected | Unknown
