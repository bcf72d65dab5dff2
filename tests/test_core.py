"""Which state a client gets, and what it says about memory."""

from __future__ import annotations

import os
import warnings
from functools import partial
from typing import Any

import attrs
import boto3
import pytest
from tests.fake_ses import FakeSES, client_error

from safeses import (
    Client,
    ConfigurationError,
    ConfigurationWarning,
    Dropped,
    Email,
    Limits,
    StoreError,
    SuppressedError,
)
from safeses._budget import MemoryBudget
from safeses._state import ComposedState, memory_state
from safeses.testing import FakeClock
from safeses.typing import Admission, Admitted, Later

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

        assert "the state 'nowhere' does not exist" == caught.value.problem

    @pytest.mark.parametrize("state", ["nowhere://cache", object(), 7])
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

    def test_one_boto3_client_in_two(self) -> None:
        """Two clients around one of boto3 limit each for itself; said once."""
        boto = boto3.client(
            "sesv2", region_name="eu-west-1", endpoint_url="http://[::1]:9"
        )
        first, second = Client(boto), Client(boto)
        _ = first.boto3_client
        with pytest.warns(
            ConfigurationWarning, match="another Client"
        ) as told:
            _ = second.boto3_client
        first.close()
        second.close()
        third = Client(boto)
        _ = third.boto3_client
        third.close()

        assert 1 == len(told)


class TestConnecting:
    """The first use, with a caller's code in between."""

    def test_a_warning_may_send(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A handler of the warning that sends a mail does not hang."""
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "mailer")
        fake = FakeSES()
        sender = client(fake)

        def show(*_: object, **__: object) -> None:
            sender.send(MAIL)

        with warnings.catch_warnings():
            warnings.simplefilter("always")
            monkeypatch.setattr(warnings, "showwarning", show)
            sender.send(MAIL)

        assert 2 == len(fake.sent)

    def test_a_factory_that_sends_is_refused(self) -> None:
        """What makes the boto3 client cannot send with it."""

        def make() -> Any:
            sender.send(MAIL)

        sender: Client = Client(make, clock=FakeClock())
        with pytest.raises(ConfigurationError) as caught:
            sender.send(MAIL)

        assert "the client is being connected by this very thread" == (
            caught.value.problem
        )

    def test_what_may_send_twice_is_refused(self) -> None:
        """A wrapper of unknown habits is not taken for a single attempt."""

        class Wrapper:
            def send_email(self, **_: Any) -> dict[str, str]:
                return {"MessageId": "m-1"}

        given: Any = Wrapper()
        with pytest.raises(ConfigurationError) as caught:
            Client(given).send(MAIL)

        assert "single_attempt" in caught.value.remedy


class TestForeignState:
    """A state that somebody else wrote."""

    @pytest.mark.parametrize("act", ["admit", "submit"])
    def test_its_failure_is_its_own(self, act: str) -> None:
        """A state that fails is named, not SES, and nothing is sent."""
        clock = FakeClock()

        @attrs.define
        class Broken(ComposedState):
            pass

        def fail(*_: object) -> None:
            raise ConnectionError

        state = Broken(MemoryBudget(clock), engine="elsewhere")
        setattr(Broken, act, fail)
        fake = FakeSES()
        with pytest.raises(StoreError) as caught:
            client(fake, state=state, clock=clock).send(MAIL)

        assert ("elsewhere", "ConnectionError", []) == (
            caught.value.engine,
            caught.value.problem,
            fake.sent,
        )

    def test_nobody_is_mailed_who_is_to_be_left_out(self) -> None:
        """A state of another's names suppressed recipients: they are out."""
        clock = FakeClock()

        @attrs.define
        class Screening(ComposedState):
            def admit(self, admission: Admission) -> Admitted | Later:
                answer = super().admit(admission)
                assert isinstance(answer, Admitted)
                dropped = Dropped(address="ann@b.example", reason="bounce")
                return attrs.evolve(answer, dropped=(dropped,))

        fake = FakeSES()
        state = Screening(MemoryBudget(clock))
        with pytest.raises(SuppressedError):
            client(fake, state=state, clock=clock).send(MAIL)

        assert [] == fake.sent


class TestSettings:
    """What a client was given is looked at when it is made."""

    @pytest.mark.parametrize(
        "settings, problem",
        [
            ({"rate_factor": 0}, "rate_factor=0 is not above 0 and at most 1"),
            ({"rate_factor": 1.5}, "rate_factor=1.5 is not above 0 and at"),
            ({"rate_factor": -1}, "rate_factor=-1 is not a finite number"),
            ({"rate_factor": "1"}, "rate_factor='1' is not a finite number"),
            ({"processes": 0}, "processes=0 is not a finite number"),
            ({"processes": 2.5}, "processes=2.5 is not a whole number"),
            ({"processes": True}, "processes=True is not a finite number"),
            ({"tag_key": "secret"}, "tag_key is not bytes, 16 or more"),
            ({"tag_key": b"k" * 15}, "tag_key is not bytes, 16 or more"),
            ({"namespace": ""}, "namespace='' is not a string, or empty"),
            ({"namespace": None}, "namespace=None is not a string, or empty"),
            ({"account": 123456789012}, "account=123456789012 is not a str"),
            ({"region": b"eu-west-1"}, "region=b'eu-west-1' is not a string"),
            ({"ses": "eu-west-1"}, "str is not a boto3 client"),
            ({"ses": FakeSES}, "boto3_client is the class FakeSES"),
        ],
        ids=str,
    )
    def test_refused(self, settings: dict[str, Any], problem: str) -> None:
        """What cannot work is refused, and no secret is shown."""
        with pytest.raises(ConfigurationError) as caught:
            client(**settings)

        assert problem == caught.value.problem[: len(problem)]

    def test_region_goes_by_name(self) -> None:
        """A region in the place of a client is answered with the remedy."""
        with pytest.raises(ConfigurationError) as caught:
            client("eu-west-1")

        assert 'give it as region=, as in Client(region="eu-west-1")' == (
            caught.value.remedy
        )

    @pytest.mark.parametrize(
        "settings",
        [
            {"rate_factor": 0.0001},
            {"rate_factor": 1},
            {"tag_key": b"secret" * 3},
            {"account": "123456789012", "region": "eu-west-1"},
            {"account": "", "region": ""},
            {"ses": partial(FakeSES)},
        ],
        ids=str,
    )
    def test_accepted(self, settings: dict[str, Any]) -> None:
        """What can work makes a client."""
        assert isinstance(client(**settings), Client)
