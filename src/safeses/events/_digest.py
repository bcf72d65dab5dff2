"""
What names an event: the same by whatever carrier it comes.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from safeses.errors import InvalidEventError


def digest(value: object) -> str:
    """
    Return the SHA-256 of *value* as canonical JSON, in hex.

    Raises:
        InvalidEventError: It is nothing that JSON could say.
    """
    try:
        text = _ENCODER.encode(value)
    except (RecursionError, TypeError, ValueError):
        pass
    else:
        return hashlib.sha256(text.encode("ascii")).hexdigest()
    # Raised here, so that no error holds what there was.
    raise InvalidEventError(
        "a mapping as JSON has them", "one that cannot be written as JSON"
    )


def _plain(value: object) -> object:
    """Return something that JSON knows in place of *value*."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (Decimal, dt.datetime)):
        return str(value)
    # Its text might be another in every process.
    return type(value).__name__


# What holds itself is found by the depth of the calls, and for nothing.
_ENCODER: Final = json.JSONEncoder(
    check_circular=False,
    default=_plain,
    separators=(",", ":"),
    sort_keys=True,
)
