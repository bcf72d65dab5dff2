"""What stores make of the texts and numbers that they are given."""

from __future__ import annotations

import hashlib
import math
import re
from typing import Final, TypeGuard

from safeses.errors import ConfigurationError

# What every engine keeps and compares exactly: a column of 255 characters
# of ASCII, without blanks that some of them would strip.
_PLAIN: Final = re.compile(r"[!-~](?:[ -~]{0,253}[!-~])?")
_HASHED: Final = "sha256:"
# Three centuries from now; beyond it is no time of an event.
LATEST: Final = 9_999_999_999.0


def key_of(text: str) -> str:
    """
    Return *text* if every engine can keep it, else its hash.

    It is printable ASCII of 1 to 255 characters, and two texts never have
    the same. Whether other characters are printable depends on the release
    of Python, so that they are no measure for what processes share.
    """
    if _PLAIN.fullmatch(text) and not text.startswith(_HASHED):
        return text
    # Texts may hold halves of characters, which have no UTF-8.
    data = text.encode("utf-8", "surrogatepass")
    return _HASHED + hashlib.sha256(data).hexdigest()


def check_seconds(name: str, seconds: object) -> None:
    """
    Refuse what is no time to wait for.

    Raises:
        ConfigurationError: It is not a finite number above 0.
    """
    if not (_is_number(seconds) and 0 < seconds < math.inf):
        raise ConfigurationError(
            f"{name}={seconds!r} is not a number of seconds",
            "use a finite one above 0",
        )


def check_instant(name: str, at: object) -> None:
    """
    Refuse what is no time of an event.

    Raises:
        ConfigurationError: It is not in seconds since 1970.
    """
    if not (_is_number(at) and 0 <= at <= LATEST):
        raise ConfigurationError(
            f"{name}={at!r} is not an instant",
            "use seconds since 1970, UTC, not milliseconds",
        )


def _is_number(value: object) -> TypeGuard[float]:
    # True is 1 to Python, and surely not meant as a number of seconds.
    return isinstance(value, (int, float)) and not isinstance(value, bool)
