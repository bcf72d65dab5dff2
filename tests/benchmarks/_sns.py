"""
Verified messages of SNS, beside the bare RSA check of the same key.

The certificate is at hand, as it is for all messages but the first of a
process. All sides check the same message, a bounce of ordinary size; what
is between them is what else there is to look at.
"""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from tests import sns_authority as sns
from tests.benchmarks import _kit
from tests.benchmarks._table import Table

from safeses.errors import UnverifiedEventError
from safeses.feedback._sns import SNSVerifier
from safeses.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable

CALLS: Final = 4_000
BLOCK: Final = 40
_HASHES: Final = {
    "1": hashes.SHA1(),  # noqa: S303  # what SNS signs with
    "2": hashes.SHA256(),
}
MESSAGE: Final = json.dumps(
    {
        "eventType": "Bounce",
        "mail": {
            "messageId": "0100018c-0000",
            "destination": [_kit.RECIPIENT],
            "headers": [{"name": "X-Name", "value": "x" * 40}] * 20,
        },
        "bounce": {"bounceType": "Permanent", "bounceSubType": "General"},
    }
)


def measure(*, quick: bool) -> Table:
    """Verify a message of each version, and refuse a forged one."""
    calls = 80 if quick else CALLS
    rows = []
    for version, algorithm in _HASHES.items():
        sides = _sides(version, algorithm)
        spent = _in_turn(sides, calls)
        bare = _kit.median(spent["bare RSA"])
        for name, times in spent.items():
            median = _kit.median(times)
            rows.append(
                (
                    f"version {version}: {name}",
                    f"{median:.1f}",
                    f"{1e6 / median:,.0f}",
                    f"{median / bare:.2f}",
                )
            )
    return Table(
        title=f"sns: process time, medians of {calls} each",
        columns=("side", "us", "per s", "times bare"),
        rows=rows,
        notes=(
            f"A message of {len(MESSAGE):,} characters, a key of 2,048 bits,",
            "the certificate at hand. Foreign topic: refused unseen.",
        ),
    )


def _sides(version: str, algorithm: Any) -> dict[str, Callable[[], object]]:
    verifier = SNSVerifier([sns.TOPIC], loader=sns.Loader(), clock=FakeClock())
    envelope = sns.notification(version, Message=MESSAGE)
    foreign = {**envelope, "TopicArn": f"{sns.TOPIC}-of-others"}
    data = sns.lines(envelope)
    signature = base64.b64decode(envelope["Signature"])
    key = sns.rsa_key().public_key()
    scheme = padding.PKCS1v15()

    def refuse() -> None:
        try:
            verifier.verify(foreign)
        except UnverifiedEventError:
            return
        raise AssertionError

    return {
        "bare RSA": lambda: key.verify(signature, data, scheme, algorithm),
        "SNSVerifier": lambda: verifier.verify(envelope),
        "foreign topic": refuse,
    }


def _in_turn(
    sides: dict[str, Callable[[], object]], calls: int
) -> dict[str, list[float]]:
    """Call each side in blocks, in turn; return microseconds per call."""
    spent: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(calls // BLOCK):
        for name, call in sides.items():
            call()
            began = time.process_time_ns()
            for _ in range(BLOCK):
                call()
            took = time.process_time_ns() - began
            spent[name].append(took / 1_000 / BLOCK)
    return spent


if __name__ == "__main__":
    measure(quick=False).show()
