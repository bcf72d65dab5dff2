"""
Who sends it, and who gets it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from safeses import _ses
from safeses._mail import _address
from safeses._rules import people, shape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from safeses._findings import Finding


def check_count(recipients: int) -> Finding | None:
    """Check that somebody gets it, and that SES takes so many."""
    if not recipients:
        return people.RECIPIENTS_NONE.found("Destination", "none")
    if recipients > _ses.MAX_RECIPIENTS:
        return people.RECIPIENTS_COUNT.found("Destination", recipients)
    return None


def check_addresses(
    field: str, addresses: Iterable[object]
) -> Iterator[Finding]:
    """Check the addresses of one list; a finding says which one it is."""
    for number, address in enumerate(addresses):
        if isinstance(address, str) and _address.is_plain(address):
            continue
        found = check_address(f"{field}[{number}]", address)
        if found is not None:
            yield found


def check_address(field: str, address: object) -> Finding | None:
    """
    Check one address, already in 7-bit form.

    Returns:
        What is wrong with it, else what is doubtful, as a warning.
    """
    if not isinstance(address, str):
        return shape.wrong_type(field, "a string", address)
    seen = _address.problem(address) or _address.doubt(address)
    if seen is None:
        return None
    return seen.rule.found(
        field, seen.seen, limit=seen.limit, remedy=seen.remedy
    )


def check_sender(sender: object) -> Finding | None:
    """Check that somebody sends it, and the address, in 7-bit form."""
    if sender is None or sender == "":
        return people.SENDER_NONE.found("FromEmailAddress", "none")
    if isinstance(sender, str):
        return _check_known_sender(sender)
    return check_address("FromEmailAddress", sender)


@lru_cache(maxsize=64)
def _check_known_sender(sender: str) -> Finding | None:
    # An application has few senders, each with a name, and all its mail
    # comes from them.
    return check_address("FromEmailAddress", sender)
