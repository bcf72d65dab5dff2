"""
What SES says: limits and names, each with where it stands.

API means the SESv2 API reference as botocore's model carries it, Guide
the SES Developer Guide.
"""

from __future__ import annotations

from typing import Final

SERVICE: Final = "sesv2"

# Guide, "Service quotas": recipients of one message, To + Cc + Bcc.
MAX_RECIPIENTS: Final = 50
# Guide, "Service quotas": 40 MB in the v2 API, after base64 encoding.
# Counted in MiB, as the 10 MB of the v1 API are (10485760 bytes).
MAX_MESSAGE_BYTES: Final = 40 * 1024 * 1024
# API, MessageTag; the ses: prefix of tags is SES's own.
TAG_MAX_CHARS: Final = 256
# API, MessageHeader.
MAX_HEADERS: Final = 15
HEADER_NAME_MAX_CHARS: Final = 126
HEADER_VALUE_MAX_CHARS: Final = 995
HEADER_MAX_CHARS: Final = 996
# Guide, "Amazon SES header fields": not as custom headers.
FORBIDDEN_HEADERS: Final = frozenset(
    {
        "bcc",
        "cc",
        "content-disposition",
        "content-type",
        "date",
        "from",
        "message-id",
        "mime-version",
        "reply-to",
        "return-path",
        "subject",
        "to",
    }
)
# API, Attachment.
FILE_NAME_MAX_CHARS: Final = 255
CONTENT_ID_MAX_CHARS: Final = 78
CONTENT_TYPE_MAX_CHARS: Final = 78
DESCRIPTION_MAX_CHARS: Final = 1000
# API, Template.
TEMPLATE_DATA_MAX_CHARS: Final = 262_144
# RFC 5321, 4.5.3.1: a path of 256 octets, less the angle brackets.
ADDRESS_MAX_CHARS: Final = 254
LOCAL_PART_MAX_CHARS: Final = 64

# Guide, "Using the mailbox simulator": costs send rate, but no quota.
SIMULATOR_DOMAIN: Final = "simulator.amazonses.com"

# Guide, "Errors related to the sending quotas", and recorded answers:
# both texts have been seen under several of these codes.
THROTTLE_CODES: Final = frozenset(
    {
        "TooManyRequestsException",
        "LimitExceededException",
        "ThrottlingException",
        "Throttling",
    }
)
# A paused account answers with one of these, or with "paused" in the
# text of MessageRejected.
PAUSED_CODES: Final = frozenset(
    {
        "SendingPausedException",
        "AccountSuspendedException",
        "AccountSendingPausedException",
        "ConfigurationSetSendingPausedException",
    }
)
CREDENTIAL_CODES: Final = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
ACCESS_CODES: Final = frozenset({"AccessDenied", "AccessDeniedException"})
# 4xx answers after which the mail may have been taken all the same.
AMBIGUOUS_CODES: Final = frozenset(
    {"RequestTimeout", "RequestTimeoutException", "PriorRequestNotComplete"}
)

# Guide, "Requesting production access": what a sandbox account may do;
# old guides name 14/s as the first production rate, the figure that an
# account with unknown limits starts from.
UNKNOWN_RATE_PER_S: Final = 14.0
# AWS advises to wait up to ten minutes once the quota is used up (Guide,
# "Errors related to the sending quotas").
DAILY_PAUSE_S: Final = 600.0
