"""
Whole lists: from a file, and between a list of one's own and SES.

Both only say what they would do, until they are told to ``--apply``.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from safeses._commands import CANNOT_BEGIN, CommandError, say
from safeses._commands._text import many, note, printable
from safeses._commands.suppression._actions import STD, entries

if TYPE_CHECKING:
    import argparse

    from safeses._commands.suppression._target import Target
    from safeses.suppression import ImportReport, Suppressions, SyncReport
    from safeses.suppression._cursor import Direction
    from safeses.typing import SuppressionStore


def import_(arguments: argparse.Namespace, target: Target) -> int:
    """Read a file into the list, or check it."""
    if target.account is not None:
        return _into_ses(arguments, target)
    applies = arguments.apply
    report = _read(arguments, target.suppressions, dry_run=not applies)
    refused = _refused(arguments.file, report)
    if target.lasts:
        would = "" if applies else "would be "
        say(f"{entries(report.added)} {would}added, {report.known} known")
    else:
        say("compared with no list: no state that lasts is named")
    _remind(arguments)
    return refused


def sync(arguments: argparse.Namespace, target: Target) -> int:
    """Bring the list of the state and that of SES together."""
    report = _synced(arguments, target, target.store, arguments.direction)
    refused = _summed(arguments, report, arguments.direction)
    if report.cursor:
        note(_way_on(report))
    return refused


def _into_ses(arguments: argparse.Namespace, target: Target) -> int:
    """Read a file, look what SES has of it, and add the rest."""
    from safeses.suppression import MemorySuppressionStore, Suppressions

    clock = target.progress.clock
    memory = MemorySuppressionStore(clock=clock)
    read = _read(arguments, Suppressions(memory, clock), dry_run=False)
    refused = _refused(arguments.file, read)
    report = _synced(arguments, target, memory, "push")
    summed = _summed(arguments, report, "push")
    return max(refused, summed, int(bool(report.skipped)))


def _read(
    arguments: argparse.Namespace, into: Suppressions, *, dry_run: bool
) -> ImportReport:
    name = arguments.file
    if name == STD and sys.stdin is None:
        raise CommandError("stdin is closed", CANNOT_BEGIN)
    try:
        return into.import_file(
            sys.stdin.buffer if name == STD else name,
            reason=arguments.reason,
            source=arguments.source,
            stream=arguments.stream,
            dry_run=dry_run,
        )
    except OSError as error:
        raise CommandError(
            f"cannot read {printable(name)}: {error.strerror}", CANNOT_BEGIN
        ) from error


def _refused(name: str, report: ImportReport) -> int:
    """Say which lines were left out; return the exit status for them."""
    for line in report.refusals:
        note(f"{name}:{line.line}: refused: {line.why}")
    more = report.refused - len(report.refusals)
    if more:
        note(f"{name}: {more} more lines refused")
    say(f"{many(report.read, 'line')} read, {report.refused} refused")
    return int(report.refused > 0)


def _synced(
    arguments: argparse.Namespace,
    target: Target,
    local: SuppressionStore,
    direction: Direction,
) -> SyncReport:
    from safeses import suppression

    assert target.account is not None  # noqa: S101  # both actions open it
    may_resume = local is target.store

    def on_page(report: SyncReport) -> None:
        if may_resume:
            target.progress.way_on = _way_on(report)
        target.progress.tell(_counted(report, direction))

    return suppression.sync(
        local,
        target.account,
        direction=direction,
        dry_run=not arguments.apply,
        cursor=arguments.cursor if may_resume else "",
        max_calls=arguments.max_calls if may_resume else None,
        on_page=on_page,
    )


def _summed(
    arguments: argparse.Namespace, report: SyncReport, direction: Direction
) -> int:
    """Say what came of it; return the exit status."""
    say(_counted(report, direction))
    for why, number in report.skipped.items():
        note(f"{entries(number)} left out: {why}")
    if not report.is_complete:
        note(f"ended early: {report.problem}")
    _remind(arguments, report.takes_s)
    return int(not report.is_complete)


def _counted(report: SyncReport, direction: Direction) -> str:
    would = "would be " if report.is_dry_run else ""
    parts = []
    if direction != "push":
        parts.append(f"{entries(report.pulled)} {would}taken from SES")
    if direction != "pull":
        parts.append(f"{entries(report.pushed)} {would}added to SES")
    return f"{', '.join(parts)}, {report.known} known"


def _way_on(report: SyncReport) -> str:
    return f"go on with --cursor {report.cursor}"


def _remind(arguments: argparse.Namespace, takes_s: float = 0) -> None:
    if not arguments.apply:
        takes = f", which takes about {takes_s:.0f} s" if takes_s else ""
        note(f"nothing was changed; --apply does it{takes}")
