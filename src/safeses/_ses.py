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
# Guide, "Service quotas": the JSON of an inline template, 1 MB.
INLINE_TEMPLATE_MAX_BYTES: Final = 1024 * 1024
# API, SendEmail: its members that are one text, and those that are more.
TEXTS: Final = frozenset(
    {
        "ConfigurationSetName",
        "EndpointId",
        "FeedbackForwardingEmailAddress",
        "FeedbackForwardingEmailAddressIdentityArn",
        "FromEmailAddress",
        "FromEmailAddressIdentityArn",
        "TenantName",
    }
)
STRUCTURES: Final = frozenset(
    {
        "ConfigurationOverrides",
        "Content",
        "Destination",
        "EmailTags",
        "ListManagementOptions",
        "ReplyToAddresses",
    }
)
# API, SendEmail.
SET_NAME_MAX_CHARS: Final = 64
# Guide, "Service quotas".
MAX_MIME_PARTS: Final = 500
# API, RawMessage: lines of 1,000 with CRLF; RFC 5322, 2.1.1.
LINE_MAX_CHARS: Final = 998
# Guide, "Service quotas": one call a second of all that send nothing; a
# little less, as calls do not arrive as evenly as they are made.
API_CALLS_PER_S: Final = 0.9
# No limit is published; ours is what a list of mails can show thrice.
SUBJECT_ADVISED_CHARS: Final = 255
# A message to many holds back everybody for recipients / rate seconds
# (Guide, "Managing your sending quotas"); as long as mail waits here.
SLOW_MESSAGE_S: Final = 5.0
# Guide, "Unsupported attachment types".
_BLOCKED_EXTENSIONS: Final = """
ade adp app asp bas bat cer chm cmd com cpl crt csh der exe fxp gadget hlp
hta inf ins isp its js jse ksh lib lnk mad maf mag mam maq mar mas mat mau
mav maw mda mdb mde mdt mdw mdz msc msh msh1 msh2 mshxml msh1xml msh2xml
msi msp mst ops pcd pif plg prf prg ps1 ps1xml ps2 ps2xml psc1 psc2 reg scf
scr sct shb shs sys tmp url vb vbe vbs vps vsmacros vss vst vsw vxd ws wsc
wsf wsh xnk
"""
BLOCKED_EXTENSIONS: Final = frozenset(_BLOCKED_EXTENSIONS.split())
# Guide, "Amazon SES header fields": once at most in a message; To, Cc
# and Bcc after RFC 5322, 3.6.
_SINGLE_HEADERS: Final = """
auto-submitted bcc cc content-description content-disposition content-id
content-transfer-encoding content-type date from in-reply-to list-archive
list-help list-id list-owner list-post list-subscribe list-unsubscribe
list-unsubscribe-post message-id mime-version precedence priority
references reply-to return-path sender subject to user-agent
"""
SINGLE_HEADERS: Final = frozenset(_SINGLE_HEADERS.split())
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
# These are about the message itself (API reference, SendEmail, "Errors").
FINAL_CODES: Final = frozenset({"BadRequestException", "MessageRejected"})
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
