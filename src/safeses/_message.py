"""
What you send: `Email`, `RawEmail` or `TemplateEmail`.

Frozen values, built with keywords from what people have: strings,
display names, paths, the standard library's `EmailMessage`. An address
is one string, with or without a display name: ``"Ann <ann@a.example>"``.
No `repr` shows an address, a subject or a body.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence, Sized
from functools import cache
from typing import TYPE_CHECKING, Any

import attrs

from safeses._findings import Finding
from safeses.errors import InvalidMessageError

if TYPE_CHECKING:
    from email.message import EmailMessage
    from mimetypes import MimeTypes
    from pathlib import Path

Addresses = str | Sequence[str]


@cache
def _types() -> MimeTypes:
    # Loaded at the first guess; it reads the machine's files, but this is
    # not their table: a mail looks the same from every host.
    from mimetypes import MimeTypes

    return MimeTypes()


def _addresses(value: Addresses | None) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if isinstance(value, Iterable):
        addresses = tuple(value)
        if all(isinstance(address, str) for address in addresses):
            return addresses
    raise _wrong_type("an address, or several", value)


def _strings(value: Mapping[str, str]) -> Mapping[str, str]:
    if not _maps_strings(value):
        raise _wrong_type("a mapping of strings to strings", value)
    return value


def _maps_strings(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(text, str) for item in value.items() for text in item
    )


def _wrong_type(wanted: str, seen: object) -> InvalidMessageError:
    finding = Finding.wrong_type("message", wanted, seen)
    return InvalidMessageError((finding,))


def _hidden(value: object) -> str:
    if value is None:
        return "None"
    size = f" of {len(value)}" if isinstance(value, Sized) else ""
    return f"<{type(value).__name__}{size}>"


@attrs.frozen(kw_only=True)
class Attachment:
    """
    A file that goes with a mail.

    Attributes:
        content: Its bytes; encoded for you.
        file_name: The name the recipient sees, with an extension.
        content_type: Its MIME type; guessed from the name if None.
        content_id: How the html refers to it: ``"logo"`` is
            ``<img src="cid:logo">``. Makes it inline unless you say.
        inline: Whether it is shown in the mail rather than offered.
        description: A description for the recipient.
    """

    content: bytes = attrs.field(repr=_hidden)
    file_name: str = attrs.field(repr=_hidden)
    content_type: str | None = None
    content_id: str | None = None
    inline: bool | None = None
    description: str | None = attrs.field(default=None, repr=_hidden)

    @classmethod
    def from_path(cls, path: str | Path, **fields: Any) -> Attachment:
        """
        Read a file.

        Args:
            path: Where it is; its name is what the recipient sees.
            **fields: Anything else that an `Attachment` has.

        Raises:
            OSError: It cannot be read.
        """
        from pathlib import Path

        path = Path(path)
        fields.setdefault("file_name", path.name)
        return cls(content=path.read_bytes(), **fields)

    @property
    def mime_type(self) -> str:
        """The MIME type, guessed from the name if not given."""
        if self.content_type is not None:
            return self.content_type
        guess, packed = _types().guess_type(self.file_name)
        # The type of a packed file is that of what is inside it.
        return (not packed and guess) or "application/octet-stream"


def _is_list(value: object) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, (str, bytes))


def _attachments(
    value: Attachment | Path | Sequence[Attachment | Path],
) -> tuple[Attachment, ...]:
    if isinstance(value, (Attachment, os.PathLike)):
        value = (value,)
    if not _is_list(value):
        raise _wrong_type("attachments or paths", value)
    attachments = tuple(
        Attachment.from_path(item) if isinstance(item, os.PathLike) else item
        for item in value
    )
    for item in attachments:
        if not isinstance(item, Attachment):
            raise _wrong_type("attachments or paths", item)
    return attachments


@attrs.frozen(kw_only=True)
class ListManagement:
    """
    Let SES handle unsubscribing for one contact list.

    Attributes:
        contact_list: The list's name in SES.
        topic: The topic, if the list has several.
    """

    contact_list: str
    topic: str | None = None


def _check_list_management(_: object, __: object, value: Any) -> None:
    if value is not None and not isinstance(value, ListManagement):
        raise _wrong_type("a ListManagement", value)


@attrs.frozen(kw_only=True)
class _Envelope:
    """
    What every kind of message has.

    Attributes:
        from_email: The sender: ``"shop@a.example"`` or with a name.
        to: Recipients: one string, or several.
        cc: Recipients of a copy that everybody sees.
        bcc: Recipients of a copy that nobody else sees.
        reply_to: Where answers go.
        tags: Labels that SES repeats in every event of the mail.
        configuration_set: The name of a configuration set.
        tenant: The name of a tenant.
        endpoint_id: The id of a multi-region endpoint.
        identity_arn: The identity to send as, with sending authorization.
        list_management: Unsubscribing handled by SES.
        configuration_overrides: As in boto3, for botocore that has them.
    """

    from_email: str | None = attrs.field(default=None, repr=_hidden)
    to: tuple[str, ...] = attrs.field(
        default=(), converter=_addresses, repr=_hidden
    )
    cc: tuple[str, ...] = attrs.field(
        default=(), converter=_addresses, repr=_hidden
    )
    bcc: tuple[str, ...] = attrs.field(
        default=(), converter=_addresses, repr=_hidden
    )
    reply_to: tuple[str, ...] = attrs.field(
        default=(), converter=_addresses, repr=_hidden
    )
    tags: Mapping[str, str] = attrs.field(factory=dict, converter=_strings)
    configuration_set: str | None = None
    tenant: str | None = None
    endpoint_id: str | None = None
    identity_arn: str | None = None
    list_management: ListManagement | None = attrs.field(
        default=None, validator=_check_list_management
    )
    configuration_overrides: Mapping[str, Any] | None = None


@attrs.frozen(kw_only=True)
class Email(_Envelope):
    """
    A mail of text, html and attachments.

    Attributes:
        subject: The subject line.
        text: The plain text body.
        html: The html body.
        attachments: `Attachment` or `pathlib.Path`; a path is read now.
        headers: More headers, at most 15.
    """

    subject: str = attrs.field(default="", repr=_hidden)
    text: str | None = attrs.field(default=None, repr=_hidden)
    html: str | None = attrs.field(default=None, repr=_hidden)
    attachments: tuple[Attachment, ...] = attrs.field(
        default=(), converter=_attachments, repr=_hidden
    )
    headers: Mapping[str, str] = attrs.field(
        factory=dict, converter=_strings, repr=_hidden
    )


@attrs.frozen(kw_only=True)
class RawEmail(_Envelope):
    """
    A finished MIME message.

    Without `to`, `cc` and `bcc` the recipients are read from its headers.

    Attributes:
        message: Its bytes, or the standard library's `EmailMessage`.
    """

    message: bytes | EmailMessage = attrs.field(repr=_hidden)


@attrs.frozen(kw_only=True)
class TemplateEmail(_Envelope):
    """
    A mail made from an SES template: one of `name`, `arn` or inline text.

    Attributes:
        name: The template's name.
        arn: The template's ARN.
        subject: An inline template's subject.
        text: An inline template's plain text.
        html: An inline template's html.
        data: What to fill in: a mapping, or JSON already.
        headers: More headers, at most 15.
        attachments: `Attachment` or `pathlib.Path`; a path is read now.
    """

    name: str | None = None
    arn: str | None = None
    subject: str | None = attrs.field(default=None, repr=_hidden)
    text: str | None = attrs.field(default=None, repr=_hidden)
    html: str | None = attrs.field(default=None, repr=_hidden)
    data: Mapping[str, Any] | str = attrs.field(factory=dict, repr=_hidden)
    headers: Mapping[str, str] = attrs.field(
        factory=dict, converter=_strings, repr=_hidden
    )
    attachments: tuple[Attachment, ...] = attrs.field(
        default=(), converter=_attachments, repr=_hidden
    )


Message = Email | RawEmail | TemplateEmail
