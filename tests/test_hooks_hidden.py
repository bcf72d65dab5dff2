"""Hooks that look plain and return a coroutine, which nobody awaits."""

from __future__ import annotations

import gc
from functools import partial, wraps
from typing import TYPE_CHECKING, Any

import pytest
from tests.fake_ses import FakeSES

from safeses import (
    AfterSend,
    BeforeSend,
    Client,
    ConfigurationError,
    Email,
    Limits,
    VetoedError,
)
from safeses._hooks import Hooks, NotAwaitedError
from safeses.events import Bounce
from safeses.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable

MAIL = Email(from_email="shop@a.example", to="ann@b.example", text="t")


async def awaits(_: object) -> None:
    """Would have to be awaited."""
    raise AssertionError


class Awaits:
    """Would have to be awaited when called."""

    async def __call__(self, *_: object) -> None:
        """Never begin."""
        raise AssertionError

    async def hear(self, *_: object) -> None:
        """Never begin, either."""
        raise AssertionError


class Plain:
    """Hides it where nobody can look."""

    def __call__(self, event: object) -> Any:
        """Make a coroutine."""
        return awaits(event)


@wraps(awaits)
def wrapped(event: object) -> Any:
    """Call it as a decorator does that does not think of async."""
    return awaits(event)


@pytest.mark.parametrize("event", [AfterSend, BeforeSend, Bounce])
@pytest.mark.parametrize(
    "hook",
    [
        partial(awaits),
        partial(partial(awaits)),
        Awaits(),
        Awaits().hear,
        partial(Awaits()),
        partial(partial(Awaits(), 1), 2),
        partial(Awaits().hear, 1),
    ],
    ids=range(7),
)
def test_known_at_registration(event: Any, hook: Any) -> None:
    """What can be seen to be async is refused at once."""
    with pytest.raises(ConfigurationError) as caught:
        Hooks().add(event, hook, "name")

    assert "a hook must be a plain function, which is called at once" == (
        caught.value.problem
    )


def sending(hook: Any, event: Any) -> tuple[Callable[[], Any], FakeSES]:
    """Return a send of a client with that hook, and the fake SES."""
    fake: Any = FakeSES()
    client = Client(fake, limits=Limits(per_second=14), clock=FakeClock())
    client.on(event, name="late")(hook)
    return lambda: client.send(MAIL), fake


HIDDEN = pytest.mark.parametrize(
    "hook",
    [
        Plain(),
        wrapped,
        lambda event: awaits(event),  # noqa: PLW0108  # it is what hides it
    ],
    ids=range(3),
)


@HIDDEN
def test_not_done(hook: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A hook that never ran is told of in the log, and the mail is sent."""
    send, ses = sending(hook, AfterSend)
    send()
    # A coroutine that was left would be warned of, which fails a test.
    gc.collect()

    assert (
        1,
        ["the hook 'late' failed on AfterSend (NotAwaitedError)"],
    ) == (len(ses.sent), [record.getMessage() for record in caplog.records])


@HIDDEN
def test_no_yes(hook: Any) -> None:
    """A veto that was never asked for is no leave to send."""
    send, ses = sending(hook, BeforeSend)
    with pytest.raises(VetoedError) as caught:
        send()
    gc.collect()

    assert ("late", NotAwaitedError, []) == (
        caught.value.hook,
        type(caught.value.__cause__),
        ses.sent,
    )


@pytest.mark.parametrize("answer", [None, 1, "text", [], object()])
def test_other_answers(
    answer: object, caplog: pytest.LogCaptureFixture
) -> None:
    """What a hook returns otherwise concerns nobody."""
    send, ses = sending(lambda _: answer, BeforeSend)
    send()

    assert (1, []) == (len(ses.sent), caplog.records)
