"""
Send mail through Amazon SES, safely.

Importing this loads neither boto3 nor any framework.
"""

from safeses._client import Client
from safeses._findings import Dropped, Finding
from safeses._lint import lint
from safeses._mail._message import (
    Attachment,
    Email,
    ListManagement,
    RawEmail,
    TemplateEmail,
)
from safeses._suppressed import Suppression
from safeses._values import (
    Account,
    EventSource,
    Limits,
    Receipt,
    UnknownSend,
)
from safeses.errors import (
    AccessDeniedError,
    CertificateError,
    ConfigurationError,
    ConfigurationWarning,
    CredentialsError,
    DeadlineExceededError,
    IdempotencyConflictError,
    IdempotencyError,
    InFlightError,
    InvalidEventError,
    InvalidMessageError,
    NotHandledError,
    NotSentError,
    OutcomeUnknownError,
    QuotaExceededError,
    RateLimitedError,
    RejectedError,
    SafeSESError,
    SendingPausedError,
    StoreError,
    SuppressedError,
    UnreachableError,
    UnverifiedEventError,
    VetoedError,
)
from safeses.events import (
    AfterSend,
    BeforeSend,
    MessageFlagged,
    OutcomeDecided,
    RecipientsDropped,
    RetryScheduled,
    Throttled,
)

__all__ = [
    "AccessDeniedError",
    "Account",
    "AfterSend",
    "Attachment",
    "BeforeSend",
    "CertificateError",
    "Client",
    "ConfigurationError",
    "ConfigurationWarning",
    "CredentialsError",
    "DeadlineExceededError",
    "Dropped",
    "Email",
    "EventSource",
    "Finding",
    "IdempotencyConflictError",
    "IdempotencyError",
    "InFlightError",
    "InvalidEventError",
    "InvalidMessageError",
    "Limits",
    "ListManagement",
    "MessageFlagged",
    "NotHandledError",
    "NotSentError",
    "OutcomeDecided",
    "OutcomeUnknownError",
    "QuotaExceededError",
    "RateLimitedError",
    "RawEmail",
    "Receipt",
    "RecipientsDropped",
    "RejectedError",
    "RetryScheduled",
    "SafeSESError",
    "SendingPausedError",
    "StoreError",
    "SuppressedError",
    "Suppression",
    "TemplateEmail",
    "Throttled",
    "UnknownSend",
    "UnreachableError",
    "UnverifiedEventError",
    "VetoedError",
    "lint",
]
