"""
How many of what happened, for each stream and in all.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import attrs

from safeses._mail import _address
from safeses.events import (
    Bounce,
    Click,
    Complaint,
    Delivery,
    DeliveryDelay,
    Open,
    Recipient,
    Reject,
    RenderingFailure,
    Send,
    Subscription,
)
from safeses.feedback._envelope import Envelope
from safeses.feedback._policy import BouncePolicy
from safeses.feedback._reaction import Act
from safeses.feedback._reactions._complaints import (
    PREVENTED,
    ComplaintPolicy,
)
from safeses.feedback._reactions._instant import instant_of
from safeses.feedback._reactions._streams import is_stream

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from safeses._parts import Parts
    from safeses.events import FeedbackEvent

COUNTED: Final = {
    "send": "recipients of mail that SES accepted",
    "delivery": "recipients whose server took the mail",
    "bounce": "recipients that bounced, as SES's bounce rate counts them",
    "soft_bounce": "recipients that bounced, and are in no rate",
    "prevented": "recipients whom SES did not even try",
    "complaint": "reports of complaint",
    "reject": "mails in which SES found a virus",
    "open": "openings",
    "click": "clicks",
    "rendering_failure": "mails whose template failed",
    "delivery_delay": "reports of delay",
    "subscription": "changes of what a contact wants",
}
# Each event of these counts one.
_ONCE: Final = {
    Reject: "reject",
    Open: "open",
    Click: "click",
    RenderingFailure: "rendering_failure",
    DeliveryDelay: "delivery_delay",
    Subscription: "subscription",
}
# For good, in no rate, and nothing to do: SES did not try.
_PREVENTED: Final = ("Permanent", "ignore")
_NO_REGION: Final = "unknown"
_UNNAMED: Final = Recipient(address="", bare="")


def counter(what: str, stream: str = "") -> str:
    """
    Return the name under which something is counted.

    Args:
        what: One of `COUNTED`.
        stream: The kind of mail; ``""`` is all mail, of whatever stream.
    """
    return f"{stream}/{what}"


def scope_of(account: str, region: str) -> str:
    """Return where it is counted: the account, in a region."""
    return f"{account}/{region or _NO_REGION}"


@attrs.frozen(kw_only=True)
class Count(Act):
    """
    Count what happened; the one act that is not the same done twice.

    Attributes:
        scope: Where.
        counts: How many of what.
        at: When, in seconds since 1970, UTC.
    """

    scope: str
    counts: Mapping[str, int]
    at: float

    def perform(self, parts: Parts) -> None:
        """
        Add to the counters.

        Raises:
            StoreError: They have no answer; the event must come again.
        """
        parts.counters.add(self.scope, self.counts, self.at)


@attrs.frozen
class CountEvents:
    """
    Count events, each under its stream and in all; `COUNTED` says what.

    Bounces, deliveries and sends count recipients, as SES does. Of a
    complaint SES names everybody who may have complained, and one has:
    it counts once. Mail to the mailbox simulator counts nowhere, as it is
    in no rate of SES.

    It must be the last reaction: what is done about an event again, since
    something after it failed, counts again.

    Attributes:
        policy: Which bounces are hard.
        complaints: Which reports are complaints.
        name: ``"count"``.
    """

    policy: BouncePolicy = attrs.field(factory=BouncePolicy)
    complaints: ComplaintPolicy = attrs.field(factory=ComplaintPolicy)
    name: str = "count"

    def plan(self, event: FeedbackEvent, parts: Parts) -> Sequence[Act]:
        """Return what to count, and where."""
        mail = event.mail
        found = self._counted(event)
        if found is None:
            return ()
        counted = {what: number for what, number in found.items() if number}
        if not counted:
            return [Act(why="it is in no rate of SES, so nothing counts it")]
        streams = ["", mail.stream] if is_stream(mail.stream) else [""]
        return [
            Count(
                why="rates are made of such counts",
                scope=scope_of(parts.account, mail.region),
                counts={
                    counter(what, stream): number
                    for stream in streams
                    for what, number in counted.items()
                },
                at=instant_of(event, parts).timestamp(),
            )
        ]

    def _counted(self, event: FeedbackEvent) -> Mapping[str, int] | None:
        """Return how many of what; None for what nobody counts."""
        mail = event.mail
        real = sum(not _address.is_simulated(to) for to in mail.destination)
        is_real = int(real > 0 or not mail.destination)
        if isinstance(event, Send):
            return {"send": real or is_real}
        if isinstance(event, Delivery):
            named = sum(map(_is_real, event.recipients))
            return {"delivery": named if event.recipients else is_real}
        if isinstance(event, Bounce):
            return self._bounced(event, is_real=bool(is_real))
        if isinstance(event, Complaint):
            if event.sub_type in PREVENTED:
                return {"prevented": is_real}
            is_one = not self.complaints.why_not(event)
            return {"complaint": int(is_one and is_real)}
        what = _ONCE.get(type(event))
        return {what: is_real} if what else None

    def _bounced(self, event: Bounce, *, is_real: bool) -> Mapping[str, int]:
        envelope = Envelope.of(event.mail)
        counted: Counter[str] = Counter()
        for recipient in envelope.named(event.recipients) or (_UNNAMED,):
            person = envelope.whom(recipient)
            address = person.address or recipient.bare
            if _address.is_simulated(address) or not (address or is_real):
                continue
            decision = self.policy.decide(
                event, recipient, is_sent_to=person.is_sent_to
            )
            if decision.hard:
                counted["bounce"] += 1
            elif not decision.rule.is_bounce:
                continue
            elif (event.type.value, decision.action) == _PREVENTED:
                counted["prevented"] += 1
            else:
                counted["soft_bounce"] += 1
        return counted


def _is_real(recipient: Recipient) -> bool:
    return not _address.is_simulated(recipient.bare or recipient.address)
