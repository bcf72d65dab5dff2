"""What may be a hook, and what may come of one."""

from __future__ import annotations

import contextlib
import os
from functools import partial, wraps
from typing import TYPE_CHECKING, Any

import pytest
from tests.receiving import Noted, memory_parts, ses_event

from safeses import Client
from safeses.events import Bounce, Delivery
from safeses.feedback._receiver import Receiver
from safeses.testing import StubSES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from safeses.events import FeedbackEvent


def told_by(hook: Any, times: int = 2) -> list[str]:
    """Return what comes of an event that *hook* hears of, each time."""
    parts = memory_parts()
    parts.hooks.add(Delivery, hook, "a")
    receiver = Receiver(parts, reactions=[Noted()])
    return [
        receiver.receive(ses_event()).handled[0].status for _ in range(times)
    ]


def decorated(hook: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Decorate a hook as one does who does not think of async."""

    @wraps(hook)
    def call(event: object) -> object:
        return hook(event)

    return call


def shortened(hook: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Hide a hook in a lambda."""
    return lambda event: hook(event)  # noqa: PLW0108  # it is what hides it


@pytest.mark.parametrize("hide", [decorated, shortened])
def test_a_hidden_coroutine(
    hide: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """What was never awaited is not done, and the log says so."""
    begun: list[object] = []

    async def later(event: object) -> None:
        begun.append(event)

    statuses = told_by(hide(later))

    assert (["failed"] * 2, [], True) == (
        statuses,
        begun,
        "(NotAwaitedError)" in caplog.text,
    )


def test_methods_and_partials() -> None:
    """Whatever can be called with the event can be one."""
    told: list[str] = []

    class Desk:
        def hear(self, _: object) -> None:
            told.append("method")

        def __call__(self, _: object) -> None:
            told.append("instance")

    hooks = (
        Desk().hear,
        Desk(),
        partial(lambda word, _: told.append(word), "partial"),
        lambda _: told.append("lambda"),
    )
    statuses = [status for hook in hooks for status in told_by(hook, 1)]

    assert (["done"] * 4, ["method", "instance", "partial", "lambda"]) == (
        statuses,
        told,
    )


@pytest.mark.parametrize(
    "error", [StopIteration(), RecursionError(), MemoryError(), KeyError("a")]
)
def test_odd_errors(error: Exception) -> None:
    """Whatever a hook raises, the event comes again."""
    assert ["failed", "done"] == told_by(Noted(fails=[error]).run)


def test_before_the_row_is_there() -> None:
    """An event that is faster than the application's own row comes again."""
    rows: set[str] = set()

    def delivered(event: FeedbackEvent) -> None:
        if event.mail.message_id not in rows:
            raise LookupError
        rows.remove(event.mail.message_id)

    early = told_by(delivered, 1)
    rows.add("m-1")

    assert (["failed"], ["done", "duplicate"]) == (early, told_by(delivered))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="it takes a fork")
@pytest.mark.parametrize("state", ["memory:", "sqlite:///{}"])
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_hook_that_forks(tmp_path: Path, state: str) -> None:
    """A child may receive others; what its parent holds is busy there."""
    ses = Client(
        StubSES(), region="eu-west-1", state=state.format(tmp_path / "s.db")
    )
    receiver = Receiver(ses)
    events = [ses_event("Bounce"), ses_event("Delivery")]
    reading, writing = os.pipe()

    def statuses() -> list[str]:
        return [receiver.receive(e).handled[0].status for e in events]

    @ses.on(Bounce, name="fork")
    def fork(_: Bounce) -> None:
        child = os.fork()
        if not child:
            with contextlib.suppress(BaseException):
                os.write(writing, " ".join(statuses()).encode())
            os._exit(0)
        os.waitpid(child, 0)

    (first,) = receiver.receive(events[0]).handled
    in_child = os.read(reading, 100).decode()
    os.close(reading)
    os.close(writing)
    left = statuses()
    ses.close()

    # What is in memory is a copy there.
    both = ["duplicate", "done" if state == "memory:" else "duplicate"]
    assert ("done", "busy done", both) == (first.status, in_child, left)
