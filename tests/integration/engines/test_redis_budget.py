from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safeses._accounts import MemoryAccounts
from safeses._budget._quota import Quota
from safeses._budget._rate import Rate
from safeses._budget._scope import Scope
from safeses._outcome import Admission, Booked, Claim, Later
from safeses._values import Account, Limits
from safeses.errors import (
    ConfigurationError,
    QuotaExceededError,
    StoreError,
)
from safeses.redis._accounts import RedisAccounts
from safeses.redis._budget import RedisBudget
from safeses.redis._connection import EPOCH_S, Server
from safeses.testing._clock import FakeClock
from safeses.testing._contracts import Sender

if TYPE_CHECKING:
    from collections.abc import Iterator


pytestmark = pytest.mark.server

DAY_S = 86_400.0
START = 1_767_225_600.0


@attrs.define
class SetClock:
    """A clock that stands where it is put."""

    now: float = START

    def time(self) -> float:
        """Return seconds since 1970."""
        return self.now

    def monotonic(self) -> float:
        """Return the same."""
        return self.now

    def sleep(self, seconds: float, wake: object = None) -> None:
        """Move on."""
        del wake
        self.now += seconds


@pytest.fixture
def clock() -> FakeClock:
    """Return the time of all who ask the server."""
    return FakeClock()


@pytest.fixture
def server(redis_url: str, clock: FakeClock) -> Iterator[Server]:
    """Return a server, asked under a prefix that nobody has used."""
    server = Server(redis_url, clock=clock)
    yield server
    server.close()


@pytest.fixture
def other(redis_url: str, clock: FakeClock) -> Iterator[Server]:
    """Return the same server, as another process would ask it."""
    server = Server(redis_url, clock=clock)
    yield server
    server.close()


@pytest.fixture
def sender(server: Server, clock: FakeClock) -> Sender:
    """Return a sender whose scope nobody has used."""
    return Sender(RedisBudget(server), clock)


@attrs.define
class Twin:
    """The rules in Python and in Lua, told the same."""

    budget: RedisBudget
    clock: SetClock
    name: str
    scope: Scope = attrs.field(init=False)
    latest: float = -math.inf

    def __attrs_post_init__(self) -> None:
        """Begin with the same figures as the budget."""
        burst, part = self.budget.burst, self.budget.part
        self.scope = Scope(Rate(14.0, burst, part=part), Quota())

    def now(self) -> float:
        """Return the time as the script has it; heal what it would."""
        now = self.clock.now - EPOCH_S
        if now < self.latest:
            self.scope.heal(now)
        self.latest = now
        return now

    def ask(self, **asked: Any) -> tuple[Any, Any]:
        """Return both answers to the same wish."""
        admission = Admission(tag="t", scope=self.name, recipients=(), **asked)
        now = self.now()
        expected: Any = self.scope.reserve(now, admission)
        if expected is None:
            expected = self.scope.refusal(now, self.clock.now, admission)
        try:
            actual: Any = self.budget.reserve(admission)
        except QuotaExceededError as error:
            actual = error
        return figures(expected), figures(actual)

    def give_back(self, minute: int, count: int) -> None:
        """Give back in both."""
        self.now()
        self.scope.quota.give_back(minute, count)
        self.budget.give_back(
            Claim(
                tag="t",
                scope=self.name,
                cost=count,
                quota_cost=count,
                minute=minute,
            )
        )

    def throttled(self, by: Any) -> None:
        """Refuse in both."""
        self.scope.throttled(self.now(), by)
        self.budget.throttled(self.name, by)

    def learn(self, known: Any) -> None:
        """Tell both."""
        self.scope.learn(self.now(), known)
        self.budget.learn(self.name, known)

    def per_second(self) -> tuple[float, float]:
        """Return both rates."""
        now = self.clock.now - EPOCH_S
        rate = attrs.evolve(self.scope.rate)
        rate.heal(now)
        return rate.per_second(now), self.budget.per_second(self.name)


def figures(answer: Any) -> list[Any]:
    """Return what an answer says, without its type."""
    if isinstance(answer, Booked):
        return [1, answer.wait_s, answer.limit_per_s, answer.minute]
    if isinstance(answer, Later):
        return [2, answer.ask_in_s, answer.ready_in_s, answer.limit_per_s]
    assert isinstance(answer, QuotaExceededError)
    return [
        3,
        answer.resume_at.timestamp(),
        answer.kept_for_transactional,
        answer.retry_after_s,
        -1 if answer.limit_per_day is None else answer.limit_per_day,
    ]


ASKED = st.fixed_dictionaries(
    {
        "cost": st.sampled_from([0, 1, 1, 1, 2, 10, 50]),
        "quota_cost": st.sampled_from([0, 1, 1, 2, 10, 50]),
        "priority": st.sampled_from(["transactional", "bulk"]),
        "max_wait_s": st.sampled_from([0.0, 0.2, 60.0]),
    }
)
QUOTAS = st.sampled_from([None, 0.0, 1.0, 9.5, 100.0, 1e6])
ACCOUNT = st.builds(
    Account,
    max_send_rate=st.sampled_from([0.0, 0.3, 14.0, 500.0]),
    max_24_hour_send=QUOTAS,
    sent_last_24_hours=st.sampled_from([0.0, 5.0, 200.0]),
    as_of=st.datetimes(),
)
LIMITS = st.builds(
    Limits,
    per_second=st.sampled_from([0.5, 14, 100]),
    per_day=st.sampled_from([None, 1, 20, 1_000_000]),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), ASKED),
        st.tuples(st.just("ask"), ASKED),
        st.tuples(
            st.just("wait"),
            st.sampled_from(
                [0.001, 0.05, 0.3, 1.0, 20.0, 61.0, 3_000.0, 90_000.0]
            )
            | st.sampled_from([-0.2, -70.0, -4_000.0, -200_000.0]),
        ),
        st.tuples(st.just("give_back"), st.integers(0, 20)),
        st.tuples(st.just("throttled"), st.sampled_from(["rate", "daily"])),
        st.tuples(st.just("learn"), ACCOUNT | LIMITS),
    ),
    max_size=40,
)


def history(twin: Twin, steps: list[tuple[str, Any]]) -> None:
    """Live through it and compare every answer."""
    minutes: list[tuple[int, int]] = [(0, 1)]
    for act, value in steps:
        if act == "ask":
            expected, actual = twin.ask(**value)
            assert pytest.approx(expected, rel=1e-12, abs=1e-6) == actual
            if actual[0] == 1:
                minutes.append((actual[3], value["quota_cost"]))
        elif act == "wait":
            twin.clock.now += value
        elif act == "give_back":
            twin.give_back(*minutes[-1 - value % len(minutes)])
        else:
            getattr(twin, act)(value)
        mine, its = twin.per_second()
        assert pytest.approx(mine) == its


@pytest.mark.parametrize("burst, part", [(1.0, 1.0), (20.0, 0.5)])
def test_the_rules_are_the_same(
    redis_url: str, burst: float, part: float
) -> None:
    """After any history Lua answers as Python does."""
    clock = SetClock()
    server = Server(redis_url, clock=clock)
    budget = RedisBudget(server, burst=burst, rate_factor=part)
    names = iter(range(1_000_000))

    @settings(max_examples=150)
    @given(steps=STEPS)
    def compare(steps: list[tuple[str, Any]]) -> None:
        clock.now = START
        history(Twin(budget, clock, f"scope {next(names)}"), steps)

    compare()
    server.close()


def test_two_share_the_rate(
    sender: Sender, other: Server, clock: FakeClock
) -> None:
    """Two processes together are as fast as one alone would be."""
    senders = [sender, Sender(RedisBudget(other), clock, sender.scope)]
    sender.learn(10)
    began = clock.monotonic()
    for number in range(21):
        senders[number % 2].wait_for()

    assert pytest.approx(2.0) == clock.monotonic() - began


def test_rate_factor(server: Server, clock: FakeClock) -> None:
    """A process may use a part of the rate that all of them have learnt."""
    sender = Sender(RedisBudget(server, rate_factor=0.5), clock)
    sender.learn(10)

    assert 5.0 == sender.budget.per_second(sender.scope)


def test_unknown_scope(server: Server) -> None:
    """A scope that nobody has used begins at 14 per second."""
    rates = [
        RedisBudget(server, rate_factor=f).per_second("x") for f in (1, 0.5)
    ]

    assert [14.0, 7.0] == rates


@pytest.mark.parametrize(
    "wrong",
    [
        {"burst": 0.5},
        {"burst": math.nan},
        {"rate_factor": 0},
        {"rate_factor": 2},
    ],
)
def test_wrong_figures(server: Server, wrong: dict[str, float]) -> None:
    """What is out of range is said at once."""
    with pytest.raises(ConfigurationError) as caught:
        RedisBudget(server, **wrong)

    assert next(iter(wrong)) in str(caught.value)


def test_the_time_is_the_server_s(redis_url: str) -> None:
    """What the clock of a host says of the day decides nothing."""
    server = Server(redis_url, timeout_s=5)
    seconds, _ = server.ask("budget", "TIME")
    minute = int((int(seconds) - EPOCH_S) // 60)
    booked = Sender(RedisBudget(server), FakeClock()).ask()
    server.close()

    assert isinstance(booked, Booked)
    assert booked.minute - minute in {0, 1}


def test_minutes_are_bounded(sender: Sender, server: Server) -> None:
    """What is a day old is forgotten."""
    for _ in range(5):
        sender.wait_for()
        sender.clock.sleep(DAY_S)
    minutes = server.key("minutes", sender.scope)

    assert 2 >= server.ask("budget", "HLEN", minutes)


SAID = Account(
    max_send_rate=14.5,
    max_24_hour_send=50_000,
    sent_last_24_hours=7,
    sending_enabled=False,
    enforcement_status="PROBATION",
    production_access=False,
    suppressed_reasons=frozenset({"BOUNCE"}),
    as_of=dt.datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=dt.timezone.utc),
)


@pytest.mark.parametrize("where", ["redis", "memory"])
def test_accounts(where: str, server: Server, clock: FakeClock) -> None:
    """What SES said is kept with its age, and nothing is known before."""
    accounts = (
        RedisAccounts(server) if where == "redis" else MemoryAccounts(clock)
    )
    before = accounts.get("a")
    accounts.put("a", SAID)
    clock.sleep(30)

    assert (None, (SAID, 30)) == (before, accounts.get("a"))


def test_accounts_are_shared(
    server: Server, other: Server, clock: FakeClock
) -> None:
    """What one process has learnt the others know a second later."""
    accounts = RedisAccounts(other)
    accounts.get("a")
    RedisAccounts(server).put("a", SAID)
    said = [accounts.get("a")]
    clock.sleep(1)
    said.append(accounts.get("a"))

    assert [None, (SAID, 1)] == said


@pytest.mark.parametrize("text", ["", "[]", "{}", "{", '{"as_of": 1}'])
def test_accounts_that_are_none(server: Server, text: str) -> None:
    """A key that holds something else is an error, not an account."""
    accounts = RedisAccounts(server)
    key = accounts.key("a")
    server.ask("account", "HSET", key, "text", text, "at", "0", "stops", "")

    with pytest.raises(StoreError) as caught:
        accounts.get("a")

    assert "account" == caught.value.part


def test_accounts_of_a_newer_version(server: Server) -> None:
    """Facts that this version does not know are left alone."""
    accounts = RedisAccounts(server)
    accounts.put("a", SAID)
    key = accounts.key("a")
    text = server.ask("account", "HGET", key, "text")
    server.ask(
        "account", "HSET", key, "text", text.replace(b"{", b'{"new": 1, ', 1)
    )

    assert (SAID, 0) == accounts.get("a")
