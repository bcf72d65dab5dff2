"""
Enumerations that keep what they do not know.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from typing_extensions import Self

MAX_SHOWN: Final = 64


class OpenEnum(str, Enum):
    """
    A word of SES; one that we do not know is kept as it is.

    A member equals its text, so ``bounce.type == "Permanent"`` holds.
    """

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        # Not a member of the class: who writes the events must not make
        # it grow.
        unknown = str.__new__(cls, value)
        unknown._name_ = "UNKNOWN"
        unknown._value_ = value
        return unknown

    @property
    def is_known(self) -> bool:
        """Whether this release knows the word."""
        return self._name_ != "UNKNOWN"

    def __str__(self) -> str:
        return str(self.value)

    def __repr__(self) -> str:
        # A word that is none may hold anything.
        is_word = self.value.isidentifier() and len(self.value) <= MAX_SHOWN
        text = repr(self.value) if self.is_known or is_word else "..."
        return f"{type(self).__name__}({text})"


class BounceType(OpenEnum):
    """Whether a bounce is for good."""

    PERMANENT = "Permanent"
    TRANSIENT = "Transient"
    UNDETERMINED = "Undetermined"


class BounceSubType(OpenEnum):
    """Why a mail bounced, as SES sorts it."""

    UNDETERMINED = "Undetermined"
    GENERAL = "General"
    NO_EMAIL = "NoEmail"
    SUPPRESSED = "Suppressed"
    ON_ACCOUNT_SUPPRESSION_LIST = "OnAccountSuppressionList"
    ON_TENANT_SUPPRESSION_LIST = "OnTenantSuppressionList"
    EMAIL_VALIDATION_SUPPRESSED = "EmailValidationSuppressed"
    UNSUBSCRIBED_RECIPIENT = "UnsubscribedRecipient"
    MAILBOX_FULL = "MailboxFull"
    MESSAGE_TOO_LARGE = "MessageTooLarge"
    CUSTOM_TIMEOUT_EXCEEDED = "CustomTimeoutExceeded"
    CONTENT_REJECTED = "ContentRejected"
    ATTACHMENT_REJECTED = "AttachmentRejected"


class ComplaintType(OpenEnum):
    """What a complaint is about (IANA, MARF feedback report types)."""

    ABUSE = "abuse"
    AUTH_FAILURE = "auth-failure"
    FRAUD = "fraud"
    NOT_SPAM = "not-spam"
    OTHER = "other"
    VIRUS = "virus"


class DelayType(OpenEnum):
    """Why a mail waits."""

    INTERNAL_FAILURE = "InternalFailure"
    GENERAL = "General"
    MAILBOX_FULL = "MailboxFull"
    SPAM_DETECTED = "SpamDetected"
    RECIPIENT_SERVER_ERROR = "RecipientServerError"
    IP_FAILURE = "IPFailure"
    TRANSIENT_COMMUNICATION_FAILURE = "TransientCommunicationFailure"
    BYOIP_HOST_NAME_LOOKUP_UNAVAILABLE = "BYOIPHostNameLookupUnavailable"
    UNDETERMINED = "Undetermined"
    SENDING_DEFERRAL = "SendingDeferral"
