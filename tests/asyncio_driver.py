"""
The plan of a send under asyncio: the whole of another driver.

Proves that the decisions know neither threads nor clocks.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from safeses._plan import (
    Admit,
    Effect,
    Leave,
    LookUp,
    Notify,
    Prepare,
    Settle,
    Sleep,
    Submit,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from safeses._outcome import Answer, NoAnswer
    from safeses._plan import Plan
    from safeses._values import Receipt
    from safeses.typing import State


async def run(
    plan: Plan,
    state: State,
    submit: Callable[[dict[str, Any]], Awaitable[Answer | NoAnswer]],
    tell: Callable[[object], object],
) -> Receipt:
    """Perform *plan* to its end in the running event loop."""
    now = asyncio.get_running_loop().time
    effect = next(plan)
    try:
        while True:
            try:
                answer = await _perform(effect, state, submit, tell)
            except BaseException as error:  # noqa: BLE001  # the plan decides
                effect = plan.throw(error)
            else:
                effect = plan.send((now(), answer))
    except StopIteration as end:
        receipt: Receipt = end.value
        return receipt


async def _perform(
    effect: Effect,
    state: State,
    submit: Callable[[dict[str, Any]], Awaitable[Answer | NoAnswer]],
    tell: Callable[[object], object],
) -> Any:
    match effect:
        case LookUp(name):
            return state.look_up(name)
        case Prepare(make):
            return make()
        case Admit(admission):
            return state.admit(admission)
        case Sleep(seconds):
            await asyncio.sleep(seconds)
        case Submit(claim, params, timeout_s):
            state.submit(claim, timeout_s)
            return await asyncio.wait_for(submit(params), timeout_s)
        case Settle(claim, outcome):
            state.settle(claim, outcome)
            return True
        case Notify(event):
            tell(event)
        case Leave():
            pass
    return None
