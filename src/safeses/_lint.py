"""
What is wrong with a message, asked without a client and without sending.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from safeses._mail._message import Email, RawEmail, TemplateEmail
from safeses.errors import InvalidMessageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from email.message import EmailMessage

    from safeses._findings import Finding
    from safeses._policy import Level, Policy
    from safeses._values import Priority


def lint(
    message: object,
    *,
    rules: Mapping[str, Level] | None = None,
    priority: Priority = "transactional",
    per_second: float | None = None,
) -> list[Finding]:
    """
    Return everything that is wrong with a message, without sending it.

    These are the rules of every send. Nothing is asked: no network, no
    state, no account.

    Args:
        message: `Email`, `RawEmail` or `TemplateEmail`; the parameters of
            boto3's ``send_email``; bytes or a message of the standard
            library; or a message of Django.
        rules: What a rule is, as for `Client`.
        priority: How it would be sent: bulk mail has rules of its own.
        per_second: The account's send rate, in recipients.

    Returns:
        Errors, which would refuse it, before warnings; the first
        hundred of each.

    Raises:
        ConfigurationError: There is no such rule, or the parameters are
            those of the v1 API.
    """
    from safeses._options import check_number
    from safeses._policy import Policy

    if per_second is not None:
        check_number("per_second", per_second)
    return examine(
        message,
        Policy.of(rules, "enforce", None),
        priority=priority,
        per_second=per_second,
    )


def examine(
    message: object,
    policy: Policy,
    *,
    priority: Priority,
    per_second: float | None,
) -> list[Finding]:
    """Return what is wrong with a message after the rules of a client."""
    from safeses import _request
    from safeses._mail import _tag

    try:
        ready = _request.request(
            as_parameters(message),
            tag=_tag.make(),
            scope="lint",
            policy=policy,
            priority=priority,
            per_second=per_second,
        )
    except InvalidMessageError as error:
        return [*error.findings, *error.warnings]
    return sorted(ready.findings, key=lambda found: found.severity)


def as_parameters(message: object) -> Mapping[str, Any]:
    """
    Return the parameters of ``SendEmail`` for any kind of message.

    Raises:
        InvalidMessageError: It is none, or is not complete.
    """
    from safeses._mail._parameters import parameters

    if isinstance(message, (Email, RawEmail, TemplateEmail)):
        return parameters(message)
    if isinstance(message, Mapping):
        return message
    return parameters(_raw(message))


def _raw(message: object) -> RawEmail:
    from email.message import Message

    if isinstance(message, (bytes, bytearray, memoryview, Message)):
        # Older messages of the standard library serialise as well.
        return RawEmail(message=cast("EmailMessage", message))
    build = getattr(message, "message", None)
    if callable(build):
        # Django: the blind copies are not in the headers of the message.
        return RawEmail(
            message=_built(build),
            to=getattr(message, "to", ()),
            cc=getattr(message, "cc", ()),
            bcc=getattr(message, "bcc", ()),
        )
    return cast("RawEmail", message)  # refused as what it is


def _built(build: Callable[[], Any]) -> Any:
    from safeses._rules import shape

    try:
        return build()
    except Exception as error:  # noqa: BLE001  # a framework's are many
        unreadable = shape.unreadable("message", error)
    # Not chained: Django's text holds the header.
    raise InvalidMessageError((unreadable,))
