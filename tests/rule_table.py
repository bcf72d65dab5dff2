"""
The table of rules: for each a message that breaks it, and one just inside.

Both are parameters of ``send_email``, so that anybody who claims to know
what SES takes can be asked: our lint, botocore's model, a simulated SES.
"""

from __future__ import annotations

import json
from typing import Any

import attrs

from safeses import _ses

SENDER = "shop@a.example"
ANN = "ann@b.example"
MIB = 1024 * 1024


@attrs.frozen
class Case:
    """
    One rule at its edge.

    Attributes:
        breaks: Parameters that break it.
        inside: Parameters that just keep it.
        options: How they are sent.
    """

    breaks: dict[str, Any]
    inside: dict[str, Any]
    options: dict[str, Any] = attrs.field(factory=dict)


def params(content: Any = None, **changed: Any) -> dict[str, Any]:
    """Return the parameters of a small mail, changed; ``...`` leaves out."""
    given: dict[str, Any] = {
        "FromEmailAddress": SENDER,
        "Destination": {"ToAddresses": [ANN]},
        "Content": content or simple(),
        **changed,
    }
    return {k: v for k, v in given.items() if v is not ...}


def simple(
    subject: Any = "Hello", body: Any = None, **changed: Any
) -> dict[str, Any]:
    """Return simple content."""
    return {
        "Simple": {
            "Subject": {"Data": subject},
            "Body": body or {"Text": {"Data": "Hello!"}},
            **changed,
        }
    }


def template(**changed: Any) -> dict[str, Any]:
    """Return a template by name, or as given."""
    return {"Template": changed or {"TemplateName": "welcome"}}


def raw(*lines: str, body: bytes = b"Hello!\r\n") -> dict[str, Any]:
    """Return a raw message with these header lines."""
    given = lines or (f"From: {SENDER}", f"To: {ANN}", "Subject: Hello")
    head = "".join(f"{line}\r\n" for line in given)
    return {"Raw": {"Data": head.encode() + b"\r\n" + body}}


def raw_params(*lines: str, body: bytes = b"Hello!\r\n") -> dict[str, Any]:
    """Return parameters whose raw message says who sends it to whom."""
    return {"Content": raw(*lines, body=body)}


def to(*addresses: str) -> dict[str, Any]:
    """Return parameters for these recipients."""
    return params(Destination={"ToAddresses": list(addresses)})


def header(name: str, value: str = "1", *others: str) -> dict[str, Any]:
    """Return parameters with a custom header, and others by name."""
    headers = [{"Name": name, "Value": value}]
    headers += [{"Name": other, "Value": "1"} for other in others]
    return params(simple(Headers=headers))


def file(content: bytes = b"x", **changed: Any) -> dict[str, Any]:
    """Return parameters with one attachment."""
    return params(simple(Attachments=[attachment(content, **changed)]))


def attachment(content: bytes = b"x", **changed: Any) -> dict[str, Any]:
    """Return one attachment."""
    return {"RawContent": content, "FileName": "a.txt", **changed}


def tags(*pairs: tuple[str, str]) -> dict[str, Any]:
    """Return parameters with message tags."""
    return params(EmailTags=[{"Name": n, "Value": v} for n, v in pairs])


def many(count: int) -> list[str]:
    """Return that many recipients."""
    return [f"u{number}@b.example" for number in range(count)]


def parts(count: int) -> bytes:
    """Return a multipart body of that many parts, itself counted."""
    part = b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n"
    return part * (count - 1) + b"--b--\r\n"


MULTIPART = (
    f"From: {SENDER}",
    f"To: {ANN}",
    "MIME-Version: 1.0",
    'Content-Type: multipart/mixed; boundary="b"',
)
UNSUBSCRIBE = [
    {"Name": "List-Unsubscribe", "Value": "<https://a.example/u/1>"},
    {"Name": "List-Unsubscribe-Post", "Value": "List-Unsubscribe=One-Click"},
]
BIG_JSON = json.dumps({"a": "x" * (_ses.TEMPLATE_DATA_MAX_CHARS - 9)})

TABLE: dict[str, Case] = {
    "type": Case(params({"Simple": 7}), params()),
    "content.kind": Case(params({**simple(), **raw()}), params()),
    "text.control": Case(
        params(simple("Hello\r\nBcc: x@evil.example")),
        params(simple("Hello\u00a0Bcc: x@evil.example")),
    ),
    "sender.none": Case(params(FromEmailAddress=...), params()),
    "recipients.none": Case(params(Destination={}), params()),
    "recipients.count": Case(to(*many(51)), to(*many(50))),
    "recipients.duplicate": Case(to(ANN, "Ann@B.example"), to(*many(2))),
    "recipients.slow": Case(to(*many(6)), to(*many(5)), {"per_second": 1.0}),
    "address.syntax": Case(to("ann@b..example"), to("a.b@b.example")),
    "address.encoded-word": Case(
        to("=?utf-8?q?ann?=@b.example"), to("=?utf-8?q?Ann?= <ann@b.example>")
    ),
    "address.punycode": Case(
        to("xn--bcher-kva@b.example"), to("ann@xn--bcher-kva.example")
    ),
    "address.spoof": Case(
        to('"ceo@bank.example" <ann@b.example>'),
        to('"ann@b.example" <ann@b.example>'),
    ),
    "subject.empty": Case(params(simple("")), params(simple("."))),
    "subject.long": Case(params(simple("s" * 256)), params(simple("s" * 255))),
    "body.none": Case(
        params({"Simple": {"Subject": {"Data": "s"}, "Body": {}}}), params()
    ),
    "body.html-only": Case(
        params(simple(body={"Html": {"Data": "<p>Hello!"}})),
        params(
            simple(
                body={
                    "Html": {"Data": "<p>Hello!"},
                    "Text": {"Data": "Hello!"},
                }
            )
        ),
    ),
    "body.placeholder": Case(
        params(simple(body={"Text": {"Data": "Hello {{name}}"}})),
        params(
            simple(body={"Text": {"Data": "{{amazonSESUnsubscribeUrl}} {}"}})
        ),
    ),
    "message.size": Case(file(bytes(30 * MIB)), file(bytes(29 * MIB))),
    "message.parts": Case(
        raw_params(*MULTIPART, body=parts(502)),
        raw_params(*MULTIPART, body=parts(400)),
    ),
    "template.which": Case(
        params(template(TemplateName="a", TemplateArn="b")),
        params(template()),
    ),
    "template.data": Case(
        params(template(TemplateName="a", TemplateData=BIG_JSON + " ")),
        params(template(TemplateName="a", TemplateData=BIG_JSON)),
    ),
    "template.json": Case(
        params(template(TemplateName="a", TemplateData="[]")),
        params(template(TemplateName="a", TemplateData="{}")),
    ),
    "template.size": Case(
        params(template(TemplateContent={"Subject": "s", "Text": "x" * MIB})),
        params(
            template(TemplateContent={"Subject": "s", "Text": "x" * (MIB - 1)})
        ),
    ),
    "headers.count": Case(
        header("X-A", "1", *(f"X-{n}" for n in range(15))),
        header("X-A", "1", *(f"X-{n}" for n in range(14))),
    ),
    "header.name": Case(header("X" * 127), header("X" * 126)),
    "header.value": Case(header("X", "v" * 996), header("X", "v" * 995)),
    "header.length": Case(header("XY", "v" * 995), header("XY", "v" * 994)),
    "header.forbidden": Case(
        header("Return-Path", "a@b.example"), header("X-Path", "a@b.example")
    ),
    "header.bcc": Case(
        header("Resent-Bcc", "a@b.example"), header("X-Bcc", "a@b.example")
    ),
    "header.repeated": Case(
        header("In-Reply-To", "<1@b.example>", "In-Reply-To"),
        header("X-Reply-To", "<1@b.example>", "X-Reply-To"),
    ),
    "header.reserved": Case(header("X-SES-Source-ARN"), header("X-SESAME")),
    "tag.characters": Case(tags(("a b", "1")), tags(("a_b", "1" * 256))),
    "tag.repeated": Case(tags(("a", "1"), ("a", "2")), tags(("a", "1"))),
    "configuration-set.name": Case(
        params(ConfigurationSetName="s" * 65),
        params(ConfigurationSetName="s" * 64),
    ),
    "attachment.file-name": Case(
        file(FileName="a" * 252 + ".txt"), file(FileName="a" * 251 + ".txt")
    ),
    "attachment.extension": Case(
        file(FileName="invoice.pdf.EXE"), file(FileName="invoice.exe_.pdf")
    ),
    "attachment.trick": Case(
        file(FileName="../a.txt"), file(FileName="a..b.txt")
    ),
    "attachment.text": Case(
        file(ContentId="c" * 79), file(ContentId="c" * 78)
    ),
    "attachment.choice": Case(
        file(ContentDisposition="inline"), file(ContentDisposition="INLINE")
    ),
    "attachment.encoding": Case(
        file(b"\xff", ContentTransferEncoding="SEVEN_BIT"),
        file(b"\x7e", ContentTransferEncoding="SEVEN_BIT"),
    ),
    "raw.headers": Case(params(raw("From: a@b.example\rX: 1")), params(raw())),
    "raw.signed-bcc": Case(
        params(
            raw(
                f"From: {SENDER}",
                "Bcc: b@b.example",
                "DKIM-Signature: v=1; h=from:bcc",
            )
        ),
        params(
            raw(
                f"From: {SENDER}",
                "Bcc: b@b.example",
                "DKIM-Signature: v=1; h=from:to",
            )
        ),
    ),
    "raw.bcc": Case(
        raw_params(f"From: {SENDER}", f"To: {ANN}", "Bcc: b@b.example"),
        raw_params(f"From: {SENDER}", f"To: {ANN}"),
    ),
    "raw.from": Case(
        raw_params(f"From: {SENDER}", f"From: {SENDER}", f"To: {ANN}"),
        raw_params(f"From: {SENDER}", f"To: {ANN}"),
    ),
    "raw.missing": Case(
        params(raw(f"From: {SENDER}", "Subject: s")), params(raw())
    ),
    "raw.line": Case(
        params(raw(body=b"x" * 999 + b"\r\n")),
        params(raw(body=b"x" * 998 + b"\r\n")),
    ),
    "raw.eight-bit": Case(
        params(raw(body=b"\xc3\xbc\r\n")), params(raw(body=b"=C3=BC\r\n"))
    ),
    "raw.nul": Case(
        params(raw(body=b"\x00\r\n")), params(raw(body=b"\x01\r\n"))
    ),
    "unsubscribe.missing": Case(
        params(simple(Headers=UNSUBSCRIBE[:1])),
        params(simple(Headers=UNSUBSCRIBE)),
        {"priority": "bulk"},
    ),
    "unsubscribe.transactional": Case(
        params(simple(Headers=UNSUBSCRIBE)), params()
    ),
    "list-management.many": Case(
        params(
            Destination={"ToAddresses": many(2)},
            ListManagementOptions={"ContactListName": "news"},
        ),
        params(ListManagementOptions={"ContactListName": "news"}),
    ),
}
# Only an account can break these; see test_resources.py.
OF_THE_ACCOUNT = {
    "sender.unverified",
    "recipients.sandbox",
    "configuration-set.missing",
    "template.missing",
}
