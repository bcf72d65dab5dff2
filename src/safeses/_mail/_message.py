"""
What you send: `Email`, `RawEmail` or `TemplateEmail`.

Frozen values, built with keywords from what people have: strings,
display names, paths, the standard library's `EmailMessage`. An address
is one string, with or without a display name: ``"Ann <ann@a.example>"``.
No `repr` shows an address, a subject or a body.

Converters take what they can and leave the rest as it is, for the
validators to refuse: only these know the name of the field.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence, Sized
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import attrs

from safeses._rules import people, shape
from safeses.errors import InvalidMessageError

if TYPE_CHECKING:
    from email.message import EmailMessage
    from mimetypes import MimeTypes
    from pathlib import Path

Addresses = str | Sequence[str]
_NAME_CHARS = 40  # of a tag or a header, in the text of an error
_UNKNOWN_TYPE = "application/octet-stream"
T = TypeVar("T")


class _FrozenDict(dict[str, T]):
    """A copy of a mapping that stays as it is, and goes where dicts go."""

    def __hash__(self) -> int:  # type: ignore[override]  # it cannot change
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self),)

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        msg = "a message cannot be changed: make another, as by attrs.evolve"
        raise TypeError(msg)

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse


@cache
def _types() -> MimeTypes:
    # Loaded at the first guess; it reads the machine's files, but this is
    # not their table: a mail looks the same from every host.
    from mimetypes import MimeTypes

    return MimeTypes()


def _as_is(value: object) -> Any:
    """Give back what has a wrong type, for a validator to refuse."""
    return value


def _addresses(value: Addresses | None) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    return tuple(value) if _is_list(value) else _as_is(value)


def _check_addresses(
    _: object, field: attrs.Attribute[Any], value: object
) -> None:
    if not isinstance(value, tuple):
        raise _wrong_type(field.name, "a string, or a list of strings", value)
    for number, address in enumerate(value):
        if not isinstance(address, str):
            name = f"{field.name}[{number}]"
            raise _wrong_type(name, "a string", address)


def _strings(value: Mapping[str, str] | None) -> Mapping[str, str]:
    given: object = {} if value is None else value
    return _FrozenDict(given) if isinstance(given, Mapping) else _as_is(given)


def _check_strings(
    _: object, field: attrs.Attribute[Any], value: object
) -> None:
    if not isinstance(value, _FrozenDict):
        raise _wrong_type(field.name, "a mapping of strings", value)
    for name, text in value.items():
        if not isinstance(name, str):
            raise _wrong_type(field.name, "strings as names", name)
        if not isinstance(text, str):
            # Not one that holds an address.
            shown = "" if "@" in name else f" for {name[:_NAME_CHARS]!r}"
            raise _wrong_type(field.name, "strings as values", text, shown)


def _data(value: Mapping[str, Any] | str) -> Mapping[str, Any] | str:
    return _FrozenDict(value) if isinstance(value, Mapping) else value


def _check_sender(
    _: object, field: attrs.Attribute[Any], value: object
) -> None:
    if value is None or value == "":
        raise InvalidMessageError(
            (people.SENDER_NONE.found(field.name, "none"),)
        )
    if not isinstance(value, str):
        raise _wrong_type(field.name, "an address", value)


def _wrong_type(
    name: str, wanted: str, seen: object, where: str = ""
) -> InvalidMessageError:
    finding = shape.wrong_type(name, wanted, seen)
    if where:
        finding = attrs.evolve(finding, seen=f"{finding.seen}{where}")
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
        name: object = self.file_name
        if not isinstance(name, str):  # refused later, by its field
            return _UNKNOWN_TYPE
        guess, packed = _types().guess_type(name)
        # The type of a packed file is that of what is inside it.
        return (not packed and guess) or _UNKNOWN_TYPE


def _is_list(value: object) -> bool:
    return isinstance(value, Iterable) and not isinstance(
        value, (str, bytes, bytearray, Mapping)
    )


def _attachments(
    value: Attachment | Path | Sequence[Attachment | Path] | None,
) -> tuple[Attachment, ...]:
    if value is None:
        return ()
    if isinstance(value, (Attachment, os.PathLike)):
        value = (value,)
    return tuple(map(_read, value)) if _is_list(value) else _as_is(value)


def _read(item: Attachment | Path) -> Attachment:
    return (
        Attachment.from_path(item) if isinstance(item, os.PathLike) else item
    )


def _check_attachments(
    _: object, field: attrs.Attribute[Any], value: object
) -> None:
    wanted = "a pathlib.Path or an Attachment"
    if not isinstance(value, tuple):
        raise _wrong_type(field.name, wanted, value)
    for number, item in enumerate(value):
        if not isinstance(item, Attachment):
            raise _wrong_type(f"{field.name}[{number}]", wanted, item)


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


def _check_list_management(
    _: object, field: attrs.Attribute[Any], value: object
) -> None:
    if value is not None and not isinstance(value, ListManagement):
        raise _wrong_type(field.name, "a ListManagement", value)


@attrs.frozen(kw_only=True)
class _Envelope:
    """
    What every kind of message has.

    Attributes:
        from_email: The sender: ``"shop@a.example"`` or with a name; only
            a raw message may leave it to its header.
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
        default=(),
        converter=_addresses,
        validator=_check_addresses,
        repr=_hidden,
    )
    cc: tuple[str, ...] = attrs.field(
        default=(),
        converter=_addresses,
        validator=_check_addresses,
        repr=_hidden,
    )
    bcc: tuple[str, ...] = attrs.field(
        default=(),
        converter=_addresses,
        validator=_check_addresses,
        repr=_hidden,
    )
    reply_to: tuple[str, ...] = attrs.field(
        default=(),
        converter=_addresses,
        validator=_check_addresses,
        repr=_hidden,
    )
    tags: Mapping[str, str] = attrs.field(
        default=None, converter=_strings, validator=_check_strings
    )
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
        from_email: The sender: ``"shop@a.example"`` or with a name.
        subject: The subject line.
        text: The plain text body.
        html: The html body.
        attachments: `Attachment` or `pathlib.Path`; a path is read now.
        headers: More headers, at most 15.
    """

    from_email: str = attrs.field(validator=_check_sender, repr=_hidden)
    subject: str = attrs.field(default="", repr=_hidden)
    text: str | None = attrs.field(default=None, repr=_hidden)
    html: str | None = attrs.field(default=None, repr=_hidden)
    attachments: tuple[Attachment, ...] = attrs.field(
        default=(),
        converter=_attachments,
        validator=_check_attachments,
        repr=_hidden,
    )
    headers: Mapping[str, str] = attrs.field(
        default=None,
        converter=_strings,
        validator=_check_strings,
        repr=_hidden,
    )


@attrs.frozen(kw_only=True)
class RawEmail(_Envelope):
    """
    A finished MIME message.

    Without `to`, `cc` and `bcc` the recipients are read from its headers,
    and without `from_email` SES reads the sender there.

    Attributes:
        message: Its bytes, or the standard library's `EmailMessage`.
    """

    message: bytes | EmailMessage = attrs.field(repr=_hidden)


@attrs.frozen(kw_only=True)
class TemplateEmail(_Envelope):
    """
    A mail made from an SES template: one of `name`, `arn` or inline text.

    Attributes:
        from_email: The sender: ``"shop@a.example"`` or with a name.
        name: The template's name.
        arn: The template's ARN.
        subject: An inline template's subject.
        text: An inline template's plain text.
        html: An inline template's html.
        data: What to fill in: a mapping, or JSON already.
        headers: More headers, at most 15.
        attachments: `Attachment` or `pathlib.Path`; a path is read now.
    """

    from_email: str = attrs.field(validator=_check_sender, repr=_hidden)
    name: str | None = None
    arn: str | None = None
    subject: str | None = attrs.field(default=None, repr=_hidden)
    text: str | None = attrs.field(default=None, repr=_hidden)
    html: str | None = attrs.field(default=None, repr=_hidden)
    data: Mapping[str, Any] | str = attrs.field(
        factory=dict, converter=_data, repr=_hidden
    )
    headers: Mapping[str, str] = attrs.field(
        default=None,
        converter=_strings,
        validator=_check_strings,
        repr=_hidden,
    )
    attachments: tuple[Attachment, ...] = attrs.field(
        default=(),
        converter=_attachments,
        validator=_check_attachments,
        repr=_hidden,
    )


Message = Email | RawEmail | TemplateEmail
