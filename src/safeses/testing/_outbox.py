"""
What a stub has accepted, and what it shall do next.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping, Sequence
from email.header import decode_header, make_header
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

import attrs

from safeses._mail import _tag
from safeses._mail._message import Attachment
from safeses._request import STREAM_NAME, TAG_HEADER, TAG_NAME
from safeses.testing import _mime

if TYPE_CHECKING:
    from email.message import EmailMessage

    from safeses.events import Kind


@attrs.frozen(kw_only=True, eq=False, repr=False, slots=False)
class SentMail:
    """
    One accepted mail, as a test wants to see it.

    What safeses adds to follow the mail, two tags and a header, stands in
    `params`, `tag` and `stream` only, so that `tags` and `headers` are the
    sender's.
    The `repr` shows no address, no subject and no body.

    Attributes:
        params: The exact parameters of ``SendEmail``.
        message_id: The id that the caller was given.
    """

    params: Mapping[str, Any]
    message_id: str

    def __repr__(self) -> str:
        return (
            f"<SentMail {self.message_id}: {self.kind},"
            f" {len(self.recipients)} recipients>"
        )

    @property
    def kind(self) -> Kind:
        """``"simple"``, ``"raw"`` or ``"template"``."""
        if "Raw" in self._content:
            return "raw"
        return "template" if "Template" in self._content else "simple"

    @property
    def to(self) -> tuple[str, ...]:
        """Who gets it; names decoded, domains in their ASCII form."""
        return self._people("ToAddresses")

    @property
    def cc(self) -> tuple[str, ...]:
        """Who gets a copy that everybody sees."""
        return self._people("CcAddresses")

    @property
    def bcc(self) -> tuple[str, ...]:
        """Who gets a copy that nobody else sees."""
        return self._people("BccAddresses")

    @property
    def recipients(self) -> tuple[str, ...]:
        """Everybody who gets it, in the order To, Cc, Bcc."""
        return self.to + self.cc + self.bcc

    @property
    def from_email(self) -> str | None:
        """The sender; of a raw mail, its From header if not given."""
        sender = self.params.get("FromEmailAddress")
        if sender is not None:
            return _decoded(sender)
        return self._header("From")

    @property
    def reply_to(self) -> tuple[str, ...]:
        """Where answers go; of a raw mail, its header if not given."""
        given = tuple(map(_decoded, self.params.get("ReplyToAddresses", ())))
        header = self._header("Reply-To")
        return given or (() if header is None else (header,))

    @property
    def subject(self) -> str | None:
        """The subject; None if a stored template has it."""
        if self._mime is not None:
            return self._header("Subject")
        return _text(self._inline.get("Subject"))

    @property
    def text(self) -> str | None:
        """The plain text body, if there is one here."""
        return self._body("Text", "plain")

    @property
    def html(self) -> str | None:
        """The html body, if there is one here."""
        return self._body("Html", "html")

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """The attachments and inline parts."""
        if self._mime is not None:
            return _mime.attachments(self._mime)
        return tuple(map(_attachment, self._message.get("Attachments", ())))

    @property
    def headers(self) -> dict[str, str]:
        """The sender's own headers; of a raw mail, all of its headers."""
        if self._mime is not None:
            found = _mime.headers(self._mime)
        else:
            found = {
                header["Name"]: header["Value"]
                for header in self._message.get("Headers", ())
            }
        if found.get(TAG_HEADER) == self.tag:
            del found[TAG_HEADER]
        return found

    @property
    def tags(self) -> dict[str, str]:
        """The sender's own message tags."""
        ours = (TAG_NAME, STREAM_NAME)
        return {k: v for k, v in self._all_tags.items() if k not in ours}

    @property
    def tag(self) -> str:
        """The correlation tag, as in the receipt; ``""`` without one."""
        return self._all_tags.get(TAG_NAME, "")

    @property
    def stream(self) -> str:
        """The kind of mail that the sender named; ``""`` if none."""
        return _tag.stream_in(self._all_tags.get(STREAM_NAME, ""))

    @property
    def template(self) -> str | None:
        """The name or the ARN of the stored template, if there is one."""
        if self.kind != "template":
            return None
        name = self._message.get("TemplateName")
        return name or self._message.get("TemplateArn")

    @property
    def template_data(self) -> dict[str, Any]:
        """What the template is filled with, read from JSON."""
        if self.kind != "template":
            return {}
        data: dict[str, Any] = json.loads(
            self._message.get("TemplateData") or "{}"
        )
        return data

    @property
    def _content(self) -> Mapping[str, Any]:
        content: Mapping[str, Any] = self.params.get("Content", {})
        return {k: v for k, v in content.items() if v is not None}

    @property
    def _message(self) -> Mapping[str, Any]:
        message: Mapping[str, Any] = self._content.get(
            self.kind.capitalize(), {}
        )
        return message

    @property
    def _inline(self) -> Mapping[str, Any]:
        """What holds a subject and bodies that are sent along."""
        if self.kind == "template":
            inline: Mapping[str, Any] = self._message.get(
                "TemplateContent", {}
            )
            return inline
        return {
            "Subject": self._message.get("Subject"),
            **self._message.get("Body", {}),
        }

    @cached_property
    def _mime(self) -> EmailMessage | None:
        if self.kind != "raw":
            return None
        return _mime.parse(self._message["Data"])

    @property
    def _all_tags(self) -> dict[str, str]:
        pairs = self.params.get("EmailTags", ())
        return {pair["Name"]: pair["Value"] for pair in pairs}

    def _people(self, name: str) -> tuple[str, ...]:
        destination = self.params.get("Destination") or {}
        return tuple(map(_decoded, destination.get(name, ())))

    def _header(self, name: str) -> str | None:
        value = None if self._mime is None else self._mime.get(name)
        return None if value is None else str(value)

    def _body(self, name: str, subtype: str) -> str | None:
        if self._mime is not None:
            return _mime.body(self._mime, subtype)
        return _text(self._inline.get(name))


class Lost:
    """Plans an answer that gets lost on its way."""


class Outbox(Sequence[SentMail]):
    """
    The accepted mails in order, and the plan for the next calls.

    Threads may share it. The `repr` shows no address and no body.
    """

    def __init__(self) -> None:
        self._mails: list[SentMail] = []
        self._plan: deque[str | Exception | Lost] = deque()

    @overload
    def __getitem__(self, index: int) -> SentMail: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[SentMail]: ...

    def __getitem__(self, index: int | slice) -> SentMail | Sequence[SentMail]:
        return self._mails[index]

    def __len__(self) -> int:
        return len(self._mails)

    def __repr__(self) -> str:
        return f"<Outbox of {len(self)} mails>"

    def fail_next(self, error: str | Exception, *, times: int = 1) -> None:
        """
        Let the next call to SES fail; nothing is accepted by it.

        Args:
            error: A code or a text of SES, such as ``"MessageRejected"``
                or ``"Daily message quota exceeded."``, which goes the
                way of SES's own answer: a throttle is tried again, a
                used-up quota holds further mail back until the time
                has moved on, a 500 is unknown. Or an exception: an
                error of safeses reaches the caller as it is (an
                `OutcomeUnknownError` with the tag of the mail), one of
                botocore as if boto3 had raised it.
            times: How many calls in a row; each attempt is one.
        """
        self._plan.extend([error] * times)

    def lose_next_answer(self) -> None:
        """Let SES take the next mail, and its answer get lost."""
        self._plan.append(Lost())

    def clear(self) -> None:
        """Forget the mails and what was planned."""
        self._mails.clear()
        self._plan.clear()

    def add(self, mail: SentMail) -> None:
        """Record an accepted mail; for stubs."""
        self._mails.append(mail)

    def planned(self) -> str | Exception | Lost | None:
        """Take what was planned for this call, None to accept; for stubs."""
        try:
            return self._plan.popleft()
        except IndexError:
            return None


def _decoded(address: str) -> str:
    if "=?" not in address:
        return address
    return str(make_header(decode_header(address)))


def _text(part: Mapping[str, str] | str | None) -> str | None:
    # Templates hold strings, simple content their data and charset.
    return part.get("Data") if isinstance(part, Mapping) else part


def _attachment(params: Mapping[str, Any]) -> Attachment:
    return Attachment(
        content=params["RawContent"],
        file_name=params["FileName"],
        content_type=params.get("ContentType"),
        content_id=params.get("ContentId"),
        inline=params.get("ContentDisposition") == "INLINE",
        description=params.get("ContentDescription"),
    )
