"""
What a URL says of a Redis, and of how to use it.

It is read as redis-py reads it; some options in its query are ours.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote, urlencode

import attrs

from safeses.errors import ConfigurationError

if TYPE_CHECKING:
    from types import ModuleType

SCHEMES: Final = ("redis", "rediss", "unix")
_EXAMPLE: Final = 'use one such as "redis://localhost:6379/0"'
# Braces in a prefix would end the part that decides on the node.
_PREFIX: Final = re.compile(r"[!-z|~]{1,64}")
# Redis-py takes 0 where this is none.
_NUMBER: Final = re.compile(r"[0-9]{0,9}")
# What may be shown of an option: all else may be the rest of a password.
_OPTION: Final = re.compile(r"[a-z_]{1,40}")
_QUOTE: Final = (
    "percent-encode what is special in user and password: ? is %3F, # is %23,"
    " / is %2F, @ is %40"
)
LONGEST_S: Final = 60.0
_WHICH: Final = "use timeout_s, prefix, cluster, or db, client_name and ssl_*"
# Options of redis-py that change nothing of how we talk.
_THEIRS: Final = frozenset({"client_name", "db", "password", "username"})
_YES: Final = {"true": True, "1": True, "false": False, "0": False}


@attrs.frozen(kw_only=True)
class Place:
    """
    Where a Redis is, and how to use it.

    Attributes:
        settings: What a connection of redis-py takes.
        kind: The class of the connections.
        shown: The URL without anything secret.
        prefix: What every key begins with.
        timeout_s: The bound on every connect and on every answer.
        is_cluster: Whether to learn of all nodes of a cluster.
    """

    settings: dict[str, Any] = attrs.field(repr=False)
    kind: type[Any] = attrs.field(repr=False)
    shown: str
    prefix: str
    timeout_s: float
    is_cluster: bool


def library(scheme: str = "redis") -> ModuleType:
    """
    Return the package redis.

    Raises:
        ConfigurationError: It is not installed.
    """
    try:
        import redis
    except ModuleNotFoundError:
        raise ConfigurationError(
            f"the state {scheme}:// needs the package redis",
            'pip install "safeses[redis]"',
        ) from None
    return redis


def read(
    url: str, *, prefix: str, timeout_s: float, is_cluster: bool
) -> Place:
    """
    Return what *url* says; what it does not say is as given.

    Raises:
        ConfigurationError: It names no Redis, or an unknown option.
    """
    given: object = url
    if not isinstance(given, str):
        raise ConfigurationError("the URL is not a string", _EXAMPLE)
    rest, _, query = url.partition("?")
    scheme, _, where = rest.partition("://")
    if scheme not in SCHEMES:
        raise ConfigurationError("the URL names no Redis", _EXAMPLE)
    if "#" in url:
        raise ConfigurationError("the URL holds a #", _QUOTE)
    options = dict(parse_qsl(query, keep_blank_values=True))
    prefix = _name(options.pop("prefix", prefix))
    timeout_s = _seconds(options.pop("timeout_s", timeout_s))
    is_cluster = _is_yes(options.pop("cluster", is_cluster))
    unknown = {o for o in options if not o.startswith("ssl_")} - _THEIRS
    if not all(map(_OPTION.fullmatch, unknown)):
        raise ConfigurationError("what follows the ? is no option", _QUOTE)
    if unknown:
        raise ConfigurationError(
            f"Redis has no option {', '.join(sorted(unknown))}", _WHICH
        )
    _check_number(scheme, where, options.get("db", ""))
    redis = library(scheme)
    try:
        settings: dict[str, Any] = redis.connection.parse_url(
            f"{rest}?{urlencode(options)}"
        )
        kind = settings.pop("connection_class", redis.Connection)
        shown = _shown(scheme, settings)
    except ValueError:
        # Its text might quote the password.
        raise ConfigurationError("the URL names no Redis", _EXAMPLE) from None
    try:
        kind(**settings)  # opens nothing
    except (TypeError, ValueError, redis.exceptions.RedisError):
        raise ConfigurationError(
            f"{scheme}:// takes no such options, or not these values",
            "look at the ssl_… after the ?, which need rediss://",
        ) from None
    return Place(
        settings=settings,
        kind=kind,
        shown=shown,
        prefix=prefix,
        timeout_s=timeout_s,
        is_cluster=is_cluster,
    )


def _check_number(scheme: str, where: str, named: str) -> None:
    """Refuse a database without a number, which redis-py takes for 0."""
    path = "" if scheme == "unix" else unquote(where.partition("/")[2])
    if not (_NUMBER.fullmatch(path) and _NUMBER.fullmatch(named)):
        raise ConfigurationError(
            "the number of the database is none",
            f"{_EXAMPLE}, and {_QUOTE}",
        )


def _shown(scheme: str, settings: dict[str, Any]) -> str:
    if scheme == "unix":
        return f"unix://{settings.get('path', '')}?db={settings.get('db', 0)}"
    host = settings.get("host", "localhost")
    return f"{scheme}://{host}:{settings.get('port', 6379)}/" + str(
        settings.get("db", 0)
    )


def _name(given: object) -> str:
    if not isinstance(given, str) or not _PREFIX.fullmatch(given):
        raise ConfigurationError(
            f"prefix={given!r} is not 1 to 64 plain characters",
            "leave out blanks and braces",
        )
    return given


def _seconds(given: object) -> float:
    try:
        seconds = float(given)  # type: ignore[arg-type]  # judged here
    except (TypeError, ValueError):
        seconds = 0.0
    if not 0 < seconds <= LONGEST_S:
        raise ConfigurationError(
            f"timeout_s={given!r} is no time to wait",
            "use seconds, more than 0 and at most 60",
        )
    return seconds


def _is_yes(given: object) -> bool:
    if isinstance(given, bool):
        return given
    if not isinstance(given, str) or given.lower() not in _YES:
        raise ConfigurationError(
            f"cluster={given!r} is neither true nor false",
            "use cluster=true or leave it out",
        )
    return _YES[given.lower()]
