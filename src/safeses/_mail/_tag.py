"""
The correlation tag: finds a mail again in the events of SES.

With a key it carries a keyed hash of itself, so that an event can be
told to be about a mail of ours without looking anything up.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import Final

TAG_NAME: Final = "safeses-id"
TAG_HEADER: Final = "X-Safeses-Id"
STREAM_NAME: Final = "safeses-stream"
ID_BYTES: Final = 16
MAC_CHARS: Final = 16
_UNESCAPED: Final = {"_": "_", "d": "."}


def make(key: bytes | None = None) -> str:
    """Return a fresh tag of letters, digits and ``-``."""
    return of(secrets.token_hex(ID_BYTES), key)


def of(name: str, key: bytes | None = None) -> str:
    """Return the tag of what is called *name*, signed if there is a key."""
    return f"{name}-{_mac(name, key)}" if key else name


def name_in(tag: str) -> str:
    """Return what *tag* names, without its signature."""
    return tag.partition("-")[0]


def is_ours(tag: str, key: bytes) -> bool:
    """Whether `make` made *tag* with *key*."""
    name, _, mac = tag.partition("-")
    return hmac.compare_digest(mac, _mac(name, key))


def of_stream(stream: str) -> str:
    """
    Return the value of the tag that names the kind of mail.

    SES takes letters, digits, ``_`` and ``-`` only (API reference,
    MessageTag), and the name of a stream may have dots.
    """
    return stream.replace("_", "__").replace(".", "_d")


def stream_in(value: str) -> str:
    """Return the stream that a tag names, ``""`` if it names none."""
    return re.sub("_(.)", lambda m: _UNESCAPED.get(m[1], m[0]), value)


def _mac(name: str, key: bytes) -> str:
    digest = hmac.new(key, name.encode("ascii", "replace"), hashlib.sha256)
    return digest.hexdigest()[:MAC_CHARS]
