"""
Rules on headers, tags and names.
"""

from __future__ import annotations

from typing import Final

from safeses import _ses
from safeses._rules.rule import API, GUIDE, Rule

HEADERS_COUNT: Final = Rule(
    id="headers.count",
    limit=f"at most {_ses.MAX_HEADERS} headers",
    remedy="drop some, or send a RawEmail",
    source=f"{API}, Message",
)
HEADER_NAME: Final = Rule(
    id="header.name",
    limit=f"a name of 1 to {_ses.HEADER_NAME_MAX_CHARS} printable ASCII"
    " characters without blanks and colons",
    remedy="correct the name",
    source=f"{API}, MessageHeader",
)
HEADER_VALUE: Final = Rule(
    id="header.value",
    limit=f"a value of 1 to {_ses.HEADER_VALUE_MAX_CHARS} printable ASCII"
    " characters",
    remedy="encode other characters as in RFC 2047, shorten it, or drop it",
    source=f"{API}, MessageHeader",
)
HEADER_LENGTH: Final = Rule(
    id="header.length",
    limit=f"name and value of {_ses.HEADER_MAX_CHARS} characters together",
    remedy="shorten the value",
    source=f"{API}, MessageHeader",
)
HEADER_FORBIDDEN: Final = Rule(
    id="header.forbidden",
    limit="no header that SES sets itself",
    remedy="use the field of the message instead",
    source=f"{GUIDE}, Amazon SES header fields",
)
HEADER_BCC: Final = Rule(
    id="header.bcc",
    limit="no Bcc among the custom headers",
    remedy="name them in bcc; everybody would see such a header",
    source="RFC 5322, 3.6.3",
    fixed=True,
    observable=False,
)
HEADER_REPEATED: Final = Rule(
    id="header.repeated",
    limit="this header once at most",
    remedy="keep one",
    source=f"{GUIDE}, Amazon SES header fields; RFC 5322, 3.6",
)
HEADER_RESERVED: Final = Rule(
    id="header.reserved",
    limit="no header that belongs to SES or to servers on the way",
    remedy="use the field of the message, such as tags, instead",
    source=f"{GUIDE}, Amazon SES header fields",
    severity="warning",
)
TAG_CHARACTERS: Final = Rule(
    id="tag.characters",
    limit=f"1 to {_ses.TAG_MAX_CHARS} of A-Z a-z 0-9 _ - each",
    remedy="replace other characters, such as blanks by _",
    source=f"{API}, MessageTag",
)
TAG_REPEATED: Final = Rule(
    id="tag.repeated",
    limit="each name once",
    remedy="join the values, or use another name",
    source=f"{API}, MessageTag",
    severity="warning",
)
CONFIGURATION_SET_NAME: Final = Rule(
    id="configuration-set.name",
    limit=f"1 to {_ses.SET_NAME_MAX_CHARS} of A-Z a-z 0-9 _ -",
    remedy="correct the name, or leave it out",
    source=f"{API}, SendEmail",
)
CONFIGURATION_SET_MISSING: Final = Rule(
    id="configuration-set.missing",
    limit="a configuration set of this account and region",
    remedy="create it, or correct its name",
    source=f"{API}, NotFoundException",
)
