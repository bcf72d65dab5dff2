"""
SES and what is given to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from typing_extensions import Required, TypedDict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from safeses._outcome import Answer, NoAnswer


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


class SESApi(Protocol):
    """
    The calls of SES that send nothing; at most one a second.

    That is what SES allows an account in a region, for all of its
    processes together (Developer Guide, "Service quotas").

    Attributes:
        scope: The account and region, such as ``"123456789012/eu-west-1"``.
    """

    @property
    def scope(self) -> str:
        """Return the account and region."""

    def call(
        self,
        operation: str,
        /,
        *,
        max_wait_s: float = ...,
        within_s: float | None = None,
        **params: Any,
    ) -> Mapping[str, Any]:
        """
        Make one call when it is its turn, and again if SES throttles.

        Args:
            operation: boto3's name, such as ``"get_email_identity"``.
            max_wait_s: Seconds to wait for a turn, in all.
            within_s: Seconds for all of it, the answer too; None is what
                the turn and one answer take.
            **params: What boto3 takes.

        Raises:
            RateLimitedError: Not in time.
            AccessDeniedError: IAM does not allow it.
            RejectedError: SES refused; a `status` of 404 says that there
                is no such thing.
            NotSentError: SES could not be asked.
        """


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

    def call(
        self, operation: str, params: Mapping[str, Any], timeout_s: float
    ) -> Mapping[str, Any]:
        """
        Make one call that sends nothing, in one attempt.

        Args:
            operation: boto3's name, such as ``"get_email_identity"``.
            params: What boto3 takes.
            timeout_s: The bound on connecting, sending and reading.

        Raises:
            AccessDeniedError: IAM does not allow it.
            RejectedError: SES refused it.
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
