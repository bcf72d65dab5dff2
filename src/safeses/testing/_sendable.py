"""
Would this mail be sent? Asked without a client.
"""

from __future__ import annotations

from collections.abc import Mapping
from email.message import Message
from typing import TYPE_CHECKING, Any, cast

from safeses import _request, _tag
from safeses._message import Email, RawEmail, TemplateEmail
from safeses._parameters import parameters
from safeses.errors import NotSentError

if TYPE_CHECKING:
    from email.message import EmailMessage


def assert_sendable(message: object) -> None:
    """
    Assert that safeses finds nothing wrong with a message.

    Args:
        message: `Email`, `RawEmail` or `TemplateEmail`; the parameters of
            boto3's ``send_email``; the standard library's `EmailMessage`;
            or a message of Django.

    Raises:
        AssertionError: It would be refused; with every finding.
    """
    __tracebackhide__ = True
    try:
        _request.request(
            _parameters(message), tag=_tag.make(), scope="assert_sendable"
        )
    except NotSentError as error:
        raise AssertionError(str(error)) from None


def _parameters(message: object) -> Mapping[str, Any]:
    if isinstance(message, (Email, RawEmail, TemplateEmail)):
        return parameters(message)
    if isinstance(message, Mapping):
        return message
    return parameters(_raw(message))


def _raw(message: object) -> RawEmail:
    if isinstance(message, (bytes, Message)):
        # Older messages of the standard library serialise as well.
        return RawEmail(message=cast("EmailMessage", message))
    build = getattr(message, "message", None)
    if callable(build):
        # Django: the blind copies are not in the headers of the message.
        return RawEmail(
            message=build(),
            to=getattr(message, "to", ()),
            cc=getattr(message, "cc", ()),
            bcc=getattr(message, "bcc", ()),
        )
    return cast("RawEmail", message)  # refused as what it is
