"""Whatever happens, a ledger in SQLite and one in memory say the same."""

from __future__ import annotations

import math
from contextlib import closing
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safeses._outcome import Accepted, Claim, Deferred, Rejected, Unknown
from safeses.errors import (
    OutcomeUnknownError,
    RejectedError,
    SafeSESError,
    StoreError,
    UnreachableError,
)
from safeses.ledger import (
    Claimed,
    Found,
    Job,
    LeftOut,
    MemoryLedger,
    Record,
    Sent,
)
from safeses.sqlite._database import Database
from safeses.sqlite._ledger import SqliteLedger
from safeses.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from safeses.ledger._rows import RowsLedger

START = 1_767_225_600.0
LEASE_S = 30.0
DAY_S = 86_400.0
KEY, OTHER_KEY, TAG = "a" * 64, "c" * 64, "b" * 32
PAYLOADS = (
    "1 " + "1" * 64 + " html=11111111",
    "1 " + "2" * 64 + " html=22222222",
)
LEFT_OUT = LeftOut(position=1, reason="bounce", since=1.5, source="ses")


def claim_of(
    job: Job | None = None,
    *,
    name: str = TAG,
    attempt: int = 1,
    owner: str = "call-1",
) -> Claim:
    """Return what a call that claimed *job* holds."""
    return Claim(
        tag=job.id if job else name,
        scope="eu-west-1",
        cost=1,
        quota_cost=1,
        owner=owner,
        attempt=attempt,
        job=job,
        recipients=2,
        left_out=(LEFT_OUT,),
    )


@attrs.define
class FileTime:
    """The scale of a file, for a ledger in memory to be compared with."""

    database: Database

    def monotonic(self) -> float:
        """Return seconds of the file."""
        return self.database.now()

    def time(self) -> float:
        """Return seconds since 1970."""
        return self.database.wall()

    def sleep(self, seconds: float, wake: object = None) -> None:
        """No ledger sleeps."""
        raise NotImplementedError


Act = tuple[Any, ...]

# Few of each, so that histories meet; the first of them are the likely ones.
NAMES = st.sampled_from([KEY, KEY, TAG, TAG, OTHER_KEY])
LEASES = st.sampled_from([0.0, 1.0, LEASE_S])
SENTS = st.builds(
    Sent,
    message_id=st.sampled_from(["", "m1", "m2", "m3"]),
    request_id=st.just("r1"),
    # The minute of the first sends, the last one that proves, and after.
    sent_at=st.sampled_from([START, START + 300.0, START + 360.0]),
)
JOBS = st.builds(
    Job,
    id=st.sampled_from([KEY, KEY, KEY, OTHER_KEY]),
    payload=st.sampled_from([PAYLOADS[0], *PAYLOADS]),
    on_unknown=st.sampled_from(["hold", "resend", "reconcile"]),
    grace_s=st.sampled_from([0.0, 0.0, 60.0, math.inf]),
    same_payload=st.booleans(),
)
REFUSAL = RejectedError("MessageRejected", 400, "not verified", "r9")
OUTCOMES = st.one_of(
    st.builds(
        Accepted,
        message_id=st.sampled_from(["m1", "m2"]),
        sent=st.none() | SENTS,
    ),
    st.sampled_from(
        [
            Deferred(by="rate"),
            Rejected(error=REFUSAL, final=True),
            Rejected(error=REFUSAL),
            Rejected(error=UnreachableError("no route"), final=True),
            Unknown(error=OutcomeUnknownError(TAG, "no answer")),
        ]
    ),
)
CALLS = st.sampled_from([0, 0, 0, 0, 1, 2])
OWNERS = st.sampled_from(["call-1", "call-2"])
CLAIM = st.tuples(st.just("claim"), JOBS, OWNERS, LEASES)
NOTE = st.tuples(st.just("note"), NAMES, st.integers(1, 2), OWNERS)
SUBMIT = st.tuples(st.just("submit"), CALLS, LEASES)
SETTLE = st.tuples(st.just("settle"), CALLS, OUTCOMES)
PASS = st.tuples(
    st.just("pass"),
    st.sampled_from([0.5, 0.5, 1.0, 1.0, LEASE_S, 60.0, DAY_S, 14 * DAY_S]),
)
# Most of what happens is an attempt, or the parts of one.
ATTEMPTS = st.one_of(
    st.tuples(CLAIM, SUBMIT, SETTLE),
    st.tuples(CLAIM, SUBMIT, SETTLE),
    st.tuples(NOTE, SUBMIT, SETTLE),
    st.tuples(CLAIM, SUBMIT),
    st.tuples(CLAIM),
    st.tuples(NOTE, SUBMIT),
    st.tuples(NOTE),
    st.tuples(SUBMIT),
    st.tuples(SETTLE),
)
OTHERS = st.one_of(
    st.tuples(st.just("confirm"), NAMES, SENTS),
    st.tuples(st.just("resolve"), NAMES, st.none() | SENTS),
    st.tuples(st.just("look_up"), NAMES),
    st.tuples(
        st.just("unsettled"),
        st.sampled_from(["", KEY, TAG]),
        st.integers(1, 3),
    ),
    st.tuples(st.just("purge")),
    PASS,
    PASS,
).map(lambda act: (act,))
HISTORIES = st.lists(
    st.one_of(ATTEMPTS, ATTEMPTS, OTHERS), min_size=10, max_size=25
).map(lambda parts: [act for part in parts for act in part])


def answer_of(act: Callable[[], Any]) -> Any:
    """Return what *act* says, in a form that can be compared."""
    try:
        said = act()
    except SafeSESError as error:
        if isinstance(error, StoreError):
            return StoreError, error.part, error.problem
        return type(error), attrs.astuple(error)  # type: ignore[arg-type]  # every error of ours is attrs
    if isinstance(said, (Claimed, Found)):
        return type(said), attrs.astuple(said)
    return said


def performed(ledger: RowsLedger, claims: list[Claim], act: Act) -> Any:
    """Do *act*; return the answer, and the record of every name."""
    verb, *values = act
    if verb == "claim":
        job, owner, lease_s = values
        said = ledger.claim(job, owner, lease_s)
        if isinstance(said, Claimed):
            claims.append(claim_of(job, attempt=said.attempt, owner=owner))
        return said
    if verb == "note":
        name, attempt, owner = values
        claims.append(claim_of(name=name, attempt=attempt, owner=owner))
        return None
    if verb in {"submit", "settle"}:
        call, value = values
        if not claims:
            return None
        return getattr(ledger, verb)(claims[-1 - call % len(claims)], value)
    return getattr(ledger, verb)(*values)


def records_of(ledger: RowsLedger) -> list[Record | None]:
    """Return what is kept by each name."""
    with ledger._open() as rows:  # noqa: SLF001  # as kept, not as of now
        return [rows.get(name) for name in (KEY, OTHER_KEY, TAG)]


@pytest.fixture(scope="module")
def shared(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Database, FakeClock]]:
    """One file for all histories, as making one takes its time."""
    clock = FakeClock()
    path = tmp_path_factory.mktemp("ledger") / "mail.db"
    with closing(Database(path, clock=clock)) as database:
        yield database, clock


@settings(max_examples=400)
@given(acts=HISTORIES, is_joined=st.booleans())
def test_the_same_as_in_memory(
    shared: tuple[Database, FakeClock], acts: list[Act], *, is_joined: bool
) -> None:
    """After any history both say the same, and keep the same records."""
    database, clock = shared
    database.execute("test", "delete from safeses_ledger")
    database.execute("test", "delete from safeses_ledger_proofs")
    clock.step_wall(START - clock.time())
    memory = MemoryLedger(clock=FileTime(database))
    both: list[list[Any]] = [[], []]
    claims: list[list[Claim]] = [[], []]
    opened: Any = (
        database.transaction("test")
        if is_joined
        else closing(SqliteLedger(database))
    )
    with opened:
        given_to = database.joined() if is_joined else database
        ledgers = (memory, SqliteLedger(given_to))
        for act in acts:
            if act[0] == "pass":
                clock.advance(act[1])
                continue
            for ledger, seen, made in zip(ledgers, both, claims, strict=True):
                seen.append(
                    (
                        act,
                        answer_of(lambda: performed(ledger, made, act)),  # noqa: B023  # called at once
                        records_of(ledger),
                    )
                )

    assert both[0] == both[1]
