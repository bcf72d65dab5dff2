"""
What a send costs on each engine beside plain boto3, and what an entry takes.

The calls of all sides are shuffled one by one. Round trips are counted by a
proxy before the engine, in a run of their own. An engine that is missing
has no row.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import tempfile
import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import pytest
from tests import engines
from tests.benchmarks import _kit, _people
from tests.benchmarks._engine_bytes import taken
from tests.benchmarks._table import Table
from tests.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SENDS: Final = 1_000
ENTRIES: Final = 100_000
FEW: Final = 100
CHUNK: Final = 500
COUNTED: Final = 20
WARM_UP: Final = 20
PLAIN: Final = "boto3, one attempt"
DYNAMODB: Final = "dynamodb"
ABSENT: Final = (pytest.skip.Exception, pytest.fail.Exception)
KEYS: Final = (", no key", ", a new key")

Sides = dict[str, "Callable[[], object]"]


def measure(*, quick: bool) -> Table:
    """Send through every engine, and see how large suppressions are."""
    sends = 40 if quick else SENDS
    entries = 1_000 if quick else ENTRIES
    with contextlib.ExitStack() as stack:
        urls = _urls(stack)
        server = stack.enter_context(_kit.server())
        trips = {name: _round_trips(server, url) for name, url in urls.items()}
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        urls = {"sqlite": f"sqlite:///{folder}/mail.db", **urls}
        sides, states = _sides(server, urls, stack)
        spent = _spent(sides, sends)
        sizes = {
            name: _bytes_each(name, urls[name], state, entries)
            for name, state in states.items()
        }
    plain = _kit.median(spent[PLAIN])
    rows: list[Sequence[str]] = [(PLAIN, f"{plain:.0f}", "", "", "", "")]
    for name in states:
        keyless, keyed = (_kit.median(spent[f"{name}{k}"]) for k in KEYS)
        rows.append(
            (
                name,
                f"{keyless:.0f}",
                f"{keyless - plain:+.0f}",
                f"{keyed - plain:+.0f}",
                trips.get(name, "0 and 0"),
                f"{sizes[name]:.0f}",
            )
        )
    return Table(
        title=f"engines: process time of a send, medians of {sends}",
        columns=(
            "side",
            "us",
            "added us",
            "with a key us",
            "round trips",
            "bytes each",
        ),
        rows=rows,
        notes=(
            "Round trips: of a send without a key, and of one with a new key.",
            f"Bytes: of each of {entries:,} suppressions, indexes too; those",
            "of DynamoDB, which is moto's, are computed by its own rule.",
        ),
    )


def _urls(stack: contextlib.ExitStack) -> dict[str, str]:
    """Start or find the engines; return the URLs of those that are there."""
    # Of a DynamoDB of this machine; no others are to be looked for.
    os.environ.setdefault("AWS_ACCESS_KEY_ID", "testing")
    os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "testing")
    found: dict[str, str] = {}
    with contextlib.suppress(*ABSENT):
        found["redis"] = stack.enter_context(engines.RedisServer()).url
    for name in ("postgresql", "mariadb"):
        with contextlib.suppress(*ABSENT):
            found[name] = stack.enter_context(engines.sql_database(name))
    with contextlib.suppress(*ABSENT):
        port = stack.enter_context(engines.dynamodb_server())
        found[DYNAMODB] = (
            f"dynamodb://mail?region={_kit.REGION}"
            f"&endpoint_url=http://{engines.HOST}:{port}"
        )
    return {
        name: engines.with_query(url, timeout_s=engines.PATIENT_S)
        for name, url in found.items()
    }


def _round_trips(server: str, url: str) -> str:
    """Return how often a send waits for the engine, without and with a key."""
    _, _, endpoint = url.partition("endpoint_url=")
    place = urlsplit(endpoint.partition("&")[0] or url)
    assert place.port is not None
    engines.open_url(url).close()
    with Proxy(place.port) as proxy:
        state = engines.open_url(proxy.url_for(url))
        client = _kit.boto3_client(server, _kit.once())
        ses = _kit.unlimited(client, state=state)
        counts = []
        for send in _senders(ses):
            send()  # what a first send asks besides
            send()
            before = proxy.round_trips
            for _ in range(COUNTED):
                send()
            counts.append((proxy.round_trips - before) / COUNTED)
        ses.close()
        state.close()
        client.close()
    return " and ".join(f"{count:g}" for count in counts)


def _sides(
    server: str, urls: dict[str, str], stack: contextlib.ExitStack
) -> tuple[Sides, dict[str, Any]]:
    """Return all that send, and the states that they are on."""
    plain = _kit.boto3_client(server, _kit.once())
    again = _kit.boto3_client(server, _kit.once())
    params = _kit.parameters()
    sides: Sides = {
        PLAIN: lambda: plain.send_email(**params),
        "A/A": lambda: again.send_email(**params),
    }
    states = {}
    for name, url in urls.items():
        state = states[name] = engines.open_url(url)
        stack.callback(state.close)
        client = _kit.boto3_client(server, _kit.once())
        ses = _kit.unlimited(client, state=state)
        stack.callback(ses.close)
        for kind, send in zip(KEYS, _senders(ses), strict=True):
            sides[f"{name}{kind}"] = send
    return sides, states


def _senders(ses: Any) -> tuple[Callable[[], object], Callable[[], object]]:
    from safeses import Email

    numbers = itertools.count()
    mail = Email(
        from_email=_kit.SENDER,
        to=_kit.RECIPIENT,
        subject="Your order",
        text=_kit.TEXT,
        html=_kit.HTML,
    )

    def keyed() -> object:
        key = f"order-{next(numbers)}"
        return ses.send(mail, idempotency_key=key)

    return (lambda: ses.send(mail)), keyed


def _spent(sides: Sides, sends: int) -> dict[str, list[float]]:
    """Call all sides in turn; return the microseconds of each call."""
    for call in sides.values():
        for _ in range(WARM_UP):
            call()
    order = [*sides.items()] * sends
    random.Random(0).shuffle(order)  # noqa: S311  # an order, no secret
    spent: dict[str, list[float]] = {name: [] for name in sides}
    for name, call in order:
        began = time.process_time_ns()
        call()
        spent[name].append((time.process_time_ns() - began) / 1_000)
    return spent


def _bytes_each(name: str, url: str, state: Any, entries: int) -> float:
    """Add suppressions; return by how much each makes the engine grow."""
    entries = FEW if name == DYNAMODB else entries
    before = taken(name, url)
    for start in range(0, entries, CHUNK):
        stop = min(start + CHUNK, entries)
        state.suppressions.add([*_people.entries(start, stop)])
    return (taken(name, url) - before) / entries
