"""
Payloads of SES, damaged in every way that chance and malice come up with.

Half of the mutations are of the mapping, half of its text; then any carrier
is put round it, or the damage is done to the carrier as well.
"""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any, Final

from tests.corpora.events_ses import CARRIERS, EVENTS, JSON_CARRIERS, SAMPLES

if TYPE_CHECKING:
    import random

_WRAPS: Final = [*CARRIERS.values(), *JSON_CARRIERS.values()]
_PAYLOADS: Final = [sample.payload for sample in SAMPLES.values()]
_EVENTS: Final = [sample.payload for sample in EVENTS.values()]
_DEEP: Final[list[Any]] = []
_at = _DEEP
for _ in range(100):
    _at.append([])
    _at = _at[0]
_VALUES: Final[list[Any]] = [
    None,
    True,
    0,
    -1,
    2**63,
    10**401,
    1.5,
    float("inf"),
    float("nan"),
    "",
    " ",
    "\x00",
    "\ud800",
    "\U0001f600",
    "ann@example.net",
    "a@" * 300,
    '"<@>" <a@b>',
    "rfc822;",
    "2026-05-04T09:08:07.123Z",
    "9999-12-31T23:59:59-23:59",
    "[" * 70,
    "{" * 2_000,
    '{"eventType":"Bounce"}',
    '"\\"\\\\\\""',
    "arn:aws:ses:::",
    [],
    {},
    [[]],
    [{}],
    [None],
    {"": ""},
    {"a": {"a": {}}},
    _DEEP,
]
_TOKENS: Final = [
    b'"',
    b"\\",
    b"\\u",
    b"\\ud800",
    b"\\u0000",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\n",
    b"\x00",
    b"\xff",
    b"\xe2\x80\xa8",
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"9" * 500,
    b"null",
    b"[" * 80,
    b'{"a":' * 80,
    b'"eventType":"Bounce",',
    b"\xef\xbb\xbf",
    b"{}",
]


def mutated(chance: random.Random) -> object:
    """Return a payload, damaged and wrapped."""
    payload = copy.deepcopy(chance.choice(_PAYLOADS))
    if chance.random() < 0.6:
        payload = _mapping(payload, chance)
    if chance.random() < 0.5:
        payload = chance.choice(_WRAPS)(payload)
    if chance.random() < 0.2:
        payload = _mapping(payload, chance)
    if chance.random() < 0.5:
        payload = _text(payload, chance)
        if chance.random() < 0.3:
            wrap = chance.choice(_WRAPS)
            payload = wrap(payload.decode("utf-8", "surrogateescape"))
    return payload


def _mapping(payload: Any, chance: random.Random) -> Any:
    if not isinstance(payload, (dict, list)):
        return payload
    payload = copy.deepcopy(payload)
    for _ in range(chance.randint(1, 3)):
        places = _places(payload)
        if not places:
            return payload
        holder, key = chance.choice(places)
        kind = chance.random()
        other = chance.choice(places)
        if isinstance(holder, dict) and key not in holder:
            continue  # an earlier change took it away
        if isinstance(holder, list) and key >= len(holder):
            continue
        if kind < 0.2:
            del holder[key]
        elif kind < 0.4 and isinstance(holder, dict):
            holder[f"{chance.choice(_VALUES)}"[:200]] = holder.pop(key)
        elif kind < 0.5:
            holder[key] = copy.deepcopy(chance.choice(_EVENTS))
        elif kind < 0.6:
            holder[key] = copy.deepcopy(other[0])
        else:
            holder[key] = copy.deepcopy(chance.choice(_VALUES))
    return payload


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Return every place of a payload: what holds it, and under what."""
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        holder = waiting.pop()
        keys = [*holder] if isinstance(holder, dict) else range(len(holder))
        for key in keys:
            found.append((holder, key))
            if isinstance(holder[key], (dict, list)):
                waiting.append(holder[key])
    return found


def _text(payload: Any, chance: random.Random) -> bytes:
    if isinstance(payload, (bytes, bytearray, memoryview)):
        data = bytes(payload)
    elif isinstance(payload, str):
        data = payload.encode("utf-8", "surrogatepass")
    else:
        data = json.dumps(payload).encode()
    for _ in range(chance.randint(1, 3)):
        kind = chance.random()
        at = chance.randint(0, len(data))
        to = min(len(data), at + chance.randint(0, 40))
        if kind < 0.2:
            data = data[:at] + data[to:]
        elif kind < 0.3:
            data = data[:at]
        elif kind < 0.5:
            data = data[:to] + data[at:to] * chance.randint(1, 5) + data[to:]
        elif kind < 0.6 and data:
            at = min(at, len(data) - 1)
            data = data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
        else:
            data = data[:at] + chance.choice(_TOKENS) + data[at:]
    return data
