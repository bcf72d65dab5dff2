"""
The path of one send, as decisions.

`send` is a generator: it yields what it needs (an effect) and is sent
the time afterwards and the answer. It never sleeps, calls or looks at a
clock, so that threads, asyncio and tests drive the same decisions.

    look up -> prepare -> screen -> admit -> wait -> submit -> settle

Exactly one outcome is settled for every claim, on every way out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from safeses._plan._call import Call
from safeses._plan._effects import (
    Admit,
    Effect,
    Leave,
    LookUp,
    Notify,
    Plan,
    Prepare,
    Screen,
    Settle,
    Sleep,
    Submit,
)
from safeses._plan._key import Key
from safeses._plan._terms import Terms
from safeses.events import SEND_EVENTS, AfterSend, SendEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from safeses._request import Request

__all__ = [
    "Admit",
    "Effect",
    "Key",
    "Leave",
    "LookUp",
    "Notify",
    "Plan",
    "Prepare",
    "Screen",
    "Settle",
    "Sleep",
    "Submit",
    "Terms",
    "send",
]


def send(  # noqa: PLR0917  # what a call is made of
    make: Callable[[], Request],
    terms: Terms,
    began: float,
    wall: float,
    heard: Container[type[SendEvent]] = SEND_EVENTS,
    key: Key | None = None,
) -> Plan:
    """
    Send one message, or say what became of it before.

    Args:
        make: Checks the message and makes it safe. What is settled is not
            checked again: the rules may have changed since.
        terms: What the caller grants it.
        began: The monotonic time at which the call began.
        wall: The same moment in seconds since 1970.
        heard: The events that somebody listens to; no others are made.
        key: The job that the caller named, if any.
    """
    call = Call(terms, began, wall, make=make, heard=heard, key=key, now=began)
    try:
        receipt = yield from call.run()
    except GeneratorExit:
        raise
    except BaseException as error:
        if call.tag and AfterSend in heard:
            yield Notify(call.after(error=error))
        raise
    if AfterSend in heard:
        yield Notify(call.after(receipt=receipt))
    return receipt
