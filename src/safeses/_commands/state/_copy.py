"""
From one state to another, so that an application can outgrow the first.

What the other one knows already stays as it is there. So a copy that was
broken off is begun again, and adds what is missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

import attrs

from safeses._budget._rate import HORIZON_S
from safeses._commands import CANNOT_BEGIN, CommandError, say
from safeses._commands._text import many, note, printable
from safeses._commands.state._actions import opened, refuse_unsound
from safeses._commands.state._bar import Bar
from safeses._job import Found
from safeses._outcome import Admission, Later
from safeses.errors import ConfigurationError, QuotaExceededError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from safeses._job import Record
    from safeses._state import ComposedState

PAGE: Final = 500


@runtime_checkable
class ListsRecords(Protocol):
    """A ledger that gives its records away, and takes others over."""

    def each_record(self) -> Iterator[tuple[Record, ...]]:
        """Yield what is known of every job; one may come twice."""

    def restore(self, record: Record) -> bool:
        """Take over a record; say whether the job was not known."""


def copy(arguments: argparse.Namespace) -> int:
    """Copy what can be copied, and say what was left."""
    namespace = arguments.namespace
    if arguments.url == arguments.to:
        raise _same()
    with (
        opened(arguments.url, namespace) as source,
        opened(arguments.to, namespace) as target,
        Bar() as bar,
    ):
        if _place_of(source) == _place_of(target):
            raise _same()
        refuse_unsound(source)
        target.init()
        return Copying(source=source, target=target, bar=bar).run()


@attrs.define(kw_only=True, eq=False)
class Copying:
    """
    One copy.

    Attributes:
        source: Where the facts are.
        target: Where they are to be, too.
        bar: Is told how far it is.
        is_whole: Whether nothing was left that matters.
    """

    source: ComposedState
    target: ComposedState
    bar: Bar
    is_whole: bool = True

    def run(self) -> int:
        """Copy it all; return the exit status."""
        said = [self._suppressions(), self._jobs(), self._quota()]
        for line in said:
            say(line)
        note(
            "left: counts, soft bounces, handled events and what SES said of"
            " the account; they begin anew"
        )
        return int(not self.is_whole)

    def _suppressions(self) -> str:
        source, target = self.source.suppressions, self.target.suppressions
        self.bar.begin("suppressions", source.count())
        after, copied, known = "", 0, 0
        while True:
            try:
                page = source.page(after, PAGE)
            except ConfigurationError as error:
                return self._left("suppressions", error.problem)
            added = sum(target.add(page.entries)) if page.entries else 0
            copied, known = copied + added, known + len(page.entries) - added
            self.bar.advance(len(page.entries))
            if not page.next:
                return _counted(copied, known, "suppression")
            after = page.next

    def _jobs(self) -> str:
        source, target = self.source.ledger, self.target.ledger
        for ledger in (source, target):
            if not isinstance(ledger, ListsRecords):
                problem = f"the ledger in {ledger.engine} cannot list them"
                return self._left("jobs", problem)
        assert isinstance(source, ListsRecords)  # noqa: S101  # see above
        assert isinstance(target, ListsRecords)  # noqa: S101  # see above
        self.bar.begin("jobs")
        copied, known, in_flight = 0, 0, 0
        for records in source.each_record():
            for record in records:
                is_new = target.restore(record)
                copied, known = copied + is_new, known + (not is_new)
                in_flight += Found(record=record).is_in_flight
            self.bar.advance(len(records))
        if in_flight:
            note(
                f"being sent meanwhile: {many(in_flight, 'job')}. What"
                " becomes of them is not copied: end all that send before"
            )
            self.is_whole = False
        return _counted(copied, known, "job")

    def _quota(self) -> str:
        """Charge what was sent in 24 hours, as if it was sent now."""
        there, charged = self.target.charged(), 0
        for scope, recipients in self.source.charged().items():
            missing = recipients - there.get(scope, 0)
            if missing <= 0:
                continue
            wish = Admission(
                tag="",
                scope=scope,
                recipients=(),
                cost=1,
                quota_cost=missing,
                max_wait_s=HORIZON_S,
            )
            try:
                booked = self.target.budget.reserve(wish)
            except QuotaExceededError:
                return self._left("quota", "the other state has no room")
            if isinstance(booked, Later):
                return self._left("quota", "the other state is in use")
            charged += missing
        return (
            f"quota: {many(charged, 'recipient')} of the last 24 hours charged"
        )

    def _left(self, what: str, why: str) -> str:
        self.is_whole = False
        return printable(f"{what} left: {why}")


def _counted(copied: int, known: int, one: str) -> str:
    return f"{many(copied, one)} copied, {known} known"


def _place_of(state: ComposedState) -> object:
    """Return what tells a file from another, itself where there is none."""
    database = getattr(state, "database", None)
    path = getattr(database, "path", None)
    return state if path is None else (state.engine, path)


def _same() -> CommandError:
    return CommandError("both are the same state", CANNOT_BEGIN)
