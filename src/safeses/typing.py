"""
What others may replace, as small protocols, and what these exchange.

A `State` holds the facts that senders share. It is asked in three acts:
`admit` before a send, `submit` before its first byte, `settle` after it.
"""

from __future__ import annotations

from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    Protocol,
    runtime_checkable,
)

from typing_extensions import Required, TypedDict

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

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping, Sequence

    from safeses._values import Account, Limits

__all__ = [
    "Accepted",
    "Admission",
    "Admitted",
    "Answer",
    "Booked",
    "Budget",
    "Claim",
    "Clock",
    "Deferred",
    "Destination",
    "Later",
    "MessageTag",
    "NoAnswer",
    "Outcome",
    "Rejected",
    "SESClient",
    "SendEmailRequest",
    "State",
    "Survives",
    "Transport",
    "Unknown",
]

Survives = Literal["nothing", "process", "host", "failover"]


class Clock(Protocol):
    """The only source of time; many threads may use it."""

    def time(self) -> float:
        """Return the wall clock in seconds since 1970, UTC."""

    def monotonic(self) -> float:
        """Return seconds that never step backwards."""

    def sleep(
        self, seconds: float, wake: threading.Event | None = None
    ) -> None:
        """Sleep, but return at once when *wake* is set."""


class SESClient(Protocol):
    """
    A client as ``boto3.client("sesv2")`` makes it, or one in its shape.

    boto3 makes the methods of a client while it runs, ``send_email``
    too, so that nothing else about it can be declared. What is not made
    by boto3 says ``single_attempt = True`` if one call of its
    ``send_email`` is one attempt; anything else might send twice.
    """

    @property
    def meta(self) -> object:
        """What it says of itself, such as ``meta.region_name``."""


@runtime_checkable
class Budget(Protocol):
    """
    Rate and 24 h quota of every scope, counted in recipients.

    A scope is an account in a region. Many threads may ask at once; no
    call blocks longer than the engine needs to answer.

    Raises:
        StoreError: No answer. An outage never reads as a permit.
    """

    def reserve(self, admission: Admission) -> Booked | Later:
        """
        Book a slot and charge the quota, both or neither.

        Raises:
            QuotaExceededError: The quota leaves no room.
        """

    def give_back(self, claim: Claim) -> None:
        """Return the quota of a message that was certainly not sent."""

    def throttled(self, scope: str, by: Literal["rate", "daily"]) -> None:
        """Take note that SES refused: hold everybody back for a while."""

    def learn(self, scope: str, known: Account | Limits) -> None:
        """Take over what SES, or the caller, says the scope may send."""

    def per_second(self, scope: str) -> float:
        """Return the rate in force now, in recipients per second."""

    def after_fork(self) -> None:
        """Make the budget usable in a forked child."""


@runtime_checkable
class State(Protocol):
    """
    The facts that senders share, asked in three acts.

    Attributes:
        engine: What holds them, such as ``"memory"``.
        survives: What they outlive.

    Raises:
        StoreError: No answer, so nothing may be sent.
    """

    engine: str
    survives: Survives

    def admit(self, admission: Admission) -> Admitted | Later:
        """Screen the recipients, claim the message, reserve a slot."""

    def submit(self, claim: Claim) -> None:
        """Note, acknowledged, that the first byte is about to leave."""

    def settle(self, claim: Claim, outcome: Outcome) -> None:
        """Record how the attempt ended; exactly once per claim."""

    def account(self, scope: str) -> Account | None:
        """Return what was last learnt from SES about *scope*."""

    def learn(self, scope: str, known: Account | Limits) -> None:
        """Take over what SES, or the caller, says about *scope*."""

    def per_second(self, scope: str) -> float:
        """Return the rate in force now, in recipients per second."""

    def after_fork(self) -> None:
        """Drop locks and handles of the parent; keep the facts."""

    def close(self) -> None:
        """Let go of every handle; idempotent."""


class Transport(Protocol):
    """
    One attempt at a time: hands a request to SES, reports what came.

    Attributes:
        region: The region it talks to.
        account: The AWS account id, ``""`` if it is not known.
        shared: Whether another transport uses the same client.
    """

    @property
    def region(self) -> str:
        """Return the region."""

    @property
    def account(self) -> str:
        """Return the account id."""

    @property
    def shared(self) -> bool:
        """Return whether another transport uses the same client."""

    def send(
        self,
        params: Mapping[str, Any],
        timeout_s: float,
        before_send: Callable[[], None],
    ) -> Answer | NoAnswer:
        """
        Make exactly one attempt.

        Args:
            params: The parameters of ``SendEmail``.
            timeout_s: The bound on connecting, sending and reading.
            before_send: Called once, after signing and before the first
                byte; what it raises ends the attempt unsent.

        Raises:
            NotSentError: The request could not even be built.
        """

    def get_account(self, timeout_s: float) -> Mapping[str, Any]:
        """
        Ask SES for the account's limits and standing.

        Raises:
            AccessDeniedError: IAM does not allow it.
            NotSentError: It could not be asked.
        """

    def after_fork(self) -> None:
        """Leave the parent's connections alone."""

    def close(self) -> None:
        """Close the connections; idempotent."""


class Destination(TypedDict, total=False):
    """Who gets a mail, as SESv2 takes it."""

    ToAddresses: Sequence[str]
    CcAddresses: Sequence[str]
    BccAddresses: Sequence[str]


class MessageTag(TypedDict):
    """A label that SES repeats in events, as SESv2 takes it."""

    Name: str
    Value: str


class SendEmailRequest(TypedDict, total=False):
    """The parameters of boto3's ``send_email``."""

    FromEmailAddress: str
    FromEmailAddressIdentityArn: str
    Destination: Destination
    ReplyToAddresses: Sequence[str]
    FeedbackForwardingEmailAddress: str
    FeedbackForwardingEmailAddressIdentityArn: str
    Content: Required[Mapping[str, Any]]
    EmailTags: Sequence[MessageTag]
    ConfigurationSetName: str
    EndpointId: str
    TenantName: str
    ListManagementOptions: Mapping[str, str]
    ConfigurationOverrides: Mapping[str, Any]
