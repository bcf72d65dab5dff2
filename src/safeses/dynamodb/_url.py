"""
What the URL of a table says.
"""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from safeses.errors import ConfigurationError

_EXAMPLE: Final = 'use one such as "dynamodb://safeses?region=eu-west-1"'
# API reference, CreateTable: 3 to 255 of these.
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{3,255}")
_TEXTS: Final = ("region", "endpoint_url")
_NUMBERS: Final = ("timeout_s", "drift_s")


def options_of(url: str) -> dict[str, Any]:
    """
    Return the name of the table as ``name``, and the options.

    Args:
        url: Such as ``dynamodb://safeses?region=eu-west-1``; options are
            ``region``, ``endpoint_url``, ``timeout_s`` and ``drift_s``.

    Raises:
        ConfigurationError: It names no table, or an unknown option.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ConfigurationError(
            "the URL names no table of DynamoDB", _EXAMPLE
        ) from None
    if "@" in parts.netloc:
        raise ConfigurationError(
            "the URL of a table has no place for credentials",
            "leave them to boto3: a role, a profile or the environment",
        )
    # Not `hostname`, which is in lower case: names of tables are not.
    name = parts.netloc
    if (
        parts.scheme != "dynamodb"
        or not _NAME.fullmatch(name)
        or parts.path not in {"", "/"}
    ):
        raise ConfigurationError(
            "the URL names no table of DynamoDB", _EXAMPLE
        )
    given = parse_qsl(parts.query, keep_blank_values=True)
    options: dict[str, Any] = dict(given)
    unknown = options.keys() - {*_TEXTS, *_NUMBERS}
    if unknown or len(options) != len(given):
        raise ConfigurationError(
            "a table has no option " + ", ".join(sorted(unknown))
            if unknown
            else "the URL gives an option twice",
            "use region, endpoint_url, timeout_s and drift_s, each once",
        )
    for option in _TEXTS:
        if options.get(option) == "":
            raise ConfigurationError(f"{option}= is empty", "leave it out")
    for option in _NUMBERS:
        if option in options:
            options[option] = _number(option, options[option])
    return {"name": name, **options}


def _number(option: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigurationError(
            f"{option}={text!r} is not a number",
            f"use seconds, such as {option}=2",
        ) from None
