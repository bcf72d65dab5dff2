"""
How far a command is: told by what it works with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from safeses._clock import SystemClock
from safeses._commands._text import many, note

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from safeses.suppression import Page, Suppression
    from safeses.typing import Clock, SESApi, SuppressionStore

TELL_EVERY_S: Final = 5.0
# For one answer of SES: a person can wait, and others may be in front.
PATIENT_S: Final = 600.0


@attrs.define
class Progress:
    """
    How far a command is, told now and then.

    Attributes:
        clock: Where the time comes from.
        done: What was done, ``""`` while that is nothing.
        way_on: How to do the rest later, ``""`` if by the same command.
    """

    clock: Clock = attrs.field(factory=SystemClock)
    done: str = ""
    way_on: str = ""
    _told_at: float = attrs.field(init=False)

    @_told_at.default
    def _begun_at(self) -> float:
        return self.clock.monotonic()

    def tell(self, done: str) -> None:
        """Note what was done, and say so if it was quiet for long."""
        self.done = done
        now = self.clock.monotonic()
        if now - self._told_at >= TELL_EVERY_S:
            self._told_at = now
            note(done)


@attrs.define
class Watched:
    """
    A store that tells how far it is.

    Attributes:
        store: Where the entries are.
        progress: Is told what was read, added and removed.
        engine: That of the store.
    """

    store: SuppressionStore
    progress: Progress
    engine: str = attrs.field(init=False)
    _done: dict[str, int] = attrs.field(factory=dict, init=False)

    @engine.default
    def _same(self) -> str:
        return self.store.engine

    def find(
        self,
        addresses: Sequence[str],
        *,
        stream: str = "",
        configuration_set: str = "",
        tenant: str = "",
    ) -> dict[str, Suppression]:
        """Return who must not get mail, and why."""
        return self.store.find(
            addresses,
            stream=stream,
            configuration_set=configuration_set,
            tenant=tenant,
        )

    def add(self, entries: Sequence[Suppression]) -> list[bool]:
        """Add entries."""
        changed = self.store.add(entries)
        self._tell("added", sum(changed))
        return changed

    def remove(
        self, addresses: Sequence[str], *, stream: str | None = None
    ) -> int:
        """Remove entries."""
        removed = self.store.remove(addresses, stream=stream)
        self._tell("removed", removed)
        return removed

    def page(self, after: str = "", limit: int = 1_000) -> Page:
        """Return some of the entries."""
        page = self.store.page(after, limit)
        self._tell("read", len(page.entries))
        return page

    def count(self) -> int:
        """Return how many entries there are."""
        return self.store.count()

    def purge(self) -> int:
        """Remove what has expired."""
        return self.store.purge()

    def after_fork(self) -> None:
        """Leave it to the store."""
        self.store.after_fork()

    def close(self) -> None:
        """Leave it to the store."""
        self.store.close()

    def _tell(self, act: str, number: int) -> None:
        self._done[act] = self._done.get(act, 0) + number
        done = (
            f"{many(n, 'entry', 'entries')} {what}"
            for what, n in self._done.items()
        )
        self.progress.tell(", ".join(done))


@attrs.define
class WatchedApi:
    """
    Calls of SES that tell how many entries they have added.

    Attributes:
        api: Makes the calls.
        progress: Is told.
    """

    api: SESApi
    progress: Progress
    _put: int = attrs.field(default=0, init=False)

    @property
    def scope(self) -> str:
        """The account and region."""
        return self.api.scope

    def call(
        self,
        operation: str,
        /,
        *,
        max_wait_s: float = PATIENT_S,
        within_s: float | None = None,
        **params: Any,
    ) -> Mapping[str, Any]:
        """Make one call when it is its turn."""
        body = self.api.call(
            operation, max_wait_s=max_wait_s, within_s=within_s, **params
        )
        if operation == "put_suppressed_destination":
            self._put += 1
            done = many(self._put, "entry", "entries")
            self.progress.tell(f"{done} added to SES")
        return body
