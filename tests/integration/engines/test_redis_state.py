"""All parts in one Redis: one script decides as the parts would."""

from __future__ import annotations

import datetime as dt
import threading
import time
from operator import methodcaller
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from tests.integration._redis_acts import (
    PATIENCE_S,
    SCOPE,
    accepted,
    admitted,
    attempt,
    rejected,
    wish,
)

from safeses._job import Found
from safeses._outcome import Admission, Admitted, Deferred, Later, Rejected
from safeses._state import ComposedState, memory_state
from safeses._suppressed import Suppression
from safeses._values import Account, Limits
from safeses.errors import (
    NotSentError,
    QuotaExceededError,
    SendingPausedError,
    StoreError,
    SuppressedError,
)
from safeses.redis import RedisState, Server
from safeses.testing._clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.engines import RedisServer

pytestmark = pytest.mark.server


@pytest.fixture
def state(redis_url: str) -> Iterator[RedisState]:
    """Return a state that nobody has used, with the server's time."""
    state = RedisState.from_url(redis_url, timeout_s=PATIENCE_S)
    yield state
    state.close()


@pytest.fixture
def trips(state: RedisState, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the parts for which the server is asked, one for each time."""
    state.server.ask("test", "PING")
    asked: list[str] = []
    use = Server._use  # noqa: SLF001  # where every question passes

    def counted(self: Server, part: str, *args: Any, **options: Any) -> Any:
        asked.append(part)
        return use(self, part, *args, **options)

    monkeypatch.setattr(Server, "_use", counted)
    return asked


def test_one_question_before_and_one_after(
    state: RedisState, trips: list[str]
) -> None:
    """A mail without a key that goes at once takes two round trips."""
    claim = admitted(state, wish(1)).claim
    state.submit(claim, 10)
    before = len(trips)
    state.settle(claim, accepted())

    assert (1, 2) == (before, len(trips))


def test_two_questions_before_with_a_key(
    state: RedisState, trips: list[str]
) -> None:
    """With a key it is one more, for the name of the data once besides."""
    claims = []
    for number in range(2):
        trips.clear()
        admission = wish(number, keyed=True)
        claims.append(admitted(state, admission).claim)
        state.submit(claims[-1], 10)
        state.settle(claims[-1], accepted())

    assert ["state", "ledger", "ledger"] == trips


@pytest.mark.parametrize("outcome", [rejected(), Deferred(by="rate")])
def test_one_question_after_a_refusal(
    state: RedisState, trips: list[str], outcome: Rejected | Deferred
) -> None:
    """Forgetting, giving back and holding back are one script."""
    state.learn(SCOPE, Limits(per_second=14, per_day=1))
    claim = admitted(state, wish(1)).claim
    trips.clear()
    state.settle(claim, outcome)
    asked = len(trips)

    # It is no refusal by the quota, of which all is free again.
    answer = state.admit(wish(2, max_wait_s=0))

    assert (1, True) == (asked, isinstance(answer, (Admitted, Later)))


@attrs.define
class Pair:
    """Redis and memory, told the same."""

    clock: FakeClock
    redis: RedisState
    memory: ComposedState
    open: list[tuple[Any, Any]] = attrs.field(factory=list)

    def both(
        self, act: Callable[[ComposedState], Any]
    ) -> tuple[list[Any], list[Any]]:
        """Return what each of them says."""
        answers = []
        for state in (self.memory, self.redis):
            try:
                answers.append(act(state))
            except NotSentError as error:
                answers.append(error)
        if isinstance(answers[0], Admitted):
            self.open.append((answers[0].claim, answers[1].claim))
        return figures(answers[0]), figures(answers[1])


def figures(answer: Any) -> list[Any]:
    """Return what an answer says."""
    if isinstance(answer, Admitted):
        claim = answer.claim
        dropped = [gone.reason for gone in answer.dropped]
        return [
            "admitted",
            answer.wait_s,
            answer.limit_per_s,
            *(claim.cost, claim.quota_cost, claim.attempt),
            *(claim.is_unsure, claim.id, str(dropped)),
        ]
    if isinstance(answer, Later):
        return ["later", answer.ask_in_s, answer.ready_in_s]
    if isinstance(answer, Found):
        record = answer.record
        return [record.state, record.attempt, answer.retry_after_s]
    if isinstance(answer, QuotaExceededError):
        return ["quota", answer.retry_after_s]
    if isinstance(answer, SuppressedError | SendingPausedError):
        return [type(answer).__name__]
    assert answer is None or isinstance(answer, (bool, list)), answer
    return [str(answer)]


PEOPLE = ("ann@example.com", "Bob <BOB@example.com>", "cy@example.com")
ASKED = st.fixed_dictionaries(
    {
        "name": st.integers(0, 5),
        "keyed": st.booleans(),
        "people": st.lists(st.sampled_from(PEOPLE), max_size=3, unique=True),
        "stream": st.sampled_from(["", "news"]),
        "priority": st.sampled_from(["transactional", "bulk"]),
        "on_suppressed": st.sampled_from(["drop", "refuse", "report"]),
    }
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("admit"), ASKED),
        st.tuples(st.just("admit"), ASKED),
        st.tuples(
            st.just("settle"),
            st.sampled_from(["accepted", "rejected", "rate", "unreachable"]),
        ),
        st.tuples(st.just("wait"), st.sampled_from([0.1, 1.5, 40.0, 700.0])),
        st.tuples(
            st.just("suppress"),
            st.tuples(st.sampled_from(PEOPLE), st.sampled_from(["", "news"])),
        ),
        st.tuples(st.just("free"), st.sampled_from(PEOPLE)),
        st.tuples(st.just("learn"), st.booleans()),
    ),
    max_size=30,
)


def to_admit(*people: str, keyed: bool = False) -> tuple[str, Any]:
    """Return a step that admits a mail."""
    asked = {"name": 0, "stream": "", "priority": "transactional"}
    more = {"keyed": keyed, "people": [*people], "on_suppressed": "refuse"}
    return "admit", {**asked, **more}


# What a script must never let through, so that one that does is found out
# by the first history, and not by the hundredth.
SUPPRESSED = [
    *(("suppress", (person, "")) for person in PEOPLE[::2]),
    *(to_admit(person) for person in PEOPLE),
]
USED_UP = [
    ("learn", True),
    *[to_admit(*PEOPLE), ("settle", "accepted"), ("wait", 1.5)] * 11,
]
PAUSED = [("learn", False), to_admit(PEOPLE[1])]
REPEATED = [to_admit(PEOPLE[1], keyed=True)] * 2
# To shrink a history is to ask Redis some ten thousand times, which takes
# minutes, and a failure is tried twice. As it is, it is 30 steps at most.
PHASES = [phase for phase in Phase if phase is not Phase.shrink]


def live(pair: Pair, steps: list[tuple[str, Any]]) -> None:
    """Do the same to both, and compare what they say."""
    for number, (act, value) in enumerate(steps):
        expected: list[Any] = []
        actual: list[Any] = []
        if act == "wait":
            pair.clock.sleep(value)
        elif act == "admit":
            admission = _admission(number, **value)
            expected, actual = pair.both(methodcaller("admit", admission))
        elif act == "settle" and pair.open:
            claims = pair.open.pop()
            _settle(pair, claims, value)
        elif act == "suppress":
            entry = Suppression(
                address=value[0], reason="bounce", stream=value[1]
            )
            expected = figures(pair.memory.suppressions.add([entry]))
            actual = figures(pair.redis.suppressions.add([entry]))
        elif act == "free":
            pair.redis.suppressions.remove([value])
            pair.memory.suppressions.remove([value])
        elif act == "learn":
            account = Account(
                max_send_rate=20,
                max_24_hour_send=30,
                sending_enabled=value,
                as_of=dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc),
            )
            pair.both(methodcaller("learn", SCOPE, account))
            # What another process learnt may be seen a second later.
            pair.clock.sleep(1.1)
        assert pytest.approx(expected, abs=1e-5) == actual


def _admission(
    number: int, name: int, people: list[str], *, keyed: bool, **asked: Any
) -> Admission:
    return wish(
        name if keyed else 1_000 + number,
        keyed=keyed,
        recipients=tuple(people),
        cost=len(people),
        quota_cost=len(people),
        owner=f"call {number}",
        **asked,
    )


def _settle(pair: Pair, claims: tuple[Any, Any], how: str) -> None:
    outcome: Any = {
        "accepted": accepted(),
        "rejected": rejected(),
        "rate": Deferred(by="rate"),
        "unreachable": Deferred(by="unreachable"),
    }[how]
    said = []
    for state, claim in zip((pair.memory, pair.redis), claims, strict=True):
        try:
            state.submit(claim, 10)
        except NotSentError as error:
            said.append(type(error).__name__)
        else:
            said.append("submitted")
            state.settle(claim, outcome)
    assert said[0] == said[1]


def test_one_script_decides_as_the_parts_do(redis_url: str) -> None:
    """After any history the fast way says what the slow one would."""
    names = iter(range(1_000_000))

    @settings(max_examples=150, phases=PHASES)
    @given(STEPS)
    @example(SUPPRESSED)
    @example(USED_UP)
    @example(PAUSED)
    @example(REPEATED)
    def compare(steps: list[tuple[str, Any]]) -> None:
        clock = FakeClock()
        prefix = f"{redis_url.partition('prefix=')[2]}{next(names)}"
        url = f"{redis_url.partition('?')[0]}?prefix={prefix}"
        redis = RedisState.from_url(url, clock=clock, timeout_s=PATIENCE_S)
        try:
            live(Pair(clock, redis, memory_state(clock)), steps)
        finally:
            redis.close()

    compare()


def test_nothing_is_left_of_a_mail_without_a_key(state: RedisState) -> None:
    """A note is there while the mail is in flight, and gone after it."""
    claim = admitted(state, wish(1)).claim
    noted = state.look_up(claim.id)
    state.settle(claim, accepted())

    assert (True, None) == (noted is not None, state.look_up(claim.id))


def test_a_lost_answer_leaves_no_open_outcome(redis_url: str) -> None:
    """What was admitted without anybody hearing of it is taken back."""
    state = RedisState.from_url(redis_url)
    other = Server(redis_url, timeout_s=PATIENCE_S)
    # The server has to know the script, else it only asks for it.
    state.settle(admitted(state, wish(0)).claim, accepted())
    busy = threading.Thread(target=_keep_busy, args=(other,))
    busy.start()
    _wait_until_busy(Server(redis_url))
    with pytest.raises(StoreError):
        state.admit(wish(1))
    busy.join()
    deadline = time.monotonic() + PATIENCE_S
    while not isinstance(attempt(state, wish(2)), Admitted):
        assert time.monotonic() < deadline
    known = state.look_up(f"{1:064x}")
    state.close()
    other.close()

    assert known is None


def test_what_was_not_asked_is_not_taken_back(
    own_redis: RedisServer,
) -> None:
    """A Redis that is down long leaves nothing to catch up with."""
    state = RedisState.from_url(own_redis.url, clock=FakeClock())
    state.settle(admitted(state, wish(0)).claim, accepted())
    own_redis.kill()
    errors = [attempt(state, wish(n)) for n in range(1, 20)]
    own_redis.start()
    state.server.clock.sleep(60)
    asked = state.server.ask("test", "INFO", "commandstats")
    admitted(state, wish(20))
    after = state.server.ask("test", "INFO", "commandstats")
    state.close()

    assert {StoreError} == {type(error) for error in errors}
    assert b"cmdstat_evalsha" not in asked
    assert b"cmdstat_evalsha:calls=1," in after


def _keep_busy(server: Server) -> None:
    text = """
    local began = redis.call('TIME')
    repeat
        local now = redis.call('TIME')
    until (now[1] - began[1]) * 1000000 + now[2] - began[2] > 1200000
    """
    server.ask("test", "EVAL", text, 0)


def _wait_until_busy(server: Server) -> None:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        try:
            server.ask("test", "PING")
        except StoreError:
            return
    pytest.fail("the server never was busy")


def test_a_pause_that_another_process_learnt(
    state: RedisState, redis_url: str
) -> None:
    """It is seen in the script, at once."""
    other = RedisState.from_url(redis_url, timeout_s=PATIENCE_S)
    admitted(other, wish(1))
    state.learn(
        SCOPE,
        Account(
            max_send_rate=14,
            sending_enabled=False,
            as_of=dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc),
        ),
    )
    with pytest.raises(SendingPausedError):
        other.admit(wish(2))
    other.close()

    assert None is not state.account(SCOPE)


# A claim that ran out is there to be claimed again, and in the end gone.
@pytest.mark.parametrize(
    "owner, later_s", [("late", 100.0), ("now", 30 * 86_400.0)]
)
def test_a_job_that_was_lost(
    redis_url: str, owner: str, later_s: float
) -> None:
    """Who held a job once can neither send nor free it any more."""
    clock = FakeClock()
    state = RedisState.from_url(redis_url, clock=clock, timeout_s=PATIENCE_S)
    late = admitted(state, wish(1, keyed=True, owner="late")).claim
    clock.sleep(later_s)
    now = admitted(state, wish(1, keyed=True, owner=owner)).claim
    with pytest.raises(NotSentError):
        state.submit(late, 10)
    state.submit(now, 10)
    state.settle(late, Deferred(by="unreachable"))
    found = state.look_up(now.id)
    state.settle(now, accepted())
    ended = state.look_up(now.id)
    state.close()

    assert found
    assert ended
    assert ("submitting", owner, "accepted") == (
        found.record.state,
        found.record.owner,
        ended.record.state,
    )


def test_a_newer_format(state: RedisState) -> None:
    """What a newer version has written is refused, and left alone."""
    key = state.server.key("budget", SCOPE)
    state.server.ask("test", "HSET", key, "format", "2")
    refused = attempt(state, wish(1))

    assert "format 2" in str(refused)
    assert [b"format", b"2"] == state.server.ask("test", "HGETALL", key)
