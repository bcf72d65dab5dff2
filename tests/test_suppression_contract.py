"""The published contract of suppression stores catches what is wrong."""

from __future__ import annotations

import datetime as dt
import inspect
import os
import re
import threading
import time
from typing import TYPE_CHECKING, Any, ClassVar

import attrs
import pytest

from safeses.suppression import (
    AddressKeys,
    MemorySuppressionStore,
    Page,
    Suppression,
)
from safeses.testing import FakeClock, SuppressionStoreContract

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

pytestmark = pytest.mark.race  # threads


class Contract(SuppressionStoreContract):
    """The contract, with little patience for a child that hangs."""

    child_max_s: ClassVar[float] = 3.0


class Store(MemorySuppressionStore):
    """A sound store, which those below spoil."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(self.make_keys(), clock=clock)

    def make_keys(self) -> AddressKeys:
        """Return how addresses are folded."""
        return AddressKeys()

    def find(self, addresses: Sequence[str], **mail: Any) -> Any:
        """Find, whatever is said of the mail."""
        return super().find(addresses, **mail)

    def everybody(self) -> list[str]:
        """Return who is on the list."""
        return [e.address for e in self.page(limit=1_000_000).entries]


class Altering(Store):
    """Keeps something else than it was given."""

    def alter(self, entry: Suppression) -> Suppression:
        """Return what is kept."""
        raise NotImplementedError

    def add(self, entries: Sequence[Suppression]) -> list[bool]:
        """Add what is kept."""
        return super().add([self.alter(entry) for entry in entries])


class KnowsNoSets(Store):
    """Does not take what a send says beside the stream."""

    def find(self, addresses: Sequence[str], *, stream: str = "") -> Any:  # type: ignore[override]  # that is wrong with it
        """Find."""
        return super().find(addresses, stream=stream)


class TakesLists(Store):
    """Takes no tuple, which is what a send gives."""

    def find(self, addresses: Sequence[str], **mail: Any) -> Any:
        """Find, if it is a list."""
        if not isinstance(addresses, list):
            raise TypeError
        return super().find(addresses, **mail)


class TakesThreeHundred(Store):
    """Refuses more than 300 addresses."""

    def find(self, addresses: Sequence[str], **mail: Any) -> Any:
        """Find, if they are few."""
        if len(addresses) > 300:
            raise ValueError
        return super().find(addresses, **mail)


class FindsAllForNobody(Store):
    """Leaves out the condition if there is nobody to ask about."""

    def find(self, addresses: Sequence[str], **mail: Any) -> Any:
        """Find; for no address, everybody."""
        return super().find(addresses or self.everybody(), **mail)


class LosesOffsets(Altering):
    """Takes local time for UTC."""

    def alter(self, entry: Suppression) -> Suppression:
        """Drop the time zone."""
        end = entry.expires_at
        return attrs.evolve(
            entry, expires_at=end and end.replace(tzinfo=dt.timezone.utc)
        )


class CutsSeconds(Altering):
    """Ends a little early."""

    def alter(self, entry: Suppression) -> Suppression:
        """Drop the fraction of the second."""
        end = entry.expires_at
        return attrs.evolve(
            entry, expires_at=end and end.replace(microsecond=0)
        )


class CutsNotes(Altering):
    """Has columns of 255 characters."""

    def alter(self, entry: Suppression) -> Suppression:
        """Cut the note."""
        return attrs.evolve(entry, note=entry.note[:255])


class LosesEmoji(Altering):
    """Has a character set of three bytes."""

    def alter(self, entry: Suppression) -> Suppression:
        """Drop what needs four."""
        note = "".join(c for c in entry.note if ord(c) < 0x10000)
        return attrs.evolve(entry, note=note)


class StripsNotes(Altering):
    """Has columns of a fixed length."""

    def alter(self, entry: Suppression) -> Suppression:
        """Drop the blanks."""
        return attrs.evolve(entry, note=entry.note.rstrip())


class CutsSources(Altering):
    """Has columns of 16 characters."""

    def alter(self, entry: Suppression) -> Suppression:
        """Cut the source."""
        return attrs.evolve(entry, source=entry.source[:16])


class CutsStreams(Altering):
    """Has columns of 16 characters."""

    def alter(self, entry: Suppression) -> Suppression:
        """Cut the stream."""
        return attrs.evolve(entry, stream=entry.stream[:16])


class KnowsFourReasons(Altering):
    """Has an enum of reasons."""

    def alter(self, entry: Suppression) -> Suppression:
        """Replace a reason that it does not know."""
        known = {"bounce", "complaint", "unsubscribe", "my-own"}
        reason = entry.reason if entry.reason in known else "manual"
        return attrs.evolve(entry, reason=reason)


class FoldsStreams(Altering):
    """Compares streams without case."""

    def alter(self, entry: Suppression) -> Suppression:
        """Write the stream in lower case."""
        return attrs.evolve(entry, stream=entry.stream.lower())

    def find(self, addresses: Sequence[str], **mail: Any) -> Any:
        """Find in any case."""
        stream = mail.pop("stream", "").lower()
        return super().find(addresses, stream=stream, **mail)


class RemovesLike(Store):
    """Removes with LIKE, for which ``_`` is any character."""

    def remove(
        self, addresses: Sequence[str], *, stream: str | None = None
    ) -> int:
        """Remove whoever is like them."""
        like = [re.escape(a.lower()).replace("_", ".") for a in addresses]
        people = [
            known
            for known in self.everybody()
            if any(re.fullmatch(pattern, known) for pattern in like)
        ]
        return super().remove(people, stream=stream)


class ShortKeys(AddressKeys):
    """Keys of 64 characters."""

    def _key(self, address: str) -> str | None:
        key = super()._key(address)
        return key and key[:64]


class CutsKeys(Store):
    """Cuts what is longer than its column."""

    def make_keys(self) -> AddressKeys:
        """Return short ones."""
        return ShortKeys()


class KeepsTheOld(Store):
    """Takes over only the end of a longer entry."""

    def add(self, entries: Sequence[Suppression]) -> list[bool]:
        """Add with the words of the entry that is there."""
        return [ok for entry in entries for ok in self._add_one(entry)]

    def _add_one(self, entry: Suppression) -> list[bool]:
        rows: Iterable[Suppression] = self.page(limit=1_000_000).entries
        for held in rows:
            if (held.address, held.stream) == (entry.address, entry.stream):
                entry = attrs.evolve(held, expires_at=entry.expires_at)
        return super().add([entry])


class DeletesFirst(Store):
    """Replaces an entry by removing it and adding another."""

    def add(self, entries: Sequence[Suppression]) -> list[bool]:
        """Remove, then add."""
        for entry in entries:
            held = super().find([entry.address], stream=entry.stream)
            if any(entry.outlasts(other) for other in held.values()):
                self.remove([entry.address], stream=entry.stream)
        return super().add(entries)


class SwallowsErrors(Store):
    """Takes an error for "nobody"."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.seen: dict[str, None] = {}

    def add(self, entries: Sequence[Suppression]) -> list[bool]:
        """Note who was added, with no lock."""
        self.seen |= {entry.address: None for entry in entries}
        return super().add(entries)

    def find(self, addresses: Sequence[str], **mail: Any) -> Any:
        """Find; if somebody is added meanwhile, nobody."""
        try:
            for _ in self.seen:
                pass
        except RuntimeError:
            return {}
        return super().find(addresses, **mail)


class RemembersNobody(Store):
    """Remembers whom it did not find, and forgets few of them."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.unknown: set[str] = set()

    def add(self, entries: Sequence[Suppression]) -> list[bool]:
        """Forget those that are added, as they are written."""
        self.unknown -= {entry.address for entry in entries}
        return super().add(entries)

    def find(self, addresses: Sequence[str], **mail: Any) -> Any:
        """Find, but do not ask twice."""
        asked = [a for a in addresses if a not in self.unknown]
        found = super().find(asked, **mail)
        self.unknown.update(a for a in asked if a not in found)
        return found


class EvictsTheOldest(Store):
    """Holds a thousand."""

    def add(self, entries: Sequence[Suppression]) -> list[bool]:
        """Add, and drop those that are too many."""
        added = super().add(entries)
        self.remove(self.everybody()[:-1_000])
        return added


class HasOnePage(Store):
    """Ends after a full page of the usual size."""

    def page(self, after: str = "", limit: int = 1_000) -> Page:
        """Return a page."""
        page = super().page(after, limit)
        return attrs.evolve(page, next="") if limit == 1_000 else page


class LockedForEver(Store):
    """Takes the lock of its parent with it."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.only = threading.RLock()

    def add(self, entries: Sequence[Suppression]) -> list[bool]:
        """Add under a lock that no fork renews."""
        with self.only:
            time.sleep(0.0001)  # others come in between
            return super().add(entries)


class ForgetsAtClose(Store):
    """Writes nothing down."""

    def close(self) -> None:
        """Forget everybody."""
        self.remove(self.everybody())


NOTES = {
    "long": "😀" * 1_000,
    "blanks": " before and after \r\n\t ",
}

# What is wrong, which test says so, and with which of its parameters.
CAUGHT: list[tuple[type[Store], str, dict[str, Any]]] = [
    (KnowsNoSets, "test_mail_of_a_set", {}),
    (TakesLists, "test_tuples", {}),
    (TakesThreeHundred, "test_many", {}),
    (FindsAllForNobody, "test_no_addresses", {}),
    (LosesOffsets, "test_time_zones", {"hours": -5}),
    (LosesOffsets, "test_time_zones", {"hours": 14}),
    (CutsSeconds, "test_fractions_of_seconds", {}),
    (CutsNotes, "test_the_longest", {"note": NOTES["long"]}),
    (LosesEmoji, "test_the_longest", {"note": NOTES["long"]}),
    (StripsNotes, "test_the_longest", {"note": NOTES["blanks"]}),
    (CutsSources, "test_the_longest", {"note": ""}),
    (CutsStreams, "test_the_longest", {"note": ""}),
    (KnowsFourReasons, "test_any_reason", {}),
    (FoldsStreams, "test_streams_keep_their_case", {}),
    (RemovesLike, "test_no_patterns", {}),
    (CutsKeys, "test_long_addresses", {"chars": 80}),
    (KeepsTheOld, "test_replaced_whole", {"waits_s": 0}),
    (KeepsTheOld, "test_replaced_whole", {"waits_s": 7_200}),
    (DeletesFirst, "test_pages_amid_replacements", {}),
    (DeletesFirst, "test_never_a_gap", {}),
    (SwallowsErrors, "test_amid_newcomers", {}),
    (RemembersNobody, "test_found_once_added", {}),
    (EvictsTheOldest, "test_a_crowd", {}),
    (HasOnePage, "test_a_crowd", {}),
    (LockedForEver, "test_fork", {}),
    (ForgetsAtClose, "test_close", {}),
]


# A race is not lost every time.
TRIES = 5


def outcome(make: type[Store], test: str, chosen: dict[str, Any]) -> str:
    """Return how a test of the contract ends for a store."""
    clock = FakeClock()

    def after(seconds: float) -> dt.datetime:
        return dt.datetime.fromtimestamp(
            clock.time() + seconds, dt.timezone.utc
        )

    entry = Suppression(
        address="ann@a.example",
        reason="complaint",
        stream="news",
        source="import",
        since=after(-3_600),
        expires_at=after(3_600),
        note="x",
    )
    parts = {
        "store": make(clock),
        "clock": clock,
        "after": after,
        "entry": entry,
        **chosen,
    }
    method: Callable[..., None] = getattr(Contract(), test)
    wanted = inspect.signature(method).parameters
    try:
        method(**{name: parts[name] for name in wanted})
    except (AssertionError, TypeError, ValueError, KeyError):
        return "fails"
    return "passes"


# Python 3.12 warns of what one of these is about.
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork")
@pytest.mark.parametrize(
    "broken, test, chosen",
    CAUGHT,
    ids=[f"{broken.__name__}-{test}" for broken, test, _ in CAUGHT],
)
def test_caught(
    broken: type[Store], test: str, chosen: dict[str, Any]
) -> None:
    """A sound store passes the test that its broken kin fails."""
    if test == "test_fork" and not hasattr(os, "fork"):
        pytest.skip("has no fork")

    end = outcome(Store, test, chosen)
    ends = (outcome(broken, test, chosen) for _ in range(TRIES))

    assert ("passes", True) == (end, "fails" in ends)
