"""The path of one send under other drivers: chance, and asyncio."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests import asyncio_driver
from tests.scripted_driver import (
    API,
    BROKEN,
    DAILY,
    LOST,
    OK,
    RATE,
    REFUSED,
    REJECTED,
    REQUEST,
    WALL,
    admitted,
    drive,
    later,
    terms,
)

from safeses import errors
from safeses._outcome import (
    Accepted,
    Admission,
    Admitted,
    Answer,
    Claim,
    Deferred,
    Outcome,
    Unknown,
)
from safeses._plan import (
    Admit,
    Effect,
    Leave,
    Notify,
    Settle,
    Sleep,
    Submit,
    send,
)
from safeses._values import Receipt

if TYPE_CHECKING:
    from collections.abc import Callable

FAILURES: list[Callable[[], BaseException]] = [
    KeyboardInterrupt,
    SystemExit,
    ValueError,
    asyncio.CancelledError,
    lambda: errors.StoreError("ledger", "sqlite", "locked"),
    lambda: errors.OutcomeUnknownError("t", "x"),
]
THROWN = st.sampled_from(FAILURES).map(lambda make: make())
SCRIPTS = st.fixed_dictionaries(
    {
        Admit: st.lists(
            st.floats(0, 2).map(admitted)
            | st.floats(0.001, 2).map(later)
            | THROWN,
            max_size=6,
        ),
        Sleep: st.lists(st.none() | THROWN, max_size=4),
        Submit: st.lists(
            st.sampled_from([OK, RATE, DAILY, API, REJECTED])
            | st.sampled_from([BROKEN, REFUSED, LOST])
            | THROWN,
            max_size=6,
        ),
        Settle: st.lists(st.booleans() | THROWN, max_size=3),
        Notify: st.lists(st.none() | THROWN, max_size=4),
        Leave: st.lists(st.none() | THROWN, max_size=1),
    }
)


@settings(max_examples=500, deadline=None)
@given(SCRIPTS)
def test_every_claim_is_settled_once(
    script: dict[type[Effect], list[Any]],
) -> None:
    """Whatever answers and fails: one Settle per claim, one mail at most."""
    ended, driver = drive(script)
    settled = [id(e.claim) for e in driver.effects if isinstance(e, Settle)]
    submitted = {id(e.claim) for e in driver.effects if isinstance(e, Submit)}
    final = [o for o in driver.settled() if isinstance(o, (Accepted, Unknown))]
    last = driver.settled()[-1:]

    assert (list(map(id, driver.granted)), set(), final, True) == (
        settled,
        submitted - set(settled),
        [outcome for outcome in last if outcome in final],
        not isinstance(ended, Receipt) or isinstance(last[0], Accepted),
    )


class AsyncState:
    """A state that admits after a wait and counts what it is told."""

    def __init__(self, wait_s: float = 0.0) -> None:
        """Admit with a slot in *wait_s*."""
        self.wait_s = wait_s
        self.acts: list[object] = []

    def admit(self, _: Admission) -> Admitted:
        """Return a slot."""
        self.acts.append("admit")
        return admitted(self.wait_s)

    def submit(self, _: Claim, __: float) -> None:
        """Note it."""
        self.acts.append("submit")

    def settle(self, _: Claim, outcome: Outcome) -> None:
        """Note it."""
        self.acts.append(type(outcome))


async def _send(
    state: Any,  # three acts are enough here
    answers: list[Answer],
    submitting: asyncio.Event | None = None,
) -> Receipt:
    async def submit(_: dict[str, Any]) -> Answer:
        if submitting is not None:
            submitting.set()
            await asyncio.Event().wait()
        return answers.pop(0)

    now = asyncio.get_running_loop().time()
    granted = terms(max_wait_s=3600, deadline_s=7200)
    plan = send(lambda: REQUEST, granted, now, WALL)
    return await asyncio_driver.run(plan, state, submit, lambda _: None)


def test_asyncio_sends() -> None:
    """The same plan sends under asyncio."""
    state = AsyncState()
    receipt = asyncio.run(_send(state, [OK]))

    assert ("m-1", ["admit", "submit", Accepted]) == (
        receipt.message_id,
        state.acts,
    )


def test_asyncio_cancelled_while_sleeping() -> None:
    """A task that is cancelled while it waits releases its slot."""
    state = AsyncState(wait_s=1800.0)

    async def main() -> bool:
        task = asyncio.create_task(_send(state, [OK]))
        await asyncio.sleep(0)  # it runs until it waits
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert (True, ["admit", Deferred]) == (asyncio.run(main()), state.acts)


def test_asyncio_cancelled_while_submitting() -> None:
    """A task that is cancelled while it submits leaves an unknown mail."""
    state = AsyncState()

    async def main() -> bool:
        submitting = asyncio.Event()
        task = asyncio.create_task(_send(state, [OK], submitting))
        await submitting.wait()
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert (True, ["admit", "submit", Unknown]) == (
        asyncio.run(main()),
        state.acts,
    )
