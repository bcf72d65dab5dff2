"""
From a URL to the state that it names.

Each engine is loaded for those who use it. What a URL holds behind its
scheme may be a password, so no error repeats it.
"""

from __future__ import annotations

import difflib
import importlib
from typing import TYPE_CHECKING, Any, Final

from safeses.errors import ConfigurationError

if TYPE_CHECKING:
    from safeses._state import ComposedState

_SQL: Final = ("safeses.sql", "SqlState", "sql")
# The package, its state, and the extra that brings what it needs.
_ENGINES: Final = {
    "sqlite": ("safeses.sqlite", "SqliteState", ""),
    "redis": ("safeses.redis", "RedisState", "redis"),
    "rediss": ("safeses.redis", "RedisState", "redis"),
    "unix": ("safeses.redis", "RedisState", "redis"),
    "postgresql": _SQL,
    "mysql": _SQL,
    "mariadb": _SQL,
    "dynamodb": ("safeses.dynamodb", "DynamoDBState", ""),
}
_DIALECTS: Final = frozenset({"sqlite", "postgresql", "mysql", "mariadb"})
_EXAMPLES: Final = {
    "sqlite": "sqlite:///mail.db",
    "redis": "redis://localhost:6379/0",
    "rediss": "rediss://localhost:6379/0",
    "unix": "unix:///run/redis.sock",
    "postgresql": "postgresql+psycopg://localhost/shop",
    "mysql": "mysql+pymysql://localhost/shop",
    "mariadb": "mariadb+pymysql://localhost/shop",
    "dynamodb": "dynamodb://table?region=eu-west-1",
    "memory": "memory:",
}


def from_url(url: str, **settings: Any) -> ComposedState:
    """
    Return the state that *url* names; nothing is connected yet.

    Args:
        url: Such as ``"redis://localhost:6379/0"``.
        **settings: `clock`, `rate_factor`, `namespace`, `suppressions`.

    Raises:
        ConfigurationError: There is no such state, or a package is
            missing.
    """
    scheme, colon, _ = url.partition(":")
    module, name, extra = _engine(scheme.strip() if colon else "")
    try:
        kind = getattr(importlib.import_module(module), name)
        state: ComposedState = kind.from_url(url, **settings)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in ("", "safeses"):
            raise
        raise ConfigurationError(
            f"the state {scheme}:// needs the package {package}",
            _way_to(package, extra),
        ) from error
    return state


def _engine(scheme: str) -> tuple[str, str, str]:
    """Return what keeps the states of *scheme*."""
    # With a driver, such as sqlite+pysqlite, it is SQLAlchemy's.
    dialect, plus, _ = scheme.partition("+")
    known = _ENGINES.get(dialect)
    if plus and dialect in _DIALECTS:
        return _SQL
    if known is not None and not plus:
        return known
    # Only a word can be a scheme: anything else may hold a password.
    shown = f"the state {scheme!r}" if _is_word(scheme) else "that state"
    like = difflib.get_close_matches(dialect.lower(), _EXAMPLES, 1, 0.6)
    guess = f"did you mean {_EXAMPLES[like[0]]}? " if like else ""
    raise ConfigurationError(
        f"{shown} does not exist",
        f"{guess}A state is one of {', '.join(_EXAMPLES)}, as in"
        f" {_EXAMPLES['sqlite']} or {_EXAMPLES['redis']}",
    )


def _is_word(scheme: str) -> bool:
    rest = scheme.replace("+", "").replace("_", "")
    return rest.isascii() and rest.isalpha()


def _way_to(package: str, extra: str) -> str:
    """Return how to install *package*: ours by their extra."""
    if extra and package in {"redis", "sqlalchemy"}:
        return f'pip install "safeses[{extra}]"'
    return f"pip install {package}"
