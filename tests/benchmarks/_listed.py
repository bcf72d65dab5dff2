"""
Import into a suppression list, or read all of it, in a process of its own.

    _listed.py add|list URL START STOP

It prints seconds, the growth of its peak memory in KiB, and for ``list`` how
many there were, and the medians of the milliseconds of its first and its
last pages.
"""

from __future__ import annotations

import contextlib
import resource
import sys
import time
from typing import Any, Final

from tests import engines
from tests.benchmarks import _kit, _people

# Pages at either end of which the time is shown.
ENDS: Final = 50
# What the first ones take is its own, however long the list is.
FIRST: Final = 500


def _peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _add(state: Any, start: int, stop: int) -> tuple[object, ...]:
    from safeses._clock import SystemClock
    from safeses.suppression import Suppressions

    suppressions = Suppressions(state.suppressions, SystemClock())
    suppressions.add_many(_people.entries(start, start + FIRST))
    peak, began = _peak_kib(), time.perf_counter()
    suppressions.add_many(_people.entries(start + FIRST, stop))
    return time.perf_counter() - began, _peak_kib() - peak


def _list(state: Any, _: int, stop: int) -> tuple[object, ...]:
    pages = _timed_pages(state.suppressions, stop)
    taken = [next(pages), next(pages, (0, 0.0))]
    peak, began = _peak_kib(), time.perf_counter()
    taken += pages
    # The last page may be short.
    times = [ms for _, ms in taken][:-1] or [taken[0][1]]
    return (
        time.perf_counter() - began,
        _peak_kib() - peak,
        sum(count for count, _ in taken),
        _kit.median(times[:ENDS]),
        _kit.median(times[-ENDS:]),
    )


def _timed_pages(store: Any, most: int) -> Any:
    """Yield of each page how many it held, and its milliseconds."""
    after, seen = "", 0
    while seen < most:
        began = time.perf_counter()
        page = store.page(after)
        yield len(page.entries), (time.perf_counter() - began) * 1_000
        seen += len(page.entries)
        after = page.next
        if not after:
            return


def main() -> None:
    """Do what the command line says, and print the figures."""
    act, url, start, stop = sys.argv[1:]
    with contextlib.closing(engines.open_url(url)) as state:
        run = {"add": _add, "list": _list}[act]
        print(*run(state, int(start), int(stop)))


if __name__ == "__main__":
    main()
