"""
Look-ups in suppression lists of up to ten million entries, on each engine.

The first entries are imported through safeses, by a process that does
nothing else; those above `IMPORTED` are put in by the engine, as the same
rows. Each look-up is of other people, every second of them on the list.
"""

from __future__ import annotations

import contextlib
import random
import tempfile
import time
from typing import TYPE_CHECKING, Any, Final

from tests import engines
from tests.benchmarks import (
    _engine_bulk,
    _engines,
    _kit,
    _listed,
    _people,
)
from tests.benchmarks._engine_bytes import taken
from tests.benchmarks._table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SIZES: Final = (100_000, 1_000_000, 10_000_000)
IMPORTED: Final = 1_000_000
LISTED: Final = 1_000_000
LOOK_UPS: Final = 1_000
FIFTY: Final = 50
QUANTILE: Final = 0.99
IMPORT_S: Final = 3_600.0
MIB: Final = 1_024


def measure(*, quick: bool) -> Table:
    """Fill the list of each engine step by step, and look up at each."""
    sizes = (1_000,) if quick else SIZES
    look_ups = 20 if quick else LOOK_UPS
    rows: list[Sequence[str]] = []
    for name in ("redis", "postgresql", "mariadb", "sqlite"):
        absent = _engines.ABSENT
        with contextlib.suppress(*absent), _url(name) as url:
            rows += [*look_ups_on(name, url, sizes, look_ups)]
    return Table(
        title=f"lookups: of {FIFTY} people each, {look_ups} times",
        columns=(
            "engine",
            "entries",
            "added /s",
            "peak MiB",
            "bytes each",
            "median ms",
            "99 %",
            "worst",
            "again",
            "page ms: first",
            "last",
            "peak MiB",
        ),
        rows=rows,
        notes=(
            "Wall time. Each look-up is of other people, half of them on the",
            "list; 'again' is the median of asking for the same ones at once.",
            f"Above {IMPORTED:,} entries the engine itself adds the rows.",
            f"Pages are of 1,000, of the first {LISTED:,} entries. Peaks are",
            "the growth of the process that adds, and that lists.",
        ),
    )


@contextlib.contextmanager
def _url(name: str) -> Iterator[str]:
    with contextlib.ExitStack() as stack:
        if name == "sqlite":
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            url = f"sqlite:///{folder}/mail.db"
        elif name == "redis":
            url = stack.enter_context(engines.RedisServer()).url
        else:
            url = stack.enter_context(engines.sql_database(name))
        if name != "sqlite":
            url = engines.with_query(url, timeout_s=engines.PATIENT_S)
        yield url


def look_ups_on(
    name: str, url: str, sizes: Sequence[int], look_ups: int
) -> Iterator[Sequence[str]]:
    """Yield a row for each size; the sizes rise."""
    before = 0
    with contextlib.closing(engines.open_url(url)) as state:
        empty = taken(name, url)
        for size in sizes:
            added = _add(name, url, state, before, size)
            each = (taken(name, url) - empty) / size
            found = _look_ups(state.suppressions, size, look_ups)
            yield (
                name,
                f"{size:,}",
                *added,
                f"{each:.0f}",
                *found,
                *_pages(url, min(size, LISTED)),
            )
            before = size


def _add(
    name: str, url: str, state: Any, start: int, stop: int
) -> tuple[str, str]:
    """Add people; return how many a second, and what memory it took."""
    imported = max(start, min(stop, IMPORTED))
    shown = "", ""
    if start < imported:
        printed = _kit.run(
            *("_listed.py", "add", url, str(start), str(imported)),
            timeout_s=IMPORT_S,
        )
        taken_s, grown_kib = printed.split()
        rate = (imported - start - _listed.FIRST) / float(taken_s)
        shown = f"{rate:,.0f}", f"{int(grown_kib) / MIB:.1f}"
    if imported < stop:
        _engine_bulk.fill(name, url, state, imported, stop)
        _check(state.suppressions, imported, stop)
    return shown


def _check(store: Any, start: int, stop: int) -> None:
    """See that the rows are such as safeses has written itself."""
    people = [0, start, (start + stop) // 2, stop - 1]
    for number in people:
        entries = [*_people.entries(number, number + 1)]
        found = store.find([entries[0].address])
        assert {entries[0].address: entries[0]} == found, number
        assert [False] == store.add(entries), number
    assert stop == store.count()


def _look_ups(
    store: Any, entries: int, look_ups: int
) -> tuple[str, str, str, str]:
    """Return median, 99 % and worst, and the median of asking again."""
    choose = random.Random(0)  # noqa: S311  # no secret
    taken_ms: list[float] = []
    again_ms: list[float] = []
    for number in range(look_ups):
        there = choose.sample(range(entries), FIFTY // 2)
        first = _people.ABSENT + number * FIFTY
        others = range(first, first + FIFTY - len(there))
        people = [_people.address_of(n) for n in (*there, *others)]
        choose.shuffle(people)
        for times in (taken_ms, again_ms):
            began = time.perf_counter()
            found = store.find(people)
            times.append((time.perf_counter() - began) * 1_000)
            assert len(there) == len(found)
    slow = sorted(taken_ms)[int(len(taken_ms) * QUANTILE)]
    shown = (_kit.median(taken_ms), slow, max(taken_ms), _kit.median(again_ms))
    return tuple(f"{ms:.2f}" for ms in shown)  # type: ignore[return-value]  # four


def _pages(url: str, entries: int) -> tuple[str, str, str]:
    """Return times of the first and of the last pages, and the memory."""
    shown = _kit.run(
        "_listed.py", "list", url, "0", str(entries), timeout_s=IMPORT_S
    )
    _, grown_kib, seen, first_ms, last_ms = shown.split()
    assert int(seen) >= entries
    return first_ms[:5], last_ms[:5], f"{int(grown_kib) / MIB:.1f}"
