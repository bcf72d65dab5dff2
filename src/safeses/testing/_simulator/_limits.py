"""
What SES allows in one message, each with its public source.

These figures are the simulator's own and are not shared with the code under
test: a figure that is wrong in one place must not hide itself in the other.
"""

from __future__ import annotations

import re
from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Developer Guide, "Service quotas in Amazon SES".
MAX_RECIPIENTS: Final = 50
MAX_BULK_ENTRIES: Final = 50
MAX_MESSAGE_BYTES: Final = 40 * 1024 * 1024  # v2, after base64
MAX_MESSAGE_BYTES_V1: Final = 10 * 1024 * 1024
DAY_S: Final = 24 * 60 * 60

# Developer Guide, "Request production access".
SANDBOX_MAX_SEND_RATE: Final = 1.0
SANDBOX_MAX_24_HOUR_SEND: Final = 200.0

# SESv2 API reference: MessageHeader, MessageTag, Template, Attachment.
MAX_HEADERS: Final = 15
HEADER_NAME: Final = re.compile(r"[!-9;-@A-~]{1,126}")
HEADER_VALUE: Final = re.compile(r"[ -~]{1,995}")
HEADER_MAX_CHARS: Final = 996  # name and value together
TAG: Final = re.compile(r"[A-Za-z0-9_-]{1,256}")
NAME_OF_SET: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
TEMPLATE_DATA_MAX_CHARS: Final = 262_144
FILE_NAME_MAX_CHARS: Final = 255

# Developer Guide, "Send email with event publishing": the only tags of the
# sender's own that may carry a colon.
FEEDBACK_TAGS: Final = frozenset({"ses:feedback-id-a", "ses:feedback-id-b"})

# Developer Guide, "Header fields": not allowed as custom headers of Simple,
# Template and bulk content.
FORBIDDEN_HEADERS: Final = _words(
    "bcc cc content-disposition content-type date from message-id mime- "
    "version reply-to return-path subject to"
)

# Developer Guide, "Header fields": at most once. The full list is longer;
# these are the ones that matter to a parser.
ONCE_ONLY_HEADERS: Final = _words(
    "from sender reply-to subject date message-id mime-version content- "
    "type content-transfer-encoding return-path in-reply-to references "
    "list-unsubscribe list-unsubscribe-post"
)

# Developer Guide, "Attachments": unsupported types.
BLOCKED_EXTENSIONS: Final = _words(
    "ade adp app asp bas bat cer chm cmd com cpl crt csh der exe fxp "
    "gadget hlp hta inf ins isp its js jse ksh lib lnk mad maf mag mam "
    "maq mar mas mat mau mav maw mda mdb mde mdt mdw mdz msc msh msh1 "
    "msh2 mshxml msh1xml msh2xml msi msp mst ops pcd pif plg prf prg "
    "reg scf scr sct shb shs sys ps1 ps1xml ps2 ps2xml psc1 psc2 tmp "
    "url vb vbe vbs vps vsmacros vss vst vsw vxd ws wsc wsf wsh xnk"
)

# Developer Guide, "Using the mailbox simulator manually".
SIMULATOR_DOMAIN: Final = "simulator.amazonses.com"
SIMULATOR_NAMES: Final = frozenset(
    {"success", "bounce", "ooto", "complaint", "suppressionlist"}
)
