"""
The one connection of a process, whose threads use it in turn.

It is closed before a fork, and let go of when its files are not those at
the path any more: what it would write then nobody else would see.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

import attrs

from safeses._log import log
from safeses.errors import StoreError
from safeses.sqlite import _forks
from safeses.sqlite._connection import connect
from safeses.sqlite._place import Files
from safeses.sqlite._problems import (
    BROKEN,
    BUSY,
    ENDED,
    FORKED,
    LOG_GONE,
    MOVED,
    NESTED,
    TWO_LOGS,
    problem_of,
)
from safeses.sqlite._timeline import EPOCH_S, agreed, boot_of
from safeses.sqlite._use import Closing, Use

if TYPE_CHECKING:
    from collections.abc import Callable
    from weakref import ref

    from safeses.typing import Clock


@attrs.define(eq=False)
class Handle:
    """
    What this process holds of a file.

    Attributes:
        path: The file.
        clock: What the file's time is made of.
        synchronous: How far a commit goes: ``"normal"`` or ``"full"``.
        timeout_s: How long to wait for other threads and processes.
        ahead_s: How far the file's time is ahead of the monotonic clock;
            None before the first use.
    """

    path: str
    clock: Clock
    synchronous: str
    timeout_s: float
    ahead_s: float | None = attrs.field(default=None, init=False)
    lock: Any = attrs.field(factory=threading.RLock, init=False)
    user: ref[Any] | None = attrs.field(default=None, init=False)
    connection: sqlite3.Connection | None = attrs.field(
        default=None, init=False
    )
    pid: int = attrs.field(factory=os.getpid, init=False)
    _ticks: Callable[[], float] = attrs.field(init=False)
    _files: Files = attrs.field(init=False)  # there with a connection
    # Why this process must never use it again.
    _refusal: str = attrs.field(default="", init=False)
    # How long SQLite waits for others, and how long the next use may.
    _waits_s: float = attrs.field(init=False)
    _left_s: float = attrs.field(init=False)
    _is_forking: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._ticks = self.clock.monotonic
        self._left_s = self._waits_s = self.timeout_s
        _forks.tell(self)

    # --- Called with the lock -----------------------------------------------

    def ready(self, part: str, *, looks: bool = True) -> sqlite3.Connection:
        """
        Return a connection to the file that is there, in no transaction.

        Args:
            part: Who asks.
            looks: Whether to look if it still is.
        """
        if self._refusal:
            raise StoreError(part, "sqlite", self._refusal)
        connection = self.connection
        if connection is None:
            return self._open()
        if connection.in_transaction:  # of one who was interrupted
            connection.rollback()
        if looks and not self._files.are_there():
            self._lost(part)
        left_s, self._left_s = self._left_s, self.timeout_s
        if left_s != self._waits_s:
            connection.execute(f"pragma busy_timeout = {int(left_s * 1_000)}")
            self._waits_s = left_s
        return connection

    def shut(self) -> None:
        """
        Close the connection, if there is one.

        SQLite clears nothing away for a file that has moved. If the log
        alone is gone, what is in it goes to the file now.
        """
        if self.connection is None:
            return
        if self._files.has_second_log():
            self._refusal = TWO_LOGS.format(path=self.path)
            self._abandon()
            return
        connection, self.connection = self.connection, None
        connection.close()

    def commit(self, part: str) -> None:
        """End the transaction, if nothing has ended it before."""
        if self.connection is None:
            raise StoreError(part, "sqlite", ENDED)
        self.connection.execute("commit")

    def undo(self) -> None:
        """Leave no transaction open."""
        connection = self.connection
        if connection is not None and connection.in_transaction:
            try:
                connection.rollback()
            except sqlite3.Error:
                self.shut()

    def problem_of(self, part: str, error: Exception) -> StoreError:
        """Say what an error means; a broken connection is closed."""
        if str(error).startswith(BROKEN):
            self.shut()
        problem = problem_of(error, self.path, self.timeout_s)
        return StoreError(part, "sqlite", problem)

    # --- Called without it --------------------------------------------------

    def now(self) -> float:
        """Return the file's time in seconds."""
        ahead_s = self.ahead_s
        if ahead_s is None:
            with Use(self, "clock"):
                return self.now()
        return self._ticks() + ahead_s

    def wait(self, lock: Any, part: str) -> None:
        """Wait for the lock; what is left of the time is for the file."""
        began = self.clock.monotonic()
        if not lock.acquire(timeout=self.timeout_s):
            problem = BUSY.format(timeout_s=self.timeout_s)
            raise StoreError(part, "sqlite", problem)
        waited_s = self.clock.monotonic() - began
        if waited_s > self.timeout_s / 10:
            self._left_s = max(self.timeout_s - waited_s, self.timeout_s / 10)

    def nested(self, part: str) -> None:
        """Refuse a use amid another one, or end one that is gone."""
        user = self.user
        if user is None or user() is not None:
            raise StoreError(part, "sqlite", NESTED)
        self.gone(user)

    def gone(self, user: ref[Any]) -> None:
        """End a use that an interrupt let nobody end."""
        if self.user is user and self.lock._is_owned():  # noqa: SLF001  # as below
            self.undo()
            self.user = None
            self.lock.release()

    def open_transaction(self) -> sqlite3.Connection | None:
        """Return the connection, if this thread has a transaction open."""
        connection = self.connection
        if (
            connection is None
            or self.pid != os.getpid()
            or not self.lock._is_owned()  # noqa: SLF001  # as below
            or not connection.in_transaction
        ):
            return None
        return connection

    def close(self) -> None:
        """Close the connection, as soon as nobody uses it."""
        with Closing(self, "state"):
            pass

    def at_exit(self) -> None:
        """Close the connection, unless a thread that goes on has it."""
        lock = self.lock
        if (
            self.pid != os.getpid()
            or lock._is_owned()  # noqa: SLF001  # as threading.Condition does
            or not lock.acquire(blocking=False)
        ):
            return
        try:
            with suppress(sqlite3.Error):
                self.undo()
                self.shut()
        finally:
            lock.release()

    def before_fork(self) -> None:
        """Let nobody use it, and close it: a child must not inherit it."""
        lock = self.lock
        if lock._is_owned() or not lock.acquire(timeout=self.timeout_s):  # noqa: SLF001  # as threading.Condition does
            return  # the child will know
        try:
            self._is_forking = True
            if not self._refusal:
                self.undo()
                self.shut()
        except BaseException:
            self.after_fork_in_parent()
            raise

    def after_fork_in_parent(self) -> None:
        """Let the threads go on; the next one opens it again."""
        if self.lock._is_owned() and self._is_forking:  # noqa: SLF001  # the same
            self._is_forking = False
            self.lock.release()

    def after_fork(self) -> None:
        """Begin anew in a child; nothing happens in the same process."""
        pid = os.getpid()
        if self.pid == pid:
            return
        if self.connection is not None:
            self._inherited(self.lock)
        self.user, self._is_forking = None, False
        self.lock, self.pid = threading.RLock(), pid

    # --- Private ------------------------------------------------------------

    def _open(self) -> sqlite3.Connection:
        connection = connect(self.path, self.synchronous, self.timeout_s)
        try:
            self._set_time(connection)
            self._files = Files(self.path)
        except BaseException:
            connection.close()
            raise
        self.connection = connection
        self._waits_s = self._left_s = self.timeout_s
        return connection

    def _set_time(self, connection: sqlite3.Connection) -> None:
        boot = boot_of(self.clock)
        if boot:
            mine = self.ahead_s
            if mine is None:
                mine = self.clock.time() - self.clock.monotonic() - EPOCH_S
            self.ahead_s = agreed(connection, boot, mine)
        else:
            self._ticks, self.ahead_s = self.clock.time, -EPOCH_S

    def _lost(self, part: str) -> NoReturn:
        """Let go of a file that is not the one at its path any more."""
        text = MOVED if self._files.has_moved() else LOG_GONE
        self.shut()
        problem = self._refusal or text.format(path=self.path)
        log.warning("%s", problem)
        raise StoreError(part, "sqlite", problem)

    def _inherited(self, lock: Any) -> None:
        """
        Close what a fork left here that told nobody, as uWSGI's may.

        It must go before another is opened, which would rely on its locks.
        None of them is the child's, so that closing harms nobody. What
        was in use at the fork cannot even be closed.
        """
        is_idle = not lock._is_owned() and lock.acquire(blocking=False)  # noqa: SLF001  # as above
        if is_idle and self._files.are_there():
            self.shut()
        else:
            self._refusal = FORKED
            self._abandon()

    def _abandon(self) -> None:
        """Never close the connection, not even when the process ends."""
        import ctypes

        connection, self.connection = self.connection, None
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))
