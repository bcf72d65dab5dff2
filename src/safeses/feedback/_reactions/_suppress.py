"""
Who bounced for good is not mailed again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import attrs

from safeses._suppressed import Suppression
from safeses.events import Bounce
from safeses.events._mail import count
from safeses.feedback._bounce_rules import status_of
from safeses.feedback._envelope import Envelope
from safeses.feedback._policy import BouncePolicy
from safeses.feedback._reaction import Act
from safeses.feedback._reactions._instant import instant_of
from safeses.suppression import SuppressionLayers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from safeses._parts import Parts
    from safeses.events import FeedbackEvent, Recipient
    from safeses.typing import SuppressionStore

SOURCE: Final = "ses-event"
# SuppressionStore: so many at once.
_CHUNK: Final = 500
_WORD_CHARS: Final = 64
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")
NO_ADDRESS: Final = "the event names no address that the mail was sent to"


@attrs.frozen(kw_only=True)
class Suppress(Act):
    """
    Do not mail somebody again.

    Attributes:
        entries: Whom, and for how long.
    """

    entries: tuple[Suppression, ...] = attrs.field(repr=count)

    def perform(self, parts: Parts) -> None:
        """
        Add the entries; one that is there stays, unless this lasts longer.

        Raises:
            StoreError: The store has no answer; the event must come again.
            ConfigurationError: The store can never have such an entry.
        """
        for start in range(0, len(self.entries), _CHUNK):
            parts.suppressions.add(self.entries[start : start + _CHUNK])


def own_store(parts: Parts) -> SuppressionStore:
    """
    Return the store that entries are added to.

    What lists behind it have is not for an event to take away.
    """
    store = parts.suppressions
    if isinstance(store, SuppressionLayers):
        return store.layers[0]
    return store


def note_of(bounce: Bounce, recipient: Recipient) -> str:
    """Return what is known of a bounce, in words that no address fits in."""
    words = (bounce.type.value, bounce.sub_type.value, status_of(recipient))
    clean = (_UNSAFE.sub("?", word[:_WORD_CHARS]) for word in words)
    return " ".join(word for word in clean if word)


@attrs.frozen
class SuppressBounces:
    """
    Suppress an address, for all mail and for ever, as the policy says.

    If a mail had one recipient it is that one, whatever the bounce names:
    behind an alias it names the address that the mail was forwarded to,
    and the alias is what would be mailed again. If it had several, nobody
    but them is suppressed: who writes the report may name anybody. The
    mailbox simulator is no exception, so that a test sees what happens.

    Attributes:
        policy: What bounces mean.
        name: ``"suppress-bounces"``.
    """

    policy: BouncePolicy = attrs.field(factory=BouncePolicy)
    name: str = "suppress-bounces"

    def plan(
        self,
        event: FeedbackEvent,
        parts: Parts,
    ) -> Sequence[Act]:
        """Return whom to suppress, and why others are not."""
        if not isinstance(event, Bounce):
            return ()
        envelope = Envelope.of(event.mail)
        at = instant_of(event, parts)
        # By the reason, and by the address.
        found: dict[str, dict[str, Suppression]] = {}
        for recipient in envelope.named(event.recipients):
            person = envelope.whom(recipient)
            decision = self.policy.decide(
                event, recipient, is_sent_to=person.is_sent_to
            )
            if decision.action == "count":
                continue
            if decision.action == "ignore":
                found.setdefault(decision.why, {})
            elif not person.key:
                found.setdefault(NO_ADDRESS, {})
            else:
                found.setdefault(decision.why, {}).setdefault(
                    person.key,
                    Suppression(
                        address=person.address,
                        reason="bounce",
                        source=SOURCE,
                        since=at,
                        note=note_of(event, recipient),
                    ),
                )
        return [
            Suppress(why=why, entries=tuple(entries.values()))
            if entries
            else Act(why=why)
            for why, entries in found.items()
        ]
