"""
Send mail through Amazon SES, safely.

Importing this loads neither boto3 nor any framework.
"""

from safeses._client import Client
from safeses._findings import Dropped, Finding
from safeses._message import (
    Attachment,
    Email,
    ListManagement,
    RawEmail,
    TemplateEmail,
)
from safeses._values import Account, Limits, Receipt
from safeses.errors import (
    AccessDeniedError,
    ConfigurationError,
    ConfigurationWarning,
    CredentialsError,
    DeadlineExceededError,
    InvalidMessageError,
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
    VetoedError,
)
from safeses.events import (
    AfterSend,
    BeforeSend,
    OutcomeDecided,
    RetryScheduled,
    Throttled,
)

__all__ = [
    "AccessDeniedError",
    "Account",
    "AfterSend",
    "Attachment",
    "BeforeSend",
    "Client",
    "ConfigurationError",
    "ConfigurationWarning",
    "CredentialsError",
    "DeadlineExceededError",
    "Dropped",
    "Email",
    "Finding",
    "InvalidMessageError",
    "Limits",
    "ListManagement",
    "NotSentError",
    "OutcomeDecided",
    "OutcomeUnknownError",
    "QuotaExceededError",
    "RateLimitedError",
    "RawEmail",
    "Receipt",
    "RejectedError",
    "RetryScheduled",
    "SafeSESError",
    "SendingPausedError",
    "StoreError",
    "SuppressedError",
    "TemplateEmail",
    "Throttled",
    "UnreachableError",
    "VetoedError",
]
