"""The demo as plain lines that read well in a log."""

from __future__ import annotations

import contextlib
import textwrap
from typing import TYPE_CHECKING, Final

from safeses._commands import say
from safeses._commands.demo._count import lines
from safeses._commands.demo._show import HEADING, WORDS, closing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from safeses._commands.demo._count import Record, Verdict

WIDTH: Final = 79
INDENT: Final = " " * 4


class PlainShow:
    """Writes what a scene came to when it has ended."""

    def begin(self, seed: int) -> AbstractContextManager[object]:
        """Write the heading."""
        say(f"{HEADING} (seed {seed})")
        return contextlib.nullcontext()

    def scene(self, title: str, mails: int) -> Callable[[], None]:
        """Write nothing yet: scenes that play at once would mix."""
        del title, mails
        return lambda: None

    def told(self, record: Record) -> None:
        """Write what it was about and what came of it."""
        say(f"\n{record.title} ({len(record.mails)} mails)")
        if record.note:
            say(_wrapped(record.note))

    def end(
        self,
        records: Sequence[Record],
        verdicts: Sequence[Verdict],
        elapsed_s: float,
    ) -> None:
        """Write the table and the verdicts."""
        say(f"\n{'':4}{'outcome told':36}{'mails':>6}{'at SES':>9}")
        for record in records:
            say(record.title)
            for line in lines(record):
                alarm = f"  {line.alarm}" if line.alarm else ""
                say(
                    f"{'':4}{line.said:36}{line.mails:6}{line.copies:9}{alarm}"
                )
            if record.over_limit:
                say(f"{'':4}429 answered: {record.over_limit}")
        for verdict in verdicts:
            say(
                f"\n{WORDS[verdict.held]}: promise {verdict.number},"
                f" {verdict.promise}"
            )
            say(_wrapped(verdict.figures))
        say(f"\n{closing(verdicts, elapsed_s)}")


def _wrapped(text: str) -> str:
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=INDENT,
        subsequent_indent=INDENT,
        break_on_hyphens=False,
    )
