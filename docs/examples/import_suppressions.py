"""
Load who must not be mailed, then send a newsletter to the others.

Run it against the simulator, in two terminals::

    python -m safeses simulate
    AWS_ENDPOINT_URL_SESV2=http://127.0.0.1:4566 AWS_REGION=eu-west-1 \
    AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any \
    python import_suppressions.py unsubscribed.csv subscribers.txt

The first file is what your old system exported, see "Importing an old
list" in the documentation; the second has an address on each line.
"""

from __future__ import annotations

import logging
import os
import sys
from collections import Counter
from pathlib import Path

from safeses import (
    Client,
    Email,
    NotSentError,
    OutcomeUnknownError,
    SuppressedError,
)

log = logging.getLogger("newsletter")
STREAM = "newsletter"


def load(ses: Client, path: str) -> bool:
    """Import the list; return whether every line of it could be read."""
    # Who unsubscribed still gets receipts: the entries are for a stream.
    # A line that names a reason or a stream of its own keeps it.
    report = ses.suppressions.import_file(
        path, reason="unsubscribe", stream=STREAM, source="old-system"
    )
    for refused in report.refusals:
        log.error("%s:%d: %s", path, refused.line, refused.why)
    log.info("%d added, %d lines refused", report.added, report.refused)
    return report.refused == 0


def send_newsletter(ses: Client, subscribers: list[str]) -> Counter[str]:
    """Send to each subscriber; return how many came to what end."""
    ends: Counter[str] = Counter()
    for address in subscribers:
        mail = Email(
            from_email="Shop <news@example.com>",
            to=address,
            subject="News of the month",
            text="We have new shoes.",
        )
        try:
            # Bulk leaves the rate to receipts; the stream finds the list.
            ses.send(mail, priority="bulk", stream=STREAM)
        except SuppressedError:
            ends["left out"] += 1
        except OutcomeUnknownError:
            ends["unknown"] += 1  # perhaps sent: never send it again
        except NotSentError as error:
            ends["retry later" if error.retryable else "refused"] += 1
        else:
            ends["sent"] += 1
    return ends


def main(unsubscribed: str, subscribers: str) -> int:
    """Load the list and send; return 0 if all that may get it were sent."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with Client(region=os.environ.get("AWS_REGION")) as ses:
        # The list is in memory: whoever sends loads it first. And a line
        # that nobody can read may be somebody who wants no mail.
        if not load(ses, unsubscribed):
            log.error("nothing was sent: correct the list first")
            return 1
        text = Path(subscribers).read_text(encoding="utf-8")
        ends = send_newsletter(ses, text.split())
    log.info(", ".join(f"{count} {end}" for end, count in ends.items()))
    return 0 if ends.keys() <= {"sent", "left out"} else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
