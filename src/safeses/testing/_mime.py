"""
Read back what is in a finished MIME message, for assertions.
"""

from __future__ import annotations

from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Any, cast

from safeses._mail._message import Attachment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage


def parse(data: bytes) -> EmailMessage:
    """Parse a message; what is odd in it stays as it is."""
    return message_from_bytes(data, policy=policy.default)


def body(message: EmailMessage, kind: str) -> str | None:
    """Return the ``"plain"`` or the ``"html"`` body, if there is one."""
    part: Any = message.get_body((kind,))
    if part is None:
        return None
    try:
        return str(part.get_content())
    except LookupError:  # a charset that Python does not know
        data: bytes = part.get_payload(decode=True)
        return data.decode("ascii", "replace")


def headers(message: EmailMessage) -> dict[str, str]:
    """Return the decoded headers; of a repeated one, the first."""
    found: dict[str, str] = {}
    for name, value in message.items():
        found.setdefault(name, str(value))
    return found


def attachments(message: EmailMessage) -> tuple[Attachment, ...]:
    """Return every part that is neither the text nor the html body."""
    bodies = [message.get_body((kind,)) for kind in ("plain", "html")]
    return tuple(
        _attachment(part)
        for part in _leaves(message)
        if not any(part is shown for shown in bodies)
    )


def _leaves(part: EmailMessage) -> Iterator[EmailMessage]:
    if part.get_content_maintype() != "multipart":
        yield part
        return
    # A string, and so without parts, if the message is broken.
    inner = part.get_payload() if part.is_multipart() else []
    for child in cast("list[EmailMessage]", inner):
        yield from _leaves(child)


def _attachment(part: EmailMessage) -> Attachment:
    content_id = part.get("Content-ID")
    if part.is_multipart():  # a message in the message
        inner = cast("list[EmailMessage]", part.get_payload())
        content = b"".join(message.as_bytes() for message in inner)
    else:
        content = cast("bytes", part.get_payload(decode=True) or b"")
    return Attachment(
        content=content,
        file_name=part.get_filename() or "",
        content_type=part.get_content_type(),
        content_id=None if content_id is None else content_id.strip(" <>"),
        inline=part.get_content_disposition() == "inline",
    )
