"""
How far a copy is: a bar at a terminal, else a line now and then.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import attrs

from safeses._clock import SystemClock
from safeses._commands._text import note

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from safeses.typing import Clock

TELL_EVERY_S: Final = 5.0


@attrs.define(eq=False)
class Bar:
    """
    Tells how far a command is, to who waits for it.

    Attributes:
        clock: Where the time comes from.
    """

    clock: Clock = attrs.field(factory=SystemClock)
    _shown: Any = attrs.field(default=None, init=False)
    _task: Any = attrs.field(default=None, init=False)
    _what: str = attrs.field(default="", init=False)
    _done: int = attrs.field(default=0, init=False)
    _told_at: float = attrs.field(default=0.0, init=False)

    def __enter__(self) -> Self:
        self._told_at = self.clock.monotonic()
        if sys.stderr.isatty():
            try:
                from rich.console import Console
                from rich.progress import Progress
            except ModuleNotFoundError:
                return self
            self._shown = Progress(
                console=Console(stderr=True), transient=True
            )
            self._shown.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._shown is not None:
            self._shown.stop()

    def begin(self, what: str, total: int | None = None) -> None:
        """Begin with *what*, of which there are *total*, if known."""
        self._what, self._done = what, 0
        if self._shown is not None:
            self._task = self._shown.add_task(what, total=total)

    def advance(self, number: int) -> None:
        """So many more are done."""
        self._done += number
        if self._shown is not None:
            self._shown.advance(self._task, number)
            return
        now = self.clock.monotonic()
        if now - self._told_at >= TELL_EVERY_S:
            self._told_at = now
            note(f"{self._done:,} {self._what}")
