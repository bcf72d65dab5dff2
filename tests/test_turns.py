from __future__ import annotations

import contextlib
import itertools
import threading
from functools import partial
from typing import TYPE_CHECKING

import attrs
import pytest

from safeses._budget import MemoryBudget
from safeses._outcome import Admission, Admitted, Claim, Later
from safeses._turns import ASK_EVERY_S, GRACE_S, Turns
from safeses._values import Limits
from safeses.errors import QuotaExceededError, RateLimitedError
from safeses.testing._clock import FakeClock
from safeses.testing._contracts import most_in_one_second

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from safeses._values import Priority

pytestmark = pytest.mark.race  # threads

NOISE = 1e-6
SCOPE = "123456789012/eu-west-1"


@attrs.frozen
class Grant:
    """One line of the log: who got which slot, after which wait."""

    at: float
    cost: int
    waited_s: float
    name: str
    priority: Priority


class KilledError(BaseException):
    """Ends a simulated thread so abruptly that it cannot leave."""


@attrs.define
class Office:
    """
    One or more processes that send over one account.

    Attributes:
        per_second: The account's rate.
        processes: How many queues stand before the one budget.
    """

    per_second: float
    per_day: float | None = None
    processes: int = 1
    clock: FakeClock = attrs.field(factory=FakeClock)
    log: list[Grant] = attrs.field(factory=list)
    asked: int = 0
    turns: list[Turns] = attrs.field(init=False)
    budget: MemoryBudget = attrs.field(init=False)
    _numbers: itertools.count[int] = attrs.field(factory=itertools.count)

    def __attrs_post_init__(self) -> None:
        self.turns = [Turns(self.clock) for _ in range(self.processes)]
        self.budget = MemoryBudget(self.clock)
        self.learn(self.per_second, self.per_day)

    def learn(self, per_second: float, per_day: float | None = None) -> None:
        """Change the limits."""
        limits = Limits(per_second=per_second, per_day=per_day)
        self.budget.learn(SCOPE, limits)

    def admission(
        self,
        cost: int = 1,
        priority: Priority = "transactional",
        max_wait_s: float = 1e6,
    ) -> Admission:
        """Return a new wish to send."""
        return Admission(
            tag=f"{next(self._numbers)}",
            scope=SCOPE,
            recipients=(),
            cost=cost,
            quota_cost=cost,
            priority=priority,
            max_wait_s=max_wait_s,
        )

    def ask(self, admission: Admission) -> Admitted | Later:
        """Answer as a state does."""
        self.asked += 1
        answer = self.budget.reserve(admission)
        if isinstance(answer, Later):
            return answer
        claim = Claim(
            tag=admission.tag,
            scope=SCOPE,
            cost=admission.cost,
            quota_cost=admission.quota_cost,
            minute=answer.minute,
        )
        return Admitted(
            claim=claim,
            wait_s=answer.wait_s,
            limit_per_s=answer.limit_per_s,
        )

    def send(
        self,
        cost: int = 1,
        priority: Priority = "transactional",
        max_wait_s: float = 1e6,
        *,
        name: str = "",
        process: int = 0,
        dies_at: float = float("inf"),
    ) -> float:
        """Wait for a slot as the driver does; return the seconds."""
        clock, turns = self.clock, self.turns[process]
        began = clock.monotonic()
        admission = self.admission(cost, priority, max_wait_s)
        while True:
            answer = turns.admit(admission, self.ask)
            if isinstance(answer, Admitted):
                break
            waited_s = clock.monotonic() - began
            if waited_s + answer.ready_in_s > max_wait_s:
                turns.leave(admission)
                raise RateLimitedError(answer.limit_per_s, answer.ready_in_s)
            lives_s = dies_at - clock.monotonic()
            clock.sleep(min(answer.ask_in_s, lives_s), answer.wake)
            if clock.monotonic() >= dies_at:
                raise KilledError
        at = clock.monotonic() + answer.wait_s
        self.log.append(Grant(at, cost, at - began, name, priority))
        clock.sleep(answer.wait_s)
        return at - began

    def send_for(
        self, seconds: float, name: str = "", cost: int = 1, **options: int
    ) -> None:
        """Send as often as possible."""
        while self.clock.monotonic() < seconds:
            self.send(cost, name=name, **options)  # type: ignore[arg-type]  # process

    def bulk_for(self, seconds: float, cost: int = 1) -> None:
        """Send bulk as often as possible."""
        while self.clock.monotonic() < seconds:
            self.send(cost, "bulk", name="bulk")

    def later(self, seconds: float, act: Callable[[], object]) -> None:
        """Do something at a certain time."""
        self.clock.sleep(seconds)
        act()

    def run(self, *functions: Callable[[], object]) -> None:
        """Run threads in virtual time."""
        self.clock.run(*functions, within_s=600)

    @property
    def used(self) -> float:
        """Return the share of the rate that was used."""
        recipients = sum(grant.cost for grant in self.log[:-1])
        return recipients / (self.log[-1].at * self.per_second)

    @property
    def most(self) -> float:
        """Return the most in a second, before its last message."""
        return most_in_one_second((g.at, g.cost) for g in self.log)

    def names(self) -> list[str]:
        """Return who got a slot, in order."""
        return [grant.name for grant in self.log]


# --- order ------------------------------------------------------------------


def test_first_come_first_served() -> None:
    """Threads get their slots in the order in which they came."""
    office = Office(10)
    names = [f"{number}" for number in range(40)]
    office.run(*[partial(office.send, name=name) for name in names])

    assert names == office.names()


def test_transactional_before_bulk() -> None:
    """Who comes later with transactional mail goes before all bulk."""
    office = Office(10)
    bulk = [partial(office.send, 1, "bulk", name="b") for _ in range(10)]
    office.run(
        *bulk,
        partial(office.later, 0.35, partial(office.send, name="t")),
        partial(office.later, 0.35, partial(office.send, name="t")),
    )

    # Two slots were booked ahead, as far as bulk may book.
    assert "bbbbbbttbbbb" == "".join(office.names())


def test_everybody_gets_the_same() -> None:
    """Of threads that send all the time, none gets more than its part."""
    office = Office(50)
    names = [f"{number}" for number in range(16)]
    office.run(*[partial(office.send_for, 10, name) for name in names])
    counts = [office.names().count(name) for name in names]

    assert max(counts) - min(counts) <= 1


def test_processes_get_the_same() -> None:
    """Four queues before one budget share it, however many wait in each."""
    office = Office(50, processes=4)
    office.run(
        *[
            partial(office.send_for, 20, f"{process}", process=process)
            for process in range(4)
            for _ in range(16 + 8 * process)
        ]
    )
    counts = [office.names().count(f"{process}") for process in range(4)]

    assert (True, True, True) == (
        max(counts) <= 1.1 * min(counts),
        office.used >= 0.99,
        office.most <= 50 + NOISE,
    )


# --- saturation -------------------------------------------------------------


@pytest.mark.parametrize("threads", [16, 64])
@pytest.mark.parametrize("per_second", [14, 50, 500])
@pytest.mark.parametrize("priority", ["transactional", "bulk"])
def test_saturation(threads: int, per_second: int, priority: Priority) -> None:
    """Many threads use 99 % of the rate, and never more than the rate."""
    office = Office(per_second)
    seconds = 1000 / per_second

    def send() -> None:
        while office.clock.monotonic() < seconds:
            office.send(1, priority)

    office.run(*threads * [send])
    asked_per_grant = office.asked / len(office.log)

    assert (True, True, True) == (
        office.used >= 0.99,
        office.most <= per_second + NOISE,
        asked_per_grant <= 2.5,
    )


@pytest.mark.parametrize("per_second", [1, 14, 500])
def test_large_and_small(per_second: int) -> None:
    """Among single mails those to fifty get their turns, and their time."""
    office = Office(per_second)
    seconds = 2000 / per_second
    office.run(
        *[partial(office.send_for, seconds, "small") for _ in range(12)],
        *[partial(office.send_for, seconds, "large", 50) for _ in range(4)],
    )
    large = office.names().count("large") / len(office.log)

    assert pytest.approx((True, True, 4 / 16), abs=0.02) == (
        office.used >= 0.99,
        office.most <= per_second + NOISE,
        large,
    )


@pytest.mark.parametrize("per_second", [1, 4, 14, 50, 500])
@pytest.mark.parametrize("cost", [1, 7, 50])
def test_a_password_reset_amid_bulk(per_second: int, cost: int) -> None:
    """It waits two slots, or 50 ms, and the debt of the last message."""
    office = Office(per_second)
    seconds = max(4.0, 30 * cost / per_second)
    bulk = partial(office.bulk_for, seconds, cost)

    def reset_passwords() -> None:
        for number in range(15):
            office.clock.sleep(seconds * (0.02 + number / 1009))
            office.send(name="reset")

    office.run(*12 * [bulk], reset_passwords)
    waits = [g.waited_s for g in office.log if g.name == "reset"]
    bound_s = min(0.5, max(2 / per_second, 0.05)) + cost / per_second

    assert (15, True, True) == (
        len(waits),
        max(waits) <= bound_s + NOISE,
        office.used >= 0.99,
    )


def test_bulk_takes_what_is_left() -> None:
    """Transactional mail takes what it needs; bulk fills the rest."""
    office = Office(50)

    def receipts() -> None:
        while office.clock.monotonic() < 20:
            office.send(name="receipt")
            office.clock.sleep(0.1)

    office.run(*8 * [partial(office.bulk_for, 20)], *2 * [receipts])
    receipts_per_s = office.names().count("receipt") / 20

    assert (True, True, True) == (
        office.used >= 0.99,
        office.most <= 50 + NOISE,
        receipts_per_s > 11,
    )


# --- estimates --------------------------------------------------------------


@pytest.mark.parametrize("costs", [(1,), (1, 5, 50)])
@pytest.mark.parametrize("priority", ["transactional", "bulk"])
def test_the_estimate_is_right(
    priority: Priority, costs: Sequence[int]
) -> None:
    """Whoever comes is told at once when the slot begins, to a slot."""
    office = Office(14)
    errors = []

    def send(number: int, cost: int) -> None:
        clock, turns = office.clock, office.turns[0]
        clock.sleep(number / 100)
        admission = office.admission(cost, priority)
        answer = turns.admit(admission, office.ask)
        told = clock.monotonic()
        if isinstance(answer, Later):
            told += answer.ready_in_s
        while isinstance(answer, Later):
            clock.sleep(answer.ask_in_s, answer.wake)
            answer = turns.admit(admission, office.ask)
        clock.sleep(answer.wait_s)
        if told > number / 100:
            errors.append(abs(clock.monotonic() - told))

    costs = list(itertools.islice(itertools.cycle(costs), 60))
    office.run(*[partial(send, *pair) for pair in enumerate(costs)])

    assert max(errors) <= 1 / 14 + NOISE


def test_a_wait_that_cannot_fit_is_refused_at_once() -> None:
    """Behind 5 s of others nobody sleeps for 4 s only to hear no."""
    office = Office(10)
    refused_at = []

    def come_late() -> None:
        office.clock.sleep(0.2)
        try:
            office.send(max_wait_s=4)
        except RateLimitedError:
            refused_at.append(office.clock.monotonic())

    office.run(*51 * [office.send], come_late)

    assert [0.2] == refused_at


def test_a_wait_that_fits_is_not_refused() -> None:
    """Nobody is turned away who would have been served in time."""
    office = Office(10)
    waits = []

    def come_late() -> None:
        office.clock.sleep(0.2)
        waits.append(office.send(max_wait_s=5))

    office.run(*51 * [office.send], come_late)

    assert pytest.approx([4.9]) == waits


def test_the_estimate_after_a_grant() -> None:
    """Who comes between a grant and the next question knows its debt."""
    office = Office(10)
    turns = office.turns[0]
    for _ in range(6):
        turns.admit(office.admission(), office.ask)
    large, small = office.admission(50), office.admission()
    turns.admit(large, office.ask)
    turns.admit(small, office.ask)
    office.clock.sleep(0.2)
    booked = turns.admit(large, office.ask)

    answer = turns.admit(office.admission(), office.ask)

    assert isinstance(answer, Later)
    assert isinstance(booked, Admitted)
    assert pytest.approx(booked.wait_s + 5 + 0.1) == answer.ready_in_s


def test_the_estimate_leaves_out_the_gone() -> None:
    """A thread that died in the middle of the queue makes nobody wait."""
    office = Office(1)
    turns = office.turns[0]
    first, dead = office.admission(), office.admission(50)
    for admission in (office.admission(50), first, dead):
        turns.admit(admission, office.ask)
    office.clock.sleep(2)
    turns.admit(first, office.ask)

    answer = turns.admit(office.admission(), office.ask)

    assert isinstance(answer, Later)
    assert pytest.approx(48 + 1) == answer.ready_in_s


def test_a_raised_rate_reaches_the_waiters() -> None:
    """Who waits for a debt of 50 s asks each second, and hears of it."""
    office = Office(1)
    office.run(
        partial(office.send, 50),
        *3 * [partial(office.later, 0.1, office.send)],
        partial(office.later, 5, partial(office.learn, 50)),
    )

    assert office.log[-1].at <= 5 + 2 * ASK_EVERY_S + 50 / 50


def test_a_lowered_rate_reaches_the_waiters() -> None:
    """Half a second after the change the new rate spaces everybody."""
    office = Office(100)
    office.run(
        *200 * [office.send],
        partial(office.later, 1, partial(office.learn, 10)),
    )
    late = [g for g in office.log if g.at > 1.5 + NOISE]

    assert most_in_one_second((g.at, g.cost) for g in late) <= 10 + NOISE


# --- leaving ----------------------------------------------------------------


def test_who_leaves_wakes_the_next() -> None:
    """A place that is given up is taken over at once."""
    office = Office(1)
    turns = office.turns[0]
    office.send()
    admissions = [office.admission() for _ in range(3)]
    answers = [turns.admit(a, office.ask) for a in admissions]
    turns.leave(admissions[0])

    assert [False, True, False] == [
        isinstance(answer, Later)
        and answer.wake is not None
        and answer.wake.is_set()
        for answer in answers
    ]


def test_leaving_twice_is_harmless() -> None:
    """Who has no place leaves without waking anybody."""
    office = Office(1)
    turns = office.turns[0]
    office.send()
    stranger, waiter = office.admission(), office.admission()
    turns.leave(stranger)
    answer = turns.admit(waiter, office.ask)
    turns.leave(stranger)

    assert isinstance(answer, Later)
    assert answer.wake is not None
    assert not answer.wake.is_set()


def test_an_error_of_the_state_leaves() -> None:
    """Whom the quota refuses in the queue does not stand in the way."""
    office = Office(10, per_day=12)
    refused_at = []

    def send() -> None:
        try:
            office.send()
        except QuotaExceededError:
            refused_at.append(office.clock.monotonic())

    office.run(*64 * [send])

    assert (12, 52, True) == (
        len(office.log),
        len(refused_at),
        max(refused_at) < 1.2,
    )


@pytest.mark.parametrize("priority", ["transactional", "bulk"])
@pytest.mark.parametrize("dead, lost_s", [(1, GRACE_S), (7, ASK_EVERY_S)])
def test_killed_waiters(dead: int, lost_s: float, priority: Priority) -> None:
    """A dead thread costs half a second; seven at once cost one."""
    office = Office(14)

    def die() -> None:
        with contextlib.suppress(KilledError):
            office.send(1, priority, dies_at=0.15)

    send = partial(office.send, 1, priority)
    office.run(*10 * [send], *dead * [die], *100 * [send])
    gaps = [b.at - a.at for a, b in itertools.pairwise(office.log)]

    assert (110, True) == (
        len(office.log),
        max(gaps) <= lost_s + 2 / 14 + NOISE,
    )


def test_killed_at_the_head_of_a_debt() -> None:
    """A head that dies in a wait of 50 s is missed within two seconds."""
    office = Office(1)

    def die() -> None:
        with contextlib.suppress(KilledError):
            office.send(dies_at=0.1)

    office.run(
        partial(office.send, 50), die, partial(office.later, 0.1, office.send)
    )

    assert office.log[-1].at <= 50 + GRACE_S + ASK_EVERY_S


def test_a_late_head_keeps_its_place() -> None:
    """Who comes back late, but before anybody noticed, is still first."""
    office = Office(1)
    turns = office.turns[0]
    office.send()
    first, second = office.admission(), office.admission()
    turns.admit(first, office.ask)
    turns.admit(second, office.ask)
    office.clock.sleep(0.9)
    turns.admit(second, office.ask)
    office.clock.sleep(0.3)

    answer = turns.admit(first, office.ask)

    assert isinstance(answer, Admitted)


def test_a_fresh_caller_does_not_jump_the_queue() -> None:
    """The head is waited for, even if its slot is free already."""
    office = Office(1)
    turns = office.turns[0]
    office.send()
    turns.admit(office.admission(), office.ask)
    office.clock.sleep(0.6)

    answer = turns.admit(office.admission(), office.ask)

    assert isinstance(answer, Later)


def test_scopes_do_not_queue_together() -> None:
    """Who waits for one account holds up nobody of another."""
    office = Office(1)
    turns = office.turns[0]
    office.send()
    turns.admit(office.admission(), office.ask)
    other = attrs.evolve(office.admission(), scope="other")

    answer = turns.admit(other, office.ask)

    assert isinstance(answer, Admitted)


def test_after_fork() -> None:
    """A child does not wait for threads that only the parent has."""
    office = Office(1)
    turns = office.turns[0]
    office.send()
    turns.admit(office.admission(), office.ask)
    turns.after_fork()
    office.clock.sleep(0.5)

    answer = turns.admit(office.admission(), office.ask)

    assert isinstance(answer, Admitted)


def test_real_threads() -> None:
    """On real threads nobody is lost, and the order does not matter."""
    office = Office(1000)
    done = []

    def send() -> None:
        for _ in range(20):
            office.send()
            done.append(1)

    threads = [threading.Thread(target=send) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (320, True) == (len(done), office.used <= 1 + NOISE)
