"""Callers' reactions: before a send they may refuse, after it only look."""

from __future__ import annotations

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
