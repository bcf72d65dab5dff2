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
    from safeses._job import Job, LeftOut, Sent
    from safeses._values import Priority
    from safeses.errors import NotSentError, OutcomeUnknownError


OnSuppressed = Literal["drop", "refuse", "report"]


@attrs.define(kw_only=True, eq=False)
class Claim:
    """
    Leave to submit one message, held by one call.

    Attributes:
        tag: The message's correlation id.
        scope: Whose budget it draws on: account and region.
        cost: Recipients that count against the send rate.
        quota_cost: Recipients that count against the 24 h quota.
        minute: The quota's minute that was charged, for giving back.
        owner: The call that holds it; the tag, unless others share that.
        attempt: Which attempt of the job it is, from 1.
        job: The job that was claimed, None without a key.
        is_unsure: Whether an earlier attempt of the job ended unknown.
        is_submitted: Whether the state has noted already that the first
            byte is about to leave.
        recipients: How many recipients the caller named.
        left_out: Those of them who do not get it.
    """

    tag: str
    scope: str
    cost: int
    quota_cost: int
    minute: int = 0
    owner: str = attrs.field()
    attempt: int = 1
    job: Job | None = None
    is_unsure: bool = False
    is_submitted: bool = False
    recipients: int = 0
    left_out: tuple[LeftOut, ...] = ()

    @owner.default
    def _call(self) -> str:
        return self.tag

    @property
    def id(self) -> str:
        """The name in the ledger: the tag without its signature."""
        return self.tag.partition("-")[0]


@attrs.define(kw_only=True, eq=False)
class Admission:
    """
    One call's wish to send; asked again until it is admitted.

    Attributes:
        tag: The correlation id; calls with the same key share it.
        scope: Whose budget: account and region.
        recipients: Every recipient, as written.
        cost: How many of them count against the send rate.
        quota_cost: How many of them count against the 24 h quota.
        priority: ``"transactional"`` or ``"bulk"``.
        stream: The kind of mail, for counting and suppressing apart.
        max_wait_s: How long the caller would still wait.
        configuration_set: The name of its configuration set, or ``""``.
        tenant: The name of the tenant that sends it, or ``""``.
        one_of: Of these one at least must be left, else nobody gets it;
            nothing means of the recipients.
        on_suppressed: ``"drop"`` suppressed recipients, ``"refuse"`` the
            message for any of them, or only ``"report"`` them.
        owner: Names the call; the tag, unless others share that.
        attempt: Which attempt of the call it is for, from 1.
        job: What is to be claimed, None without a key.
        timeout_s: The bound on the attempt.
    """

    tag: str
    scope: str
    recipients: tuple[str, ...] = attrs.field(repr=False)
    cost: int
    quota_cost: int
    priority: Priority = "transactional"
    stream: str = ""
    max_wait_s: float = 5.0
    configuration_set: str = ""
    tenant: str = ""
    one_of: tuple[str, ...] = attrs.field(default=(), repr=False)
    on_suppressed: OnSuppressed = "drop"
    owner: str = attrs.field()
    attempt: int = 1
    job: Job | None = None
    timeout_s: float = 10.0

    @owner.default
    def _call(self) -> str:
        return self.tag


@attrs.define(kw_only=True, eq=False)
class Admitted:
    """
    The state lets the message go, after a wait.

    Attributes:
        claim: What to submit and settle with.
        wait_s: Seconds until the slot begins; sleep before submitting.
        limit_per_s: The rate in force.
        dropped: Recipients that must be left out; those of a message
            that only reports them get it all the same.
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
    """
    SES has the message.

    Attributes:
        message_id: SES's id of it.
        request_id: The id of the call.
        body: The parsed answer.
        sent: What to keep of it, if anything is kept.
    """

    message_id: str
    request_id: str = ""
    body: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    sent: Sent | None = None


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
    """
    Certainly not sent, and no use to try again.

    Attributes:
        error: What to raise.
        final: Whether it is about this very message, so that SES would
            say the same at any time.
    """

    error: NotSentError
    final: bool = False


@attrs.define(kw_only=True, eq=False)
class Unknown:
    """Perhaps sent: raise `error`, never try again."""

    error: OutcomeUnknownError


Outcome = Accepted | Deferred | Rejected | Unknown
