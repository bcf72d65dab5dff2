"""
Checked by mypy, never run: what callers write has the types they expect.

An ignore that is not needed is an error, so that the wrong calls below
prove that they are refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from typing_extensions import assert_type

from safeses import (
    AfterSend,
    Attachment,
    Client,
    Email,
    Limits,
    RateLimitedError,
    RawEmail,
    Receipt,
    TemplateEmail,
)
from safeses.testing import SimulatedSES, StubSES, stubbed

if TYPE_CHECKING:
    from safeses._drop_in import SendEmailAnswer
    from safeses.testing import Outbox

ses = Client(region="eu-west-1", limits=Limits(per_second=14))
Client(boto3.client("sesv2"))
Client(lambda: boto3.client("sesv2"))
Client(StubSES())
Client(SimulatedSES().client())
Client(region=1)  # type: ignore[arg-type]

mail = Email(
    from_email="shop@a.example",
    to=["ann@b.example", "Bob <bob@b.example>"],
    cc="eva@b.example",
    subject="Hi",
    text="Hi",
    attachments=[Path("a.pdf"), Attachment(content=b"", file_name="b.pdf")],
    tags={"order": "77"},
)
SENDER = "shop@a.example"
Email(SENDER)  # type: ignore[call-arg]
Email(to="ann@b.example", text="Hi")  # type: ignore[call-arg]
Email(from_email=None)  # type: ignore[arg-type]
Email(from_email=SENDER, to=5)  # type: ignore[arg-type]
Email(from_email=SENDER, attachments=["a.pdf"])  # type: ignore[list-item]
Email(from_email=SENDER, attachments="a.pdf")  # type: ignore[arg-type]
Email(from_email=SENDER, tags={"order": 77})  # type: ignore[dict-item]
Email(from_email=SENDER, tags=None, headers=None, to=None)
TemplateEmail(name="order")  # type: ignore[call-arg]
RawEmail(message=b"")
RawEmail(message=b"", from_email=SENDER)
assert_type(mail.from_email, str)
assert_type(RawEmail(message=b"").from_email, str | None)
mail.tags["order"] = "78"  # type: ignore[index]
mail.subject = "other"  # type: ignore[misc]
assert_type(mail.to, tuple[str, ...])

assert_type(ses.send(mail), Receipt)
order = TemplateEmail(from_email=SENDER, name="order", data={"n": 1})
assert_type(ses.send(order), Receipt)
assert_type(ses.with_options(priority="bulk"), Client)
ses.send(mail, priority="soon")  # type: ignore[arg-type]
ses.send("text")  # type: ignore[arg-type]

content: dict[str, Any] = {"Raw": {"Data": b""}}
answer = ses.send_email(
    FromEmailAddress="shop@a.example",
    Destination={"ToAddresses": ["ann@b.example"]},
    Content=content,
)
answer_of_ours: SendEmailAnswer = answer
assert_type(answer.receipt, Receipt)
ses.send_email(FromEmailAddress="shop@a.example")  # type: ignore[call-arg]
ses.send_email(Content=content, Source="x")  # type: ignore[call-arg]


@ses.on(AfterSend)
def finished(event: AfterSend) -> None:
    """A hook gets the event that it asked for."""
    assert_type(event.receipt, Receipt | None)


try:
    ses.send(mail)
except RateLimitedError as error:
    assert_type(error.retry_after_s, float)

with stubbed(ses) as outbox:
    outbox_of_ours: Outbox = outbox
    assert_type(outbox[0].subject, str | None)
