"""Two lists brought together: what moves, what does not, how it goes on."""

from __future__ import annotations

import base64
import datetime as dt
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from safeses import ConfigurationError, StoreError
from safeses._lookups._api import PacedApi
from safeses._state import memory_state
from safeses._suppressed import Suppression
from safeses._transport import DirectTransport
from safeses.suppression import (
    AccountSuppressionList,
    AddressKeys,
    MemorySuppressionStore,
    Page,
    SyncReport,
    sync,
)
from safeses.suppression._cursor import Place, lists
from safeses.testing import FakeClock, SimulatedSES

if TYPE_CHECKING:
    from collections.abc import Mapping

LATER = dt.datetime(2030, 1, 1, tzinfo=dt.timezone.utc)


@attrs.define
class World:
    """An SES and a store, with the time they share."""

    ses: SimulatedSES
    account: AccountSuppressionList
    local: MemorySuppressionStore
    clock: FakeClock

    def sync(self, **arguments: Any) -> SyncReport:
        """Bring them together."""
        return sync(self.local, self.account, **arguments)

    def at_ses(self) -> set[str]:
        """Return whom SES's list holds."""
        return set(self.ses._account.suppression)  # noqa: SLF001  # free of calls

    def here(self) -> dict[str, str]:
        """Return the entries of the store, with their reasons."""
        entries = self.local.page(limit=10_000).entries
        return {entry.address: entry.reason for entry in entries}


def world(
    at_ses: int = 0, here: int = 0, *, page: int = 1000, **settings: Any
) -> World:
    """Make lists of so many bounces each, none of them on both."""
    clock = FakeClock()
    ses = SimulatedSES(clock=clock, api_rate=1, **settings)
    for number in range(at_ses):
        ses.suppress(f"s{number}@a.example")
    api = PacedApi(
        _SmallPages(DirectTransport(ses.client()), page),  # type: ignore[arg-type]  # a part of it
        memory_state(clock),
        "a/r",
        clock,
    )
    account = AccountSuppressionList(api, clock=clock)
    local = MemorySuppressionStore(clock=clock)
    local.add([bounce(f"l{number}@a.example") for number in range(here)])
    return World(ses, account, local, clock)


def bounce(address: str, **fields: Any) -> Suppression:
    """Return an entry as SES can keep it, but for *fields*."""
    return Suppression(**{"address": address, "reason": "bounce", **fields})


@attrs.define
class _SmallPages:
    """A transport to an SES whose pages are small."""

    transport: DirectTransport
    page: int

    def call(
        self, operation: str, params: Mapping[str, Any], timeout_s: float
    ) -> Mapping[str, Any]:
        """Ask for less than was wanted."""
        if "PageSize" in params:
            params = {**params, "PageSize": self.page}
        return self.transport.call(operation, params, timeout_s)


def counts(report: SyncReport) -> tuple[int, int, int, bool]:
    """Return what moved, and whether that was all."""
    return report.pulled, report.pushed, report.known, report.is_complete


class TestPull:
    """From SES to the store."""

    def test_dry_run(self) -> None:
        """A dry run counts, and changes nothing on either side."""
        w = world(at_ses=5, here=2, page=2)
        w.ses.suppress("L0@a.example")
        report = w.sync()

        assert ((5, 0, 1, True), 3, 3.3, "", "", 2) == (
            counts(report),
            report.calls,
            round(report.takes_s, 1),
            report.cursor,
            report.problem,
            len(w.here()),
        )

    def test_pull(self) -> None:
        """Every entry comes, with its reason, however it is enabled."""
        w = world(at_ses=2, page=1)
        w.ses.suppress("c@a.example", "COMPLAINT")
        report = w.sync(dry_run=False)

        assert (
            (3, 0, 0, True),
            {
                "s0@a.example": "bounce",
                "s1@a.example": "bounce",
                "c@a.example": "complaint",
            },
        ) == (counts(report), w.here())

    def test_again(self) -> None:
        """A second pull finds everything known."""
        w = world(at_ses=3)
        w.sync(dry_run=False)

        assert (0, 0, 3, True) == counts(w.sync(dry_run=False))

    @pytest.mark.parametrize("dry_run", [True, False])
    def test_agree(self, *, dry_run: bool) -> None:
        """A dry run says what a real one does, of odd entries too."""
        w = world()
        for address in (
            "ann@a.example",
            "ANN@a.example",
            "ben@a.example",
            "no address",
        ):
            w.ses.suppress(address)
        w.local.add([bounce("ben@a.example", expires_at=LATER)])
        report = w.sync(dry_run=dry_run)

        assert ((2, 0, 1, True), {"not an address": 1}) == (
            counts(report),
            report.skipped,
        )

    def test_many(self) -> None:
        """A page of SES is more than a store is asked about at once."""
        w = world(at_ses=950)
        report = w.sync(dry_run=False)

        assert ((950, 0, 0, True), 1) == (counts(report), report.calls)


class TestPush:
    """From the store to SES."""

    def test_dry_run(self) -> None:
        """A dry run of a push says how long the real one takes."""
        w = world(at_ses=3, here=7, page=2)
        dry = w.sync(direction="push")
        at_ses = w.at_ses()
        began = w.clock.monotonic()
        real = w.sync(direction="push", dry_run=False)
        took_s = w.clock.monotonic() - began

        assert ((0, 7, 0, True), 11, 3, 10, True) == (
            counts(real),
            int(dry.takes_s),
            len(at_ses),
            len(w.at_ses()),
            dry.takes_s - 2 < took_s <= dry.takes_s + 1,
        )

    def test_skipped(self) -> None:
        """What SES cannot keep is counted by why, the rest is pushed."""
        w = world()
        w.local.add(
            [
                bounce("a@a.example"),
                bounce("b@a.example", stream="news"),
                bounce("c@a.example", expires_at=LATER),
                bounce("d@a.example", reason="unsubscribe"),
                bounce("e@a.example", reason="manual"),
                bounce("f@a.example", reason="manual"),
                bounce("g@a.example", reason="complaint"),
            ]
        )
        report = w.sync(direction="push", dry_run=False)

        assert (
            {"a@a.example", "g@a.example"},
            {
                "a stream": 1,
                "an end": 1,
                "the reason unsubscribe": 1,
                "the reason manual": 2,
            },
        ) == (w.at_ses(), report.skipped)

    def test_known(self) -> None:
        """What SES has in any case stays as it is there."""
        w = world()
        w.ses.suppress("ANN@a.example", "COMPLAINT")
        w.local.add([bounce("ann@a.example")])
        report = w.sync(direction="push", dry_run=False)

        assert ((0, 0, 1, True), {"ANN@a.example"}) == (
            counts(report),
            w.at_ses(),
        )

    def test_refused_one(self) -> None:
        """One address that SES does not take stops no other."""
        w = world(here=3)
        w.ses.faults.add(
            "status:400:BadRequestException",
            first=1,
            operation="PutSuppressedDestination",
        )
        report = w.sync(direction="push", dry_run=False)

        assert ((0, 2, 0, True), {"refused by SES": 1}) == (
            counts(report),
            report.skipped,
        )

    @pytest.mark.parametrize("dry_run", [True, False])
    def test_sandbox(self, *, dry_run: bool) -> None:
        """In the sandbox a push ends before it begins, and says why."""
        w = world(here=3, sandbox=True)
        report = w.sync(direction="push", dry_run=dry_run)

        assert (True, False, 0) == (
            "production access" in report.problem,
            report.is_complete,
            w.ses.requests["PutSuppressedDestination"],
        )

    def test_hashed(self) -> None:
        """A store that keeps hashes cannot be pushed, and says so."""
        w = world()
        w.local = MemorySuppressionStore(
            clock=w.clock, keys=AddressKeys(secret=b"x" * 32)
        )
        report = w.sync(direction="push")

        assert (False, True) == (report.is_complete, bool(report.problem))

    def test_hashed_pull(self) -> None:
        """A store that keeps hashes can be filled all the same."""
        w = world(at_ses=3)
        w.local = MemorySuppressionStore(
            clock=w.clock, keys=AddressKeys(secret=b"x" * 32)
        )
        dry = w.sync()
        report = w.sync(dry_run=False)

        assert (3, 3, 3) == (dry.pulled, report.pulled, w.local.count())


class TestBoth:
    """Both ways, in one run."""

    def test_both(self) -> None:
        """Afterwards both have everything, and SES was listed once."""
        w = world(at_ses=3, here=4, page=2)
        report = w.sync(direction="both", dry_run=False)

        assert ((3, 4, 3, True), 2, w.at_ses()) == (
            counts(report),
            w.ses.requests["ListSuppressedDestinations"],
            set(w.here()),
        )

    def test_nothing_is_removed(self) -> None:
        """What is missing on one side is gone from neither."""
        w = world(at_ses=2, here=2)
        before = w.at_ses() | set(w.here())
        w.sync(direction="both", dry_run=False)

        assert (before, before) == (w.at_ses(), set(w.here()))


class TestGoOn:
    """A run that ended early goes on where it was."""

    @pytest.mark.parametrize("direction", ["pull", "push", "both"])
    @pytest.mark.parametrize("dry_run", [True, False])
    @pytest.mark.parametrize("max_calls", [8, 9, 11])
    def test_max_calls(
        self, direction: str, max_calls: int, *, dry_run: bool
    ) -> None:
        """In steps of a few calls it comes to the same end."""
        w = world(at_ses=5, here=6, page=2)
        cursor, most = "", 0
        pulled = pushed = 0
        for _ in range(20):
            report = w.sync(
                direction=direction,
                dry_run=dry_run,
                cursor=cursor,
                max_calls=max_calls,
            )
            most = max(most, report.calls)
            pulled += report.pulled
            pushed += report.pushed
            cursor = report.cursor
            if report.is_complete:
                break

        assert (
            5 if direction != "push" else 0,
            6 if direction != "pull" else 0,
            "",
            True,
        ) == (pulled, pushed, cursor, most <= max_calls)

    def test_too_few_calls(self) -> None:
        """A push that cannot even read SES's list says what it lacks."""
        w = world(at_ses=5, here=1, page=1)
        report = w.sync(direction="push", max_calls=3)

        assert (False, True, True) == (
            report.is_complete,
            "whole list first" in report.problem,
            "max_calls=3" in report.problem,
        )

    @pytest.mark.parametrize(
        "fault",
        ["stall", "status:503", "reset_after", "refuse", "empty"],
    )
    def test_fault(self, fault: str) -> None:
        """Where SES fails, the report says so and the cursor goes on."""
        w = world(at_ses=5, page=2)
        w.ses.faults.add(
            fault, first=1, after=1, operation="ListSuppressedDestinations"
        )
        broken = w.sync(dry_run=False)
        report = w.sync(dry_run=False, cursor=broken.cursor)

        assert ((2, 0, 0, False), True, (3, 0, 0, True)) == (
            counts(broken),
            bool(broken.problem),
            counts(report),
        )

    def test_throttled(self) -> None:
        """A throttle now and then only takes its time."""
        w = world(at_ses=5, here=3, page=2)
        w.ses.faults.add("status:429", every=2, operation=None)
        report = w.sync(direction="both", dry_run=False)

        assert ((5, 3, 5, True), "") == (counts(report), report.problem)

    def test_denied(self) -> None:
        """What IAM refuses is named in the report."""
        w = world(at_ses=1)
        w.ses.deny("ses:ListSuppressedDestinations")
        report = w.sync()

        assert "ses:ListSuppressedDestinations" in report.problem

    def test_stale_place(self) -> None:
        """Where SES has forgotten the place, it begins anew by itself."""
        w = world(at_ses=5, page=2)
        first = w.sync(dry_run=False, max_calls=1)
        w.ses.faults.add(
            "status:400:InvalidNextTokenException",
            first=1,
            operation="ListSuppressedDestinations",
        )
        report = w.sync(dry_run=False, cursor=first.cursor)

        assert ((3, 0, 2, True), 5) == (counts(report), len(w.here()))

    def test_always_stale(self) -> None:
        """It does not begin anew for ever."""
        w = world(at_ses=5, page=2)
        w.ses.faults.add(
            "status:400:InvalidNextTokenException",
            every=2,
            operation="ListSuppressedDestinations",
        )
        report = w.sync(dry_run=False)

        assert (False, "begin again" in report.problem, 4) == (
            report.is_complete,
            True,
            report.calls,
        )

    def test_list_changes(self) -> None:
        """Who is put on or taken off meanwhile does not break it."""
        w = world(at_ses=4, page=2)

        def change(_: SyncReport) -> None:
            w.ses.suppress("new@a.example")
            w.ses._account.suppression.pop("s3@a.example", None)  # noqa: SLF001  # free of calls

        report = w.sync(dry_run=False, on_page=change)

        assert (True, {"s0@a.example", "s1@a.example", "s2@a.example"}) == (
            report.is_complete,
            set(w.here()) - {"new@a.example"},
        )

    @pytest.mark.parametrize("after_calls", range(1, 9))
    def test_interrupted(self, after_calls: int) -> None:
        """After Ctrl-C the last report that was told is enough to go on."""
        w = world(at_ses=5, here=3, page=2)
        reports: list[SyncReport] = []
        calls = iter(range(after_calls))
        transport = DirectTransport(w.ses.client())

        def call(*given: Any) -> Mapping[str, Any]:
            if next(calls, None) is None:
                raise KeyboardInterrupt
            return transport.call(*given)

        api: Any = w.account.api
        whole, api.transport.transport = api.transport.transport, _Calls(call)
        try:
            w.sync(direction="both", dry_run=False, on_page=reports.append)
        except KeyboardInterrupt:
            api.transport.transport = whole
        cursor = reports[-1].cursor if reports else ""
        if not (reports and reports[-1].is_complete):
            w.sync(direction="both", dry_run=False, cursor=cursor)

        assert (8, w.at_ses()) == (len(w.at_ses()), set(w.here()))

    def test_progress(self) -> None:
        """Every page is told; the last one says that it is complete."""
        w = world(at_ses=5, here=1, page=2)
        told: list[SyncReport] = []
        w.sync(direction="both", on_page=told.append)

        assert ([2, 4, 5, 5], [False, False, False, True]) == (
            [report.pulled for report in told],
            [report.is_complete for report in told],
        )


@attrs.define
class _Calls:
    call: Any


class TestCursor:
    """A cursor goes on with the run it is from, and with no other."""

    def test_foreign(self) -> None:
        """Another direction, mode, tenant or store is refused."""
        w = world(at_ses=5, page=1)
        cursor = w.sync(max_calls=1).cursor
        refused = 0
        own = AccountSuppressionList(w.account.api, tenant="t")
        for account, changed in (
            (w.account, {"direction": "both"}),
            (w.account, {"dry_run": False}),
            (own, {}),
        ):
            with pytest.raises(ConfigurationError, match="another run"):
                sync(w.local, account, cursor=cursor, **changed)
            refused += 1

        assert 3 == refused

    def test_of_another_region(self) -> None:
        """A cursor is of no use for the list of another region."""
        w, other = world(here=9), world()
        other.account.api.scope = "a/other"  # type: ignore[misc]  # of ours
        cursor = w.sync(direction="push", max_calls=4, dry_run=False).cursor
        with pytest.raises(ConfigurationError, match="region"):
            sync(
                w.local,
                other.account,
                direction="push",
                dry_run=False,
                cursor=cursor,
            )

        assert (set(), False) == (
            other.at_ses(),
            "a/r" in base64.b64decode(cursor[12:]).decode(),
        )

    @pytest.mark.parametrize(
        "forged",
        [
            {"phase": "done"},
            {"phase": "push"},
            {"phase": 5},
            {"after": 5},
            {"after": None},
            {"after": ["x"]},
            {"is_dry_run": 1},
            {"direction": "up"},
            {"direction": []},
            {"between": []},
        ],
    )
    def test_forged(self, forged: dict[str, Any]) -> None:
        """What no report has given is refused, though its form is right."""
        w = world(at_ses=5, page=1)
        place: dict[str, Any] = {
            "direction": "pull",
            "is_dry_run": True,
            "between": lists("memory", "a/r", ""),
            "phase": "pull",
            "after": "",
        }
        w.sync(cursor=Place(**place).cursor())
        before = w.ses.requests.total()
        with pytest.raises(ConfigurationError, match="cursor"):
            w.sync(cursor=Place(**place | forged).cursor())

        assert before == w.ses.requests.total()

    @pytest.mark.parametrize(
        "change",
        [
            lambda c: c[:-4],
            lambda c: "x" + c[1:],
            lambda c: c[:12] + base64.b64encode(b"[]").decode(),
            lambda c: c.replace("0", "1"),
            lambda _: "a place",
            lambda _: "ä",
            lambda _: 5,
        ],
    )
    def test_tampered(self, change: Any) -> None:
        """What is not a cursor, or one no more, is refused."""
        w = world(at_ses=5, page=1)
        cursor = w.sync(max_calls=1).cursor
        before = w.ses.requests.total()
        with pytest.raises(ConfigurationError, match="cursor"):
            w.sync(cursor=change(cursor))

        assert before == w.ses.requests.total()

    @pytest.mark.parametrize(
        "arguments",
        [
            {"direction": "up"},
            {"max_calls": 0},
            {"max_calls": "5"},
            {"max_calls": 1.5},
        ],
    )
    def test_arguments(self, arguments: dict[str, Any]) -> None:
        """Arguments that make no sense are refused before anything."""
        w = world()
        with pytest.raises(ConfigurationError) as caught:
            w.sync(**arguments)

        assert next(iter(arguments)) in caught.value.problem


class Circle(MemorySuppressionStore):
    """A store whose pages lead back to one another."""

    pages = 0

    def page(self, after: str = "", limit: int = 1_000) -> Page:
        """Return a page before which there is another."""
        self.pages += limit > 0
        assert self.pages < 10
        return Page(entries=(), next="2" if after == "1" else "1")


def _circle(_: str, params: Mapping[str, Any], __: float) -> Any:
    following = "2" if params.get("NextToken") == "1" else "1"
    return {"SuppressedDestinationSummaries": [], "NextToken": following}


@pytest.mark.parametrize("direction", ["pull", "push"])
def test_endless_pages(direction: str) -> None:
    """Pages without an end are left, on either side, with a problem."""
    w = world(at_ses=5)
    w.local = Circle(clock=w.clock)
    if direction == "pull":
        api: Any = w.account.api
        api.transport.transport = _Calls(_circle)
    report = w.sync(direction=direction, dry_run=False, max_calls=9)

    assert (False, True) == (
        report.is_complete,
        "never ends" in report.problem,
    )


class Failing(MemorySuppressionStore):
    """A store that takes nothing."""

    def add(self, entries: object) -> list[bool]:  # noqa: ARG002
        """Fail."""
        raise StoreError("suppression", "memory", "no connection")


def test_local_failure() -> None:
    """Where the store fails, the report says so, too."""
    w = world(at_ses=5, page=2)
    w.local = Failing(clock=w.clock)
    report = w.sync(dry_run=False)

    assert (False, 0, True) == (
        report.is_complete,
        report.pulled,
        "no connection" in report.problem,
    )


def test_refusal_of_all() -> None:
    """What concerns every entry ends the run, and is not counted away."""
    w = world(here=3)
    w.ses.faults.add(
        "status:404:NotFoundException",
        message="no tenant",
        operation="PutSuppressedDestination",
    )
    report = w.sync(direction="push", dry_run=False)

    assert ({}, True) == (report.skipped, "no tenant" in report.problem)
