"""
One header as lines that every server and program reads alike.

The package folds headers into lines that others cannot read, a little
differently in every version; so they are written here.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any, Final

from safeses import _ses
from safeses._mail import _address, _raw

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_NEWLINE: Final = "\r\n"
# RFC 5322, 2.1.1 advises 78; an encoded word has at most 75 characters.
_ADVISED_CHARS: Final = 76
# So many bytes make an encoded word of 72 characters in base64.
_WORD_BYTES: Final = 45
# A name beyond this is written in encoded words, which can be folded.
_QUOTED_MAX_CHARS: Final = 200
_ADDRESS_HEADERS: Final = frozenset(
    {
        "bcc",
        "cc",
        "disposition-notification-to",
        "from",
        "reply-to",
        "resent-bcc",
        "resent-cc",
        "resent-from",
        "resent-reply-to",
        "resent-sender",
        "resent-to",
        "sender",
        "to",
    }
)
# Programs read these: a long word in one of them cannot be encoded.
_MACHINE_HEADER: Final = re.compile(
    r"arc-.*|authentication-results|autocrypt|content-id|date|dkim-.*"
    r"|in-reply-to|list-.*|message-id|received.*|references|return-path"
    r"|x-ses-.*"
)
_FOLD: Final = re.compile(r"\r?\n(?=[ \t])")
_LINE_END: Final = re.compile(r"[\r\n]")
_BLANKS_AND_WORD: Final = re.compile(r"[ \t]*[^ \t]+")
_ATOMS: Final = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
)
_SPECIAL: Final = re.compile(r'([\\"])')


def written(name: str, value: Any, *, is_inner: bool = False) -> bytes:
    """
    Write one header.

    Args:
        name: Its name.
        value: A text, or an object of the package.
        is_inner: Whether it is one of a part, where an address header
            does not say who gets the message.

    Raises:
        ValueError: There is a line end in it, or it would name others
            than it does.
    """
    is_source = isinstance(value, str) and not hasattr(value, "defects")
    text = _FOLD.sub("", str(value)).strip(" \t")
    if is_source:
        text = _as_utf8(text)
    if _LINE_END.search(text):
        raise ValueError("a line end in a header")
    controls = _address.CONTROL.search(text.replace("\t", " "))
    if controls:  # the rules refuse it; an encoded word would hide it
        words = [text]
    elif name.lower() in _ADDRESS_HEADERS:
        try:
            words = _people(value, text, is_source=is_source)
        except ValueError:
            if not is_inner:
                raise
            words = _BLANKS_AND_WORD.findall(text)
    elif _is_plain(name, text, is_source=is_source):
        words = _BLANKS_AND_WORD.findall(text)
    else:
        words = _encoded(text)
    lines = _NEWLINE.join(_lines(f"{name}:", words))
    return lines.encode("utf-8", "surrogateescape") + b"\r\n"


def _as_utf8(text: str) -> str:
    """Read the 8-bit bytes that a parsed message keeps as surrogates."""
    try:
        return text.encode("utf-8", "surrogateescape").decode()
    except UnicodeError:
        return text


def _is_plain(name: str, text: str, *, is_source: bool) -> bool:
    """Whether *text* can stand in a header as it is."""
    # What is an encoded word in a parsed text would be decoded again.
    if not text.isascii() or (not is_source and "=?" in text):
        return False
    # CPython makes encoded words of what does not fit into 78 characters,
    # long message ids too, so that no program knows them any more.
    room = _ses.LINE_MAX_CHARS - len(name) - len(": ")
    return (
        all(len(word) <= room for word in _BLANKS_AND_WORD.findall(text))
        or _MACHINE_HEADER.fullmatch(name.lower()) is not None
    )


def _encoded(text: str) -> list[str]:
    """Write *text* in encoded words (RFC 2047), none inside a character."""
    words, chunk = [], b""
    for character in text:
        more = character.encode("utf-8", "surrogateescape")
        if len(chunk) + len(more) > _WORD_BYTES:
            words.append(chunk)
            chunk = b""
        chunk += more
    words.append(chunk)
    return [f" =?utf-8?b?{base64.b64encode(w).decode()}?=" for w in words]


def _lines(line: str, words: Iterable[str]) -> Iterator[str]:
    """Fold before words that are too much for a line."""
    is_first = True
    for word in words:
        spaced = word if word[:1] in {" ", "\t"} else f" {word}"
        # The first line is never empty: some programs take no such header.
        if not is_first and len(line) + len(spaced) > _ADVISED_CHARS:
            yield line
            line = ""
        line += spaced
        is_first = False
    yield line


def _people(value: Any, text: str, *, is_source: bool) -> list[str]:
    """
    Return the words of an address header.

    CPython 3.10 to 3.12 loses quotes and puts encoded words into addresses
    when it folds, and without a policy every version writes a whole list
    with one umlaut as one encoded word. Here a fold never
    changes a word.
    """
    groups = getattr(value, "groups", None)
    if groups is None and text.isascii() and (is_source or "=?" not in text):
        return _BLANKS_AND_WORD.findall(text)
    if groups is not None and _is_garbled(value):
        if text.isascii() and "=?" not in text:
            return _BLANKS_AND_WORD.findall(text)
        return [text]  # the rules refuse its 8-bit addresses
    if groups is None and "" in _raw.people(text):
        return _BLANKS_AND_WORD.findall(text)  # and who is not certain
    if groups is None:
        pairs = _pairs(text)
        words = _joined([_mailbox(*pair) for pair in pairs])
    else:
        pairs = [(a.display_name, a.addr_spec) for a in value.addresses]
        words = _joined([_group(group) for group in groups])
    named = [_address.encode(bare) for _, bare in pairs]
    # Whatever the package makes of the message, nobody else gets it.
    if named != [bare for _, bare in _pairs("".join(words))]:
        raise ValueError("addresses that cannot be written")
    return words


def _is_garbled(value: Any) -> bool:
    from email import errors

    return any(
        isinstance(d, errors.InvalidHeaderDefect) for d in value.defects
    )


def _pairs(text: str) -> list[tuple[str, str]]:
    from email import utils

    # As older Pythons do: newer ones are strict and return nothing.
    lenient: dict[str, Any] = (
        {"strict": False}
        if getattr(utils, "supports_strict_parsing", False)
        else {}
    )
    return [p for p in utils.getaddresses([text], **lenient) if any(p)]


def _group(group: Any) -> list[str]:
    several = [_mailbox(a.display_name, a.addr_spec) for a in group.addresses]
    if group.display_name is None:
        return _joined(several)
    words = [*_phrase(group.display_name), *_joined(several)]
    count = len(_phrase(group.display_name))
    words[count - 1] += ":"
    words[-1] += ";"
    return words


def _mailbox(name: str, bare: str) -> list[str]:
    bare = _address.encode(bare)
    return [*_phrase(name), f" <{bare}>"] if name else [f" {bare}"]


def _phrase(name: str) -> list[str]:
    # "=?" would be decoded, in quotes too.
    if not name.isascii() or "=?" in name or len(name) > _QUOTED_MAX_CHARS:
        return _encoded(name)
    if _ATOMS.fullmatch(name):
        return [f" {name}"]
    quoted = _SPECIAL.sub(r"\\\1", name)
    return [f' "{quoted}"']


def _joined(items: list[list[str]]) -> list[str]:
    """Put commas between what stands in a list."""
    items = [item for item in items if item]
    for item in items[:-1]:
        item[-1] += ","
    return [word for item in items for word in item]
