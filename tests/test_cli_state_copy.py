"""``safeses state copy``: from one state to another."""

from __future__ import annotations

import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from tests.keyed import KEY, SCOPE, told, world
from tests.state_command import run, used

from safeses import Suppression
from safeses._budget import MemoryBudget
from safeses._commands.state import _copy
from safeses._commands.state._bar import TELL_EVERY_S, Bar
from safeses._commands.state._copy import Copying
from safeses._outcome import Admission, Booked, Claim
from safeses._state import ComposedState
from safeses.ledger import Job
from safeses.sqlite import SqliteState
from safeses.suppression import AddressKeys, MemorySuppressionStore
from safeses.testing import FakeClock

if TYPE_CHECKING:
    from pathlib import Path

OTHERS = 700  # more than one page
LEASE_S = 30.0


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Return a file in which somebody has sent, and lost an answer."""
    return used(tmp_path)


def copied(
    source: ComposedState, target: ComposedState
) -> tuple[int, list[str]]:
    """Copy, and return the status with what was left out."""
    copying = Copying(source=source, target=target, bar=Bar())
    status = copying.run()
    return status, [] if copying.is_whole else ["left"]


class TestCopy:
    """From one state to another."""

    def test_whole(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, url: str
    ) -> None:
        """Suppressions, jobs and the quota come over; twice is once."""
        with closing(SqliteState.from_url(url)) as source:
            source.suppressions.add(
                [
                    Suppression(address=f"u{n}@b.example", reason="bounce")
                    for n in range(450)
                ]
            )
            source.suppressions.add(
                [
                    Suppression(address=f"v{n}@b.example", reason="bounce")
                    for n in range(OTHERS - 450)
                ]
            )
        target = f"sqlite:///{tmp_path}/other.db"
        first = run(capsys, "copy", url, target)[:2]
        again = run(capsys, "copy", url, target)[:2]
        with (
            closing(SqliteState.from_url(url)) as source,
            closing(SqliteState.from_url(target)) as other,
        ):
            same = (
                source.charged() == other.charged(),
                source.stats()["unknown"] == other.stats()["unknown"],
            )

        assert (
            (
                0,
                [
                    f"{OTHERS + 1} suppressions copied, 0 known",
                    "2 jobs copied, 0 known",
                    "quota: 4 recipients of the last 24 hours charged",
                ],
            ),
            (
                0,
                [
                    f"0 suppressions copied, {OTHERS + 1} known",
                    "0 jobs copied, 2 known",
                    "quota: 0 recipients of the last 24 hours charged",
                ],
            ),
            (True, True),
        ) == (first, again, same)

    def test_keys_hold(self, tmp_path: Path) -> None:
        """A job that was done is done in the other state, too."""
        made = world("memory", tmp_path)
        told(made.client(), key=KEY)
        other = ComposedState(MemoryBudget(made.clock), clock=made.clock)
        status = copied(made.state, other)
        fake: Any = made.ses
        made.state = other
        again = told(made.client(), key=KEY)

        assert ((0, []), True, 1) == (status, again.replayed, len(fake.sent))

    def test_quota_is_never_less(self) -> None:
        """What the other one has charged itself counts, up to as much."""
        clock = FakeClock()
        source, target = (
            Charged(clock, {SCOPE: 10}),
            Charged(clock, {SCOPE: 4}),
        )
        copied(source, target)

        assert [6] == target.booked

    def test_no_room(self, capsys: pytest.CaptureFixture[str]) -> None:
        """A quota without room is said, and shows in the status."""
        clock = FakeClock()
        source, target = Charged(clock, {SCOPE: 10}), Charged(clock, {})
        target.budget.throttled(SCOPE, "daily")
        status = copied(source, target)

        assert ((1, ["left"]), True) == (
            status,
            "quota left: the other state has no room"
            in capsys.readouterr().out,
        )

    def test_hashes(self, capsys: pytest.CaptureFixture[str]) -> None:
        """A list that keeps hashes cannot be listed, and all else goes."""
        clock = FakeClock()
        keys = AddressKeys(secret=b"s" * 32)
        source = ComposedState(
            MemoryBudget(clock),
            clock=clock,
            suppressions=MemorySuppressionStore(clock=clock, keys=keys),
        )
        target = ComposedState(MemoryBudget(clock), clock=clock)
        status = copied(source, target)
        lines = capsys.readouterr().out.splitlines()

        assert ((1, ["left"]), "suppressions left: ", "0 jobs copied") == (
            status,
            lines[0][:19],
            lines[1][:13],
        )

    def test_in_flight(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Jobs that are being sent are copied as such, and spoken of."""
        clock = FakeClock()
        source = ComposedState(MemoryBudget(clock), clock=clock)
        target = ComposedState(MemoryBudget(clock), clock=clock)
        source.ledger.claim(Job(id="a" * 64), "call", LEASE_S)
        claim = Claim(
            tag="a" * 64,
            scope=SCOPE,
            cost=1,
            quota_cost=1,
            owner="call",
            job=Job(id="a" * 64),
        )
        source.ledger.submit(claim, LEASE_S)
        status = copied(source, target)
        clock.advance(LEASE_S + 1)
        found = target.look_up("a" * 64)

        assert ((1, ["left"]), True, "unknown") == (
            status,
            "being sent meanwhile: 1 job. " in capsys.readouterr().err,
            found.record.state if found else "",
        )

    def test_foreign_ledger(self, capsys: pytest.CaptureFixture[str]) -> None:
        """A ledger of somebody's own may not be able to list."""
        clock = FakeClock()
        own: Any = OwnLedger()
        source = ComposedState(MemoryBudget(clock), clock=clock, ledger=own)
        target = ComposedState(MemoryBudget(clock), clock=clock)
        status = copied(source, target)

        assert ((1, ["left"]), True) == (
            status,
            "jobs left: the ledger in own cannot" in capsys.readouterr().out,
        )


class OwnLedger:
    """A ledger that lists nothing."""

    engine = "own"


class Charged(ComposedState):
    """A state that says what its quota holds."""

    def __init__(self, clock: FakeClock, holds: dict[str, int]) -> None:
        super().__init__(MemoryBudget(clock), clock=clock)
        self.holds = holds
        self.booked: list[int] = []
        self.budget = self.Noting(clock, self.booked)

    class Noting(MemoryBudget):
        """A budget that notes what is charged."""

        def __init__(self, clock: FakeClock, booked: list[int]) -> None:
            super().__init__(clock)
            self.booked = booked

        def reserve(self, admission: Admission) -> Any:
            """Book, and note it."""
            answer = super().reserve(admission)
            if isinstance(answer, Booked):
                self.booked.append(admission.quota_cost)
            return answer

    def charged(self) -> dict[str, int]:
        """Return what was given."""
        return self.holds


class TestBar:
    """How far a copy is."""

    def test_lines(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Where nobody looks on, it is a line now and then."""
        clock = FakeClock()
        with Bar(clock) as bar:
            bar.begin("jobs", 3_000)
            for _ in range(3):
                bar.advance(1_000)
                clock.advance(TELL_EVERY_S / 2 + 0.1)

        assert "safeses: 3,000 jobs\n" == capsys.readouterr().err

    def test_terminal(
        self,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """At a terminal it is a bar."""
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        with Bar(FakeClock()) as bar:
            bar.begin("jobs", 2)
            bar.advance(1)

        assert "jobs" in capsys.readouterr().err


def test_interrupted(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ctrl-C says that it can be begun again."""

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(_copy, "copy", interrupt)
    status, _, text = run(capsys, "copy", "sqlite:///a.db", "sqlite:///b.db")

    assert (130, True) == (status, "begun again" in text)
