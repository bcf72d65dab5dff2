"""
The ledger in DynamoDB: the contract, and what DynamoDB deletes by itself.

All of it in this process, and what threads and forks share over HTTP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from tests.dynamodb_tables import (
    client_here,
    dropped,
    swept,
    table_at,
    table_here,
)

from safeses.dynamodb._ledger import DynamoDBLedger
from safeses.dynamodb._numbers import item_to_wire
from safeses.ledger._machine import submit
from safeses.testing import FakeClock, LedgerContract
from safeses.testing._contracts._ledger import AT_LENGTH
from safeses.testing._contracts._ledger_desk import (
    DAY_S,
    DEFERRED,
    UNKNOWN,
    Desk,
    accepted,
    unsettled,
)
from safeses.testing._contracts._ledger_history import LedgerHistorian
from safeses.testing._contracts._ledger_sharing import LedgerSharingContract

if TYPE_CHECKING:
    from collections.abc import Iterator

    from safeses.dynamodb._connection import Table
    from safeses.typing import Ledger

pytestmark = pytest.mark.server

# Each step takes some milliseconds, and lists what is open under every
# partition key.
FEW = settings(AT_LENGTH, max_examples=4, stateful_step_count=20)


@pytest.fixture
def clock() -> FakeClock:
    """Return the time of all hosts."""
    return FakeClock()


@pytest.fixture
def table(clock: FakeClock) -> Iterator[Table]:
    """Return a table that nobody has used."""
    with table_here(clock) as table:
        yield table


@pytest.fixture
def far_table(dynamodb_port: int, clock: FakeClock) -> Iterator[Table]:
    """Return a table that nobody has used, behind HTTP."""
    table = table_at(dynamodb_port, clock)
    yield table
    dropped(dynamodb_port, table)


@pytest.mark.long
class TestDynamoDB(LedgerContract):
    """In a table."""

    test_racing_claims = None  # type: ignore[assignment]  # over HTTP, below
    test_racing_takeover = None  # type: ignore[assignment]  # over HTTP, below
    test_racing_words = None  # type: ignore[assignment]  # over HTTP, below
    test_amid_newcomers = None  # type: ignore[assignment]  # over HTTP, below
    test_fork = None  # type: ignore[assignment]  # over HTTP, below

    @pytest.fixture
    def ledger(self, table: Table) -> Ledger:
        """Return a ledger that nobody has used."""
        return DynamoDBLedger(table)

    def test_many_unknown(self, ledger: Ledger, desk: Desk) -> None:
        """
        A page ends after a thousand, and the next one goes on.

        Their leases have ended. They are written together, as one by one
        they take a while.
        """
        assert isinstance(ledger, DynamoDBLedger)
        rows, wall = ledger._rows(), ledger.table.wall()  # noqa: SLF001  # where they are
        writes, names = [], []
        for _ in range(1_001):
            claim = desk.other().keyless()
            record = submit(None, claim, 0.0, ledger.table.now(), wall)
            assert record is not None
            item = rows.item_of(record, rows.open_key(claim.id))
            writes.append({"PutRequest": {"Item": item_to_wire(item)}})
            names.append(claim.id)
        for begin in range(0, len(writes), 25):
            some = {ledger.table.name: writes[begin : begin + 25]}
            client_here().batch_write_item(RequestItems=some)
        page = ledger.unsettled()

        assert (1_000, sorted(names)) == (
            len(page.records),
            unsettled(ledger),
        )

    def test_any_history(self, ledger: Ledger, clock: FakeClock) -> None:
        """Whatever happens, in any order, an exact log says the same."""
        histories = []

        class History(LedgerHistorian):
            def __init__(self) -> None:
                super().__init__(ledger, clock)
                histories.append(self)

        run_state_machine_as_test(History, settings=FEW)

        assert len(histories) > 1


@pytest.mark.long
class TestOverHTTP(LedgerSharingContract):
    """In a table that others ask too."""

    @pytest.fixture
    def ledger(self, far_table: Table) -> Ledger:
        """Return a ledger that nobody has used."""
        return DynamoDBLedger(far_table)


def test_ttl_deletes_nothing_unknown(table: Table, clock: FakeClock) -> None:
    """DynamoDB may delete what is settled or free, and nothing else."""
    desk = Desk(DynamoDBLedger(table))
    doubtful = [desk.other() for _ in range(7)]
    doubtful[0].end(UNKNOWN)
    doubtful[1].send()
    for each in doubtful[2:4]:
        each.submit(each.keyless())
    desk.ledger.settle(doubtful[3].keyless(), UNKNOWN)
    # Claimed once more, by somebody who ends, or whom SES refuses.
    for each in doubtful[4:]:
        each.end(UNKNOWN)
    doubtful[4].take("two", doubtful[4].job("resend"))
    doubtful[5].send("two", doubtful[5].job("resend"))
    again = doubtful[6].send("two", doubtful[6].job("resend"))
    desk.ledger.settle(again, DEFERRED)
    settled = [desk.other() for _ in range(3)]
    settled[0].end(accepted("m-1"))
    settled[1].end(DEFERRED)
    settled[2].take()
    clock.sleep(400 * DAY_S)
    deleted = swept(client_here(), table)

    assert (3, sorted(each.name for each in doubtful), 3 * [""]) == (
        deleted,
        unsettled(desk.ledger),
        [each.state() for each in settled],
    )
