"""
Whatever fails at whatever moment, an event is done in the end, and once.

Every call of every store is made to fail in turn, before it has had its
effect and after it; then the event is delivered until it is done.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from tests.receiving import Noted, parts_of, ses_event

from safeses._hooks import Hooks
from safeses._state import memory_state
from safeses.errors import StoreError
from safeses.events import Bounce, FeedbackEvent
from safeses.feedback._policy import BouncePolicy
from safeses.feedback._reactions import counter, scope_of
from safeses.feedback._receiver import Receiver
from safeses.sqlite import SqliteState
from safeses.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from safeses._parts import Parts

pytestmark = pytest.mark.race  # threads

STORES = ("suppressions", "ledger", "seen", "counters", "soft_bounces")
SOFT = {"bounceType": "Transient", "bounceSubType": "MailboxFull"}
HOOKS = "abc"
# So often at most it is delivered; one of them is left before the lease.
DELIVERIES = 3
DAY_S = 86_400.0


@attrs.define
class Trap:
    """
    Lets something happen at one call of all that are made to the stores.

    Attributes:
        at: Which call; none is the 0th.
        spring: What happens.
        is_late: Whether the call has had its effect by then.
        calls: What was called, in order.
    """

    at: int
    spring: Callable[[], object]
    is_late: bool
    calls: list[str] = attrs.field(factory=list)

    def around(self, name: str, store: object) -> Any:
        """Return *store* with the trap around it."""
        return _Trapped(self, name, store)

    def call(self, name: str, act: Callable[..., Any], given: Any) -> Any:
        """Do *act*, and perhaps what happens then."""
        self.calls.append(name)
        is_now = len(self.calls) == self.at
        if is_now and not self.is_late:
            self.spring()
        answer = act(*given[0], **given[1])
        if is_now and self.is_late:
            self.spring()
        return answer


@attrs.frozen
class _Trapped:
    trap: Trap
    name: str
    store: object

    def __getattr__(self, act: str) -> Any:
        found = getattr(self.store, act)
        if not callable(found):
            return found
        name = f"{self.name}.{act}"
        return lambda *a, **k: self.trap.call(name, found, (a, k))


@attrs.define
class World:
    """
    The parts, the hooks that ran, and the time.

    Attributes:
        parts: What events act on.
        clock: The time.
        ran: How often each hook ran.
        close: Closes the state.
    """

    parts: Parts
    clock: FakeClock
    ran: Counter[str]
    close: Callable[[], None]

    def counted(self) -> int:
        """Return how many bounces were counted."""
        names = [counter("bounce"), counter("soft_bounce")]
        scope = scope_of("safeses", "eu-west-1")
        return sum(self.parts.counters.totals(scope, names, 0.0).values())


def world(path: Path | None, names: str = HOOKS) -> World:
    """Return one in which nothing has happened, in a file or in memory."""
    clock = FakeClock()
    state: Any = memory_state(clock)
    if path is not None:
        state = SqliteState.open(path, clock=clock)
    ran: Counter[str] = Counter()
    hooks = Hooks()

    def count(name: str, _: FeedbackEvent) -> None:
        ran[name] += 1

    for name in names:
        kind = FeedbackEvent if name == names[-1] else Bounce
        hooks.add(kind, partial(count, name), name)
    return World(parts_of(state, clock, hooks), clock, ran, state.close)


def receiver_in(here: World, trap: Trap | None = None) -> Receiver:
    """Return what receives there, with a trap around its stores."""
    parts = here.parts
    if trap is not None:
        stores = {s: trap.around(s, getattr(parts, s)) for s in STORES}
        parts = attrs.evolve(parts, **stores)
    return Receiver(parts, policy=BouncePolicy(soft_limit=1))


def deliver(here: World, event: dict[str, Any], trap: Trap) -> list[str]:
    """Deliver *event* until it is done; return what came of it."""
    receiver = receiver_in(here, trap)
    came: list[str] = []
    while len(came) < DELIVERIES and not {"done", "duplicate"} & {*came}:
        try:
            came.append(receiver.receive(event).handled[0].status)
        except KeyboardInterrupt:
            came.append("interrupted")
        here.clock.advance(20.0)
    return came


@pytest.mark.parametrize("is_late", [False, True])
@pytest.mark.parametrize(
    "error",
    [
        StoreError("a part", "an engine", "away"),
        ConnectionError("of a store that has no errors of its own"),
        KeyboardInterrupt(),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("details", [{}, SOFT], ids=["hard", "soft"])
@pytest.mark.parametrize("names", ["", HOOKS], ids=["alone", "hooks"])
@pytest.mark.parametrize("engine", ["memory", "sqlite"])
def test_every_call_fails_once(
    engine: str,
    names: str,
    details: dict[str, Any],
    error: BaseException,
    tmp_path: Path,
    *,
    is_late: bool,
) -> None:
    """
    It is done, the address stopped once, every hook told.

    The one thing that was being done at the fault may be done twice; what
    had succeeded before is not done again.
    """
    event = ses_event("Bounce", tag="t-1")
    event["bounce"].update(details)
    wrong = []

    def fail() -> None:
        raise error

    for at in itertools.count(1):
        path = tmp_path / f"{at}.db" if engine == "sqlite" else None
        here = world(path, names)
        trap = Trap(at, fail, is_late)
        came = deliver(here, event, trap)
        again = here.counted() - 1 + here.ran.total() - len(names)
        if (here.parts.suppressions.count(), {*here.ran}, again in {0, 1}) != (
            1,
            {*names},
            True,
        ) or came[-1] not in {"done", "duplicate"}:
            wrong.append((at, trap.calls[at - 1], came, dict(here.ran)))
        here.close()
        if came == ["done"] and at > len(trap.calls):
            break

    assert (True, []) == (at > 10, wrong)


@pytest.mark.parametrize("is_late", [False, True])
@pytest.mark.parametrize("does", ["all", "half"])
@pytest.mark.parametrize("names", ["", "a", HOOKS])
@pytest.mark.parametrize("details", [{}, SOFT], ids=["hard", "soft"])
def test_somebody_else_meanwhile(
    details: dict[str, Any], names: str, does: str, *, is_late: bool
) -> None:
    """
    Who is held up at a look or a hold does nothing that is done by then.

    Somebody else gets the event as the lease is over, and does all of it,
    or all but the last hook.
    """
    event = ses_event("Bounce", tag="t-1")
    event["bounce"].update(details)
    wrong = []
    for at in itertools.count(1):
        here = world(None, names)
        if does == "half":
            late = Noted(fails=[LookupError("not there yet")])
            here.parts.hooks.add(FeedbackEvent, late.run, "late")

        def be_held_up(here: World = here) -> None:
            here.clock.advance(16.0)
            receiver_in(here).receive(event)

        trap = Trap(at, be_held_up, is_late)
        came = deliver(here, event, trap)
        if at > len(trap.calls):
            break
        found = (here.counted(), dict(here.ran))
        if trap.calls[at - 1] in {"seen.has", "seen.hold"} and found != (
            1,
            dict.fromkeys(names, 1),
        ):
            wrong.append((at, trap.calls[at - 1], came, found))

    assert (True, []) == (at > 10, wrong)


@pytest.mark.parametrize("step_s", [DAY_S, -DAY_S, 20 * DAY_S, -20 * DAY_S])
@pytest.mark.parametrize("engine", ["memory", "sqlite"])
def test_the_wall_clock_steps(
    engine: str, step_s: float, tmp_path: Path
) -> None:
    """What is done stays done, and what failed is done, at whatever hour."""
    here = world(tmp_path / "s.db" if engine == "sqlite" else None)
    failing = ses_event("Bounce", "m-2", destination=["bob@b.example"])
    late = Noted(fails=[LookupError("not there yet")])
    receiver = Receiver(here.parts)
    receiver.receive(ses_event("Bounce"))
    here.parts.hooks.add(Bounce, late.run, "late")
    first = receiver.receive(failing).handled[0].status
    here.clock.step_wall(step_s)
    came = [
        receiver.receive(event).handled[0].status
        for event in (ses_event("Bounce"), failing, failing)
    ]
    found = (here.parts.suppressions.count(), dict(here.ran))
    here.close()

    assert (
        "failed",
        ["duplicate", "done", "duplicate"],
        (2, dict.fromkeys(HOOKS, 2)),
    ) == (first, came, found)


@pytest.mark.parametrize("engine, events", [("memory", 40), ("sqlite", 5)])
def test_many_threads(engine: str, events: int, tmp_path: Path) -> None:
    """Of 32 threads' events, each thrice in any order, all count once."""
    here = world(tmp_path / "s.db" if engine == "sqlite" else None, "a")
    receiver = Receiver(here.parts)
    many = [
        ses_event("Bounce", f"m-{n}", destination=[f"u{n}@b.example"])
        for n in range(32 * events)
    ]
    todo = many * 3
    random.Random(5).shuffle(todo)  # noqa: S311  # no secret

    def bring(event: dict[str, Any]) -> None:
        while not receiver.receive(event).is_done:
            """It comes again at once."""

    with ThreadPoolExecutor(32) as pool:
        list(pool.map(bring, todo))
    found = [
        here.counted(),
        here.parts.suppressions.count(),
        here.ran.total(),
    ]
    here.close()

    assert [len(many)] * 3 == found
