"""
The file that the parts of a state share.

All threads of a process use one connection in turn, all processes of a
machine one file. A part asks for a transaction, or for one statement that
stands for itself; both are written when the call returns. How far that
goes is chosen by *synchronous*: after a power cut ``"normal"`` may have
lost the last moments, ``"full"`` has not. A process that dies loses
nothing in either.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from safeses._clock import SystemClock
from safeses._log import log
from safeses.errors import ConfigurationError
from safeses.sqlite._handle import Handle
from safeses.sqlite._joined import Joined
from safeses.sqlite._use import Use

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    from safeses.typing import Clock

    Values = Sequence[object] | Mapping[str, object]

_PLACE = "name a file on a disk of this machine"


class Database:
    """
    One SQLite file, opened by this process at first use.

    Many threads may use it, and so may the children of a fork: they open
    it for themselves. It must be on a disk of this machine.

    Attributes:
        engine: ``"sqlite"``.
        path: The file; absolute, without symbolic links.
        clock: Where the time comes from.
    """

    engine = "sqlite"

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        clock: Clock | None = None,
        synchronous: Literal["normal", "full"] = "normal",
        timeout_s: float = 5.0,
    ) -> None:
        """
        Take note of the file; nothing is opened yet.

        Args:
            path: The file. A relative one is resolved now, once.
            clock: Where the time comes from; the machine by default.
            synchronous: What a power cut may lose: ``"normal"`` the last
                moments, ``"full"`` nothing, at the price of a write that
                waits for the disk.
            timeout_s: How long to wait for other threads and processes,
                in seconds.

        Raises:
            ConfigurationError: One of them cannot be used.
        """
        self.path = _resolved(path)
        if synchronous not in ("normal", "full"):  # of any type
            raise ConfigurationError(
                f"synchronous={synchronous!r} is unknown",
                'use "normal" or "full"',
            )
        _check_timeout(timeout_s)
        self.clock: Clock = SystemClock() if clock is None else clock
        self._handle = Handle(self.path, self.clock, synchronous, timeout_s)

    @classmethod
    def of(
        cls,
        given: Database | Joined | str | os.PathLike[str],
        clock: Clock | None = None,
    ) -> Database | Joined:
        """Return what is given, or the database in the file it names."""
        if isinstance(given, (Database, Joined)):
            return given
        return cls(given, clock=clock)

    def transaction(
        self, part: str
    ) -> AbstractContextManager[sqlite3.Connection]:
        """
        Begin a transaction that writes; it ends with the ``with`` block.

        An error within undoes it all.

        Args:
            part: Who asks, such as ``"budget"``; errors name it.

        Raises:
            StoreError: The file cannot be used, or SQLite failed within.
        """
        return Use(self._handle, part, is_writing=True)

    def execute(
        self, part: str, sql: str, values: Values = (), *, looks: bool = True
    ) -> int:
        """
        Perform one statement that writes; return how many rows it did.

        Args:
            part: Who asks.
            sql: The statement.
            values: What it is about.
            looks: Whether to look first if the file is still there. What
                only takes back need not: what it would miss is gone.

        Raises:
            StoreError: It failed, and nothing is written.
        """
        with Use(self._handle, part, looks=looks) as connection:
            return connection.execute(sql, values).rowcount

    def rows(
        self, part: str, sql: str, values: Values = ()
    ) -> list[tuple[Any, ...]]:
        """
        Return all rows of one statement that reads.

        Raises:
            StoreError: There is no answer.
        """
        with Use(self._handle, part) as connection:
            return connection.execute(sql, values).fetchall()

    def now(self) -> float:
        """
        Return the file's time in seconds: the same for all processes.

        It never steps while the machine runs. After a start it is near
        the wall clock, wherever that may stand.

        Raises:
            StoreError: The file, which says it, cannot be used.
        """
        return self._handle.now()

    def wall(self) -> float:
        """Return the wall clock in seconds since 1970, UTC."""
        return self.clock.time()

    def joined(self) -> Joined:
        """Return what works within the transaction that is open."""
        return Joined(self.path, self._handle)

    def after_fork(self) -> None:
        """Begin anew in a child; it is also noticed without this call."""
        self._handle.after_fork()

    def close(self) -> None:
        """Close the file; a later use opens it again. Idempotent."""
        self._handle.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.path!r})"

    def __reduce__(self) -> NoReturn:
        # Neither pickle nor copy may have it, as it is a connection.
        msg = "a Database cannot be pickled or copied: make one from its path"
        raise TypeError(msg)


def _check_timeout(timeout_s: object) -> None:
    if (
        isinstance(timeout_s, bool)
        or not isinstance(timeout_s, (int, float))
        or not 0 < timeout_s <= 3_600  # noqa: PLR2004  # an hour
    ):
        raise ConfigurationError(
            f"timeout_s={timeout_s!r} is no time to wait",
            "use seconds, more than 0 and at most an hour",
        )


def _resolved(path: str | os.PathLike[str]) -> str:
    try:
        given = os.fsdecode(path)
        os.fsencode(given)
    except TypeError as error:
        kind = type(path).__name__
        raise ConfigurationError(f"{kind} is no path", _PLACE) from error
    except UnicodeEncodeError:
        problem = f"{path!r} holds what no name of a file can"
        raise ConfigurationError(problem, _PLACE) from None
    # SQLite may take "file:..." for a URI with settings that break this.
    if not given or given.startswith((":memory:", "file:")) or "\0" in given:
        raise ConfigurationError(f"{given!r} is no path", _PLACE)
    if given == "memory:" or given.startswith("sqlite:/"):
        raise ConfigurationError(
            f"{given!r} is the URL of a state, and no path",
            "name the file alone, or give the URL to the client",
        )
    if given.startswith(("\\\\", "//")):
        raise ConfigurationError(
            f"{given!r} is on the network (an absolute path begins with one"
            " slash, and its URL with sqlite:////)",
            _PLACE,
        )
    try:
        absolute = os.path.realpath(given)
    except OSError as error:
        raise ConfigurationError(
            f"{given!r} is relative to a directory that is gone",
            "name the file by its absolute path",
        ) from error
    if not os.path.isabs(given):  # noqa: PTH117  # realpath made the other
        log.info("the state is in the SQLite file %s", absolute)
    return absolute
