"""A driver that answers the plan of a send from a script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from safeses._outcome import Admitted, Answer, Claim, Later, NoAnswer, Outcome
from safeses._plan import (
    Admit,
    Effect,
    Notify,
    Plan,
    Prepare,
    Settle,
    Sleep,
    Submit,
    Terms,
    send,
)
from safeses._request import Request, request

if TYPE_CHECKING:
    from safeses._values import Receipt

WALL = 1_767_225_600.0
REQUEST: Request = request(
    {
        "FromEmailAddress": "shop@a.example",
        "Destination": {"ToAddresses": ["a@b.example", "c@d.example"]},
        "Content": {
            "Simple": {
                "Subject": {"Data": "s"},
                "Body": {"Text": {"Data": "t"}},
            }
        },
    },
    tag="tag-1",
    scope="local",
)
OK = Answer(status=200, body={"MessageId": "m-1"}, request_id="r-1")
RATE = Answer(
    status=429,
    code="TooManyRequestsException",
    text="Maximum sending rate exceeded.",
)
DAILY = Answer(
    status=400, code="LimitExceededException", text="Daily message quota"
)
API = Answer(status=400, code="ThrottlingException", text="Rate exceeded")
REJECTED = Answer(status=400, code="MessageRejected", text="no")
BROKEN = Answer(status=500, code="InternalFailure")
REFUSED = NoAnswer(written=False, reason="no connection", error=OSError("x"))
LOST = NoAnswer(written=True, reason="reset", error=OSError("x"))


def terms(**changed: Any) -> Terms:
    """Return what a server would grant."""
    usual = {"max_wait_s": 5.0, "deadline_s": 25.0, "attempt_timeout_s": 10.0}
    return Terms(**(usual | changed))


def admitted(wait_s: float = 0.0) -> Admitted:
    """Return a fresh claim."""
    claim = Claim(tag="tag-1", scope="local", cost=2, quota_cost=2)
    return Admitted(claim=claim, wait_s=wait_s, limit_per_s=14.0)


def later(ready_in_s: float) -> Later:
    """Return that no slot is near enough."""
    ask_in_s = min(ready_in_s, 1.0)
    return Later(ask_in_s=ask_in_s, ready_in_s=ready_in_s, limit_per_s=14.0)


@attrs.define
class Driver:
    """
    Answers the plan from a script, then as if all were well.

    Attributes:
        script: The answers to each kind of effect; errors are thrown.
        now: The monotonic time; only sleeping and submitting move it.
        submit_s: How long an attempt takes.
    """

    script: dict[type[Effect], list[Any]] = attrs.field(factory=dict)
    now: float = 100.0
    submit_s: float = 0.25
    effects: list[Effect] = attrs.field(factory=list, init=False)
    granted: list[Claim] = attrs.field(factory=list, init=False)

    def run(self, plan: Plan) -> Receipt | BaseException:
        """Return the receipt, or what was raised."""
        try:
            effect = next(plan)
            while True:
                self.effects.append(effect)
                answer = self._answer(effect)
                if isinstance(answer, BaseException):
                    effect = plan.throw(answer)
                else:
                    effect = plan.send((self.now, answer))
        except StopIteration as end:
            receipt: Receipt = end.value
            return receipt
        except BaseException as error:  # noqa: BLE001  # the test looks at it
            return error

    def _answer(self, effect: Effect) -> Any:  # each its own
        if isinstance(effect, Sleep):
            self.now += effect.seconds
        if isinstance(effect, Submit):
            self.now += self.submit_s
        if isinstance(effect, Prepare):
            return effect.make()
        good = {Admit: admitted(), Submit: OK, Settle: True}
        answers = self.script.get(type(effect))
        answer = answers.pop(0) if answers else good.get(type(effect))
        if isinstance(answer, Admitted):
            self.granted.append(answer.claim)
        return answer

    def names(self) -> list[str]:
        """Return the kinds of the effects that ask for something."""
        return [
            type(effect).__name__.lower()
            for effect in self.effects
            if not isinstance(effect, (Notify, Prepare))
        ]

    def told(self) -> list[str]:
        """Return the kinds of the events."""
        return [
            type(effect.event).__name__
            for effect in self.effects
            if isinstance(effect, Notify)
        ]

    def settled(self) -> list[Outcome]:
        """Return every outcome that was settled."""
        return [e.outcome for e in self.effects if isinstance(e, Settle)]


def drive(
    script: dict[type[Effect], list[Any]] | None = None, **granted: Any
) -> tuple[Receipt | BaseException, Driver]:
    """Run one send after *script*; return how it ended, and the driver."""
    driver = Driver(script or {})
    plan = send(lambda: REQUEST, terms(**granted), began=100.0, wall=WALL)
    return driver.run(plan), driver
