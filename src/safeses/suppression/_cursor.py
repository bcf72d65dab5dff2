"""
How far a run of `sync` is, as a string that can be kept.
"""

from __future__ import annotations

import base64
import json
from typing import Final, Literal

import attrs

from safeses.errors import ConfigurationError

Direction = Literal["pull", "push", "both"]
Phase = Literal["pull", "push", "done"]

# What may be left to do.
PHASES: Final[dict[Direction, tuple[Phase, ...]]] = {
    "pull": ("pull",),
    "push": ("push",),
    "both": ("pull", "push"),
}
VERSION: Final = "1"
CHECK_CHARS: Final = 12


@attrs.frozen(kw_only=True)
class Place:
    """
    A place in a run.

    Attributes:
        direction: Of the whole run.
        is_dry_run: Whether it only counts.
        between: Which lists it is about, hashed.
        phase: What is being done.
        after: What to ask the next page with.
    """

    direction: Direction
    is_dry_run: bool
    between: str
    phase: Phase
    after: str = ""

    def cursor(self) -> str:
        """Return it as a string that says nothing to a reader."""
        text = json.dumps([VERSION, *attrs.astuple(self)]).encode()
        return _check(text) + base64.urlsafe_b64encode(text).decode()

    def read(self, cursor: str) -> Place:
        """
        Return the place that *cursor* says, in a run like this one.

        Raises:
            ConfigurationError: It is from another run, or was changed.
        """
        there = _read(cursor)
        if there is None:
            raise ConfigurationError(
                "the cursor is not one of sync, or was changed",
                "give that of a report as it is, or begin without one",
            )
        begin = attrs.evolve(there, phase=self.phase, after="")
        if begin != self:
            raise ConfigurationError(
                "the cursor is that of another run: another direction,"
                " dry_run, store, account, region or tenant",
                "go on with the same arguments, or begin without one",
            )
        return there


def _read(cursor: str) -> Place | None:
    try:
        check, data = cursor[:CHECK_CHARS], cursor[CHECK_CHARS:]
        text = base64.urlsafe_b64decode(data.encode("ascii"))
        if check != _check(text):
            return None
        version, direction, is_dry_run, between, phase, after = json.loads(
            text
        )
        if version != VERSION or phase not in PHASES.get(direction, ()):
            return None
    except (AttributeError, TypeError, ValueError):
        return None
    if not isinstance(is_dry_run, bool) or not isinstance(after, str):
        return None
    return Place(
        direction=direction,
        is_dry_run=is_dry_run,
        between=between,
        phase=phase,
        after=after,
    )


def lists(*names: str) -> str:
    """Return what stands for these lists, and says nothing of them."""
    return _check(json.dumps(names).encode())


def _check(text: bytes) -> str:
    import hashlib  # loads OpenSSL

    return hashlib.sha256(text).hexdigest()[:CHECK_CHARS]
