"""The simulated account: limits, identities, suppression, pauses, faults."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    ReadTimeoutError,
    SSLError,
)

from safeses.testing._simulator import SimulatedSES

_DAY_S = 24 * 60 * 60


@attrs.define
class Time:
    """A clock that only the test moves."""

    now: float = 1_700_000_000.0

    def time(self) -> float:
        """Return seconds since the epoch."""
        return self.now

    def monotonic(self) -> float:
        """Return the same: it never runs backwards."""
        return self.now


def send(ses: SimulatedSES, *to: str, **changed: Any) -> str:
    """Return the message id, or the code of the refusal."""
    request: dict[str, Any] = {
        "FromEmailAddress": "shop@example.com",
        "Destination": {"ToAddresses": list(to or ["ann@example.net"])},
        "Content": {
            "Simple": {
                "Subject": {"Data": "Hello"},
                "Body": {"Text": {"Data": "Hi"}},
            }
        },
    }
    try:
        answer = ses.client().send_email(**request | changed)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return str(answer["MessageId"])


def error_of(call: Any, **params: Any) -> dict[str, Any]:
    """Return the error that an operation answers."""
    with pytest.raises(ClientError) as caught:
        call(**params)
    return dict(caught.value.response["Error"])


class TestLimits:
    """Rate and quota, counted in recipients."""

    def test_rate(self) -> None:
        """The message beyond the rate is a 429 with SES's own text."""
        ses = SimulatedSES(max_send_rate=1, clock=Time())
        send(ses, *(f"r{number}@example.net" for number in range(50)))
        client = ses.client()
        with pytest.raises(client.exceptions.TooManyRequestsException) as it:
            client.send_email(**ses.sent[0].params)

        assert (
            429,
            {
                "Code": "TooManyRequestsException",
                "Message": "Maximum sending rate exceeded.",
            },
            1,
        ) == (
            it.value.response["ResponseMetadata"]["HTTPStatusCode"],
            it.value.response["Error"],
            ses.throttled,
        )

    def test_debt(self) -> None:
        """Fifty recipients at 1/s block the account for fifty seconds."""
        clock = Time()
        ses = SimulatedSES(max_send_rate=1, clock=clock)
        send(ses, *(f"r{number}@example.net" for number in range(50)))
        clock.now += 49
        early = send(ses)
        clock.now += 1
        send(ses)

        assert ("TooManyRequestsException", 2) == (early, len(ses.sent))

    @pytest.mark.parametrize(
        "code",
        [
            "LimitExceededException",
            "TooManyRequestsException",
            "ThrottlingException",
            "Throttling",
        ],
    )
    def test_quota(self, code: Any) -> None:
        """The quota rolls and refuses under the chosen code."""
        clock = Time()
        ses = SimulatedSES(max_24_hour_send=2, quota_code=code, clock=clock)
        send(ses)
        clock.now += 60
        send(ses)
        refused = send(ses)
        clock.now += _DAY_S - 60
        send(ses)

        assert (code, 3) == (refused, len(ses.sent))

    def test_overshoot(self) -> None:
        """A message passes while a unit is left, unless told otherwise."""
        to = [f"r{number}@example.net" for number in range(10)]
        lax = SimulatedSES(max_24_hour_send=1)
        strict = SimulatedSES(max_24_hour_send=1, quota_overshoot=False)
        send(lax, *to)

        assert (1, "LimitExceededException") == (
            len(lax.sent),
            send(strict, *to),
        )

    def test_foreign_sender(self) -> None:
        """What others send counts, late where the account says so."""
        clock = Time()
        ses = SimulatedSES(quota_lag_s=30, clock=clock)
        ses.spend(40)
        shown = []
        for _ in range(2):
            account = ses.client().get_account()
            shown.append(account["SendQuota"]["SentLast24Hours"])
            clock.now += 30

        assert [0.0, 40.0] == shown

    def test_unlimited(self) -> None:
        """A quota of -1 is none."""
        ses = SimulatedSES(max_24_hour_send=-1)
        ses.spend(10**9)
        send(ses)

        assert 1 == len(ses.sent)

    def test_set_limits(self) -> None:
        """New limits hold at once and show in GetAccount."""
        ses = SimulatedSES(clock=Time())
        ses.set_limits(rate=0, quota=7)
        quota = ses.client().get_account()["SendQuota"]

        assert ("TooManyRequestsException", 0.0, 7.0) == (
            send(ses),
            quota["MaxSendRate"],
            quota["Max24HourSend"],
        )

    def test_simulator_addresses(self) -> None:
        """Mailbox simulator mail costs rate, not quota, with any label."""
        ses = SimulatedSES(max_24_hour_send=1, max_send_rate=3, clock=Time())
        ses.spend(1)
        found = [
            send(ses, "bounce@simulator.amazonses.com"),
            send(ses, "success+a@Simulator.amazonses.com"),
            send(ses, "other@simulator.amazonses.com"),
            send(ses, "ooto+1@simulator.amazonses.com"),
            send(ses, "complaint@simulator.amazonses.com"),
        ]

        assert (
            3,
            ["LimitExceededException", "TooManyRequestsException"],
        ) == (len(ses.sent), [found[2], found[4]])

    def test_api_rate(self) -> None:
        """Other actions share one call per second if so configured."""
        ses = SimulatedSES(api_rate=1, clock=Time())
        client = ses.client()
        client.get_account()
        error = error_of(client.list_email_identities)
        send(ses)

        assert ("TooManyRequestsException", 1) == (
            error["Code"],
            len(ses.sent),
        )


class TestSandbox:
    """A new account."""

    def test_limits(self) -> None:
        """A sandbox account has 1 per second and 200 per day."""
        account = SimulatedSES(sandbox=True).client().get_account()
        quota = account["SendQuota"]

        assert (200.0, 1.0, False) == (
            quota["Max24HourSend"],
            quota["MaxSendRate"],
            account["ProductionAccessEnabled"],
        )

    def test_recipients(self) -> None:
        """Only verified addresses and the mailbox simulator can be mailed."""
        ses = SimulatedSES(
            sandbox=True, verified=["example.com"], max_send_rate=50
        )
        found = [
            send(ses, to)
            for to in (
                "a@example.com",
                "a@mail.example.com",
                "bounce@simulator.amazonses.com",
                "a@example.net",
            )
        ]

        assert (3, "MessageRejected") == (len(ses.sent), found[3])

    def test_no_put(self) -> None:
        """PutSuppressedDestination is not available there."""
        error = error_of(
            SimulatedSES(sandbox=True).client().put_suppressed_destination,
            EmailAddress="a@example.net",
            Reason="BOUNCE",
        )

        assert "BadRequestException" == error["Code"]


class TestIdentities:
    """Who may send."""

    def test_text(self) -> None:
        """The refusal names region and identity as AWS does."""
        ses = SimulatedSES(verified=["example.org"])
        send(ses)
        error = error_of(
            ses.client().send_email,
            FromEmailAddress="shop@example.com",
            Destination={"ToAddresses": ["ann@example.net"]},
            Content={
                "Simple": {
                    "Subject": {"Data": "s"},
                    "Body": {"Text": {"Data": "t"}},
                }
            },
        )

        assert {
            "Code": "MessageRejected",
            "Message": (
                "Email address is not verified. The following identities "
                "failed the check in region EU-WEST-1: shop@example.com"
            ),
        } == error

    def test_life(self) -> None:
        """An identity can send once it is verified, until it is deleted."""
        ses = SimulatedSES(verified=[])
        client = ses.client()
        client.create_email_identity(EmailIdentity="example.com")
        pending = send(ses)
        ses.verify("example.com")
        found = client.get_email_identity(EmailIdentity="example.com")
        send(ses)
        client.delete_email_identity(EmailIdentity="example.com")

        assert ("MessageRejected", True, 1, []) == (
            pending,
            found["VerifiedForSendingStatus"],
            len(ses.sent),
            client.list_email_identities()["EmailIdentities"],
        )


class TestSuppression:
    """Accepted, counted, not delivered."""

    def test_accepted(self) -> None:
        """A suppressed recipient is accepted, counted and gets nothing."""
        ses = SimulatedSES()
        ses.suppress("Ann@example.net", "COMPLAINT")
        message_id = send(ses, "ann@Example.net", "bob@example.net")
        (found,) = ses.suppressed
        account = ses.client().get_account()

        assert (message_id, "ann@Example.net", "COMPLAINT", 2.0) == (
            found.message_id,
            found.address,
            found.reason,
            account["SendQuota"]["SentLast24Hours"],
        )

    def test_case_trap(self) -> None:
        """The API wants the exact case, and keeps two spellings apart."""
        client = SimulatedSES().client()
        for address in ("Ann@example.net", "ann@example.net"):
            client.put_suppressed_destination(
                EmailAddress=address, Reason="BOUNCE"
            )
        client.delete_suppressed_destination(EmailAddress="ann@example.net")
        found = client.get_suppressed_destination(
            EmailAddress="Ann@example.net"
        )
        error = error_of(
            client.get_suppressed_destination, EmailAddress="ann@example.net"
        )

        assert ("Ann@example.net", "NotFoundException") == (
            found["SuppressedDestination"]["EmailAddress"],
            error["Code"],
        )

    def test_reasons(self) -> None:
        """An entry acts only if its reason is enabled, sets override."""
        ses = SimulatedSES()
        client = ses.client()
        ses.suppress("ann@example.net", "COMPLAINT")
        client.put_account_suppression_attributes(SuppressedReasons=["BOUNCE"])
        client.create_configuration_set(
            ConfigurationSetName="strict",
            SuppressionOptions={"SuppressedReasons": ["COMPLAINT"]},
        )
        send(ses)
        strict = send(ses, ConfigurationSetName="strict")

        assert [strict] == [found.message_id for found in ses.suppressed]

    def test_pages(self) -> None:
        """A list comes in pages; a bad token has an error of its own."""
        ses = SimulatedSES()
        client = ses.client()
        for number in range(5):
            ses.suppress(f"r{number}@example.net")
        found = []
        token: dict[str, Any] = {}
        while True:
            page = client.list_suppressed_destinations(PageSize=2, **token)
            found.append(len(page["SuppressedDestinationSummaries"]))
            if "NextToken" not in page:
                break
            token = {"NextToken": page["NextToken"]}
        error = error_of(client.list_suppressed_destinations, NextToken="??")

        assert ([2, 2, 1], "InvalidNextTokenException") == (
            found,
            error["Code"],
        )


class TestStates:
    """What the account holds and whether it may act."""

    def test_pause(self) -> None:
        """A paused account sends nothing until it is resumed."""
        ses = SimulatedSES()
        ses.pause()
        refused = [send(ses)]
        ses.pause("MessageRejected")
        refused.append(send(ses))
        enabled = ses.client().get_account()["SendingEnabled"]
        ses.resume()
        send(ses)

        assert (["SendingPausedException", "MessageRejected"], False, 1) == (
            refused,
            enabled,
            len(ses.sent),
        )

    def test_shutdown(self) -> None:
        """A suspended account says so in both places."""
        ses = SimulatedSES()
        ses.shutdown_account()
        account = ses.client().get_account()

        assert ("AccountSuspendedException", "SHUTDOWN", False) == (
            send(ses),
            account["EnforcementStatus"],
            account["SendingEnabled"],
        )

    def test_configuration_sets(self) -> None:
        """Where sets are given, another name is not found."""
        ses = SimulatedSES(configuration_sets=["here"])
        client = ses.client()
        found = [send(ses, ConfigurationSetName="there")]
        client.put_configuration_set_sending_options(
            ConfigurationSetName="here", SendingEnabled=False
        )
        found.append(send(ses, ConfigurationSetName="here"))

        assert ["NotFoundException", "SendingPausedException"] == found

    def test_denied(self) -> None:
        """A missing permission has the wording that AWS has."""
        ses = SimulatedSES()
        ses.deny("ses:GetAccount", "ses:SendEmail", "ses:SendRawEmail")
        client = ses.client()
        read = error_of(client.get_account)
        raw = error_of(
            client.send_email, Content={"Raw": {"Data": b"From: a@b.example"}}
        )
        ses.allow("ses:GetAccount")
        client.get_account()
        user = "arn:aws:iam::111122223333:user/simulated"
        read_text = (
            f"User: {user} is not authorized to perform: ses:GetAccount on "
            "resource: * because no identity-based policy allows the "
            "ses:GetAccount action"
        )
        raw_text = (
            f"User `{user}' is not authorized to perform `ses:SendRawEmail' "
            "on resource `arn:aws:ses:eu-west-1:111122223333:identity/*'"
        )

        assert (
            "AccessDeniedException",
            read_text,
            raw_text,
            {"AccessDeniedException": 2},
        ) == (read["Code"], read["Message"], raw["Message"], ses.refusals)

    def test_templates(self) -> None:
        """Templates can be made, tried, changed, listed and removed."""
        client = SimulatedSES(clock=Time()).client()
        content = {"Subject": "Hi {{name}}", "Text": "{{name}}", "Html": "x"}
        client.create_email_template(TemplateName="a", TemplateContent=content)
        again = error_of(
            client.create_email_template,
            TemplateName="a",
            TemplateContent=content,
        )
        rendered = client.test_render_email_template(
            TemplateName="a", TemplateData='{"name": "Ann"}'
        )
        lacking = error_of(
            client.test_render_email_template,
            TemplateName="a",
            TemplateData="{}",
        )
        client.update_email_template(
            TemplateName="a", TemplateContent={"Subject": "New"}
        )
        found = client.get_email_template(TemplateName="a")
        listed = client.list_email_templates()["TemplatesMetadata"]
        client.delete_email_template(TemplateName="a")

        assert (
            "AlreadyExistsException",
            True,
            "BadRequestException",
            "New",
            ["a"],
            [],
        ) == (
            again["Code"],
            "Subject: Hi Ann" in rendered["RenderedTemplate"],
            lacking["Code"],
            found["TemplateContent"]["Subject"],
            [one["TemplateName"] for one in listed],
            client.list_email_templates()["TemplatesMetadata"],
        )

    def test_unknown_operation(self) -> None:
        """What botocore knows but nobody simulates is refused, not faked."""
        error = error_of(SimulatedSES().client().list_tenants)

        assert "UnknownOperationException" == error["Code"]

    def test_no_such_operation(self) -> None:
        """What botocore does not know is no attribute."""
        found = hasattr(SimulatedSES().client(), "send_fax")

        assert not found


class TestFaults:
    """What goes wrong, without a network."""

    @pytest.mark.parametrize(
        "kind, error, copies",
        [
            ("stall", ReadTimeoutError, 1),
            ("stall_headers", ReadTimeoutError, 1),
            ("drip", ReadTimeoutError, 1),
            ("reset_before", ConnectionClosedError, 0),
            ("reset_after", ConnectionClosedError, 1),
            ("close", ConnectionClosedError, 1),
            ("cut", ConnectionClosedError, 1),
            ("tls_corrupt", SSLError, 1),
            ("refuse", EndpointConnectionError, 0),
        ],
    )
    def test_lost(
        self, kind: str, error: type[Exception], copies: int
    ) -> None:
        """A lost answer is botocore's exception; SES has what it read."""
        ses = SimulatedSES()
        ses.faults.add(kind)
        with pytest.raises(error):
            send(ses)

        assert copies == len(ses.sent)

    @pytest.mark.parametrize(
        "kind, code, copies",
        [
            ("status:500", "500", 1),
            ("status:503:ServiceUnavailable", "ServiceUnavailable", 1),
            (
                "status:408:RequestTimeoutException",
                "RequestTimeoutException",
                1,
            ),
            ("status:400:RequestTimeout", "RequestTimeout", 1),
            ("status:400:ThrottlingException", "ThrottlingException", 0),
            ("status:429", "429", 0),
            ("redirect", "301", 0),
        ],
    )
    def test_answered(self, kind: str, code: str, copies: int) -> None:
        """A forced status has its code; server errors hide acceptance."""
        ses = SimulatedSES()
        ses.faults.add(kind)
        found = send(ses)

        assert (code, copies) == (found, len(ses.sent))

    @pytest.mark.parametrize("kind", ["empty", "html"])
    def test_no_message_id(self, kind: str) -> None:
        """A strange 200 is a success without a message id."""
        ses = SimulatedSES()
        ses.faults.add(kind)
        with pytest.raises(KeyError, match="MessageId"):
            send(ses)

        assert 1 == len(ses.sent)

    @pytest.mark.parametrize(
        "schedule, met",
        [
            ({}, "xxxxxxxx"),
            ({"always": True}, "xxxxxxxx"),
            ({"first": 2}, "xx......"),
            ({"every": 3}, "..x..x.."),
            ({"after": 3}, "...xxxxx"),
            ({"after": 1, "every": 2, "first": 2}, "..x.x..."),
            ({"operation": "GetAccount"}, "........"),
            ({"operation": None}, "xxxxxxxx"),
        ],
    )
    def test_schedule(self, schedule: dict[str, Any], met: str) -> None:
        """A fault meets the requests it was told to meet."""
        ses = SimulatedSES()
        ses.faults.add("status:429", **schedule)
        found = "".join("x" if send(ses) == "429" else "." for _ in range(8))

        assert met == found

    def test_hides_a_refusal(self) -> None:
        """What SES refuses is not accepted because its answer is lost."""
        ses = SimulatedSES(max_send_rate=0)
        ses.faults.add("stall")
        with pytest.raises(ReadTimeoutError):
            send(ses)

        assert () == ses.sent

    def test_accepted_can_be_said(self) -> None:
        """A fault's acceptance is the test's to choose."""
        ses = SimulatedSES()
        ses.faults.add("status:500", first=1, accepted=False)
        ses.faults.add("status:429", accepted=True)
        send(ses)
        send(ses)

        assert 1 == len(ses.sent)

    def test_unknown_kind(self) -> None:
        """A misspelt fault is an error at once."""
        with pytest.raises(ValueError, match="stahl") as caught:
            SimulatedSES().faults.add("stahl")

        assert "no fault is called 'stahl'" == str(caught.value)

    def test_refusing(self) -> None:
        """No connection opens while SES is refusing."""
        ses = SimulatedSES()
        with ses.refusing(), pytest.raises(EndpointConnectionError):
            send(ses)
        send(ses)

        assert 1 == len(ses.sent)


def test_copies() -> None:
    """Copies are counted by the tag safeses-id, or by what one likes."""
    ses = SimulatedSES()
    for value in "aab":
        send(ses, EmailTags=[{"Name": "safeses-id", "Value": value}])

    assert (2, 1, 0, 3) == (
        ses.copies("a"),
        ses.copies("b"),
        ses.copies("c"),
        ses.copies(lambda mail: mail.source == "shop@example.com"),
    )


def test_message_ids() -> None:
    """Message ids are unique and look like those of SES."""
    ses = SimulatedSES(clock=Time())
    found = [send(ses) for _ in range(3)]

    assert (3, {60}, {"0102018bcfe56800"}) == (
        len(set(found)),
        {len(one) for one in found},
        {one.partition("-")[0] for one in found},
    )
