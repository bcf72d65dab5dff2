"""
CPU time of what a send asks of a state, act by act.

The acts of both states are shuffled send by send. Many suppressions are
there, none of them of the recipients.
"""

from __future__ import annotations

import contextlib
import random
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.benchmarks import _kit
from tests.benchmarks._table import Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from safeses.typing import State

    Times = dict[str, list[float]]

SENDS: Final = 4_000
ENTRIES: Final = 100_000
CHUNK: Final = 1_000
FIFTY: Final = 50
SCOPE: Final = "s"
TIMEOUT_S: Final = 10.0
QUANTILE: Final = 0.99


def measure(*, quick: bool) -> Table:
    """Send through the states alone, and look up who is suppressed."""
    sends = 40 if quick else SENDS
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        states = _states(folder, stack, 1_000 if quick else ENTRIES)
        spent: dict[str, Times] = {name: {} for name in states}
        turns = [
            (name, act)
            for name, state in states.items()
            for act in (_keyless(state), _keyed(state), _finds(state))
        ] * sends
        random.Random(0).shuffle(turns)  # noqa: S311  # an order, no secret
        for name, act in turns:
            act(spent[name])
    memory, sqlite = spent["memory"], spent["sqlite"]
    return Table(
        title=f"state: process time of each act, {sends} times",
        columns=("act", "memory us", "99 %", "SQLite us", "99 %"),
        rows=[
            (name, *_shown(memory[name]), *_shown(sqlite[name]))
            for name in memory
        ],
        notes=(
            "SQLite is synchronous NORMAL, with this one process.",
            f"Every admit, and the look-ups, among {ENTRIES:,} suppressions.",
        ),
    )


def _shown(times: list[float]) -> tuple[str, str]:
    slow = sorted(times)[int(len(times) * QUANTILE)]
    return f"{_kit.median(times):.1f}", f"{slow:.1f}"


def _states(
    folder: Path, stack: contextlib.ExitStack, entries: int
) -> dict[str, State]:
    from safeses import Limits, Suppression
    from safeses._clock import SystemClock
    from safeses._state import memory_state
    from safeses.sqlite import SqliteState

    sqlite = SqliteState.open(folder / "mail.db")
    stack.callback(sqlite.close)
    states: dict[str, State] = {
        "memory": memory_state(SystemClock()),
        "sqlite": sqlite,
    }
    for state in states.values():
        state.learn(SCOPE, Limits(per_second=1e6))
        for start in range(0, entries, CHUNK):
            state.suppressions.add(
                [
                    Suppression(address=f"gone{number}@c.example")
                    for number in range(start, start + CHUNK)
                ]
            )
    return states


def _keyless(state: State) -> Callable[[Times], None]:
    from safeses._mail import _tag

    return lambda spent: _send(state, spent, "no key", _tag.make(None), None)


def _keyed(state: State) -> Callable[[Times], None]:
    from safeses import _payload
    from safeses._job import Job
    from safeses._mail import _tag

    payload = _payload.payload_of(_kit.parameters())

    def act(spent: Times) -> None:
        number = len(spent.get("with a key: settle", ()))
        name = _payload.job_id("safeses", f"order-{number}")
        job = Job(id=name, payload=payload)
        tag = _tag.of(name, None)
        _timed(spent, "with a key: look up", lambda: state.look_up(name))
        _send(state, spent, "with a key", tag, job)
        _timed(spent, "with a key: replay", lambda: state.look_up(name))

    return act


def _send(state: State, spent: Times, kind: str, tag: str, job: Any) -> None:
    from safeses._job import Sent
    from safeses._outcome import Accepted, Admission

    admission = Admission(
        tag=tag,
        scope=SCOPE,
        recipients=(_kit.RECIPIENT,),
        cost=1,
        quota_cost=1,
        owner="owner" if job else tag,
        job=job,
    )
    admitted: Any = _timed(
        spent, f"{kind}: admit", lambda: state.admit(admission)
    )
    claim = admitted.claim
    sent = Sent(message_id="0" * 60, request_id="0" * 36) if job else None
    outcome = Accepted(message_id="0" * 60, request_id="0" * 36, sent=sent)
    _timed(spent, f"{kind}: submit", lambda: state.submit(claim, TIMEOUT_S))
    _timed(spent, f"{kind}: settle", lambda: state.settle(claim, outcome))


def _finds(state: State) -> Callable[[Times], None]:
    fifty = tuple(f"user{number}@d.example" for number in range(FIFTY))
    find = state.suppressions.find

    def act(spent: Times) -> None:
        _timed(spent, "look-up of 1 recipient", lambda: find(fifty[:1]))
        _timed(spent, f"look-up of {FIFTY} recipients", lambda: find(fifty))

    return act


def _timed(spent: Times, name: str, call: Callable[[], object]) -> object:
    began = time.process_time_ns()
    result = call()
    taken = time.process_time_ns() - began
    spent.setdefault(name, []).append(taken / 1_000)
    return result
