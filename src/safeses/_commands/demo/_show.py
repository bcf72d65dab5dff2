"""What a demo is shown with: lines for a log, or bars on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from safeses._commands.demo._count import Record, Verdict

HEADING: Final = (
    "safeses demo: real boto3 over HTTP to a simulated SES on this machine"
)
WORDS: Final = {True: "HELD", False: "BROKEN", None: "NOT TESTED"}


class Show(Protocol):
    """Tells the newcomer what happens."""

    def begin(self, seed: int) -> AbstractContextManager[object]:
        """Show the heading; progress is shown while the context lasts."""

    def scene(self, title: str, mails: int) -> Callable[[], None]:
        """Show a new scene; return what to call after each mail."""

    def told(self, record: Record) -> None:
        """Show how a scene ended."""

    def end(
        self,
        records: Sequence[Record],
        verdicts: Sequence[Verdict],
        elapsed_s: float,
    ) -> None:
        """Show the table and the verdicts."""


def closing(verdicts: Sequence[Verdict], elapsed_s: float) -> str:
    """Return the last sentence."""
    held = sum(verdict.held is True for verdict in verdicts)
    return f"{held} of {len(verdicts)} promises held, in {elapsed_s:.1f} s"
