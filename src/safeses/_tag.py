"""
The correlation tag: finds a mail again in the events of SES.

With a key it carries a keyed hash of itself, so that an event can be
told to be about a mail of ours without looking anything up.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

ID_BYTES: Final = 16
MAC_CHARS: Final = 16


def make(key: bytes | None = None) -> str:
    """Return a fresh tag of letters, digits and ``-``."""
    name = secrets.token_hex(ID_BYTES)
    return f"{name}-{_mac(name, key)}" if key else name


def is_ours(tag: str, key: bytes) -> bool:
    """Whether `make` made *tag* with *key*."""
    name, _, mac = tag.partition("-")
    return hmac.compare_digest(mac, _mac(name, key))


def _mac(name: str, key: bytes) -> str:
    digest = hmac.new(key, name.encode("ascii", "replace"), hashlib.sha256)
    return digest.hexdigest()[:MAC_CHARS]
