"""The fingerprint of a payload, and what it says of two that differ."""

from __future__ import annotations

import base64
import copy
import json
import os
import secrets
import subprocess
import sys
from datetime import datetime, timezone
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import MagicMock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.pace import within

from safeses import Attachment, Email, RawEmail, TemplateEmail
from safeses._mail._parameters import parameters
from safeses._payload import differs, job_id, payload_of

if TYPE_CHECKING:
    import random

SENDER, ANN, BOB = "Shop <shop@a.example>", "ann@b.example", "bob@b.example"
VECTORS = Path(__file__).parent / "vectors" / "payload.json"
PART = b"--b\nContent-Type: text/html\nContent-ID: <x>\n\ncid:x\n"
MIXED = b"Content-Type: multipart/mixed; boundary=b\n\n"
# Of plain passes over as many characters; measured: 2 to 25, and 0.1 for a
# large file. A quadratic pass would take thousands.
MOST_PASSES = 250


def full(**changed: Any) -> dict[str, Any]:
    """Return parameters with something in every part of simple content."""
    return {
        "FromEmailAddress": SENDER,
        "Destination": {
            "ToAddresses": [ANN, BOB],
            "CcAddresses": ["cc@b.example"],
            "BccAddresses": ["bcc@b.example"],
        },
        "ReplyToAddresses": ["reply@a.example"],
        "Content": {
            "Simple": {
                "Subject": {"Data": "Hello", "Charset": "UTF-8"},
                "Body": {
                    "Text": {"Data": "text"},
                    "Html": {"Data": '<img src="cid:logo">'},
                },
                "Headers": [{"Name": "X-A", "Value": "1"}],
                "Attachments": [
                    {
                        "RawContent": b"image",
                        "FileName": "a.png",
                        "ContentType": "image/png",
                        "ContentDisposition": "INLINE",
                        "ContentId": "logo",
                    }
                ],
            }
        },
        "EmailTags": [
            {"Name": "kind", "Value": "order"},
            {"Name": "shop", "Value": "1"},
        ],
        "ConfigurationSetName": "main",
        "TenantName": "tenant",
        **changed,
    }


def template(**changed: Any) -> dict[str, Any]:
    """Return parameters for a template."""
    content = {
        "TemplateName": "welcome",
        "TemplateData": '{"name": "Ann", "list": [1, 2]}',
        "Headers": [{"Name": "X-A", "Value": "1"}],
        **changed,
    }
    return full(Content={"Template": content})


def raw(data: Any) -> str:
    """Return the fingerprint of a raw message."""
    return payload_of({"Content": {"Raw": {"Data": data}}})


def at(params: dict[str, Any], *path: Any, value: Any) -> dict[str, Any]:
    """Return a copy with another value at a place."""
    changed = copy.deepcopy(params)
    inner: Any = changed
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return changed


def rendered(
    text: str = "Hello",
    html: str = '<p>Hi</p><img src="cid:{a}"> <img src="cid:{b}">',
    file: bytes = b"pdf",
    subject: str = "s",
    **options: Any,
) -> EmailMessage:
    """Return a mail with pictures and a file, as an application makes it."""
    a, b = make_msgid(domain="a.example"), make_msgid(domain="b.example")
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = SENDER, ANN, subject
    now = datetime.fromtimestamp(secrets.randbelow(10**9), timezone.utc)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = make_msgid(domain="a.example")
    token = secrets.randbelow(10**9)
    message["List-Unsubscribe"] = f"<https://a.example/{token}>"
    message.set_content(text)
    filled = html.format(a=a[1:-1], b=b[1:-1])
    message.add_alternative(filled, subtype="html", **options)
    page: Any = message.get_payload(1)
    page.add_related(b"logo", "image", "png", cid=a)
    page.add_related(b"photo", "image", "png", cid=b)
    message.add_attachment(
        file, maintype="application", subtype="pdf", filename="a.pdf"
    )
    return message


CHANGES: list[tuple[str, tuple[Any, ...], Any]] = [
    ("from", ("FromEmailAddress",), "other@a.example"),
    ("from", ("FromEmailAddress",), SENDER.upper()),
    ("to", ("Destination", "ToAddresses"), [ANN]),
    ("to", ("Destination", "ToAddresses"), [ANN, f"Bob <{BOB}>"]),
    ("to", ("Destination", "ToAddresses"), [ANN + BOB]),
    ("cc", ("Destination", "CcAddresses"), None),
    ("bcc", ("Destination", "BccAddresses"), [ANN]),
    ("reply_to", ("ReplyToAddresses",), [ANN]),
    ("tags", ("EmailTags", 0, "Value"), "offer"),
    ("tags", ("EmailTags",), []),
    ("configuration_set", ("ConfigurationSetName",), "second"),
    ("other", ("TenantName",), "second"),
    ("other", ("Destination", "Foo"), [ANN]),
    ("other", ("FeedbackForwardingEmailAddress",), ANN),
    ("other", ("ListManagementOptions",), {"ContactListName": "x"}),
    *(
        (name, ("Content", "Simple", *path), value)
        for name, path, value in [
            ("subject", ("Subject", "Data"), "Hallo"),
            ("subject", ("Subject", "Charset"), "ISO-8859-1"),
            ("text", ("Body", "Text", "Data"), "text "),
            ("text", ("Body", "Text", "Data"), ""),
            ("html", ("Body", "Html", "Data"), '<img src="cid:photo">'),
            ("html", ("Body", "Html"), None),
            ("headers", ("Headers", 0, "Value"), "2"),
            ("headers", ("Headers", 0, "Name"), "X-B"),
            ("headers", ("Headers", 0, "Name"), 5),
            ("attachments", ("Attachments", 0, "RawContent"), b"imagE"),
            ("attachments", ("Attachments", 0, "FileName"), "b.png"),
            ("attachments", ("Attachments", 0, "ContentType"), "image/gif"),
            ("attachments", ("Attachments", 0, "ContentDescription"), "x"),
            (
                "attachments",
                ("Attachments", 0, "ContentDisposition"),
                "ATTACHMENT",
            ),
            ("other", ("Body", "Amp"), {"Data": "x"}),
            ("other", ("Foo",), 1),
        ]
    ),
]


@pytest.mark.parametrize("name, path, value", CHANGES)
def test_one_change_is_named(
    name: str, path: tuple[Any, ...], value: Any
) -> None:
    """Whoever changes one field is told which, from both sides."""
    one, other = payload_of(full()), payload_of(at(full(), *path, value=value))

    assert ((name,), (name,), True) == (
        differs(one, other),
        differs(other, one),
        one[:66] != other[:66],
    )


@pytest.mark.parametrize(
    "name, changed",
    [
        ("template", {"TemplateName": "bye"}),
        ("template", {"TemplateArn": "arn"}),
        ("template", {"TemplateContent": {"Subject": "s"}}),
        ("template_data", {"TemplateData": '{"name": "Bob"}'}),
        ("template_data", {"TemplateData": "{"}),
        ("headers", {"Headers": None}),
        ("attachments", {"Attachments": [{"RawContent": b"x"}]}),
    ],
)
def test_change_of_a_template(name: str, changed: dict[str, Any]) -> None:
    """The fields of a template have names, too."""
    one, other = payload_of(template()), payload_of(template(**changed))

    assert (name,) == differs(one, other)


@pytest.mark.parametrize(
    "one, other",
    [
        ('{"a": 1, "b": [1, 2]}', '{ "b":[1,2],\n"a":1}'),
        ('{"a": "\\u00fc"}', '{"a": "ü"}'),
        ('{"a": NaN}', '{"a":NaN}'),
        (
            f'{{"b": "]", "a": [{"[], " * 50}1]}}',
            f'{{"a":[{"[]," * 50}1],"b":"]"}}',
        ),
        (f'{{"a": 1{"0" * 9999}}}', f'{{"a":1{"0" * 9999}}}'),
    ],
)
def test_same_template_data(one: str, other: str) -> None:
    """How JSON is written does not matter."""
    assert payload_of(template(TemplateData=one)) == payload_of(
        template(TemplateData=other)
    )


@pytest.mark.parametrize(
    "one, other",
    [
        ('{"a": 1}', '{"a": "1"}'),
        ('{"a": 1}', '{"a": true}'),
        ('{"a": 1}', '{"a": 1.0}'),
        ('{"a": null}', "{}"),
        ('{"a": []}', '{"a": {}}'),
        ('{"a": [1, 2]}', '{"a": [2, 1]}'),
        ('{"a": "b"}', '{"a": "b "}'),
        ("[" * 99 + "]" * 99, "[" * 98 + "]" * 98),
        ("[" * 10**5, "[" * (10**5 - 1)),
    ],
)
def test_other_template_data(one: str, other: str) -> None:
    """Data that would be rendered differently are different."""
    first = payload_of(template(TemplateData=one))
    second = payload_of(template(TemplateData=other))

    assert ("template_data",) == differs(first, second)


@pytest.mark.parametrize(
    "path, value",
    [
        (("Destination", "ToAddresses"), (BOB, ANN)),
        (("Destination", "ToAddresses"), [f" {ANN}\t", BOB, ANN]),
        (("Destination", "FooAddresses"), []),
        (("FromEmailAddress",), f" {SENDER}\n"),
        (("ReplyToAddresses",), ("reply@a.example",)),
        (("EndpointId",), None),
        (("ConfigurationOverrides",), {}),
        (("Content", "Raw"), None),
        (
            ("EmailTags",),
            [
                {"Value": "1", "Name": "shop"},
                {"Name": "safeses-id", "Value": "0123"},
                {"Name": "safeses-stream", "Value": "news"},
                {"Name": "kind", "Value": "order"},
            ],
        ),
        (
            ("Content", "Simple", "Headers"),
            [
                {"Name": "Date", "Value": "now"},
                {"Name": "MESSAGE-ID", "Value": "<1@a.example>"},
                {"Value": "1", "Name": "x-a"},
                {"Name": "List-Unsubscribe", "Value": "<https://a.example>"},
                {"Name": "List-Unsubscribe-Post", "Value": "x"},
                {"Name": "X-Safeses-Id", "Value": "0123"},
                {
                    "Name": "X-SES-MESSAGE-TAGS",
                    "Value": "safeses-id=0123, safeses-stream=news",
                },
            ],
        ),
        (("Content", "Simple", "Attachments", 0, "RawContent"), "image"),
        (
            ("Content", "Simple", "Attachments", 0, "RawContent"),
            bytearray(b"image"),
        ),
    ],
)
def test_what_does_not_matter(path: tuple[Any, ...], value: Any) -> None:
    """The same mail, written otherwise, is the same."""
    assert payload_of(full()) == payload_of(at(full(), *path, value=value))


def test_content_ids_count_by_their_number() -> None:
    """Fresh ids are the same mail; exchanged pictures are not."""

    def page(*ids: str, html: str = '<img src="cid:{}"> CID:{} cid:x') -> str:
        return payload_of(
            parameters(
                Email(
                    from_email=SENDER,
                    html=html.format(*ids),
                    attachments=[
                        Attachment(
                            content=name.encode(),
                            file_name=f"{number}.png",
                            content_id=name if number > 2 else ids[number],
                        )
                        for number, name in enumerate("ab")
                    ],
                )
            )
        )

    one = page("one", "two@a.example")
    exchanged = page("3", "4", html='<img src="cid:{1}"> CID:{0} cid:x')
    word = page("5", "6", html='<img src="cid:{0}"> CID:{1} cid:y')

    assert (True, ("html",), ("html",)) == (
        one == page("another", "second%40b.example"),
        differs(one, exchanged),
        differs(one, word),
    )


def test_order_of_attachments_matters() -> None:
    """They are shown in their order."""
    files = [
        Attachment(content=name.encode(), file_name=name) for name in "ab"
    ]
    one, other = (
        payload_of(
            parameters(Email(from_email=SENDER, text="", attachments=several))
        )
        for several in (files, files[::-1])
    )

    assert ("attachments",) == differs(one, other)


@pytest.mark.parametrize(
    "message",
    [
        Email(
            from_email=SENDER,
            to=[ANN, BOB],
            subject="s",
            html="<p>",
            headers={"X-A": "1", "X-B": "2", "Date": "now"},
            attachments=[Attachment(content=b"x", file_name="a.pdf")],
        ),
        TemplateEmail(from_email=SENDER, to=ANN, name="x", data={"a": [1]}),
        RawEmail(message=rendered()),
        RawEmail(from_email=SENDER, to=[ANN], message=rendered().as_bytes()),
    ],
)
def test_typed_messages(message: Any) -> None:
    """A typed message sent again is the same, boundaries and all."""
    first = payload_of(parameters(message))

    assert first == payload_of(parameters(message))


def test_order_of_headers() -> None:
    """Only headers of one name have an order."""

    def told(*pairs: tuple[str, str]) -> str:
        headers = [{"Name": n, "Value": v} for n, v in pairs]
        return payload_of(template(Headers=headers))

    one = told(("X-A", "1"), ("X-B", "2"), ("X-A", "3"))

    assert (True, ("headers",)) == (
        one == told(("x-b", "2"), ("X-A", "1"), ("X-A", "3")),
        differs(one, told(("X-A", "3"), ("X-B", "2"), ("X-A", "1"))),
    )


@given(st.permutations(list(full().items())), st.randoms())
def test_order_of_parameters(
    items: list[tuple[str, Any]], chance: random.Random
) -> None:
    """No order of a mapping, nor of recipients and tags, matters."""

    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            pairs = [(k, shuffled(v)) for k, v in value.items()]
            chance.shuffle(pairs)
            return dict(pairs)
        return (
            [shuffled(item) for item in value][::-1]
            if isinstance(value, list)
            else value
        )

    assert payload_of(full()) == payload_of(shuffled(dict(items)))


TEXTS = st.text(max_size=5)
PAIRS = st.tuples(TEXTS, TEXTS)


@given(PAIRS, PAIRS)
def test_no_two_texts_run_together(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    """What ends one field never begins the next."""

    def told(subject: str, text: str) -> str:
        body = {"Text": {"Data": text}}
        content = {"Subject": {"Data": subject}, "Body": body}
        return payload_of({"Content": {"Simple": content}})

    found = differs(told(*one), told(*other))
    expected = [
        name
        for name, a, b in zip(("subject", "text"), one, other, strict=True)
        if a != b
    ]

    assert expected == list(found)


class Odd:
    """An object that raises whatever is done with it."""

    def __getattribute__(self, name: str) -> Any:
        raise OSError(ANN)

    def __hash__(self) -> int:
        raise OSError(ANN)

    def __eq__(self, other: object) -> bool:
        raise OSError(ANN)


class OddDict(dict[str, Any]):
    """A dict that cannot be read."""

    def items(self) -> Any:
        """Fail."""
        raise OSError(ANN)

    def __iter__(self) -> Any:
        raise OSError(ANN)

    def keys(self) -> Any:
        """Fail."""
        raise OSError(ANN)


class OddText(str):
    """A text that cannot be read."""

    __slots__ = ()

    def encode(self, *_: Any) -> Any:
        """Fail."""
        raise OSError(ANN)

    strip = lower = encode


def endless() -> Any:
    """Return a list that is in itself."""
    value: list[Any] = []
    value.append(value)
    return value


def deep() -> Any:
    """Return a dict in a dict in a dict."""
    value: Any = {}
    for _ in range(100_000):
        value = {"a": value}
    return value


ODD = [
    None,
    True,
    5,
    10**9999,
    float("nan"),
    "\ud800\udc80",
    b"\xff",
    memoryview(b"x"),
    {1, 2},
    [None, [], {}],
    {None: 1, (1, 2): 2},
    Odd(),
    OddDict(a=1),
    OddText("x"),
    MagicMock(),
    endless(),
    deep(),
    object,
]
PATHS = [
    ("FromEmailAddress",),
    ("Destination",),
    ("Destination", "ToAddresses"),
    ("Destination", "ToAddresses", 0),
    ("ReplyToAddresses",),
    ("EmailTags",),
    ("EmailTags", 0),
    ("EmailTags", 0, "Name"),
    ("ConfigurationSetName",),
    ("Content",),
    ("Content", "Raw"),
    ("Content", "Simple"),
    ("Content", "Simple", "Subject"),
    ("Content", "Simple", "Body"),
    ("Content", "Simple", "Body", "Html"),
    ("Content", "Simple", "Headers"),
    ("Content", "Simple", "Headers", 0),
    ("Content", "Simple", "Headers", 0, "Name"),
    ("Content", "Simple", "Headers", 0, "Value"),
    ("Content", "Simple", "Attachments"),
    ("Content", "Simple", "Attachments", 0),
    ("Content", "Simple", "Attachments", 0, "RawContent"),
    ("Content", "Simple", "Attachments", 0, "ContentId"),
    ("Foo",),
]


def shape(text: str) -> bool:
    """Tell whether a text is a fingerprint."""
    version, digest, *parts = text.split(" ")
    pairs = [part.partition("=") for part in parts]
    return (version, len(digest), bytes.fromhex(digest)[:0]) == (
        "1",
        64,
        b"",
    ) and all(len(bytes.fromhex(value)) == 4 for _, _, value in pairs)


@pytest.mark.parametrize("number", range(len(ODD)))
def test_never_raises(number: int) -> None:
    """Anything at all has a fingerprint, and the same one again."""
    odd = ODD[number]
    given_params = [
        odd,
        {"Content": {"Raw": odd}},
        {"Content": {"Raw": {"Data": odd}}},
        {"Content": {"Template": odd}},
        *({"Content": {"Template": {k: odd}}} for k in ("TemplateData", "X")),
        *(at_shallow(full(), path, odd) for path in PATHS),
    ]
    texts = [payload_of(params) for params in given_params]
    again = [payload_of(params) for params in given_params]

    assert (True, True) == (all(map(shape, texts)), texts == again)


def at_shallow(params: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return the parameters with any object at a place, not copied."""
    inner = params
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return params


@pytest.mark.parametrize("path", PATHS[1:])
def test_the_rest_of_an_odd_message(path: tuple[Any, ...]) -> None:
    """One thing that cannot be read does not hide that others differ."""
    one = payload_of(at_shallow(full(), path, Odd()))
    changed = full(FromEmailAddress="other@a.example")
    other = payload_of(at_shallow(changed, path, Odd()))

    assert ("from",) == differs(one, other)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.sampled_from(PATHS), JSON)
def test_any_value(path: tuple[Any, ...], value: Any) -> None:
    """Any value anywhere has a fingerprint that can be compared."""
    other = payload_of(at_shallow(full(), path, value))
    found = differs(payload_of(full()), other)

    assert (True, bool(found)) == (shape(other), payload_of(full()) != other)


PIECES = [
    MIXED,
    PART,
    b"--b--\n",
    b"--b\n",
    b"--c\n",
    b"--",
    b"\n",
    b"\r\n",
    b"\r",
    b"x\n",
    b" y\n",
    b"Subject: x\n",
    b"Content-Type: message/rfc822\n\n",
    b"Content-Transfer-Encoding: base64\n",
    b'Content-Type: multipart/x; boundary="b\\c" ; a=b\n',
]


@given(
    st.binary(max_size=200)
    | st.lists(
        st.sampled_from(PIECES),
        max_size=20,
    ).map(b"".join)
)
def test_any_bytes(data: bytes) -> None:
    """Any bytes are read; what ends their lines does not matter."""
    lines = data.replace(b"\r\n", b"\n")
    one = raw(lines)

    assert (True, one, one) == (
        shape(one),
        raw(bytearray(lines)),
        one if b"\r" in lines else raw(lines.replace(b"\n", b"\r\n")),
    )


@given(st.integers(0, 400), st.sampled_from([b"x", b"-", b"\n", b"="]))
def test_any_change_of_a_raw_message(place: int, new: bytes) -> None:
    """Whatever byte of a finished message changes is noticed and named."""
    data = (
        b"Subject: s\nContent-Type: multipart/mixed; boundary=b\n\npre\n--b\n"
        b"Content-Type: text/plain\n\nHello\n--b\nContent-Type: text/html\n\n"
        b"<p>\n--b\nContent-Type: multipart/x; boundary=c\n\n--c\n\ninner\n"
        b"--c--\nepilogue\n--b\nContent-Type: message/rfc822\n\nSubject: i\n"
        b"Content-Type: multipart/mixed; boundary=d\n\n--d\n\nx\n--d--\n--b--"
        b"\nend\n"
    )
    place %= len(data)
    changed = data[:place] + new + data[place + 1 :]
    found = differs(raw(data), raw(changed))

    assert (changed != data) == bool(found)


@pytest.mark.parametrize("times", range(20))
def test_raw_made_anew(times: int) -> None:
    """A new date, boundary, token or content id is the same mail."""
    options: Any = [{}, {"cte": "base64"}, {"cte": "quoted-printable"}]
    chosen = options[times % 3]
    html = "<p>Grüße</p>" * times + '<img src="cid:{a}"><img src="cid:{b}">'
    one, other = (rendered(html=html, **chosen) for _ in range(2))
    data = other.as_bytes().replace(b"\n", b"\r\n")

    assert (raw(one.as_bytes()), True) == (
        raw(data),
        one.as_bytes() != other.as_bytes(),
    )


@pytest.mark.parametrize(
    "name, changed",
    [
        ("text", {"text": "Hallo"}),
        ("html", {"html": "<p>Ho</p>"}),
        ("html", {"html": '<p>Hi</p><img src="cid:{b}"> <img src="cid:{a}">'}),
        ("attachments", {"file": b"PDF"}),
        ("headers", {"subject": "S"}),
    ],
)
def test_raw_that_differs(name: str, changed: Any) -> None:
    """What differs in a finished message has a name, too."""
    one = raw(rendered().as_bytes())

    assert (name,) == differs(one, raw(rendered(**changed).as_bytes()))


def test_raw_in_any_type() -> None:
    """A text and all kinds of bytes are one message."""
    text = "Subject: s\n\nGrüße\n"
    data = text.encode()

    assert {raw(data)} == {
        raw(text),
        raw(bytearray(data)),
        raw(memoryview(data)),
        raw(data.decode("ascii", "surrogateescape")),
    }


# What stands in quotes is no boundary.
QUOTED = (
    b'Content-Type: multipart/mixed; a="; boundary=c"; boundary=b\n'
    b"\n--b\n\n--%b\n"
)
FORWARDED = (
    b"Content-Type: multipart/mixed; boundary=%b\n\n--%b\n"
    b"Content-Type: message/rfc822\n\nSubject: s\n"
    b"Content-Type: multipart/mixed; boundary=%b\n\n--%b\n\nx"
)
ENCODED = (
    b"Content-Type: text/html\nContent-ID: x\n"
    b"Content-Transfer-Encoding: %b\n\n%b"
)


@pytest.mark.parametrize(
    "one, other, expected",
    [
        (b"Subject: a\n b\n\nx", b"subject:a b \n\nx", ()),
        (b"A: 1\nB: 2\n\nx", b"B: 2\nA: 1\n\nx", ()),
        (b"A: 1\n\nx", b"A: 1\nDate: 2\nX-Safeses-Id: 3\n\nx", ()),
        (
            b"X-SES-MESSAGE-TAGS: a=1, b=2\n\nx",
            b"X-SES-MESSAGE-TAGS: b=2,safeses-id=3,a=1, safeses-stream=s\n\nx",
            (),
        ),
        (b"A: 1\n\nx", b"A: 1\n\nx\n", ("text",)),
        (b"A: 1\n\nx", b"A: 1\nB: 2\n\nx", ("headers",)),
        (b"A: 1\n\nx", b"A: 1\nx", ("headers",)),
        (MIXED + b"--b\n\nx", MIXED + b"--b\nx", ("text",)),
        (b"A: 1\n\nx\n\ny", b"A: 1\n\nx\n \ny", ("text",)),
        (MIXED + b"a\n--b\n\nx", MIXED + b"b\n--b\n\nx", ("content",)),
        (MIXED + b"--b\n\nx", MIXED + b"--b\n\nx\n--b--\n", ("content",)),
        (MIXED + b"--b\n\nx\n--c\n", MIXED + b"--b\n\nx\n--d\n", ("text",)),
        (MIXED + b"--b\n\nx", MIXED + b"--b\n\nx\n--b\n\ny", ("text",)),
        (
            b"Content-Type: text/plain; charset=a\n\nx",
            b"Content-Type: text/plain; charset=b\n\nx",
            ("text",),
        ),
        (
            b'Content-Type: multipart/mixed; a=1; boundary="x y"\n\n--x y\n',
            b"Content-type: multipart/mixed; a=1; BOUNDARY=z\r\n\r\n--z\r\n",
            (),
        ),
        (
            MIXED.replace(b"=b", b"=" + b"b" * 901),
            MIXED.replace(b"=b", b"=" + b"c" * 901),
            ("content",),
        ),
        (
            b"Content-Type: multipart/mixed; boundary=x\n" + MIXED,
            b"Content-Type: multipart/mixed; boundary=y\n" + MIXED,
            ("content",),
        ),
        (
            MIXED + b"--b\n" + MIXED + b"--b\n\nx",
            MIXED + b"--b\n" + MIXED.replace(b"=b", b"=c") + b"--b\n\nx",
            ("content",),
        ),
        (
            b"Content-Type: multipart/mixed\n\n--b\n",
            b"Content-Type: multipart/mixed\n\n--c\n",
            ("content",),
        ),
        (
            ENCODED % (b"base64", b"PHA+"),
            ENCODED % (b"Quoted-Printable", b"<p=3E"),
            (),
        ),
        (ENCODED % (b"8bit", b"<p>"), ENCODED % (b"binary", b"<p>"), ()),
        (ENCODED % (b"base64", b"PHA+"), ENCODED % (b"", b"PHA+"), ("html",)),
        (
            ENCODED % (b"base64", b"PHA"),
            ENCODED % (b"base64", b"PHA+-"),
            ("html",),
        ),
        (ENCODED % (b"x", b"<p>"), ENCODED % (b"y", b"<p>"), ("html",)),
        (QUOTED % b"c", QUOTED % b"d", ("text",)),
        (
            MIXED + b"--b\nContent-Type: message/rfc822\n\nDate: 1\n\nx",
            MIXED + b"--b\nContent-Type: message/rfc822\n\nDate: 1\n\ny",
            ("attachments",),
        ),
        (
            FORWARDED % (b"b", b"b", b"c", b"c"),
            FORWARDED % (b"d", b"d", b"e", b"e"),
            (),
        ),
    ],
)
def test_two_raw_messages(
    one: bytes, other: bytes, expected: tuple[str, ...]
) -> None:
    """Readings at the edges of MIME."""
    assert expected == differs(raw(one), raw(other))


def test_line_ends_across_chunks() -> None:
    """A large text in LF or CRLF is the same, wherever it is cut."""
    found = {
        raw(b"A: 1\n\n" + b"x" * pad + b"\n" * 300_000)
        == raw(b"A: 1\r\n\r\n" + b"x" * pad + b"\r\n" * 300_000)
        for pad in range(4)
    }

    assert {True} == found


def test_html_that_is_large() -> None:
    """Of a very large page the ids stay as they are."""

    def told(name: bytes, size: int) -> str:
        part = PART.replace(b"x\n", name + b"\n").replace(b"<x>", name)
        return raw(MIXED + part + b"x" * size)

    assert ((), ("html",)) == (
        differs(told(b"a", 10), told(b"b", 10)),
        differs(told(b"a", 3 * 2**20), told(b"b", 3 * 2**20)),
    )


def test_versions_cannot_be_compared() -> None:
    """A text of another version, or none, differs in nothing known."""
    one = payload_of(full())
    others = ["2" + one[1:], "", "x", "1", "1 ", "1 12 to=5", "  "]

    assert ([()] * 7, [()] * 7, ()) == (
        [differs(one, other) for other in others],
        [differs(other, one) for other in others],
        differs(one, one),
    )


def test_something_always_differs() -> None:
    """Should the short digests be the same by chance, it is said so."""
    one = payload_of(full())
    other = f"1 {'0' * 64}{one[66:]}"

    assert ("other",) == differs(one, other)


def test_no_content_in_it() -> None:
    """A fingerprint is digests only."""
    digits = set("0123456789abcdef")
    text = payload_of(full())

    assert (True, False) == (
        all(set(p.partition("=")[2]) <= digits for p in text.split()[2:]),
        any(word in text for word in ("ann", "shop", "Hello", "order")),
    )


def test_job_id() -> None:
    """No two pairs of namespace and key have one name, nor show the key."""
    pairs = [("a", "bc"), ("ab", "c"), ("", "abc"), ("abc", ""), ("a:2", "b")]
    names = {job_id(*pair) for pair in [*pairs, ("a", "2:b"), ("", "\ud800")]}

    assert (7, {64}) == (len(names), {len(name) for name in names})


def unpacked(value: Any) -> Any:
    """Return what a vector stands for; bytes are written in base64."""
    if isinstance(value, dict):
        if value.keys() == {"$bytes"}:
            return base64.b64decode(value["$bytes"])
        return {k: unpacked(v) for k, v in value.items()}
    return list(map(unpacked, value)) if isinstance(value, list) else value


def vectors() -> dict[str, Any]:
    """Return the test vectors."""
    found: dict[str, Any] = json.loads(VECTORS.read_text("utf-8"))
    return found


@pytest.mark.parametrize("number", range(len(vectors()["payloads"])))
def test_vectors(number: int) -> None:
    """A fingerprint is for ever: stores hold those of older releases."""
    vector = vectors()["payloads"][number]

    assert vector["payload"] == payload_of(unpacked(vector["params"]))


def test_vectors_of_jobs() -> None:
    """So is the name of a job."""
    jobs = vectors()["jobs"]

    assert [job["id"] for job in jobs] == [
        job_id(job["namespace"], job["key"]) for job in jobs
    ]


@pytest.mark.parametrize("seed", ["0", "1", "2"])
def test_other_processes(seed: str) -> None:
    """Another process, with other hashes, finds the same."""
    code = (
        "import sys; from safeses._payload import payload_of;"
        "p = {'Destination': {'ToAddresses': {'a', 'b', 'c', 'd'}},"
        "'Tags': {'x', 'y', 'z'}, 'Other': {1: 2, 'b': (None,)}};"
        "sys.stdout.write(payload_of(p))"
    )
    out = subprocess.run(  # noqa: S603  # our own interpreter
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": seed},
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    ).stdout
    expected = payload_of(
        {
            "Destination": {"ToAddresses": ["d", "c", "b", "a"]},
            "Tags": {"z", "y", "x"},
            "Other": {"b": [None], 1: 2},
        }
    )

    assert expected == out


@pytest.mark.parametrize(
    "data",
    [
        MIXED + PART * 20_000,
        MIXED + b"--b\na:b\n" * 50_000,
        MIXED + b"--b\n" + MIXED.replace(b"=b", b"=c") + b"--\n" * 100_000,
        b"Content-Type: message/rfc822\n\n" * 20_000,
        b"Content-Type: multipart/x" + b'; a="\\"\\' * 50_000 + b"\n\nx",
        b"Content-Type: multipart/x" + b"; \t" * 100_000 + b"\n\nx",
        b"a: b\n" * 100_000,
        b"Content-Type: x/y\n" * 50_000,
        b"".join(
            b"Content-Type: multipart/x; boundary=%d\n\n--%d\n" % (i, i)
            for i in range(20_000)
        ),
        MIXED + (b"--b\n" + MIXED.replace(b"=b", b"=c") + b"--c--\n") * 9999,
        b"x" * 10**6,
        b"\n" * 10**6,
        b"\r" * 10**6,
        b"Content-Type: text/html\nContent-ID: x\n\n" + b"cid:" * 200_000,
        b"X-SES-MESSAGE-TAGS: " + b"a=b," * 100_000 + b"\n\nx",
    ],
    ids=range(15),
)
def test_hostile_messages(data: bytes) -> None:
    """Every byte costs the same, whatever the message says."""
    assert within(MOST_PASSES, len(data), lambda: raw(data))


@pytest.mark.parametrize("line", [b"x" * 76 + b"\n", b"x" * 76 + b"\r\n"])
def test_speed_of_a_large_file(line: bytes) -> None:
    """A large file costs about what its digest does."""
    data = MIXED + b"--b\nContent-Type: a/b\n\n" + line * 100_000

    assert within(1.5, len(data), lambda: raw(data))


@pytest.mark.parametrize(
    "data",
    [
        '{"a":' * 50_000,
        "[" * 200_000,
        '"\\"' * 100_000,
        '{"a": "' + '\\"' * 100_000,
        "[" * 33 + '\\"' * 100_000,
        "[" * 33 + '"\\"' * 70_000,
        "[" + "1," * 100_000 + "1]",
    ],
    ids=range(7),
)
def test_hostile_data(data: str) -> None:
    """The same holds for the data of a template."""
    params = template(TemplateData=data)

    assert within(MOST_PASSES, len(data), lambda: payload_of(params))


def test_speed_of_a_small_mail() -> None:
    """A small mail costs next to nothing."""
    params = full()
    several = 1000

    def work() -> None:
        for _ in range(several):
            payload_of(params)

    # A plain pass is about 20 ns for each character.
    assert within(1, 6000 * several, work)
