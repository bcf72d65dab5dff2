"""
What goes wrong where feedback is received, and does not go wrong here.

Each from the request, signed with a key of our own, to what is on record.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from tests.receiving import memory_parts, ses_event
from tests.sns_authority import (
    TOPIC,
    Loader,
    confirmation,
    notification,
    sign,
    url,
)

from safeses import Client, Email
from safeses.events import (
    Bounce,
    Complaint,
    Delivery,
    FeedbackEvent,
    RenderingFailure,
    SetUp,
    UnknownEvent,
)
from safeses.feedback._reactions import counter, scope_of
from safeses.feedback._receiver import Receiver
from safeses.feedback._sns import SNSVerifier
from safeses.testing import FakeClock, StubSES

if TYPE_CHECKING:
    from safeses.feedback._reply import HTTPReply

EVA, BOB = "eva@b.example", "bob@b.example"
FOREIGN = "arn:aws:sns:eu-west-1:999999999999:ses-events"
SUCCEEDED = "Successfully validated SNS topic for Amazon SES event publishing."


@attrs.define
class Site:
    """
    An application that takes the requests of SNS.

    Attributes:
        more: What its verifier is made with.
        loader: Serves certificates.
        clock: The time.
    """

    more: dict[str, Any] = attrs.field(factory=dict)
    loader: Loader = attrs.field(factory=Loader)
    clock: FakeClock = attrs.field(factory=FakeClock)
    told: list[FeedbackEvent] = attrs.field(factory=list)
    parts: Any = attrs.field(init=False)
    receiver: Receiver = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.parts = memory_parts(self.clock)
        self.parts.hooks.add(FeedbackEvent, self.told.append, "told")
        self.receiver = Receiver(
            self.parts,
            verifier=SNSVerifier(
                [TOPIC], loader=self.loader, clock=self.clock, **self.more
            ),
        )

    def post(self, message: object) -> HTTPReply:
        """Send a message."""
        return self.receiver.receive_http({}, json.dumps(message))

    def report(self, event: object, **fields: Any) -> HTTPReply:
        """Send a genuine message with *event* in it."""
        text = event if isinstance(event, str) else json.dumps(event)
        return self.post(notification(Message=text, **fields))

    def counted(self, *what: str) -> list[int]:
        """Return how many of each there are."""
        names = [counter(name) for name in what]
        scope = scope_of("safeses", "eu-west-1")
        totals = self.parts.counters.totals(scope, names, 0.0)
        return [totals[name] for name in names]

    def stopped(self) -> list[str]:
        """Return who gets no more mail."""
        page = self.parts.suppressions.page()
        return sorted(entry.address for entry in page.entries)


def bounce(*addresses: str, to: tuple[str, ...] = (), **fields: Any) -> Any:
    """Return a bounce of *addresses*, of mail to them if nobody says."""
    status = fields.pop("status", "5.1.1")
    event = ses_event("Bounce", destination=[*(to or addresses)])
    event["bounce"].update(
        bouncedRecipients=[
            {"emailAddress": address, "status": status}
            for address in addresses
        ],
        **fields,
    )
    return event


@pytest.mark.parametrize(
    "host",
    [
        "sns.s3-us-west-2.amazonaws.com",
        "s3.amazonaws.com",
        "sns.eu-west-1.amazonaws.com.evil.example",
        "evil.example",
        "sns.us-east-1.amazonaws.com",
        "169.254.169.254",
    ],
)
def test_a_certificate_from_anywhere(host: str) -> None:
    """A message that brings its own certificate is refused, none fetched."""
    ours = Site()
    reply = ours.report(bounce(EVA), SigningCertURL=url(host=host))

    assert (403, [], []) == (reply.status, ours.loader.asked, ours.stopped())


@pytest.mark.parametrize(
    "message",
    [
        notification(TopicArn=FOREIGN, Message=json.dumps(bounce(EVA))),
        confirmation(TopicArn=FOREIGN),
    ],
    ids=["bounce", "confirmation"],
)
def test_a_topic_of_somebody_else(message: dict[str, Any]) -> None:
    """Signed by SNS, but for a topic that anybody can make: refused."""
    ours = Site()
    reply = ours.post(message)

    assert (403, [], []) == (reply.status, ours.loader.asked, ours.told)


@pytest.mark.parametrize("subject", ["a subject", None, ...])
@pytest.mark.parametrize("spelling", ["SigningCertURL", "SigningCertUrl"])
@pytest.mark.parametrize("version", ["1", "2"])
def test_genuine_messages_are_taken(
    version: str, spelling: str, subject: Any
) -> None:
    """Both versions and spellings, whatever there is for a subject."""
    ours = Site()
    message = notification(version, Message=json.dumps(bounce(EVA)))
    message["Subject"] = subject
    if subject is ...:
        del message["Subject"]
    message = sign(message, version)
    message[spelling] = message.pop("SigningCertURL")

    assert (200, [EVA]) == (ours.post(message).status, ours.stopped())


def test_sha1_can_be_refused() -> None:
    """Who wants the stronger signature only gets no other."""
    ours = Site(more={"versions": ("2",)})
    text = json.dumps(bounce(EVA))
    statuses = [
        ours.post(notification(version, Message=text)).status
        for version in ("1", "2")
    ]

    assert [403, 200] == statuses


@pytest.mark.parametrize("key", ["eventType", "notificationType"])
@pytest.mark.parametrize("kind", [Bounce, Complaint, Delivery])
def test_both_spellings(key: str, kind: type[FeedbackEvent]) -> None:
    """Events and identity notifications are the same, of every kind."""
    ours = Site()
    event = ses_event(kind.__name__)
    event["complaint"] = {"complainedRecipients": [{"emailAddress": EVA}]}
    event[key] = event.pop("eventType")
    ours.report(event)
    is_stopping = kind is not Delivery

    assert ([kind], [EVA] * is_stopping) == (
        [type(told) for told in ours.told],
        ours.stopped(),
    )


@pytest.mark.parametrize(
    "text, kind",
    [
        (SUCCEEDED, SetUp),
        ('{"notificationType": "AmazonSnsSubscriptionSucceeded"}', SetUp),
        ('{"eventType": "Rendering Failure"}', RenderingFailure),
        ('{"eventType": "Bounce"}', Bounce),
        ('{"eventType": "Bounce", "mail": null, "bounce": []}', Bounce),
        ('{"eventType": "Teleported", "mail": {}}', UnknownEvent),
        ("A person has published this by hand", UnknownEvent),
        ("[]", None),
    ],
)
def test_odd_payloads(text: str, kind: Any) -> None:
    """No shape makes it fail: what has no name is heard of all the same."""
    ours = Site()
    reply = ours.report(text)

    assert (200, [kind] if kind else []) == (
        reply.status,
        [type(told) for told in ours.told],
    )


def test_others_are_mailed_still() -> None:
    """Of a mail to two the one who bounced, in whatever case, is stopped."""
    stub = StubSES()
    ses = Client(stub, region="eu-west-1")
    Receiver(ses).receive(bounce("EVA@B.example", to=(EVA, BOB)))
    mail = Email(from_email="a@a.example", to=(EVA, BOB), text="Hello!")
    receipt = ses.send(mail)

    assert ((BOB,), [EVA], 1) == (
        receipt.accepted,
        [one.address for one in receipt.dropped],
        len(stub.outbox),
    )


@pytest.mark.parametrize(
    "fields, stopped, counts",
    [
        ({}, [EVA], [1, 0, 0]),
        # Out of office.
        (
            {
                "bounceType": "Transient",
                "bounceSubType": "General",
                "status": "",
            },
            [],
            [0, 0, 0],
        ),
        (
            {
                "bounceType": "Undetermined",
                "bounceSubType": "Undetermined",
                "status": "2.0.0",
            },
            [],
            [0, 0, 0],
        ),
        # Soft, whatever the status says.
        (
            {"bounceType": "Transient", "bounceSubType": "General"},
            [],
            [0, 1, 0],
        ),
        ({"bounceSubType": "OnAccountSuppressionList"}, [], [0, 0, 1]),
        ({"bounceSubType": "EmailValidationSuppressed"}, [], [0, 0, 1]),
    ],
)
def test_what_a_bounce_means(
    fields: dict[str, Any], stopped: list[str], counts: list[int]
) -> None:
    """Neither replies nor what SES prevented stop mail, or spoil a rate."""
    ours = Site()
    ours.report(bounce(EVA, **fields))

    assert (stopped, counts) == (
        ours.stopped(),
        ours.counted("bounce", "soft_bounce", "prevented"),
    )


def test_soft_bounces_stop_in_the_end() -> None:
    """A mailbox that is full again and again is given up for a while."""
    ours = Site()
    found = []
    for day in range(5):
        full = bounce(EVA, bounceSubType="MailboxFull", feedbackId=f"f-{day}")
        full["bounce"]["bounceType"] = "Transient"
        ours.report(full)
        found.append(ours.stopped())

    assert [*[[]] * 4, [EVA]] == found


def test_duplicates_and_states_of_one_mail() -> None:
    """A mail may have several events; each counts once, however it comes."""
    ours = Site()
    events = [ses_event("Delivery"), bounce(EVA), ses_event("Delivery")]
    replies = [
        ours.report(event, MessageId=f"n-{number % 4}").status
        for number, event in enumerate(events * 3)
    ]

    assert ([200] * 9, [1, 1], [Delivery, Bounce]) == (
        replies,
        ours.counted("delivery", "bounce"),
        [type(told) for told in ours.told],
    )
