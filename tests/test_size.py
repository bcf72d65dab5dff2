"""The size of a message, against what the standard library builds."""

from __future__ import annotations

import math
import random
import string
import textwrap
import tracemalloc
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safeses._mail._address import encode
from safeses._mail._size import encoded_size, surely_fits

if TYPE_CHECKING:
    from collections.abc import Callable

# What a message may be taken for too large: 2 %, of a tiny one this.
SLACK_BYTES = 30
MESSAGE_ID = (
    "<0100019a1234abcd-01234567-89ab-cdef-0123-456789abcdef-000000"
    "@email.amazonses.com>"
)
ALWAYS = (
    ("MIME-Version", "1.0"),
    ("Date", "Sat, 21 Nov 2026 20:43:50 +0000"),
    ("Message-ID", MESSAGE_ID),
)
PPTX = "application/vnd.openxmlformats-officedocument.presentationml"
PPTX += ".presentation"


ALPHABETS = {
    "ascii": string.ascii_letters + "      .,-0123456789",
    "accents": string.ascii_lowercase + "   \u00e9\u00e8\u00fc\u00df",
    "few accents": string.ascii_letters * 3 + " " * 20 + "\u00e9",
    "cjk": "\u65e5\u672c\u8a9e\u4e2d\u6587\u3002",
    "emoji": "\U0001f600\U0001f4a9\u2764\u200d ",
    "equals": "==a= ",
    "dots": "..a. ",
    "blanks": " \ta",
    "controls": "a\x00\x0b\x0c\x1b\x85\u2028",
    "html": "<p class='x'>a</p>&nbsp;\u00fc \"",
}
LINE_ENDS = ("\n", "\r\n", "\r", "\n\n", " \n", "\t\r\n")


def line(name: str, value: str) -> bytes:
    """Return a header, folded at blanks or as encoded words."""
    if not value.isascii():
        header = Header(value, "utf-8", maxlinelen=76, header_name=name)
        encoded = header.encode(linesep="\r\n")
        return f"{name}: {encoded}\r\n".encode()
    folded = textwrap.wrap(
        f"{name}: {value}",
        76,
        subsequent_indent=" ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return ("\r\n".join(folded) + "\r\n").encode()


def text_part(kind: str, text: str) -> EmailMessage:
    """Return a part, in the shortest encoding that keeps lines short."""
    parts = []
    lines = text.encode().splitlines()
    if text.isascii() and max(map(len, lines), default=0) <= 998:
        encodings = ["7bit"]
    else:
        encodings = ["quoted-printable", "base64"]
    for encoding in encodings:
        part = EmailMessage(policy=SMTP)
        part.set_content(text, subtype=kind, cte=encoding)
        parts.append(part)
    return min(parts, key=lambda part: len(part.as_bytes()))


def multipart(subtype: str, parts: list[EmailMessage]) -> EmailMessage:
    """Return the parts as one, which a single one is already."""
    if len(parts) == 1:
        return parts[0]
    whole = EmailMessage(policy=SMTP)
    whole["Content-Type"] = f"multipart/{subtype}"
    whole.set_payload([*parts])
    return whole


def attached(attachment: dict[str, Any]) -> EmailMessage:
    """Return a file as a part, but for its description."""
    part = EmailMessage(policy=SMTP)
    kind = attachment.get("ContentType", PPTX)
    identifier = attachment.get("ContentId")
    disposition = attachment.get("ContentDisposition", "ATTACHMENT").lower()
    part.set_content(
        bytes(attachment["RawContent"]),
        *kind.split("/"),
        filename=attachment["FileName"],
        disposition=disposition,
        cid=identifier and f"<{identifier}>",
    )
    return part


def built(params: dict[str, Any]) -> int:
    """Return the size of the message, built by the standard library."""
    message = params["Content"].get("Simple")
    if message is None:
        message = params["Content"]["Template"]
        texts = [text_part("plain", ""), text_part("html", "")]
    else:
        texts = [
            text_part(kind, message["Body"][name]["Data"])
            for name, kind in (("Text", "plain"), ("Html", "html"))
            if name in message["Body"]
        ]
    files = message.get("Attachments", [])
    inline = [f for f in files if f.get("ContentDisposition") == "INLINE"]
    others = [f for f in files if f.get("ContentDisposition") != "INLINE"]
    body = multipart("alternative", texts)
    body = multipart("related", [body, *map(attached, inline)])
    body = multipart("mixed", [body, *map(attached, others)])
    top = [
        *ALWAYS[body.get("MIME-Version") is not None :],
        ("From", params["FromEmailAddress"]),
        *(
            (field[:2], ", ".join(addresses))
            for field, addresses in params["Destination"].items()
            if field != "BccAddresses"
        ),
        *((h["Name"], h["Value"]) for h in message.get("Headers", [])),
    ]
    if "ReplyToAddresses" in params:
        top.append(("Reply-To", ", ".join(params["ReplyToAddresses"])))
    if "Subject" in message:
        top.append(("Subject", message["Subject"]["Data"]))
    top += [
        ("Content-Description", f["ContentDescription"])
        for f in files
        if "ContentDescription" in f
    ]
    return len(body.as_bytes()) + sum(len(line(*header)) for header in top)


class Maker:
    """
    Makes messages of every kind, the same for the same seed.

    Attributes:
        random: Where all choices come from.
        most: The largest text or file, in characters or bytes.
    """

    def __init__(self, seed: int, most: int) -> None:
        self.random = random.Random(seed)  # noqa: S311  # no secret
        self.most = most

    def size(self, most: int = 0) -> int:
        """Return a size, as often small as large."""
        return (
            int(math.exp(self.random.uniform(0, math.log(most or self.most))))
            - 1
        )

    def some(self, alphabet: str, size: int) -> str:
        """Return a text of so many letters, in words of random length."""
        return "".join(self.random.choices(alphabet, k=size))

    def text(self) -> str:
        """Return a body, of short or long lines."""
        alphabet = self.random.choice(list(ALPHABETS.values()))
        piece = self.some(alphabet, self.random.randint(1, 3_000))
        width = self.random.choice([1, 10, 60, 75, 76, 77, 80, 200, 998, 1500])
        end = self.random.choice(LINE_ENDS)
        lines, left = [], self.size()
        while left > 0:
            begin = self.random.randint(0, len(piece))
            length = self.random.randint(0, width)
            lines.append((piece * 2)[begin : begin + length])
            left -= length + len(end)
        return end.join(lines)

    def name(self, most: int) -> str:
        """Return a name or a subject."""
        alphabet = ALPHABETS[
            self.random.choice(["ascii", "accents", "cjk", "emoji"])
        ]
        name = self.some(alphabet, self.random.randint(1, most))
        return " ".join(name.split()) or "x"

    def address(self) -> str:
        """Return an address in 7-bit form, often with a name."""
        bare = f"{self.some('abc', self.random.randint(1, 30))}@a.example"
        if self.random.random() < 0.5:
            return bare
        return encode(f'"{self.name(60)}" <{bare}>')

    def people(self, most: int) -> list[str]:
        """Return at least one address."""
        return [self.address() for _ in range(1 + self.size(most + 1))]

    def file(self) -> dict[str, Any]:
        """Return an attachment."""
        file: dict[str, Any] = {
            "RawContent": self.random.choice([bytes, bytearray, memoryview])(
                bytes(self.size())
            ),
            "FileName": self.name(250) + ".pptx",
        }
        if self.random.random() < 0.8:
            kinds = ["image/png", "application/pdf", "text/plain"]
            file["ContentType"] = self.random.choice(kinds)
        if self.random.random() < 0.3:
            file["ContentDisposition"] = "INLINE"
            # Longer ones the standard library breaks by encoding them.
            file["ContentId"] = self.some("abc.", self.random.randint(1, 75))
        if self.random.random() < 0.2:
            file["ContentDescription"] = self.name(300)
        return file

    def params(self) -> dict[str, Any]:
        """Return the parameters of a message."""
        message: dict[str, Any] = {
            "Attachments": [self.file() for _ in range(self.size(22))],
            "Headers": [
                {
                    "Name": "X-"
                    + self.some("Abc", self.random.randint(1, 40)),
                    "Value": " ".join(
                        self.some(ALPHABETS["ascii"], 900).split()
                    )[: self.random.randint(1, 900)].strip(),
                }
                for _ in range(self.size(16))
            ],
        }
        params = {
            "FromEmailAddress": self.address(),
            "Destination": {
                "ToAddresses": self.people(20),
                "CcAddresses": self.people(5),
                "BccAddresses": self.people(5),
            },
        }
        if self.random.random() < 0.5:
            params["ReplyToAddresses"] = self.people(3)
        if self.random.random() < 0.1:
            return {**params, "Content": {"Template": message}}
        message["Subject"] = {"Data": self.name(self.random.choice([50, 998]))}
        names = self.random.choice([["Text"], ["Html"], ["Text", "Html"]])
        message["Body"] = {name: {"Data": self.text()} for name in names}
        return {**params, "Content": {"Simple": message}}


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.integers(0, 2**64), st.sampled_from([1, 100, 20_000]))
def test_like_the_standard_library(seed: int, most: int) -> None:
    """The size is never less than the true one, and at most 2 % more."""
    params = Maker(seed, most + 1).params()
    size, true = encoded_size(params), built(params)

    assert true <= size <= true + max(SLACK_BYTES, true * 0.02)


@settings(derandomize=True, max_examples=100, deadline=None)
@given(st.integers(0, 2**64), st.sampled_from([1, 100, 20_000]))
def test_what_surely_fits_fits(seed: int, most: int) -> None:
    """The quick look never lets through what the long one refuses."""
    params = Maker(seed, most + 1).params()

    assert not surely_fits(params, encoded_size(params) - 1)


def simple(**message: object) -> dict[str, Any]:
    """Return the parameters of a message that SES builds."""
    return {"Content": {"Simple": message}}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "a",
        "a\n",
        "a\r\n",
        "a\rb\n\nc",
        "a\n\r",
        "a" * 998,
        "a" * 999,
        "\n" + "a" * 999,
        "\u00fc",
        "\u00fc \n \n\t",
        "=" * 500 + "\u00fc",
        "a" * 74 + "\u00fc\n",
        "\u65e5" * 1000,
        "\x00\x85\u2028" * 50,
    ],
    ids=lambda text: ascii(text[:12]),
)
def test_texts(text: str) -> None:
    """Each text is counted as the shortest way of sending it."""
    params = {
        "FromEmailAddress": "a@b.example",
        "Destination": {"ToAddresses": ["a@b.example"]},
        **simple(Subject={"Data": "x"}, Body={"Text": {"Data": text}}),
    }

    assert 0 <= encoded_size(params) - built(params) <= SLACK_BYTES


@pytest.mark.parametrize("width", [74, 75, 76, 77, 78, 79, 150, 153, 226])
@pytest.mark.parametrize("end", ["a", " ", "\t", "=", "\u00fc"])
def test_soft_breaks(width: int, end: str) -> None:
    """Lines of quoted-printable near its limit are never taken too short."""
    text = "\n".join(["x" * width + end] * 20 + ["\u00fc"])
    true = len(text_part("plain", text).as_bytes())
    size = encoded_size(simple(Body={"Text": {"Data": text}}))
    without = encoded_size(simple(Body={"Text": {"Data": ""}}))
    empty = len(text_part("plain", "").as_bytes())

    assert true - empty <= size - without <= true - empty + 20 * 3


@pytest.mark.parametrize("size", [0, 1, 2, 3, 56, 57, 58, 10**6])
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_raw_and_files(size: int, kind: Callable[[bytes], object]) -> None:
    """Bytes of every kind count alike, and raw ones as they are."""
    data = kind(bytes(size))
    file = {"RawContent": data, "FileName": "a.bin"}
    whole = encoded_size(simple(Attachments=[file]))
    without = encoded_size(
        simple(Attachments=[{"RawContent": b"", "FileName": "a.bin"}])
    )
    lines = textwrap.wrap("x" * (-(-size // 3) * 4), 76)

    assert (size, sum(len(each) + 2 for each in lines)) == (
        encoded_size({"Content": {"Raw": {"Data": data}}}),
        whole - without,
    )


@pytest.mark.parametrize(
    "encoding, size",
    [
        ("BASE64", 4 * 11 + 2),
        ("SEVEN_BIT", 34),
        ("QUOTED_PRINTABLE", 36),
        ("NO_SUCH", 4 * 11 + 2),
    ],
)
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_other_encodings(
    encoding: str, size: int, kind: Callable[[bytes], object]
) -> None:
    """A file that is to go as text counts as text."""
    names = {
        "SEVEN_BIT": "7bit",
        "QUOTED_PRINTABLE": "quoted-printable",
    }
    sizes = []
    for data in (b"", b"=" + b"a" * 28 + b"\nb"):
        file = {"RawContent": kind(data), "FileName": "a.bin"}
        file["ContentTransferEncoding"] = encoding
        sizes.append(encoded_size(simple(Attachments=[file])))
    empty = 0 if encoding not in names else len("\r\n")

    assert size == sizes[1] - sizes[0] + empty


WRONG = [None, 0, 1.5, "x", b"x", [], {}, [1], {"a": 1}, object(), True]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: repr(wrong)[:9])
def test_wrong_types(wrong: object) -> None:
    """Nothing raises, as others say what is wrong with the types."""
    fields = """RawContent FileName ContentType ContentId
        ContentDescription ContentDisposition ContentTransferEncoding"""
    file = dict.fromkeys(fields.split(), wrong)
    message = {
        "Subject": wrong,
        "Body": {"Text": wrong, "Html": {"Data": wrong}},
        "Headers": [wrong, {"Name": wrong, "Value": wrong}],
        "Attachments": [wrong, file],
    }
    every: list[dict[str, object]] = [
        {"Content": wrong},
        {"Content": {"Raw": wrong}},
        {"Content": {"Raw": {"Data": wrong}}},
        {"Content": {"Simple": wrong}},
        {"Content": {"Template": wrong}},
        {"Content": {"Template": message}},
        {"Content": {"Simple": {**message, "Body": wrong}}},
        {"Content": {"Simple": {**message, "Attachments": wrong}}},
        {
            "Content": {"Simple": message},
            "FromEmailAddress": wrong,
            "Destination": wrong,
            "ReplyToAddresses": wrong,
        },
        {"Destination": {"ToAddresses": wrong}},
    ]

    assert all(
        encoded_size(params) >= 0 and surely_fits(params) for params in every
    )


@pytest.mark.race  # other threads' memory counts as well
def test_memory() -> None:
    """A large file is measured, not copied."""
    file = {"RawContent": bytes(20_000_000), "FileName": "a.bin"}
    params = simple(Attachments=[file])
    tracemalloc.start()
    size = encoded_size(params)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert (True, True) == (size > 27_000_000, peak < 100_000)


def test_lone_surrogates() -> None:
    """What cannot be encoded at all still has a size."""
    params = simple(
        Subject={"Data": "\ud800"},
        Body={"Text": {"Data": "\ud800"}},
        Attachments=[{"RawContent": b"", "FileName": "\ud800"}],
    )

    assert encoded_size(params) > 0
