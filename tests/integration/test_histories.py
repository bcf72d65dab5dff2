"""Whatever fails, the ledger and SES agree in the end, and callers know."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from tests.integration._faulty_world import (
    STALL_S,
    Call,
    FaultySES,
    KilledError,
    World,
    faulty_states,
)

from safeses import (
    Client,
    Email,
    EventSource,
    IdempotencyError,
    Limits,
    NotSentError,
    OutcomeUnknownError,
    Receipt,
    SafeSESError,
    StoreError,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from safeses._job import OnUnknown
    from safeses.ledger import Record, Sent

pytestmark = pytest.mark.server

EPISODES = 100
CALLERS = 4
CALLS = 26
FREE = frozenset({"free", "deferred", "rejected"})
POLICIES: tuple[OnUnknown, ...] = ("hold", "reconcile", "resend")


@attrs.define(eq=False)
class Episode:
    """
    Some callers in one world, with the jobs of each other.

    Attributes:
        world: Where they live.
        clients: Their clients, in turn; all share the facts.
        wrong: What was wrong on the way.
    """

    world: World
    clients: list[Client]
    wrong: list[str] = attrs.field(factory=list)

    def play(self) -> list[str]:
        """Let all send, and say what was wrong."""
        callers = [self._caller(number) for number in range(CALLERS)]
        self.world.clock.run(*callers, within_s=600.0)
        wrong = self._in_the_end()
        self.world.is_calm = True
        ledger = self.clients[0].ledger.store
        self.world.bring_events(ledger, everything=True)
        wrong += self._in_the_end() + self._repeated()
        return self.wrong + wrong

    def _caller(self, number: int) -> Callable[[], None]:
        client = self.clients[number % len(self.clients)]
        draw = self.world.random

        def act() -> None:
            for turn in range(CALLS):
                if draw.random() < 0.05:
                    self.world.settle_by_hand(client)
                # A few jobs at a time, and later others.
                job = turn // 3 + draw.randrange(3)
                key = f"job-{job}" if draw.random() < 0.75 else ""
                policy = POLICIES[job % 3 if key else draw.choice([0, 2])]
                self.send(client, Call(key, policy))
                self.world.clock.sleep(draw.choice([0, 0.5, 2, 2, 30]))
                if draw.random() < 0.03:
                    self.world.clock.sleep(2_000)

        return act

    def send(self, client: Client, call: Call, **options: Any) -> None:
        """Send one mail, and note what came of it."""
        world = self.world
        call.before = len(world.taken[call.key]) if call.key else 0
        world.begin(call)
        mail = Email(
            from_email="shop@a.example",
            to="eva@b.example",
            subject=call.key or "no key",
            text="Thank you." + " Again." * world.happens(2),
        )
        try:
            call.receipt = client.send(
                mail,
                idempotency_key=call.key or None,
                on_unknown=call.on_unknown,
                **options,
            )
        except (SafeSESError, KilledError, KeyboardInterrupt) as error:
            call.error = error
        call.is_over = True
        if call.key and self._is_free(call.key) and world.taken[call.key]:
            self.wrong.append(f"{call}: free now, but SES has it")

    def _is_free(self, key: str) -> bool:
        """Whether the job may be sent, or was never taken, at this moment."""
        outcomes = self.clients[0].ledger
        found = outcomes.store.look_up(outcomes.job_id(key))
        return found is None or found.record.state in FREE

    def _in_the_end(self) -> list[str]:
        """Compare what SES, the ledger and the callers know."""
        world, outcomes = self.world, self.clients[0].ledger
        world.clock.advance(2 * STALL_S)
        unknown = {send.tag for send in outcomes.unknown()}
        wrong = [w for call in world.calls for w in self._of_call(call)]
        keys = {call.key for call in world.calls if call.key}
        for key in sorted(keys):
            name = outcomes.job_id(key)
            found = outcomes.store.look_up(name)
            record = None if found is None else found.record
            is_listed = name in unknown
            wrong += self._of_job(key, record, is_listed=is_listed)
        for call in world.calls:
            if not call.key and call.tag:
                is_listed = call.tag in unknown
                wrong += self._of_unkeyed(call, is_listed=is_listed)
        return wrong

    def _of_call(self, call: Call) -> list[str]:
        wrong = []
        if isinstance(call.error, NotSentError):
            if call.taken:
                wrong.append("not sent, but SES has it")
            # Of what others did meanwhile it may not know.
            if call.before and not isinstance(
                call.error, (IdempotencyError, StoreError)
            ):
                wrong.append("not sent, but SES had the job before")
        if call.receipt is not None:
            ids = self.world.taken[call.key or call.tag]
            if call.receipt.message_id not in ids:
                wrong.append("a receipt of what SES has not")
            if (
                not call.receipt.replayed
                and [call.receipt.message_id] != call.taken[-1:]
            ):
                wrong.append("a receipt of another's mail")
        if len(call.taken) > 1 + (call.on_unknown == "resend"):
            wrong.append("sent too often by one call")
        return [f"{call}: {one}" for one in wrong]

    def _of_unkeyed(self, call: Call, *, is_listed: bool) -> list[str]:
        wrong = []
        if call.receipt is None:
            # What is known to be sent is forgotten, with the call at its end.
            known = call.is_recorded or call.tag in self.world.settled
            if call.taken and not (is_listed or known):
                wrong.append("lost in silence")
        elif call.receipt.recorded and is_listed:
            wrong.append("sent, but listed as unknown")
        return [f"{call}: {one}" for one in wrong]

    def _of_job(
        self, key: str, record: Record | None, *, is_listed: bool
    ) -> list[str]:
        world = self.world
        ids = world.taken[key]
        mine = [call for call in world.calls if call.key == key]
        state = record.state if record else "free"
        wrong = []
        once = mine[0].on_unknown == "hold" or (
            mine[0].on_unknown == "reconcile" and not world.loses_events
        )
        if once and len(ids) > 1:
            wrong.append("sent twice")
        if state in FREE and ids:
            wrong.append(f"{state}, but SES has it")
        if state in {"reserved", "submitting"}:
            wrong.append(f"still {state}")
        if state == "unknown" and not any(
            call.is_submitted or isinstance(call.error, KeyboardInterrupt)
            for call in mine
        ):
            wrong.append("unknown, but no byte has left")
        if (state == "unknown") != is_listed:
            wrong.append(f"{state}, and listed: {is_listed}")
        receipts = [call.receipt for call in mine if call.receipt]
        if record and record.sent:
            wrong += _wrong_ids(record, record.sent, ids, receipts)
        elif any(receipt.recorded for receipt in receipts):
            wrong.append(f"a receipt, but {state}")
        return [f"{key}, {state}, {ids}: {one}" for one in wrong]

    def _repeated(self) -> list[str]:
        """Repeat every job in calm, and see what is told."""
        wrong = []
        world = self.world
        keys = sorted({call.key for call in world.calls if call.key})
        for key in keys:
            mine = [c for c in world.calls if c.key == key]
            before = len(world.taken[key])
            again = Call(key, "hold")
            self.send(self.clients[-1], again, on_key_conflict="replay")
            firsts = {
                call.receipt.message_id: call.receipt
                for call in mine
                if call.receipt and not call.receipt.replayed
            }
            told = again.error
            if again.receipt is None:
                if before and not isinstance(told, OutcomeUnknownError):
                    wrong.append(f"{key}: {told!r} of what SES has")
            elif before and not again.receipt.replayed:
                wrong.append(f"{key}: sent again")
            elif again.receipt.replayed:
                first = firsts.get(again.receipt.message_id)
                if first and any(call.error for call in mine):
                    # Perhaps it was an earlier attempt that was accepted,
                    # and that was for others: nobody need be named.
                    named = (again.receipt.accepted, again.receipt.dropped)
                    if named == ((), ()):
                        first = attrs.evolve(first, accepted=(), dropped=())
                if first and not _is_replay(again.receipt, first):
                    wrong.append(f"{key}: {again.receipt} after {first}")
        return wrong


def _wrong_ids(
    record: Record, sent: Sent, ids: list[str], receipts: list[Receipt]
) -> list[str]:
    """Compare the ids that SES, the ledger and the callers have of a job."""
    wrong = []
    first = sent.message_id
    known = {first, *record.others}
    if record.state != "accepted":
        wrong.append("an id of what was not accepted")
    if not known <= {*ids}:
        wrong.append("accepted by an id that SES has not")
    if any(r.replayed and r.message_id != first for r in receipts):
        wrong.append("replays differ")
    if any(r.recorded and r.message_id not in known for r in receipts):
        wrong.append("an id is lost")
    return wrong


def _is_replay(replay: Receipt, first: Receipt) -> bool:
    """Whether it says the same; what an event told has fewer details."""
    same = attrs.evolve(first, replayed=True, recorded=True)
    if not replay.request_id:
        names = ("request_id", "attempts", "waited_s", "sent_at")
        some = {name: getattr(replay, name) for name in names}
        same = attrs.evolve(same, **some)
    return replay == same


def played(seed: str, path: Path | None) -> tuple[list[str], Counter[str]]:
    """Play an episode; return what was wrong, and how often what ended."""
    draw = random.Random(seed)  # noqa: S311  # no secret
    world = World(draw, loses_events=draw.random() < 0.5)
    fake: Any = FaultySES(world)
    with ExitStack() as stack:
        clients = [
            stack.enter_context(
                Client(
                    fake,
                    state=state,
                    limits=Limits(per_second=1_000),
                    events=EventSource(name="the world"),
                    clock=world.clock,
                )
            )
            for state in faulty_states(world, path)
        ]
        wrong = Episode(world, clients).play()
    ends = Counter(
        type(call.receipt or call.error).__name__ for call in world.calls
    )
    return [f"seed {seed}: {one}" for one in wrong], ends


@pytest.mark.parametrize("engine", ["memory", "sqlite"])
def test_histories(engine: str, tmp_path: Path) -> None:
    """In thousands of sends amid faults, no promise is broken."""
    wrong: list[str] = []
    ends: Counter[str] = Counter()
    kept = random.getstate()
    try:
        for number in range(EPISODES):
            seed = f"{engine}-{number}"
            random.seed(seed)  # for the pauses between attempts
            path = tmp_path / f"{number}.db" if engine == "sqlite" else None
            told, ended = played(seed, path)
            wrong += told
            ends += ended
    finally:
        random.setstate(kept)

    assert [] == wrong
    assert ends.total() > 10_000
