"""Calls that send nothing: their turns, their patience, their faults."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from safeses import (
    AccessDeniedError,
    ConfigurationError,
    RateLimitedError,
    RejectedError,
    StoreError,
    UnreachableError,
)
from safeses._lookups._api import PACE, PacedApi
from safeses._state import memory_state
from safeses._transport import Boto3Transport, DirectTransport, connect
from safeses.testing import FakeClock, SimulatedSES, StubSES

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.race  # threads

THROTTLE = RejectedError("TooManyRequestsException", 429, "Rate exceeded")
OLD_THROTTLE = RejectedError("ThrottlingException", 400, "Rate exceeded")
MISSING = RejectedError("NotFoundException", 404)
NOBODY = {"EmailAddress": "no@b.example"}


@attrs.define
class Script:
    """A transport that answers from a script, then with an empty body."""

    clock: FakeClock
    answers: list[Any] = attrs.field(factory=list)
    at: list[float] = attrs.field(factory=list, init=False)
    forks: int = attrs.field(default=0, init=False)

    def call(
        self, operation: str, params: Mapping[str, Any], timeout_s: float
    ) -> Mapping[str, Any]:
        """Answer as scripted, and keep the time, counted in turns."""
        turns = self.clock.monotonic() * PACE.per_second
        self.at.append(round(turns, 1))
        answer = self.answers.pop(0) if self.answers else {}
        if isinstance(answer, BaseException):
            raise answer
        return {"asked": (operation, dict(params), timeout_s)}

    def after_fork(self) -> None:
        """Count."""
        self.forks += 1


def paced(
    *answers: Any, clock: FakeClock | None = None, **settings: Any
) -> tuple[PacedApi, Script]:
    """Return an API on a script, and the script."""
    clock = clock or FakeClock()
    script = Script(clock, list(answers))
    transport: Any = script
    settings.setdefault("state", memory_state(clock))
    return PacedApi(transport, scope="a/r", clock=clock, **settings), script


class TestPace:
    """At most one call a second, for all who share the state."""

    def test_one_call(self) -> None:
        """A call goes at once, with its parameters and its own bound."""
        api, _ = paced(timeout_s=3)
        answer = api.call("get_email_identity", EmailIdentity="a.example")

        assert {
            "asked": ("get_email_identity", {"EmailIdentity": "a.example"}, 3)
        } == answer

    def test_one_a_second(self) -> None:
        """Calls one after another go a turn apart: a second and a bit."""
        api, script = paced()
        for _ in range(4):
            api.call("get_account")

        assert ([0, 1, 2, 3], True) == (
            script.at,
            3 < script.clock.monotonic() < 3.5,
        )

    def test_threads_in_order(self) -> None:
        """Threads get their turns in the order in which they came."""
        api, script = paced()
        order: list[int] = []

        def act(number: int) -> None:
            api.call("get_account", max_wait_s=60)
            order.append(number)

        script.clock.run(*(lambda n=n: act(n) for n in range(6)))

        assert ([0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5]) == (order, script.at)

    def test_shared_state(self) -> None:
        """Two clients of one state share the pace."""
        clock = FakeClock()
        state = memory_state(clock)
        one, script = paced(clock=clock, state=state)
        two, other = paced(clock=clock, state=state)
        for api in (one, two, one):
            api.call("get_account")

        assert ([0, 2], [1]) == (script.at, other.at)

    def test_sends_are_apart(self) -> None:
        """Turns of the API cost nothing of the rate of mail."""
        clock = FakeClock()
        state = memory_state(clock)
        api, _ = paced(clock=clock, state=state)
        api.call("get_account")

        assert (0.9, 14.0) == (
            state.per_second("a/r/api"),
            state.per_second("a/r"),
        )

    def test_several_processes(self) -> None:
        """A memory state that is one of four takes a fourth of the pace."""
        clock = FakeClock()
        api, script = paced(
            clock=clock, state=memory_state(clock, processes=4)
        )
        for _ in range(2):
            api.call("get_account")

        assert [0, 4] == script.at


class TestPatience:
    """A call does not wait longer than it may."""

    def test_no_turn_in_time(self) -> None:
        """Where the turn is too far off, nobody is asked and nobody waits."""
        api, script = paced()
        api.call("get_account")
        with pytest.raises(RateLimitedError) as caught:
            api.call("get_account", max_wait_s=0.9)

        assert ("budget", [0], 0) == (
            caught.value.by,
            script.at,
            script.clock.monotonic(),
        )

    @pytest.mark.parametrize("throttle", [THROTTLE, OLD_THROTTLE])
    def test_throttled_once(self, throttle: RejectedError) -> None:
        """After a throttle the call is made again, a turn later or more."""
        api, script = paced(throttle)
        api.call("get_account")
        first, second = script.at

        assert (0, True) == (first, 1 <= second <= 5)

    def test_throttled_always(self) -> None:
        """Pauses grow until patience ends; then it is SES who throttles."""
        api, script = paced(*[THROTTLE] * 50)
        with pytest.raises(RateLimitedError) as caught:
            api.call("get_account", max_wait_s=20)
        pauses = [
            b - a for a, b in zip(script.at, script.at[1:], strict=False)
        ]

        assert ("ses", True, True, True) == (
            caught.value.by,
            3 <= len(script.at) <= 15,
            min(pauses) >= 1,
            script.clock.monotonic() <= 20,
        )

    def test_others_are_held_back(self) -> None:
        """A throttle slows down everybody who shares the state."""
        clock = FakeClock()
        state = memory_state(clock)
        api, _ = paced(THROTTLE, clock=clock, state=state)
        with pytest.raises(RateLimitedError):
            api.call("get_account", max_wait_s=0)

        assert 0.45 == state.per_second("a/r/api")

    def test_not_a_throttle(self) -> None:
        """That there are too many of a thing is no reason to ask again."""
        api, script = paced(RejectedError("LimitExceededException", 400))
        with pytest.raises(RejectedError):
            api.call("create_email_identity")

        assert [0] == script.at


class TestBound:
    """A call that is given so many seconds takes no more."""

    @pytest.mark.parametrize(
        "within_s, timeout_s", [(1, 1), (3, 3), (9, 5), (None, 5)]
    )
    def test_answer(self, within_s: float | None, timeout_s: float) -> None:
        """An answer has what is left, if that is less than its own bound."""
        api, _ = paced()
        answer = api.call("get_account", within_s=within_s)

        assert ("get_account", {}, timeout_s) == answer["asked"]

    def test_wait_and_answer(self) -> None:
        """What was waited for a turn is gone."""
        api, script = paced()
        api.call("get_account")
        answer = api.call("get_account", within_s=2)
        timeout_s = answer["asked"][2]

        assert 2 == timeout_s + script.clock.monotonic()

    @pytest.mark.parametrize("within_s", [0, -1])
    def test_no_time(self, within_s: float) -> None:
        """With no time nothing is begun, though a turn is free."""
        api, script = paced()
        with pytest.raises(RateLimitedError) as caught:
            api.call("get_account", within_s=within_s)

        assert ("calls", []) == (caught.value.counted, script.at)

    def test_overslept(self) -> None:
        """A turn that comes when the time is over is given back."""
        clock = Oversleeping()
        state = memory_state(clock)
        api, script = paced(clock=clock, state=state)
        api.call("get_account")
        with pytest.raises(RateLimitedError):
            api.call("get_account", within_s=2)
        api.call("get_account")

        assert (2, True) == (len(script.at), script.at[1] > 2)

    def test_throttled(self) -> None:
        """A throttle is waited out within the time only."""
        api, script = paced(*[THROTTLE] * 50)
        with pytest.raises(RateLimitedError) as caught:
            api.call("get_account", max_wait_s=60, within_s=9)

        assert ("ses", True) == (
            caught.value.by,
            script.clock.monotonic() <= 9,
        )


class Oversleeping(FakeClock):
    """A clock of a machine that is short of time."""

    def sleep(
        self, seconds: float, wake: threading.Event | None = None
    ) -> None:
        """Sleep for longer."""
        super().sleep(seconds + 2, wake)


class TestFaults:
    """What goes wrong comes out as it is, and leaves nothing behind."""

    @pytest.mark.parametrize(
        "error",
        [
            AccessDeniedError("ses:GetAccount"),
            MISSING,
            UnreachableError("no answer within 5 s"),
            KeyboardInterrupt(),
        ],
    )
    def test_passed_on(self, error: BaseException) -> None:
        """Errors of the call are the caller's; the next call goes on."""
        api, script = paced(error)
        with pytest.raises(type(error)) as caught:
            api.call("get_account")
        api.call("get_account")

        assert (error, [0, 1]) == (caught.value, script.at)

    @pytest.mark.parametrize(
        "sleeps, next_turn", [(1, 1), (2, 2)], ids=["in line", "booked"]
    )
    def test_interrupted_wait(self, sleeps: int, next_turn: int) -> None:
        """Ctrl-C while a call waits costs a booked turn, and no more."""
        clock = Interrupted()
        api, script = paced(clock=clock)
        api.call("get_account")
        clock.sleeps_left = sleeps
        with pytest.raises(KeyboardInterrupt):
            api.call("get_account")
        api.call("get_account")

        assert [0, next_turn] == script.at

    def test_closed(self) -> None:
        """Closing the client ends a wait."""
        closing = threading.Event()
        api, script = paced(closing=closing)
        api.call("get_account")
        closing.set()
        with pytest.raises(ConfigurationError, match="closed"):
            api.call("get_account")

        assert [0] == script.at

    @pytest.mark.parametrize("act", ["learn", "admit"])
    def test_no_state(self, act: str) -> None:
        """A state that fails is named, and SES is not asked."""
        state = broken(act)
        api, script = paced(state=state)
        with pytest.raises(StoreError) as caught:
            api.call("get_account")

        assert (("state", "broken", "OSError"), []) == (
            (caught.value.part, caught.value.engine, caught.value.problem),
            script.at,
        )

    def test_not_settled(self, caplog: pytest.LogCaptureFixture) -> None:
        """An answer of SES is not lost because the state fails then."""
        api, _ = paced(state=broken("settle"))
        with caplog.at_level(logging.WARNING, "safeses"):
            answer = api.call("get_account")

        assert (True, 1) == ("asked" in answer, len(caplog.records))

    def test_child(self) -> None:
        """A forked child renews what it has of the parent, once."""
        api, script = paced()
        api._pid -= 1  # noqa: SLF001  # as if this were another process
        for _ in range(2):
            api.call("get_account")

        assert 1 == script.forks

    def test_child_of_a_client(self) -> None:
        """Who owns transport and state renews them himself."""
        renewed: list[int] = []
        api, script = paced(renew=lambda: renewed.append(1))
        api._pid -= 1  # noqa: SLF001  # as if this were another process
        for _ in range(2):
            api.call("get_account")

        assert ([1], 0) == (renewed, script.forks)

    def test_repr(self) -> None:
        """Its repr leads to no credentials and no mail."""
        api, _ = paced()

        assert ("Script" in repr(api), "a/r" in repr(api)) == (False, True)


class Interrupted(FakeClock):
    """A clock of which one sleep ends with Ctrl-C."""

    sleeps_left = 0

    def sleep(
        self, seconds: float, wake: threading.Event | None = None
    ) -> None:
        """Sleep, or be interrupted."""
        self.sleeps_left -= 1
        if not self.sleeps_left:
            raise KeyboardInterrupt
        super().sleep(seconds, wake)


def broken(act: str) -> Any:
    """Return a state of which one act fails."""
    state: Any = memory_state(FakeClock())

    def fail(*_: object) -> None:
        raise OSError

    made: Any = type(
        "Broken", (), {"__getattr__": lambda _, n: getattr(state, n)}
    )()
    made.engine = "broken"
    setattr(made, act, fail)
    return made


class TestTransports:
    """A single call through a client, whatever it is shaped like."""

    def test_direct(self) -> None:
        """What SES refuses is a RejectedError with its status."""
        client = SimulatedSES().client()
        with pytest.raises(RejectedError) as caught:
            DirectTransport(client).call(
                "get_suppressed_destination", NOBODY, 1.0
            )

        assert (404, "NotFoundException", None) == (
            caught.value.status,
            caught.value.code,
            caught.value.__context__,
        )

    @pytest.mark.parametrize(
        "operation, action",
        [
            ("get_suppressed_destination", "ses:GetSuppressedDestination"),
            ("put_suppressed_destination", "ses:PutSuppressedDestination"),
        ],
    )
    def test_denied(self, operation: str, action: str) -> None:
        """What IAM refuses names the action."""
        ses = SimulatedSES()
        ses.deny(action)
        params = NOBODY | {"Reason": "BOUNCE"}
        if operation.startswith("get"):
            del params["Reason"]
        with pytest.raises(AccessDeniedError) as caught:
            DirectTransport(ses.client()).call(operation, params, 1.0)

        assert action == caught.value.action

    @pytest.mark.parametrize(
        "operation, text",
        [
            ("get_suppressed_destination", "cannot make the call"),
            ("send_email", "sends mail"),
            ("send_bulk_email", "sends mail"),
        ],
    )
    def test_stub(self, operation: str, text: str) -> None:
        """A stand-in that lacks the call says so; none sends in secret."""
        with pytest.raises(ConfigurationError, match=text):
            DirectTransport(StubSES()).call(operation, {}, 1.0)

        assert len(StubSES().outbox) == 0

    @pytest.mark.parametrize(
        "operation, params, text",
        [
            ("close", {}, "cannot make the call"),
            ("get_nothing", {}, "cannot make the call"),
            ("send_email", {}, "sends mail"),
            ("get_email_identity", {"Name": "t"}, "does not know Name"),
            (
                "get_email_identity",
                {"EmailIdentity": 5},
                "does not take.*EmailIdentity",
            ),
        ],
    )
    def test_boto3(
        self, operation: str, params: dict[str, Any], text: str
    ) -> None:
        """boto3 is only asked for what it can do, without any value told."""
        with pytest.raises(ConfigurationError, match=text) as caught:
            Boto3Transport(connect("eu-west-1")).call(operation, params, 1.0)

        assert (None, None) == (
            caught.value.__cause__,
            caught.value.__context__,
        )

    def test_server_error(self) -> None:
        """A server error is no refusal: it may be tried again."""
        ses = SimulatedSES()
        ses.faults.add("status:503", operation="GetAccount")
        with pytest.raises(UnreachableError) as caught:
            DirectTransport(ses.client()).get_account(1.0)

        assert "it answered 503" == caught.value.reason
