"""Where the events of an account go: to all destinations that want them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ._destinations import Destination, taking
from ._events import DETAILS, NOTIFIED, Spelling
from ._publishing import Publication, Terms

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from ._account import Account
    from ._events import Happening


class Outlets:
    """
    The destinations of an account's events.

    Nothing waits for a destination; `flush` does.
    """

    _account: Account

    def __init__(self, account: Account) -> None:
        self._account = account
        self._publications: list[Publication] = []

    def publish_to(
        self,
        destination: Destination,
        *,
        format: Spelling = "event",  # noqa: A002  # reads best at the call
        types: Collection[str] | None = None,
        headers: bool = True,
        delay_s: float = 0.0,
        configuration_set: str | None = None,
        duplicate: bool = False,
        shuffle: int | None = None,
    ) -> Publication:
        """
        Publish the events of all mails from now on.

        Args:
            destination: A function of the event's mapping, a
                `SimulatedTopic`, an `SQSDestination`, or whatever has a
                ``publish(text)``. It is called in a thread of its own.
            format: ``"event"`` as configuration sets publish, or
                ``"notification"`` as identities do: bounces, complaints and
                deliveries only, without tags.
            types: Types of events, such as ``{"Bounce"}``; None for all.
            headers: Whether with the mail's headers.
            delay_s: Seconds by the account's clock until an event comes.
            configuration_set: Of which mails; None for all.
            duplicate: Deliver each event twice, each time in a message of
                its own.
            shuffle: Hold all events back until `flush`, and deliver them in
                the random order that follows from this number.

        Returns:
            What stops it: ``.stop()``, or a ``with`` block.
        """
        known = NOTIFIED if format == "notification" else frozenset(DETAILS)
        unknown = frozenset(types or ()) - known
        if unknown:
            raise ValueError(
                f"no types of a {format}: {sorted(unknown)};"
                f" there are {sorted(known)}"
            )
        terms = Terms(
            spelling=format,
            types=None if types is None else frozenset(types),
            headers=headers,
            delay_s=delay_s,
            configuration_set=configuration_set,
            duplicate=duplicate,
            seed=shuffle,
        )
        publication = Publication(taking(destination), terms, self._account)
        with self._account.lock:
            self._publications.append(publication)
        return publication

    def flush(self, timeout_s: float = 5.0) -> bool:
        """
        Wait until every event is delivered; return whether all are.

        Events that make other events are waited for as well.

        Args:
            timeout_s: How long to wait, in real seconds.

        Raises:
            BaseException: The first that a destination has raised since.
        """
        give_up_at = time.monotonic() + timeout_s
        while True:
            with self._account.lock:
                publications = tuple(self._publications)
            for publication in publications:
                left_s = max(0.0, give_up_at - time.monotonic())
                if not publication.flush(left_s):
                    return False
            if all(publication.is_idle for publication in publications):
                return True

    @property
    def _is_published(self) -> bool:
        """Whether there is any destination."""
        return bool(self._publications)

    def _offer(self, happenings: Sequence[Happening]) -> None:
        with self._account.lock:
            publications = tuple(self._publications)
        for publication in publications:
            publication.offer(happenings)
