"""Whatever fails, each event is acted on once, and nothing is forgotten."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from tests.integration._feedback_world import (
    COUNT,
    FAULT,
    KilledError,
    LossySES,
    Worker,
    World,
    states_of,
)

from safeses import Client, Email, Limits, SafeSESError
from safeses.events import Bounce, FeedbackEvent
from safeses.feedback import Receiver

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from safeses._state import ComposedState
    from safeses.feedback._reply import Received

pytestmark = pytest.mark.server

EPISODES = 12
SENDERS = 2
WORKERS = 4
MAILS = 45
# Of whom mail always bounces softly; four times; and never for a reason.
FATES: dict[str, tuple[int, dict[str, Any]]] = {
    "fine": (16, {"first": 0}),
    "gone": (8, {}),
    "full": (
        5,
        {"type": "Transient", "sub_type": "MailboxFull", "status": "4.2.2"},
    ),
    "weak": (
        4,
        {
            "type": "Transient",
            "sub_type": "MailboxFull",
            "status": "4.2.2",
            "first": 4,
        },
    ),
    "away": (3, {"type": "Transient", "status": ""}),
    "odd": (
        3,
        {"type": "Undetermined", "sub_type": "Undetermined", "status": ""},
    ),
}
SOFT_LIMIT = 5
PEOPLE = [
    f"{name}-{number}@{'bc'[number % 2]}.example"
    for name, (many, _) in FATES.items()
    for number in range(many)
]
JUMPS_S = (3_600.0, -3_600.0, 86_400.0, -86_400.0)


@attrs.define(eq=False)
class Episode:
    """
    Some senders and some workers in one world.

    Attributes:
        world: Where they live.
        clients: Those who send, each of a process.
        receivers: What receives in each of these processes.
        senders: How many still send.
    """

    world: World
    clients: list[Client]
    receivers: list[Receiver]
    senders: int = SENDERS

    def play(self) -> list[str]:
        """Let all work, and say what was wrong."""
        world = self.world
        for name, (many, fate) in FATES.items():
            for one in PEOPLE:
                if one.startswith(name) and many:
                    world.ses.make_bounce(one, **fate)
        world.clock.run(
            *[self._sender(number) for number in range(SENDERS)],
            *[self._worker(number) for number in range(WORKERS)],
            self._jump,
            within_s=600.0,
        )
        world.is_calm = True
        world.clock.advance(600.0)
        return [
            *world.wrong,
            *self._in_the_end(),
            *self._again(),
            *self._recovered(),
        ]

    def _sender(self, number: int) -> Callable[[], None]:
        client = self.clients[number % len(self.clients)]
        world, draw = self.world, self.world.random

        def act() -> None:
            for turn in range(MAILS):
                people = draw.sample(PEOPLE, draw.choice([1, 1, 1, 2, 3]))
                mail = Email(
                    from_email="shop@a.example",
                    to=people,
                    subject=f"{number}/{turn}",
                    text="Thank you.",
                )
                key = f"job-{number}-{turn}" if draw.random() < 0.5 else None
                stream = draw.choice(["orders", None])
                try:
                    client.send(mail, idempotency_key=key, stream=stream)
                except (SafeSESError, KilledError):
                    pass
                else:
                    if draw.random() < 0.15:
                        self._complain(people)
                world.clock.sleep(draw.choice([0.0, 1.0, 5.0, 60.0]))
            self.senders -= 1

        return act

    def _complain(self, people: list[str]) -> None:
        """Let somebody complain, or say that it is no spam."""
        world = self.world
        mail = world.ses.sent[-1]
        world.ses.complain(
            mail.message_id,
            feedback_type=world.random.choice(["abuse", None, "not-spam"]),
            recipients=[p for p in mail.recipients if p in people][:2],
        )
        world.flush()

    def _worker(self, number: int) -> Callable[[], None]:
        receiver = self.receivers[number % len(self.receivers)]
        return lambda: self.world.deliver_until(
            receiver, lambda: not self.senders
        )

    def _jump(self) -> None:
        """Let the wall clock jump, and be set right again."""
        world = self.world
        while self.senders or world.queue:
            world.clock.sleep(world.random.uniform(0.0, 600.0))
            by_s = world.random.choice(JUMPS_S)
            world.clock.step_wall(by_s)
            world.clock.sleep(world.random.uniform(0.0, 600.0))
            world.clock.step_wall(-by_s)

    def _arrived(self) -> dict[str, dict[str, Any]]:
        world = self.world
        return {
            event: payload
            for event, payload in world.published.items()
            if event not in world.lost
        }

    def _in_the_end(self) -> list[str]:
        """Compare what SES has published and what is on record."""
        world, arrived = self.world, self._arrived()
        parts = self.clients[0].feedback_parts
        wrong = []
        told = {p["mail"]["tags"]["safeses-id"][0] for p in arrived.values()}
        unknown = {send.tag for send in parts.ledger.unknown()}
        if told & unknown:
            wrong.append("unknown, though an event tells")
        expected = suppressed_by(arrived.values())
        entries = parts.suppressions.page(limit=1_000).entries
        found = {entry.address: entry for entry in entries}
        for address in sorted(expected.keys() | found.keys()):
            entry, reasons = found.get(address), expected.get(address, set())
            if entry is None or entry.reason not in reasons:
                wrong.append(f"{address}: {entry} by {reasons}")
            elif (entry.expires_at is None) == (reasons == {"soft-bounce"}):
                wrong.append(f"{address}: ends at {entry.expires_at}")
        counted: Counter[str] = Counter()
        for event, payload in arrived.items():
            traces = world.traces[event]
            wrong += self._of_hooks(event, payload, traces)
            times = sum(trace.count(f"did {COUNT}") for trace in traces)
            names = counted_by(payload)
            unsure = sum(
                may_repeat(trace, COUNT, {"reactions", "reaction/count", "*"})
                for trace in traces
            )
            if not (bool(names) <= times <= (1 + unsure) * bool(names)):
                wrong.append(f"{event}: counted {times} times: {traces}")
            counted.update({name: n * times for name, n in names.items()})
        totals = parts.counters.totals(
            "safeses/eu-west-1", sorted({*counted, *NAMES}), 0.0
        )
        if {name: n for name, n in totals.items() if n} != dict(+counted):
            wrong.append(f"the counters say {totals}, not {counted}")
        return wrong

    def _of_hooks(
        self, event: str, payload: Mapping[str, Any], traces: list[list[str]]
    ) -> list[str]:
        wrong = []
        kinds = ["all", "bounces"][: 1 + (payload["eventType"] == "Bounce")]
        for name in kinds:
            runs = self.world.ran[name, event]
            unsure = sum(
                may_repeat(trace, name, {f"hook/{name}", "*"})
                for trace in traces
            )
            if not 1 <= runs <= 1 + unsure:
                wrong.append(f"{event}: {name} ran {runs} times: {traces}")
        return wrong

    def _again(self) -> list[str]:
        """Deliver all once more, which must change nothing."""
        world = self.world
        ran = world.ran.copy()
        counters = self.clients[0].feedback_parts.counters
        before = counters.totals("safeses/eu-west-1", NAMES, 0.0)
        wrong = []
        for payload in self._arrived().values():
            [handled] = self._receive(payload).handled
            if handled.status != "duplicate":
                wrong.append(f"delivered again, and {handled}")
        if ran != world.ran:
            wrong.append("a hook ran again")
        if before != counters.totals("safeses/eu-west-1", NAMES, 0.0):
            wrong.append("counted again")
        return wrong

    def _receive(self, payload: object) -> Received:
        self.world.local.worker = Worker()
        return self.receivers[0].receive(payload)

    def _recovered(self) -> list[str]:
        """Deliver to who is suppressed for a while, which lifts that."""
        world = self.world
        store = self.clients[0].feedback_parts.suppressions
        entries = store.page(limit=1_000).entries
        soft = [e.address for e in entries if e.reason == "soft-bounce"]
        for address in soft:
            before = set(world.published)
            world.ses.deliver(address)
            world.flush()
            for event in world.published.keys() - before:
                self._receive(world.published[event])
        left = {e.address for e in store.page(limit=1_000).entries}
        gone = {e.address for e in entries} - left
        return [] if gone == {*soft} else [f"lifted {gone}, not {soft}"]


STREAMS = ("", "orders")
NAMES = [
    f"{stream}/{what}"
    for stream in STREAMS
    for what in (
        *("send", "delivery", "bounce", "soft_bounce", "prevented"),
        "complaint",
    )
]


def suppressed_by(payloads: Any) -> dict[str, set[str]]:
    """Return who must be suppressed by the policy, and for what."""
    reasons: dict[str, set[str]] = defaultdict(set)
    soft: Counter[str] = Counter()
    for payload in payloads:
        kind, people = fate_in(payload)
        if kind in {"bounce", "complaint"}:
            for address in people:
                reasons[address].add(kind)
        elif kind == "soft_bounce":
            soft.update(people)
    for address, number in soft.items():
        if number >= SOFT_LIMIT and address not in reasons:
            reasons[address].add("soft-bounce")
    return reasons


def fate_in(payload: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Return what a bounce or a complaint says, and of whom."""
    if payload["eventType"] == "Bounce":
        bounce = payload["bounce"]
        what = {
            ("Permanent", "General"): "bounce",
            ("Permanent", "OnAccountSuppressionList"): "prevented",
            ("Transient", "MailboxFull"): "soft_bounce",
        }.get((bounce["bounceType"], bounce["bounceSubType"]), "")
        people = bounce["bouncedRecipients"]
    elif payload["eventType"] == "Complaint":
        complaint = payload["complaint"]
        people = complaint["complainedRecipients"]
        if complaint["complaintSubType"]:
            what = "prevented"
        else:
            is_spam = complaint.get("complaintFeedbackType") != "not-spam"
            what = "complaint" if is_spam else ""
    else:
        return "", []
    return what, [one["emailAddress"] for one in people]


def counted_by(payload: Mapping[str, Any]) -> dict[str, int]:
    """Return how many of what an event counts, by stream."""
    kind, mail = payload["eventType"], payload["mail"]
    if kind == "Send":
        what, number = "send", len(mail["destination"])
    elif kind == "Delivery":
        what, number = "delivery", len(payload["delivery"]["recipients"])
    else:
        what, people = fate_in(payload)
        number = 1 if kind == "Complaint" else len(people)
    streams = ["", *mail["tags"].get("safeses-stream", [])]
    return {f"{s}/{what}": number for s in streams} if what else {}


def may_repeat(trace: list[str], act: str, marks: set[str]) -> bool:
    """
    Whether a fault came amid the act, or before the mark of it.

    The mark is due at once: before anything else begins.
    """
    if f"did {act}" not in trace:
        return False
    later = trace[trace.index(f"begin {act}") + 1 :]
    first = next(
        step
        for step in (*later, "")
        if step in {FAULT, "", *marks} or step.startswith("begin ")
    )
    return first == FAULT


def played(seed: str, path: Path | None) -> tuple[list[str], Counter[str]]:
    """Play an episode; return what was wrong, and how often what was."""
    draw = random.Random(seed)  # noqa: S311  # no secret
    world = World(draw, loses_events=draw.random() < 0.5)
    with ExitStack() as stack:
        clients = [
            stack.enter_context(client_of(world, state))
            for state in states_of(world, path)
        ]
        receivers = [
            Receiver(world.faulty(client.feedback_parts)) for client in clients
        ]
        wrong = Episode(world, clients, receivers).play()
    sums = Counter(
        mails=world.mailed,
        events=len(world.published),
        deliveries=sum(map(len, world.traces.values())),
        faults=sum(
            trace.count(FAULT)
            for traces in world.traces.values()
            for trace in traces
        ),
        ran_twice=sum(number > 1 for number in world.ran.values()),
    )
    return [f"seed {seed}: {one}" for one in wrong], sums


def client_of(world: World, state: ComposedState) -> Client:
    """Return a client of the world, with hooks for what SES reports."""
    fake: Any = LossySES(world)
    client = Client(
        fake,
        state=state,
        limits=Limits(per_second=1_000),
        clock=world.clock,
    )
    client.on(FeedbackEvent, name="all")(world.hook("all"))
    client.on(Bounce, name="bounces")(world.hook("bounces"))
    return client


@pytest.mark.parametrize("engine", ["memory", "sqlite"])
def test_feedback_histories(engine: str, tmp_path: Path) -> None:
    """In thousands of events amid faults, each is acted on as promised."""
    wrong: list[str] = []
    sums: Counter[str] = Counter()
    kept = random.getstate()
    try:
        for number in range(EPISODES):
            seed = f"{engine}-{number}"
            random.seed(seed)  # for the pauses between attempts
            path = tmp_path / f"{number}.db" if engine == "sqlite" else None
            told, counted = played(seed, path)
            wrong += told
            sums += counted
    finally:
        random.setstate(kept)

    assert [] == wrong
    assert sums["events"] > 2_000
