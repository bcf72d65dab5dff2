"""
The text of an html part, whose encoding would hide content ids.
"""

from __future__ import annotations

import binascii
import re
from typing import Final

# Mails with pictures have far less; what is longer is taken as it is.
HTML_MAX_BYTES: Final = 2 * 1024 * 1024
_PLAIN: Final = frozenset({b"", b"7bit", b"8bit", b"binary"})
_BLANKS: Final = b" \t\r\n"
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/]*={0,2}")


def decoded(data: bytes, encoding: bytes) -> bytes | None:
    """Return the text with LF as line end, None if it cannot be read."""
    encoding = encoding.strip(_BLANKS).lower()
    if encoding == b"quoted-printable":
        data = binascii.a2b_qp(data)
    elif encoding == b"base64":
        # Pythons differ over what is not quite base64.
        packed = data.translate(None, _BLANKS)
        if len(packed) % 4 or _BASE64.fullmatch(packed) is None:
            return None
        data = binascii.a2b_base64(packed)
    elif encoding not in _PLAIN:
        return None
    return data.replace(b"\r\n", b"\n")
