"""
Which database is meant, and the settings that can be wrong.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from safeses.errors import ConfigurationError
from safeses.sql._dialects import ENGINES

if TYPE_CHECKING:
    import sqlalchemy

# A commit waits for the disk, and a busy disk takes its time: with less
# than a second a checkpoint of the server would look like a failure.
TIMEOUT_S: Final = 1.0
LONGEST_S: Final = 60.0
_PREFIX: Final = re.compile(r"[a-z_][a-z0-9_]{0,40}")
_EXAMPLE: Final = (
    'use one such as "postgresql+psycopg://user@host/database" or'
    ' "mysql+pymysql://user@host/database"'
)
_ENGINES: Final = {"mariadb": "mysql"}
# What we test with; a package is not always called as its module is.
_DRIVERS: Final = {
    "postgresql": ("psycopg[binary]", "postgresql+psycopg"),
    "mysql": ("pymysql", "mysql+pymysql"),
    "mariadb": ("pymysql", "mariadb+pymysql"),
}


def place_of(
    given: str | sqlalchemy.Engine,
) -> tuple[sqlalchemy.URL, sqlalchemy.Engine | None]:
    """
    Return the URL that is meant, and the engine if one was given.

    Raises:
        ConfigurationError: It names no database, or a package is missing.
    """
    try:
        import sqlalchemy
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            "a state in SQL needs the package sqlalchemy",
            'pip install "safeses[sql]"',
        ) from error
    if isinstance(given, sqlalchemy.Engine):
        return given.url, given
    try:
        url = sqlalchemy.make_url(given)
    except (sqlalchemy.exc.ArgumentError, ValueError, TypeError):
        raise ConfigurationError(
            "the state's URL cannot be read", _EXAMPLE
        ) from None
    try:
        dialect = url.get_dialect()
        dialect.import_dbapi()
    except sqlalchemy.exc.NoSuchModuleError:
        raise ConfigurationError(
            f"SQLAlchemy knows no {url.drivername!r}", _EXAMPLE
        ) from None
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"the state {url.drivername}:// needs the package {error.name}",
            _install(url.get_backend_name()),
        ) from error
    if dialect.is_async:
        raise ConfigurationError(
            f"{url.drivername} is a driver for asyncio", _EXAMPLE
        )
    return url, None


def _install(backend: str) -> str:
    package, name = _DRIVERS.get(backend, ("", ""))
    if not package:
        return "install it, or name another driver"
    return f'pip install "safeses[sql]" "{package}", and name {name}://'


def engine_of(url: sqlalchemy.URL) -> str:
    """
    Return the name of the engine.

    Raises:
        ConfigurationError: It is none of ours, or lives in memory.
    """
    name = url.get_backend_name()
    engine = _ENGINES.get(name, name)
    if engine not in ENGINES:
        raise ConfigurationError(
            f"safeses does not know the SQL of {engine!r}", _EXAMPLE
        )
    if engine == "sqlite" and url.database in {None, "", ":memory:"}:
        raise ConfigurationError(
            "a SQLite database in memory is none that can be shared",
            'use "memory:", or name a file',
        )
    return engine


def check_settings(
    timeout_s: object, prefix: object, pool_size: object
) -> None:
    """
    Refuse what cannot be used.

    Raises:
        ConfigurationError: One of them cannot.
    """
    if (
        isinstance(timeout_s, bool)
        or not isinstance(timeout_s, (int, float))
        or not 0 < timeout_s <= LONGEST_S
    ):
        raise ConfigurationError(
            f"timeout_s={timeout_s!r} is no time to wait",
            "use seconds, more than 0 and at most 60",
        )
    if not isinstance(prefix, str) or not _PREFIX.fullmatch(prefix):
        raise ConfigurationError(
            f"prefix={prefix!r} is not how a table may be named",
            "use up to 41 small letters, digits and _",
        )
    if not isinstance(pool_size, int) or pool_size < 1:
        raise ConfigurationError(
            f"pool_size={pool_size!r} is not a number from 1",
            "leave it out",
        )
