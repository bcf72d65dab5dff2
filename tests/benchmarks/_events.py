"""
CPU time of reading events, beside `json.loads` of the same bytes.

An envelope of SNS holds an event as text: whoever wants the event decodes
both. So it stands beside one decoding and beside two.
"""

from __future__ import annotations

import copy
import json
import time
from typing import TYPE_CHECKING, Any, Final

from tests.benchmarks import _kit
from tests.benchmarks._table import Table
from tests.corpora.events_ses import SAMPLES, TAG, bridge, sns, sqs, utf8

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS: Final = 200
BLOCK: Final = 100
LINES: Final = 100


def measure(*, quick: bool) -> Table:
    """Read events of ordinary size from each carrier."""
    rounds = 3 if quick else ROUNDS
    rows = []
    sides = _sides()
    for name, (data, decode) in sides.items():
        block = max(1, BLOCK * len(sides["event"][0]) // len(data))
        read, loads = _medians(data, decode, rounds, block)
        rows.append(
            (
                name,
                f"{len(data):,}",
                f"{loads:.1f}",
                f"{read:.1f}",
                f"{read / loads:.2f}",
            )
        )
    return Table(
        title=f"events: process time, medians of {rounds} blocks",
        columns=("side", "bytes", "json.loads us", "parse us", "ratio"),
        rows=rows,
        notes=(
            "A bounce with 12 headers and 7 tags. Beside the decoding, parse",
            "checks the JSON, makes the values, and hashes what happened.",
        ),
    )


def _medians(
    data: bytes,
    decode: Callable[[bytes], object],
    rounds: int,
    block: int,
) -> tuple[float, float]:
    """Return microseconds of `parse` and of *decode*, in turns."""
    from safeses.events import parse

    taken: dict[Callable[[bytes], object], list[float]] = {
        parse: [],
        decode: [],
    }
    for _ in range(rounds):
        for call, times in taken.items():
            began = time.process_time_ns()
            for _ in range(block):
                call(data)
            times.append((time.process_time_ns() - began) / 1000 / block)
    return _kit.median(taken[parse]), _kit.median(taken[decode])


def _sides() -> dict[str, tuple[bytes, Callable[[bytes], object]]]:
    event = _bounce()
    return {
        "event": (utf8(event), json.loads),
        "small event": (
            utf8(SAMPLES["event: Bounce"].payload),
            json.loads,
        ),
        "EventBridge": (utf8(bridge(event)), json.loads),
        "SNS beside 1 decoding": (utf8(sns(event)), json.loads),
        "SNS beside 2": (utf8(sns(event)), _twice("Message")),
        "SQS of SNS beside 3": (
            utf8(sqs(sns(event))),
            _twice("Body", "Message"),
        ),
        f"{LINES} lines of Firehose": (
            (utf8(event) + b"\n") * LINES,
            lambda data: [json.loads(line) for line in data.splitlines()],
        ),
    }


def _twice(*names: str) -> Callable[[bytes], object]:
    def decode(data: bytes) -> object:
        value = json.loads(data)
        for name in names:
            value = json.loads(value[name])
        return value

    return decode


def _bounce() -> dict[str, Any]:
    event: dict[str, Any] = copy.deepcopy(SAMPLES["event: Bounce"].payload)
    mail = event["mail"]
    mail |= {
        "sourceArn": "arn:aws:ses:eu-west-1:111122223333:identity/example.com",
        "sendingAccountId": "111122223333",
        "messageId": "0102018f0000aaaa-00112233-4455-6677-8899-000000000000",
        "headersTruncated": False,
        "commonHeaders": {
            "from": ["Shop <shop@example.com>"],
            "to": ["gone@example.net"],
            "date": "Mon, 4 May 2026 09:08:07 +0000",
            "messageId": "0102018f0000aaaa",
            "subject": "Your order",
        },
        "tags": {
            "ses:operation": ["SendEmail"],
            "ses:configuration-set": ["main"],
            "ses:source-ip": ["192.0.2.5"],
            "ses:from-domain": ["example.com"],
            "ses:caller-identity": ["app-user"],
            "safeses-id": [TAG],
            "safeses-stream": ["orders"],
        },
        "headers": [
            {"name": name, "value": value}
            for name, value in (
                ("From", "Shop <shop@example.com>"),
                ("To", "gone@example.net"),
                ("Subject", "Your order"),
                ("Date", "Mon, 4 May 2026 09:08:07 +0000"),
                ("MIME-Version", "1.0"),
                ("Content-Type", 'multipart/alternative; boundary="x=_1"'),
                ("Reply-To", "help@example.com"),
                ("List-Unsubscribe", "<https://example.com/u/0123456789>"),
                ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
                ("X-Safeses-Id", TAG),
                ("X-Mailer", "Shop 1.0"),
                ("Message-ID", "<0123456789@example.com>"),
            )
        ],
    }
    return event
