from __future__ import annotations

import pytest
from tests.corpora.events_ses import SAMPLES

from safeses.events import (
    Bounce,
    BounceType,
    FeedbackEvent,
    parse,
)


def one(payload: object) -> FeedbackEvent:
    """Return the one event that *payload* carries."""
    (event,) = parse(payload)
    return event


def sample(name: str) -> FeedbackEvent:
    """Return a sample, read."""
    return one(SAMPLES[name].payload)


@pytest.mark.parametrize(
    "name", ["bounce: Permanent SomethingNew", "bounce: Bizarre General"]
)
def test_unknown_words(name: str) -> None:
    """A word that we do not know is kept, and equals its text."""
    event = sample(name)
    assert isinstance(event, Bounce)
    words = name.partition(": ")[2].split(" ")

    assert (words, {*words}, 1) == (
        [event.type, event.sub_type],
        {str(event.type), str(event.sub_type)},
        event.type.is_known + event.sub_type.is_known,
    )


def test_words_are_not_learnt() -> None:
    """Whoever writes the events cannot make the enumerations grow."""
    before = len(BounceType)
    words = [BounceType(f"word {number}") for number in range(100)]

    assert (before, 100) == (len(BounceType), len({*words}))


def test_words_in_a_table() -> None:
    """A word, known or not, is found by its text, and by nothing else."""
    table: dict[str, int] = {}
    table[BounceType("New")] = 1
    table[BounceType.PERMANENT] = 2

    assert (1, 2, None) == (
        table.get("New"),
        table.get("Permanent"),
        table.get("UNKNOWN"),
    )


def test_words_shown() -> None:
    """A `repr` shows a word, and nothing else in its place."""
    shown = [
        repr(BounceType(text))
        for text in ("Permanent", "New", "ann@example.net", "x" * 65, "")
    ]

    assert [
        "BounceType('Permanent')",
        "BounceType('New')",
        "BounceType(...)",
        "BounceType(...)",
        "BounceType(...)",
    ] == shown
