"""
A fork amid the use of SQLite would leave a child that cannot use it.

The child would inherit locks of threads that it has not got. And it would
take an open file that it inherits for one that it holds locks on, which
no child inherits: another process could then clear away the log under it,
with what it was told is written. So no connection is open at a fork.

Python has no way to take such a hook back, and a fork does not know whom
to tell. This is why there is a list of databases here, though nothing
else is kept in modules; it keeps none of them alive.
"""

from __future__ import annotations

import atexit
import os
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from safeses.sqlite._handle import Handle

_handles: Final[WeakValueDictionary[int, Handle]] = WeakValueDictionary()


def tell(handle: Handle) -> None:
    """Tell *handle* of every fork from now on."""
    _handles[id(handle)] = handle


def _all() -> list[Handle]:
    found = (ref() for ref in _handles.valuerefs())
    return [handle for handle in found if handle is not None]


def _before() -> None:
    for handle in _all():
        handle.before_fork()


def _in_parent() -> None:
    for handle in _all():
        handle.after_fork_in_parent()


def _in_child() -> None:
    for handle in _all():
        handle.after_fork()


def at_exit() -> None:
    """Close what is open, so that Python does not call it a leak."""
    for handle in _all():
        handle.at_exit()


atexit.register(at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before, after_in_parent=_in_parent, after_in_child=_in_child
    )
