"""Callers' reactions: before a send they may refuse, after it only look."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from tests.fake_ses import FakeSES, client_error

from safeses import (
    AfterSend,
    BeforeSend,
    Client,
    ConfigurationError,
    DeadlineExceededError,
    Email,
    Limits,
    NotSentError,
    OutcomeUnknownError,
    RejectedError,
    UnreachableError,
    VetoedError,
)
from safeses import events as happenings
from safeses._hooks import FEEDBACK_EVENTS, Hooks
from safeses.events import (
    Bounce,
    BounceSubType,
    BounceType,
    Complaint,
    Delivery,
    FeedbackEvent,
    TopicPreferences,
)
from safeses.testing import FakeClock

MAIL = Email(from_email="shop@a.example", to="ann@b.example", text="t")
PARAMS: dict[str, Any] = {
    "FromEmailAddress": "shop@a.example",
    "Destination": {"ToAddresses": ["ann@b.example"]},
    "Content": {"Raw": {"Data": b"Subject: s\r\n\r\nt"}},
}


def client(ses: FakeSES | None = None) -> Client:
    """Return a client on fakes."""
    fake: Any = ses or FakeSES()
    return Client(fake, limits=Limits(per_second=14), clock=FakeClock())


def test_order_and_events() -> None:
    """Hooks of one event run in the order of their registration."""
    sender = client()
    told: list[str] = []
    for name in ("b", "a"):

        def hook(event: AfterSend, name: str = name) -> None:
            told.append(f"{name} {event.tag}")

        sender.on(AfterSend, name=name)(hook)
    receipt = sender.send(MAIL)

    assert [f"b {receipt.tag}", f"a {receipt.tag}"] == told


def test_names_are_unique() -> None:
    """One name, one hook: marks would otherwise be mixed up."""
    sender = client()

    def hook(event: object) -> None:
        """Do nothing."""

    assert hook is sender.on(AfterSend)(hook)
    sender.on(BeforeSend)(hook)
    with pytest.raises(ConfigurationError):
        sender.on(AfterSend)(hook)
    sender.on(AfterSend, name="second")(hook)

    assert "m-1" == sender.send(MAIL).message_id


@pytest.mark.parametrize(
    "error, expected",
    [
        (ValueError("no"), VetoedError),
        (DeadlineExceededError(1.0), DeadlineExceededError),
        (UnreachableError("x"), UnreachableError),
        (OutcomeUnknownError("other", "x"), VetoedError),
    ],
)
def test_veto(error: Exception, expected: type[NotSentError]) -> None:
    """A before-hook that raises vetoes: certainly not sent."""
    ses = FakeSES()
    sender = client(ses)
    ended: list[object] = []
    sender.on(AfterSend)(lambda event: ended.append(event.error))

    @sender.on(BeforeSend, name="opt-out")
    def refuse(_: BeforeSend) -> None:
        raise error

    with pytest.raises(expected) as caught:
        sender.send(MAIL)

    assert ([], [caught.value], True) == (
        ses.sent,
        ended,
        error in {caught.value, caught.value.__cause__},
    )


def test_veto_of_the_drop_in() -> None:
    """A hook's own drop-in error passes through as it is."""
    sender = client()
    other = client(FakeSES([client_error("MessageRejected")]))
    sender.on(BeforeSend)(lambda _: other.send_email(**PARAMS))
    with pytest.raises(RejectedError) as caught:
        sender.send_email(**PARAMS)

    assert isinstance(caught.value, sender.exceptions.MessageRejected)


def test_after_hook_fails() -> None:
    """What an after-hook raises is swallowed: the mail is sent."""
    sender = client()
    told: list[AfterSend] = []

    @sender.on(AfterSend)
    def fail(_: AfterSend) -> None:
        raise ValueError("secret@a.example")

    sender.on(AfterSend)(told.append)
    receipt = sender.send(MAIL)

    assert [receipt] == [event.receipt for event in told]


@pytest.mark.parametrize(
    "event", [int, Exception, "AfterSend", None, lambda: None], ids=str
)
def test_no_such_event(event: Any) -> None:
    """A hook for what never happens is refused, as is @ses.on alone."""
    with pytest.raises(ConfigurationError) as caught:
        client().on(event)(print)

    assert "write @ses.on(AfterSend), with a type of safeses.events" == (
        caught.value.remedy
    )


def test_no_coroutine() -> None:
    """An async hook would never run, so that it could not refuse a mail."""

    async def veto(_: BeforeSend) -> None:
        raise AssertionError

    with pytest.raises(ConfigurationError) as caught:
        client().on(BeforeSend)(veto)

    assert "a hook must be a plain function, which is called at once" == (
        caught.value.problem
    )


async def awaits(_: object) -> None:
    """Would have to be awaited."""
    raise AssertionError


async def iterates_later(_: object) -> Any:
    """Would have to be awaited and iterated over."""
    yield


def iterates(_: object) -> Any:
    """Would have to be iterated over."""
    yield


class Awaits:
    """Would have to be awaited when called."""

    async def __call__(self, _: object) -> None:
        """Never begin."""
        raise AssertionError


@pytest.mark.parametrize(
    "hook",
    [
        awaits,
        iterates_later,
        iterates,
        Awaits(),
        Awaits().__call__,
        partial(awaits, None),
    ],
    ids=range(6),
)
@pytest.mark.parametrize("event", [BeforeSend, Bounce, FeedbackEvent])
def test_nothing_that_never_runs(event: Any, hook: Any) -> None:
    """What a call would only make, but not run, is no hook."""
    with pytest.raises(ConfigurationError) as caught:
        Hooks().add(event, hook, None)

    assert "hand over to the event loop inside of it, if need be" == (
        caught.value.remedy
    )


# --- Feedback ----------------------------------------------------------------


def first(_: object) -> None:
    """Do nothing."""


def second(_: object) -> None:
    """Do nothing, too."""


def bounce() -> Bounce:
    """Return a bounce."""
    return Bounce(
        id="e", type=BounceType.PERMANENT, sub_type=BounceSubType.GENERAL
    )


def test_every_kind_of_feedback() -> None:
    """There may be hooks on all that SES reports, and on each kind of it."""
    kinds = {
        kind
        for kind in (getattr(happenings, name) for name in happenings.__all__)
        if isinstance(kind, type) and issubclass(kind, FeedbackEvent)
    }
    hooks = Hooks()
    for kind in kinds:
        hooks.add(kind, first, f"on {kind.__name__}")

    assert ({*FEEDBACK_EVENTS}, True) == (
        kinds,
        kinds >= {FeedbackEvent, Bounce, Complaint, Delivery},
    )


@pytest.mark.parametrize(
    "event",
    [TopicPreferences, type("Mine", (Bounce,), {}), bounce(), {}, [Bounce]],
    ids=["value", "subclass", "event", "dict", "list"],
)
def test_no_kind_of_feedback(event: Any) -> None:
    """A hook for what is never told is refused."""
    with pytest.raises(ConfigurationError) as caught:
        Hooks().add(event, first, None)

    assert "write @ses.on(AfterSend), with a type of safeses.events" == (
        caught.value.remedy
    )


def test_hooks_of_an_event() -> None:
    """First those of the kind, then those of all; each in its order."""
    hooks = Hooks()
    hooks.add(FeedbackEvent, first, "z")
    hooks.add(Bounce, second, "b")
    hooks.add(FeedbackEvent, second, None)
    hooks.add(Bounce, first, "a")
    hooks.add(Complaint, first, "b")
    hooks.add(AfterSend, first, "c")
    of_bounce, of_delivery, of_any = (
        [*hooks.of(event).items()]
        for event in (bounce(), Delivery(id="e"), FeedbackEvent(id="e"))
    )
    of_all = [("z", first), ("second", second)]

    assert ([("b", second), ("a", first), *of_all], of_all, of_all) == (
        of_bounce,
        of_delivery,
        of_any,
    )


def test_no_hooks_of_an_event() -> None:
    """Where nobody listens there is nothing to call."""
    assert {} == Hooks().of(bounce())


@pytest.mark.parametrize(
    "one, other",
    [
        (Bounce, Bounce),
        (Bounce, FeedbackEvent),
        (FeedbackEvent, Bounce),
        (FeedbackEvent, FeedbackEvent),
    ],
)
@pytest.mark.parametrize("name", [None, "log"])
def test_names_among_feedback(
    one: type[Bounce], other: type[Bounce], name: str | None
) -> None:
    """No event has two hooks of one name, as it is marked by name."""
    hooks = Hooks()
    hooks.add(one, first, name)
    with pytest.raises(ConfigurationError) as caught:
        hooks.add(other, first, name)
    hooks.add(other, first, "another")

    assert (
        f"a hook named {name or 'first'!r} is there for {one.__name__}",
        "give the second one another name=",
        True,
    ) == (
        caught.value.problem,
        caught.value.remedy,
        "another" in hooks.of(bounce()),
    )


def test_names_apart() -> None:
    """What never hears of the same event may have the same name."""
    hooks = Hooks()
    kinds: list[Any] = [Bounce, Complaint, AfterSend, BeforeSend]
    for kind in kinds:
        hooks.add(kind, first, "log")

    assert {"log": first} == hooks.of(bounce())


def test_added_meanwhile() -> None:
    """A hook that adds another changes nothing for the event it is told."""
    hooks = Hooks()
    hooks.add(Bounce, first, "a")
    found = hooks.of(bounce())
    hooks.add(Bounce, second, "b")
    hooks.add(FeedbackEvent, second, "c")

    assert (["a"], ["a", "b", "c"]) == ([*found], [*hooks.of(bounce())])


def test_what_is_checked_is_sent() -> None:
    """A hook that changes what it is shown changes nothing else."""
    fake = FakeSES()
    sender = client(fake)

    @sender.on(BeforeSend)
    def add(event: BeforeSend) -> None:
        event.params["Destination"]["ToAddresses"].append("eve@c.example")

    sender.send(MAIL)

    assert [["ann@b.example"]] == [
        params["Destination"]["ToAddresses"] for params in fake.sent
    ]
