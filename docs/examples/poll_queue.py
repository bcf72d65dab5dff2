"""
A worker that reads the events of SES from a queue, with hooks of its own.

Start it under a supervisor, see docs/poller.md; or try it::

    AWS_REGION=eu-west-1 python poll_queue.py QUEUE_URL

SIGTERM ends it: what is in hand is finished, the rest given back.
"""

from __future__ import annotations

import logging
import os
import sys

from safeses import Client
from safeses.events import Bounce, RenderingFailure, SendingStatus
from safeses.feedback import Receiver, SQSPoller

log = logging.getLogger("shop")


def register(ses: Client) -> None:
    """Register the hooks: wherever the client is made, so all have them."""

    @ses.on(Bounce, name="tell the customer's account")
    def tell(event: Bounce) -> None:
        # May run twice for one event, so it sets, and does not count.
        for order in event.mail.tags.get("order", ()):
            log.info("order %s: mail bounced (%s)", order, event.type)

    @ses.on(RenderingFailure, name="tell the developers")
    def broken(event: RenderingFailure) -> None:
        log.warning("the template %s fails", event.template)

    @ses.on(SendingStatus, name="wake somebody")
    def stopped(event: SendingStatus) -> None:
        if not event.enabled:
            log.warning("SES does not send any more: %s", event.resources)


def main(queue_url: str, wait_s: int = 20) -> int:
    """Poll until somebody stops it."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    state = os.environ.get("SAFESES_STATE", "sqlite:///mail.db")
    with Client(region=os.environ.get("AWS_REGION"), state=state) as ses:
        register(ses)
        poller = SQSPoller(
            queue_url,
            Receiver(ses),
            threads=2,
            wait_s=wait_s,
            heartbeat_file=os.environ.get("HEARTBEAT"),
        )
        poller.run()  # until SIGTERM or SIGINT
        log.info("%s", poller.counts)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
