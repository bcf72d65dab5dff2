"""What attackers and accidents pass in: an error of ours, or a sound mail."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from tests.fake_ses import FakeSES
from tests.rule_table import ANN, SENDER, params, simple, template

from safeses import (
    Attachment,
    BeforeSend,
    Client,
    Email,
    InvalidMessageError,
    Limits,
    NotSentError,
    TemplateEmail,
    lint,
)
from safeses.testing import FakeClock

pytestmark = pytest.mark.race  # threads


def client(ses: FakeSES) -> Client:
    """Return a client on fakes."""
    fake: Any = ses
    return Client(fake, limits=Limits(per_second=14), clock=FakeClock())


class Odd:
    """An object that raises whatever is done with it."""

    def __getattribute__(self, name: str) -> Any:
        raise OSError(ANN)

    def __len__(self) -> int:
        raise OSError(ANN)

    def __bool__(self) -> bool:
        raise OSError(ANN)


class OddDict(dict[str, Any]):
    """A dict that cannot be read."""

    def items(self) -> Any:
        """Fail."""
        raise OSError(ANN)

    def get(self, *_: Any) -> Any:
        """Fail."""
        raise OSError(ANN)


def deep(levels: int) -> Any:
    """Return a dict in a dict in a dict."""
    value: Any = {}
    for _ in range(levels):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    "odd",
    [
        params(Destination=Odd()),
        params(Destination=OddDict(ToAddresses=[ANN])),
        params(EmailTags=Odd()),
        params(OddDict(simple())),
        params({"Simple": Odd()}),
        params(ListManagementOptions=OddDict()),
        params(FromEmailAddress=Odd()),
        params(deep(100_000)),
        params(ConfigurationSetName=deep(5)),
        params(TenantName=5),
        params(simple(body={"Text": {"Data": "x"}, "Amp": Odd()})),
    ],
    ids=range(11),
)
def test_nothing_else_escapes(odd: dict[str, Any]) -> None:
    """Whatever an object raises is a NotSentError without its text."""
    ses = FakeSES()
    with pytest.raises(NotSentError) as caught:
        client(ses).send_email(**odd)

    assert ([], False, None) == (
        ses.sent,
        ANN in f"{caught.value!s}{caught.value!r}",
        caught.value.__cause__,
    )


@pytest.mark.parametrize("extra", [{"Foo": 1}, "s", 5, None])
def test_another_body_is_left_to_boto3(extra: object) -> None:
    """What newer versions of SES may take is no TypeError of ours."""
    ses = FakeSES()
    body = {"Text": {"Data": "x"}, "Amp": extra}
    client(ses).send_email(**params(simple(body=body)))

    assert body == ses.sent[0]["Content"]["Simple"]["Body"]


def test_what_is_checked_is_what_goes() -> None:
    """A caller who changes the parameters meanwhile changes no mail."""
    ses = FakeSES()
    safe = client(ses)
    given = params(simple(Headers=[{"Name": "X-A", "Value": "1"}]))
    data = bytearray(f"From: {SENDER}\r\nTo: {ANN}\r\n\r\nx\r\n".encode())

    @safe.on(BeforeSend)
    def change(_: BeforeSend) -> None:
        content = given["Content"]["Simple"]
        content["Subject"]["Data"] = "x\r\nBcc: eve@e.example"
        content["Headers"][0]["Name"] = "Bcc"
        if ses.sent:
            data[:5] = b"Bcc: "

    safe.send_email(**given)
    safe.send_email(Content={"Raw": {"Data": data}})
    content = ses.sent[0]["Content"]["Simple"]

    assert ("Hello", "X-A", False) == (
        content["Subject"]["Data"],
        content["Headers"][0]["Name"],
        b"Bcc" in ses.sent[1]["Content"]["Raw"]["Data"],
    )


@pytest.mark.parametrize(
    "field, text, rule",
    [
        ("FeedbackForwardingEmailAddress", "a@b\r\nX: 1", "text.control"),
        ("FeedbackForwardingEmailAddress", "no address", "address.syntax"),
        ("FeedbackForwardingEmailAddress", 5, "type"),
        ("FromEmailAddressIdentityArn", "arn\r\nX: 1", "text.control"),
        ("TenantName", "t\0", "text.control"),
        ("EndpointId", "e\n", "text.control"),
        ("ConfigurationSetName", 5, "type"),
    ],
)
def test_every_text_is_checked(field: str, text: object, rule: str) -> None:
    """No parameter may break out of what SES makes of it."""
    assert rule in [found.rule for found in lint(params(**{field: text}))]


def test_feedback_address_is_encoded() -> None:
    """It is made 7-bit like all others."""
    ses = FakeSES()
    name = "FeedbackForwardingEmailAddress"
    client(ses).send_email(**params(**{name: "x@bücher.example"}))

    assert "x@xn--bcher-kva.example" == ses.sent[0][name]


@pytest.mark.parametrize("mode", ["enforce", "observe"])
@pytest.mark.parametrize("name", ["Bcc", "resent-bcc", "BCC"])
def test_no_visible_bcc(name: str, mode: Any) -> None:
    """A custom header would show everybody whom nobody counted."""
    ses: Any = FakeSES()
    safe = Client(ses, limits=Limits(per_second=14), mode=mode)
    headers = [{"Name": name, "Value": "eve@e.example"}]
    with pytest.raises(InvalidMessageError):
        safe.send_email(**params(simple(Headers=headers)))

    assert [] == ses.sent


@pytest.mark.parametrize("name", [5, None, b"a.txt"])
def test_attachment_with_an_odd_name(name: Any) -> None:
    """A name that is none is a finding."""
    mail = Email(
        from_email=SENDER,
        to=ANN,
        text="t",
        attachments=[Attachment(content=b"x", file_name=name)],
    )

    assert "type" in [found.rule for found in lint(mail)]


@pytest.mark.parametrize(
    "data", [deep(100_000), {"a": float("nan")}, {1: {2}}]
)
def test_template_data_that_is_not_json(data: Any) -> None:
    """Neither Python's constants nor endless depth are JSON."""
    mail = TemplateEmail(from_email=SENDER, to=ANN, name="x", data=data)

    assert ["type"] == [found.rule for found in lint(mail)]


@pytest.mark.parametrize(
    "data", ['{"a": NaN}', '{"a": -Infinity}', "[" * 9999]
)
def test_template_text_that_is_not_json(data: str) -> None:
    """Nor are they in a text."""
    content = template(TemplateName="x", TemplateData=data)

    assert ["template.json"] == [f.rule for f in lint(params(content))]


def test_hook_with_what_cannot_be_copied() -> None:
    """A hook sees the parameters even if one is no plain value."""
    ses = FakeSES()
    safe = client(ses)
    seen: list[BeforeSend] = []
    safe.on(BeforeSend)(seen.append)
    options = {"ContactListName": threading.Lock()}
    safe.send_email(**params(ListManagementOptions=options))

    assert 1 == len(seen)


class DjangoMail:
    """A message of Django that refuses to be built."""

    def message(self) -> Any:
        """Raise as Django does, with the header in the text."""
        raise ValueError(f"Header values can't contain newlines: {ANN}")


def test_lint_of_a_message_that_cannot_be_built() -> None:
    """It is a finding, and nothing of the header is shown."""
    found = lint(DjangoMail())

    assert (["type"], False) == ([f.rule for f in found], ANN in str(found))


@pytest.mark.parametrize("key", [ANN, 5, Odd])
def test_content_of_another_kind_is_not_shown(key: object) -> None:
    """What stands where a kind belongs is not repeated."""
    found = lint(params({key: 1}))

    assert (["content.kind"], False) == (
        [f.rule for f in found],
        ANN in str(found),
    )
