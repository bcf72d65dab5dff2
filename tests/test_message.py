"""Messages: easy to build, hard to read by accident."""

from __future__ import annotations

import json
import operator
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from safeses import (
    Attachment,
    Email,
    InvalidMessageError,
    ListManagement,
    RawEmail,
    TemplateEmail,
)
from safeses._mail._parameters import parameters

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SECRET = "secret"
SENDER = "shop@a.example"


@pytest.mark.parametrize(
    "given, expected",
    [
        (None, ()),
        ("a@b.example", ("a@b.example",)),
        (["a@b.example", "c@d.example"], ("a@b.example", "c@d.example")),
        (("a@b.example",), ("a@b.example",)),
        ([], ()),
    ],
)
@pytest.mark.parametrize("field", ["to", "cc", "bcc", "reply_to"])
def test_addresses(field: str, given: Any, expected: object) -> None:
    """One string, several or none: the message holds a tuple."""
    message = Email(**{"from_email": SENDER, field: given})

    assert expected == getattr(message, field)


@pytest.mark.parametrize(
    "message",
    [
        Email(
            from_email=f"{SECRET}@a.example",
            to=f"{SECRET}@b.example",
            cc=f"{SECRET}@c.example",
            bcc=f"{SECRET}@d.example",
            reply_to=f"{SECRET}@e.example",
            subject=SECRET,
            text=SECRET,
            html=SECRET,
            attachments=[
                Attachment(
                    content=SECRET.encode(),
                    file_name=SECRET,
                    description=SECRET,
                )
            ],
            headers={"X-A": SECRET},
        ),
        RawEmail(message=SECRET.encode()),
        TemplateEmail(
            from_email=f"{SECRET}@a.example",
            name="welcome",
            subject=SECRET,
            text=SECRET,
            html=SECRET,
            data={SECRET: SECRET},
            headers={"X-A": SECRET},
        ),
        TemplateEmail(
            from_email=SENDER, name="welcome", data=f'{{"{SECRET}": 1}}'
        ),
        Attachment(
            content=SECRET.encode(), file_name=SECRET, description=SECRET
        ),
    ],
    ids=lambda message: type(message).__name__,
)
def test_repr_shows_nothing(message: object) -> None:
    """No repr and no str shows an address, a subject or a body."""
    assert SECRET not in f"{message!r} {message}"


def test_repr_says_how_much() -> None:
    """The repr says of what kind and how long the hidden is."""
    attachment = Attachment(content=b"1234", file_name="a.txt")

    assert (
        "Attachment(content=<bytes of 4>, file_name=<str of 5>,"
        " content_type=None, content_id=None, inline=None, description=None)"
    ) == repr(attachment)


@pytest.mark.parametrize(
    "kind", [Email, RawEmail, TemplateEmail, Attachment, ListManagement]
)
def test_keywords_only(kind: type[Any]) -> None:
    """Values are built by name."""
    with pytest.raises(TypeError):
        kind("x")

    assert {True} == {field.kw_only for field in attrs.fields(kind)}


def test_cannot_be_changed() -> None:
    """A message that was built stays as it is."""
    message = Email(from_email=SENDER, subject="a")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        message.subject = "b"  # type: ignore[misc]  # the test

    assert "a" == message.subject


@pytest.mark.parametrize(
    "name, content_type, expected",
    [
        ("a.pdf", None, "application/pdf"),
        ("a.PNG", None, "image/png"),
        ("a.csv", "text/plain", "text/plain"),
        ("a.unheard-of", None, "application/octet-stream"),
        ("a", None, "application/octet-stream"),
        ("a.csv.gz", None, "application/octet-stream"),
        ("a.tar.bz2", None, "application/octet-stream"),
    ],
)
def test_mime_type(name: str, content_type: str | None, expected: str) -> None:
    """A type is guessed from the name, but never that of packed content."""
    attachment = Attachment(
        content=b"", file_name=name, content_type=content_type
    )

    assert expected == attachment.mime_type


def test_attachment_from_path(tmp_path: Path) -> None:
    """A path is read at once; its name and all fields can be overridden."""
    path = tmp_path / "logo.png"
    path.write_bytes(b"\x89PNG")
    message = Email(from_email=SENDER, attachments=[path])
    other = Attachment.from_path(
        str(path), file_name="x.png", content_id="logo"
    )
    path.unlink()

    assert (
        (Attachment(content=b"\x89PNG", file_name="logo.png"),),
        Attachment(content=b"\x89PNG", file_name="x.png", content_id="logo"),
    ) == (message.attachments, other)


def test_email_becomes_simple() -> None:
    """Everything an Email holds stands in the parameters, in UTF-8."""
    message = Email(
        from_email="shop@a.example",
        to="b@c.example",
        cc=["d@e.example"],
        bcc="f@g.example",
        reply_to="help@a.example",
        subject="Grüße",
        text="t",
        html="<p>h</p>",
        tags={"campaign": "x"},
        headers={"X-A": "1"},
        configuration_set="set",
        tenant="tenant",
        endpoint_id="e.1",
        identity_arn="arn:aws:ses:x",
        list_management=ListManagement(contact_list="news", topic="t"),
        configuration_overrides={"Tracking": {}},
        attachments=[
            Attachment(content=b"\0", file_name="a.bin", description="zero"),
            Attachment(content=b"", file_name="l.png", content_id="logo"),
            Attachment(
                content=b"", file_name="m.png", content_id="m", inline=False
            ),
        ],
    )
    common = {"RawContent": b"", "ContentTransferEncoding": "BASE64"}

    assert {
        "FromEmailAddress": "shop@a.example",
        "FromEmailAddressIdentityArn": "arn:aws:ses:x",
        "Destination": {
            "ToAddresses": ["b@c.example"],
            "CcAddresses": ["d@e.example"],
            "BccAddresses": ["f@g.example"],
        },
        "ReplyToAddresses": ["help@a.example"],
        "EmailTags": [{"Name": "campaign", "Value": "x"}],
        "ConfigurationSetName": "set",
        "TenantName": "tenant",
        "EndpointId": "e.1",
        "ListManagementOptions": {
            "ContactListName": "news",
            "TopicName": "t",
        },
        "ConfigurationOverrides": {"Tracking": {}},
        "Content": {
            "Simple": {
                "Subject": {"Data": "Grüße", "Charset": "UTF-8"},
                "Body": {
                    "Text": {"Data": "t", "Charset": "UTF-8"},
                    "Html": {"Data": "<p>h</p>", "Charset": "UTF-8"},
                },
                "Headers": [{"Name": "X-A", "Value": "1"}],
                "Attachments": [
                    common
                    | {
                        "RawContent": b"\0",
                        "FileName": "a.bin",
                        "ContentType": "application/octet-stream",
                        "ContentDisposition": "ATTACHMENT",
                        "ContentDescription": "zero",
                    },
                    common
                    | {
                        "FileName": "l.png",
                        "ContentType": "image/png",
                        "ContentDisposition": "INLINE",
                        "ContentId": "logo",
                    },
                    common
                    | {
                        "FileName": "m.png",
                        "ContentType": "image/png",
                        "ContentDisposition": "ATTACHMENT",
                        "ContentId": "m",
                    },
                ],
            }
        },
    } == parameters(message)


@pytest.mark.parametrize(
    "fields, expected",
    [
        (
            {"name": "welcome", "data": {"name": "Zoë"}},
            {"TemplateName": "welcome", "TemplateData": '{"name": "Zoë"}'},
        ),
        (
            {"arn": "arn:aws:ses:t", "data": '{"a": 1}'},
            {"TemplateArn": "arn:aws:ses:t", "TemplateData": '{"a": 1}'},
        ),
        (
            {"subject": "s", "text": "t", "html": "h"},
            {
                "TemplateContent": {"Subject": "s", "Text": "t", "Html": "h"},
                "TemplateData": "{}",
            },
        ),
    ],
)
def test_template(fields: dict[str, Any], expected: object) -> None:
    """A name, an ARN or inline content; the data is JSON in any case."""
    params = parameters(
        TemplateEmail(from_email=SENDER, to="a@b.example", **fields)
    )

    assert {"Template": expected} == params["Content"]


@pytest.mark.parametrize(
    "message",
    [
        "To: a@b.example",
        TemplateEmail(from_email=SENDER, name="x", data={"f": object()}),
        RawEmail(message="To: a@b.example"),  # type: ignore[arg-type]  # the test
        RawEmail(message=None),  # type: ignore[arg-type]  # the test
    ],
    ids=["str", "no JSON", "raw str", "raw None"],
)
def test_wrong_type(message: Any) -> None:
    """What is no message is an InvalidMessageError, not a TypeError."""
    with pytest.raises(InvalidMessageError) as caught:
        parameters(message)

    assert ["type"] == [f.rule for f in caught.value.findings]


@pytest.mark.parametrize(
    "fields",
    [
        {"to": 5},
        {"to": ["a@b.example", 5]},
        {"bcc": b"a@b.example"},
        {"tags": ["order"]},
        {"tags": {"order": 77}},
        {"headers": 3},
        {"attachments": "a.pdf"},
        {"attachments": ["a.pdf"]},
        {"attachments": 5},
        {"list_management": "customers"},
    ],
    ids=str,
)
def test_no_value_of_a_wrong_type(fields: dict[str, Any]) -> None:
    """A message cannot even be made with a field of a wrong type."""
    with pytest.raises(InvalidMessageError) as caught:
        Email(**{"from_email": SENDER, **fields})

    assert ["type"] == [f.rule for f in caught.value.findings]


@pytest.mark.parametrize(
    "fields, expected",
    [
        ({"to": 5}, "to: a string, or a list of strings, seen int"),
        ({"bcc": b"a@b.example"}, "bcc: a string, or a list of strings, seen"),
        ({"cc": {"a@b.example": "Ann"}}, "cc: a string, or a list of strings"),
        ({"reply_to": ["a@b.example", 5]}, "reply_to[1]: a string, seen int"),
        ({"tags": ["order"]}, "tags: a mapping of strings, seen list"),
        (
            {"tags": {"a": "1", "order": 77}},
            "tags: strings as values, seen int for 'order'",
        ),
        (
            {"tags": {"x" * 99: None}},
            f"tags: strings as values, seen NoneType for '{'x' * 40}'",
        ),
        ({"headers": {7: "x"}}, "headers: strings as names, seen int"),
        (
            {"attachments": "a.pdf"},
            (
                "attachments: a pathlib.Path or an Attachment, seen str"
                " [type]; give a pathlib.Path or an Attachment"
            ),
        ),
        (
            {"attachments": [Attachment(content=b"", file_name="a"), "b.pdf"]},
            "attachments[1]: a pathlib.Path or an Attachment, seen str",
        ),
        ({"list_management": "news"}, "list_management: a ListManagement, "),
        ({"from_email": 5}, "from_email: an address, seen int"),
    ],
)
@pytest.mark.parametrize("kind", [Email, TemplateEmail])
def test_error_names_the_field(
    kind: Any, fields: dict[str, Any], expected: str
) -> None:
    """The error names the field and the first item that is wrong."""
    with pytest.raises(InvalidMessageError) as caught:
        kind(**{"from_email": SENDER, **fields})

    assert expected == str(caught.value)[: len(expected)]


@pytest.mark.parametrize("sender", [None, ""])
@pytest.mark.parametrize("kind", [Email, TemplateEmail])
def test_sender_is_needed(kind: Any, sender: str | None) -> None:
    """A setting that is empty is found where the message is made."""
    with pytest.raises(InvalidMessageError) as caught:
        kind(from_email=sender, to="a@b.example")

    assert [("sender.none", "from_email")] == [
        (f.rule, f.field) for f in caught.value.findings
    ]


def test_raw_message_may_name_its_sender() -> None:
    """A raw message needs no sender of its own."""
    assert None is RawEmail(message=b"").from_email


@pytest.mark.parametrize("field", ["tags", "headers"])
def test_mapping_is_copied(field: str) -> None:
    """What the caller does to a mapping later changes no message."""
    given = {"order": "77"}
    fields: dict[str, Any] = {"from_email": SENDER, field: given}
    message = Email(**fields)
    given["order"] = "78"
    kept = getattr(message, field)

    assert ({"order": "77"}, '{"order": "77"}', {"order": "77", "b": "1"}) == (
        kept,
        json.dumps(kept),
        kept | {"b": "1"},
    )


def test_template_data_is_copied() -> None:
    """A mapping that is filled anew for each mail is taken as it was."""
    given = {"name": "Ann"}
    message = TemplateEmail(from_email=SENDER, name="hi", data=given)
    given["name"] = "Bob"

    assert {"name": "Ann"} == message.data


@pytest.mark.parametrize(
    "change",
    [
        lambda tags: tags.update(a="2"),
        lambda tags: tags.setdefault("b", "2"),
        lambda tags: tags.pop("a"),
        lambda tags: tags.popitem(),
        lambda tags: tags.clear(),
        lambda tags: operator.setitem(tags, "a", "2"),
        lambda tags: operator.delitem(tags, "a"),
        lambda tags: tags.__ior__({"a": "2"}),
    ],
)
def test_mapping_cannot_be_changed(change: Callable[[Any], object]) -> None:
    """The tags of a message are as frozen as the message."""
    message = Email(from_email=SENDER, tags={"a": "1"})
    with pytest.raises(TypeError, match="cannot be changed"):
        change(message.tags)

    assert {"a": "1"} == message.tags


def test_hash() -> None:
    """Messages that are equal have one hash, as frozen values do."""
    one, two = (Email(from_email=SENDER, tags={"a": "1"}) for _ in range(2))

    assert 1 == len({one, two})


@pytest.mark.parametrize("field", ["tags", "headers", "attachments", "to"])
def test_none_is_empty(field: str) -> None:
    """None stands for nothing wherever several things may stand."""
    fields: dict[str, Any] = {"from_email": SENDER, field: None}
    message = Email(**fields)

    assert 0 == len(getattr(message, field))


def test_one_attachment_needs_no_list(tmp_path: Path) -> None:
    """One path, or one Attachment, is taken for a list of it."""
    path = tmp_path / "a.txt"
    path.write_bytes(b"x")
    one = Email(from_email=SENDER, attachments=path).attachments

    assert ((b"x", "a.txt"), one) == (
        (one[0].content, one[0].file_name),
        Email(from_email=SENDER, attachments=one[0]).attachments,
    )


@pytest.mark.parametrize("cte", ["8bit", None])
@pytest.mark.parametrize("kind", ["modern", "legacy"])
def test_email_message_is_7_bit(kind: str, cte: str | None) -> None:
    """A stdlib message with 8-bit text leaves as 7-bit, with CRLF."""
    if kind == "modern":
        made = EmailMessage()
        made["To"] = "ann@b.example"
        made["Subject"] = "Grüße"
        made.set_content("Größe\n" * 3, cte=cte)
        raw: Any = made
    else:
        from email.mime.text import MIMEText

        raw = MIMEText("Größe\n" * 3, "plain", "utf-8")
        raw["To"] = "ann@b.example"
    before = raw.as_string()
    data = parameters(RawEmail(message=raw))["Content"]["Raw"]["Data"]

    assert (True, data.count(b"\n"), before) == (
        data.isascii(),
        data.count(b"\r\n"),
        raw.as_string(),
    )


@pytest.mark.parametrize("data", [b"x", bytearray(b"x"), memoryview(b"x")])
def test_raw_bytes_are_taken_as_they_are(data: Any) -> None:
    """Bytes of any kind pass unchanged."""
    params = parameters(RawEmail(message=data))

    assert {"Raw": {"Data": b"x"}} == params["Content"]


def test_broken_email_message() -> None:
    """One that cannot be serialised is refused, its text kept out."""
    message = EmailMessage()
    message["To"] = "ann@b.example"
    message.set_payload(f"{SECRET} \ud83d")
    with pytest.raises(InvalidMessageError) as caught:
        parameters(RawEmail(message=message))

    assert (None, False) == (
        caught.value.__cause__,
        SECRET in str(caught.value),
    )


def test_deep_email_message() -> None:
    """Parts nested deeper than Python can go are refused, not a crash."""
    message = EmailMessage()
    message.set_content("x")
    for _ in range(2000):
        outer = EmailMessage()
        outer["Content-Type"] = "message/rfc822"
        outer.set_payload([message])
        message = outer
    with pytest.raises(InvalidMessageError) as caught:
        parameters(RawEmail(message=message))

    assert "RecursionError" == caught.value.findings[0].seen
