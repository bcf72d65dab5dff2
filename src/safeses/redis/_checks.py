"""
What the settings of a Redis mean for what is kept there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from safeses._log import log
from safeses._process_lock import ProcessLock
from safeses._state_notes import Note
from safeses.errors import StoreError

if TYPE_CHECKING:
    from safeses.redis._connection import Server
    from safeses.typing import Survives

PART: Final = "state"
# Who looks at the settings is told of them, and needs no log.
LOOK: Final = "settings"
# The first whose scripts may ask for the time and write.
OLDEST: Final = 5
_SETTINGS: Final = (
    "maxmemory-policy",
    "maxmemory",
    "appendonly",
    "appendfsync",
    "save",
)
_NO_EVICTION: Final = "noeviction"
# What a loss is told of. Rate and quota are learnt again.
SUPPRESSED: Final = "who is suppressed"
SENT: Final = "what was sent"
_ALL: Final = f"{SUPPRESSED} and {SENT}"
_PERHAPS: Final = "what it keeps of suppressions and of sent mail"
_LEDGER: Final = "ledger"
_LIST: Final = "suppression"


@attrs.frozen(kw_only=True)
class Found:
    """
    What a server says of itself.

    Attributes:
        version: Such as ``"7.0.15"``.
        role: ``"master"`` or ``"slave"``, as Redis calls them.
        settings: Those that matter; empty if it does not tell.
    """

    version: str
    role: str
    settings: dict[str, str]

    @property
    def may_evict(self) -> bool:
        """Whether keys vanish when the memory is full."""
        return self.settings.get("maxmemory-policy", "") not in {
            "",
            _NO_EVICTION,
        }

    @property
    def is_written(self) -> bool | None:
        """Whether it writes to its disk; None if nobody knows."""
        if not self.settings:
            return None
        return self._has_log or bool(self.settings.get("save"))

    @property
    def survives(self) -> Survives:
        """What the data outlives, as far as is known."""
        if self._has_log and self.settings.get("appendfsync") == "always":
            return "host"
        return "process"

    @property
    def _has_log(self) -> bool:
        return self.settings.get("appendonly") == "yes"


def find(server: Server, part: str) -> Found:
    """
    Ask the server, for a part.

    Raises:
        StoreError: No answer.
    """
    info = _fields(server.ask(part, "INFO"))
    return Found(
        version=info.get("valkey_version") or info.get("redis_version", ""),
        role=info.get("role", ""),
        settings=_settings(server, part),
    )


@attrs.define
class Warner:
    """
    Logs what would lose data, once.

    Attributes:
        server: Whose settings matter.
        has_list: Whether the whole state has its suppressions there.
    """

    server: Server
    has_list: bool = attrs.field(kw_only=True)
    _found: Found | None = attrs.field(default=None, init=False)
    _is_told: bool = attrs.field(default=False, init=False)
    _lock: ProcessLock = attrs.field(factory=ProcessLock, init=False)

    def warn(self, part: str) -> Found | None:
        """
        Log one line for each setting that would lose what *part* keeps.

        Returns:
            What the server says of itself, if it does.
        """
        if self._found is None:
            try:
                self._found = find(self.server, part)
            except StoreError:
                return None
        kept = self._kept_by(part)
        if not kept or not self._found.settings:
            return self._found
        with self._lock.mine:
            is_told, self._is_told = self._is_told, True
        if not is_told:  # with no lock held: a handler may send
            for note in _known(self._found, kept):
                if note.level != "ok":
                    log.warning("Redis: %s; %s", note.text, note.remedy)
        return self._found

    def _kept_by(self, part: str) -> str:
        """Return what would be lost, ``""`` if it can be learnt again."""
        if part == PART:
            return _ALL if self.has_list else SENT
        if part not in {_LEDGER, _LIST}:
            return ""
        if not self.has_list:
            return SENT if part == _LEDGER else SUPPRESSED
        # It may be all that is used of the state. Nobody knows by now.
        return _PERHAPS


def notes(server: Server) -> list[Note]:
    """
    Return everything that somebody should know, good or bad.

    Raises:
        StoreError: No answer.
    """
    # First, as a key leads to the node of a cluster that has them all.
    epoch = _epoch(server)
    found = find(server, LOOK)
    return [
        _version(found),
        _role(found),
        *(_known(found, _ALL) if found.settings else [_unknown()]),
        epoch,
    ]


def used_bytes(server: Server) -> int:
    """
    Return how much memory the whole server uses.

    Raises:
        StoreError: No answer.
    """
    info = _fields(server.ask(PART, "INFO", "memory"))
    return int(info.get("used_memory", 0))


def _known(found: Found, kept: str) -> list[Note]:
    return [_eviction(found, kept), _persistence(found, kept)]


def _unknown() -> Note:
    return Note(
        level="warning",
        text="it does not let us read its settings (CONFIG GET)",
        remedy="see by hand that maxmemory-policy is noeviction, and that"
        " appendonly is yes",
    )


def _version(found: Found) -> Note:
    first = found.version.partition(".")[0]
    if first.isdecimal() and int(first) < OLDEST:
        return Note(
            level="error",
            text=f"version {found.version} is too old",
            remedy=f"use Redis {OLDEST} or newer, best 7, or Valkey",
        )
    return Note(level="ok", text=f"version {found.version or 'unknown'}")


def _role(found: Found) -> Note:
    if found.role in {"slave", "replica"}:
        return Note(
            level="error",
            text="it is a replica, which takes no writes",
            remedy="use the URL of the primary",
        )
    return Note(level="ok", text="it takes writes")


def _eviction(found: Found, kept: str) -> Note:
    policy = found.settings.get("maxmemory-policy", "unknown")
    if found.may_evict:
        return Note(
            level="error",
            text=f"maxmemory-policy is {policy}: {kept} may vanish when its"
            " memory is full",
            remedy="set maxmemory-policy to noeviction",
        )
    return Note(level="ok", text=f"maxmemory-policy is {policy}")


def _persistence(found: Found, kept: str) -> Note:
    append = found.settings.get("appendonly", "unknown")
    fsync = found.settings.get("appendfsync", "unknown")
    if found.is_written is False:
        return Note(
            level="warning",
            text="nothing is written to disk: with its process it loses"
            f" {kept}",
            remedy="set appendonly to yes",
        )
    if append != "yes":
        return Note(
            level="warning",
            text="only snapshots are written to disk: with its process it"
            f" loses {kept} in the last minutes",
            remedy="set appendonly to yes",
        )
    if fsync != "always":
        return Note(
            level="ok",
            text=f"appendonly is yes, appendfsync is {fsync}: a crash of the"
            " host may take its last moments",
            remedy="appendfsync always keeps them, and is slower",
        )
    return Note(level="ok", text="appendonly is yes, appendfsync is always")


def _epoch(server: Server) -> Note:
    key = server.key("epoch")
    name, acknowledged = server.ask(LOOK, "HMGET", key, "id", "acknowledged")
    if name is None:
        return Note(
            level="warning",
            text="nothing has been kept here yet, or all of it is lost",
            remedy="run `safeses state init` with this URL",
        )
    text = "the data has a name" + (
        ", acknowledged" if acknowledged else ", given by itself"
    )
    return Note(level="ok", text=text)


def _settings(server: Server, part: str) -> dict[str, str]:
    """Return the settings that matter, empty if it does not tell."""
    commands = [("CONFIG", "GET", name) for name in _SETTINGS]
    try:
        answers = server.ask_all(part, commands)
    except StoreError:
        return {}
    pairs = [answer for answer in answers if len(answer) == 2]  # noqa: PLR2004  # a name and its value
    return {
        name.decode(): value.decode("utf-8", "replace")
        for name, value in pairs
    }


def _fields(info: bytes) -> dict[str, str]:
    lines = info.decode("utf-8", "replace").splitlines()
    pairs = (line.partition(":") for line in lines)
    return {name: value for name, _, value in pairs}
