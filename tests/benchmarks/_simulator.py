"""
SimulatedSES in a process of its own: it prints its URL, then a report.

Argument: the account's settings as JSON. The report is made when the
standard input ends, one JSON object on a line.
"""

from __future__ import annotations

import json
import sys

from safeses.testing import SimulatedSES


def main() -> None:
    """Serve until the standard input ends."""
    ses = SimulatedSES(**json.loads(sys.argv[1]))
    with ses.serve() as url:
        print(url, flush=True)
        sys.stdin.read()
    report = {
        "accepted_at": [
            mail.at.timestamp() for mail in ses.sent for _ in mail.recipients
        ],
        "subjects": [mail.subject for mail in ses.sent],
        "throttled": ses.throttled,
    }
    print(json.dumps(report), flush=True)


if __name__ == "__main__":
    main()
