"""
A job that a queue may run twice, and a mail that goes once.

Run it against the simulator, in two terminals::

    python -m safeses simulate --fault reset_after:after=2,first=1
    AWS_ENDPOINT_URL_SESV2=http://127.0.0.1:4566 AWS_REGION=eu-west-1 \
    AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any python idempotent_job.py

Run it again: nothing is sent, and each job is told what it was told before.
What is on record stands in the file mail.db of this directory.
"""

from __future__ import annotations

import logging
import os
import sys
from dataclasses import dataclass

from safeses import Client, Email, NotSentError, OutcomeUnknownError

log = logging.getLogger("jobs")
ORDERS = range(1, 6)


@dataclass(frozen=True)
class Verdict:
    """What the queue has to do: "done", "retry", "park", "look into"."""

    what: str
    why: str
    after_s: float = 0.0


def send_receipt(ses: Client, order: int, address: str) -> Verdict:
    """Send the receipt of an order, once, however often this is called."""
    mail = Email(
        from_email="Shop <shop@example.com>",
        to=address,
        subject=f"Your receipt for order {order}",
        text="Thank you. You paid 9.90 EUR.",
        tags={"order": str(order)},
    )
    try:
        # The key names the mail, not this attempt to send it.
        receipt = ses.send(mail, idempotency_key=f"order-{order}/receipt")
    except OutcomeUnknownError as error:
        # Perhaps sent, and on record: see settle_unknown.py.
        return Verdict("look into", error.tag)
    except NotSentError as error:
        if error.retryable:
            # Also when another worker is sending it at this moment.
            return Verdict("retry", str(error), error.retry_after_s or 60.0)
        return Verdict("park", str(error))
    return Verdict("done", "before" if receipt.replayed else "now")


def main() -> int:
    """Run each job twice; return 0 if all are done."""
    logging.basicConfig(
        level=logging.INFO, format="%(message)s", stream=sys.stdout
    )
    verdicts = set()
    # A job that starts elsewhere would name the file by its whole path.
    region = os.environ.get("AWS_REGION")
    with Client(region=region, state="sqlite:///mail.db") as ses:
        for order in [*ORDERS, *ORDERS]:  # at least once, as queues say
            verdict = send_receipt(ses, order, f"customer-{order}@example.net")
            log.info("%d %s: %s", order, verdict.what, verdict.why)
            verdicts.add(verdict.what)
    return 0 if verdicts == {"done"} else 1


if __name__ == "__main__":
    sys.exit(main())
