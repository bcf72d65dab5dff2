"""
Whose turn it is with the connection, and how a turn ends.

An interrupt may come between any two steps of Python, also as the end of
a ``with`` block is called. So the lock knows its thread, and the handle
has a weak reference to what is to end the use: when that is gone and the
lock still held, the handle ends it.
"""

from __future__ import annotations

import os
import sqlite3
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn
from weakref import ref

from safeses.errors import StoreError
from safeses.sqlite._problems import FORKED

if TYPE_CHECKING:
    from types import TracebackType

    from safeses.sqlite._handle import Handle


class _Exit:
    """Makes a `with` statement hold what ends a use, and nothing else."""

    def __get__(self, use: Use | None, owner: object = None) -> Any:
        # What stands in for the class is for contextlib.ExitStack.
        return use.leave if use else lambda used, *of: used.leave(*of)


class Use:
    """
    One use of the file: takes the connection, and tells what fails.

    With *is_writing* it is a transaction that writes from its beginning.
    So nobody else can have written since its first read, which SQLite
    would answer with ``SQLITE_BUSY_SNAPSHOT``.

    An interrupt that comes just as the end is called would prevent it.
    Then the ``with`` statement lets go of `leave`, which nobody else
    holds, not even a traceback, and the handle hears of it.
    """

    __slots__ = ("_handle", "_is_writing", "_lock", "_looks", "_part", "leave")

    __exit__ = _Exit()

    def __init__(
        self,
        handle: Handle,
        part: str,
        *,
        is_writing: bool = False,
        looks: bool = True,
    ) -> None:
        if handle.pid != os.getpid():
            handle.after_fork()
        lock = handle.lock
        self._handle, self._lock, self._part = handle, lock, part
        self._is_writing, self._looks = is_writing, looks
        self.leave = partial(_leave, handle, lock, part, is_writing)

    def __enter__(self) -> sqlite3.Connection:
        handle, lock = self._handle, self._lock
        if lock._is_owned():  # noqa: SLF001  # as threading.Condition does
            handle.nested(self._part)
        try:
            if not lock.acquire(blocking=False):
                handle.wait(lock, self._part)
            handle.user = ref(self.leave, handle.gone)
            return self._begin()
        except BaseException as error:
            _end(handle, lock, self._part, error)
            raise

    def _begin(self) -> sqlite3.Connection:
        connection = self._handle.ready(self._part, looks=self._looks)
        if self._is_writing:
            connection.execute("begin immediate")
        return connection


class Closing(Use):
    """The last use, as long as there is no other."""

    __slots__ = ()

    def _begin(self) -> Any:
        self._handle.undo()
        self._handle.shut()


def _leave(  # as a with statement calls it
    handle: Handle,
    lock: Any,
    part: str,
    is_writing: bool,  # noqa: FBT001  # the same
    _kind: type[BaseException] | None,
    error: BaseException | None,
    _trace: TracebackType | None,
) -> None:
    try:
        if handle.pid != os.getpid():
            handle.after_fork()
        if lock is not handle.lock:  # the transaction is the parent's
            _refuse(part, error)
        if is_writing and error is None:
            handle.commit(part)
    except BaseException as failed:
        _end(handle, lock, part, failed)
        raise
    _end(handle, lock, part, error)


def _refuse(part: str, error: BaseException | None) -> NoReturn:
    raise StoreError(part, "sqlite", FORKED) from error


def _end(
    handle: Handle, lock: Any, part: str, error: BaseException | None
) -> None:
    """Let go, and say in our words what failed."""
    told = None
    try:
        if isinstance(error, (sqlite3.Error, OSError)):
            told = handle.problem_of(part, error)
    finally:
        # An interrupt cuts one of these short, not the other.
        try:
            _let_go(handle, lock)
        finally:
            if lock._is_owned():  # noqa: SLF001  # as above
                _let_go(handle, lock)
    if told is not None:
        raise told from error


def _let_go(handle: Handle, lock: Any) -> None:
    if lock is not handle.lock or not lock._is_owned():  # noqa: SLF001  # the same
        return  # never taken, or the parent's
    try:
        handle.undo()
    finally:
        try:
            handle.user = None
        finally:
            lock.release()
