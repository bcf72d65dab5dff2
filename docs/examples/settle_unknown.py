"""
Settle mails that were perhaps sent, by events that no receiver reads.

A `safeses.feedback.Receiver` does this by itself, and more. This is for
events that lie in an archive: it reads them from its input, one JSON object
on each line, as Firehose writes them, and then says what is still unknown::

    python settle_unknown.py sqlite:////srv/shop/mail.db < events.jsonl

Whoever can write such an event can settle a mail: take them from a queue
that only your topic may write to.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from safeses import Client
from safeses.events import UnknownEvent, parse

if TYPE_CHECKING:
    from collections.abc import Iterable

log = logging.getLogger("settle")


def settle(ses: Client, line: str) -> int:
    """Tell the ledger of the events of a line; return how many it knew."""
    known = 0
    for event in parse(line):  # alone, or wrapped by SNS or EventBridge
        mail = event.mail
        # An event of any type says that SES has taken the mail; but one
        # that has no name may be about an answer to it.
        if mail.tag and not isinstance(event, UnknownEvent):
            # When it was sent matters: that events of a minute arrive is
            # noted, too.
            known += ses.ledger.settle(
                mail.tag, mail.message_id, sent_at=mail.sent_at
            )
    return known


def settle_all(ses: Client, lines: Iterable[str]) -> int:
    """Tell of all events; return how many mails are still unknown."""
    settled = sum(settle(ses, line) for line in lines)
    left = list(ses.unknown())
    for send in left:
        log.warning("%s: %s, at %s", send.tag, send.reason, send.sent_at)
    log.info("%d events on record, %d mails unknown", settled, len(left))
    return len(left)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    # Nothing is sent here, so it needs neither a region nor credentials.
    with Client(state=sys.argv[1]) as client:
        sys.exit(1 if settle_all(client, sys.stdin) else 0)
