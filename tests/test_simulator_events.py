"""The simulated SES reports its mails as the documents say SES does."""

from __future__ import annotations

import base64
import json
import threading
from typing import Any

import attrs
import pytest

from safeses import events
from safeses.testing import FakeClock, SimulatedSES, SQSDestination

pytestmark = pytest.mark.race  # threads

SUCCESS, BOUNCE, OOTO, COMPLAINT, GLOBAL = (
    f"{name}@simulator.amazonses.com"
    for name in ("success", "bounce", "ooto", "complaint", "suppressionlist")
)
ANN = "ann@example.net"
DETAIL = {
    "Rendering Failure": "failure",
    "DeliveryDelay": "deliveryDelay",
}
# In two parts, as a scanner would take this file for a virus.
EICAR = (
    b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
)
PATIENCE_S = 20


@attrs.define
class Heard:
    """A destination that keeps what it gets."""

    events: list[dict[str, Any]] = attrs.field(factory=list)

    def __call__(self, event: dict[str, Any]) -> None:
        """Keep it."""
        self.events.append(event)

    @property
    def kinds(self) -> list[str]:
        """The types, in order."""
        return [kind(event) for event in self.events]


def kind(event: dict[str, Any]) -> str:
    """Return the type of an event, in either spelling."""
    return str(event.get("eventType") or event["notificationType"])


def detail(event: dict[str, Any]) -> dict[str, Any]:
    """Return what is named for the type."""
    name = kind(event)
    found: dict[str, Any] = event[DETAIL.get(name, name.lower())]
    return found


def send(ses: SimulatedSES, *to: str, **changed: Any) -> str:
    """Send, and return the message id."""
    request: dict[str, Any] = {
        "FromEmailAddress": "shop@example.com",
        "Destination": {"ToAddresses": list(to or [ANN])},
        "Content": {
            "Simple": {
                "Subject": {"Data": "Hello"},
                "Body": {"Text": {"Data": "Hi"}},
            }
        },
    }
    return str(ses.client().send_email(**request | changed)["MessageId"])


def publishing(**options: Any) -> tuple[SimulatedSES, Heard]:
    """Return an account, and what hears of it."""
    ses, heard = SimulatedSES(clock=FakeClock()), Heard()
    ses.publish_to(heard, **options)
    return ses, heard


def told(event: dict[str, Any]) -> tuple[str, ...]:
    """Return type, reason and people of an event."""
    of = detail(event)
    lists = (
        of.get("recipients")
        or of.get("bouncedRecipients")
        or of.get("complainedRecipients")
        or of.get("delayedRecipients")
        or ()
    )
    people = (
        one if isinstance(one, str) else one["emailAddress"] for one in lists
    )
    why = (of.get(name) for name in ("bounceType", "bounceSubType"))
    sub = of.get("complaintSubType")
    return (kind(event), *filter(None, (*why, sub)), *people)


class TestAfterAcceptance:
    """What nobody has to ask for."""

    @pytest.mark.parametrize(
        "to,expected",
        [
            (ANN, [("Delivery", ANN)]),
            (SUCCESS, [("Delivery", SUCCESS)]),
            (BOUNCE, [("Bounce", "Permanent", "General", BOUNCE)]),
            (
                OOTO,
                [
                    ("Delivery", OOTO),
                    ("Bounce", "Transient", "General", OOTO),
                ],
            ),
            (COMPLAINT, [("Delivery", COMPLAINT), ("Complaint", COMPLAINT)]),
            (GLOBAL, [("Bounce", "Permanent", "Suppressed", GLOBAL)]),
        ],
    )
    def test_simulator(self, to: str, expected: list[tuple[str, ...]]) -> None:
        """Each of the five addresses has its fate, with a label too."""
        plain, heard = publishing()
        send(plain, to)
        plain.flush()
        local, _, domain = to.partition("@")
        labelled, heard_too = publishing()
        send(labelled, f"{local.upper()}+x@{domain}")
        labelled.flush()

        assert (
            [("Send",), *expected],
            [one[:-1] for one in expected],
        ) == (
            [told(event) for event in heard.events],
            [told(event)[:-1] for event in heard_too.events[1:]],
        )

    def test_merged(self) -> None:
        """Bounces of one request are one; arrivals are by domain."""
        ses, heard = publishing()
        labelled = [f"bounce+{n}@simulator.amazonses.com" for n in range(2)]
        send(ses, *labelled, ANN, "bo@example.net", SUCCESS)
        ses.flush()

        assert [
            ("Send",),
            ("Delivery", ANN, "bo@example.net"),
            ("Delivery", SUCCESS),
            ("Bounce", "Permanent", "General", *labelled),
        ] == [told(event) for event in heard.events]

    def test_candidates(self) -> None:
        """A complaint names everybody at the domain who got the mail."""
        ses, heard = publishing(types={"Complaint"})
        send(ses, COMPLAINT, SUCCESS, BOUNCE, ANN)
        ses.flush()

        assert [("Complaint", COMPLAINT, SUCCESS)] == [
            told(event) for event in heard.events
        ]

    @pytest.mark.parametrize(
        "reason,expected",
        [
            ("BOUNCE", ("Bounce", "Permanent")),
            ("COMPLAINT", ("Complaint",)),
        ],
    )
    def test_suppressed(self, reason: Any, expected: tuple[str, ...]) -> None:
        """Who is on the list gets a report of that, and no mail."""
        ses, heard = publishing()
        ses.suppress("Ann@EXAMPLE.net", reason)
        send(ses, ANN, "bo@example.net")
        ses.flush()

        assert [
            ("Send",),
            ("Delivery", "bo@example.net"),
            (*expected, "OnAccountSuppressionList", ANN),
        ] == [told(event) for event in heard.events]

    def test_rendering_failure(self) -> None:
        """A template without its data is accepted, and then given up."""
        ses, heard = publishing()
        ses.add_template("order", Subject="Hi {{name}}", Text="x")
        template = {"TemplateName": "order", "TemplateData": "{}"}
        send(ses, Content={"Template": template})
        ses.flush()

        assert (
            ["Send", "Rendering Failure"],
            {
                "templateName": "order",
                "errorMessage": "Attribute 'name' is not present in the"
                " rendering data.",
            },
        ) == (heard.kinds, detail(heard.events[-1]))

    def test_bulk_template(self) -> None:
        """An entry of a bulk request names its template, too."""
        ses, heard = publishing(types={"Rendering Failure"})
        ses.add_template("news", Subject="Hi {{name}}", Text="x")
        ses.client().send_bulk_email(
            FromEmailAddress="shop@example.com",
            DefaultContent={
                "Template": {"TemplateName": "news", "TemplateData": "{}"}
            },
            BulkEmailEntries=[{"Destination": {"ToAddresses": [ANN]}}],
        )
        ses.flush()

        assert ["news"] == [
            detail(event)["templateName"] for event in heard.events
        ]

    @pytest.mark.parametrize("form", ["simple", "raw", "raw base64"])
    def test_virus(self, form: str) -> None:
        """The test file of virus scanners is accepted, and rejected."""
        ses, heard = publishing()
        head = b"From: shop@example.com\r\nTo: ann@example.net\r\n\r\n"
        contents: dict[str, dict[str, Any]] = {
            "simple": {
                "Simple": {
                    "Subject": {"Data": "Hello"},
                    "Body": {"Text": {"Data": "Hi"}},
                    "Attachments": [
                        {"FileName": "a.txt", "RawContent": EICAR}
                    ],
                }
            },
            "raw": {"Raw": {"Data": head + EICAR}},
            "raw base64": {"Raw": {"Data": head + base64.encodebytes(EICAR)}},
        }
        send(ses, Content=contents[form])
        ses.flush()

        assert (["Send", "Reject"], {"reason": "Bad content"}) == (
            heard.kinds,
            detail(heard.events[-1]),
        )

    def test_refused(self) -> None:
        """A mail that SES refuses is not reported at all."""
        ses, heard = publishing()
        ses.shutdown_account()
        with pytest.raises(Exception, match="AccountSuspended"):
            send(ses)

        assert (True, []) == (ses.flush(), heard.events)

    def test_lost_answer(self) -> None:
        """A mail whose answer is lost is reported all the same."""
        ses, heard = publishing()
        ses.faults.add("stall", first=1)
        with pytest.raises(Exception, match="timeout"):
            send(ses)
        ses.flush()

        assert ["Send", "Delivery"] == heard.kinds


class TestSpelling:
    """How an event is written."""

    def test_event(self) -> None:
        """Event publishing writes tags as lists, and SES's own among them."""
        ses, heard = publishing()
        message_id = send(
            ses,
            f"Ann <{ANN}>",
            FromEmailAddress="Shop <shop@EXAMPLE.com>",
            ConfigurationSetName="main",
            EmailTags=[{"Name": "order", "Value": "o-77"}],
        )
        ses.flush()

        assert {
            "eventType": "Send",
            "send": {},
            "mail": {
                "timestamp": "2026-01-01T00:00:00.000Z",
                "source": "Shop <shop@EXAMPLE.com>",
                "sourceArn": "arn:aws:ses:eu-west-1:111122223333"
                ":identity/example.com",
                "sendingAccountId": "111122223333",
                "messageId": message_id,
                "destination": [ANN],
                "headersTruncated": False,
                "headers": [
                    {"name": "From", "value": "Shop <shop@EXAMPLE.com>"},
                    {"name": "To", "value": f"Ann <{ANN}>"},
                    {"name": "Subject", "value": "Hello"},
                    {
                        "name": "Date",
                        "value": "Thu, 01 Jan 2026 00:00:00 +0000",
                    },
                    {"name": "MIME-Version", "value": "1.0"},
                ],
                "commonHeaders": {
                    "from": ["Shop <shop@EXAMPLE.com>"],
                    "to": [f"Ann <{ANN}>"],
                    "date": "Thu, 01 Jan 2026 00:00:00 +0000",
                    "messageId": message_id,
                    "subject": "Hello",
                },
                "tags": {
                    "ses:operation": ["SendEmail"],
                    "ses:source-ip": ["127.0.0.1"],
                    "ses:from-domain": ["EXAMPLE.com"],
                    "ses:caller-identity": ["simulated"],
                    "ses:configuration-set": ["main"],
                    "order": ["o-77"],
                },
            },
        } == heard.events[0]

    def test_notification(self) -> None:
        """An identity's notification has no tags, and tells who called."""
        ses, heard = publishing(format="notification", headers=False)
        message_id = send(ses, BOUNCE, EmailTags=[{"Name": "a", "Value": "b"}])
        ses.flush()
        (event,) = heard.events
        event["bounce"].pop("feedbackId")

        assert {
            "notificationType": "Bounce",
            "bounce": {
                "bounceType": "Permanent",
                "bounceSubType": "General",
                "bouncedRecipients": [
                    {
                        "emailAddress": BOUNCE,
                        "action": "failed",
                        "status": "5.1.1",
                        "diagnosticCode": "smtp; 550 5.1.1 refused",
                    }
                ],
                "timestamp": "2026-01-01T00:00:00.000Z",
                "reportingMTA": "dns; a4-1.smtp-out.eu-west-1.amazonses.com",
            },
            "mail": {
                "timestamp": "2026-01-01T00:00:00.000Z",
                "source": "shop@example.com",
                "sourceArn": "arn:aws:ses:eu-west-1:111122223333"
                ":identity/example.com",
                "sendingAccountId": "111122223333",
                "sourceIp": "127.0.0.1",
                "callerIdentity": "simulated",
                "messageId": message_id,
                "destination": [BOUNCE],
            },
        } == event

    def test_notified(self) -> None:
        """Identities notify of bounces, complaints and deliveries only."""
        ses, heard = publishing(format="notification")
        send(ses, BOUNCE, COMPLAINT)
        ses.delay(BOUNCE)
        ses.open(COMPLAINT)
        ses.flush()

        assert ["Delivery", "Bounce", "Complaint"] == heard.kinds

    def test_raw(self) -> None:
        """Raw mail keeps its headers, their order and doubles, but Bcc."""
        ses, heard = publishing(format="notification", types={"Delivery"})
        raw = (
            b"Received: a\r\nReceived: b\r\nFrom: shop@example.com\r\n"
            b"To: ann@example.net,\r\n bo@example.net\r\n"
            b"Bcc: secret@example.net\r\nMessage-ID: <own@example.com>\r\n"
            b"Subject: =?utf-8?q?H=C3=A9?=\r\n\r\nHi"
        )
        ses.client().send_email(Content={"Raw": {"Data": raw}})
        ses.flush()
        mail = heard.events[0]["mail"]

        assert (
            [
                ["Received", "a"],
                ["Received", "b"],
                ["From", "shop@example.com"],
                ["To", "ann@example.net, bo@example.net"],
                ["Message-ID", "<own@example.com>"],
                ["Subject", "=?utf-8?q?H=C3=A9?="],
            ],
            {
                "from": ["shop@example.com"],
                "to": [ANN, "bo@example.net"],
                "messageId": "<own@example.com>",
                "subject": "Hé",
            },
            [ANN, "bo@example.net", "secret@example.net"],
        ) == (
            [list(pair.values()) for pair in mail["headers"]],
            mail["commonHeaders"],
            mail["destination"],
        )

    def test_truncated(self) -> None:
        """Of 10 KB of headers some are left out, and that is said."""
        ses, heard = publishing(types={"Send"})
        headers = [
            {"Name": f"X-{number}", "Value": "x" * 900} for number in range(15)
        ]
        content = {
            "Subject": {"Data": "Hello"},
            "Body": {"Text": {"Data": "Hi"}},
            "Headers": headers,
        }
        send(ses, Content={"Simple": content})
        ses.flush()
        mail = heard.events[0]["mail"]

        assert (True, True, True) == (
            mail["headersTruncated"],
            {"name": "X-0", "value": "x" * 900} in mail["headers"],
            len(json.dumps(mail["headers"])) < 12_000,
        )

    @pytest.mark.parametrize(
        "identity,expected",
        [("example.com", "example.com"), ("shop@example.com", None)],
    )
    def test_identity(self, identity: str, expected: str | None) -> None:
        """The ARN is that of the address if this one is verified."""
        heard = Heard()
        ses = SimulatedSES(verified=[identity])
        ses.publish_to(heard, types={"Send"})
        send(ses)
        ses.flush()
        arn = heard.events[0]["mail"]["sourceArn"]

        assert (expected or identity) == arn.rpartition("/")[2]

    def test_no_headers(self) -> None:
        """Delays and rendering failures come without headers."""
        ses, heard = publishing()
        send(ses)
        ses.delay(ANN)
        ses.flush()

        assert [True, True, False] == [
            "headers" in event["mail"] for event in heard.events
        ]

    def test_surrogate(self) -> None:
        """Half a character is no UTF-8, and the text still is JSON."""
        ses, sqs = SimulatedSES(), Queue()
        ses.publish_to(SQSDestination("q", sqs, raw=True), types={"Click"})
        send(ses)
        ses.click(ANN, "https://example.com/\ud800")
        ses.flush()
        body = sqs.bodies[0].encode("ascii")

        assert "\ud800" == json.loads(body)["click"]["link"][-1]

    def test_library_reads_it(self) -> None:
        """What is written here independently, the library reads as such."""
        ses, heard = publishing()
        ses.publish_to(heard, format="notification")
        send(ses, SUCCESS, BOUNCE, OOTO, COMPLAINT, GLOBAL)
        message_id = send(ses, ANN)
        ses.bounce(message_id, type="Transient", sub_type="MailboxFull")
        ses.complain(ANN, feedback_type=None)
        ses.delay(ANN)
        ses.open(ANN)
        ses.click(ANN, "https://example.com/", link_tags={"a": ["b"]})
        ses.unsubscribe(ANN)
        ses.flush()
        read = [events.parse(event) for event in heard.events]

        assert [
            (
                kind(event).replace(" ", ""),
                [w for w in told(event) if "@" in w],
            )
            for event in heard.events
        ] == [
            (
                type(one).__name__,
                [r.bare for r in getattr(one, "recipients", ())],
            )
            for (one,) in read
        ]


class TestOnRequest:
    """What happens later."""

    def test_each(self) -> None:
        """Every kind of event can be had, about the mail that is named."""
        ses, heard = publishing()
        first = send(ses, ANN, "bo@example.net")
        send(ses, "bo@example.net")
        ses.flush()
        heard.events.clear()
        ses.bounce(first, sub_type="NoEmail", status="")
        ses.bounce("BO@example.net", type="Transient", sub_type="MailboxFull")
        ses.complain(ANN)
        ses.delay(ANN)
        ses.deliver(ANN)
        ses.open(first)
        ses.click(first, "https://example.com/o/77")
        ses.unsubscribe(first, topics=["offers"])
        ses.flush()

        assert (
            [
                ("Bounce", "Permanent", "NoEmail", ANN, "bo@example.net"),
                ("Bounce", "Transient", "MailboxFull", "bo@example.net"),
                ("Complaint", ANN),
                ("DeliveryDelay", ANN),
                ("Delivery", ANN),
                ("Open",),
                ("Click",),
                ("Subscription",),
            ],
            [True, False, *[True] * 6],
        ) == (
            [told(event) for event in heard.events],
            [event["mail"]["messageId"] == first for event in heard.events],
        )

    def test_other_spelling_of_recipient(self) -> None:
        """A bounce may name another address than the one sent to."""
        ses, heard = publishing(types={"Bounce"})
        send(ses)
        ses.bounce(ANN, recipients=["<Ann.Forwarded@Example.ORG>"])
        ses.flush()

        assert ("<Ann.Forwarded@Example.ORG>",) == told(heard.events[0])[3:]

    def test_unsubscribed_of_all(self) -> None:
        """Without topics a contact opts out of everything."""
        ses, heard = publishing(types={"Subscription"})
        send(ses)
        ses.unsubscribe(ANN)
        ses.flush()
        of = detail(heard.events[0])

        assert (
            {"unsubscribeAll": True, "topicSubscriptionStatus": []},
            {"unsubscribeAll": False, "topicSubscriptionStatus": []},
        ) == (of["newTopicPreferences"], of["oldTopicPreferences"])

    def test_report(self) -> None:
        """Without a report a complaint does not say what it is about."""
        ses, heard = publishing(types={"Complaint"})
        send(ses)
        ses.complain(ANN, feedback_type=None)
        ses.complain(ANN, feedback_type="fraud")
        ses.flush()

        assert [None, "fraud"] == [
            detail(event).get("complaintFeedbackType")
            for event in heard.events
        ]

    @pytest.mark.parametrize("which", ["no-such-id", "nobody@example.net", ""])
    def test_no_such_mail(self, which: str) -> None:
        """A report of a mail that is not there is a mistake, and silent."""
        ses = SimulatedSES()
        send(ses)
        with pytest.raises(LookupError) as caught:
            ses.bounce(which)

        assert "SES has accepted no such mail" == str(caught.value)

    def test_listed(self) -> None:
        """Hard bounces and complaints are listed, if the account wants."""
        ses = SimulatedSES()
        for to in ("hard", "soft", "spam", "fine"):
            send(ses, f"{to}@example.net")
        ses.bounce("hard@example.net")
        ses.bounce("soft@example.net", type="Transient")
        ses.complain("spam@example.net")
        ses.complain("fine@example.net", feedback_type="not-spam")
        client = ses.client()
        listed = client.list_suppressed_destinations()
        client.put_account_suppression_attributes(SuppressedReasons=[])
        send(ses, "late@example.net")
        ses.bounce("late@example.net")
        later = client.list_suppressed_destinations()

        assert (["hard@example.net", "spam@example.net"], 2) == (
            [
                entry["EmailAddress"]
                for entry in listed["SuppressedDestinationSummaries"]
            ],
            len(later["SuppressedDestinationSummaries"]),
        )

    def test_simulator_is_not_listed(self) -> None:
        """An address of the mailbox simulator is never put on the list."""
        ses = SimulatedSES()
        send(ses, BOUNCE)
        ses.bounce(BOUNCE)
        ses.complain(BOUNCE)
        listed = ses.client().list_suppressed_destinations()

        assert [] == listed["SuppressedDestinationSummaries"]


class TestMakeBounce:
    """Recipients that bounce instead of getting their mail."""

    def test_soft(self) -> None:
        """A full mailbox gets nothing, as often as is said."""
        ses, heard = publishing()
        ses.make_bounce(
            "ANN@example.net",
            type="Transient",
            sub_type="MailboxFull",
            status="4.2.2",
            first=2,
        )
        for _ in range(3):
            send(ses)
        ses.flush()

        assert (
            ["Send", "Bounce"] * 2 + ["Send", "Delivery"],
            ["4.2.2", "smtp; 450 4.2.2 refused"],
        ) == (
            heard.kinds,
            [
                detail(heard.events[1])["bouncedRecipients"][0][name]
                for name in ("status", "diagnosticCode")
            ],
        )

    def test_hard(self) -> None:
        """After a hard bounce SES itself sends there no more."""
        ses, heard = publishing(types={"Bounce"})
        ses.make_bounce(ANN)
        for _ in range(2):
            send(ses)
        ses.flush()

        assert ["General", "OnAccountSuppressionList"] == [
            detail(event)["bounceSubType"] for event in heard.events
        ]

    def test_without_destination(self) -> None:
        """SES lists who bounces, whether anybody hears of it or not."""
        ses = SimulatedSES()
        ses.make_bounce(ANN)
        send(ses)
        send(ses)

        assert [ANN] == [gone.address for gone in ses.suppressed]

    def test_undone(self) -> None:
        """What bounced may get mail again."""
        ses, heard = publishing(types={"Bounce", "Delivery"})
        ses.make_bounce(ANN, type="Transient")
        ses.make_bounce(ANN, first=0)
        send(ses)
        ses.flush()

        assert ["Delivery"] == heard.kinds


class TestPublishing:
    """On the way from SES to a destination."""

    def test_types(self) -> None:
        """Only the types that are wanted come."""
        ses, heard = publishing(types={"Bounce", "Send"})
        send(ses, BOUNCE, ANN)
        ses.flush()

        assert ["Send", "Bounce"] == heard.kinds

    @pytest.mark.parametrize(
        "options",
        [
            {"types": {"Sent"}},
            {"types": {"Send"}, "format": "notification"},
        ],
    )
    def test_unknown_types(self, options: dict[str, Any]) -> None:
        """A type that there is not would never come: that is an error."""
        with pytest.raises(ValueError, match="there are") as caught:
            SimulatedSES().publish_to(Heard(), **options)

        assert "no types of a" in str(caught.value)

    def test_configuration_set(self) -> None:
        """A destination of a configuration set hears of its mail only."""
        ses, heard = publishing(configuration_set="main", types={"Send"})
        ids = [
            send(ses, **({"ConfigurationSetName": name} if name else {}))
            for name in ("main", "", "other", "main")
        ]
        ses.flush()

        assert [ids[0], ids[3]] == [
            event["mail"]["messageId"] for event in heard.events
        ]

    def test_duplicate(self) -> None:
        """Each event comes twice, with the same content."""
        ses, heard = publishing(duplicate=True)
        send(ses, BOUNCE)
        ses.flush()

        assert (["Send", "Send", "Bounce", "Bounce"], True) == (
            heard.kinds,
            heard.events[2] == heard.events[3],
        )

    def test_shuffle(self) -> None:
        """The order follows from the number, and all waits for a flush."""
        orders, before = [], 0
        for seed in (1, 1, 2):
            ses, heard = publishing(shuffle=seed, duplicate=True)
            ids = [send(ses) for _ in range(8)]
            before += len(heard.events)
            ses.flush()
            orders.append(
                [
                    (kind(event), ids.index(event["mail"]["messageId"]))
                    for event in heard.events
                ]
            )
        straight = [
            (name, number)
            for number in range(8)
            for name in ("Send", "Send", "Delivery", "Delivery")
        ]

        assert (0, True, False, False, straight) == (
            before,
            orders[0] == orders[1],
            orders[0] == orders[2],
            orders[0] == straight,
            sorted(orders[0], key=straight.index),
        )

    def test_delay(self) -> None:
        """A late event comes when the account's clock says so."""
        clock, heard = FakeClock(), Heard()
        ses = SimulatedSES(clock=clock)
        ses.publish_to(heard, delay_s=3600, types={"Send"})
        send(ses)
        early = ses.flush(0), len(heard.events)
        clock.sleep(3600)

        assert ((False, 0), True, ["Send"]) == (
            early,
            ses.flush(PATIENCE_S),
            heard.kinds,
        )

    def test_does_not_block(self) -> None:
        """Senders do not wait for a destination, nor do others."""
        ses, heard = SimulatedSES(), Heard()
        gate, entered = threading.Event(), threading.Event()

        def stuck(_: Any) -> None:
            entered.set()
            gate.wait(PATIENCE_S)

        slow = ses.publish_to(stuck)
        quick = ses.publish_to(heard)
        send(ses)
        entered.wait(PATIENCE_S)
        send(ses)
        meanwhile = quick.flush(PATIENCE_S), len(heard.events), slow.is_idle
        not_yet = ses.flush(0.001)
        gate.set()

        assert ((True, 4, False), False, True, 4) == (
            meanwhile,
            not_yet,
            ses.flush(PATIENCE_S),
            slow.published,
        )

    def test_failure(self) -> None:
        """What a destination raises is raised by flush; the rest comes."""
        ses, heard = SimulatedSES(), Heard()

        def broken(event: dict[str, Any]) -> None:
            heard(event)
            if kind(event) == "Send":
                raise KeyError("mine")

        ses.publish_to(broken)
        send(ses)
        with pytest.raises(KeyError, match="mine"):
            ses.flush()

        assert (True, ["Send", "Delivery"]) == (ses.flush(), heard.kinds)

    def test_failure_of_a_test(self) -> None:
        """What a test fails with in a destination fails the test."""
        ses = SimulatedSES()
        ses.publish_to(lambda event: pytest.fail(kind(event)), types={"Send"})
        send(ses)
        with pytest.raises(pytest.fail.Exception) as caught:
            ses.flush()
        send(ses)
        with pytest.raises(pytest.fail.Exception):
            ses.flush()

        assert "Send" == str(caught.value)

    def test_own_mapping(self) -> None:
        """What one destination changes, no other one sees."""
        ses, heard = SimulatedSES(), Heard()

        def careless(event: dict[str, Any]) -> None:
            event["mail"]["destination"].clear()
            detail(event).get("bouncedRecipients", []).clear()

        ses.publish_to(careless, duplicate=True)
        ses.publish_to(heard, types={"Bounce"})
        send(ses, BOUNCE)
        ses.flush()

        assert ([BOUNCE], 1) == (
            heard.events[0]["mail"]["destination"],
            len(detail(heard.events[0])["bouncedRecipients"]),
        )

    def test_stop(self) -> None:
        """A destination that is stopped hears nothing; others go on."""
        ses, gone, heard = SimulatedSES(), Heard(), Heard()
        ses.publish_to(heard, types={"Send"})
        with ses.publish_to(gone, types={"Send"}):
            send(ses)
            ses.flush()
        send(ses)
        ses.flush()

        assert (1, 2) == (len(gone.events), len(heard.events))

    def test_stop_drops(self) -> None:
        """What is still on its way is dropped, and flush does not wait."""
        ses, heard = SimulatedSES(clock=FakeClock()), Heard()
        late = ses.publish_to(heard, delay_s=60)
        held = ses.publish_to(heard, shuffle=1)
        send(ses)
        late.stop()
        held.stop()

        assert (True, True, []) == (
            late.flush(PATIENCE_S),
            held.flush(PATIENCE_S),
            heard.events,
        )

    def test_thread_ends(self) -> None:
        """The thread ends when it has nothing to do, and another begins."""
        ses, threads = SimulatedSES(), set()
        publication = ses.publish_to(
            lambda _: threads.add(threading.current_thread())
        )
        publication.linger_s = 0
        done = []
        for _ in range(3):
            send(ses)
            done.append(ses.flush(PATIENCE_S))
            for thread in threads:
                thread.join(PATIENCE_S)

        assert ([True] * 3, True, False) == (
            done,
            len(threads) >= 3,
            any(thread.is_alive() for thread in threads),
        )

    def test_destination_that_waits(self) -> None:
        """A destination that waits for itself is told so."""
        ses = SimulatedSES()
        ses.publish_to(lambda _: ses.flush(), types={"Send"})
        send(ses)
        with pytest.raises(RuntimeError) as caught:
            ses.flush()

        assert "cannot wait for its own events" in str(caught.value)

    def test_destination_that_sends(self) -> None:
        """Mail that is sent by a destination is waited for as well."""
        ses, heard = SimulatedSES(), Heard()

        def answering(event: dict[str, Any]) -> None:
            if event["mail"]["destination"] == [ANN]:
                send(ses, "bo@example.net")

        ses.publish_to(heard, types={"Send"}, shuffle=1)
        ses.publish_to(answering, types={"Delivery"})
        send(ses)

        assert (True, 2) == (ses.flush(PATIENCE_S), len(heard.events))

    def test_many_threads(self) -> None:
        """However many send at once, every event comes once."""
        ses, heard = SimulatedSES(max_send_rate=10_000), Heard()
        ses.publish_to(heard)
        threads = [
            threading.Thread(
                target=lambda: [send(ses, ANN) for _ in range(20)]
            )
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        done = ses.flush(PATIENCE_S)
        seen = [(e["mail"]["messageId"], kind(e)) for e in heard.events]

        assert (True, 320, 320) == (done, len(seen), len(set(seen)))


@attrs.define
class Queue:
    """A client of SQS that keeps what is sent."""

    bodies: list[str] = attrs.field(factory=list)

    def send_message(self, *, QueueUrl: str, MessageBody: str) -> None:  # noqa: N803  # boto3's names
        """Keep the body."""
        assert QueueUrl

        self.bodies.append(MessageBody)


class TestQueue:
    """What stands in a queue."""

    def test_sns(self) -> None:
        """SNS puts its message in, and the event is a text in it."""
        ses, sqs = SimulatedSES(), Queue()
        destination = SQSDestination("q", sqs, clock=FakeClock())
        ses.publish_to(destination, types={"Send"})
        message_id = send(ses)
        ses.flush()
        body = json.loads(sqs.bodies[0])
        event = json.loads(body.pop("Message"))
        body.pop("MessageId")
        body.pop("UnsubscribeURL")

        assert (
            {
                "Type": "Notification",
                "TopicArn": "arn:aws:sns:eu-west-1:111122223333:ses-events",
                "Timestamp": "2026-01-01T00:00:00.000Z",
                "SignatureVersion": "1",
                "Signature": "c2ltdWxhdGVk",
            },
            ("Send", message_id),
        ) == (body, (kind(event), event["mail"]["messageId"]))

    def test_eventbridge(self) -> None:
        """EventBridge has an envelope of its own."""
        ses, sqs = SimulatedSES(clock=FakeClock()), Queue()
        ses.publish_to(SQSDestination("q", sqs, eventbridge=True))
        send(ses, BOUNCE, ConfigurationSetName="main")
        send(ses, BOUNCE)
        ses.flush()
        bodies = [json.loads(body) for body in sqs.bodies]
        ids = {body.pop("id") for body in bodies}
        details = [body.pop("detail") for body in bodies]
        arn = "arn:aws:ses:eu-west-1:111122223333:"
        common: dict[str, Any] = {
            "version": "0",
            "source": "aws.ses",
            "account": "111122223333",
            "time": "2026-01-01T00:00:00Z",
            "region": "eu-west-1",
        }

        assert (
            4,
            ["Send", "Bounce", "Send", "Bounce"],
            [
                common | {"detail-type": words, "resources": [arn + resource]}
                for resource in (
                    "configuration-set/main",
                    "identity/example.com",
                )
                for words in ("Email Sent", "Email Bounced")
            ],
        ) == (len(ids), [kind(event) for event in details], bodies)

    def test_repr(self) -> None:
        """A queue shows no client, which may hold credentials."""
        shown = repr(SQSDestination("https://q", "credentials"))

        assert "credentials" not in shown
