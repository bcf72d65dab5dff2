"""
A lock that no forked child finds taken.
"""

from __future__ import annotations

import os
import threading

import attrs


@attrs.define(eq=False)
class ProcessLock:
    """
    A reentrant lock that each process has for itself.

    A thread of the parent that holds it does not live on in the child,
    where it would be held for ever. Use it as ``with lock.mine:``.
    """

    _by_pid: dict[int, threading.RLock] = attrs.field(
        factory=dict, init=False, repr=False
    )

    @property
    def mine(self) -> threading.RLock:
        """The lock of this process."""
        pid = os.getpid()
        lock = self._by_pid.get(pid)
        return lock or self._by_pid.setdefault(pid, threading.RLock())

    def after_fork(self) -> None:
        """
        Forget the locks of parents.

        A child that never calls this takes a lock of its own all the same.
        """
        pid = os.getpid()
        for other in [*self._by_pid]:
            if other != pid:
                self._by_pid.pop(other, None)
