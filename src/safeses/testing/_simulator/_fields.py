"""
Read members of a request; a wrong type is SES's `SerializationException`.

The text of that refusal is AWS's usual one, not taken from an SES log.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, TypeAlias

from ._refused import bad, malformed

Params: TypeAlias = dict[str, Any]


def mapping(params: Params, name: str) -> Params | None:
    """Return a structure, None if it is absent or null."""
    value = params.get(name)
    if value is None or isinstance(value, dict):
        return value
    raise malformed(f"Start of structure expected at '{name}'.")


def text(params: Params, name: str) -> str | None:
    """Return a string, None if it is absent or null."""
    value = params.get(name)
    if value is None:
        return value
    if isinstance(value, str):
        return whole(value, name)
    raise malformed(f"Unexpected token, a string was expected at '{name}'.")


def needed(params: Params, name: str) -> str:
    """Return a string that must be there."""
    value = text(params, name)
    if not value:
        raise bad(
            f"1 validation error detected: Value at '{name}' failed to "
            "satisfy constraint: Member must not be null"
        )
    return value


def blob(params: Params, name: str) -> bytes | None:
    """Return bytes, None if they are absent; a string is UTF-8."""
    value = params.get(name)
    if value is None or isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    raise malformed(f"A blob was expected at '{name}'.")


def items(params: Params, name: str) -> list[Params]:
    """Return a list of structures, empty if it is absent."""
    value = _listed(params, name)
    if all(isinstance(item, dict) for item in value):
        return value
    raise malformed(f"Start of structure expected in '{name}'.")


def texts(params: Params, name: str) -> list[str]:
    """Return a list of strings, empty if it is absent."""
    value = _listed(params, name)
    if all(isinstance(item, str) for item in value):
        return [whole(item, name) for item in value]
    raise malformed(f"A string was expected in '{name}'.")


def whole(value: str, name: str) -> str:
    """
    Return *value*, unless half of a character is in it.

    JSON can carry a lone surrogate, and UTF-8 cannot. That SES refuses it
    so is unverified, as is the text.
    """
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise bad(f"Invalid character in '{name}'.") from None
    return value


def flag(params: Params, name: str, *, default: bool) -> bool:
    """Return a boolean."""
    value = params.get(name, default)
    return value if isinstance(value, bool) else str(value).lower() == "true"


def decoded(value: object, name: str) -> bytes:
    """Return the bytes behind base64, as a blob travels over HTTP."""
    if isinstance(value, str):
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            pass
    raise malformed(f"'{name}' is not base64.")


def _listed(params: Params, name: str) -> list[Any]:
    value = params.get(name)
    if value is None:
        return []
    if isinstance(value, (list, tuple)):
        return list(value)
    raise malformed(f"Start of list expected at '{name}'.")
