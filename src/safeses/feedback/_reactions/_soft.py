"""
Who keeps bouncing is not mailed for a while.

The store of soft bounces has no addresses, but hashes of them: enough to
count, and nothing to read.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import attrs

from safeses._suppressed import Suppression
from safeses.events import Bounce, Delivery
from safeses.feedback._envelope import Envelope
from safeses.feedback._policy import DAY_S, BouncePolicy
from safeses.feedback._reaction import Act
from safeses.feedback._reactions._instant import (
    instant_of,
    now_of,
    until_of,
)
from safeses.feedback._reactions._suppress import (
    NO_ADDRESS,
    SOURCE,
    note_of,
    own_store,
)

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

    from safeses._parts import Parts
    from safeses.events import FeedbackEvent
    from safeses.feedback._envelope import Person

REASON: Final = "soft-bounce"
# Below what SES tells of a time.
_NEXT_S: Final = 0.001


def name_of(person: Person, parts: Parts) -> str:
    """Return what the store of soft bounces calls somebody."""
    text = f"{parts.namespace}\n{person.key}"
    data = text.encode("utf-8", "surrogatepass")
    return hashlib.sha256(data).hexdigest()


def _window_start(until: dt.datetime, window_s: float) -> float:
    return max(until.timestamp() - window_s, 0.0)


@attrs.frozen(kw_only=True)
class NoteSoftBounce(Act):
    """
    Remember a soft bounce; the one that is too many suppresses.

    Attributes:
        event: What names the event.
        person: Who bounced, as the store calls it.
        entry: What keeps mail away if it is one too many.
        limit: How many are too many.
        window_s: Within how many seconds, up to now.
    """

    event: str
    person: str
    entry: Suppression = attrs.field(repr=False)
    limit: int
    window_s: float

    def perform(self, parts: Parts) -> None:
        """
        Note it and, at the limit, add the entry.

        Raises:
            StoreError: A store has no answer; the event must come again.
            ConfigurationError: The store of suppressions can never have
                an entry that ends, as a list of SES.
        """
        at = self.entry.since or now_of(parts)
        number = parts.soft_bounces.add(
            self.person,
            self.event,
            at.timestamp(),
            _window_start(now_of(parts), self.window_s),
        )
        if number >= self.limit:
            parts.suppressions.add([self.entry])


@attrs.frozen(kw_only=True)
class ForgetSoftBounces(Act):
    """
    Forget soft bounces up to a delivery, and lift what they led to.

    Attributes:
        people: Who got the mail: each address by what the store of soft
            bounces calls it.
        until: When.
        limit: How many soft bounces are too many.
        window_s: Within how many seconds.
    """

    people: Mapping[str, str] = attrs.field(repr=False)
    until: dt.datetime
    limit: int
    window_s: float

    def perform(self, parts: Parts) -> None:
        """
        Lift suppressions that too few bounces are left for, then forget.

        In this order: whoever dies in between finds the bounces again.

        Raises:
            StoreError: A store has no answer; the event must come again.
        """
        own = own_store(parts)
        for name, address in self.people.items():
            entry = own.find([address]).get(address)
            if (
                entry is not None
                and entry.reason == REASON
                and entry.source == SOURCE
                and self._left(name, entry, parts) < self.limit
            ):
                own.remove([address], stream="")
        parts.soft_bounces.clear([*self.people], self.until.timestamp())

    def _left(self, name: str, entry: Suppression, parts: Parts) -> int:
        """Return how many of the bounces behind *entry* came later."""
        last = entry.since or now_of(parts)
        return parts.soft_bounces.count(
            name,
            max(
                _window_start(last, self.window_s),
                self.until.timestamp() + _NEXT_S,
            ),
        )


@attrs.frozen
class SoftBounceLimit:
    """
    Suppress, for a while, who bounced so often without a delivery.

    A delivery resets, and lifts a suppression that it shows to be wrong,
    as events come in any order. A bounce that arrives after a later
    delivery still counts: of an address that never bounced, nothing is
    written at a delivery.

    Attributes:
        policy: What bounces mean, and how many are too many.
        name: ``"soft-bounces"``.
    """

    policy: BouncePolicy = attrs.field(factory=BouncePolicy)
    name: str = "soft-bounces"

    def plan(self, event: FeedbackEvent, parts: Parts) -> Sequence[Act]:
        """Return which soft bounces to note, or to forget."""
        if isinstance(event, Bounce):
            return self._bounced(event, parts)
        if isinstance(event, Delivery):
            return self._delivered(event, parts)
        return ()

    def _bounced(self, event: Bounce, parts: Parts) -> Sequence[Act]:
        policy = self.policy
        envelope = Envelope.of(event.mail)
        at = instant_of(event, parts)
        since = _window_start(now_of(parts), policy.soft_window_s)
        acts: dict[str, Act] = {}
        for recipient in envelope.named(event.recipients):
            person = envelope.whom(recipient)
            decision = policy.decide(
                event, recipient, is_sent_to=person.is_sent_to
            )
            if decision.action != "count" or person.key in acts:
                continue
            if not person.key:
                acts[""] = Act(why=NO_ADDRESS)
                continue
            if at.timestamp() < since:
                acts[person.key] = Act(
                    why=f"{decision.why}; it is older than the window"
                )
                continue
            name = name_of(person, parts)
            known = parts.soft_bounces.count(name, since)
            acts[person.key] = NoteSoftBounce(
                why=(
                    f"{decision.why}; {known} on record, and"
                    f" {policy.soft_limit} within"
                    f" {policy.soft_window_s / DAY_S:g} days suppress"
                ),
                event=event.id,
                person=name,
                entry=Suppression(
                    address=person.address,
                    reason=REASON,
                    source=SOURCE,
                    since=at,
                    expires_at=until_of(at, policy.soft_expires_s),
                    note=note_of(event, recipient),
                ),
                limit=policy.soft_limit,
                window_s=policy.soft_window_s,
            )
        return [*acts.values()]

    def _delivered(self, event: Delivery, parts: Parts) -> Sequence[Act]:
        bounced = {
            name: person.address
            for person in Envelope.of(event.mail).each(event.recipients)
            if parts.soft_bounces.count(name := name_of(person, parts), 0.0)
        }
        if not bounced:
            return ()
        return [
            ForgetSoftBounces(
                why="delivered: soft bounces before it do not count any more",
                people=bounced,
                until=instant_of(event, parts),
                limit=self.policy.soft_limit,
                window_s=self.policy.soft_window_s,
            )
        ]
