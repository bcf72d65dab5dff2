"""
Which bounces there are, and what each means for an address: a table.

AWS says to remove an address at a permanent bounce, and that one at a
transient bounce may work later (Guide, "Contents of event data" and
"Amazon SNS notification contents").
"""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

import attrs

from safeses.errors import ConfigurationError, ConfigurationWarning
from safeses.events import BounceSubType, BounceType

if TYPE_CHECKING:
    from safeses.events import Bounce, Recipient
    from safeses.events._open_enum import OpenEnum

Action = Literal["suppress", "count", "ignore"]

_ANY: Final = ("", "*")
_NONE: Final = "-"
_PATTERN: Final = re.compile(
    r"[245](?:\.|(?:\.[0-9]{1,3}){1,2}|\.[0-9]{1,3}\.)?"
)
# RFC 3463, 2; some reports put a comment behind it.
_STATUS: Final = re.compile(r"\s*([245]\.[0-9]{1,3}\.[0-9]{1,3})(?![0-9.])")
# What a server says without one, RFC 5321, 4.2: "smtp; 550 5.1.1 no such
# user", or the reply code alone.
_ENHANCED: Final = re.compile(
    r"(?<![0-9.])([245]\.[0-9]{1,3}\.[0-9]{1,3})(?![0-9.])"
)
_REPLY: Final = re.compile(r"(?:^|;|:)\s*([245])[0-5][0-9](?![0-9.])")
_DIAGNOSTIC_CHARS: Final = 500
_WORDS: Final[dict[str, type[OpenEnum]]] = {
    "type": BounceType,
    "sub_type": BounceSubType,
}


def _check_word(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, str):
        raise ConfigurationError(
            f"{field.name} of a bounce rule is {type(value).__name__}",
            'use a word of SES, such as "MailboxFull", or "*"',
        )
    known = [word.value for word in _WORDS[field.name]]
    if value not in {*_ANY, *known}:
        # SES may have a new one, for which a rule has to be possible.
        warnings.warn(
            f"no {field.name} of a bounce that this release knows is"
            f" {value!r}, so the rule may never match; known are"
            f" {', '.join(known)}",
            ConfigurationWarning,
            stacklevel=3,  # where the rule is made
        )


def _check_status(_: object, __: object, value: object) -> None:
    is_text = isinstance(value, str)
    if not is_text or not (
        value in {*_ANY, _NONE} or _PATTERN.fullmatch(str(value))
    ):
        raise ConfigurationError(
            "the status of a bounce rule is not the beginning of one",
            'use such as "5.1.1", "5.1.", "5.", "*" for any, or "-" for none',
        )


def _check_action(_: object, __: object, value: object) -> None:
    if value not in get_args(Action):
        raise ConfigurationError(
            "the action of a bounce rule does not exist",
            'use "suppress", "count" or "ignore"',
        )


def _check_why(_: object, __: object, value: object) -> None:
    if not (isinstance(value, str) and value):
        raise ConfigurationError(
            "a bounce rule does not say why", "give why= as text"
        )


@attrs.frozen(kw_only=True)
class BounceRule:
    """
    One line of the table: which bounces, and what they mean.

    Attributes:
        type: The type of SES, such as ``"Permanent"``; ``""`` or ``"*"``
            is any.
        sub_type: The sub-type, such as ``"MailboxFull"``; likewise.
        status: The status of the recipient (RFC 3463): one such as
            ``"5.1.1"``, the beginning of one such as ``"5.1."`` or
            ``"5."``, ``""`` or ``"*"`` for any, ``"-"`` for none.
            Where SES gives none, it is read from what the server said.
        sent_to: Only where the mail is known to have been sent to that
            address (True), or not (False); None is either.
        action: ``"suppress"`` the address, ``"count"`` it as a soft
            bounce, which suppresses after some, or ``"ignore"`` it.
        hard: Whether SES counts it in the bounce rate; None: if it is
            permanent.
        is_bounce: False for what only looks like one, such as a reply of
            somebody who is out of office: no counter counts it.
        why: Why, in words; `safeses.feedback.Receiver.explain` shows them.

    A word that this release does not know is taken, as SES may have a new
    one; `safeses.ConfigurationWarning` says so, for it may be misspelt.

    Raises:
        ConfigurationError: A value that no rule can have.
    """

    type: str = attrs.field(default="", validator=_check_word)
    sub_type: str = attrs.field(default="", validator=_check_word)
    status: str = attrs.field(default="", validator=_check_status)
    sent_to: bool | None = None
    action: Action = attrs.field(validator=_check_action)
    hard: bool | None = None
    is_bounce: bool = True
    why: str = attrs.field(default="a rule of yours", validator=_check_why)

    def matches(
        self, bounce: Bounce, status: str, *, is_sent_to: bool
    ) -> bool:
        """
        Whether it is about a recipient of *bounce*.

        Args:
            bounce: The bounce.
            status: What `status_of` the recipient is.
            is_sent_to: Whether the mail was sent to that address.
        """
        return (
            self.type in {*_ANY, bounce.type.value}
            and self.sub_type in {*_ANY, bounce.sub_type.value}
            and self.sent_to in {None, is_sent_to}
            and self._has(status)
        )

    def _has(self, status: str) -> bool:
        pattern = self.status
        if pattern in _ANY:
            return True
        if pattern == _NONE:
            return not status
        # "5.1" is no beginning of "5.10.1".
        return status == pattern or status.startswith(
            pattern.removesuffix(".") + "."
        )


def _prevented(sub_type: str, why: str) -> BounceRule:
    return BounceRule(
        type="Permanent",
        sub_type=sub_type,
        action="ignore",
        hard=False,
        why=why,
    )


def _about_mail(sub_type: str, why: str) -> BounceRule:
    return BounceRule(
        type="Transient", sub_type=sub_type, action="ignore", why=why
    )


def _only_reported(
    bounce_type: str, sub_type: str, otherwise: str
) -> tuple[BounceRule, ...]:
    """Count what a server reports as a failure, and nothing else."""
    reported = "soft: the server reports a failure, which may pass"
    return (
        *(
            BounceRule(
                type=bounce_type,
                sub_type=sub_type,
                status=status,
                action="count",
                why=reported,
            )
            for status in ("4.", "5.")
        ),
        BounceRule(
            type=bounce_type,
            sub_type=sub_type,
            action="ignore",
            is_bounce=False,
            why=otherwise,
        ),
    )


BOUNCE_RULES: Final = (
    # SES did not even try: "Suppression list" and "Auto validation".
    _prevented(
        "OnAccountSuppressionList",
        "prevented: it is on the list of the account already",
    ),
    _prevented(
        "OnTenantSuppressionList",
        "prevented: it is on the list of the tenant already",
    ),
    _prevented(
        "EmailValidationSuppressed",
        "prevented: SES judged the address without trying it",
    ),
    _prevented(
        "UnsubscribedRecipient",
        "prevented: the contact has opted out of the topic; the address works",
    ),
    # The pages of AWS disagree: there is no such address, or the report
    # does not say which one it is about.
    BounceRule(
        type="Permanent",
        sub_type="NoEmail",
        sent_to=True,
        action="suppress",
        why="hard: the address does not exist",
    ),
    BounceRule(
        type="Permanent",
        sub_type="NoEmail",
        action="ignore",
        why="hard, but who bounced cannot be read from the report",
    ),
    BounceRule(
        type="Permanent",
        sub_type="Suppressed",
        action="suppress",
        why="hard: it bounced with other senders (global suppression list)",
    ),
    BounceRule(
        type="Permanent",
        action="suppress",
        why="hard: the server refuses the address for good",
    ),
    # These say something of the mail, or of us, and nothing of the address.
    _about_mail(
        "MessageTooLarge", "soft: the mail is too large; the address works"
    ),
    _about_mail(
        "ContentRejected", "soft: the content is refused, not the address"
    ),
    _about_mail(
        "AttachmentRejected",
        "soft: an attachment is refused, not the address",
    ),
    _about_mail(
        "CustomTimeoutExceeded",
        "soft: our own time limit for the delivery has passed",
    ),
    # SES reports replies of who is out of office as these. A reply is no
    # report, so that it has no status, or one of success. A "Transient"
    # with 5.x stays soft: SES has seen more than the one status.
    *_only_reported(
        "Transient",
        "General",
        "no server reports a failure: most likely an out-of-office reply",
    ),
    BounceRule(
        type="Transient", action="count", why="soft: it may work later"
    ),
    *_only_reported(
        "Undetermined",
        "",
        "SES cannot tell what it is, and no server reports a failure",
    ),
)
UNMATCHED: Final = BounceRule(
    action="ignore", hard=False, why="no rule is about such a bounce"
)


def status_of(recipient: Recipient) -> str:
    """
    Return the status of *recipient*, such as ``"5.1.1"``.

    If SES gives none, it is what the server said: with a reply code
    alone the rest is 0, which is "other". ``""`` if nobody said anything.
    """
    if found := _STATUS.match(recipient.status):
        return found[1]
    said = recipient.diagnostic[:_DIAGNOSTIC_CHARS]
    if found := _ENHANCED.search(said):
        return found[1]
    if found := _REPLY.search(said):
        return f"{found[1]}.0.0"
    return ""
