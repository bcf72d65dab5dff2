"""
What hooks are told of one send.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from safeses._findings import Dropped, Finding
    from safeses._values import Priority, Receipt
    from safeses.errors import SafeSESError

Kind = Literal["simple", "raw", "template"]


@attrs.frozen(kw_only=True)
class BeforeSend:
    """
    A valid message is about to be admitted; a hook that raises vetoes it.

    Attributes:
        tag: The correlation tag of the call.
        kind: ``"simple"``, ``"raw"`` or ``"template"``.
        recipients: How many recipients it has.
        priority: ``"transactional"`` or ``"bulk"``.
        stream: The kind of mail that the caller named.
        params: The parameters of ``SendEmail``; do not change them.
    """

    tag: str
    kind: Kind
    recipients: int
    priority: Priority
    stream: str
    params: Mapping[str, Any] = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class MessageFlagged:
    """
    A message has something that is worth a look, and is sent all the same.

    Attributes:
        tag: The correlation tag of the call.
        findings: Warnings; and errors while the client only observes.
    """

    tag: str
    findings: tuple[Finding, ...]

    @property
    def would_refuse(self) -> bool:
        """Whether it is only sent as the client observes."""
        return any(found.severity == "error" for found in self.findings)


@attrs.frozen(kw_only=True)
class RecipientsDropped:
    """
    Recipients were left out, or all refused for their sake.

    Attributes:
        tag: The correlation tag of the call.
        dropped: Who, and why.
        observed: True when they got the mail all the same, as the client
            only observes.
    """

    tag: str
    dropped: tuple[Dropped, ...]
    observed: bool = False


@attrs.frozen(kw_only=True)
class Throttled:
    """
    SES refused for now.

    Attributes:
        tag: The correlation tag of the call.
        by: The ``"rate"``, the ``"daily"`` quota, or another throttle of
            the ``"api"``.
        attempt: Which attempt of the call, from 1.
    """

    tag: str
    by: Literal["rate", "daily", "api"]
    attempt: int


@attrs.frozen(kw_only=True)
class RetryScheduled:
    """
    A message that was certainly not sent will be tried again.

    Attributes:
        tag: The correlation tag of the call.
        attempt: Which attempt failed, from 1.
        wait_s: Seconds until the next one asks for a new permit.
        error: Why it failed.
    """

    tag: str
    attempt: int
    wait_s: float
    error: SafeSESError


@attrs.frozen(kw_only=True)
class OutcomeDecided:
    """
    One attempt ended, and the state was told.

    Attributes:
        tag: The correlation tag of the call.
        attempt: Which attempt of the call, from 1.
        outcome: How it ended.
        recorded: False when the state could not note it.
    """

    tag: str
    attempt: int
    outcome: Literal["accepted", "deferred", "rejected", "unknown"]
    recorded: bool


@attrs.frozen(kw_only=True)
class AfterSend:
    """
    The call is over: either a receipt or an error.

    Attributes:
        tag: The correlation tag of the call.
        elapsed_s: Seconds from the first check to the end.
        receipt: What the caller gets, if SES accepted the mail.
        error: What is raised to the caller otherwise.
    """

    tag: str
    elapsed_s: float
    receipt: Receipt | None = None
    error: BaseException | None = None


SendEvent = (
    MessageFlagged
    | BeforeSend
    | RecipientsDropped
    | Throttled
    | RetryScheduled
    | OutcomeDecided
    | AfterSend
)

SEND_EVENTS: Final[frozenset[type[SendEvent]]] = frozenset(
    {
        MessageFlagged,
        BeforeSend,
        RecipientsDropped,
        Throttled,
        RetryScheduled,
        OutcomeDecided,
        AfterSend,
    }
)
