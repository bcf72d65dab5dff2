"""
Text that people type and read at a terminal.
"""

from __future__ import annotations

import argparse
import sys


def printable(text: str) -> str:
    """Return *text* as one line that nothing in it can break up."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode()
        for c in text
    )


def note(text: str) -> None:
    """Write a line beside what the command puts out."""
    sys.stderr.write(f"safeses: {printable(text)}\n")
    sys.stderr.flush()


def many(number: int, one: str, more: str = "") -> str:
    """Return a number of things, such as ``"2 files"``."""
    return f"{number} {one if number == 1 else more or f'{one}s'}"


def positive(text: str) -> float:
    """Read an argument that is a number above 0."""
    try:
        number = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number
