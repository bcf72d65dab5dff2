"""
The parts of a state: rate and quota, who must not be mailed, what was sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from safeses._job import Claimed, Found, Job, RecordPage, Sent
    from safeses._outcome import Admission, Booked, Claim, Later, Outcome
    from safeses._suppressed import Page, Suppression
    from safeses._values import Account, Limits


@runtime_checkable
class Budget(Protocol):
    """
    Rate and 24 h quota of every scope, counted in recipients.

    A scope is an account in a region. Many threads may ask at once; no
    call blocks longer than the engine needs to answer.

    Raises:
        StoreError: No answer. An outage never reads as a permit.
    """

    def reserve(self, admission: Admission) -> Booked | Later:
        """
        Book a slot and charge the quota, both or neither.

        Raises:
            QuotaExceededError: The quota leaves no room.
        """

    def give_back(self, claim: Claim) -> None:
        """Return the quota of a message that was certainly not sent."""

    def throttled(self, scope: str, by: Literal["rate", "daily"]) -> None:
        """Take note that SES refused: hold everybody back for a while."""

    def learn(self, scope: str, known: Account | Limits) -> None:
        """Take over what SES, or the caller, says the scope may send."""

    def per_second(self, scope: str) -> float:
        """Return the rate in force now, in recipients per second."""

    def after_fork(self) -> None:
        """Make the budget usable in a forked child."""


@runtime_checkable
class SuppressionStore(Protocol):
    """
    Who must not be mailed; many threads may ask at once.

    There is one entry for an address and a stream. Addresses are given
    as people write them, with or without a display name; a store folds
    them, so that ``Ann@A.example`` finds ``ann@a.example``. What an
    address is folded to, and how much (`safeses.suppression.AddressKeys`),
    is the same for all that share a store. Entries and addresses come as
    any sequence, at most 500 at once.

    Attributes:
        engine: What holds it, such as ``"memory"``.

    Raises:
        StoreError: No answer. An outage never reads as "not suppressed".
        ConfigurationError: The store cannot do it, ever: one that keeps
            hashes cannot list.
    """

    engine: str

    def add(self, entries: Sequence[Suppression]) -> list[bool]:
        """
        Add all entries or none; say for each whether it changed anything.

        An entry that is there is replaced only by one that lasts longer,
        or if it has expired. One that is over already changes nothing. Of
        racing equal adds exactly one changes something. An entry without
        `since` gets the time of the store.
        """

    def find(
        self,
        addresses: Sequence[str],
        *,
        stream: str = "",
        configuration_set: str = "",
        tenant: str = "",
    ) -> dict[str, Suppression]:
        """
        Return who of *addresses* must not get mail of *stream*, and why.

        An entry for all mail stops every stream and is the one returned;
        one for a stream stops that stream only. What has expired stops
        nothing. Keys are the addresses exactly as given.

        Args:
            addresses: Whom one mail, or part of a list, is about.
            stream: The kind of mail; ``""`` is mail of no stream.
            configuration_set: Which one the mail has, for lists of SES.
            tenant: Which tenant sends it, for lists of SES.
        """

    def remove(
        self, addresses: Sequence[str], *, stream: str | None = None
    ) -> int:
        """
        Remove entries and return how many there were.

        Args:
            addresses: Whose.
            stream: Only that of one stream, ``""`` the one for all mail;
                None removes them all.
        """

    def page(self, after: str = "", limit: int = 1_000) -> Page:
        """
        Return some of the entries, expired ones too.

        Every entry that is there all the while comes exactly once.

        Args:
            after: ``""``, then the `next` of the page before.
            limit: How many at most.
        """

    def count(self) -> int:
        """Return how many entries there are, expired ones too."""

    def purge(self) -> int:
        """Remove what has expired and return how many that were."""

    def after_fork(self) -> None:
        """
        Drop locks and handles of the parent; keep the entries.

        It may be called more than once, and while others ask.
        """

    def close(self) -> None:
        """
        Let go of every handle; idempotent.

        A closed store may raise, but never finds nobody.
        """


@runtime_checkable
class Ledger(Protocol):
    """
    What became of every message; many threads may ask at once.

    With a key a message is a job, and its `Record` is kept; without one it
    is noted under its tag until its outcome is known. Every write after a
    claim counts only for the owner and the attempt that claimed, except
    that SES has accepted: that is never refused.

    Attributes:
        engine: What holds it, such as ``"memory"``.

    Raises:
        StoreError: No answer. An outage never reads as "not sent".
    """

    engine: str

    def look_up(self, name: str) -> Found | None:
        """Return what is known of a job, by its id; None if nothing."""

    def claim(self, job: Job, owner: str, lease_s: float) -> Claimed | Found:
        """
        Hold the job, if it is free; of racing calls exactly one does.

        It is free if nothing is known of it, if it was certainly not sent,
        if a lease has ended before its first byte, or if its outcome is
        unknown and `Job.on_unknown` lets it go on. Anything else is
        returned as it stands.

        Args:
            job: What is to be done.
            owner: Names the call.
            lease_s: Seconds after which somebody else may claim it.
        """

    def submit(self, claim: Claim, lease_s: float) -> None:
        """
        Note, acknowledged, that the first byte is about to leave.

        Args:
            claim: What is sent, and for whom.
            lease_s: Seconds after which the attempt must have ended: its
                outcome is unknown then.

        Raises:
            InFlightError: Another call has claimed the job meanwhile.
        """

    def settle(self, claim: Claim, outcome: Outcome) -> None:
        """
        Record how an attempt ended.

        Without a key, what is known is forgotten. A job that ended unknown
        once stays so, whatever is refused later.
        """

    def confirm(self, name: str, sent: Sent) -> bool:
        """
        Record that SES has accepted a message, as an event says.

        Returns:
            Whether anything was on record by that name.
        """

    def resolve(self, name: str, sent: Sent | None) -> bool:
        """
        Record what a person knows: it was sent, or nothing was (None).

        Returns:
            False if the outcome of that name is not open.

        Raises:
            InFlightError: It is being sent at this moment.
        """

    def unsettled(self, after: str = "", limit: int = 1_000) -> RecordPage:
        """Return what is unknown, in pages, in the order of the ids."""

    def purge(self) -> int:
        """Forget what has expired, and say how many that were."""

    def after_fork(self) -> None:
        """Drop locks and handles of the parent; keep the records."""

    def close(self) -> None:
        """Let go of every handle; idempotent."""
