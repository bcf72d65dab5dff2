from __future__ import annotations

import email.message
import email.mime.text
from typing import Any

import attrs
import pytest

from safeses import Email, RawEmail, TemplateEmail
from safeses.testing import assert_sendable

MAIL = Email(
    from_email="shop@a.example",
    to="eva@b.example",
    subject="Hello",
    text="Hello!",
)
# The same as parameters of boto3.
PARAMS: dict[str, Any] = {
    "FromEmailAddress": "shop@a.example",
    "Destination": {"ToAddresses": ["eva@b.example"]},
    "Content": {
        "Simple": {
            "Subject": {"Data": "Hello"},
            "Body": {"Text": {"Data": "Hello!"}},
        }
    },
}


def mime_mail() -> email.message.EmailMessage:
    """Return a smallest message of the standard library."""
    message = email.message.EmailMessage()
    message["From"] = "shop@a.example"
    message["To"] = "eva@b.example"
    message.set_content("Hello!")
    return message


def objections(message: object) -> str:
    """Return what the assertion says, nothing if it holds."""
    try:
        assert_sendable(message)
    except AssertionError as error:
        return str(error)
    return ""


class _DjangoMail:
    """What Django's EmailMessage has of what matters here."""

    def __init__(self) -> None:
        self.to: list[str] = []
        self.cc: list[str] = []
        self.bcc = ["eva@b.example"]

    def message(self) -> email.message.Message:
        message = _RewrittenMIME("Grüße", "plain", "utf-8")
        message["From"] = "shop@a.example"
        return message


class _RewrittenMIME(email.mime.text.MIMEText):
    """As Django's messages: `as_bytes` takes other arguments."""

    def as_bytes(self, unixfrom: bool = False, linesep: str = "") -> bytes:  # type: ignore[override]  # noqa: FBT001, FBT002  # the point
        raise NotImplementedError


class TestAssertSendable:
    """The one question of a user: would it be sent?"""

    @pytest.mark.parametrize(
        "message",
        [
            MAIL,
            RawEmail(message=mime_mail()),
            TemplateEmail(
                from_email="shop@a.example", to="b@b.example", name="bye"
            ),
            PARAMS,
            mime_mail(),
            mime_mail().as_bytes(),
            _DjangoMail(),
        ],
        ids=lambda message: type(message).__name__,
    )
    def test_accepts(self, message: object) -> None:
        """Every form of a good message passes."""
        assert "" == objections(message)

    @pytest.mark.parametrize(
        "message,finding",
        [
            (attrs.evolve(MAIL, to="no address"), "address.syntax"),
            ({**PARAMS, "Destination": {}}, "recipients.none"),
            ({"Source": "shop@a.example"}, "v1 API"),
            (b"Subject: Hello\r\n\r\nHello!", "recipients.none"),
            (b"To: b@b.example\r\n\r\nHello!", "sender.none"),
            (42, "seen int"),
        ],
    )
    def test_names_findings(self, message: object, finding: str) -> None:
        """What is wrong stands in the error of the assertion."""
        assert finding in objections(message)
