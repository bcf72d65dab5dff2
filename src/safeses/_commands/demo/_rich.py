"""The demo on a terminal; the only importer of rich."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.padding import Padding
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from safeses._commands.demo._count import lines
from safeses._commands.demo._show import HEADING, WORDS, closing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from safeses._commands.demo._count import Record, Verdict

_STYLES: Final = {True: "bold green", False: "bold red", None: "bold yellow"}


class RichShow:
    """Draws a bar for each scene, then a table."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
        )

    def begin(self, seed: int) -> AbstractContextManager[object]:
        """Show the heading and make room for the bars."""
        self._console.print(f"[bold]{HEADING}[/] (seed {seed})\n")
        return self._running()

    def scene(self, title: str, mails: int) -> Callable[[], None]:
        """Add a bar."""
        task = self._progress.add_task(title, total=mails)
        return lambda: self._progress.advance(task)

    def told(self, record: Record) -> None:
        """Nothing yet: the notes stand below the table."""

    def end(
        self,
        records: Sequence[Record],
        verdicts: Sequence[Verdict],
        elapsed_s: float,
    ) -> None:
        """Draw the table and write the notes and the verdicts."""
        self._console.print(_table(records))
        for record in records:
            if record.note:
                self._console.print(f"[bold]{record.title}[/]")
                self._console.print(_indented(record.note))
        for verdict in verdicts:
            style = _STYLES[verdict.held]
            self._console.print(
                f"\n[{style}]{WORDS[verdict.held]}[/] promise"
                f" {verdict.number}, [bold]{verdict.promise}[/]"
            )
            self._console.print(_indented(verdict.figures))
        self._console.print(f"\n{closing(verdicts, elapsed_s)}")

    @contextlib.contextmanager
    def _running(self) -> Iterator[None]:
        with self._progress:
            yield


def _indented(text: str) -> Padding:
    return Padding(Text(text), (0, 0, 0, 2))


def _table(records: Sequence[Record]) -> Table:
    table = Table(box=SIMPLE_HEAD)
    table.add_column("outcome told", no_wrap=True)
    for heading in ("mails", "at SES", "429"):
        table.add_column(heading, justify="right")
    table.add_column("", style="red", no_wrap=True)
    for record in records:
        throttled = str(record.over_limit or "")
        table.add_row(f"[bold]{record.title}[/]", "", "", throttled)
        for line in lines(record):
            table.add_row(
                f"  {line.said}",
                str(line.mails),
                str(line.copies),
                "",
                line.alarm,
            )
    return table
