"""
Rules on finished MIME messages.
"""

from __future__ import annotations

from typing import Final

from safeses import _ses
from safeses._rules.rule import API, Rule

RAW_HEADERS: Final = Rule(
    id="raw.headers",
    limit="header lines, an empty line, a body",
    remedy="serialise the message with the email package",
    source="RFC 5322, 2.1",
    fixed=True,
    observable=False,
)
RAW_SIGNED_BCC: Final = Rule(
    id="raw.signed-bcc",
    limit="no Bcc header that a DKIM signature covers",
    remedy="sign without Bcc, and name them in bcc",
    source="RFC 6376, 5.4",
    fixed=True,
    observable=False,
)
RAW_BCC: Final = Rule(
    id="raw.bcc",
    limit="no Bcc header",
    remedy="name them in bcc only; safeses took the header out",
    source="RFC 5322, 3.6.3",
    severity="warning",
)
RAW_FROM: Final = Rule(
    id="raw.from",
    limit="one header From with one address",
    remedy="name one sender; several need a header Sender, which SES"
    " wants to be verified too",
    source="RFC 5322, 3.6.2",
)
RAW_MISSING: Final = Rule(
    id="raw.missing",
    limit="the headers that a complete message has",
    remedy="set it before sending",
    source="RFC 5322, 3.6",
    severity="warning",
)
RAW_LINE: Final = Rule(
    id="raw.line",
    limit=f"lines of at most {_ses.LINE_MAX_CHARS} bytes",
    remedy="encode the part as quoted-printable or base64",
    source=f"{API}, RawMessage; RFC 5322, 2.1.1",
)
RAW_EIGHT_BIT: Final = Rule(
    id="raw.eight-bit",
    limit="parts of 7-bit bytes",
    remedy="encode the part as quoted-printable or base64: SES may not keep"
    " it as it is",
    source=f"{API}, RawMessage",
    severity="warning",
)
RAW_NUL: Final = Rule(
    id="raw.nul",
    limit="no byte 0",
    remedy="encode the part as base64",
    source="RFC 5322, 4",
)
