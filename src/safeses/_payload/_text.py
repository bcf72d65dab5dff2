"""
The text of a fingerprint: a version, one digest of all, one of each part.

``"1 <64 hex> from=<8 hex> to=<8 hex> ..."``, parts that are there only.
The long digest decides whether two payloads are the same, the short ones
say where they differ.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

# Another one as soon as any payload has another digest.
VERSION: Final = "1"
# In the order in which a caller is told.
PARTS: Final = (
    "from",
    "to",
    "cc",
    "bcc",
    "reply_to",
    "subject",
    "text",
    "html",
    "headers",
    "attachments",
    "template",
    "template_data",
    "tags",
    "configuration_set",
    "content",
    "other",
)
_DIGEST_CHARS: Final = 64
_SHORT_BYTES: Final = 4
# The same words in two parts have two digests: nobody sees that they are.
_BEGIN: Final = tuple(
    (name, b"safeses payload %b %b\n" % (VERSION.encode(), name.encode()))
    for name in PARTS
)
_BEGIN_ALL: Final = b"safeses payload %b\n" % VERSION.encode()
# These say more of what differs than "content" does.
_OF_CONTENT: Final = frozenset({"text", "html", "attachments"})
_PEOPLE: Final = frozenset({"to", "cc", "bcc"})


def written(kind: bytes, parts: Mapping[str, bytes]) -> str:
    """
    Return the text of a fingerprint.

    Args:
        kind: The kind of content; a few letters.
        parts: What each part says, by its name in `PARTS`.
    """
    whole, short = [_BEGIN_ALL, kind, b"\n"], []
    for name, begin in _BEGIN:
        part = parts.get(name)
        if part is not None:
            digest = hashlib.sha256(begin + part).digest()
            whole += begin, digest
            short.append(f" {name}={digest[:_SHORT_BYTES].hex()}")
    told = hashlib.sha256(b"".join(whole)).hexdigest()
    return f"{VERSION} {told}{''.join(short)}"


def differs(a: str, b: str) -> tuple[str, ...]:
    """
    Return what differs between two payloads, by the names a caller knows.

    Args:
        a: What `payload_of` returned for one.
        b: What it returned for the other.

    Returns:
        Names such as ``("to", "html")``; ``"content"`` is a raw message
        that differs in what is neither text, html nor an attachment, and
        ``"other"`` whatever has no name here. Empty if the two are the
        same, or if they cannot be compared, as two releases wrote them
        in two versions: then the key alone says that it is the same job.
    """
    if a == b:
        return ()
    one, other = _read(a), _read(b)
    if one is None or other is None or one[0] == other[0]:
        return ()
    found = [n for n in PARTS if one[1].get(n) != other[1].get(n)]
    if "content" in found and not _OF_CONTENT.isdisjoint(found):
        found.remove("content")
    return tuple(found) or ("other",)


def same_people(a: str, b: str) -> bool:
    """Tell whether two payloads surely name the same recipients."""
    found = {*differs(a, b)}
    one, other = _read(a), _read(b)
    if not found or one is None or other is None:
        return not found
    named = _PEOPLE.intersection(one[1], other[1])
    # A raw message may name them in its headers only.
    return found.isdisjoint(
        _PEOPLE | {"other"} if named else _PEOPLE | {"other", "headers"}
    )


def _read(text: str) -> tuple[str, dict[str, str]] | None:
    version, _, rest = text.partition(" ")
    digest, _, parts = rest.partition(" ")
    if version != VERSION or len(digest) != _DIGEST_CHARS:
        return None
    pairs = (part.partition("=") for part in parts.split())
    return digest, {name: value for name, _, value in pairs}
