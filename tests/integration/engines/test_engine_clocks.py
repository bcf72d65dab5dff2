"""
One machine's clock is wrong, and the engine's decides.

SQLite is not here: all who share a file share a clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.engines import open_url
from tests.integration._engine_rates import run

if TYPE_CHECKING:
    from tests.engines import UrlOf

pytestmark = [pytest.mark.server, pytest.mark.long]

PER_SECOND = 50.0
SECONDS = 6.0
# What a busy machine keeps.
USED = 0.9


@pytest.mark.parametrize(
    "name, ahead_s",
    [
        ("redis", 30.0),
        ("redis", -2.0),
        ("postgresql", -30.0),
        ("postgresql", 2.0),
        ("mariadb", 30.0),
        ("mariadb", -2.0),
    ],
)
def test_a_wrong_clock(engine_url: UrlOf, name: str, ahead_s: float) -> None:
    """Whose clock is wrong gets its share, and takes nobody else's."""
    url = engine_url(name)
    open_url(url).close()
    seen, _ = run(
        url,
        per_second=PER_SECOND,
        threads=4,
        lasts_s=SECONDS,
        ahead_s=ahead_s,
    )
    most = seen.most_in_a_second()
    print(name, f"{seen.used=:.4f} {most=}", seen)  # noqa: T201  # by -rP

    assert (0, seen.sent, True, True, True) == (
        seen.throttled,
        seen.taken,
        USED <= seen.used <= 1.005,
        most <= PER_SECOND + 1,
        seen.is_fair(0.1),
    )
