"""
A parent sends once, then its children do: whose answers do they get?

Arguments: ``boto3`` or ``safeses``, the server's URL, sends of each child.
Prints how many answers named their own mail, another one's, and how many
calls raised.
"""

from __future__ import annotations

import os
import sys
import threading
import warnings
from collections import Counter
from typing import TYPE_CHECKING, Final

from tests.benchmarks import _kit

if TYPE_CHECKING:
    from collections.abc import Callable

CHILDREN: Final = 4
READ_TIMEOUT_S: Final = 5
OUTCOMES: Final = ("own", "another's", "raised")


def main() -> None:
    """Fork and count."""
    # The children of this program are meant to have locks and threads.
    warnings.simplefilter("ignore")
    side, url, sends = sys.argv[1], sys.argv[2], int(sys.argv[3])
    client = _kit.boto3_client(url, _kit.once(), read_timeout=READ_TIMEOUT_S)
    send = client.send_email
    if side == "safeses":
        send = _kit.unlimited(client).send_email
    send(**_kit.parameters("the parent's"))
    pipes = [_child(number, sends, send) for number in range(CHILDREN)]
    total: Counter[str] = Counter()
    for pipe in pipes:
        with os.fdopen(pipe) as counts:
            found = counts.read().split()
        total.update(
            dict(zip(OUTCOMES, map(int, found), strict=True))
            if found
            else {"raised": sends}
        )
    print(*(total[name] for name in OUTCOMES))


def _child(
    number: int, sends: int, send: Callable[..., dict[str, str]]
) -> int:
    """Fork a child that sends; return where it writes its counts."""
    here, there = os.pipe()
    if os.fork():
        os.close(there)
        return here
    try:
        # An answer that a sibling took never comes.
        threading.Timer(60, os._exit, (1,)).start()
        seen: Counter[str] = Counter()
        for mail in range(sends):
            subject = f"{number}-{mail}"
            try:
                answer = send(**_kit.parameters(subject))
            except Exception:  # noqa: BLE001  # whatever a side raises
                seen["raised"] += 1
                continue
            own = answer.get("MessageId") == subject
            seen["own" if own else "another's"] += 1
        counts = " ".join(str(seen[name]) for name in OUTCOMES)
        os.write(there, counts.encode())
    finally:
        os._exit(0)


if __name__ == "__main__":
    main()
