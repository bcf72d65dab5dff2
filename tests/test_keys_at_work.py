"""Keys while others are at work, and where a ledger fails."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.fake_ses import FakeSES
from tests.keyed import (
    CLAIM_LEASE_S,
    DENIED,
    KEY,
    LIMITS,
    PARAMS,
    SUBMIT_LEASE_S,
    THROTTLED,
    World,
    outcome_of,
    replay_of,
    told,
    world,
)

from safeses import (
    Client,
    ConfigurationError,
    InFlightError,
    OutcomeUnknownError,
    RecipientsDropped,
    StoreError,
)
from safeses.ledger import Job, MemoryLedger
from safeses.testing import FakeClock, stubbed

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(params=["memory", "sqlite"])
def here(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """Return a world in which nothing has been sent."""
    made = world(request.param, tmp_path)
    yield made
    made.close()


class TestInFlight:
    """Two calls with one key at once are one mail."""

    def test_second_waits(self, here: World) -> None:
        """The second call gets the first one's receipt."""

        def slow() -> Any:
            here.clock.sleep(3)
            return FakeSES().send_email()

        here.answers(slow)
        ses = here.client()
        first, second = here.clock.run(lambda: told(ses), lambda: told(ses))

        assert (replay_of(first), 1) == (second, here.calls)

    def test_second_gives_up(self, here: World) -> None:
        """A call that cannot wait so long says when to come again."""

        def slow() -> Any:
            here.clock.sleep(9)
            return FakeSES().send_email()

        here.answers(slow)
        ses = here.client()
        first, second, third = here.clock.run(
            lambda: told(ses),
            lambda: told(ses),
            lambda: told(ses, max_wait_s=0),
        )

        assert ("m-1", InFlightError, InFlightError, True, 1) == (
            first.message_id,
            type(second),
            type(third),
            0 < second.retry_after_s < third.retry_after_s <= SUBMIT_LEASE_S,
            here.calls,
        )

    def test_second_goes_on(self, here: World) -> None:
        """If the first is refused for now, the second sends."""

        def slow() -> Any:
            here.clock.sleep(1)
            raise DENIED

        here.answers(slow)
        ses = here.client()
        first, second = here.clock.run(lambda: told(ses), lambda: told(ses))

        assert (True, "m-2", False) == (
            isinstance(first, Exception),
            second.message_id,
            second.replayed,
        )

    def test_overtaken(self, here: World) -> None:
        """Who pauses after a throttle may find that another has sent."""
        here.answers(THROTTLED)
        ses = here.client()

        def later() -> Any:
            here.clock.sleep(0.2)
            return told(here.client())

        first, second = here.clock.run(lambda: told(ses), later)

        assert ({("m-2", False), ("m-2", True)}, 2) == (
            {(r.message_id, r.replayed) for r in (first, second)},
            here.calls,
        )

    def test_stalled(self, here: World) -> None:
        """Who stalls before the first byte sends nothing any more."""
        ses, meanwhile = here.client(), []
        ses.suppressions.add("bob@b.example", "bounce")

        @ses.on(RecipientsDropped)
        def stall(_: RecipientsDropped) -> None:
            here.clock.advance(CLAIM_LEASE_S + 0.1)
            meanwhile.append(told(here.client()))

        late = told(ses)
        again = told(ses)

        assert (InFlightError, [replay_of(m) for m in meanwhile], 1) == (
            type(late),
            [again],
            here.calls,
        )

    def test_many(self, here: World) -> None:
        """Of any number at once one sends, and all get its receipt."""
        ses = here.client()
        receipts = here.clock.run(*[lambda: told(ses)] * 8)

        assert (["m-1"] * 8, 7, 1) == (
            [receipt.message_id for receipt in receipts],
            sum(receipt.replayed for receipt in receipts),
            here.calls,
        )

    def test_drop_in(self, here: World) -> None:
        """In flight is an error of boto3's that is worth a retry."""
        answers = []

        def slow() -> Any:
            view = here.client().with_options(
                idempotency_key=KEY, max_wait_s=0
            )
            answers.append(outcome_of(lambda: view.send_email(**PARAMS)))
            return FakeSES().send_email()

        here.answers(slow)
        here.client().with_options(idempotency_key=KEY).send_email(**PARAMS)
        (error,) = answers

        assert (True, "ConcurrentModificationException") == (
            isinstance(error, InFlightError),
            error.response["Error"]["Code"],
        )

    def test_claim_of_the_dead(self, here: World) -> None:
        """Who ends before the first byte keeps the key for a lease only."""
        ses = here.client()
        here.state.ledger.claim(
            Job(id=ses.ledger.job_id(KEY)), "dead", CLAIM_LEASE_S
        )
        early = told(ses, max_wait_s=0)
        here.clock.advance(CLAIM_LEASE_S + 0.1)
        late = told(ses)

        assert (InFlightError, "m-1", False) == (
            type(early),
            late.message_id,
            late.replayed,
        )


class TestLedgerFails:
    """What is not on record is not sent, and what was is not lost."""

    @pytest.mark.parametrize("act", ["look_up", "claim", "submit"])
    def test_before_sending(self, here: World, act: str) -> None:
        """Without an answer nothing is sent, and later all goes well."""
        ses = here.client()
        with here.deaf(act):
            first = told(ses)
        sent = here.calls
        here.clock.advance(CLAIM_LEASE_S + 0.1)
        again = told(ses)

        assert (StoreError, 0, "m-1") == (type(first), sent, again.message_id)

    def test_settle(self, here: World) -> None:
        """An acceptance that is not noted is unknown, not free."""
        ses = here.client()
        with here.deaf("settle"):
            first = told(ses)
        early = told(ses, max_wait_s=0)
        here.clock.advance(SUBMIT_LEASE_S + 0.1)
        late = told(ses)
        tags = [send.tag for send in ses.unknown()]

        assert (
            ("m-1", False),
            InFlightError,
            OutcomeUnknownError,
            [first.tag],
            1,
        ) == (
            (first.message_id, first.recorded),
            type(early),
            type(late),
            tags,
            here.calls,
        )

    def test_full(self) -> None:
        """A full ledger takes no more mail, with a key or without."""
        small = world("memory", Path())
        small.state.ledger = MemoryLedger(clock=small.clock, max_records=1)
        ses = small.client()
        keys = [KEY, "2", None, KEY]
        results = [told(ses, key=key) for key in keys]
        first, *refused, again = results

        assert (["StoreError"] * 2, replay_of(first), 1) == (
            [type(error).__name__ for error in refused],
            again,
            small.calls,
        )


class TestWhereKeysWork:
    """A key needs a memory that somebody chose."""

    def test_nobody_named_it(self) -> None:
        """The memory of a process is no place unless it is asked for."""
        ses: Any = FakeSES()
        client = Client(ses, limits=LIMITS, clock=FakeClock())
        errors = [
            told(client),
            outcome_of(lambda: client.with_options(idempotency_key=KEY)),
        ]

        assert ([ConfigurationError] * 2, [], True) == (
            [type(error) for error in errors],
            ses.sent,
            all("state=" in error.remedy for error in errors),
        )

    def test_view_of_a_test(self) -> None:
        """A view that a test made is refused later, as boto3 would."""
        fake: Any = FakeSES()
        client = Client(fake, limits=LIMITS, clock=FakeClock())
        with stubbed(client):
            view = client.with_options(idempotency_key=KEY)
        error = outcome_of(lambda: view.send_email(**PARAMS))

        assert (True, True, []) == (
            isinstance(error, ConfigurationError),
            isinstance(error, ClientError),
            fake.sent,
        )

    @pytest.mark.parametrize("how", ["argument", "environment"])
    def test_named(self, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Who says "memory:", here or outside, has thought of it."""
        settings: dict[str, Any] = {}
        if how == "argument":
            settings["state"] = "memory:"
        else:
            monkeypatch.setenv("SAFESES_STATE", "memory:")
        ses: Any = FakeSES()
        client = Client(ses, limits=LIMITS, clock=FakeClock(), **settings)
        told(client)

        assert (True, 1) == (told(client).replayed, len(ses.sent))

    @pytest.mark.parametrize("key", ["", "x" * 256, 7, b"k", "\ud800"])
    def test_no_key(self, here: World, key: Any) -> None:
        """A key is a text that can name a job."""
        error = told(here.client(), key=key)

        assert (ConfigurationError, 0) == (type(error), here.calls)

    @pytest.mark.parametrize("key", ["x" * 255, "Grüße \U0001f600", " ", "\0"])
    def test_key(self, here: World, key: str) -> None:
        """Any text of up to 255 characters is a key."""
        receipts = [told(here.client(), key=key) for _ in range(2)]

        assert [False, True] == [receipt.replayed for receipt in receipts]
