"""What the contracts of seen events and of counters share."""

from __future__ import annotations

import hashlib
from typing import ClassVar, Final

import pytest
from hypothesis import settings

from safeses.testing._clock import FakeClock
from safeses.testing._contracts._pace import AT_ANY_PACE

HOUR_S: Final = 3_600.0
DAY_S: Final = 86_400.0
# A file takes a while for each step, and few histories find what is wrong.
AT_LENGTH: Final = settings(AT_ANY_PACE, max_examples=50)
# What is no number of seconds, and what is no instant.
NO_SECONDS: Final = (0.0, -1.0, float("nan"), float("inf"))
NO_INSTANTS: Final = (-1.0, float("nan"), float("inf"), 1_767_225_600_000.0)
# Texts that some engine would take for one.
ALIKE: Final = {
    "case": ("Bounce", "bounce"),
    "blank": ("a", "a "),
    "blank before": ("a", " a"),
    "inner blanks": ("a b", "a  b"),
    "empty": ("", " "),
    "accent": ("caf\u00e9", "cafe"),
    "composed": ("caf\u00e9", "cafe\u0301"),
    "wide": ("a", "\uff41"),
    "any character": ("a_b", "axb"),
    "any text": ("a%", "abc"),
    "end of a line": ("a", "a\n"),
    "end of a text": ("a", "a\0"),
    "after its end": ("a\0b", "a\0c"),
    "half a character": ("\ud800", "\ud801"),
    "beyond a column": ("x" * 255, "x" * 256),
    "far beyond": ("x" * 70_000 + "a", "x" * 70_000 + "b"),
    "its hash": (
        "\u00e9",
        "sha256:" + hashlib.sha256("\u00e9".encode()).hexdigest(),
    ),
}
# Pairs of texts that some engine would put together in one way.
JOINED: Final = {
    joint: (("a", f"b{joint}c"), (f"a{joint}b", "c"))
    for joint in (":", "/", "|", "#", " ", "\n", "\0", ",")
}


class FactsFixtures:
    """Time, and what a kind of store may do differently."""

    forks_in_use: ClassVar[bool] = True
    # A child that takes longer hangs.
    child_max_s: ClassVar[float] = 30.0

    @pytest.fixture
    def clock(self) -> FakeClock:
        """Return the time that the store under test goes by."""
        return FakeClock()
