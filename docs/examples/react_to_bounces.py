"""
A reaction of one's own, beside those that come with safeses.

It stops the newsletter for a while at the first soft bounce, while receipts
still go. It reads events from its input, one on each line, as Firehose
writes them::

    python react_to_bounces.py sqlite:///mail.db < events.jsonl
"""

from __future__ import annotations

import datetime as dt
import logging
import sys
from typing import TYPE_CHECKING

import attrs

from safeses import Client, Suppression
from safeses.events import Bounce
from safeses.feedback import Act, Receiver, default_reactions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from safeses.events import FeedbackEvent
    from safeses.feedback import Parts

log = logging.getLogger("shop")


@attrs.frozen(kw_only=True)
class Pause(Act):
    """Stop the newsletter to one address; to do it twice is no harm."""

    address: str = attrs.field(repr=False)
    until: dt.datetime

    def perform(self, parts: Parts) -> None:
        """Add the entry, unless a longer one is there."""
        entry = Suppression(
            address=self.address,
            reason="soft-bounce",
            stream="newsletter",
            expires_at=self.until,
        )
        parts.suppressions.add([entry])


@attrs.frozen
class PauseNewsletter:
    """No newsletter for three days to whom it bounced softly."""

    name: str = "pause newsletter"

    def plan(self, event: FeedbackEvent, parts: Parts) -> Sequence[Act]:
        """Say what is to be done; nothing is done here."""
        if not isinstance(event, Bounce) or event.type != "Transient":
            return ()
        now = dt.datetime.fromtimestamp(parts.clock.time(), dt.timezone.utc)
        return [
            Pause(
                why="the mailbox takes nothing at the moment",
                address=recipient.bare,
                until=now + dt.timedelta(days=3),
            )
            for recipient in event.recipients
            if recipient.bare
        ]


def main(state: str, lines: list[str]) -> int:
    """React to the events of all lines; return how many failed."""
    failed = 0
    with Client(state=state) as ses:
        # Before the others, as the one that counts has to be the last.
        reactions = [PauseNewsletter(), *default_reactions()]
        receiver = Receiver(ses, reactions=reactions)
        for line in lines:
            received = receiver.receive(line)
            failed += not received.is_done
            for event, handled in zip(
                received.events, received.handled, strict=True
            ):
                log.info("%s: %s", type(event).__name__, handled.status)
    return failed


if __name__ == "__main__":
    logging.basicConfig(
        level=logging.INFO, format="%(message)s", stream=sys.stdout
    )
    sys.exit(1 if main(sys.argv[1], sys.stdin.readlines()) else 0)
