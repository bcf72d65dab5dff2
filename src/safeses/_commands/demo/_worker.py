"""
A worker process that the demo kills with two mails on the way.

Of the first one no byte has left yet; the second one is at SES, which
withholds the answer. Whoever is not killed meanwhile ends with status 0.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from typing import TYPE_CHECKING, Any, Final

from safeses import Client, Email, SafeSESError
from safeses._commands.demo._connect import connect, session
from safeses._mail._parameters import parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# So short that whoever asks for the mail of a dead worker learns soon that
# nobody knows; a real one is 10 s.
ATTEMPT_TIMEOUT_S: Final = 0.8
_FIELDS: Final = ("from_email", "to", "subject", "text", "tags")
_HALTED: Final = "halted"


def orders(url: str, state: str, jobs: Sequence[tuple[str, Email]]) -> str:
    """
    Return what a worker is to do, as its only argument.

    Args:
        url: Where the simulator serves.
        state: The URL of the state; ``""`` is boto3 alone.
        jobs: Two of them, each an idempotency key and a mail.
    """
    mails = [
        (key, {name: getattr(mail, name) for name in _FIELDS})
        for key, mail in jobs
    ]
    return json.dumps(
        {"url": url, "state": state, "jobs": mails},
        default=dict,  # the tags are a mapping of their own
    )


def work(argument: str) -> None:
    """Do what `orders` has written down."""
    todo = json.loads(argument)
    boto3_client = connect(session(), todo["url"])
    (early_key, early), (late_key, late) = (
        (key, Email(**fields)) for key, fields in todo["jobs"]
    )
    is_halted = threading.Event()

    def halt(event_name: str, **_: Any) -> None:
        # Signed, noted in the state, and about to be written.
        if (
            threading.current_thread().name == _HALTED
            and event_name == "before-send.sesv2.SendEmail"
        ):
            is_halted.set()
            threading.Event().wait()

    boto3_client.meta.events.register_last("before-send.sesv2", halt)
    send = _sender(boto3_client, todo["state"])
    threading.Thread(
        target=send, args=(early_key, early), name=_HALTED, daemon=True
    ).start()
    is_halted.wait()
    send(late_key, late)


def _sender(boto3_client: Any, state: str) -> Callable[[str, Email], object]:
    if not state:
        return lambda _, mail: boto3_client.send_email(**parameters(mail))
    client = Client(
        boto3_client,
        state=state,
        attempt_timeout_s=ATTEMPT_TIMEOUT_S,
    )

    def send(key: str, mail: Email) -> None:
        try:
            client.send(mail, idempotency_key=key)
        except SafeSESError:
            # The state has it; nobody is here to be told.
            return

    return send


if __name__ == "__main__":
    logging.getLogger("safeses").addHandler(logging.NullHandler())
    work(sys.argv[1])
