"""
An event about a mail shows that SES has accepted it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from safeses._mail import _tag
from safeses.events import (
    Bounce,
    Click,
    Complaint,
    Delivery,
    DeliveryDelay,
    Open,
    Reject,
    RenderingFailure,
    Send,
    Subscription,
)
from safeses.feedback._reaction import Act
from safeses.feedback._reactions._instant import now_of

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from safeses._parts import Parts
    from safeses.events import FeedbackEvent

# A kind that we do not know may be about a mail that came in: an answer
# to ours, with our header in it.
_ABOUT_SENT_MAIL: Final = (
    Send,
    Delivery,
    Bounce,
    Complaint,
    Reject,
    Open,
    Click,
    RenderingFailure,
    DeliveryDelay,
    Subscription,
)
# API reference, MessageTag: the value of a tag.
_NAME_CHARS: Final = 256


@attrs.frozen(kw_only=True)
class Settle(Act):
    """
    Record that SES has accepted a mail.

    Attributes:
        tag: The correlation tag of the mail.
        message_id: SES's id of it.
        sent_at: When SES took it, aware UTC, if the event says so.
    """

    tag: str
    message_id: str
    sent_at: dt.datetime | None

    def perform(self, parts: Parts) -> None:
        """
        Settle it in the ledger, if that has it open.

        Raises:
            StoreError: The ledger has no answer; the event must come again.
        """
        parts.ledger.settle(self.tag, self.message_id, sent_at=self.sent_at)


@attrs.frozen
class SettleLedger:
    """
    Settle what was perhaps sent: SES tells of what it has accepted only.

    Every kind of event about a mail shows that, a bounce too. Where the
    tags are signed, one that is not ours settles nothing.

    Attributes:
        name: ``"settle"``.
    """

    name: str = "settle"

    def plan(self, event: FeedbackEvent, parts: Parts) -> Sequence[Act]:
        """Return what to settle, or why nothing."""
        mail = event.mail
        if not (isinstance(event, _ABOUT_SENT_MAIL) and mail.tag):
            return ()
        if not (_is_name(mail.tag) and _is_name(mail.message_id)):
            return [Act(why="the tag, or the id, of the mail is none of SES")]
        if parts.tag_key and not _tag.is_ours(mail.tag, parts.tag_key):
            return [Act(why="the tag of the mail is not signed with our key")]
        sent_at = mail.sent_at
        return [
            Settle(
                why="SES tells of the mail, so it has accepted it",
                tag=mail.tag,
                message_id=mail.message_id,
                # That events arrive is believed up to this time.
                sent_at=sent_at and min(sent_at, now_of(parts)),
            )
        ]


def _is_name(text: str) -> bool:
    return (
        0 < len(text) <= _NAME_CHARS and text.isascii() and text.isprintable()
    )
