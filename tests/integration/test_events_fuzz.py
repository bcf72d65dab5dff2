"""One hundred thousand damaged payloads."""

from __future__ import annotations

import random
import tracemalloc

import pytest
from tests.corpora.events_mutated import mutated

from safeses.errors import InvalidEventError
from safeses.events import FeedbackEvent, parse

COUNT = 100_000
SEED = 20_260_504
MAX_PEAK_BYTES = 20 * 1_048_576


def test_a_hundred_thousand() -> None:
    """No damage raises anything but that it is no event."""
    chance = random.Random(SEED)  # noqa: S311  # no secret
    wrong = []
    read = refused = 0
    for number in range(COUNT):
        payload = mutated(chance)
        try:
            events = parse(payload)
        except InvalidEventError:
            refused += 1
        except Exception as error:  # noqa: BLE001  # that is the question
            wrong.append((number, repr(error)))
        else:
            read += all(isinstance(event, FeedbackEvent) for event in events)

    assert ([], COUNT) == (wrong, read + refused), (read, refused)


@pytest.mark.race  # other threads' memory counts as well
def test_memory() -> None:
    """No damaged payload takes more memory than a few of its size."""
    chance = random.Random(SEED + 1)  # noqa: S311  # no secret
    tracemalloc.start()
    try:
        for _ in range(2_000):
            try:
                parse(mutated(chance))
            except InvalidEventError:
                continue
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < MAX_PEAK_BYTES
