"""The ledger in Redis decides as the one in memory does."""

from __future__ import annotations

import math
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from hypothesis import given, settings
from tests.engines import open_url
from tests.test_sqlite_ledger_differential import (
    HISTORIES,
    START,
    Act,
    answer_of,
    performed,
    records_of,
)

from safeses._commands.state._bar import Bar
from safeses._commands.state._copy import PAGE, Copying
from safeses._outcome import (
    Accepted,
    Claim,
    Deferred,
    Outcome,
    Rejected,
    Unknown,
)
from safeses.errors import OutcomeUnknownError, RejectedError, StoreError
from safeses.ledger import (
    Claimed,
    Job,
    LeftOut,
    MemoryLedger,
    Record,
    Refused,
    Sent,
)
from safeses.redis._connection import EPOCH_S, Server
from safeses.redis._ledger import RedisLedger
from safeses.redis._ledger_rows import record_of, text_of
from safeses.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.engines import RedisServer


pytestmark = [pytest.mark.server, pytest.mark.long]

LEASE_S = 30.0
DAY_S = 86_400.0
KEY, TAG = "a" * 64, "b" * 32
LEFT_OUT = LeftOut(position=1, reason="bounce", since=1.5, source="ses")
REFUSAL = RejectedError("MessageRejected", 400, "not verified", "r9")
SENT = Sent(message_id="m1", request_id="r1", sent_at=0.1 + 0.2)
FULL = Record(
    id=KEY,
    state="accepted",
    owner="call 1\n\ud800",
    attempt=2,
    payload="a line\nand \u2028 more",
    unsure=1,
    reason="no answer: \u00e9",
    began_wall=1_767_225_600.125,
    submitted_wall=1_767_225_601.1,
    lease_s=math.inf,
    lease_ends=0.1 + 0.2,
    expires=1e9,
    recipients=3,
    left_out=(LEFT_OUT, attrs.evolve(LEFT_OUT, position=2, since=None)),
    sent=SENT,
    others=("m2", "m3"),
    refused=Refused(code="MessageRejected", status=400, detail="\ud800"),
)


class Watched(Server):
    """Counts how often Redis is asked."""

    asked: int = 0

    def run(self, *args: Any, **options: Any) -> Any:
        """Run a script."""
        self.asked += 1
        return super().run(*args, **options)

    def ask(self, *args: Any, **options: Any) -> Any:
        """Perform a command."""
        self.asked += 1
        return super().ask(*args, **options)


@pytest.fixture
def clock() -> FakeClock:
    """Time that the test moves."""
    return FakeClock()


@pytest.fixture
def server(redis_url: str, clock: FakeClock) -> Iterator[Watched]:
    """Return where keys of our own are asked."""
    with closing(Watched(redis_url, clock=clock, timeout_s=5)) as server:
        yield server


@pytest.fixture
def ledger(server: Watched) -> RedisLedger:
    """The ledger there."""
    return RedisLedger(server)


def claim_of(
    job: Job | None = None, *, tag: str = TAG, attempt: int = 1
) -> Claim:
    """Return what a call that claimed *job* holds."""
    return Claim(
        tag=job.id if job else tag,
        scope="eu-west-1",
        cost=1,
        quota_cost=1,
        owner="call-1",
        attempt=attempt,
        job=job,
        recipients=2,
        left_out=(LEFT_OUT,),
    )


def unknown() -> Unknown:
    """Return the outcome of an attempt whose answer was lost."""
    return Unknown(error=OutcomeUnknownError(TAG, "no answer"))


def accepted() -> Accepted:
    """Return the outcome of an attempt that SES took."""
    return Accepted(message_id="m1", sent=SENT)


# --- The same as in memory ---------------------------------------------------


@attrs.define
class ServerTime:
    """The scale of Redis, for a ledger in memory to be compared with."""

    server: Server

    def monotonic(self) -> float:
        """Return seconds as scripts are told them."""
        return float(self.server._time())  # noqa: SLF001  # to the last bit

    def time(self) -> float:
        """Return seconds since 1970."""
        return self.monotonic() + EPOCH_S

    def sleep(self, seconds: float, wake: object = None) -> None:
        """No ledger sleeps."""
        raise NotImplementedError


@pytest.fixture(scope="module")
def shared(
    redis_server: RedisServer,
) -> Iterator[tuple[Server, FakeClock]]:
    """One place for all histories."""
    clock = FakeClock()
    url = f"{redis_server.url}?prefix=histories"
    with closing(Server(url, clock=clock, timeout_s=5)) as server:
        yield server, clock


@settings(max_examples=60)
@given(acts=HISTORIES)
def test_the_same_as_in_memory(
    shared: tuple[Server, FakeClock], acts: list[Act]
) -> None:
    """After any history both say the same, and keep the same records."""
    server, clock = shared
    redis = RedisLedger(server)
    rows = redis._rows()  # noqa: SLF001  # to begin with nothing
    kept = server.ask("test", "ZRANGE", rows.open_jobs(), 0, -1)
    names = {KEY, TAG, "c" * 64}
    assert {name.decode() for name in kept} <= names
    keys = [rows.job(name) for name in names]
    server.ask("test", "DEL", *keys, rows.open_jobs(), rows.proofs())
    clock.step_wall(START - clock.time())
    memory = MemoryLedger(clock=ServerTime(server))
    both: list[list[Any]] = [[], []]
    claims: list[list[Claim]] = [[], []]
    for act in acts:
        if act[0] == "pass":
            clock.advance(act[1])
            # In Redis what has expired goes by itself.
            memory.purge()
            continue
        if act[0] == "purge":
            continue
        for one, seen, made in zip((memory, redis), both, claims, strict=True):
            answer = answer_of(lambda: performed(one, made, act))  # noqa: B023  # called at once
            seen.append((act, _neutral(answer), records_of(one)))

    assert both[0] == both[1]


def _neutral(answer: Any) -> Any:
    """Return an answer without what is wrong in the words of an engine."""
    return answer[:2] if isinstance(answer, tuple) else answer


# --- Records -----------------------------------------------------------------


def test_every_field_is_kept() -> None:
    """A record comes back as it was, to the last bit."""
    least = Record(id=KEY, state="reserved", owner="")

    assert [FULL, least] == [
        record_of(KEY, text_of(record)) for record in (FULL, least)
    ]


def test_a_newer_version(ledger: RedisLedger, server: Watched) -> None:
    """What a newer version has added to a record stays there."""
    job = Job(id=KEY)
    ledger.claim(job, "call-1", LEASE_S)
    key = server.key("job", KEY)
    server.ask("test", "APPEND", key, "\nmore")
    ledger.submit(claim_of(job), LEASE_S)
    ledger.settle(claim_of(job), accepted())
    found = ledger.look_up(KEY)

    assert ("accepted", True) == (
        found and found.record.state,
        server.ask("test", "GET", key).endswith(b"\nmore"),
    )


@pytest.mark.parametrize(
    "text",
    [
        b"sending" + text_of(FULL)[8:],
        text_of(FULL).replace(b'"m1"', b"m1"),
        text_of(FULL).rpartition(b"\n")[0],
        text_of(FULL).replace(b"\n2\n1\n", b"\n2\none\n"),
        b"\xff",
        b"",
    ],
    ids=["state", "JSON", "lines", "number", "bytes", "empty"],
)
def test_what_is_no_record(
    ledger: RedisLedger, server: Watched, text: bytes
) -> None:
    """What cannot be read is an outage, never a job that is free."""
    server.ask("test", "SET", server.key("job", KEY), text)
    parts = []
    for ask in (
        lambda: ledger.look_up(KEY),
        lambda: ledger.claim(Job(id=KEY), "call-2", LEASE_S),
    ):
        with pytest.raises(StoreError, match="none of this version") as seen:
            ask()
        parts.append((seen.value.part, seen.value.engine))

    assert [("ledger", "redis")] * 2 == parts


def test_what_expires(
    ledger: RedisLedger, server: Watched, clock: FakeClock
) -> None:
    """Only what is settled or can be sent again goes by itself."""
    jobs = [Job(id=f"{n:064}") for n in range(6)]
    for job in jobs:
        ledger.claim(job, "call-1", LEASE_S)
    for job in jobs[1:]:
        ledger.submit(claim_of(job), LEASE_S)
    outcomes: list[Outcome] = [
        unknown(),
        accepted(),
        Rejected(error=REFUSAL, final=True),
        Deferred(by="rate"),
    ]
    for job, outcome in zip(jobs[2:], outcomes, strict=True):
        ledger.settle(claim_of(job), outcome)
    left_s = [server.ask("t", "TTL", server.key("job", j.id)) for j in jobs]
    clock.advance(14 * DAY_S - 1)
    known = [ledger.look_up(job.id) is not None for job in jobs]

    # They end by what they say; Redis removes them a minute later.
    ends_s = [DAY_S + LEASE_S, -61, -61, 14 * DAY_S, 14 * DAY_S, DAY_S]

    assert [False, True, True, True, True, False] == known
    assert pytest.approx([end + 60 for end in ends_s], abs=10) == left_s


# --- Round trips and connections ---------------------------------------------


def test_common_ways(ledger: RedisLedger, server: Watched) -> None:
    """Each act of a usual send is one question."""
    job = Job(id=KEY)
    asked = []
    for act in (
        lambda: ledger.look_up(KEY),
        lambda: ledger.claim(job, "call-1", LEASE_S),
        lambda: ledger.submit(claim_of(job), LEASE_S),
        lambda: ledger.settle(claim_of(job), accepted()),
        lambda: ledger.confirm(KEY, SENT),
        lambda: ledger.submit(claim_of(), LEASE_S),
        lambda: ledger.settle(claim_of(), accepted()),
        lambda: ledger.confirm(TAG, SENT),
        lambda: ledger.submit(claim_of(), LEASE_S),
        lambda: ledger.settle(claim_of(), Deferred(by="rate")),
    ):
        server.asked = 0
        act()
        asked.append(server.asked)

    assert [1] * 10 == asked


def test_threads_and_lost_scripts(redis_url: str) -> None:
    """Of sixteen threads one claims each job, though scripts are lost."""
    with closing(Server(redis_url, timeout_s=5)) as server:
        ledger = RedisLedger(server)
        jobs = [Job(id=f"{n:064}") for n in range(20)]

        def send(number: int) -> list[bool]:
            won = []
            for job in jobs:
                if number == 0:
                    server.ask("test", "SCRIPT", "FLUSH")
                answer = ledger.claim(job, "call-1", LEASE_S)
                won.append(isinstance(answer, Claimed))
                if won[-1]:
                    ledger.submit(claim_of(job), LEASE_S)
                    ledger.settle(claim_of(job), accepted())
            return won

        with ThreadPoolExecutor(16) as pool:
            wins = [*pool.map(send, range(16))]
        found = [ledger.look_up(job.id) for job in jobs]

    assert ([1] * 20, {"accepted"}) == (
        [sum(each) for each in zip(*wins, strict=True)],
        {one.record.state for one in found if one},
    )


@pytest.mark.parametrize("is_keyed", [True, False])
def test_settled_on_a_fresh_connection(
    own_redis: RedisServer, *, is_keyed: bool
) -> None:
    """What SES has accepted is recorded where the connection has died."""
    with closing(Server(own_redis.url, timeout_s=5)) as server:
        ledger = RedisLedger(server)
        job = Job(id=KEY) if is_keyed else None
        if job:
            ledger.claim(job, "call-1", LEASE_S)
        ledger.submit(claim_of(job), LEASE_S)
        own_redis.ask("CLIENT", "KILL", "TYPE", "normal")
        ledger.settle(claim_of(job), accepted())
        found = ledger.look_up(KEY if is_keyed else TAG)

    assert ("accepted" if is_keyed else None) == (found and found.record.state)


def test_a_server_that_has_lost_all(own_redis: RedisServer) -> None:
    """Nothing is claimed or said to be unknown; acceptance is recorded."""
    with closing(Server(own_redis.url, timeout_s=5)) as server:
        ledger = RedisLedger(server)
        job = Job(id=KEY)
        ledger.claim(job, "call-1", LEASE_S)
        ledger.submit(claim_of(job), LEASE_S)
        own_redis.ask("FLUSHALL")
        ledger.settle(claim_of(job), accepted())
        refusals = []
        for act in (
            lambda: ledger.look_up(TAG),
            lambda: ledger.claim(Job(id=TAG), "call-1", LEASE_S),
            lambda: ledger.submit(claim_of(), LEASE_S),
            ledger.unsettled,
        ):
            with pytest.raises(StoreError) as refusal:
                act()
            refusals.append("restarted empty" in refusal.value.problem)
        kept = server.ask("test", "GET", server.key("job", KEY))

    assert ([True] * 4, "accepted") == (
        refusals,
        record_of(KEY, kept).state,
    )


def test_any_name(ledger: RedisLedger) -> None:
    """A stranger may give any text for a tag, and finds nothing."""
    names = [":", "a:b", "%3A", "\ud800", "a\0", "x" * 10_000, "\n"]
    for name in names:
        ledger.submit(claim_of(tag=name), LEASE_S)
        ledger.settle(claim_of(tag=name), unknown())
    found: list[str] = []
    after = ""
    for _ in names:
        page = ledger.unsettled(after, 1)
        found += [record.id for record in page.records]
        after = page.next or after

    assert (sorted(names), None) == (
        found,
        ledger.look_up("b"),
    )


def test_all_that_is_known(ledger: RedisLedger) -> None:
    """Every job is listed, page by page, whatever its name."""
    names = sorted(["a:b", "%3A", "\ud800", *(f"{n:064}" for n in range(5))])
    for name in names:
        ledger.submit(claim_of(tag=name), LEASE_S)
    found: list[str] = []
    after = ""
    for _ in range(3):
        page = ledger.records(after, 3)
        found += [record.id for record in page.records]
        after = page.next

    assert (names, "") == (found, after)


def test_one_pass(own_redis: RedisServer, tmp_path: Path) -> None:
    """A copy goes once through the keys, however many jobs there are."""
    jobs = 3 * PAGE + 1
    with (
        closing(open_url(own_redis.url)) as source,
        closing(open_url(f"sqlite:///{tmp_path}/to.db")) as target,
    ):
        for number in range(jobs):
            source.ledger.submit(claim_of(tag=f"{number:064}"), LEASE_S)
        server = source.ledger.server
        keys = server.ask("test", "DBSIZE")
        server.ask("test", "CONFIG", "RESETSTAT")
        Copying(source=source, target=target, bar=Bar()).run()
        stats = server.ask("test", "INFO", "commandstats").decode()
        [scans] = re.findall(r"cmdstat_scan:calls=(\d+)", stats)
        copied = len(target.ledger.records(limit=2 * jobs).records)

    # Buckets that Redis has, of which some are empty: at most 4 for a key.
    assert (jobs, True) == (copied, int(scans) <= 4 * keys / 1_000 + 2)
