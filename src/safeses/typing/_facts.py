"""
The facts that events leave behind: which were handled, and how many.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@runtime_checkable
class SeenEvents(Protocol):
    """
    Which events were handled, and by what; many threads may ask at once.

    Carriers deliver an event twice, and both at once. An event may have
    several reactions, each with a name. One that succeeded is marked, and
    must not run again; one that failed must. While somebody handles an
    event he holds it, so that nobody else handles it as well.

    Events and names are any text. Two that differ in anything, such as
    the case of a letter, are two.

    Attributes:
        engine: What holds them, such as ``"memory"``.

    Raises:
        StoreError: No answer. An outage never reads as "handled".
        ConfigurationError: A number of seconds is not finite and above 0.
    """

    engine: str

    def has(self, event: str, by: str) -> bool:
        """Whether *event* is marked as handled by *by*."""

    def mark(self, event: str, by: str, keep_s: float) -> bool:
        """
        Mark *event* as handled by *by*; of racing marks one is True.

        One that is there stays as it is, and is not kept for longer.

        Args:
            event: What names the event.
            by: What names the reaction.
            keep_s: Seconds for which the mark counts; afterwards it is as
                if it had never been.
        """

    def hold(self, event: str, lease_s: float, owner: str) -> bool:
        """
        Take *event* for a while; of racing owners exactly one gets it.

        It is free if nobody holds it or the lease has ended. Who holds it
        may take it again, and the lease begins anew.

        Args:
            event: What names the event.
            lease_s: Seconds after which it is free; they count from
                within the call.
            owner: What names the one call that handles it.
        """

    def release(self, event: str, owner: str) -> None:
        """Let go of *event*, unless somebody else holds it by now."""

    def purge(self) -> int:
        """
        Forget marks and leases that are over; say how many there were.

        Some of them go by themselves now and then.
        """

    def after_fork(self) -> None:
        """Drop locks and handles of the parent; keep the marks."""

    def close(self) -> None:
        """
        Let go of every handle; idempotent.

        A closed store may raise, but never forgets a mark.
        """


@runtime_checkable
class Counters(Protocol):
    """
    How many of what happened when; many threads may count at once.

    Time is that of the events, in seconds since 1970, UTC: they may come
    late and in any order. It is kept in buckets of some minutes, for some
    weeks; before that, counts may be missing.

    Scopes and names are any text. Two that differ in anything are two.

    Attributes:
        engine: What holds them, such as ``"memory"``.

    Raises:
        StoreError: No answer. An outage never reads as "none".
        ConfigurationError: What was given is no count, or no instant.
    """

    engine: str

    def add(self, scope: str, counts: Mapping[str, int], at: float) -> None:
        """
        Count what has happened.

        Args:
            scope: Where, such as an account in a region.
            counts: How many of what, such as ``{"newsletter/bounce": 1}``;
                none is negative, or nothing is counted.
            at: When.
        """

    def totals(
        self,
        scope: str,
        names: Sequence[str],
        since: float,
        until: float | None = None,
    ) -> dict[str, int]:
        """
        Return how many of each of *names* happened, 0 included.

        Never too few: buckets count whole, so what happened shortly
        before *since*, or shortly after *until*, may be included.

        Args:
            scope: Where.
            names: Of what.
            since: From when on.
            until: Until when, itself excluded; None for no end.
        """

    def forget(self, before: float) -> None:
        """Forget what happened before; some minutes of it may stay."""

    def after_fork(self) -> None:
        """Drop locks and handles of the parent; keep the counts."""

    def close(self) -> None:
        """
        Let go of every handle; idempotent.

        A closed store may raise, but never counts too few.
        """


@runtime_checkable
class SoftBounces(Protocol):
    """
    Who bounced lately, and not for good; many threads may ask at once.

    An address is any text, such as the key of one: two that differ in
    anything are two. Times are those of the events, in seconds since
    1970, UTC; events come late, twice, and in any order.

    Bounces are kept for some weeks, and of one address the latest 1,000.
    What happened before may be missing.

    Attributes:
        engine: What holds them, such as ``"memory"``.

    Raises:
        StoreError: No answer. An outage never reads as "none".
        ConfigurationError: A time is no instant.
    """

    engine: str

    def add(self, address: str, event: str, at: float, since: float) -> int:
        """
        Note a bounce; return how many of *address* there are since *since*.

        The same event counts once, however often it is told; its time is
        the first that was told. Of racing calls each counts what those
        before it have noted, so that one of them sees a limit reached.

        Args:
            address: Who bounced.
            event: What names the event.
            at: When it happened.
            since: The beginning of the window that is asked about, itself
                included.
        """

    def count(self, address: str, since: float) -> int:
        """Return how many bounces of *address* there are since *since*."""

    def clear(self, addresses: Sequence[str], until: float) -> None:
        """
        Forget the bounces of *addresses* up to *until*, itself included.

        What is told afterwards counts, also if it happened before.

        Args:
            addresses: Whose mailboxes took a mail, such as those of a
                delivery. Most of them have no bounces; to find that out
                writes nothing.
            until: When they did.
        """

    def forget(self, before: float) -> None:
        """Forget all that happened before."""

    def after_fork(self) -> None:
        """Drop locks and handles of the parent; keep the facts."""

    def close(self) -> None:
        """
        Let go of every handle; idempotent.

        A closed store may raise, but never counts too few.
        """
