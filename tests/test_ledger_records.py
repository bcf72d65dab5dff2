"""What a ledger gives away, and takes over: records, in pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pytest
from tests.keyed import LOST, told, world

from safeses._job import Found
from safeses.ledger import Job, MemoryLedger
from safeses.testing import FakeClock

if TYPE_CHECKING:
    from pathlib import Path

    from safeses.ledger import Record

LEASE_S = 30.0
DAY_S = 86_400.0


def records_of(ledger: Any) -> list[Record]:
    """Return all records in pages of three."""
    found: list[Record] = []
    after = ""
    while True:
        page = ledger.records(after, 3)
        found += page.records
        if not page.next:
            return found
        after = page.next


def rounded(record: Record) -> Record:
    """Return a record with times that bear a change of scale."""
    expires = record.expires
    return attrs.evolve(
        record,
        lease_ends=round(record.lease_ends, 6),
        expires=None if expires is None else round(expires, 6),
    )


class TestRecords:
    """What a ledger gives away, and takes over."""

    @pytest.mark.parametrize("kind", ["memory", "sqlite"])
    def test_whole(self, kind: Any, tmp_path: Path) -> None:
        """Every record comes once, and is there as it was."""
        made = world(kind, tmp_path)
        for number in range(8):
            if number % 3 == 0:
                made.answers(LOST)
            told(made.client(), key=f"key-{number}")
        source: Any = made.state.ledger
        source.claim(Job(id="f" * 64, payload="1 p"), "call", LEASE_S)
        made.clock.advance(1)
        later = FakeClock()
        later.advance(12_345)
        target = MemoryLedger(clock=later)
        taken = [target.restore(one) for one in records_of(source)]
        twice = [target.restore(one) for one in records_of(source)]
        same = [*map(rounded, records_of(source))] == [
            *map(rounded, records_of(target))
        ]
        held = target.claim(Job(id="f" * 64, payload="1 p"), "me", LEASE_S)
        made.close()

        assert ([True] * 9, [False] * 9, True, LEASE_S - 1) == (
            taken,
            twice,
            same,
            held.retry_after_s if isinstance(held, Found) else None,
        )

    def test_expired(self, tmp_path: Path) -> None:
        """What has expired stays behind, on every page."""
        made = world("sqlite", tmp_path)
        for number in range(7):
            told(made.client(), key=f"key-{number}")
        made.clock.advance(15 * DAY_S)
        told(made.client(), key="late")
        ledger: Any = made.state.ledger
        found = records_of(ledger)
        made.close()

        assert 1 == len(found)
