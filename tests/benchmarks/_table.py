"""Tables of figures, with rich where it is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Sequence


@attrs.frozen(kw_only=True)
class Table:
    """
    What one figure came to.

    Attributes:
        title: What was measured, and how often.
        columns: Their headings; the first names the side.
        rows: One for each side.
        notes: How to read it.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()

    def show(self) -> None:
        """Print it."""
        try:
            import rich  # noqa: F401  # only whether it is there
        except ModuleNotFoundError:
            self._show_plain()
        else:
            self._show_rich()
        for note in self.notes:
            print(f"  {note}")
        print(flush=True)

    def _show_rich(self) -> None:
        from rich.box import SIMPLE_HEAD
        from rich.console import Console
        from rich.table import Table as RichTable
        from rich.text import Text

        console = Console()
        # A file has no width: lines are then as long as they must be.
        if not console.is_terminal:
            console = Console(width=200)
        table = RichTable(
            title=self.title, title_justify="left", box=SIMPLE_HEAD
        )
        for number, column in enumerate(self.columns):
            table.add_column(
                Text(column), justify="right" if number else "left"
            )
        for row in self.rows:
            table.add_row(*map(Text, row))
        console.print(table)

    def _show_plain(self) -> None:
        lines = [self.columns, *self.rows]
        widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
        print(self.title)
        for cells in lines:
            padded = [
                cell.rjust(width) if number else cell.ljust(width)
                for number, (cell, width) in enumerate(
                    zip(cells, widths, strict=True)
                )
            ]
            print("  " + "  ".join(padded).rstrip())
