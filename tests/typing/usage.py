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
Email("ann@b.example")  # type: ignore[call-arg]
Email(to=5)  # type: ignore[arg-type]
Email(attachments=["a.pdf"])  # type: ignore[list-item]
mail.subject = "other"  # type: ignore[misc]
assert_type(mail.to, tuple[str, ...])

assert_type(ses.send(mail), Receipt)
assert_type(ses.send(TemplateEmail(name="order", data={"n": 1})), Receipt)
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
