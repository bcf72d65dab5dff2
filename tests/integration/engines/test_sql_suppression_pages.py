"""A page of a long list costs what a page of a short one does."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest
from tests.engines import open_url, run_sql

from safeses.sql._statements import Statement
from safeses.sql._suppression_rows import PART
from safeses.sql._suppressions import SQL
from safeses.suppression import Suppression

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.server, pytest.mark.long]

ENTRIES = 20_000
AT_ONCE = 1_000


@pytest.fixture
def state(postgres_database: str, postgres_url: str) -> Iterator[Any]:
    """Return a state with a list of which the server knows no statistics."""
    prefix = postgres_url.rpartition("prefix=")[2]
    with contextlib.closing(open_url(postgres_url)) as state:
        run_sql(
            postgres_database,
            f"alter table {prefix}_suppressions"
            " set (autovacuum_enabled = false)",
        )
        for start in range(0, ENTRIES, AT_ONCE):
            state.suppressions.add(
                [
                    Suppression(address=f"p{n}@a.example")
                    for n in range(start, start + AT_ONCE)
                ]
            )
        yield state


@pytest.mark.parametrize("name", ["page", "count"])
def test_no_sort(state: Any, name: str) -> None:
    """PostgreSQL follows an index, also where it knows nothing of a list."""
    text = getattr(SQL, name).text("postgresql")
    explain = Statement("explain", {"postgresql": f"explain {text}"})
    values = {"number": 1, "after": 5_000, "most": AT_ONCE + 1}
    rows = state.suppressions.database.rows(PART, explain, values)
    plan = "\n".join(line for (line,) in rows)

    assert (True, False) == ("Index" in plan, "Sort" in plan), plan
