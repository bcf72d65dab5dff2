"""
A web server that takes the posts of SNS, on the standard library alone.

Any WSGI server runs `application`. To try it, start it and post something
to it; what is not signed by SNS is refused::

    MAIL_EVENTS_TOPIC=arn:aws:sns:eu-west-1:111122223333:mail-events \
    python receive_webhook.py &
    curl -i --data '{}' http://127.0.0.1:8000/mail-events

It needs the extra ``sns``: ``pip install "safeses[sns]"``.
"""

from __future__ import annotations

import logging
import os
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import make_server

from safeses import Client
from safeses.events import Bounce, Complaint
from safeses.feedback import Receiver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

log = logging.getLogger("shop")

PATH = "/mail-events"
MAX_BYTES = 512 * 1024

ses = Client(
    region=os.environ.get("AWS_REGION"),
    state=os.environ.get("SAFESES_STATE", "sqlite:///mail.db"),
)
receiver = Receiver(
    ses,
    [os.environ["MAIL_EVENTS_TOPIC"]],
    secret=os.environ.get("MAIL_EVENTS_SECRET"),
    confirm=True,
)


@ses.on(Bounce, name="log")
def log_bounce(event: Bounce) -> None:
    """Say which order did not arrive; the address is suppressed by now."""
    orders = event.mail.tags.get("order", ())
    log.warning("%s bounced (%s)", ", ".join(orders), event.sub_type)


@ses.on(Complaint, name="log")
def log_complaint(event: Complaint) -> None:
    """Say that somebody complained."""
    log.warning("a complaint about %s", event.mail.message_id)


def application(
    environ: dict[str, Any], start_response: Callable[..., object]
) -> Iterable[bytes]:
    """Take the posts of SNS; any WSGI server calls this."""
    if environ["REQUEST_METHOD"] != "POST" or environ["PATH_INFO"] != PATH:
        start_response("404 Not Found", [])
        return [b""]
    # Read one byte more than is allowed, so that too much shows.
    length = min(int(environ.get("CONTENT_LENGTH") or 0), MAX_BYTES + 1)
    headers = {
        name.removeprefix("HTTP_").replace("_", "-"): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    reply = receiver.receive_http(headers, environ["wsgi.input"].read(length))
    status = HTTPStatus(reply.status)
    start_response(
        f"{status.value} {status.phrase}", list(reply.headers.items())
    )
    return [reply.body.encode()]


def main() -> None:
    """Serve on loopback, until somebody stops it."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    port = int(os.environ.get("PORT", "8000"))
    with make_server("127.0.0.1", port, application) as server:
        log.info("http://127.0.0.1:%d%s", server.server_port, PATH)
        server.serve_forever()


if __name__ == "__main__":
    main()
