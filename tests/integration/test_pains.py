"""
What goes wrong elsewhere with addresses, headers, Bcc and size.

Each test is a complaint that people made about other libraries, and what
the server got from this one.
"""

from __future__ import annotations

import tracemalloc
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import getaddresses
from typing import TYPE_CHECKING, Any

import pytest

from safeses import (
    Attachment,
    Client,
    Email,
    InvalidMessageError,
    RawEmail,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from safeses.testing import SimulatedSES

    Serving = Callable[..., tuple[SimulatedSES, Client]]
    Make = Callable[..., Any]

pytestmark = pytest.mark.server

LINE_MAX_BYTES = 998  # RFC 5322, 2.1.1
NAMES = (
    "Jürgen Groß",
    'Ann "the boss" O\'Neil',
    "Miller, John; Sales <dept>",
    "株式会社サンプル 営業部",
    "Back\\slash (and a comment)",
    "Ünal, Ömer",
    "Zoë " * 30 + "Smith",
    "Łukasz 🚀 Żółć",
    "plain",
    # Quite possible as a name; in a field it cannot be told from one.
    "=?utf-8?q?not_an_encoded_word?=",
)


def typed(**fields: Any) -> Email:
    """Return a mail that SES builds."""
    return Email(
        **{
            "from_email": "Shop <shop@a.example>",
            "to": "eva@b.example",
            "subject": "Hi",
            "text": "Hello",
            **fields,
        }
    )


def finished(
    to: Any = "eva@b.example", text: str = "Hello", **headers: Any
) -> EmailMessage:
    """Return a message of the standard library."""
    message = EmailMessage()
    message["From"] = "Shop <shop@a.example>"
    message["To"] = to
    message["Subject"] = "Hi"
    for name, value in headers.items():
        message[name] = value
    message.set_content(text)
    return message


def params(**people: Any) -> dict[str, Any]:
    """Return boto3's parameters for a mail to *people*."""
    return {
        "FromEmailAddress": "shop@a.example",
        "Destination": people,
        "Content": {
            "Simple": {
                "Subject": {"Data": "Hi"},
                "Body": {"Text": {"Data": "Hello"}},
            }
        },
    }


def send(client: Client, message: Any) -> Any:
    """Send what may be a typed message, one of email, or boto3's own."""
    if isinstance(message, dict):
        return client.send_email(**message)
    if isinstance(message, EmailMessage):
        message = RawEmail(message=message)
    return client.send(message)


def rules(client: Client, message: Any) -> set[str]:
    """Return why *message* is refused."""
    with pytest.raises(InvalidMessageError) as caught:
        send(client, message)
    return {finding.rule for finding in caught.value.findings}


def received(ses: SimulatedSES) -> tuple[bytes, EmailMessage]:
    """Return the only message that the server has, and as read there."""
    (sent,) = ses.sent
    data = sent.raw or b""
    read = message_from_bytes(data, policy=policy.SMTP)
    assert isinstance(read, EmailMessage)
    return data, read


def people_in(value: str) -> list[tuple[str, str]]:
    """Return the names and addresses of a header, as RFC 2047 reads them."""
    # Not as the newer policies do, which leave a blank between the words.
    return [
        (str(make_header(decode_header(name))), address)
        for name, address in getaddresses([value])
    ]


class TestAddresses:
    """Addresses that are not ASCII."""

    @pytest.mark.parametrize(
        "make",
        [
            lambda a: typed(to=f"Jürgen <{a}>"),
            lambda a: params(ToAddresses=[f"Jürgen <{a}>"]),
            lambda a: finished(to=f"Jürgen <{a}>"),
            lambda a: RawEmail(message=finished(), to=a),
        ],
        ids=["typed", "drop-in", "raw", "envelope"],
    )
    def test_of_a_domain(self, serving: Serving, make: Make) -> None:
        """A domain in another script arrives in its 7-bit form."""
        ses, client = serving()
        send(client, make("jurgen@bücher.example"))

        assert [("jurgen@xn--bcher-kva.example",)] == [
            sent.recipients for sent in ses.sent
        ]

    @pytest.mark.parametrize(
        "make",
        [
            lambda a: typed(to=["eva@b.example", a]),
            lambda a: params(ToAddresses=["eva@b.example"], CcAddresses=[a]),
            lambda a: finished(to=f"eva@b.example, <{a}>"),
            lambda a: RawEmail(message=finished(), bcc=a),
        ],
        ids=["typed", "drop-in", "raw", "envelope"],
    )
    @pytest.mark.parametrize("address", ["jürgen@b.example", "用户@b.example"])
    def test_of_a_local_part(
        self, serving: Serving, make: Make, address: str
    ) -> None:
        """A local part that SES cannot take is refused, and named."""
        ses, client = serving()
        found = rules(client, make(address))

        assert (0, True) == (
            ses.requests.total(),
            found <= {"address.syntax", "address.encoded-word"},
        )


class TestHeaders:
    """Long headers, odd names, and lines that break out."""

    def test_a_long_list(self, serving: Serving) -> None:
        """Fifty odd names arrive intact, in lines that servers take."""
        ses, client = serving()
        people = [
            Address(NAMES[number % len(NAMES)], f"p{number}", "b.example")
            for number in range(50)
        ]
        send(client, finished(to=people))
        data, _ = received(ses)

        assert (
            [(one.display_name, one.addr_spec) for one in people],
            True,
            True,
            tuple(one.addr_spec for one in people),
        ) == (
            people_in(message_from_bytes(data)["To"]),
            data.isascii(),
            max(map(len, data.split(b"\r\n"))) <= LINE_MAX_BYTES,
            ses.sent[0].recipients,
        )

    @pytest.mark.parametrize("name", NAMES[:-1])
    def test_a_name(self, serving: Serving, name: str) -> None:
        """A name that SES gets in a field is read there as it was meant."""
        ses, client = serving()
        send(client, typed(to=str(Address(name, "p", "b.example"))))
        (given,) = ses.sent[0].params["Destination"]["ToAddresses"]

        assert ([(name, "p@b.example")], ("p@b.example",), True) == (
            people_in(given),
            ses.sent[0].to,
            given.isascii(),
        )

    def test_a_long_line(self, serving: Serving) -> None:
        """A body of one long line arrives as it was, in short lines."""
        ses, client = serving()
        text = "schön " * 2_000
        send(client, finished(text=text))
        data, read = received(ses)

        assert (text + "\n", True, True) == (
            read.get_content(),
            data.isascii(),
            max(map(len, data.split(b"\r\n"))) <= LINE_MAX_BYTES,
        )

    @pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
    @pytest.mark.parametrize(
        "make",
        [
            lambda v: typed(headers={"List-Unsubscribe": f"<https://x>{v}"}),
            lambda v: typed(subject=f"Hi{v}"),
            lambda v: typed(to=f"Eva{v} <eva@b.example>"),
            lambda v: typed(from_email=f"Shop{v} <shop@a.example>"),
            lambda v: typed(reply_to=f"shop@a.example{v}"),
            lambda v: params(ToAddresses=[f"eva@b.example{v}"]),
        ],
        ids=["list", "subject", "to", "from", "reply", "drop-in"],
    )
    def test_a_line_end(self, serving: Serving, make: Make, end: str) -> None:
        """No value can begin a header of its own."""
        ses, client = serving()
        found = rules(client, make(f"{end}Bcc: all@e.example"))

        assert (0, True) == (ses.requests.total(), "text.control" in found)

    def test_a_surrogate(self, serving: Serving) -> None:
        """Half a character is refused, not sent as a question mark."""
        ses, client = serving()

        assert ({"text.control"}, 0) == (
            rules(client, typed(text="Hi \ud83d")),
            ses.requests.total(),
        )


class TestBcc:
    """Who must stay unseen does, and gets the mail."""

    @pytest.mark.parametrize(
        "make",
        [
            lambda: typed(to=(), bcc=["one@c.example", "two@c.example"]),
            lambda: params(BccAddresses=["one@c.example", "two@c.example"]),
            lambda: RawEmail(
                message=finished(), bcc=["one@c.example", "two@c.example"]
            ),
        ],
        ids=["typed", "drop-in", "raw"],
    )
    def test_only(self, serving: Serving, make: Make) -> None:
        """A mail to unseen recipients alone goes to them, and only them."""
        ses, client = serving()
        send(client, make())

        assert [((), (), ("one@c.example", "two@c.example"))] == [
            (sent.to, sent.cc, sent.bcc) for sent in ses.sent
        ]

    @pytest.mark.parametrize("name", ["Bcc", "BCC", "Resent-Bcc"])
    @pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
    def test_in_a_header(
        self, serving: Serving, name: str, newline: bytes
    ) -> None:
        """The header goes to nobody, however it is written and folded."""
        ses, client = serving()
        head = (
            "From: shop@a.example",
            f"{name}: One <one@c.example>,",
            "\tTwo <two@c.example>",
            "To: eva@b.example",
            "Subject: Hi",
            "",
            "Hello",
        )
        data = newline.join(line.encode() for line in head)
        client.send(RawEmail(message=data, to="eva@b.example"))
        raw, read = received(ses)

        assert (None, False, ("eva@b.example",), "Hello") == (
            read[name],
            b"@c.example" in raw,
            ses.sent[0].recipients,
            read.get_content().strip(),
        )

    def test_is_read_from_a_header(self, serving: Serving) -> None:
        """Without an envelope the header says who, and then it goes."""
        ses, client = serving()
        send(client, finished(Bcc="One <one@c.example>"))
        raw, _ = received(ses)

        assert (("eva@b.example",), ("one@c.example",), False) == (
            ses.sent[0].to,
            ses.sent[0].bcc,
            b"one@c.example" in raw,
        )

    def test_envelope(self, serving: Serving) -> None:
        """Who is named beside a message gets it, not who its headers name."""
        ses, client = serving()
        client.send(RawEmail(message=finished(), to="else@d.example"))

        assert [("else@d.example",)] == [sent.recipients for sent in ses.sent]


class TestFiles:
    """Size and names of what goes along."""

    @pytest.mark.parametrize("kind", ["typed", "drop-in"])
    def test_size(self, serving: Serving, kind: str) -> None:
        """31 MB are over 40 in base64: refused without building it."""
        ses, client = serving()
        data = bytes(31_000_000)
        message: Any = typed(
            attachments=Attachment(content=data, file_name="film.mp4")
        )
        if kind == "drop-in":
            message = params(ToAddresses=["eva@b.example"])
            message["Content"]["Simple"]["Attachments"] = [
                {"FileName": "film.mp4", "RawContent": data}
            ]
        tracemalloc.start()
        found = rules(client, message)
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

        assert ({"message.size"}, 0, True) == (
            found,
            ses.requests.total(),
            peak_bytes < 2_000_000,
        )

    @pytest.mark.parametrize(
        "name", ["Rechnung März.pdf", "請求書 2026.pdf", "a;b\"c' 100%.pdf"]
    )
    def test_name(self, serving: Serving, name: str) -> None:
        """A file's name arrives as it is, in a field and in a message."""
        ses, client = serving()
        file = Attachment(content=b"\x00\xff", file_name=name)
        client.send(typed(attachments=file))
        message = finished()
        message.add_attachment(
            b"\x00\xff", maintype="application", subtype="pdf", filename=name
        )
        send(client, message)
        first, second = ses.sent
        (given,) = first.params["Content"]["Simple"]["Attachments"]
        read = message_from_bytes(second.raw or b"", policy=policy.SMTP)
        assert isinstance(read, EmailMessage)
        (part,) = read.iter_attachments()

        assert (name, b"\x00\xff", name, b"\x00\xff", True) == (
            given["FileName"],
            given["RawContent"],
            part.get_filename(),
            part.get_content(),
            (second.raw or b"").isascii(),
        )

    @pytest.mark.parametrize(
        "name", ["invoice.pdf.exe", "a.EXE", "run.bat", "no-extension"]
    )
    def test_type(self, serving: Serving, name: str) -> None:
        """A file that SES would refuse is refused before any call."""
        ses, client = serving()
        file = Attachment(content=b"x", file_name=name)

        assert (True, 0) == (
            rules(client, typed(attachments=file))
            <= {"attachment.extension", "attachment.file-name"},
            ses.requests.total(),
        )
