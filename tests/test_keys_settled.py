"""Events, and people, say what became of what was perhaps sent."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from tests.keyed import (
    GRACE_S,
    KEY,
    LOST,
    MAIL,
    SUBMIT_LEASE_S,
    World,
    outcome_of,
    told,
    world,
)

from safeses import (
    ConfigurationError,
    EventSource,
    OutcomeUnknownError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

EVENTS = EventSource(name="the queue mail-events", grace_s=GRACE_S)
START = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)


@pytest.fixture(params=["memory", "sqlite"])
def here(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """Return a world in which nothing has been sent."""
    made = world(request.param, tmp_path)
    yield made
    made.close()


class TestReconcile:
    """Events say what came of it."""

    def test_own_event(self, here: World) -> None:
        """An event of the mail itself settles it."""
        here.answers(LOST)
        ses = here.client(on_unknown="reconcile", events=EVENTS)
        error = told(ses)
        is_known = ses.ledger.settle(error.tag, "m-1", sent_at=START)
        again = told(ses)

        assert (True, "m-1", MAIL.to, START, True, 1, []) == (
            is_known,
            again.message_id,
            again.accepted,
            again.sent_at,
            again.replayed,
            here.calls,
            [*ses.unknown()],
        )

    @pytest.mark.parametrize(
        "waits_s, proof_s, sent",
        [
            (SUBMIT_LEASE_S + GRACE_S + 1, 0, True),
            (SUBMIT_LEASE_S + GRACE_S + 1, 60, True),
            (SUBMIT_LEASE_S + GRACE_S + 1, 5 * 60, True),
            (SUBMIT_LEASE_S + GRACE_S + 1, 6 * 60, False),
            (SUBMIT_LEASE_S + GRACE_S + 1, -60, False),
            (SUBMIT_LEASE_S + GRACE_S + 1, None, False),
            (GRACE_S - 1, 0, False),
            (365 * 86_400, None, False),
        ],
    )
    def test_later_call(
        self, here: World, waits_s: float, proof_s: float | None, *, sent: bool
    ) -> None:
        """It sends after the grace, if events of other mail arrived."""
        here.answers(LOST)
        ses = here.client(on_unknown="reconcile", events=EVENTS)
        first = told(ses)
        if proof_s is not None:
            other = told(ses, key="order-78/receipt")
            ses.ledger.settle(
                other.tag,
                other.message_id,
                sent_at=START + dt.timedelta(seconds=proof_s),
            )
        before = here.calls
        here.clock.advance(waits_s)
        again = told(ses)
        wanted = "Receipt" if sent else "OutcomeUnknownError"

        assert (OutcomeUnknownError, wanted, int(sent)) == (
            type(first),
            type(again).__name__,
            here.calls - before,
        )

    def test_no_tag(self, here: World) -> None:
        """No event can tell of a mail without a tag, so it is held."""
        here.answers(LOST)
        told(here.client(correlation_tag=False))
        ses = here.client(on_unknown="reconcile", events=EVENTS)
        other = told(ses, key="order-78/receipt")
        ses.ledger.settle(other.tag, other.message_id, sent_at=START)
        here.clock.advance(SUBMIT_LEASE_S + GRACE_S + 1)

        assert (OutcomeUnknownError, 2) == (type(told(ses)), here.calls)

    def test_other_policy(self, here: World) -> None:
        """A call that holds does not send, however well events arrive."""
        here.answers(LOST)
        ses = here.client(events=EVENTS)
        told(ses)
        ses.ledger.settle("0" * 32, "m-9", sent_at=START)
        here.clock.advance(SUBMIT_LEASE_S + GRACE_S + 1)
        held = told(ses)
        sent = told(ses, on_unknown="reconcile")

        assert (OutcomeUnknownError, "m-2") == (type(held), sent.message_id)

    @pytest.mark.parametrize(
        "settings, remedy",
        [
            ({}, "events="),
            ({"events": EVENTS, "correlation_tag": False}, "tag"),
        ],
    )
    def test_impossible(
        self, here: World, settings: dict[str, Any], remedy: str
    ) -> None:
        """Without events, or tags to find, it cannot be chosen."""
        ses = here.client(**settings)
        acts: list[Callable[[], object]] = [
            lambda: told(ses, on_unknown="reconcile"),
            lambda: ses.with_options(on_unknown="reconcile"),
            lambda: here.client(on_unknown="reconcile", **settings),
        ]
        errors = [outcome_of(act) for act in acts]

        assert ([(ConfigurationError, True)] * 3, 0) == (
            [(type(error), remedy in error.remedy) for error in errors],
            here.calls,
        )


class TestResolve:
    """A person settles it."""

    @pytest.mark.parametrize("by", ["key", "tag", "value"])
    @pytest.mark.parametrize("settings", [{}, {"tag_key": b"k" * 16}])
    def test_sent(
        self, here: World, by: str, settings: dict[str, Any]
    ) -> None:
        """After "sent" a repetition gets a receipt."""
        here.answers(LOST)
        ses = here.client(**settings)
        error = told(ses)
        (send,) = ses.unknown()
        name: Any = {"key": KEY, "tag": error.tag, "value": send}[by]
        is_done = ses.resolve(name, "sent", message_id="m-1")
        again = told(ses)

        assert (True, "m-1", True, error.tag, MAIL.to, 1, []) == (
            is_done,
            again.message_id,
            again.replayed,
            again.tag,
            again.accepted,
            here.calls,
            [*ses.unknown()],
        )

    @pytest.mark.parametrize("by", ["key", "tag", "value"])
    def test_not_sent(self, here: World, by: str) -> None:
        """After "not_sent" its key is free again."""
        here.answers(LOST)
        ses = here.client()
        error = told(ses)
        (send,) = ses.unknown()
        name: Any = {"key": KEY, "tag": error.tag, "value": send}[by]
        is_done = ses.resolve(name, "not_sent")
        again = told(ses, attrs.evolve(MAIL, subject="Otherwise"))

        assert (True, "m-2", False, []) == (
            is_done,
            again.message_id,
            again.replayed,
            [*ses.unknown()],
        )

    def test_without_id(self, here: World) -> None:
        """Who only knows that it was sent need not know the id."""
        here.answers(LOST)
        ses = here.client()
        error = told(ses)
        ses.resolve(KEY, "sent")
        receipts = [told(ses)]
        ses.ledger.settle(error.tag, "m-1", sent_at=START)
        receipts.append(told(ses))

        assert ["", "m-1"] == [receipt.message_id for receipt in receipts]

    @pytest.mark.parametrize("outcome", ["sent", "not_sent"])
    def test_without_key(self, here: World, outcome: Any) -> None:
        """What has no key is forgotten."""
        here.answers(LOST)
        ses = here.client()
        error = told(ses, key=None)
        done = [ses.resolve(error.tag, outcome) for _ in range(2)]

        assert ([True, False], []) == (done, [*ses.unknown()])

    def test_in_its_namespace(self, here: World) -> None:
        """A key is looked for in the client's own namespace."""
        here.answers(LOST)
        ses, other = here.client(), here.client(namespace="news")
        told(ses)

        assert [False, True] == [
            client.resolve(KEY, "not_sent") for client in (other, ses)
        ]
