"""Message objects as bytes: what is written is what was meant."""

from __future__ import annotations

import base64
import email
from email import policy
from email.charset import Charset
from email.header import Header, decode_header, make_header
from email.headerregistry import Address, Group
from email.message import EmailMessage, Message
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import getaddresses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeses._mail import _mime, _raw

ANN = "ann@b.example"
MAX_BYTES = 998

names = st.text(
    alphabet=st.sampled_from("aZ9 ,.\"\\'()<>:;@[]=?_-äß漢😀"), max_size=60
) | st.sampled_from(
    ["", "x" * 300, "Doe, " * 60, "ü" * 300, "=?utf-8?q?x?=", "a  b", " a "]
)
locals_ = st.text(alphabet="abc.+'-_0", min_size=1, max_size=20).filter(
    lambda text: text[0] != "." != text[-1] and ".." not in text
)
domains = st.sampled_from(["b.example", "bücher.example", "a-b.c.example"])
people = st.lists(
    st.builds(
        Address,
        names,
        locals_,
        domains,
    ),
    min_size=1,
    max_size=50,
)
texts = st.text(
    alphabet=st.sampled_from('ab \t=?_,;<>"äß漢😀'), max_size=300
) | st.sampled_from(
    ["x" * 5_000, "word " * 500, "ü" * 3_000, "=?utf-8?q?x?=", " " * 2_000]
)
POLICIES = [policy.default, policy.SMTP, policy.SMTPUTF8]


def bare(address: Address) -> str:
    """Return the 7-bit form of an address."""
    return address.addr_spec.replace("bücher", "xn--bcher-kva")


def head(data: bytes) -> bytes:
    """Return the header lines of a message."""
    return data.partition(b"\r\n\r\n")[0]


def read(data: bytes, chosen: Any = policy.default) -> Any:
    """Read a message as the standard library does."""
    return email.message_from_bytes(data, policy=chosen)


def names_in(header: str) -> list[str]:
    """Return the display names of a header, decoded."""
    # Not by the policy: some versions of it part adjacent encoded words.
    return [
        str(make_header(decode_header(name)))
        for name, _ in getaddresses([header.replace("\r\n", "")])
    ]


def modern(**headers: Any) -> EmailMessage:
    """Return a message with these headers and a text."""
    message = EmailMessage()
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content("x")
    return message


def legacy(**headers: Any) -> Message:
    """Return one of the older kind."""
    message = MIMEText("x")
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    return message


def made(message: Message) -> bytes:
    """Return what is sent of a message of either kind."""
    return _raw.to_bytes(message)  # type: ignore[arg-type]  # both serialise


@given(people, people, texts, texts, st.sampled_from(POLICIES))
def test_what_is_written_is_what_was_meant(
    to: list[Address],
    cc: list[Address],
    subject: str,
    text: str,
    chosen: policy.EmailPolicy[EmailMessage],
) -> None:
    """Names, addresses and texts come back, in lines that servers take."""
    message = EmailMessage(policy=chosen)
    message["From"] = to[0]
    message["To"] = to
    message["Cc"] = cc
    message["Subject"] = subject
    message["X-Text"] = text
    message.set_content("x")
    data = _raw.to_bytes(message)
    parsed = read(data)
    found = _raw.recipients(_raw.headers(data))
    lines = head(data).split(b"\r\n")

    assert (
        True,
        True,
        [bare(a) for a in to],
        [bare(a) for a in cc],
        [bare(a) for a in to],
        [a.display_name for a in message["to"].addresses],
        [str(message["subject"]).strip(), str(message["x-text"]).strip()],
        True,
    ) == (
        data.isascii(),
        max(map(len, lines)) <= MAX_BYTES,
        found["to"],
        found["cc"],
        [a.addr_spec for a in parsed["to"].addresses],
        names_in(read(data, policy.compat32)["to"]),
        [str(parsed["subject"]).strip(), str(parsed["x-text"]).strip()],
        all(line[:1] in {b" ", b"\t"} or b":" in line for line in lines),
    )


@given(people, texts)
def test_older_messages(to: list[Address], subject: str) -> None:
    """A list of names with umlauts, given as text, is written the same."""
    message = legacy(To=", ".join(map(str, to)), Subject=subject)
    data = made(message)

    assert (True, True, [bare(a) for a in to]) == (
        data.isascii(),
        not _mime.long_line(data),
        _raw.recipients(_raw.headers(data))["to"],
    )


def test_headers_in_full() -> None:
    """Only what needs it is encoded or quoted; folds are between words."""
    message = modern(
        From=Address("Jörg", "joerg", "bücher.example"),
        To=[
            Address('Doe, "Ann" (x)', "ann", "b.example"),
            Address("Bob von B", "bob", "b.example"),
            Address("", "eva", "b.example"),
        ],
        Subject="Grüße",
        In_Reply_To=f"<{'x' * 90}@a.example>",
        X_Words="word " * 20,
    )

    assert (
        "From: =?utf-8?b?SsO2cmc=?= <joerg@xn--bcher-kva.example>\r\n"
        'To: "Doe, \\"Ann\\" (x)" <ann@b.example>, Bob von B <bob@b.example>,'
        "\r\n eva@b.example\r\n"
        "Subject: =?utf-8?b?R3LDvMOfZQ==?=\r\n"
        f"In-Reply-To: <{'x' * 90}@a.example>\r\n"
        f"X-Words:{' word' * 13}\r\n{' word' * 7}"
    ) == head(_raw.to_bytes(message)).decode().partition("\r\nContent")[0]


def test_groups() -> None:
    """A group keeps its name and its members, none and several."""
    message = modern(
        To=[
            Group("nobody", ()),
            Group(None, (Address("", "a", "b.example"),)),
        ],
        Cc=Group("Müller, A", (Address("", "c", "d.example"),) * 2),
    )

    assert (
        "To: nobody:;, a@b.example\r\n"
        "Cc: =?utf-8?b?TcO8bGxlciwgQQ==?=: c@d.example, c@d.example;"
    ) == head(_raw.to_bytes(message)).decode().partition("\r\nContent")[0]


@pytest.mark.parametrize(
    "value, expected",
    [
        ('"Doe, Ann" <ann@b.example>', '"Doe, Ann" <ann@b.example>'),
        ("Ann <ann@b.example>,\n bob@c.example", None),
        (
            "=?utf-8?q?J=2C?= <ann@b.example>",
            "=?utf-8?q?J=2C?= <ann@b.example>",
        ),
        ("Jö <ann@b.example>", "=?utf-8?b?SsO2?= <ann@b.example>"),
        (
            "Jö <ann@b.example>, Bob <bob@c.example>",
            "=?utf-8?b?SsO2?= <ann@b.example>, Bob <bob@c.example>",
        ),
        (Header("Jö <ann@b.example>"), "=?utf-8?b?SsO2?= <ann@b.example>"),
        ("Team: ann@b.example;", "Team: ann@b.example;"),
        ("ann@b.example (a comment)", "ann@b.example (a comment)"),
    ],
)
def test_headers_of_older_messages(value: Any, expected: str | None) -> None:
    """Text is kept as it is, unless it holds other than ASCII characters."""
    written = head(made(legacy(To=value))).decode()
    kept = str(value).replace("\n", "") if expected is None else expected

    assert kept == written.partition("To: ")[2]


def test_8_bit_headers_of_a_parsed_message() -> None:
    """What was read with 8-bit bytes in its headers is mended."""
    data = "To: Jö <ann@b.example>\nSubject: Grüße\n\nx".encode()
    results = {
        head(made(read(data, chosen)))
        for chosen in (policy.default, policy.compat32)
    }

    assert [
        (
            b"To: =?utf-8?b?SsO2?= <ann@b.example>\r\n"
            b"Subject: =?utf-8?b?R3LDvMOfZQ==?="
        )
    ] == list(results)


@pytest.mark.parametrize("chosen", [policy.default, policy.compat32])
def test_bytes_of_an_unknown_encoding(chosen: Any) -> None:
    """What is no UTF-8 in a parsed header is nobody's to decode."""
    data = b"To: J\xf6 <ann@b.example>\r\nSubject: Gr\xfc\xdfe"

    assert data == head(made(read(data + b"\r\n\r\nx", chosen)))


@pytest.mark.parametrize("kind", [modern, legacy])
@pytest.mark.parametrize("name", ["To", "Subject", "X_Any", "Message_ID"])
@pytest.mark.parametrize("text", ["a\r\nBcc: x@y.example", "a\nb", "a\rb"])
def test_line_ends_in_headers(kind: Any, name: str, text: str) -> None:
    """No value becomes a header of its own: it is refused, somewhere."""
    with pytest.raises(ValueError, match=r".") as caught:
        made(kind(**{name: text}))

    assert "x@y.example" not in str(caught.value)


@pytest.mark.parametrize("name", ["To", "Subject", "X-Any"])
@pytest.mark.parametrize("text", ["a\x85b", "a\u2028b", "a\x01b"])
def test_controls_are_not_hidden(name: str, text: str) -> None:
    """No encoded word hides a character that the rules refuse."""
    message = Message()
    message[name] = f"{text} <ann@b.example>"
    value = _raw.headers(made(message))[name.lower()][0]

    assert text in value


def test_a_local_part_is_not_encoded() -> None:
    """What SES cannot mail is shown to the rules as it is."""
    message = legacy(To="jörg@b.example")

    assert ["jörg@b.example"] == _raw.recipients(_raw.headers(made(message)))[
        "to"
    ]


TEXT = "wörd " * 400
LONG = "x" * 999


def bodies(data: bytes) -> list[bytes]:
    """Return the decoded bodies of a message."""
    return [
        part.get_payload(decode=True).replace(b"\r\n", b"\n").strip()
        for part in read(data, policy.compat32).walk()
        if not part.is_multipart()
    ]


def plain(text: bytes, kind: str = "text/plain", cte: str = "8bit") -> Message:
    """Return a part that is not encoded."""
    part = Message()
    part["Content-Type"] = f'{kind}; charset="utf-8"'
    part["Content-Transfer-Encoding"] = cte
    part.set_payload(text.decode("ascii", "surrogateescape"))
    return part


@pytest.mark.parametrize("cte", ["7bit", "8bit", "binary"])
@pytest.mark.parametrize("kind", ["text/plain", "application/json"])
@pytest.mark.parametrize("text", [LONG, f"a\n{TEXT}\n\n{LONG}"])
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_long_lines_in_bodies(
    depth: int, text: str, kind: str, cte: str
) -> None:
    """A body with long lines is encoded anew, in a copy."""
    message = plain(text.encode(), kind, cte)
    for _ in range(depth):
        outer = MIMEMultipart()
        outer.attach(message)
        outer.attach(MIMEText("short"))
        message = outer
    message["Subject"] = "s"
    before = message.as_string()
    data = made(message)

    assert (text.strip().encode(), True, True, before) == (
        bodies(data)[0],
        not _mime.long_line(data),
        data.isascii(),
        message.as_string(),
    )


@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1"])
def test_8_bit_bodies(charset: str) -> None:
    """A body that the package would leave in 8 bits is encoded."""
    kept = Charset(charset)
    kept.body_encoding = 0
    message = MIMEText("", "plain")
    message["To"] = ANN
    del message["Content-Transfer-Encoding"]
    message.set_payload("Größe", kept)
    data = made(message)

    assert (["Größe".encode(charset)], True) == (bodies(data), data.isascii())


def test_8_bit_body_in_an_unknown_charset() -> None:
    """What only its sender can read arrives as it is."""
    part = read(
        b"Content-Type: text/plain; charset=x-any\n\n\xe4" + b"x" * 999
    )

    assert [b"\xe4" + b"x" * 999] == bodies(made(part))


def test_nothing_to_mend() -> None:
    """A long line in a header, where it has to be, changes no body."""
    message = MIMEMultipart()
    message["References"] = LONG
    message.attach(MIMEText("short"))

    assert [b"short"] == bodies(made(message))


def test_text_that_was_never_encoded() -> None:
    """Text without a charset is refused, as its bytes are anybody's guess."""
    message = EmailMessage()
    message.set_payload("漢字")
    with pytest.raises(UnicodeEncodeError) as caught:
        made(message)

    assert "ascii" == caught.value.encoding


def test_long_lines_in_a_message_in_a_message() -> None:
    """One that is forwarded is mended as well."""
    message = EmailMessage()
    message["To"] = ANN
    inner = read(f"Subject: s\n\n{LONG}".encode())
    message.set_content("see below")
    message.add_attachment(inner)
    data = _raw.to_bytes(message)

    assert (LONG.encode(), 0) == (bodies(data)[1], _mime.long_line(data))


SIGNED = (
    b'Content-Type: multipart/signed; boundary="b"\nTo: %s\nX-A: %s\n\n'
    b"--b\nContent-Type: text/plain; charset=utf-8\nX-B: %s\n\n%s\xc3\xa4\n"
    b"--b\nContent-Type: application/pgp-signature\n\nx\n--b--\n"
)


@pytest.mark.parametrize("chosen", [policy.default, policy.compat32])
def test_signed_parts(chosen: Any) -> None:
    """What a signature covers stays byte by byte, even where it is bad."""
    long = LONG.encode()
    data = SIGNED % (
        "Jö <ann@b.example>".encode(),
        b"y" * 1200,
        b"z " * 60 + b"z",
        long,
    )
    written = made(read(data, chosen))

    assert (data.partition(b"\n\n")[2].replace(b"\n", b"\r\n"), True) == (
        written.partition(b"\r\n\r\n")[2],
        written.startswith(
            b'Content-Type: multipart/signed; boundary="b"\r\n'
            b"To: =?utf-8?b?SsO2?= <ann@b.example>\r\nX-A: =?utf-8"
        ),
    )


def test_dkim_signed_message() -> None:
    """A message with a DKIM signature is written as it was signed."""
    data = (
        (b"DKIM-Signature: v=1; b=x\r\nTo: " + b"ann@b.example, " * 20)
        + b"bob@b.example\r\n\r\n"
        + LONG.encode()
        + b"\xc3\xa4"
    )

    assert data == made(read(data, policy.compat32.clone(max_line_length=0)))


@pytest.mark.parametrize(
    "name, length, expected",
    [
        ("Subject", 989, False),
        ("Subject", 990, True),
        ("References", 5000, False),
        ("List-Unsubscribe", 5000, False),
    ],
)
def test_long_words(name: str, length: int, *, expected: bool) -> None:
    """Text that fits no line is encoded; what programs read never is."""
    message = EmailMessage()
    message[name] = "x" * length
    line = head(_raw.to_bytes(message))

    assert expected == (b"=?utf-8?b?" in line)


BROAD = "a-rather-long-domain-name.example"


def forwarded(inner: Message, outer: Message | None = None) -> Message:
    """Return a message with another one in it."""
    outer = MIMEMultipart() if outer is None else outer
    outer["To"] = ANN
    outer.attach(MIMEMessage(inner))
    return outer


def inner_of(data: bytes) -> bytes:
    """Return the message in a message, as it was written."""
    after = data.partition(b"Content-Type: message/rfc822\r\n")[2]
    return after.partition(b"\r\n\r\n")[2].partition(b"\r\n--=")[0]


@pytest.mark.parametrize("chosen", POLICIES)
def test_headers_of_a_message_in_a_message(
    chosen: policy.EmailPolicy[EmailMessage],
) -> None:
    """They are written as those of the message itself."""
    inner = EmailMessage(policy=chosen)
    inner["From"] = ANN
    inner["To"] = [
        Address("山田 太郎", "u", BROAD),
        Address("Zoë, A", "v", BROAD),
    ]
    inner["References"] = f"<{'x' * 90}@a.example>"
    inner.set_content("x")
    outer = EmailMessage(policy=chosen)
    outer.set_content("see below")
    outer.add_attachment(inner)
    data = inner_of(_raw.to_bytes(outer))

    assert head(_raw.to_bytes(inner)) == head(data)


@pytest.mark.parametrize(
    "value", ['é@b.example",]",', "Jö <a@b.example> x <c@d.example>"]
)
def test_odd_headers_of_a_message_in_a_message(value: str) -> None:
    """Who is named in a forwarded message gets nothing: it stays."""
    inner = read(f"To: {value}\n\nx".encode())

    assert value.encode() in made(forwarded(inner))


@pytest.mark.parametrize(
    "value",
    [
        "Jö <a@b.example> x <c@d.example>",
        "Jö <a@b.example",
        "=?utf-8?q?x?=Jö @,<a@b@c>",
    ],
)
@pytest.mark.parametrize("chosen", [policy.default, policy.compat32])
def test_nobody_is_made_certain(value: str, chosen: Any) -> None:
    """Where it is doubtful who is meant, it is so in what is written."""
    data = made(read(f"To: {value}\n\nx".encode(), chosen))

    assert "" in _raw.recipients(_raw.headers(data))["to"]


@pytest.mark.parametrize("outer", [MIMEMultipart, EmailMessage])
@pytest.mark.parametrize("chosen", POLICIES)
def test_file_names_are_7_bit(
    chosen: policy.EmailPolicy[EmailMessage], outer: Any
) -> None:
    """A file name is encoded, whatever the policies of its messages are."""
    inner = EmailMessage(policy=chosen)
    inner["Subject"] = "ü"
    inner.add_attachment(b"x", maintype="a", subtype="b", filename="ü.pdf")
    message = outer()
    message["Content-Type"] = "multipart/mixed"
    message = forwarded(inner, message)
    several = [made(inner), made(message)]

    assert [(True, ["ü.pdf"])] * 2 == [
        (
            data.isascii(),
            [
                name
                for part in read(data).walk()
                if (name := part.get_filename()) is not None
            ],
        )
        for data in several
    ]


SEALED = (
    b"DKIM-Signature: v=1; h=from:to:subject; b=x\r\n"
    b'From: "Lee, Ann" <ann@a.example>\r\n'
    b'Cc: "Lee, Ann" <d@d.example>, "Lee, B" <e@d.example>, '
    b"=?UTF-8?Q?Zo=C3=AB?= <f@d.example>\r\n"
    b"Subject: =?UTF-8?Q?Gr=C3=B6=C3=9Fe_und_mehr_und_noch_viel_mehr?="
    b" =?UTF-8?Q?_und_immer_noch_m?=\r\n"
    b"References: <" + b"m" * 100 + b"@a.example>\r\n"
    b"X-Bytes: \xc3\xa4\xe4,\r\n\tfolded \r\n"
    b"Content-Type: text/plain; charset=utf-8; x=" + b"y" * 90 + b"\r\n\r\n"
    b"hello \xc3\xa4\r\n"
)


@pytest.mark.parametrize("chosen", [*POLICIES, policy.compat32])
def test_what_is_sealed_is_kept(chosen: Any) -> None:
    """What was parsed and is signed by DKIM comes out byte by byte."""
    message = read(SEALED, chosen)
    attached = EmailMessage()
    attached.set_content("x")
    attached.make_mixed()
    results = [
        made(message),
        made(forwarded(message)),
        made(forwarded(message, attached)),
        made(forwarded(forwarded(message))),
    ]

    assert [True] * 4 == [SEALED.rstrip() in result for result in results]


@pytest.mark.parametrize("kind", [EmailMessage, Message])
def test_what_was_built_and_sealed(kind: Any) -> None:
    """What is signed as the package writes it is written so."""
    message = kind()
    message["Subject"] = "Größe " * 30
    message["X-Long"] = f"{'x' * 60} " * 30
    written = message.as_bytes().replace(b"\n", b"\r\n")
    message["DKIM-Signature"] = "v=1; b=x"
    unfolded = [
        data.replace(b"\r\n ", b" ") for data in (written, made(message))
    ]

    assert unfolded[1].startswith(unfolded[0].rstrip())


def test_line_ends_in_a_sealed_message() -> None:
    """Not even there a value becomes a header of its own."""
    message = legacy(DKIM_Signature="v=1", Subject="a\nBcc: x@y.example")
    with pytest.raises(ValueError, match=r".") as caught:
        made(message)

    assert "x@y.example" not in str(caught.value)


def state(message: Message) -> list[object]:
    """Return what a message is made of."""
    return [
        (id(part), part.policy, part._headers[:], part._payload)  # type: ignore[attr-defined]  # noqa: SLF001 - public readers make copies
        for part in message.walk()
    ]


@pytest.mark.parametrize("text", ["short", LONG])
def test_the_caller_s_message_is_not_changed(text: str) -> None:
    """No boundary, policy or body of any part is, while it is written."""
    inner = EmailMessage()
    inner.set_content(text)
    inner.add_alternative("<p>x", subtype="html")
    inner.add_attachment(b"x", maintype="a", subtype="b")
    message = forwarded(inner)
    before = state(message)
    made(message)

    assert before == state(message)


@pytest.mark.parametrize("kind", ["text/plain", "application/pdf"])
@pytest.mark.parametrize("end", ["", "\n"])
def test_base64_in_one_line(kind: str, end: str) -> None:
    """It is broken into lines: white space in it says nothing."""
    body = b"%PDF" * 1000
    part = plain(b"", kind, "Base64")
    part.set_payload(base64.b64encode(body).decode() + end)
    data = made(part)

    assert ([body], 76) == (
        bodies(data),
        max(map(len, data.partition(b"\r\n\r\n")[2].split(b"\r\n"))),
    )


def test_signed_base64_in_one_line() -> None:
    """Where a signature covers it, it is for the rules to refuse it."""
    part = b"Content-Transfer-Encoding: base64\n\n" + b"QUFB" * 300
    data = (
        b"Content-Type: multipart/signed; boundary=b\n\n--b\n%s\n--b--\n"
        % part
    )

    assert part.replace(b"\n", b"\r\n") in made(read(data))


@pytest.mark.parametrize("kind", ["multipart/mixed", "message/rfc822"])
def test_line_ends_of_what_is_malformed(kind: str) -> None:
    """Text where parts should be gets CRLF as all other text."""
    message = Message()
    message["Content-Type"] = kind
    message.set_payload("a\nb\r\nc\rd")

    assert made(message).endswith(b"\r\n\r\na\r\nb\r\nc\r\nd")
