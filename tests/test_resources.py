"""What SES is known to lack is refused; what is not known passes."""

from __future__ import annotations

import datetime as dt
import threading
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from safeses import Account, Client, Email
from safeses._lookups._resources import (
    FAILED_FRESH_S,
    MISSING_FRESH_S,
    Resources,
)
from safeses._request import request
from safeses.errors import (
    AccessDeniedError,
    RateLimitedError,
    RejectedError,
    UnreachableError,
)
from safeses.testing import FakeClock, SimulatedSES

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.race  # threads

MISSING = RejectedError("NotFoundException", 404)
SANDBOX = Account(
    max_send_rate=1.0,
    production_access=False,
    as_of=dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc),
)


@attrs.define
class Api:
    """
    Knows what it is told, and nothing else.

    Attributes:
        verified: The identities that may send.
        pending: The identities that are not verified yet.
        named: The sets and templates that there are.
        error: What is raised instead of an answer.
        asked: Every name, in order.
    """

    verified: set[str] = attrs.field(factory=set)
    pending: set[str] = attrs.field(factory=set)
    named: set[str] = attrs.field(factory=set)
    error: Exception | None = None
    asked: list[str] = attrs.field(factory=list)
    scope: str = "a/r"

    def call(
        self, operation: str, /, *, max_wait_s: float = 0.0, **params: Any
    ) -> dict[str, Any]:
        """Answer as SES would."""
        del operation, max_wait_s
        (name,) = params.values()
        self.asked.append(name)
        if self.error is not None:
            raise self.error
        if name in self.verified | self.pending:
            return {"VerifiedForSendingStatus": name in self.verified}
        if name in self.named:
            return {}
        raise MISSING


def at_once(act: Callable[[], None]) -> None:
    """Run what belongs into the background now."""
    act()


def resources(
    api: Api,
    clock: FakeClock | None = None,
    account: Account | None = None,
    spawn: Any = at_once,
) -> Resources:
    """Return the checks on a fake SES."""
    return Resources(api, lambda: account, clock or FakeClock(), spawn=spawn)


def mail(**changed: Any) -> Any:
    """Return a request."""
    return request(
        {
            "FromEmailAddress": "Shop <shop@Mail.a.example>",
            "Destination": {"ToAddresses": ["ann@b.example"]},
            "Content": {
                "Simple": {
                    "Subject": {"Data": "s"},
                    "Body": {"Text": {"Data": "t"}},
                }
            },
            **changed,
        },
        tag="t",
        scope="s",
    )


def found(checks: Resources, message: Any) -> list[str]:
    """Return what is found the second time: the first one asks."""
    list(checks.check(message))
    return [finding.rule for finding in checks.check(message)]


class TestSender:
    """Who sends must be verified."""

    @pytest.mark.parametrize(
        "verified",
        ["mail.a.example", "a.example", "shop@Mail.a.example"],
    )
    def test_is_verified(self, verified: str) -> None:
        """The address, its domain or a parent domain is enough."""
        assert [] == found(resources(Api(verified={verified})), mail())

    @pytest.mark.parametrize(
        "verified", ["b.example", "example", "shop@a.example", "ail.a.example"]
    )
    def test_is_unverified(self, verified: str) -> None:
        """Another name is not."""
        api = Api(verified={verified})

        assert ["sender.unverified"] == found(resources(api), mail())

    def test_is_pending(self) -> None:
        """An identity that waits for its verification may not send yet."""
        api = Api(pending={"a.example"})

        assert ["sender.unverified"] == found(resources(api), mail())

    def test_of_another_account(self) -> None:
        """With sending authorization the identity is not ours to find."""
        message = mail(FromEmailAddressIdentityArn="arn:aws:ses:x")

        assert ([], []) == (found(resources(api := Api()), message), api.asked)

    def test_in_a_raw_header(self) -> None:
        """A raw message names its sender itself."""
        data = b"From: S <s@c.example>\r\nTo: a@b.example\r\n\r\nx\r\n"
        message = mail(Content={"Raw": {"Data": data}}, FromEmailAddress="")

        assert (["sender.unverified"], ["c.example", "s@c.example"]) == (
            found(resources(api := Api()), message),
            api.asked,
        )


class TestNames:
    """Sets and templates must be there."""

    def test_are_missing(self) -> None:
        """Both are named."""
        api = Api(verified={"a.example"})
        message = mail(
            ConfigurationSetName="set",
            Content={"Template": {"TemplateName": "hi"}},
        )

        assert ["configuration-set.missing", "template.missing"] == found(
            resources(api), message
        )

    def test_are_there(self) -> None:
        """Neither is."""
        api = Api(verified={"a.example"}, named={"set", "hi"})
        message = mail(
            ConfigurationSetName="set",
            Content={"Template": {"TemplateName": "hi"}},
        )

        assert [] == found(resources(api), message)


class TestSandbox:
    """In the sandbox recipients must be verified, too."""

    @pytest.mark.parametrize(
        "account, recipient, expected",
        [
            (SANDBOX, "ann@b.example", ["recipients.sandbox"]),
            (SANDBOX, "ann@a.example", []),
            (SANDBOX, "success@simulator.amazonses.com", []),
            (attrs.evolve(SANDBOX, production_access=True), "a@b.example", []),
            (None, "ann@b.example", []),
        ],
    )
    def test_recipients(
        self, account: Account | None, recipient: str, expected: list[str]
    ) -> None:
        """Unless the account is in production, or nothing is known."""
        checks = resources(Api(verified={"a.example"}), account=account)
        message = mail(Destination={"ToAddresses": [recipient]})

        assert expected == found(checks, message)


class TestAsking:
    """Nobody waits, and SES is asked seldom."""

    def test_first_send_passes(self) -> None:
        """What is not known yet is left to SES."""
        later: list[Callable[[], None]] = []
        checks = resources(Api(), spawn=later.append)
        first = list(checks.check(mail()))
        later[0]()

        assert ([], 1, 1) == (
            first,
            len(list(checks.check(mail()))),
            len(later),
        )

    def test_each_name_once(self) -> None:
        """An answer serves for a while; a missing one for a shorter one."""
        clock, api = FakeClock(), Api()
        checks = resources(api, clock)
        for _ in range(5):
            list(checks.check(mail()))
        asked = len(api.asked)
        clock.advance(MISSING_FRESH_S + 1)
        api.verified.add("a.example")

        assert (3, []) == (asked, found(checks, mail()))

    @pytest.mark.parametrize(
        "error",
        [
            UnreachableError("x"),
            RateLimitedError(1.0, 1.0),
            RejectedError("BadRequestException", 400),
            OSError("of a client that is not boto3's"),
        ],
    )
    def test_failure_passes(self, error: Exception) -> None:
        """Where SES cannot be asked, it decides; asked again later."""
        clock, api = FakeClock(), Api(error=error)
        checks = resources(api, clock)
        failed = found(checks, mail())
        api.error = None
        clock.advance(FAILED_FRESH_S + 1)

        assert ([], ["sender.unverified"]) == (failed, found(checks, mail()))

    def test_denied_is_said_once(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Without the right to ask, nothing is refused, for any name."""
        api = Api(error=AccessDeniedError("ses:GetEmailIdentity"))
        checks = resources(api)
        outcome = [found(checks, mail()) for _ in range(3)]
        other = found(checks, mail(FromEmailAddress="a@other.example"))

        assert ([[]] * 3, [], 1) == (
            outcome,
            other,
            len(caplog.messages),
        )

    def test_no_more_threads(self) -> None:
        """At the exit of the process a send still goes through."""

        def spawn(_: object) -> None:
            raise RuntimeError

        checks = resources(Api(), spawn=spawn)

        assert [[], []] == [list(checks.check(mail())) for _ in range(2)]

    def test_threads(self) -> None:
        """Racing sends ask for each name once."""
        api = Api()
        checks = resources(
            api, spawn=lambda act: threading.Thread(target=act).start()
        )
        threads = [
            threading.Thread(target=lambda: list(checks.check(mail())))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        for other in threading.enumerate():
            if other is not threading.current_thread() and not other.daemon:
                other.join(60)

        assert sorted(set(api.asked)) == sorted(api.asked)

    def test_fork(self) -> None:
        """A child begins anew where the parent was asking."""
        later: list[Callable[[], None]] = []
        checks = resources(Api(), spawn=later.append)
        list(checks.check(mail()))
        checks.after_fork()
        list(checks.check(mail()))

        assert 2 == len(later)


def test_a_simulated_ses_that_verifies_everybody() -> None:
    """Where every identity is verified, it says so when asked."""
    ses = SimulatedSES(max_send_rate=100)
    safe = Client(ses.client(), verify_identities=True, clock=FakeClock())
    message = Email(from_email="shop@a.example", to="ann@b.example", text="t")
    for _ in range(3):
        safe.send(message)
        wait_until_asked()

    assert 3 == len(ses.sent)


def wait_until_asked() -> None:
    """Let the thread that asks SES end."""
    for thread in threading.enumerate():
        if thread.name == "safeses-account":
            thread.join(60)
