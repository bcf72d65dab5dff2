"""
Bytes in the character set that a message names for them.
"""

from __future__ import annotations

import re
from encodings.aliases import aliases
from typing import Final

# Names of mail, or of CPython, that CPython has no alias for.
_MORE: Final = {
    **dict.fromkeys(("cp874", "windows_874"), "cp874"),
    **dict.fromkeys(("windows_31j", "x_sjis"), "cp932"),
    "cp737": "cp737",
    "iso_8859_8_i": "iso8859_8",
    "koi8_t": "koi8_t",
    "koi8_u": "koi8_u",
    "x_mac_cyrillic": "mac_cyrillic",
}
# Mail programs read ISO 8859-1 as this, and as browsers do: its C1 control
# characters are letters there (WHATWG Encoding Standard, 4.2).
_LATIN_1: Final = "cp1252"
# No character sets; and one that takes line ends away.
_LESS: Final = frozenset(
    {
        "base64_codec",
        "bz2_codec",
        "hex_codec",
        "hz",
        "mbcs",
        "quopri_codec",
        "rot_13",
        "uu_codec",
        "zlib_codec",
    }
)
# Not any name: Python imports what has it, and remembers what has not.
_CODECS: Final = {
    name: _LATIN_1 if codec == "latin_1" else codec
    for name, codec in {
        **{codec: codec for codec in aliases.values()},
        **aliases,
        **_MORE,
    }.items()
    if codec not in _LESS
}
_BETWEEN: Final = re.compile("[^a-z0-9]+")
_NO_LINE_END: Final = re.compile("[\x01-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def decode(data: bytes, charset: str) -> str:
    """
    Decode *data*, with U+FFFD for what cannot be.

    Of an unknown set it is only known that CR, LF and NUL are themselves:
    its other control characters may be the beginnings of letters.
    """
    name = _BETWEEN.sub("_", charset.partition("*")[0].lower())
    codec = _CODECS.get(name or "utf_8")
    if codec is not None:
        return data.decode(codec, "replace")
    return _NO_LINE_END.sub("\ufffd", data.decode("utf-8", "replace"))
