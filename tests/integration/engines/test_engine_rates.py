"""
Four processes, one engine, and an SES in a process of its own.

The windows are those of the grants: when an answer comes is the machine's
doing.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from tests.engines import open_url
from tests.integration._engine_rates import attainable, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.engines import UrlOf

pytestmark = [pytest.mark.server, pytest.mark.long]

SECONDS = 6.0
SLOW, FAST = 50.0, 500.0
# What a busy machine keeps; what a quiet one does the benchmark says.
USED = 0.9
# Of what the machine can do at all. Its processors are busy at more, and
# then nobody is there to take the next slot, whatever the engine does.
EASY = 0.5
# After so long a new rate holds.
SETTLES_S = 1.0
BEFORE_S = 2.0


@pytest.mark.parametrize("name", ["redis", "postgresql", "mariadb"])
def test_the_rate_is_shared(engine_url: UrlOf, name: str) -> None:
    """The rate is used and never exceeded, and each has its share."""
    url = engine_url(name)
    open_url(url).close()
    seen, _ = run(url, per_second=SLOW, threads=4, lasts_s=SECONDS)
    most = seen.most_in_a_second()
    print(name, f"{seen.used=:.4f} {most=}", seen)  # noqa: T201  # by -rP

    assert (0, seen.sent, True, True, True) == (
        seen.throttled,
        seen.taken,
        USED <= seen.used <= 1.005,
        most <= SLOW + 1,
        seen.is_fair(0.1),
    )


@pytest.mark.parametrize("name", ["redis", "postgresql", "sqlite", "mariadb"])
def test_a_high_rate_is_shared(engine_url: UrlOf, name: str) -> None:
    """The same at 500 a second, or what the machine does with ease."""
    url = engine_url(name)
    open_url(url).close()
    can_do = attainable(url, threads=16)
    rate = min(FAST, EASY * can_do // 1)
    # boto3 and a server take a core and more for 500 a second.
    seen, _ = run(
        url, per_second=rate, threads=16, lasts_s=SECONDS, over_http=False
    )
    most = seen.most_in_a_second()
    print(name, f"{can_do=:.0f} {seen.used=:.4f} {most=}", seen)  # noqa: T201  # by -rP

    assert (0, seen.sent, True, True, True) == (
        seen.throttled,
        seen.taken,
        USED <= seen.used <= 1.005,
        most <= rate + 1,
        seen.is_fair(0.1),
    )


@pytest.mark.parametrize(
    "name, changed",
    [
        ("redis", 20.0),
        ("postgresql", 100.0),
        ("sqlite", 20.0),
        ("mariadb", 100.0),
    ],
)
def test_a_new_rate_holds(
    engine_url: UrlOf, name: str, changed: float
) -> None:
    """A rate that one process hears of holds for all within a second."""
    url = engine_url(name)
    open_url(url).close()

    def change(tell: Callable[[str], None]) -> None:
        time.sleep(BEFORE_S)  # at the old rate
        tell(str(changed))

    seen, reports = run(
        url,
        per_second=SLOW,
        threads=4,
        lasts_s=SECONDS,
        allowed=FAST,
        meanwhile=change,
    )
    ((learnt_at, _),) = reports[0]["learnt"]
    begin, end = learnt_at + SETTLES_S, seen.grants[-1][0]
    rate = seen.between(begin, end) / (end - begin)
    most = seen.most_in_a_second(begin)
    print(name, f"{rate=:.2f} {most=}", seen)  # noqa: T201  # by -rP

    assert (0, True, True) == (
        seen.throttled,
        USED * changed <= rate <= 1.03 * changed,
        most <= changed + 1,
    )
