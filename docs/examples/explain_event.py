"""
Say what safeses would do about events, and do nothing.

For the week before you switch over, or for one bounce that surprises. It
reads events from its input, in any of their forms::

    python explain_event.py sqlite:///mail.db < events.jsonl
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from safeses import Client
from safeses.errors import InvalidEventError
from safeses.events import parse
from safeses.feedback import Receiver

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

log = logging.getLogger("explain")


def explain(receiver: Receiver, lines: Iterable[str]) -> Iterator[str]:
    """Return what would be done about the events of each line, and why."""
    for line in lines:
        try:
            events = parse(line)
        except InvalidEventError as error:
            yield f"no event: {error}"
            continue
        for event in events:
            # The text of an act shows no address.
            for act in receiver.explain(event):
                what = type(act).__name__
                yield f"{type(event).__name__}: {what}, as {act.why}"


if __name__ == "__main__":
    logging.basicConfig(
        level=logging.INFO, format="%(message)s", stream=sys.stdout
    )
    with Client(state=sys.argv[1]) as client:
        for text in explain(Receiver(client), sys.stdin):
            log.info("%s", text)
