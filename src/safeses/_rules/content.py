"""
Rules on what a message says, and on what kind of mail it is.
"""

from __future__ import annotations

from typing import Final

from safeses import _ses
from safeses._rules.rule import API, GUIDE, Rule

SUBJECT_EMPTY: Final = Rule(
    id="subject.empty",
    limit="a subject",
    remedy="give one: mail without is often taken for spam",
    source="RFC 5322, 3.6.5",
    severity="warning",
)
SUBJECT_LONG: Final = Rule(
    id="subject.long",
    limit=f"at most {_ses.SUBJECT_ADVISED_CHARS} characters",
    remedy="shorten it: recipients see the first 40 to 70",
    source="RFC 5322, 2.1.1",
    severity="warning",
)
BODY_NONE: Final = Rule(
    id="body.none",
    limit="a text or an html body",
    remedy="give text, html or both",
    source=f"{API}, Body",
)
BODY_HTML_ONLY: Final = Rule(
    id="body.html-only",
    limit="a text body beside the html",
    remedy="give text too: some programs and filters read nothing else",
    source="RFC 2046, 5.1.4",
    severity="warning",
)
BODY_PLACEHOLDER: Final = Rule(
    id="body.placeholder",
    limit="no {{ outside of a template",
    remedy="use TemplateEmail, or fill the text in before sending",
    source=f"{API}, Message",
    severity="warning",
)
MESSAGE_SIZE: Final = Rule(
    id="message.size",
    limit=f"at most {_ses.MAX_MESSAGE_BYTES} bytes after base64",
    remedy="link to large files instead of attaching them",
    source=f"{GUIDE}, Service quotas",
)
MESSAGE_PARTS: Final = Rule(
    id="message.parts",
    limit=f"at most {_ses.MAX_MIME_PARTS} MIME parts",
    remedy="pack the attachments into fewer",
    source=f"{GUIDE}, Service quotas",
)
TEMPLATE_WHICH: Final = Rule(
    id="template.which",
    limit="exactly one of name, ARN and inline content",
    remedy="keep one",
    source=f"{API}, Template",
)
TEMPLATE_DATA: Final = Rule(
    id="template.data",
    limit=f"at most {_ses.TEMPLATE_DATA_MAX_CHARS} characters",
    remedy="send less data, or put it into an attachment",
    source=f"{API}, Template",
)
TEMPLATE_JSON: Final = Rule(
    id="template.json",
    limit="a JSON object",
    remedy="give a mapping, or json.dumps of one",
    source=f"{API}, Template",
)
TEMPLATE_SIZE: Final = Rule(
    id="template.size",
    limit=f"at most {_ses.INLINE_TEMPLATE_MAX_BYTES} bytes of inline content",
    remedy="shorten it, or send it as an Email",
    source=f"{GUIDE}, Service quotas",
)
TEMPLATE_MISSING: Final = Rule(
    id="template.missing",
    limit="a template of this account and region",
    remedy="create it, or correct its name; names are case-sensitive",
    source=f"{API}, NotFoundException",
)
UNSUBSCRIBE_MISSING: Final = Rule(
    id="unsubscribe.missing",
    limit="for bulk mail, List-Unsubscribe with an https address and"
    " List-Unsubscribe-Post: List-Unsubscribe=One-Click",
    remedy="add both headers, or let SES do it with list_management:"
    " Gmail and Yahoo ask for it",
    source="RFC 8058; Gmail and Yahoo sender requirements",
    severity="warning",
)
UNSUBSCRIBE_TRANSACTIONAL: Final = Rule(
    id="unsubscribe.transactional",
    limit="no List-Unsubscribe on transactional mail",
    remedy='send it with priority="bulk", or drop the header',
    source="RFC 2369, 3.2",
    severity="warning",
)
LIST_MANAGEMENT_MANY: Final = Rule(
    id="list-management.many",
    limit="one recipient where SES manages the list",
    remedy="send one message for each recipient: SES adds no way to"
    " unsubscribe otherwise",
    source=f"{GUIDE}, Using subscription management",
    severity="warning",
)
