"""Which state a client gets, and what it says about memory."""

from __future__ import annotations

import os
import warnings
from typing import Any

import pytest
from tests.fake_ses import FakeSES, client_error

from safeses import (
    Client,
    ConfigurationError,
    ConfigurationWarning,
    Email,
    Limits,
)
from safeses._state import memory_state
from safeses.testing import FakeClock

MAIL = Email(
    from_email="shop@a.example", to="ann@b.example", subject="Hi", text="t"
)
THROTTLED = client_error(
    "TooManyRequestsException", "Maximum sending rate exceeded.", 429
)


def client(ses: object = None, **settings: Any) -> Client:
    """Return a client on fakes that knows its limits."""
    fake: Any = FakeSES() if ses is None else ses
    settings.setdefault("clock", FakeClock())
    return Client(fake, limits=Limits(per_second=14), **settings)


class TestState:
    """How a state is named."""

    def test_memory_by_name(self) -> None:
        """The memory of the process can be named."""
        assert "m-1" == client(state="memory:").send(MAIL).message_id

    def test_environment_names_it(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without state= the environment is read."""
        monkeypatch.setenv("SAFESES_STATE", "nowhere://")
        with pytest.raises(ConfigurationError) as caught:
            client()

        assert "the state 'nowhere' is not in this version" == (
            caught.value.problem
        )

    @pytest.mark.parametrize("state", ["redis://cache", object(), 7])
    def test_unknown_state_is_refused(self, state: object) -> None:
        """What is not a state is refused when the client is made."""
        with pytest.raises(ConfigurationError) as caught:
            client(state=state)

        assert not caught.value.retryable

    def test_processes_divide_memory_only(self) -> None:
        """A state of the caller's is not divided by processes=."""
        clock = FakeClock()
        with pytest.raises(ConfigurationError) as caught:
            client(state=memory_state(clock), processes=2, clock=clock)

        assert (
            "processes= divides the limits of a memory state"
            == caught.value.problem
        )

    def test_two_clients_share_a_state(self) -> None:
        """Clients of one state draw on one budget."""
        clock = FakeClock()
        state = memory_state(clock)
        senders = [client(state=state, clock=clock) for _ in range(2)]
        waits = [s.send(MAIL).waited_s for s in senders]

        assert [0.0, pytest.approx(1 / 14)] == waits


class TestMemoryWarning:
    """Memory that nobody asked for is spoken of, once."""

    def test_after_a_fork(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A process that was forked is told that it limits only itself."""
        sender = client()
        sender.send(MAIL)
        monkeypatch.setattr(os, "getpid", lambda: -1)
        with pytest.warns(ConfigurationWarning, match="forked") as told:
            sender.send(MAIL)
        sender.send(MAIL)

        assert 1 == len(told)

    def test_a_warning_made_an_error_is_raised_once(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where warnings are errors, the child can still send after it."""
        sender = client()
        monkeypatch.setattr(os, "getpid", lambda: -1)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(ConfigurationWarning):
                sender.send(MAIL)
            receipt = sender.send(MAIL)

        assert "m-1" == receipt.message_id

    def test_in_lambda(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Lambda runs many processes, so it is told at the first send."""
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "mailer")
        with pytest.warns(ConfigurationWarning, match="Lambda") as told:
            client().send(MAIL)

        assert 1 == len(told)

    @pytest.mark.parametrize(
        "settings", [{"state": "memory:"}, {"processes": 2}]
    )
    def test_who_asked_for_it_is_left_alone(
        self, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
    ) -> None:
        """Naming memory, or the number of processes, says that one knows."""
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "mailer")
        receipt = client(**settings).send(MAIL)

        assert "m-1" == receipt.message_id

    def test_on_a_throttle(self, caplog: pytest.LogCaptureFixture) -> None:
        """A 429 within our own limits hints at other processes, once."""
        fake = FakeSES()
        sender = client(fake)
        for _ in range(2):
            fake.answers.append(THROTTLED)
            sender.send(MAIL)
        hints = [r for r in caplog.records if "processes=N" in r.message]

        assert 1 == len(hints)
