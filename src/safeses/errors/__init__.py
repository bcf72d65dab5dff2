"""
Every error, and whether the mail was sent.

.. code-block:: text

    SafeSESError
    ├── NotSentError                certainly not sent
    │   ├── InvalidMessageError     the message is malformed
    │   ├── SuppressedError         nobody is left who may be mailed
    │   ├── RateLimitedError        no permit within the caller's wait
    │   ├── QuotaExceededError      the 24 h quota is used up
    │   ├── SendingPausedError      the account may not send at all
    │   ├── VetoedError             a hook said no
    │   ├── RejectedError           SES refused this message
    │   ├── AccessDeniedError       IAM refused the call
    │   ├── CredentialsError        no usable AWS credentials
    │   ├── UnreachableError        no connection to SES
    │   ├── DeadlineExceededError   no time was left to try
    │   ├── IdempotencyError        this call sent nothing, as of the key
    │   │   ├── InFlightError       another call holds it at this moment
    │   │   └── IdempotencyConflictError    it names another message
    │   ├── StoreError              the state could not answer
    │   └── ConfigurationError      safeses is set up wrongly
    ├── OutcomeUnknownError         perhaps sent: resending may duplicate
    ├── InvalidEventError           what was received is no event
    │   └── UnverifiedEventError    nothing shows that it is genuine
    ├── CertificateError            the key of a signature could not be had
    └── NotHandledError             some of what was received is not done

Every error pickles: its data are positional fields, its text is made of
them. No text holds an address, a subject or a body. `retryable` says
whether the same call may succeed later, `retry_after_s` when.
"""

from safeses.errors._events import (
    CertificateError,
    InvalidEventError,
    NotHandledError,
    UnverifiedEventError,
)
from safeses.errors._keys import (
    IdempotencyConflictError,
    IdempotencyError,
    InFlightError,
)
from safeses.errors._root import SafeSESError
from safeses.errors._sending import (
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
    SendingPausedError,
    StoreError,
    SuppressedError,
    UnreachableError,
    VetoedError,
)

__all__ = [
    "AccessDeniedError",
    "CertificateError",
    "ConfigurationError",
    "ConfigurationWarning",
    "CredentialsError",
    "DeadlineExceededError",
    "IdempotencyConflictError",
    "IdempotencyError",
    "InFlightError",
    "InvalidEventError",
    "InvalidMessageError",
    "NotHandledError",
    "NotSentError",
    "OutcomeUnknownError",
    "QuotaExceededError",
    "RateLimitedError",
    "RejectedError",
    "SafeSESError",
    "SendingPausedError",
    "StoreError",
    "SuppressedError",
    "UnreachableError",
    "UnverifiedEventError",
    "VetoedError",
]
