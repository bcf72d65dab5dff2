"""Any history of a suppression store, judged by a dict."""

from __future__ import annotations

import datetime as dt
import threading
import uuid
from typing import TYPE_CHECKING, Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from safeses._mail import _address
from safeses._suppressed import Suppression
from safeses.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from safeses.testing._clock import FakeClock
    from safeses.typing import SuppressionStore

_Name = tuple[str, str]

PAGES_MAX: Final = 10_000
_PEOPLE: Final = ("ann", "bob", "eva+shop", "o'neil")
_STREAMS: Final = ("", "news", "bills")
_RACERS: Final = 4

_who = st.sampled_from(_PEOPLE)
_spelling = st.integers(0, 4)
_stream = st.sampled_from(_STREAMS)
_life_s = st.sampled_from([None, None, 60.0, 60.0, 3_600.0, 0.0, -5.0])
_reason = st.sampled_from(["bounce", "complaint", "manual", "my-own"])


def spellings(address: str) -> list[str]:
    """Return ways to write one address."""
    local, _, domain = address.partition("@")
    return [
        address,
        address.upper(),
        f"Ann <{address}>",
        f'"Ann, of <b>" <{local}@{domain.title()}>',
        f"Jürgen <{local.title()}@{domain}.>",
    ]


def listed(
    store: SuppressionStore,
    limit: int | None = None,
    between: Callable[[], None] = lambda: None,
) -> list[Suppression]:
    """Return all pages, with something happening in between."""
    entries: list[Suppression] = []
    after = ""
    for _ in range(PAGES_MAX):
        if limit is None:
            page = store.page(after)
        else:
            page = store.page(after, limit)
            assert len(page.entries) <= limit
        entries.extend(page.entries)
        after = page.next
        if not after:
            return entries
        between()
    msg = "the pages have no end"
    raise AssertionError(msg)


class Historian(RuleBasedStateMachine):
    """Makes histories, and judges them by a dict of every entry."""

    def __init__(
        self,
        store: SuppressionStore,
        clock: FakeClock,
        *,
        can_list: bool,
        keeps_expired: bool,
    ) -> None:
        super().__init__()
        self.store, self.clock = store, clock
        self.can_list, self.keeps_expired = can_list, keeps_expired
        # Each history is about people of its own.
        self.domain = f"bücher-{uuid.uuid4().hex[:12]}.example"
        self.others = store.count()
        self.entries: dict[_Name, Suppression] = {}
        self.newcomers = 0

    def teardown(self) -> None:
        newcomers = (f"n{n}" for n in range(self.newcomers))
        people = [self._write(who) for who in (*_PEOPLE, *newcomers)]
        self.store.remove(people)
        assert self.others == self.store.count()

    @rule(
        wishes=st.lists(
            st.tuples(_who, _spelling, _stream, _life_s, _reason),
            min_size=1,
            max_size=4,
        )
    )
    def add(
        self, wishes: list[tuple[str, int, str, float | None, str]]
    ) -> None:
        entries = [self._entry(*wish) for wish in wishes]
        expected = [
            self._changes(who, entry)
            for (who, *_), entry in zip(wishes, entries, strict=True)
        ]
        assert expected == self.store.add(entries)

    @rule(who=_who, stream=_stream, life_s=_life_s)
    def race(self, who: str, stream: str, life_s: float | None) -> None:
        start = threading.Barrier(_RACERS)
        answers: list[bool] = []

        def add(spelling: int) -> None:
            entry = self._entry(who, spelling, stream, life_s, "manual")
            start.wait()
            answers.extend(self.store.add([entry]))

        threads = [
            threading.Thread(target=add, args=(n,)) for n in range(_RACERS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        changes = self._changes(
            who, self._entry(who, 0, stream, life_s, "manual")
        )
        assert int(changes) == answers.count(True)
        assert len(answers) == _RACERS

    @rule(
        asked=st.lists(st.tuples(_who, _spelling), max_size=4), stream=_stream
    )
    def find(self, asked: list[tuple[str, int]], stream: str) -> None:
        expected: dict[str, tuple[str, str, dt.datetime | None]] = {}
        for who, spelling in asked:
            for held in ("", stream):
                entry = self.entries.get((who, held))
                if entry is not None and not entry.is_over(self._now()):
                    said = entry.reason, entry.stream, entry.expires_at
                    expected[self._write(who, spelling)] = said
                    break
        found = self.store.find(
            [self._write(*ask) for ask in asked], stream=stream
        )
        assert expected == {
            address: (entry.reason, entry.stream, entry.expires_at)
            for address, entry in found.items()
        }

    @rule(
        people=st.lists(st.tuples(_who, _spelling), max_size=3),
        stream=st.sampled_from([None, *_STREAMS]),
    )
    def remove(
        self, people: list[tuple[str, int]], stream: str | None
    ) -> None:
        gone = [
            name
            for name in self.entries
            if name[0] in {who for who, _ in people}
            and stream in {None, name[1]}
        ]
        removed = self.store.remove(
            [self._write(*one) for one in people], stream=stream
        )
        self._judge_number(removed, gone)
        for name in gone:
            del self.entries[name]

    @rule(seconds=st.sampled_from([1.0, 59.0, 60.0, 4_000.0]))
    def wait(self, seconds: float) -> None:
        self.clock.sleep(seconds)

    @rule()
    def purge(self) -> None:
        over = [n for n, e in self.entries.items() if e.is_over(self._now())]
        self._judge_number(self.store.purge(), over)
        for name in over:
            del self.entries[name]
        assert self.others + len(self.entries) == self.store.count()

    @rule()
    def count(self) -> None:
        self._judge_number(self.store.count() - self.others, self.entries)

    @precondition(lambda self: self.can_list)
    @rule(limit=st.integers(1, 5), leaver=_who)
    def list_amid_changes(self, limit: int, leaver: str) -> None:
        """Page while one comes with every page, and one goes and returns."""
        known, before = set(self.entries), set(self._in_force())
        is_in = True

        def change() -> None:
            nonlocal is_in
            if is_in:
                self.remove([(leaver, 0)], None)
            else:
                self.add([(leaver, 0, "news", None, "manual")])
            is_in = not is_in
            if self.newcomers < len(before):  # the pages are to end
                newcomer = f"n{self.newcomers}"
                self.newcomers += 1
                self.add([(newcomer, 0, "", None, "manual")])

        seen = [
            name
            for entry in listed(self.store, limit, change)
            if (name := self._name(entry)) is not None
        ]
        stayed = {name for name in before if name[0] != leaver}
        assert [] == [n for n in stayed if seen.count(n) != 1]
        assert {*seen} <= {*known, *self.entries, (leaver, "news")}

    @precondition(lambda self: not self.can_list)
    @rule()
    def list_nothing(self) -> None:
        try:
            self.store.page()
        except ConfigurationError:
            return
        msg = "it lists, but says that it cannot"
        raise AssertionError(msg)

    def _now(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self.clock.time(), dt.timezone.utc)

    def _write(self, who: str, spelling: int = 0) -> str:
        return spellings(f"{who}@{self.domain}")[spelling]

    def _name(self, entry: Suppression) -> _Name | None:
        """Return who is meant, None for somebody of another history."""
        local, _, domain = _address.encode(entry.address).rpartition("@")
        ours = _address.encode(f"a@{self.domain}").rpartition("@")[2]
        if domain.lower().removesuffix(".") != ours:
            return None
        return local.lower(), entry.stream

    def _entry(
        self,
        who: str,
        spelling: int,
        stream: str,
        life_s: float | None,
        reason: str,
    ) -> Suppression:
        now = self._now()
        return Suppression(
            address=self._write(who, spelling),
            reason=reason,
            stream=stream,
            expires_at=None
            if life_s is None
            else now + dt.timedelta(seconds=life_s),
        )

    def _changes(self, who: str, entry: Suppression) -> bool:
        """Add *entry* to the dict; return whether that changes anything."""
        now = self._now()
        name = who, entry.stream
        held = self.entries.get(name)
        if entry.is_over(now):
            return False
        if held and not held.is_over(now) and not entry.outlasts(held):
            return False
        self.entries[name] = entry
        return True

    def _in_force(self) -> list[_Name]:
        now = self._now()
        return [n for n, e in self.entries.items() if not e.is_over(now)]

    def _judge_number(self, number: int, names: Iterable[_Name]) -> None:
        """Compare a number of entries, of which expired ones may be gone."""
        names = list(names)
        if self.keeps_expired:
            assert len(names) == number
        else:
            in_force = set(self._in_force())
            assert sum(n in in_force for n in names) <= number <= len(names)
