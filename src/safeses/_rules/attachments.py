"""
Rules on the files that go with a message.
"""

from __future__ import annotations

from typing import Final

from safeses import _ses
from safeses._rules.rule import API, GUIDE, Rule

ATTACHMENT_NAME: Final = Rule(
    id="attachment.file-name",
    limit=f"a name of 1 to {_ses.FILE_NAME_MAX_CHARS} characters with an"
    " extension",
    remedy="shorten the name, and keep or add its extension",
    source=f"{API}, Attachment; {GUIDE}, Attachments",
)
ATTACHMENT_TYPE: Final = Rule(
    id="attachment.extension",
    limit="no file type that SES refuses, in any part of the name",
    remedy="link to the file, or pack it: a .zip is accepted",
    source=f"{GUIDE}, Unsupported attachment types",
)
ATTACHMENT_TRICK: Final = Rule(
    id="attachment.trick",
    limit="a plain file name: no folders, no characters that turn text"
    " round, no blank or dot at its end",
    remedy="use the last part of the path, as Path.name gives it",
    source="RFC 2183, 2.3; Unicode TR 36, 2.5",
)
ATTACHMENT_TEXT: Final = Rule(
    id="attachment.text",
    limit="the length that the field has in SESv2",
    remedy="shorten it, or leave it out",
    source=f"{API}, Attachment",
)
ATTACHMENT_CHOICE: Final = Rule(
    id="attachment.choice",
    limit="one of the values that SESv2 knows",
    remedy="use one of them, or leave it out",
    source=f"{API}, Attachment",
)
ATTACHMENT_ENCODING: Final = Rule(
    id="attachment.encoding",
    limit="ASCII in lines of at most 998 characters for SEVEN_BIT",
    remedy="use BASE64, which safeses sets where you say nothing",
    source=f"{GUIDE}, Attachments",
)
