"""
Suppressions in DynamoDB: the contract.

All of it in this process, and what threads and forks share over HTTP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from tests.dynamodb_tables import dropped, table_at, table_here

from safeses.dynamodb._suppressions import DynamoDBSuppressionStore
from safeses.suppression._keys import AddressKeys
from safeses.testing import FakeClock, SuppressionStoreContract
from safeses.testing._contracts._pace import AT_ANY_PACE
from safeses.testing._contracts._suppression_history import Historian
from safeses.testing._contracts._suppression_sharing import SharingContract

if TYPE_CHECKING:
    from collections.abc import Iterator

    from safeses.dynamodb._connection import Table
    from safeses.typing import SuppressionStore

pytestmark = [pytest.mark.server, pytest.mark.long]

# Each step takes some milliseconds.
FEW = settings(AT_ANY_PACE, max_examples=4, stateful_step_count=20)
SECRET = b"sixteen bytes or more"


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


class TestDynamoDB(SuppressionStoreContract):
    """In a table, with addresses."""

    test_racing_adds = None  # type: ignore[assignment]  # over HTTP, below
    test_never_a_gap = None  # type: ignore[assignment]  # over HTTP, below
    test_fork = None  # type: ignore[assignment]  # over HTTP, below

    @pytest.fixture
    def store(self, table: Table) -> SuppressionStore:
        """Return a store that nobody has used."""
        return DynamoDBSuppressionStore(table)

    def test_any_history(
        self, store: SuppressionStore, clock: FakeClock
    ) -> None:
        """Whatever happens, in any order, a dict would have said the same."""
        histories = []
        can_list, keeps_expired = self.can_list, self.keeps_expired

        class History(Historian):
            def __init__(self) -> None:
                super().__init__(
                    store,
                    clock,
                    can_list=can_list,
                    keeps_expired=keeps_expired,
                )
                histories.append(self)

        run_state_machine_as_test(History, settings=FEW)

        assert len(histories) > 1


class TestHashed(TestDynamoDB):
    """
    In a table, with hashes.

    The keys are all that differs. How items are read and written together
    is proved above.
    """

    can_list = False

    test_a_crowd = None  # type: ignore[assignment]  # left out
    test_amid_newcomers = None  # type: ignore[assignment]  # left out
    test_any_history = None  # type: ignore[assignment]  # left out
    test_fractions_of_seconds = None  # type: ignore[assignment]  # left out
    test_spellings = None  # type: ignore[assignment]  # left out
    test_time_zones = None  # type: ignore[assignment]  # left out

    @pytest.fixture
    def store(self, table: Table) -> SuppressionStore:
        """Return a store that nobody has used."""
        return DynamoDBSuppressionStore(table, keys=AddressKeys(secret=SECRET))


class TestOverHTTP(SharingContract):
    """In a table that others ask too."""

    # The server copies the whole table for each write of a transaction.
    test_amid_newcomers = None  # type: ignore[assignment]  # left out

    @pytest.fixture
    def store(self, far_table: Table) -> SuppressionStore:
        """Return a store that nobody has used."""
        return DynamoDBSuppressionStore(far_table)
