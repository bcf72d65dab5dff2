"""
The files that go with a simple message or a template.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from safeses import _ses
from safeses._mail import _address
from safeses._mail._mime import long_line
from safeses._rules import attachments as rules
from safeses._rules import content, shape
from safeses._validation._file_names import check_file_name
from safeses._validation._lists import dicts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from safeses._findings import Finding

_TEXTS: Final = (
    ("ContentId", 1, _ses.CONTENT_ID_MAX_CHARS),
    ("ContentType", 1, _ses.CONTENT_TYPE_MAX_CHARS),
    ("ContentDescription", 0, _ses.DESCRIPTION_MAX_CHARS),
)
_CHOICES: Final = {
    "ContentDisposition": ("ATTACHMENT", "INLINE"),
    "ContentTransferEncoding": ("BASE64", "QUOTED_PRINTABLE", "SEVEN_BIT"),
}


def check_attachments(attachments: object, texts: int) -> Iterator[Finding]:
    """
    Check every file: its bytes, its name, and what is said of it.

    Args:
        attachments: What boto3 takes.
        texts: How many other parts the message has.
    """
    good, bad = dicts("Attachments", attachments)
    yield from bad
    if len(good) + texts > _ses.MAX_MIME_PARTS:
        yield content.MESSAGE_PARTS.found("Attachments", len(good) + texts)
    for number, attachment in enumerate(good):
        yield from _check_attachment(f"Attachments[{number}]", attachment)


def _check_attachment(
    at: str, attachment: Mapping[str, Any]
) -> Iterator[Finding]:
    data = attachment.get("RawContent")
    if not isinstance(data, (bytes, bytearray)):
        yield shape.wrong_type(f"{at}.RawContent", "bytes", data)
        return
    name = attachment.get("FileName")
    if isinstance(name, str):
        yield from check_file_name(f"{at}.FileName", name)
    else:
        yield shape.wrong_type(f"{at}.FileName", "a string", name)
    yield from _check_texts(at, attachment)
    for field, known in _CHOICES.items():
        choice = attachment.get(field)
        if choice is not None and choice not in known:
            yield rules.ATTACHMENT_CHOICE.found(
                f"{at}.{field}",
                "something else",
                limit=f"one of {', '.join(known)}",
            )
    if attachment.get("ContentTransferEncoding") == "SEVEN_BIT" and not (
        data.isascii() and not long_line(data)
    ):
        yield rules.ATTACHMENT_ENCODING.found(
            f"{at}.ContentTransferEncoding", "other bytes, or a longer line"
        )


def _check_texts(at: str, attachment: Mapping[str, Any]) -> Iterator[Finding]:
    for field, least, most in _TEXTS:
        text = attachment.get(field)
        if text is None:
            continue
        if not isinstance(text, str):
            yield shape.wrong_type(f"{at}.{field}", "a string", text)
        elif not text.isprintable() and _address.CONTROL.search(text):
            yield shape.TEXT_CONTROL.found(f"{at}.{field}", "at least one")
        elif not least <= len(text) <= most:
            limit = f"{least} to {most} characters"
            yield rules.ATTACHMENT_TEXT.found(
                f"{at}.{field}", len(text), limit=limit
            )
