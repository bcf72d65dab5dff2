"""
Findings as lines for people, and as JSON for programs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from safeses._commands._text import many, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from safeses._commands.lint._read import Linted

# Raised when a program that reads it would have to change.
FORMAT: Final = 1


def lines(file: Linted) -> Iterator[str]:
    """Return one line for each finding, as compilers do."""
    if file.unreadable:
        yield printable(f"{file.name}: unreadable: {file.unreadable}")
    for found in file.findings:
        yield printable(
            f"{file.name}: {found.severity}[{found.rule}] {found.field}:"
            f" {found.limit}, seen {found.seen}; {found.remedy}"
        )


def summary(files: Sequence[Linted]) -> str:
    """Return what it comes to, in one line."""
    counts = (
        (sum(f.errors for f in files), "error"),
        (sum(f.warnings for f in files), "warning"),
        (sum(bool(f.unreadable) for f in files), "unreadable file"),
    )
    found = ", ".join(many(n, what) for n, what in counts if n)
    return f"{many(len(files), 'file')}: {found or 'nothing found'}"


def document(files: Sequence[Linted]) -> dict[str, Any]:
    """Return everything as one document."""
    return {
        "format": FORMAT,
        "errors": sum(f.errors for f in files),
        "warnings": sum(f.warnings for f in files),
        "unreadable": sum(bool(f.unreadable) for f in files),
        "files": [
            {
                "file": file.name,
                "unreadable": file.unreadable or None,
                "errors": file.errors,
                "warnings": file.warnings,
                "findings": [
                    {
                        "rule": found.rule,
                        "severity": found.severity,
                        "field": found.field,
                        "limit": found.limit,
                        "seen": found.seen,
                        "remedy": found.remedy,
                        "source": found.source,
                    }
                    for found in file.findings
                ],
            }
            for file in files
        ],
    }
