"""What a keyed call heeds that happens while it is under way."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest
from tests.keyed import (
    GRACE_S,
    LOST,
    SUBMIT_LEASE_S,
    World,
    told,
    world,
)

from safeses import (
    EventSource,
    OutcomeUnknownError,
    Receipt,
    SuppressedError,
)
from safeses.events import BeforeSend

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.race  # threads

EVENTS = EventSource(name="the queue mail-events", grace_s=GRACE_S)


@pytest.fixture(params=["memory", "sqlite"])
def here(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """Return a world in which nothing has been sent."""
    made = world(request.param, tmp_path)
    yield made
    made.close()


def test_a_twin_was_accepted(here: World) -> None:
    """Who is refused after another call was accepted gets its receipt."""
    ses, twin = here.client(), here.client()
    receipts = []

    @ses.on(BeforeSend)
    def another_sends(_: BeforeSend) -> None:
        receipts.append(told(twin))
        for address in ("ann@b.example", "bob@b.example"):
            twin.suppressions.add(address, "bounce")

    again = told(ses)

    assert (Receipt, True, 1) == (type(again), again.replayed, here.calls)
    assert receipts[0].message_id == again.message_id


def test_vetoed_beside_a_twin(here: World) -> None:
    """Who is vetoed after another call was accepted gets its receipt."""
    ses, twin = here.client(), here.client()
    receipts = []

    @ses.on(BeforeSend)
    def another_sends(_: BeforeSend) -> None:
        receipts.append(told(twin))
        msg = "not today"
        raise RuntimeError(msg)

    again = told(ses)

    assert (Receipt, True, 1) == (type(again), again.replayed, here.calls)
    assert receipts[0].message_id == again.message_id


def test_nobody_was_accepted(here: World) -> None:
    """Who is refused, and no other call was accepted, is refused."""
    ses = here.client()
    for address in ("ann@b.example", "bob@b.example"):
        ses.suppressions.add(address, "bounce")

    assert (SuppressedError, 0) == (type(told(ses)), here.calls)


def test_an_event_without_a_time(here: World) -> None:
    """An event of nobody knows when shows nothing about other mail."""
    here.answers(LOST)
    ses = here.client(on_unknown="reconcile", events=EVENTS)
    first = told(ses)
    other = told(ses, key="order-78/receipt")
    ses.ledger.settle(other.tag, other.message_id)
    here.clock.advance(SUBMIT_LEASE_S + GRACE_S + 1)
    held = told(ses)
    ses.ledger.settle(first.tag, "m-7")
    settled = told(ses)

    assert (OutcomeUnknownError, "m-7") == (type(held), settled.message_id)


def test_events_of_the_same_minute(here: World) -> None:
    """Mail that was sent before the attempt shows nothing about it."""
    here.clock.advance(30 - here.clock.time() % 60 + 60)
    here.answers(LOST)
    ses = here.client(on_unknown="reconcile", events=EVENTS)
    began = dt.datetime.fromtimestamp(here.clock.time(), dt.timezone.utc)
    moment = dt.timedelta(seconds=10)
    told(ses)
    ses.ledger.settle("0" * 32, "m-8", sent_at=began - moment)
    here.clock.advance(SUBMIT_LEASE_S + GRACE_S + 1)
    held = told(ses)
    ses.ledger.settle("0" * 32, "m-9", sent_at=began + moment)
    sent = told(ses)

    assert (OutcomeUnknownError, Receipt) == (type(held), type(sent))


def test_a_held_job_takes_no_slot(tmp_path: Path) -> None:
    """Whoever asks for an unknown job again and again starves nobody."""
    here = world("sqlite", tmp_path)
    here.answers(LOST)
    ses = here.client(on_unknown="reconcile", events=EVENTS)
    told(ses)
    here.clock.advance(60)
    held = [told(ses) for _ in range(30)]
    other = told(ses, key="order-78/receipt")
    here.close()

    assert (30, 0.0) == (
        sum(isinstance(error, OutcomeUnknownError) for error in held),
        other.waited_s,
    )
