"""
From the URL of a state to its settings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from safeses.errors import ConfigurationError

if TYPE_CHECKING:
    import sqlalchemy

_OPTIONS: Final = {"timeout_s": float, "pool_size": int, "prefix": str}


def options_of(
    url: sqlalchemy.URL,
) -> tuple[sqlalchemy.URL, dict[str, Any]]:
    """
    Return the URL without our options, and these.

    What is left of the query is the driver's.

    Raises:
        ConfigurationError: One of them cannot be read.
    """
    options: dict[str, Any] = {}
    for name, kind in _OPTIONS.items():
        if name not in url.query:
            continue
        given = url.query[name]
        try:
            options[name] = kind(given)
        except (TypeError, ValueError):
            raise ConfigurationError(
                f"{name}={given!r} is not a number",
                f"use one such as {name}=2",
            ) from None
    return url.difference_update_query(options), options
