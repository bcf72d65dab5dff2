"""
What a file is called: nothing that SES refuses or that deceives a reader.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from safeses import _ses
from safeses._mail import _address
from safeses._rules import attachments as rules
from safeses._rules import shape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from safeses._findings import Finding

# They turn text round: "gpj.exe" is then shown as "exe.jpg". The marks
# U+200E, U+200F and U+061C turn nothing, and are in names of honest files.
_TURNS: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")


def check_file_name(field: str, name: str) -> Iterator[Finding]:
    """Check the name of an attachment that SES puts into a message."""
    named = name.rstrip(" .")
    if not 0 < len(name) <= _ses.FILE_NAME_MAX_CHARS:
        seen = f"{len(name)} characters"
        yield rules.ATTACHMENT_NAME.found(field, seen)
    elif "." not in named:
        yield rules.ATTACHMENT_NAME.found(field, "no extension")
    yield from check_file_kind(field, name)


def check_file_kind(field: str, name: str) -> Iterator[Finding]:
    """Check that a file name, of any length, is harmless."""
    if not name.isprintable() and _address.CONTROL.search(name):
        yield shape.TEXT_CONTROL.found(field, "at least one")
        return
    refused = _refused(name)
    if refused:
        yield rules.ATTACHMENT_TYPE.found(field, f".{refused}")
    trick = _trick(name)
    if trick:
        yield rules.ATTACHMENT_TRICK.found(field, trick)


def _refused(name: str) -> str:
    """Return the part of a name that SES refuses, of its own list."""
    _, *extensions = name.lower().split(".")
    for extension in extensions:
        # Windows ignores blanks at the end, so that others do not matter.
        if extension.strip() in _ses.BLOCKED_EXTENSIONS:
            return extension.strip()
    return ""


def _trick(name: str) -> str:
    if "/" in name or "\\" in name:
        return "a folder"
    if not name.isascii() and _TURNS.search(name):
        return "a character that turns text round"
    if name[-1:] == "." or name[-1:].isspace():
        return "a blank or a dot at its end"
    return ""
