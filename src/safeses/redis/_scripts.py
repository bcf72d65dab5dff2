"""
The scripts that Redis runs, each in a file of its own in ``lua``.

A script may begin with a line such as ``-- needs: time, budget``. The files
of these names, which hold functions, and what they need in turn, are put
before it.
"""

from __future__ import annotations

import functools
import hashlib
import re
from importlib import resources
from typing import Final

import attrs

_NEEDS: Final = re.compile(r"^-- needs: *([a-z_, ]+)$", re.MULTILINE)
# Scripts that need it are refused by a Redis that has lost its data.
EPOCH: Final = "epoch"


@attrs.frozen
class Script:
    """
    A script, with all that it needs.

    Attributes:
        text: What Redis runs.
        sha: What Redis calls it once it has seen it.
        has_epoch: Whether it checks that the data is still the same.
    """

    text: str
    sha: str
    has_epoch: bool


@functools.cache
def script(name: str) -> Script:
    """Return the script of the file *name* + ``.lua``."""
    files: dict[str, str] = {}
    _collect(name, files)
    text = "\n".join(files.values())
    # The name that Redis goes by; it protects nothing.
    sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    return Script(text, sha, EPOCH in files)


def _collect(name: str, files: dict[str, str]) -> None:
    """Add a file behind those that it needs, each of them once."""
    if name in files:
        return
    path = resources.files(__package__) / "lua" / f"{name}.lua"
    text = path.read_text("utf-8")
    needed = _NEEDS.search(text)
    for other in needed[1].split(",") if needed else ():
        _collect(other.strip(), files)
    files[name] = text
