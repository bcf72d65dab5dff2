"""
Who complained is never mailed again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, get_args

import attrs

from safeses._suppressed import Suppression
from safeses.errors import ConfigurationError
from safeses.events import Complaint
from safeses.feedback._envelope import Envelope
from safeses.feedback._reaction import Act
from safeses.feedback._reactions._instant import instant_of
from safeses.feedback._reactions._suppress import (
    NO_ADDRESS,
    SOURCE,
    Suppress,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from safeses._parts import Parts
    from safeses.events import FeedbackEvent

Candidates = Literal["all", "only_one"]

# "Amazon SNS notification contents", complaintSubType: not even sent.
PREVENTED: Final = ("OnAccountSuppressionList", "OnTenantSuppressionList")
# RFC 5965, 7.3, and the IANA registry of feedback types: the first says
# the opposite of a complaint, the others are about what was found in it.
_NO_COMPLAINTS: Final = ("not-spam", "auth-failure", "virus")


def _check_candidates(_: object, __: object, value: object) -> None:
    if value not in get_args(Candidates):
        raise ConfigurationError(
            "candidates is neither of the two",
            'use "all", or "only_one"',
        )


def _as_words(words: Any) -> Any:
    if isinstance(words, str):
        raise ConfigurationError(
            "ignored is one string", "give a sequence of feedback types"
        )
    return tuple(str(word).lower() for word in words)


@attrs.frozen(kw_only=True)
class ComplaintPolicy:
    """
    Which complaints suppress, and whom.

    Attributes:
        ignored: Types of feedback that suppress nobody. A complaint that
            says no type is one.
        candidates: Most providers do not tell who complained, and SES
            then names every recipient at the domain. ``"all"`` suppresses
            them all, since who complained must not be mailed again.
            ``"only_one"`` suppresses nobody if there are several: then a
            complaint may have no effect. Mail to one recipient each, and
            there is but one.

    Raises:
        ConfigurationError: There is no such choice.
    """

    ignored: tuple[str, ...] = attrs.field(
        default=_NO_COMPLAINTS, converter=_as_words
    )
    candidates: Candidates = attrs.field(
        default="all", validator=_check_candidates
    )

    def why_not(self, complaint: Complaint) -> str:
        """Return why *complaint* suppresses nobody, ``""`` if it does."""
        kind = complaint.feedback_type
        if complaint.sub_type in PREVENTED:
            return "prevented: it is on the list of SES already"
        if kind is not None and kind.value.lower() in self.ignored:
            return "a report of a type that is no complaint, by the policy"
        return ""


@attrs.frozen
class SuppressComplaints:
    """
    Suppress who complained, for all mail and for ever.

    If a mail had one recipient it is that one; if it had several, nobody
    but them, whomever the report names.

    Attributes:
        policy: Which complaints, and whom.
        name: ``"suppress-complaints"``.
    """

    policy: ComplaintPolicy = attrs.field(factory=ComplaintPolicy)
    name: str = "suppress-complaints"

    def plan(self, event: FeedbackEvent, parts: Parts) -> Sequence[Act]:
        """Return whom to suppress, or why nobody."""
        if not isinstance(event, Complaint):
            return ()
        why_not = self.policy.why_not(event)
        people = [*Envelope.of(event.mail).each(event.recipients)]
        if not (why_not or people):
            why_not = NO_ADDRESS
        may_guess = self.policy.candidates == "all"
        if not (why_not or may_guess or len(people) == 1):
            why_not = "several may have complained, and nobody knows who"
        if why_not:
            return [Act(why=why_not)]
        at = instant_of(event, parts)
        several = f"one of {len(people)}" if len(people) > 1 else "it"
        return [
            Suppress(
                why=f"complaint: {several} must not be mailed again",
                entries=tuple(
                    Suppression(
                        address=person.address,
                        reason="complaint",
                        source=SOURCE,
                        since=at,
                        note=_note(event, len(people)),
                    )
                    for person in people
                ),
            )
        ]


def _note(complaint: Complaint, candidates: int) -> str:
    kind = complaint.feedback_type
    # Others are words of strangers.
    known = kind.value if kind is not None and kind.is_known else ""
    several = f"one of {candidates}" if candidates > 1 else ""
    return " ".join(word for word in (known, several) if word)
