from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from safeses import (
    AfterSend,
    BeforeSend,
    Client,
    ConfigurationError,
    Email,
    InvalidMessageError,
    Limits,
    QuotaExceededError,
    RateLimitedError,
    VetoedError,
)
from safeses.testing import FakeClock, Outbox, StubSES, stubbed

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.race  # threads

ONE = Email(
    from_email="shop@a.example",
    to="eva@b.example",
    subject="Hello",
    text="Hello!",
)
# The same as parameters of boto3.
PARAMS: dict[str, Any] = {
    "FromEmailAddress": "shop@a.example",
    "Destination": {"ToAddresses": ["eva@b.example"]},
    "Content": {
        "Simple": {
            "Subject": {"Data": "Hello"},
            "Body": {"Text": {"Data": "Hello!"}},
        }
    },
}


@pytest.fixture
def ses() -> Client:
    """A client of an application, never used before."""
    return Client()


@pytest.fixture
def outbox(ses: Client) -> Iterator[Outbox]:
    """Where the mail of that client goes."""
    with stubbed(ses) as outbox:
        yield outbox


class TestStubbed:
    """One client, for a while without SES, settings and real time."""

    def test_includes_views(self, ses: Client) -> None:
        """Views made before and within share the outbox."""
        before = ses.with_options(priority="bulk")
        with stubbed(ses) as outbox:
            before.send(ONE)
            ses.with_options(stream="news").send_email(**PARAMS)

        assert 2 == len(outbox)

    def test_needs_no_settings(
        self, ses: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Neither region nor credentials are needed, nor missed later."""
        for name in ("AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID"):
            monkeypatch.delenv(name)
        with stubbed(ses) as outbox:
            ses.send(ONE)
        with pytest.raises(ConfigurationError) as caught:
            ses.send(ONE)

        assert (1, "no AWS region is known") == (
            len(outbox),
            caught.value.problem,
        )

    def test_restores(self) -> None:
        """Afterwards the client has its own boto3 client and time."""
        own, clock = StubSES(), FakeClock()
        ses = Client(own, clock=clock)
        ses.send(ONE)
        with suppress(LookupError), stubbed(ses) as outbox:
            ses.send(ONE)
            raise LookupError
        ses.send(ONE)

        assert (2, 1, True) == (
            len(own.outbox),
            len(outbox),
            ses.boto3_client is own,
        )

    def test_nests(self, ses: Client) -> None:
        """The innermost context gets the mail, whatever ends first."""
        first, second = stubbed(ses), stubbed(ses)
        outer, inner = first.__enter__(), second.__enter__()
        ses.send(ONE)
        first.__exit__(None, None, None)
        ses.send(ONE)
        second.__exit__(None, None, None)

        assert (0, 2) == (len(outer), len(inner))

    def test_serves_threads(self, ses: Client, outbox: Outbox) -> None:
        """Every mail of many threads is recorded under its own id."""
        with ThreadPoolExecutor(8) as pool:
            receipts = list(pool.map(ses.send, [ONE] * 80))

        assert {r.message_id for r in receipts} == {
            mail.message_id for mail in outbox
        }

    def test_never_waits_by_default(self, ses: Client, outbox: Outbox) -> None:
        """Without limits no time passes, not even virtual time."""
        waits = [ses.send(ONE).waited_s for _ in range(200)]

        assert ({0.0}, 200) == (set(waits), len(outbox))

    def test_keeps_limits_in_virtual_time(self, ses: Client) -> None:
        """With limits, throttling is as in production, to the second."""
        clock = FakeClock()
        with stubbed(ses, limits=Limits(per_second=1), clock=clock):
            waits = [ses.send(ONE).waited_s for _ in range(4)]
            with pytest.raises(RateLimitedError):
                ses.send(ONE, max_wait_s=0)

        assert ([0.0, 1.0, 1.0, 1.0], 3.0) == (waits, clock.monotonic())

    def test_keeps_quotas(self, ses: Client) -> None:
        """A quota given to the context holds."""
        limits = Limits(per_second=100, per_day=1)
        with stubbed(ses, limits=limits) as outbox:
            ses.send(ONE)
            with pytest.raises(QuotaExceededError):
                ses.send(ONE)

        assert 1 == len(outbox)

    def test_lets_a_quota_come_back(self, ses: Client) -> None:
        """A quota that SES calls used up holds until time moves on."""
        clock = FakeClock()
        with stubbed(ses, clock=clock) as outbox:
            outbox.fail_next("LimitExceededException")
            with pytest.raises(QuotaExceededError):
                ses.send(ONE)
            clock.advance(600)
            ses.send(ONE)

        assert 1 == len(outbox)

    def test_runs_hooks(self, ses: Client, outbox: Outbox) -> None:
        """The application's hooks run, and may veto."""
        seen: list[str] = []
        ses.on(AfterSend)(lambda event: seen.append(event.tag))
        ses.send(ONE)

        @ses.on(BeforeSend)
        def veto(_: BeforeSend) -> None:
            raise LookupError

        with pytest.raises(VetoedError):
            ses.send(ONE)

        assert (seen[:1], 2) == ([outbox[0].tag], len(seen))

    def test_validates(self, ses: Client, outbox: Outbox) -> None:
        """What SES would refuse never reaches the outbox."""
        with pytest.raises(InvalidMessageError):
            ses.send(attrs.evolve(ONE, subject="a\nBcc: b@b.example"))

        assert 0 == len(outbox)

    def test_checks_as_boto3_does(self, ses: Client, outbox: Outbox) -> None:
        """A parameter that boto3 does not know is refused here, too."""
        with pytest.raises(InvalidMessageError) as caught:
            ses.send_email(**PARAMS, Sender="shop@a.example")  # type: ignore[call-arg]  # the point

        assert (["Sender"], 0) == (
            [finding.field for finding in caught.value.findings],
            len(outbox),
        )

    def test_may_be_closed(self, ses: Client) -> None:
        """An application that closes its client closes the stand-in."""
        with stubbed(ses):
            ses.close()
        with stubbed(ses, limits=Limits(per_second=1)) as outbox:
            ses.send(ONE)
            ses.send(ONE)

        assert 2 == len(outbox)

    def test_reports_the_limits(self, ses: Client) -> None:
        """Asked for the account, the stub reports the limits given."""
        limits = Limits(per_second=3, per_day=100)
        with stubbed(ses, limits=limits):
            ses.send(ONE)
            account = ses.account()

        assert (3, 100, 1) == (
            account.max_send_rate,
            account.max_24_hour_send,
            account.sent_last_24_hours,
        )


def test_limits_outlive_a_question() -> None:
    """Asking for the account does not replace the limits of the caller."""
    clock = FakeClock()
    ses = Client(StubSES(), limits=Limits(per_second=1), clock=clock)
    ses.send(ONE)
    ses.account()

    assert 1.0 == ses.send(ONE).waited_s
