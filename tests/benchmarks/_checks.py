"""
CPU time of validation and screening, beside what others do for less.

Each side is called in a row, and then all of them shuffled one by one, as a
process that does other things between two sends. The list of suppressions has
many entries, none of them among the recipients.
"""

from __future__ import annotations

import random
import time
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any, Final

from tests.benchmarks import _kit
from tests.benchmarks._table import Table

if TYPE_CHECKING:
    from collections.abc import Callable

CALLS: Final = 4_000
ENTRIES: Final = 100_000
WARM_UP: Final = 20
BLOCK: Final = 40
CHUNK: Final = 1_000


def measure(*, quick: bool) -> Table:
    """Check and screen messages of every kind."""
    calls = 40 if quick else CALLS
    sides = _sides(1_000 if quick else ENTRIES)
    warm = _in_a_row(sides, calls)
    order = list(sides.items()) * calls
    random.Random(0).shuffle(order)  # noqa: S311  # an order, no secret
    taken = _spent([call for _, call in order])
    mixed: dict[str, list[float]] = {name: [] for name in sides}
    for (name, _), spent in zip(order, taken, strict=True):
        mixed[name].append(spent)
    return Table(
        title=f"checks: process time, medians of {calls} each",
        columns=("side", "in a row us", "in turn us"),
        rows=[
            (
                name,
                f"{_kit.median(warm[name]):.1f}",
                f"{_kit.median(times):.1f}",
            )
            for name, times in mixed.items()
        ],
        notes=(
            "All rules, envelope, tag, then a look-up of every recipient",
            f"among {ENTRIES:,} suppressions in memory. In a row: the same",
            "mail again and again; in turn: all sides shuffled one by one.",
        ),
    )


def _in_a_row(
    sides: dict[str, Callable[[], object]], calls: int
) -> dict[str, list[float]]:
    """Call each side some times in a row, round by round."""
    warm: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(calls // BLOCK):
        for name, call in sides.items():
            warm[name] += _spent([call] * BLOCK)
    return warm


def _spent(calls: list[Callable[[], object]]) -> list[float]:
    """Make each call and return the microseconds of each."""
    for call in calls[:WARM_UP]:
        call()
    spent = []
    for call in calls:
        began = time.process_time_ns()
        call()
        spent.append((time.process_time_ns() - began) / 1000)
    return spent


def _sides(entries: int) -> dict[str, Callable[[], object]]:
    from email_validator import validate_email

    from safeses import Suppression
    from safeses._request import request
    from safeses.suppression import MemorySuppressionStore

    store = MemorySuppressionStore()
    for start in range(0, entries, CHUNK):
        store.add(
            [
                Suppression(address=f"gone{number}@c.example")
                for number in range(start, start + CHUNK)
            ]
        )

    def check(params: dict[str, Any]) -> Callable[[], object]:
        def act() -> object:
            ready = request(params, tag="t" * 49, scope="s", per_second=50.0)
            return store.find(ready.recipients, stream="news")

        return act

    def validate(addresses: list[str]) -> Callable[[], object]:
        def act() -> None:
            for address in addresses:
                validate_email(
                    address, check_deliverability=False, test_environment=True
                )

        return act

    one, fifty = _addresses(1), _addresses(50)
    return {
        "one recipient": check(_simple(one)),
        "one recipient, 2 headers, 2 tags": check(_with_extras(one)),
        "50 recipients": check(_simple(fifty)),
        "raw, 2 kB of text": check(_raw(one, 0)),
        "raw, with 100 kB attached": check(_raw(one, 100_000)),
        "email-validator alone, one address": validate(one),
        "email-validator alone, 50 addresses": validate(fifty),
    }


def _addresses(count: int) -> list[str]:
    return [f"user{number}@host{number}.example" for number in range(count)]


def _simple(addresses: list[str]) -> dict[str, Any]:
    return {
        **_kit.parameters(),
        "Destination": {"ToAddresses": addresses},
    }


def _with_extras(addresses: list[str]) -> dict[str, Any]:
    params = _simple(addresses)
    content = params["Content"]["Simple"]
    headers = [
        {"Name": "X-Order", "Value": "4711"},
        {"Name": "X-Shop", "Value": "north"},
    ]
    return {
        **params,
        "Content": {"Simple": {**content, "Headers": headers}},
        "EmailTags": [
            {"Name": "shop", "Value": "north"},
            {"Name": "kind", "Value": "order"},
        ],
    }


def _raw(addresses: list[str], attached: int) -> dict[str, Any]:
    message = EmailMessage()
    message["From"] = _kit.SENDER
    message["To"] = ", ".join(addresses)
    message["Subject"] = "Your order"
    message.set_content("Thank you. It ships tomorrow.\n" * 66)
    if attached:
        message.add_attachment(
            bytes(attached),
            maintype="application",
            subtype="pdf",
            filename="a.pdf",
        )
    return {"Content": {"Raw": {"Data": message.as_bytes()}}}
