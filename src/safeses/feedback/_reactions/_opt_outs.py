"""
Who opts out of a topic at SES gets no mail of it from us.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import attrs

from safeses._suppressed import Suppression
from safeses.errors import ConfigurationError
from safeses.events import Subscription
from safeses.feedback._envelope import Envelope
from safeses.feedback._reaction import Act
from safeses.feedback._reactions._instant import instant_of
from safeses.feedback._reactions._streams import is_stream
from safeses.feedback._reactions._suppress import SOURCE, Suppress, own_store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from safeses._parts import Parts
    from safeses.events import FeedbackEvent

REASON: Final = "unsubscribe"
# For ever would be kept as the first one stands. With an end, a later one
# takes its place in one step, and with it the time to which an opting in
# is compared.
_LASTS: Final = dt.timedelta(days=36_500)


def _check_streams(_: object, __: object, value: object) -> None:
    if not isinstance(value, Mapping) or not all(
        stream is None or stream == "" or is_stream(stream)
        for stream in value.values()
    ):
        raise ConfigurationError(
            "streams is no mapping to names of streams",
            'use such as {"weekly": "newsletter"}; None stops nothing',
        )


@attrs.frozen(kw_only=True)
class OptIn(Act):
    """
    Lift what an earlier event of SES about the same stream stopped.

    Attributes:
        address: Who wants the mail again.
        stream: Which mail.
        at: When that was said.
    """

    address: str = attrs.field(repr=False)
    stream: str
    at: dt.datetime

    def perform(self, parts: Parts) -> None:
        """
        Remove the entry, if it is still an earlier one of an event.

        Raises:
            StoreError: The store has no answer; the event must come again.
        """
        if _is_lifted(self.address, self.stream, self.at, parts):
            own_store(parts).remove([self.address], stream=self.stream)


def _is_lifted(
    address: str, stream: str, at: dt.datetime, parts: Parts
) -> bool:
    entry = own_store(parts).find([address], stream=stream).get(address)
    return (
        entry is not None
        # One for all mail may stand before it: then nothing changes, and
        # it gets no mail, which is the safer side.
        and entry.stream == stream
        and entry.reason == REASON
        and entry.source == SOURCE
        and (entry.since is None or entry.since <= at)
    )


@attrs.frozen
class OptOuts:
    """
    Keep what contacts of a list at SES want: a topic is a stream here.

    Only mail of the streams is stopped, never all mail: receipts still
    go. Who wants a topic again gets it, unless somebody else than an
    event of SES has stopped it, or a later event has.

    Attributes:
        streams: The stream of a topic, or of a list as a whole, by its
            name. None stops nothing, ``""`` all mail. What is not in it
            is the stream of the same name, if a stream can have it.
            Who unsubscribes from everything opts out of that of the list,
            of its topics as far as the event names them, and of that of
            the mail that he answers.
        name: ``"opt-outs"``.

    Raises:
        ConfigurationError: *streams* names what is no stream.
    """

    streams: Mapping[str, str | None] = attrs.field(
        factory=dict, validator=_check_streams
    )
    name: str = "opt-outs"

    def plan(self, event: FeedbackEvent, parts: Parts) -> Sequence[Act]:
        """Return which streams to stop, and which no more."""
        if not isinstance(event, Subscription):
            return ()
        person = Envelope.of(event.mail).only
        if person is None:
            # SES manages lists for mail to one recipient only.
            return [Act(why="it is not known whose wishes they are")]
        at = instant_of(event, parts)
        stopped, wanted = self._wishes(event)
        acts: list[Act] = [
            OptIn(
                why=f"opted in: {_shown(stream)} may be sent again",
                address=person.address,
                stream=stream,
                at=at,
            )
            for stream in sorted(wanted)
            if _is_lifted(person.address, stream, at, parts)
        ]
        acts += [
            Suppress(
                why=f"opted out of {_shown(stream)}",
                entries=(
                    Suppression(
                        address=person.address,
                        reason=REASON,
                        stream=stream,
                        source=SOURCE,
                        since=at,
                        expires_at=at + _LASTS,
                    ),
                ),
            )
            for stream in sorted(stopped)
        ]
        return acts or [Act(why="no stream stands for what it is about")]

    def _wishes(self, event: Subscription) -> tuple[set[str], set[str]]:
        """Return which streams are not wanted, and which are."""
        new, old = event.new, event.old
        listed = self._stream_of(event.contact_list)
        mailed = {event.mail.stream} if is_stream(event.mail.stream) else set()
        if new.unsubscribe_all:
            stopped = listed | mailed
            for topic in {*new.topics, *old.topics}:
                stopped |= self._stream_of(topic)
            return stopped, set()
        stopped = set()
        wanted = listed | (mailed if old.unsubscribe_all else set())
        for topic, is_wanted in new.topics.items():
            (wanted if is_wanted else stopped).update(self._stream_of(topic))
        return stopped, wanted - stopped

    def _stream_of(self, name: str) -> set[str]:
        """Return the stream of a topic or list; none, or one."""
        if name in self.streams:
            stream = self.streams[name]
            return set() if stream is None else {stream}
        return {name} if is_stream(name) else set()


def _shown(stream: str) -> str:
    return f"the stream {stream}" if stream else "all mail"
