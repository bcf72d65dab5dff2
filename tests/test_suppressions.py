"""What users do with a suppression list."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from safeses import ConfigurationError, StoreError
from safeses.suppression import (
    AddressKeys,
    MemorySuppressionStore,
    Page,
    Suppression,
    Suppressions,
)
from safeses.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Act = Callable[[Suppressions], object]

ANN = "ann@a.example"
BOB = "bob@a.example"
NEW_YEAR = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)
NAIVE = NEW_YEAR.replace(tzinfo=None)


class Counting(MemorySuppressionStore):
    """Notes how much it is asked at once."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock=clock)
        self.sizes: list[int] = []

    def add(self, entries: Sequence[Suppression]) -> list[bool]:
        """Note how many."""
        self.sizes.append(len(entries))
        return super().add(entries)

    def find(
        self,
        addresses: Sequence[str],
        *,
        stream: str = "",
        configuration_set: str = "",  # noqa: ARG002  # as the protocol says
        tenant: str = "",  # noqa: ARG002  # the same
    ) -> dict[str, Suppression]:
        """Note how many."""
        self.sizes.append(len(addresses))
        return super().find(addresses, stream=stream)

    def remove(
        self, addresses: Sequence[str], *, stream: str | None = None
    ) -> int:
        """Note how many."""
        self.sizes.append(len(addresses))
        return super().remove(addresses, stream=stream)


@pytest.fixture
def clock() -> FakeClock:
    """Return New Year's Day."""
    return FakeClock()


@pytest.fixture
def store(clock: FakeClock) -> Counting:
    """Return a store with nobody in it."""
    return Counting(clock)


@pytest.fixture
def suppressions(store: Counting, clock: FakeClock) -> Suppressions:
    """Return a list with nobody on it."""
    return Suppressions(store, clock)


def test_add(suppressions: Suppressions) -> None:
    """What was added is found, with all that was said of it."""
    added = suppressions.add(
        "Ann <ann@a.example>",
        "unsubscribe",
        stream="news",
        source="form",
        note="by telephone",
        expires_at=NEW_YEAR + dt.timedelta(days=1),
    )

    assert (
        True,
        Suppression(
            address=ANN,
            reason="unsubscribe",
            stream="news",
            source="form",
            since=NEW_YEAR,
            expires_at=NEW_YEAR + dt.timedelta(days=1),
            note="by telephone",
        ),
    ) == (added, suppressions.find(ANN, stream="news"))


def test_add_again(suppressions: Suppressions) -> None:
    """A second add of the same changes nothing, and says so."""
    added = [suppressions.add(a) for a in (ANN, ANN.upper(), BOB)]

    assert [True, False, True] == added


def test_add_for_a_while(suppressions: Suppressions, clock: FakeClock) -> None:
    """Seconds from now are counted by the clock of the list."""
    suppressions.add(ANN, expires_in_s=60)
    found = [suppressions.find(ANN) is not None]
    clock.sleep(60)
    found.append(suppressions.find(ANN) is not None)

    assert [True, False] == found


def test_add_too_late(suppressions: Suppressions) -> None:
    """What has ended already changes nothing."""
    added = suppressions.add(ANN, expires_at=NEW_YEAR)

    assert (False, 0) == (added, suppressions.count())


def test_add_many(suppressions: Suppressions, store: Counting) -> None:
    """Any number is added, 500 at a time, out of anything."""
    suppressions.add("p7@a.example")

    def everybody() -> Iterator[Suppression]:
        for n in range(1_200):
            yield Suppression(address=f"p{n}@a.example")

    changed = suppressions.add_many(everybody())

    assert (1_199, [1, 500, 500, 200]) == (changed, store.sizes)


def test_find_many(suppressions: Suppressions, store: Counting) -> None:
    """Any number is asked for, 500 at a time."""
    suppressions.add_many([Suppression(address=ANN, stream="news")])
    everybody = [f"p{n}@a.example" for n in range(600)]
    asked = (*everybody, "Ann <ANN@a.example>", "nobody")

    found = suppressions.find_many(iter(asked), stream="news")

    assert (["Ann <ANN@a.example>"], [1, 500, 102]) == (
        list(found),
        store.sizes,
    )


@pytest.mark.parametrize("nobody", ["", "nobody", "x" * 100_000])
def test_nobody(suppressions: Suppressions, nobody: str) -> None:
    """What is not an address is never found, nor removed."""
    answers = (
        suppressions.find(nobody),
        suppressions.find_many([nobody]),
        suppressions.remove(nobody),
    )

    assert (None, {}, 0) == answers


def test_remove(suppressions: Suppressions, store: Counting) -> None:
    """One, or many, are let in again; or in one stream only."""
    for stream in ("", "news"):
        suppressions.add(ANN, stream=stream)
    suppressions.add_many(
        [Suppression(address=f"p{n}@a.example") for n in range(600)]
    )
    removed = (
        suppressions.remove("Ann <ann@a.example>", stream=""),
        suppressions.remove(ANN),
        suppressions.remove(f"p{n}@a.example" for n in range(600)),
    )

    assert ((1, 1, 600), [500, 100]) == (removed, store.sizes[-2:])


def test_list(suppressions: Suppressions, clock: FakeClock) -> None:
    """All in force are listed, or those of one reason, or of one stream."""
    suppressions.add("a@a.example", "bounce")
    suppressions.add("b@a.example", "bounce", stream="news")
    suppressions.add("c@a.example", "complaint", stream="news")
    suppressions.add("d@a.example", expires_in_s=60)
    clock.sleep(60)

    lists = (
        suppressions.list(),
        suppressions.list(reason="bounce"),
        suppressions.list(stream="news"),
        suppressions.list(stream=""),
        suppressions.list(reason="complaint", stream=""),
    )

    assert ["abc", "ab", "bc", "a", ""] == [
        "".join(entry.address[0] for entry in entries) for entries in lists
    ]


def test_list_is_fetched_as_it_is_read(suppressions: Suppressions) -> None:
    """Reading one entry of many fetches one page, and not all."""
    suppressions.add_many(
        [Suppression(address=f"p{n}@a.example") for n in range(2_500)]
    )
    entries = suppressions.list()
    first = next(entries)
    suppressions.remove(f"p{n}@a.example" for n in range(1_000, 2_000))

    assert ("p0@a.example", 1_499) == (first.address, len([*entries]))


def test_list_begins_when_it_is_read(suppressions: Suppressions) -> None:
    """Who was let in again after `list` and before the first is not on it."""
    suppressions.add_many([Suppression(address=a) for a in (ANN, BOB)])
    entries = suppressions.list()
    suppressions.remove(ANN)

    assert [BOB] == [entry.address for entry in entries]


class Circling(MemorySuppressionStore):
    """Its pages follow one another as they are told."""

    def __init__(self, after: dict[str, str]) -> None:
        super().__init__(clock=FakeClock())
        self.after = after

    def page(self, after: str = "", limit: int = 1_000) -> Page:
        """Return a page that names the next one."""
        page = super().page("", limit)
        return Page(entries=page.entries, next=self.after[after])


@pytest.mark.parametrize(
    "after",
    [
        {"": "1", "1": "1"},
        {"": "1", "1": "2", "2": "1"},
        {"": "1", "1": "2", "2": "3", "3": "2"},
    ],
    ids=["constant", "back", "further back"],
)
def test_pages_that_go_round(after: dict[str, str]) -> None:
    """Pages without an end are an error of the store, not a list."""
    store = Circling(after)
    suppressions = Suppressions(store, store.clock)
    suppressions.add(ANN)
    read: list[Suppression] = []
    with pytest.raises(StoreError, match="suppression"):
        read.extend(suppressions.list())

    assert len(after) == len(read)


@pytest.mark.parametrize("wrong", [None, 5, b"ann@a.example", ["a@a.example"]])
def test_an_address_is_text(wrong: Any) -> None:
    """Nothing but text is the address of an entry."""
    with pytest.raises(ConfigurationError) as refusal:
        Suppression(address=wrong)

    assert "give address as str" == refusal.value.remedy


def test_count_and_purge(suppressions: Suppressions, clock: FakeClock) -> None:
    """What has expired counts until it is purged."""
    suppressions.add(ANN, expires_in_s=60)
    suppressions.add(BOB)
    clock.sleep(60)

    answers = (
        suppressions.count(),
        suppressions.purge(),
        suppressions.count(),
    )

    assert (2, 1, 1) == answers


def test_hashes_are_not_listed(clock: FakeClock) -> None:
    """A store of hashes is asked and changed, and says it cannot list."""
    keys = AddressKeys(secret=b"0123456789abcdef")
    suppressions = Suppressions(
        MemorySuppressionStore(keys, clock=clock), clock
    )
    suppressions.add(ANN)
    with pytest.raises(ConfigurationError):
        next(suppressions.list())

    assert (Suppression(address="", since=NEW_YEAR), 1) == (
        suppressions.find(ANN),
        suppressions.remove(ANN),
    )


WRONG: dict[str, Act] = {
    "no address": lambda s: s.add("zoe.example"),
    "two addresses": lambda s: s.add("zoe@a.example, eva@a.example"),
    "not ASCII": lambda s: s.add("zoë@a.example"),
    "not text": lambda s: s.add(_wrong(7)),
    "bytes": lambda s: s.add(_wrong(b"zoe@a.example")),
    "a reason": lambda s: s.add("zoe@a.example", "No Reason"),
    "a stream": lambda s: s.add("zoe@a.example", stream=_wrong(None)),
    "a source": lambda s: s.add("zoe@a.example", source=_wrong(7)),
    "a note": lambda s: s.add("zoe@a.example", note="zoe" * 1_000),
    "naive": lambda s: s.add("zoe@a.example", expires_at=NAIVE),
    "a date": lambda s: s.add("zoe@a.example", expires_at=_wrong("today")),
    "both ends": lambda s: s.add(
        "zoe@a.example", expires_at=NEW_YEAR, expires_in_s=1
    ),
    "no seconds": lambda s: s.add("zoe@a.example", expires_in_s=0),
    "past seconds": lambda s: s.add("zoe@a.example", expires_in_s=-1),
    "not a number": lambda s: s.add(
        "zoe@a.example", expires_in_s=float("nan")
    ),
    "endless": lambda s: s.add("zoe@a.example", expires_in_s=float("inf")),
    "text seconds": lambda s: s.add("zoe@a.example", expires_in_s=_wrong("6")),
    "text for entries": lambda s: s.add_many(_wrong("zoe@a.example")),
    "texts for entries": lambda s: s.add_many(_wrong(["zoe@a.example"])),
    "one entry": lambda s: s.add_many(
        _wrong(Suppression(address="zoe@a.example"))
    ),
    "a bad entry": lambda s: s.add_many([Suppression(address="zoe")]),
    "text for many": lambda s: s.find_many("zoe@a.example"),
    "numbers": lambda s: s.find_many(_wrong([7])),
    "find": lambda s: s.find(_wrong(None)),
    "a stream to find": lambda s: s.find(ANN, stream=_wrong(None)),
    "remove": lambda s: s.remove(_wrong(None)),
    "a stream to remove": lambda s: s.remove(ANN, stream=_wrong(7)),
    "remove numbers": lambda s: s.remove(_wrong([7])),
    "list": lambda s: s.list(reason=_wrong(7)),
    "import": lambda s: s.import_file("any", stream=_wrong(None)),
}


def _wrong(value: object) -> Any:
    return value


@pytest.mark.parametrize("act", WRONG.values(), ids=list(WRONG))
def test_wrong_arguments(suppressions: Suppressions, act: Act) -> None:
    """A wrong argument is refused with a remedy and without the address."""
    with pytest.raises(ConfigurationError) as refusal:
        act(suppressions)
    error = refusal.value

    assert (0, True, False) == (
        suppressions.count(),
        bool(error.remedy),
        any(name in f"{error} {error!r}" for name in ("zoe", "zoë")),
    )


def test_outage(clock: FakeClock) -> None:
    """An outage of the store is not an answer."""
    store = MemorySuppressionStore(clock=clock, max_entries=1)
    suppressions = Suppressions(store, clock)
    suppressions.add(ANN)
    with pytest.raises(StoreError):
        suppressions.add(BOB)

    assert store is suppressions.store


def test_import_is_light() -> None:
    """The package loads no SDK, no validator and no OpenSSL."""
    heavy = "boto3 botocore email_validator hashlib hmac idna tempfile"
    script = (
        # What measures coverage loads some of them before.
        "import sys; before = set(sys.modules); import safeses.suppression;"
        " print(*sorted(m for m in set(sys.modules) - before"
        f" if m in {heavy.split()!r}))"
    )
    ran = subprocess.run(  # noqa: S603  # our own script
        [sys.executable, "-W", "error", "-c", script],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )

    assert ("\n", "") == (ran.stdout, ran.stderr)
