"""
How connections are made: in time, and of this process alone.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from typing import TYPE_CHECKING, Any, Final, cast

import attrs

from safeses._process_lock import ProcessLock
from safeses.sql._problems import why_unreachable
from safeses.sql._session import REFUSED, Session
from safeses.sql._watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Callable

    import sqlalchemy

    from safeses.sql._watchdog import Act

# A connection that was idle for longer is looked at before it is used.
IDLE_S: Final = 20.0


class TooLateError(Exception):
    """No connection came in time."""


class NoConnectionError(Exception):
    """
    There is no connection, for a reason in words.

    Attributes:
        is_busy: Whether those of this process are all in use, which says
            nothing of the server.
    """

    is_busy = False


class BusyError(NoConnectionError):
    """All connections of this process are in use."""

    is_busy = True


@attrs.define(eq=False)
class Process:
    """
    The connections of one process.

    Attributes:
        pool: SQLAlchemy's engine around our own way to connect.
        watchdog: Ends what does not end in time.
        lost_at: When one was lost, by monotonic time: what lay idle then
            most likely is as well.
    """

    pool: sqlalchemy.Engine
    watchdog: Watchdog = attrs.field(factory=Watchdog)
    lost_at: float = attrs.field(default=float("-inf"), init=False)


class _Here(threading.local):
    """
    What this thread is about to do.

    Attributes:
        act: What it needs a connection for.
        unready: A connection that is being set up.
        wire: A copy of the handle of its socket.
    """

    act: Act | None = None
    unready: Any = None
    wire: socket.socket | None = None


@attrs.define(eq=False)
class Connecting:
    """
    Makes the connections of a database.

    Attributes:
        url: Where to; with its password, so never show it.
        source: An engine of the caller's whose connections to take, if any.
        timeout_s: The bound on each act.
        pool_size: How many connections a process opens at most.
    """

    url: sqlalchemy.URL = attrs.field(repr=False)
    source: sqlalchemy.Engine | None = attrs.field(repr=False)
    timeout_s: float
    pool_size: int
    _by_pid: dict[int, Process] = attrs.field(
        factory=dict, init=False, repr=False
    )
    _parents: list[Any] = attrs.field(factory=list, init=False, repr=False)
    _lock: ProcessLock = attrs.field(factory=ProcessLock, init=False)
    _session: Session = attrs.field(init=False, repr=False)
    _here: _Here = attrs.field(factory=_Here, init=False, repr=False)

    @_session.default
    def _session_in_time(self) -> Session:
        return Session(self.timeout_s)

    @property
    def mine(self) -> Process:
        """
        The connections of this process.

        Those of a parent stay as they are, and stay referred to: to close
        them here would end them there.
        """
        pid = os.getpid()
        found = self._by_pid.get(pid)
        if found is not None:
            return found
        with self._lock.mine:
            if pid not in self._by_pid:
                if self._by_pid and self.source is not None:
                    self._leave_to_parent(self.source)
                self._by_pid[pid] = self._process()
            return self._by_pid[pid]

    def close(self) -> None:
        """Close the connections of this process that nobody uses."""
        found = self._by_pid.pop(os.getpid(), None)
        if found is not None:
            found.pool.dispose()

    def _process(self) -> Process:
        import sqlalchemy
        from sqlalchemy.pool import QueuePool

        engine: sqlalchemy.Engine = sqlalchemy.create_engine(
            self.url,
            creator=lambda: self._reachable(engine.dialect),
            poolclass=QueuePool,
            pool_size=self.pool_size,
            max_overflow=0,
            pool_timeout=self.timeout_s,
            pool_use_lifo=True,
            pool_reset_on_return=None,  # each act ends what it began
        )

        @sqlalchemy.event.listens_for(engine, "connect")
        def prepare(connection: Any, record: Any) -> None:
            self._session.prepare(engine.dialect, connection)
            record.info["wire"] = self._here.wire
            self._here.unready = self._here.wire = None

        @sqlalchemy.event.listens_for(engine, "close")
        def closed(_: Any, record: Any) -> None:
            wire = record.info.pop("wire", None)
            if wire is not None:
                wire.close()

        return Process(engine)

    def _leave_to_parent(self, source: sqlalchemy.Engine) -> None:
        self._parents.append(source.pool)
        source.dispose(close=False)

    def lend(
        self, process: Process, act: Act
    ) -> sqlalchemy.PoolProxiedConnection:
        """
        Return a connection for *act*, which may have to wait for one.

        Raises:
            NoConnectionError: There is none.
        """
        from sqlalchemy.exc import SQLAlchemyError
        from sqlalchemy.exc import TimeoutError as NoneFreeError

        late = f"no connection within {self.timeout_s:g} s"
        dbapi = process.pool.dialect.loaded_dbapi
        self._here.act = act
        try:
            return self._lent(process, act)
        except NoneFreeError:
            raise BusyError(
                f"{late}: all of this process are in use"
            ) from None
        except TooLateError:
            raise NoConnectionError(late) from None
        except (SQLAlchemyError, dbapi.Error, OSError, RuntimeError) as error:
            problem = late if act.is_late else why_unreachable(error)
            raise NoConnectionError(problem) from None
        finally:
            self._here.act = None
            self._drop_unready()

    def _lent(
        self, process: Process, act: Act
    ) -> sqlalchemy.PoolProxiedConnection:
        lent = process.pool.raw_connection()
        while self._is_stale(process, lent, act):
            lent.invalidate()
            lent = process.pool.raw_connection()
        act.wire = lent.info.get("wire")
        if act.is_late:  # nobody would cut it off any more
            lent.close()
            raise TooLateError
        return lent

    def _is_stale(
        self,
        process: Process,
        lent: sqlalchemy.PoolProxiedConnection,
        act: Act,
    ) -> bool:
        """Whether it lay idle, and was closed by somebody meanwhile."""
        used_at = lent.info.get("used_at")
        if used_at is None:
            return False
        if used_at <= process.lost_at:
            return True
        if time.monotonic() - used_at < IDLE_S:
            return False
        act.wire = lent.info.get("wire")
        dialect = process.pool.dialect
        try:
            dialect.do_ping(cast("Any", lent.dbapi_connection))
        except dialect.loaded_dbapi.Error:
            return True
        return False

    def _reachable(self, dialect: sqlalchemy.Dialect) -> Any:
        """Connect; what follows can be cut off already."""
        connection = self._here.unready = self._connect(dialect)
        self._here.wire = _wire(connection)
        act = self._here.act
        if act is not None:
            act.wire = self._here.wire
            if act.is_late:
                raise TooLateError
        return connection

    def _drop_unready(self) -> None:
        """Close a connection that failed while it was set up."""
        connection, wire = self._here.unready, self._here.wire
        self._here.unready = self._here.wire = None
        if wire is not None:
            with contextlib.suppress(OSError):
                wire.shutdown(socket.SHUT_RDWR)
            wire.close()
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.close()

    def _connect(self, dialect: sqlalchemy.Dialect) -> Any:
        if self.source is not None:
            source = self.source
            return _in_time(lambda: _taken_from(source), self._left_s())
        args, settings = dialect.create_connect_args(self.url)
        settings = {**self._session.settings(dialect), **settings}
        if dialect.name == "sqlite":
            return dialect.connect(*args, **settings)
        try:
            return _in_time(
                lambda: dialect.connect(*args, **settings), self._left_s()
            )
        except Exception as error:
            if not self._session.may_set or REFUSED not in str(error):
                raise
            self._session.may_set = False
            return self._connect(dialect)

    def _left_s(self) -> float:
        """Return how long the act at hand may still take."""
        act = self._here.act
        return self.timeout_s if act is None else act.left_s()


def _taken_from(source: sqlalchemy.Engine) -> Any:
    """Take a connection out of the caller's pool for good."""
    borrowed = source.raw_connection()
    connection = borrowed.dbapi_connection
    borrowed.detach()
    return connection


def _in_time(connect: Callable[[], Any], timeout_s: float) -> Any:
    """
    Connect, but do not wait for longer than that.

    Neither the search for a name nor a driver's greeting can be interrupted
    otherwise. What comes too late is closed by the thread that made it.
    """
    ended = threading.Event()
    lock = threading.Lock()
    got: list[Any] = []
    failed: list[BaseException] = []
    given_up: list[bool] = []

    def run() -> None:
        try:
            connection = connect()
        except BaseException as error:  # noqa: BLE001  # raised by the caller
            failed.append(error)
        else:
            with lock:
                if not given_up:
                    got.append(connection)
            if given_up:
                connection.close()
        ended.set()

    threading.Thread(
        target=run, name="safeses-sql-connect", daemon=True
    ).start()
    ended.wait(timeout_s)
    with lock:
        if got:
            return got[0]
        given_up.append(True)
    if failed:
        raise failed[0]
    raise TooLateError


def _wire(connection: Any) -> socket.socket | None:
    """
    Return a copy of the handle of a connection's socket, None if unknown.

    A copy never becomes the handle of something else meanwhile.
    """
    for holder in (connection, getattr(connection, "_sock", None)):
        with contextlib.suppress(Exception):
            return socket.socket(fileno=os.dup(holder.fileno()))  # type: ignore[union-attr]  # suppressed
    return None
