"""
What users do with a ledger, as ``ses.ledger``.
"""

from __future__ import annotations

import datetime as dt
import re
from operator import attrgetter
from typing import TYPE_CHECKING, Final, Literal

import attrs

from safeses._job import Sent
from safeses._mail import _tag
from safeses._values import UnknownSend
from safeses.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from safeses._job import Record
    from safeses.typing import Clock, Ledger

# The names that jobs and calls have, perhaps signed.
_TAG: Final = re.compile(r"(?:[0-9a-f]{32}){1,2}(?:-[0-9a-f]{16})?")
# Not a set: what is asked for may be unhashable.
_KNOWN: Final = ("sent", "not_sent")


def _as_it_is(name: str) -> str:
    return name


@attrs.frozen
class Outcomes:
    """
    What became of messages, as ``ses.ledger``.

    Attributes:
        store: Where the records are.
        job_id: Returns what the store calls the job of a key.
        clock: Where the time comes from.
        tag_of: Returns the tag that the mail of a record carries.

    Raises:
        StoreError: The store has no answer.
    """

    store: Ledger
    job_id: Callable[[str], str]
    clock: Clock
    tag_of: Callable[[str], str] = _as_it_is

    def settle(
        self,
        tag: str,
        message_id: str,
        *,
        sent_at: dt.datetime | None = None,
    ) -> bool:
        """
        Record that SES has accepted a message, as an event of it says.

        Every event of any mail of this ledger may be told, in any order
        and more than once: that they come is what shows that a mail
        without one was not sent.

        Args:
            tag: The value of the tag ``safeses-id`` in the event.
            message_id: SES's id: ``mail.messageId``.
            sent_at: When it was sent: ``mail.timestamp``, aware. Without it
                the event settles its own mail, but shows nothing about
                other mail.

        Returns:
            Whether anything was on record by that tag. What has no key is
            forgotten once it is settled.

        Raises:
            ConfigurationError: There is no message id, or the time is not
                aware.
        """
        _text("message_id", message_id)
        return self.store.confirm(
            _tag.name_in(_text("tag", tag)),
            Sent(message_id=message_id, sent_at=self._wall_s(sent_at)),
        )

    def unknown(self) -> Iterator[UnknownSend]:
        """Return the messages that were perhaps sent, oldest first."""
        sends: list[UnknownSend] = []
        after = ""
        while True:
            page = self.store.unsettled(after)
            sends += map(self._unknown_send, page.records)
            after = page.next
            if not after:
                return iter(sorted(sends, key=attrgetter("sent_at")))

    def resolve(
        self,
        send: str | UnknownSend,
        outcome: Literal["sent", "not_sent"],
        *,
        message_id: str = "",
    ) -> bool:
        """
        Settle a message that was perhaps sent, as somebody found out.

        The key of one that SES has refused for good is freed likewise.

        Args:
            send: Its idempotency key, its tag, or what `unknown` gave.
            outcome: What is known now.
            message_id: SES's id of it, if that is known.

        Returns:
            False if its outcome is not open.

        Raises:
            InFlightError: It is being sent at this moment.
            ConfigurationError: A wrong argument.
        """
        if outcome not in _KNOWN:
            raise ConfigurationError(
                f"the outcome {outcome!r} does not exist",
                'use "sent" or "not_sent"',
            )
        sent = None
        if outcome == "sent":
            sent = Sent(message_id=message_id, sent_at=self.clock.time())
        elif message_id:
            raise ConfigurationError(
                "a message id of what was not sent", "leave one of them out"
            )
        if isinstance(send, UnknownSend):
            return self.store.resolve(_tag.name_in(send.tag), sent)
        name = _text("send", send)
        if self.store.resolve(self.job_id(name), sent):
            return True
        # A key may begin with the tag of another mail, and is no tag.
        return _TAG.fullmatch(name) is not None and (
            self.store.resolve(_tag.name_in(name), sent)
        )

    def purge(self) -> int:
        """Forget what has expired, and say how many messages that were."""
        return self.store.purge()

    def _wall_s(self, at: object) -> float:
        """Return seconds since 1970, 0 for a time that nobody said."""
        if at is None:
            return 0.0
        if not isinstance(at, dt.datetime) or at.utcoffset() is None:
            raise ConfigurationError(
                "sent_at is not an aware time",
                "use one with a time zone, such as datetime.now(timezone.utc)",
            )
        return at.timestamp()

    def _unknown_send(self, record: Record) -> UnknownSend:
        began = record.submitted_wall or record.began_wall
        return UnknownSend(
            tag=self.tag_of(record.id),
            has_key=record.keyed,
            sent_at=dt.datetime.fromtimestamp(began, dt.timezone.utc),
            attempts=record.attempt,
            reason=record.reason,
        )


def _text(name: str, value: object) -> str:
    if not (isinstance(value, str) and value):
        raise ConfigurationError(
            f"{name}={type(value).__name__} is not a string, or empty",
            "use a string",
        )
    return value
