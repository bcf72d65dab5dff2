"""
A job that sends twenty receipts and decides for each what comes next.

Run it against the simulator, in two terminals::

    python -m safeses simulate --fault reset_after:after=5,first=1
    AWS_ENDPOINT_URL_SESV2=http://127.0.0.1:4566 AWS_REGION=eu-west-1 \
    AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any python send_receipts.py
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from safeses import (
    AccessDeniedError,
    Client,
    ConfigurationError,
    CredentialsError,
    Email,
    NotSentError,
    OutcomeUnknownError,
    SendingPausedError,
)

log = logging.getLogger("receipts")
SENDER = "Shop <shop@example.com>"
THREADS = 8
# After one of these the next receipt would fail in the same way.
HOPELESS = (
    AccessDeniedError,
    ConfigurationError,
    CredentialsError,
    SendingPausedError,
)


@dataclass(frozen=True)
class Order:
    """What a receipt is about."""

    number: int
    email: str
    total: str


def send_receipt(
    ses: Client, stop: threading.Event, order: Order
) -> tuple[str, str]:
    """Send one receipt; return what to do with its job, and why."""
    if stop.is_set():
        return "retry", "the run was stopped"
    mail = Email(
        from_email=SENDER,
        to=order.email,
        subject=f"Your receipt for order {order.number}",
        text=f"Thank you. You paid {order.total}.",
        tags={"order": str(order.number)},
    )
    try:
        receipt = ses.send(mail, stream="receipts")
    except OutcomeUnknownError as error:
        # Perhaps sent. A second try could be a second receipt, so this
        # job ends here; the tag is what to look for later.
        return "look into", error.tag
    except HOPELESS as error:
        stop.set()
        return "retry", str(error)
    except NotSentError as error:
        if error.retryable:
            wait_s = error.retry_after_s or 60
            return "retry", f"in {wait_s:.0f} s: {error}"
        return "park", str(error)
    return "sent", receipt.message_id


def send_receipts(ses: Client, orders: list[Order]) -> dict[str, list[int]]:
    """Send all receipts; return the order numbers by what to do."""
    stop = threading.Event()
    by_verdict: dict[str, list[int]] = defaultdict(list)
    with ThreadPoolExecutor(THREADS) as pool:
        send = partial(send_receipt, ses, stop)
        for order, (verdict, why) in zip(
            orders, pool.map(send, orders), strict=True
        ):
            log.info("%d %s: %s", order.number, verdict, why)
            by_verdict[verdict].append(order.number)
    return dict(by_verdict)


def main() -> int:
    """Send twenty receipts; return 0 if every one was sent."""
    logging.basicConfig(
        level=logging.INFO, format="%(message)s", stream=sys.stdout
    )
    orders = [
        Order(number, f"customer-{number}@example.net", "9.90 EUR")
        for number in range(1, 21)
    ]
    with Client(region=os.environ.get("AWS_REGION")) as ses:
        verdicts = send_receipts(ses, orders)
    return 0 if verdicts.keys() == {"sent"} else 1


if __name__ == "__main__":
    sys.exit(main())
