"""
Read addresses as SES does: 7-bit, one bad one fails the whole call.

The texts are from logs of SES v1 (``Missing final '@domain'`` and its kin)
and v2 (``Illegal address``, ``Invalid email address .``). Which of them v2
uses for which fault is unverified.
"""

from __future__ import annotations

import re
from email.utils import getaddresses
from typing import TYPE_CHECKING

from ._limits import SIMULATOR_DOMAIN, SIMULATOR_NAMES
from ._refused import bad

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

_PLAIN = re.compile(r"[^\x00-\x20\x7f-\uffff@<>,:;\"()\\]+@[A-Za-z0-9.-]+")
_SYNTAX = frozenset('<>,:;"()')
_CONTROL = re.compile(r"[\x00-\x20\x7f]")


def bare(entries: Iterable[str]) -> tuple[str, ...]:
    """Return the addresses in *entries* without names, groups unfolded."""
    return tuple(address for entry in entries for address in _parse(entry))


def only(entry: str) -> str:
    """Return the one address in *entry*."""
    found = _parse(entry)
    if len(found) != 1:
        raise bad("Illegal address")
    return found[0]


def is_simulator(address: str) -> bool:
    """
    Tell whether *address* is one of the mailbox simulator's five.

    Labels (``bounce+a@…``) are allowed. What SES does with another name at
    that domain is unverified: it is an ordinary recipient here.
    """
    local, _, domain = address.lower().rpartition("@")
    name = local.partition("+")[0]
    return domain == SIMULATOR_DOMAIN and name in SIMULATOR_NAMES


def covered(address: str, identities: Container[str]) -> bool:
    """Tell whether *address*, its domain or a parent domain is verified."""
    local, _, domain = address.rpartition("@")
    domain = domain.lower()
    if f"{local}@{domain}" in identities:
        return True
    labels = domain.split(".")
    return any(
        ".".join(labels[start:]) in identities for start in range(len(labels))
    )


def identity(name: str) -> str:
    """Return the form in which an identity is kept: domain in lower case."""
    local, at, domain = name.strip().rpartition("@")
    return f"{local}{at}{domain.lower()}"


def _parse(entry: str) -> list[str]:
    if _PLAIN.fullmatch(entry):
        return [entry]
    if not entry.isascii() or "\r" in entry or "\n" in entry:
        raise bad("Illegal address")
    if not entry.strip():
        raise bad(f"Invalid email address {entry}.")
    if _SYNTAX.isdisjoint(entry):
        found = [entry]  # the stdlib would drop what is odd about it
    else:
        found = [address for _, address in getaddresses([entry])]
    for address in found:
        _check(address)
    return found


def _check(address: str) -> None:
    local, at, domain = address.rpartition("@")
    if not at:
        problem = "Missing final '@domain'"
    elif not domain:
        problem = "Missing domain"
    elif not local:
        problem = "Missing local name"
    elif _CONTROL.search(domain):
        problem = "Domain contains control or whitespace"
    elif _CONTROL.search(local) and not local.startswith('"'):
        problem = "Local address contains control or whitespace"
    else:
        return
    raise bad(problem)
