"""What accidents, and careless callers, do to idempotency keys."""

from __future__ import annotations

import inspect
import logging
import math
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from tests.keyed import (
    DENIED,
    KEY,
    LOST,
    MAIL,
    OTHER,
    PARAMS,
    THROTTLED,
    World,
    outcome_of,
    replay_of,
    told,
    world,
)

from safeses import (
    ConfigurationError,
    IdempotencyConflictError,
    InFlightError,
    InvalidMessageError,
)
from safeses.events import BeforeSend
from safeses.ledger import Job

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from safeses._outcome import Admission, Booked, Later
    from safeses.typing import Budget

pytestmark = pytest.mark.race  # threads

ANN, BOB = MAIL.to
RAW = "From: shop@a.example\r\nTo: {}@b.example\r\nSubject: s\r\n\r\nt\r\n"
# Sums of the pauses to which there is a rest that moves no clock.
WAITS_S = (0.02, 0.05, 0.13, 0.3, 1.0, 5.0)
OTHERS = attrs.evolve(MAIL, to=("eve@b.example", "mal@b.example"))


@pytest.fixture(params=["memory", "sqlite"])
def here(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """Return a world in which nothing has been sent."""
    made = world(request.param, tmp_path)
    yield made
    made.close()


def held(here: World, lease_s: float, payload: str = "") -> None:
    """Have another call hold the job."""
    name = here.client().ledger.job_id(KEY)
    job = Job(id=name, payload=payload)
    here.state.ledger.claim(job, "another call", lease_s)


def sent_to(here: World) -> list[Any]:
    """Return to whom each call of SES was."""
    return [call["Destination"]["ToAddresses"] for call in here.ses.sent]


@attrs.define
class Counting:
    """
    A budget that counts how often it is asked for a slot.

    Attributes:
        inner: The budget behind it.
        booked: How often.
    """

    inner: Budget
    booked: int = 0

    def reserve(self, admission: Admission) -> Booked | Later:
        """Count, and book."""
        self.booked += 1
        return self.inner.reserve(admission)

    def __getattr__(self, name: str) -> Any:
        """Return another act of the budget."""
        return getattr(self.inner, name)


class TestWho:
    """A receipt names those whom its mail went to, and nobody else."""

    @pytest.mark.parametrize(
        "to",
        [
            (BOB, ANN),
            (BOB, ANN, BOB),
        ],
    )
    def test_another_order(self, here: World, to: tuple[str, ...]) -> None:
        """The same people in another order are the same mail."""
        ses = here.client()
        ses.suppressions.add(BOB, "bounce")
        told(ses, MAIL)
        again = told(ses, attrs.evolve(MAIL, to=to))

        assert ((ANN,), [BOB], 1) == (
            again.accepted,
            [gone.address for gone in again.dropped],
            here.calls,
        )

    def test_as_many_others(self, here: World) -> None:
        """Whom a mail written anew names did not get the first one."""
        ses = here.client()
        first = told(ses)
        again = told(ses, OTHERS, on_key_conflict="replay")

        assert attrs.evolve(replay_of(first), accepted=()) == again

    def test_raw(self, here: World) -> None:
        """A raw message names them in its headers, if nowhere else."""
        ses = here.client().with_options(
            idempotency_key=KEY, on_key_conflict="replay"
        )
        receipts = [
            ses.send_email(
                Content={"Raw": {"Data": text.format(name).encode()}}
            ).receipt
            for name, text in (("ann", RAW), ("eve", RAW), ("ann", RAW + "x"))
        ]

        assert [(ANN,), (), (ANN,)] == [r.accepted for r in receipts]

    def test_other_attempt(self, here: World) -> None:
        """Who was left out of what was perhaps sent did not get it."""
        ses = here.client(on_unknown="resend")
        here.answers(LOST, DENIED)
        ses.suppressions.add(BOB, "bounce")
        unknown = told(ses, on_unknown="hold")
        ses.suppressions.remove(BOB)
        told(ses)
        ses.ledger.settle(unknown.tag, "m-1")
        again = told(ses)

        assert ([[ANN], [ANN, BOB]], "m-1", ()) == (
            sent_to(here),
            again.message_id,
            again.accepted,
        )

    def test_same_attempt(self, here: World) -> None:
        """If both attempts went to the same people, these have it."""
        ses = here.client(on_unknown="resend")
        here.answers(LOST, DENIED)
        ses.suppressions.add(BOB, "bounce")
        told(ses, on_unknown="hold")
        unknown = told(ses)
        ses.ledger.settle(unknown.tag, "m-1")
        again = told(ses)

        assert ([[ANN], [ANN]], (ANN,)) == (sent_to(here), again.accepted)

    def test_in_its_place(self, here: World) -> None:
        """Who asks for the lost mail is not told that its people have it."""
        here.answers(LOST)
        ses = here.client()
        told(ses)
        told(ses, OTHERS, on_unknown="resend", on_key_conflict="replay")
        again = told(ses)

        assert ("m-2", ()) == (again.message_id, again.accepted)


class TestWaiting:
    """Waiting for another call ends, and costs little."""

    @pytest.mark.parametrize("max_wait_s", WAITS_S)
    def test_ends(self, tmp_path: Path, max_wait_s: float) -> None:
        """No fraction of a wait is too small to be over."""
        here = world("memory", tmp_path)
        here.clock.advance(1_000.0)
        held(here, 1e6)
        error = told(here.client(), max_wait_s=max_wait_s)
        waited_s = here.clock.monotonic() - 1_000.0

        assert (InFlightError, True) == (
            type(error),
            math.isclose(max_wait_s, waited_s, abs_tol=0.01),
        )

    def test_no_slots(self, tmp_path: Path) -> None:
        """Who finds another at work when he is admitted books no more."""
        here = world("memory", tmp_path)
        counting = Counting(here.state.budget)
        here.state.budget = counting
        ses = here.client()
        ses.on(BeforeSend)(lambda _: held(here, 10.0))
        receipt = told(ses, max_wait_s=20.0)

        assert ("m-1", 2) == (receipt.message_id, counting.booked)

    def test_another_message(self, here: World) -> None:
        """What another call only holds may yet be let go."""
        held(here, 3.0, payload="1 " + "0" * 64)
        receipt = told(here.client())

        assert ("m-1", 3.0 <= receipt.waited_s < 5.0) == (
            receipt.message_id,
            True,
        )

    def test_conflict_at_last(self, here: World) -> None:
        """Another message that was sent meanwhile is a conflict."""
        ses, other = here.client(), here.client()
        payloads: list[Any] = []
        other.on(BeforeSend)(lambda _: payloads.append(told(ses)))
        error = told(other, OTHER)

        assert (IdempotencyConflictError, 1) == (type(error), here.calls)


class TestShown:
    """Nothing shows a key, or whom a mail is for."""

    def test_repr(self, tmp_path: Path) -> None:
        """None of our own values does, which a traceback may show."""
        here = world("memory", tmp_path)
        ours: list[str] = []

        def look(_: BeforeSend) -> None:
            frame = inspect.currentframe()
            while frame is not None:
                if "safeses/_" in frame.f_code.co_filename:
                    values = frame.f_locals.values()
                    ours.extend(repr(v) for v in values if attrs.has(type(v)))
                frame = frame.f_back

        ses = here.client()
        ses.on(BeforeSend)(look)
        told(ses, key=f"{ANN}/welcome")
        shown = [text for text in ours if ANN in text]

        assert (0, True) == (len(shown), len(ours) > 9)

    def test_wait(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A replay does not log the wait of the first call once more."""
        here = world("memory", tmp_path)
        caplog.set_level(logging.INFO, "safeses")
        here.answers(*[THROTTLED] * 6)
        first = told(here.client(), max_wait_s=600.0)
        here.clock.advance(1.0)
        again = told(here.client())
        waits = [r for r in caplog.messages if "after a wait" in r]

        assert (replay_of(first), 1) == (again, len(waits))


class Unreadable(dict[str, Any]):
    """A dict that cannot be read."""

    def items(self) -> Any:
        """Fail."""
        msg = "a secret"
        raise RuntimeError(msg)


class TestArguments:
    """What cannot work is an error of ours."""

    def test_unreadable(self, tmp_path: Path) -> None:
        """Parameters that cannot be read are refused as without a key."""
        ses = world("memory", tmp_path).client()
        params = {**PARAMS, "Content": Unreadable(PARAMS["Content"])}
        errors = [
            outcome_of(lambda ses=one: ses.send_email(**params))  # type: ignore[misc]  # bound early
            for one in (ses, ses.with_options(idempotency_key=KEY))
        ]

        assert (True, [InvalidMessageError] * 2, None) == (
            errors[0].args == errors[1].args,
            [type(e).__mro__[1] for e in errors],
            errors[1].__context__.__context__,
        )

    @pytest.mark.parametrize(
        "name",
        ["priority", "on_suppressed", "on_unknown", "on_key_conflict"],
    )
    def test_unhashable(self, tmp_path: Path, name: str) -> None:
        """A choice that is no text does not exist."""
        ses = world("memory", tmp_path).client()
        choice: Any = {name: ["hold"]}
        error = outcome_of(lambda: ses.send(MAIL, **choice))

        assert ConfigurationError is type(error)

    def test_resolve(self, tmp_path: Path) -> None:
        """Neither does an outcome."""
        ses = world("memory", tmp_path).client()
        wrong: Any = ["sent"]
        error = outcome_of(lambda: ses.resolve(KEY, wrong))

        assert ConfigurationError is type(error)
