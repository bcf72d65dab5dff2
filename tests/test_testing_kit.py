from __future__ import annotations

import email.message
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import EndpointConnectionError

from safeses import (
    Attachment,
    Client,
    Email,
    OutcomeUnknownError,
    QuotaExceededError,
    RawEmail,
    RejectedError,
    SafeSESError,
    SuppressedError,
    TemplateEmail,
    UnreachableError,
)
from safeses.testing import (
    Outbox,
    SentMail,
    stubbed,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

MAIL = Email(
    from_email="Shop <shop@a.example>",
    to=["Jörg <joerg@b.example>", "eva@b.example"],
    cc="carl@c.example",
    bcc="ann@d.example",
    reply_to="answers@a.example",
    subject="Your order",
    text="It is on its way.",
    html="<p>It is on its way.</p>",
    tags={"campaign": "spring"},
    headers={"X-Order": "42"},
    attachments=[Attachment(content=b"%PDF", file_name="bill.pdf")],
)


def mime_mail() -> email.message.EmailMessage:
    """Return a message with every kind of part."""
    message = email.message.EmailMessage()
    message["From"] = "Shop <shop@a.example>"
    message["To"] = "Jörg <joerg@b.example>"
    message["Cc"] = "carl@c.example"
    message["Bcc"] = "ann@d.example"
    message["Subject"] = "Grüße"
    message["Reply-To"] = "answers@a.example"
    message.set_content("Schöne Grüße\n")
    message.add_alternative("<p>Schöne Grüße</p>\n", subtype="html")
    message.add_attachment(
        b"%PDF", maintype="application", subtype="pdf", filename="bill.pdf"
    )
    inner = email.message.EmailMessage()
    inner["Subject"] = "inner"
    inner.set_content("inner\n")
    message.add_attachment(inner)
    return message


@pytest.fixture
def ses() -> Client:
    """A client of an application, never used before."""
    return Client()


@pytest.fixture
def outbox(ses: Client) -> Iterator[Outbox]:
    """Where the mail of that client goes."""
    with stubbed(ses) as outbox:
        yield outbox


def fields(mail: SentMail, *names: str) -> dict[str, object]:
    """Return some fields of a mail."""
    return {name: getattr(mail, name) for name in names}


class TestSentMail:
    """A mail reads back as it was given, whatever its kind."""

    def test_shows_a_simple_mail(self, ses: Client, outbox: Outbox) -> None:
        """Every field of an `Email` can be read back as it was given."""
        ses.send(MAIL)

        assert {
            "kind": "simple",
            "to": MAIL.to,
            "cc": MAIL.cc,
            "bcc": MAIL.bcc,
            "recipients": MAIL.to + MAIL.cc + MAIL.bcc,
            "from_email": MAIL.from_email,
            "reply_to": MAIL.reply_to,
            "subject": MAIL.subject,
            "text": MAIL.text,
            "html": MAIL.html,
            "tags": MAIL.tags,
            "headers": MAIL.headers,
            "template": None,
            "template_data": {},
        } == fields(
            outbox[0],
            *("kind", "to", "cc", "bcc", "recipients", "from_email"),
            *("reply_to", "subject", "text", "html", "tags", "headers"),
            *("template", "template_data"),
        )

    def test_shows_attachments(self, ses: Client, outbox: Outbox) -> None:
        """An attachment is read back with its type and its bytes."""
        ses.send(MAIL)
        seen = outbox[0].attachments[0]

        assert (b"%PDF", "bill.pdf", "application/pdf", False) == (
            seen.content,
            seen.file_name,
            seen.content_type,
            seen.inline,
        )

    def test_shows_a_raw_mail(self, ses: Client, outbox: Outbox) -> None:
        """The fields of a raw mail are parsed from its MIME parts."""
        ses.send(RawEmail(message=mime_mail()))

        assert {
            "kind": "raw",
            "to": ("joerg@b.example",),
            "cc": ("carl@c.example",),
            "bcc": ("ann@d.example",),
            "from_email": "Shop <shop@a.example>",
            "reply_to": ("answers@a.example",),
            "subject": "Grüße",
            "text": "Schöne Grüße\n",
            "html": "<p>Schöne Grüße</p>\n",
        } == fields(
            outbox[0],
            *("kind", "to", "cc", "bcc", "from_email", "reply_to"),
            *("subject", "text", "html"),
        )

    def test_shows_raw_attachments(self, ses: Client, outbox: Outbox) -> None:
        """All parts but the bodies are attachments, a message too."""
        ses.send(RawEmail(message=mime_mail()))
        seen = outbox[0].attachments

        assert [
            ("application/pdf", "bill.pdf", b"%PDF"),
            ("message/rfc822", "", b"inner"),
        ] == [
            (a.content_type, a.file_name, a.content.strip()[-5:]) for a in seen
        ]

    def test_shows_raw_headers(self, ses: Client, outbox: Outbox) -> None:
        """A raw mail's headers are there, without Bcc and ours."""
        ses.send(RawEmail(message=mime_mail()))

        assert [
            "Cc",
            "Content-Type",
            "From",
            "MIME-Version",
            "Reply-To",
            "Subject",
            "To",
        ] == sorted(outbox[0].headers)

    def test_survives_odd_raw_mails(self, ses: Client, outbox: Outbox) -> None:
        """A charset that nobody knows does not break reading."""
        data = (
            b"From: a@a.example\r\nTo: b@b.example\r\n"
            b"Content-Type: text/plain; charset=martian\r\n\r\nhi\r\n"
        )
        ses.send(RawEmail(message=data))

        assert ("hi\r\n", None) == (outbox[0].text, outbox[0].html)

    def test_shows_a_stored_template(
        self, ses: Client, outbox: Outbox
    ) -> None:
        """A template mail has a name and data, and no body of its own."""
        ses.send(
            TemplateEmail(
                from_email="shop@a.example",
                to="b@b.example",
                name="bye",
                data={"n": 1},
            )
        )

        assert {
            "kind": "template",
            "template": "bye",
            "template_data": {"n": 1},
            "subject": None,
            "text": None,
            "from_email": "shop@a.example",
            "reply_to": (),
        } == fields(
            outbox[0],
            *("kind", "template", "template_data", "subject", "text"),
            *("from_email", "reply_to"),
        )

    def test_shows_an_inline_template(
        self, ses: Client, outbox: Outbox
    ) -> None:
        """An inline template's subject and bodies can be read."""
        ses.send(
            TemplateEmail(
                from_email="shop@a.example",
                to="b@b.example",
                subject="Hi {{n}}",
                html="{{n}}",
            )
        )

        assert ("Hi {{n}}", "{{n}}", None, None) == (
            outbox[0].subject,
            outbox[0].html,
            outbox[0].text,
            outbox[0].template,
        )

    def test_has_the_ids_of_the_receipt(
        self, ses: Client, outbox: Outbox
    ) -> None:
        """A receipt leads to its mail by both ids."""
        receipt = ses.send(MAIL)

        assert (receipt.message_id, receipt.tag) == (
            outbox[0].message_id,
            outbox[0].tag,
        )

    def test_shows_the_stream(self, ses: Client, outbox: Outbox) -> None:
        """The stream is read back as it was named, and is no tag of yours."""
        view = ses.with_options(stream="news.daily_1")
        view.send(MAIL)
        view.send(MAIL, stream="receipts")
        view.send_email(
            FromEmailAddress=MAIL.from_email,
            Destination={"ToAddresses": list(MAIL.to)},
            Content={"Raw": {"Data": b"Subject: s\r\n\r\nt"}},
        )
        ses.send(MAIL)

        assert (
            ["news.daily_1", "receipts", "news.daily_1", ""],
            [MAIL.tags, MAIL.tags, {}, MAIL.tags],
            4 * [True],
        ) == (
            [mail.stream for mail in outbox],
            [mail.tags for mail in outbox],
            [bool(mail.tag) for mail in outbox],
        )

    def test_shows_no_stream_where_there_is_no_tag(self) -> None:
        """A client that adds nothing does not add a stream's tag."""
        ses = Client(correlation_tag=False)
        with stubbed(ses) as outbox:
            ses.send(MAIL, stream="news")

        assert ("", "", True) == (
            outbox[0].stream,
            outbox[0].tag,
            outbox[0].tags == MAIL.tags,
        )

    def test_keeps_what_was_sent(self, ses: Client, outbox: Outbox) -> None:
        """Parameters that the caller changes later stay as sent."""
        subject = {"Data": "Hello"}
        ses.send_email(
            FromEmailAddress="shop@a.example",
            Destination={"ToAddresses": ["eva@b.example"]},
            Content={
                "Simple": {
                    "Subject": subject,
                    "Body": {"Text": {"Data": "Hello!"}},
                }
            },
        )
        subject["Data"] = "changed"

        assert "Hello" == outbox[0].subject

    def test_hides_personal_data(self, ses: Client, outbox: Outbox) -> None:
        """No repr shows an address, a subject or a body."""
        ses.send(MAIL)

        assert (
            "<Outbox of 1 mails>",
            "<SentMail stub-000001: simple, 4 recipients>",
        ) == (repr(outbox), repr(outbox[0]))


class TestOutbox:
    """The outbox keeps what was accepted, and plans what is not."""

    def test_is_a_sequence(self, ses: Client, outbox: Outbox) -> None:
        """An outbox can be counted, sliced, looped over and cleared."""
        for _ in range(3):
            ses.send(MAIL)
        ids = [mail.message_id for mail in outbox]
        sliced = [mail.message_id for mail in outbox[1:]]
        outbox.fail_next("MessageRejected")
        outbox.clear()
        ses.send(MAIL)

        assert (3, ids[1:], 1) == (len(ids), sliced, len(outbox))

    @pytest.mark.parametrize(
        "error,expected",
        [
            ("MessageRejected", RejectedError),
            ("Daily message quota exceeded.", QuotaExceededError),
            ("Email address is not verified.", RejectedError),
            ("InternalFailure", OutcomeUnknownError),
            (SuppressedError(()), SuppressedError),
            (UnreachableError("no route"), UnreachableError),
            (OutcomeUnknownError("", "lost"), OutcomeUnknownError),
            (ValueError("a bug"), OutcomeUnknownError),
        ],
    )
    def test_fails_next(
        self,
        ses: Client,
        outbox: Outbox,
        error: str | Exception,
        expected: type[SafeSESError],
    ) -> None:
        """A planned failure is what the caller sees, once; nothing is sent."""
        outbox.fail_next(error)
        with pytest.raises(expected) as caught:
            ses.send(MAIL)

        assert (expected, 0) == (caught.type, len(outbox))

    @pytest.mark.parametrize(
        "error",
        [
            "TooManyRequestsException",
            "ThrottlingException",
            "Maximum sending rate exceeded.",
            EndpointConnectionError(endpoint_url="https://a.example"),
        ],
    )
    def test_throttles_next(
        self, ses: Client, outbox: Outbox, error: str | Exception
    ) -> None:
        """What is refused for now is tried again, in virtual time."""
        outbox.fail_next(error, times=2)
        receipt = ses.send(MAIL)

        assert (3, True, 1) == (
            receipt.attempts,
            receipt.waited_s > 0,
            len(outbox),
        )

    def test_loses_the_next_answer(self, ses: Client, outbox: Outbox) -> None:
        """A mail whose answer is lost was sent, and its outcome unknown."""
        outbox.lose_next_answer()
        with pytest.raises(OutcomeUnknownError) as caught:
            ses.send(MAIL)

        assert [caught.value.tag] == [mail.tag for mail in outbox]


def test_importing_is_cheap() -> None:
    """`import safeses.testing` loads no boto3, pytest or hypothesis."""
    code = (
        "import sys, safeses.testing as t; dir(t);"
        " print({'boto3', 'botocore', 'hypothesis', 'pytest'}"
        " & sys.modules.keys())"
    )
    run = subprocess.run(  # noqa: S603  # this interpreter, this code
        [sys.executable, "-c", code],
        capture_output=True,
        check=True,
        text=True,
    )

    assert "set()" == run.stdout.strip()


def test_says_what_it_lacks() -> None:
    """A name that does not exist is an AttributeError, as everywhere."""
    import safeses.testing as kit

    with pytest.raises(AttributeError, match="Nothing"):
        kit.Nothing  # noqa: B018  # the access is the test

    assert sorted(kit.__all__) == [n for n in dir(kit) if n in kit.__all__]
