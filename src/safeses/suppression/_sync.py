"""
Bring a list of one's own and that of SES together; remove nothing.

SES allows one call a second, a page of a thousand entries or one entry
to add. So a run says first what it would do, tells on the way how far it
is, and can be taken up where it ended.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final, get_args

import attrs

from safeses import _ses
from safeses.errors import ConfigurationError, NotSentError, RejectedError
from safeses.suppression._account_entries import why_not
from safeses.suppression._account_list import BAD_REQUEST, PAGE_MAX, STALE
from safeses.suppression._cursor import Direction, Phase, Place, lists
from safeses.suppression._keys import AddressKeys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from safeses._suppressed import Page, Suppression
    from safeses.suppression._account_list import AccountSuppressionList
    from safeses.typing import SuppressionStore

# Stores are asked for a few hundred addresses at most.
CHUNK: Final = 200
# Entries of a page that is pushed: what may be looked at twice.
PUSH_PAGE: Final = 100
NO_ADDRESS: Final = "not an address"
REFUSED: Final = "refused by SES"


@attrs.frozen(kw_only=True)
class SyncReport:
    """
    What a run of `sync` has done, or would do.

    Attributes:
        pulled: Entries of SES that came to the store.
        pushed: Entries of the store that came to SES.
        known: Entries looked at that were there already.
        skipped: Entries that cannot be taken over, by why.
        calls: Calls of SES that were made.
        takes_s: Seconds that all this takes at the pace that SES allows,
            about a call a second; of a dry run, what it would take.
        is_dry_run: Whether nothing was changed.
        cursor: What to go on with; ``""`` if it is complete.
        is_complete: Whether there is nothing left to do.
        problem: What ended the run, ``""`` if nothing did.
    """

    pulled: int = 0
    pushed: int = 0
    known: int = 0
    skipped: Mapping[str, int] = attrs.field(factory=dict)
    calls: int = 0
    takes_s: float = 0.0
    is_dry_run: bool = True
    cursor: str = ""
    is_complete: bool = False
    problem: str = ""


def sync(
    local: SuppressionStore,
    account: AccountSuppressionList,
    *,
    direction: Direction = "pull",
    dry_run: bool = True,
    cursor: str = "",
    max_calls: int | None = None,
    on_page: Callable[[SyncReport], object] | None = None,
) -> SyncReport:
    """
    Take over entries from SES's list, or into it, or both.

    It only adds, and only what is not there, so that it may be broken
    off and done again at any time. What was removed on one side comes
    back from the other: remove it on both. All entries of SES are
    pulled, whatever reasons are enabled there. Pushed is what SES can
    express: a bounce or a complaint, for all mail, without an end. A
    push reads the whole list of SES first and holds its addresses.

    Args:
        local: A store of one's own.
        account: SES's list.
        direction: ``"pull"`` from SES, ``"push"`` to it, or ``"both"``.
        dry_run: Only count; changes nothing.
        cursor: That of a report, to go on where it ended: with the same
            lists, where of two stores of one engine, or two accounts
            whose id is not known, nobody can tell.
        max_calls: How many calls of SES to make at most.
        on_page: Is told how far it is, after every page. What it keeps
            of the last report is enough to go on after a crash.

    Returns:
        What was done. Where SES or the store failed, or `max_calls` was
        reached, it is not complete, and has a cursor.

    Raises:
        ConfigurationError: The cursor is not one of such a run, or an
            argument is wrong.
    """
    if direction not in get_args(Direction):
        raise ConfigurationError(
            f"direction={direction!r} is unknown",
            'use "pull", "push" or "both"',
        )
    most: object = max_calls
    if most is not None and not (isinstance(most, int) and most > 0):
        raise ConfigurationError(
            f"max_calls={max_calls!r} is not a whole number above 0",
            "use None, or such as 1_000",
        )
    begin = Place(
        direction=direction,
        is_dry_run=dry_run,
        between=lists(local.engine, account.scope, account.tenant),
        phase="push" if direction == "push" else "pull",
    )
    run = _Run(
        local=local,
        account=account,
        place=begin.read(cursor) if cursor else begin,
        max_calls=max_calls,
        on_page=on_page,
    )
    problem = ""
    try:
        run.go()
    except (_EndedError, NotSentError) as error:
        problem = str(error)
    return run.report(problem)


class _EndedError(Exception):
    """The run ends before it is complete; the text says why."""


@attrs.define(kw_only=True)
class _Run:
    local: SuppressionStore
    account: AccountSuppressionList
    place: Place
    max_calls: int | None
    on_page: Callable[[SyncReport], object] | None
    pulled: int = 0
    pushed: int = 0
    known: int = 0
    calls: int = 0
    skipped: Counter[str] = attrs.field(factory=Counter)
    keys: AddressKeys = attrs.field(factory=AddressKeys)
    # Whom SES's list holds; None until it is known in full.
    listed: set[str] | None = None

    def report(self, problem: str = "") -> SyncReport:
        """Return how far it is."""
        is_complete = self.place.phase == "done"
        to_do = self.pushed if self.place.is_dry_run else 0
        return SyncReport(
            pulled=self.pulled,
            pushed=self.pushed,
            known=self.known,
            skipped=dict(self.skipped),
            calls=self.calls,
            takes_s=(self.calls + to_do) / _ses.API_CALLS_PER_S,
            is_dry_run=self.place.is_dry_run,
            cursor="" if is_complete else self.place.cursor(),
            is_complete=is_complete,
            problem=problem,
        )

    def go(self) -> None:
        """Do what is left to do."""
        if self.place.phase == "pull":
            self._pull()
        if self.place.phase == "push":
            self._push()

    def _pull(self) -> None:
        ends = self.place.direction == "pull"
        listed: set[str] | None = None
        for page in self._pages(self.place.after):
            if page is None:  # from the first page (again)
                listed = None if ends else set()
                self.known = 0
                self.skipped.clear()
                if self.place.is_dry_run:
                    self.pulled = 0
                continue
            for chunk in _chunks(page.entries):
                keys = self._take_over(chunk)
                if listed is not None:
                    listed.update(keys)
            if not page.next:
                self.listed = listed
            self._move_on("pull", page.next, then="done" if ends else "push")

    def _take_over(self, entries: Sequence[Suppression]) -> list[str]:
        """Add *entries* to the store, or count them; return their keys."""
        by_address = self.keys.keys_of(entry.address for entry in entries)
        good = [entry for entry in entries if entry.address in by_address]
        if len(good) < len(entries):
            self.skipped[NO_ADDRESS] += len(entries) - len(good)
        if self.place.is_dry_run:
            new = self._would_add(good, by_address)
        else:
            new = sum(self.local.add(good))
        self.pulled += new
        self.known += len(good) - new
        return list(by_address.values())

    def _would_add(
        self, entries: Sequence[Suppression], keys: Mapping[str, str]
    ) -> int:
        found = self.local.find([entry.address for entry in entries])
        new = {
            keys[entry.address]
            for entry in entries
            if entry.address not in found
            or entry.outlasts(found[entry.address])
        }
        return len(new)

    def _push(self) -> None:
        self._refuse_sandbox()
        if self.listed is None:
            self.listed = self._read_listed()
        read: set[str] = set()
        while self.place.phase == "push":
            _refuse_circle(self.place.after, read)
            page = self.local.page(self.place.after, PUSH_PAGE)
            for entry in page.entries:
                self._push_one(entry, self.listed)
            self._move_on("push", page.next, then="done")

    def _push_one(self, entry: Suppression, listed: set[str]) -> None:
        wrong = why_not(entry)
        key = self.keys.keys_of([entry.address]).get(entry.address)
        if wrong or key is None:
            self.skipped[wrong or NO_ADDRESS] += 1
        elif key in listed:
            self.known += 1
        elif self.place.is_dry_run or self._has_put(entry):
            self.pushed += 1
            listed.add(key)
        else:
            self.skipped[REFUSED] += 1

    def _has_put(self, entry: Suppression) -> bool:
        self._spend("adding to SES's list")
        try:
            self.account.put(entry)
        except RejectedError as error:
            if error.status != BAD_REQUEST:
                raise
            return False
        return True

    def _refuse_sandbox(self) -> None:
        self._spend("asking for the account")
        self.account.refuse_sandbox()

    def _read_listed(self) -> set[str]:
        listed: set[str] = set()
        for page in self._pages("", "a push reads SES's whole list first"):
            if page is None:
                listed.clear()
                continue
            addresses = (entry.address for entry in page.entries)
            listed.update(self.keys.keys_of(addresses).values())
            self._tell()
        return listed

    def _pages(
        self, after: str, why: str = "reading SES's list"
    ) -> Iterator[Page | None]:
        """Yield the pages of SES's list, and None before the first one."""
        may_restart = True
        read: set[str] = set()
        if not after:
            yield None
        while True:
            _refuse_circle(after, read)
            self._spend(why)
            try:
                page = self.account.page(after, PAGE_MAX)
            except RejectedError as error:
                if error.code != STALE or not after or not may_restart:
                    raise
                # SES has forgotten the place; adding twice does no harm.
                after, may_restart, read = "", False, set()
                yield None
                continue
            yield page
            after = page.next
            if not after:
                return

    def _spend(self, why: str) -> None:
        if self.max_calls is not None and self.calls >= self.max_calls:
            raise _EndedError(f"max_calls={self.max_calls} is used up: {why}")
        self.calls += 1

    def _move_on(self, phase: Phase, after: str, then: Phase) -> None:
        self.place = attrs.evolve(
            self.place, phase=phase if after else then, after=after
        )
        self._tell()

    def _tell(self) -> None:
        if self.on_page is not None:
            self.on_page(self.report())


def _refuse_circle(after: str, read: set[str]) -> None:
    """Note that the page *after* is read, and end if it was before."""
    if after in read:
        raise _EndedError(
            "a page says that the next one is one of those before it, which"
            " never ends"
        )
    read.add(after)


def _chunks(entries: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(entries), CHUNK):
        yield entries[start : start + CHUNK]
